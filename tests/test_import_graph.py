"""What imports what: the order of the stages, and the weight of the runtime and of a scan."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "distilgen"

# Each may import those before it, and nothing behind it.
ORDER = (
    "errors", "agreement", "texts", "sides", "source", "strict", "strict_values", "contract",
    "schemas", "signature", "docstrings", "inputs", "tool", "freeze", "lock", "rewrite", "records",
    "rows", "embedded", "runtime", "dataset", "training", "evaluation", "collection", "servers",
    "config", "project", "cli",
)  # fmt: skip
HEAVY = ("docstring_parser", "libcst", "jinja2", "pydantic", "openai", "rich")


def _imports(path: Path) -> set[str]:
    """The parts of distilgen that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("distilgen.")}
    return found


@pytest.mark.parametrize("part", ORDER)
def test_nothing_imports_rightwards(part: str) -> None:
    folder = PACKAGE / part
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    assert files
    allowed = set(ORDER[: ORDER.index(part) + 1]) | {"__version__"}
    wrong = {str(f.relative_to(PACKAGE)): _imports(f) - allowed for f in files}
    assert not {name: found for name, found in wrong.items() if found}


def test_every_module_has_its_place() -> None:
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__main__", "__pycache__", "templates"} == set(ORDER)


def _loaded(code: str) -> set[str]:
    """The heavy packages that are loaded after some code ran in a fresh interpreter."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return set(json.loads(done.stdout)) & set(HEAVY)


# Of a project with a candidate, whose base class is looked up in the source of pydantic.
_SCAN = """
import contextlib, io, pathlib, tempfile
from distilgen import cli
with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()) as out:
    pathlib.Path(name, "pyproject.toml").touch()
    text = "from pydantic import BaseModel\\nclass A(BaseModel):\\n    a: int\\ndef f() -> A: ..."
    pathlib.Path(name, "app.py").write_text(text)
    for _ in range(2):
        assert cli.run(["scan", "--project", name]) == 0
assert out.getvalue().count("1 candidate") == 2
"""


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        pytest.param("import distilgen", set(), id="the package"),
        pytest.param("import distilgen.contract", set(), id="contracts"),
        pytest.param("import distilgen.runtime", set(), id="the runtime, before the first call"),
        pytest.param("import distilgen.runtime.recorder", {"pydantic"}, id="recording"),
        pytest.param("import distilgen.runtime.student", {"pydantic"}, id="dispatching"),
        pytest.param(
            "import distilgen.source.functions, distilgen.source.resolve, distilgen.source.schema",
            set(),
            id="analysis",
        ),
        pytest.param(
            "import distilgen.rewrite.marks, distilgen.rewrite.contracts_file", set(), id="marks"
        ),
        pytest.param("import distilgen.cli", set(), id="the command line"),
        pytest.param(_SCAN, set(), id="a scan, cold and warm"),
    ],
)
def test_heavy_packages_are_imported_where_they_are_needed(code: str, heavy: set[str]) -> None:
    assert _loaded(code) <= heavy
