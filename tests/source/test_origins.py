"""Which statements of a project a type depends on, and whether those are all that run for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from distilgen.source import files
from distilgen.source.origins import Origins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Write = Callable[[Mapping[str, str | bytes]], Path]

HEAD = "from pydantic import BaseModel\n"

# What a worker executes for the types of a function, and what its packages are asked for.
_EXECUTED = """
import json, os, sys
from pathlib import Path
from distilgen.source import ondemand, worker
ran, run = [], ondemand._Maker._execute
def execute(self, statement, name):
    ran.append(f"{self._module.__name__}:{name}")
    return run(self, statement, name)
ondemand._Maker._execute = execute
import pydantic.fields
root = Path(sys.argv[1])
finder = ondemand.Finder([root])
sys.meta_path = [finder, *sys.meta_path, ondemand.Last(finder)]
request = {"module": "app", "path": str(root / "app.py"), "annotation": sys.argv[2],
           "classes": [], "many": False, "parameters": {}}
worker.Evaluator(finder).answer(request)
print(json.dumps(ran))
"""

ROWS: dict[str, tuple[dict[str, str], set[str]]] = {
    "a model": ({"app.py": HEAD + "class M(BaseModel): x: int"}, {"app:M"}),
    "imported": (
        {"app.py": "from a import M", "a.py": HEAD + "class M(BaseModel): x: int"},
        {"a:M"},
    ),
    "under another name": (
        {"app.py": "from a import N as M", "a.py": HEAD + "class N(BaseModel): x: int"},
        {"app:import", "a:N"},
    ),
    "bases and fields": (
        {"app.py": HEAD + "class A(BaseModel): ...\nclass B: ...\nclass C(BaseModel): ...\n"
                   "class M(A):\n x: list[C]"},
        {"app:M", "app:A", "app:C"},
    ),
    "in quotes": (
        {"app.py": HEAD + "class A(BaseModel): ...\nclass M(BaseModel):\n x: 'list[A] | None'"},
        {"app:M", "app:A"},
    ),
    "a circle": (
        {"app.py": HEAD + "class A(BaseModel):\n m: 'M'\nclass M(BaseModel):\n a: A"},
        {"app:M", "app:A"},
    ),
    "a circle of modules": (
        {
            "app.py": HEAD + "import b\nclass M(BaseModel):\n x: 'b.B'",
            "b.py": HEAD + "import app\nclass B(BaseModel):\n m: 'app.M | None'",
        },
        {"app:M", "b:B"},
    ),
    "through a package": (
        {
            "app.py": "import p.q\nM = p.q.r.M",
            "p/__init__.py": "",
            "p/q/__init__.py": "from . import r",
            "p/q/r.py": HEAD + "from ..s import *\nclass M(BaseModel):\n x: N",
            "p/s.py": "N = int",
        },
        {"app:M", "p.q.r:M", "p.q.r:*", "p.s:N"},
    ),
    "what a package exports": (
        {
            "app.py": "from p import M",
            "p/__init__.py": "from .a import M",
            "p/a.py": HEAD + "class M(BaseModel): x: int",
        },
        {"p.a:M"},
    ),
    "made when asked for": (
        {
            "app.py": "from p import M",
            "p/__init__.py": "import importlib\nT = {'M': '.a'}\ndef __getattr__(name):\n"
                             " return getattr(importlib.import_module(T[name], __name__), name)",
            "p/a.py": HEAD + "class M(BaseModel): x: int",
        },
        {"p:T", "p:__getattr__", "p.a:M"},
    ),
    "an outsider that another module has": (
        {
            "app.py": HEAD + "from a import D\nclass M(BaseModel):\n x: D",
            "a.py": "from decimal import Decimal as D",
        },
        {"app:M", "a:D"},
    ),
    "a function that is called": (
        {"app.py": HEAD + "N = 1\ndef f():\n return N\nclass M(BaseModel):\n x: int = f()"},
        {"app:M", "app:f", "app:N"},
    ),
    "a function that is kept for later": (
        {"app.py": HEAD + "from typing import Annotated\nfrom pydantic import AfterValidator\n"
                   "def g(): ...\ndef f(v):\n return g()\n"
                   "class M(BaseModel):\n x: Annotated[int, AfterValidator(f)]"},
        {"app:M", "app:f"},
    ),
    "a branch": (
        {"app.py": HEAD + "import sys\nif sys.platform:\n N = int\nelse:\n N = str\n"
                   "class M(BaseModel):\n x: N"},
        {"app:M", "app:N"},
    ),
    "an attempt": (
        {"app.py": HEAD + "try:\n from gone import N\nexcept ImportError:\n N = int\n"
                   "class M(BaseModel):\n x: N"},
        {"app:M", "app:N"},
    ),
    "for type checkers": (
        {"app.py": HEAD + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from a import N\n"
                   "class M(BaseModel):\n x: 'N'", "a.py": HEAD + "class N(BaseModel): ..."},
        {"app:M", "a:N"},
    ),
    "a registry": (
        {"app.py": HEAD + "ALL = {}\ndef add(c):\n ALL[c.__name__] = c\n return c\n"
                   "@add\nclass A(BaseModel): ...\nfrom pydantic import create_model\n"
                   "M = create_model('M', a=(ALL['A'], ...))"},
        {"app:M", "app:ALL", "app:add", "app:A"},
    ),
    "completed later": (
        {"app.py": HEAD + "class M(BaseModel):\n x: 'N'\nN = int\nM.model_rebuild()"},
        {"app:M", "app:N"},
    ),
}  # fmt: skip


def _sources(root: Path, name: str = "app", annotation: str = "M") -> dict[str, str]:
    found = Origins([root]).of(name, root / f"{name}.py", [annotation], ())
    return found.digests


@pytest.mark.parametrize(("tree", "names"), ROWS.values(), ids=ROWS)
def test_names(write_tree: Write, tree: dict[str, str], names: set[str]) -> None:
    assert set(_sources(write_tree(tree))) == names


@pytest.mark.parametrize("tree", [tree for tree, _ in ROWS.values()], ids=ROWS)
def test_all_that_is_executed_counts(write_tree: Write, tree: dict[str, str]) -> None:
    """Change a statement that runs, and the sources are others."""
    root = write_tree(tree)
    command = [sys.executable, "-c", _EXECUTED, str(root), "M"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    before = _sources(root)
    for name in dict.fromkeys(json.loads(done.stdout)):
        module, _, bound = name.partition(":")
        path = root / f"{module.replace('.', '/')}.py"
        path = path if path.exists() else path.with_suffix("") / "__init__.py"
        kept = path.read_bytes()
        # Bound once more, it is what it was; the statements that bind it are not.
        path.write_bytes(kept + f"\n{bound} = {bound}\n".encode())
        assert _sources(root) != before, name
        path.write_bytes(kept)


def test_a_file_that_has_been_read(write_tree: Write) -> None:
    root = write_tree({"app.py": HEAD + "class M(BaseModel): ..."})
    path = root / "app.py"
    source = files.read(path)
    expected = _sources(root)
    path.write_text("")
    assert Origins([root]).of("app", path, ["M"], (), source).digests == expected


def test_packages(write_tree: Write) -> None:
    root = write_tree({
        "app.py": "import gone.deep\nfrom also_gone import A as B\nimport os, unused\n"
                  "from shop.not_there import C\nM = list[gone.deep.X] | B | os.PathLike | C",
        "shop/__init__.py": "",
    })  # fmt: skip
    found = Origins([root]).of("app", root / "app.py", ["M"], ())
    assert found.packages == {"gone", "also_gone"}


def test_a_name_that_hides_a_builtin_or_what_a_star_brings(write_tree: Write) -> None:
    text = HEAD + "from a import *\nclass M(BaseModel):\n x: int\n y: N"
    root = write_tree({"app.py": text, "a.py": "N = int"})
    assert set(_sources(root)) == {"app:M", "app:*", "a:N"}
    for line in ("int = str", "N = str"):
        (root / "app.py").write_text(f"{text}\n{line}\n")
        assert f"app:{line[:-6]}" in _sources(root)


def test_the_class_around_a_function(write_tree: Write) -> None:
    root = write_tree({"app.py": HEAD + "class A:\n class M(BaseModel): ...\n def f(self): ..."})
    origins = Origins([root])
    assert set(origins.of("app", root / "app.py", ["M"], ("A",)).digests) == {"app:A"}
    assert origins.of("app", root / "app.py", ["int"], ("A",)).digests == {}


def test_a_script_and_what_stands_beside_it(write_tree: Write) -> None:
    tree = {"tools/app.py": "from a import M", "tools/a.py": HEAD + "class M(BaseModel): ..."}
    root = write_tree(tree)
    found = Origins([root]).of("app", root / "tools/app.py", ["M"], ())
    assert set(found.digests) == {"a:M"}


def test_one_after_the_other_or_alone(write_tree: Write) -> None:
    text = "class A(BaseModel): ...\nclass B(BaseModel):\n a: A\nclass C(BaseModel):\n b: B"
    root = write_tree({"app.py": HEAD + text})
    origins = Origins([root])
    for name in ("C", "A", "B", "C"):
        found = origins.of("app", root / "app.py", [name], ()).digests
        assert found == _sources(root, annotation=name)
