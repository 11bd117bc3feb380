"""Files that are big or deep beyond reason: found, or told about, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Write = Callable[[Mapping[str, str | bytes]], Path]

_SECONDS = 120  # none of them takes more than a few
_MEMORY = 400  # MB

_HEAD = "from pydantic import BaseModel\n\n\nclass Item(BaseModel):\n    name: str\n\n\n"
_APP = "from data import Item, data\n\n\ndef f(a) -> Item: ...\n"

_SCAN = """
import pathlib, resource, sys
from distilgen import cli
code = cli.run(["scan", "--format", "json"])
status = pathlib.Path("/proc/self/status")
if status.exists():  # what Linux says of the process includes its parent's memory
    peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak // (1024 * 1024), file=sys.stderr)
sys.exit(code)
"""


def _scan(folder: Path) -> tuple[list[Any], int, list[Any]]:
    """(functions, peak memory in MB, problems)."""
    done = subprocess.run(
        [sys.executable, "-c", _SCAN],
        cwd=folder,
        capture_output=True,
        timeout=_SECONDS,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 123), done.stderr[-2000:]
    said = json.loads(done.stdout)
    return said["functions"], int(done.stderr.split()[-1]), said["problems"]


def _numbers() -> str:
    return f"data = [{', '.join(map(str, range(1_300_000)))}]\n"


def _lines() -> str:
    rows = "".join(f'    "key {n}": ("value", {n}, [1, 2, 3]),\n' for n in range(100_000))
    return f"data = {{\n{rows}}}\n"


def _annotated() -> str:
    rows = "".join(f'    "key {n}": [{n}],  # it\'s {n}\n' for n in range(100_000))
    return f"data: dict[str, list[int]] = {{\n{rows}}}\n"


def _text() -> str:
    return f'data = "{"abcdefgh " * 1_100_000}"\n'


def _long_text() -> str:
    line = "def f() -> Item: it's \\\\ \\'\n"
    return f'data = """\n{line * 400_000}"""\n'


def _deep() -> str:
    return f"data = {'[' * 10_000}{']' * 10_000}\n"


def _calls() -> str:
    return "data = []\n" + "".join(f"data.append(({n}, 'text'))\n" for n in range(100_000))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
@pytest.mark.parametrize("data", [_numbers, _lines, _annotated, _text, _long_text, _calls])
def test_data_in_a_module_that_others_import(write_tree: Write, data: Callable[[], str]) -> None:
    files = {"pyproject.toml": "", "data.py": _HEAD + data(), "app.py": _APP}
    found, memory, problems = _scan(write_tree({name: files[name].encode() for name in files}))
    assert [item["function"] for item in found] == ["app:f"]
    assert found[0]["candidate"]
    assert problems == []
    assert memory < _MEMORY


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
@pytest.mark.parametrize("data", [_numbers, _lines, _text])
def test_data_beside_a_candidate(write_tree: Write, data: Callable[[], str]) -> None:
    text = f"{_HEAD}{data()}\n\ndef f(a) -> Item: ...\n"
    found, memory, problems = _scan(write_tree({"pyproject.toml": "", "app.py": text.encode()}))
    assert [item["function"] for item in found] == ["app:f"]
    assert problems == []
    assert memory < _MEMORY


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
def test_brackets_that_python_does_not_take(write_tree: Write) -> None:
    files = {"pyproject.toml": "", "data.py": _HEAD + _deep(), "app.py": _APP}
    files["same.py"] = f"{_HEAD}{_deep()}\n\ndef f(a) -> Item: ...\n"
    found, _, problems = _scan(write_tree({name: files[name].encode() for name in files}))
    assert {item["function"] for item in found} <= {"app:f", "same:f"}
    assert len(problems) <= 1


_TERMS = " | ".join(["Item", *(f"T{number}" for number in range(3_000))])
_SUM = " + ".join(map(str, range(3_000)))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(f"Alias = {_TERMS}\ndef f() -> Alias: ...\n", {"f"}, id="alias"),
        pytest.param(f"def f() -> {_TERMS}: ...\n", {"f"}, id="annotation"),
        pytest.param(f"def f() -> '{_TERMS}': ...\n", {"f"}, id="annotation in quotes"),
        pytest.param(f"def f(a={_SUM}) -> Item: ...\n", {"f"}, id="default"),
        pytest.param(f"x = {_SUM}\ndef f() -> Item: ...\n", {"f"}, id="value"),
        pytest.param(f"class A(Item):\n    a: {_TERMS}\ndef f() -> A: ...\n", {"f"}, id="field"),
        pytest.param(f"x = {'-' * 3000}1\ndef f() -> Item: ...\n", {"f"}, id="operators"),
        pytest.param(
            f"x = a{'.b' * 3000}\ndef f() -> x: ...\ndef g() -> Item: ...\n", {"g"}, id="attributes"
        ),
        pytest.param(
            f"def f() -> a{'.b' * 3000}: ...\ndef g() -> Item: ...\n",
            {"g"},
            id="attributes in an annotation",
        ),
        pytest.param(
            "def f() -> Item:\n    return (\n" + "        1 +\n" * 3000 + "    1)\n",
            {"f"},
            id="body",
        ),
        pytest.param(
            "def f() -> " + "list[" * 90 + "Item" + "]" * 90 + ": ...\n", {"f"}, id="lists"
        ),
        pytest.param(
            "".join(f"A{n} = A{n + 1}\n" for n in range(3000)) + "A3000 = Item\n"
            "def f() -> A0: ...\ndef g() -> Item: ...\n",
            {"g"},
            id="chain of aliases",
        ),
        pytest.param(
            "A = list['A']\n"
            + "".join(f"B{n} = list['B{n - 1 if n else 299}']\n" for n in range(300))
            + "def f() -> B0: ...\ndef g() -> Item: ...\n",
            {"g"},
            id="circle of aliases",
        ),
    ],
)
def test_long_expressions(write_tree: Write, text: str, names: set[str]) -> None:
    """What is too deep for Python's own parser does not keep others from being found."""
    terms = "".join(f"T{number} = int\n" for number in range(3_000)) if "T2999" in text else ""
    app = (_HEAD + terms + text).encode()
    found, memory, problems = _scan(write_tree({"pyproject.toml": "", "app.py": app}))
    if not problems:
        near = {item["function"].removeprefix("app:") for item in found}
        assert names - {"f"} <= near
    assert memory < _MEMORY


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
def test_generated_module(write_tree: Write) -> None:
    classes = "".join(
        f"class C{number}({f'C{number - 1}' if number % 100 else 'BaseModel'}):\n"
        f"    a: int\n    b: 'list[C{(number * 7) % 2000}]'\n\n\n"
        for number in range(2_000)
    )
    functions = "".join(
        f"def f{number}(a: int) -> C{number}:\n    return C{number}(a=a)\n\n\n"
        for number in range(2_000)
    )
    text = f"from pydantic import BaseModel\n\n\n{classes}{functions}"
    found, memory, _ = _scan(write_tree({"pyproject.toml": "", "app.py": text.encode()}))
    assert sum(item["candidate"] for item in found) == 2_000
    assert memory < _MEMORY


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
def test_a_long_chain_of_classes(write_tree: Write) -> None:
    classes = "".join(
        f"class C{number}({f'C{number - 1}' if number else 'BaseModel'}): ...\n"
        for number in range(2_000)
    )
    text = f"from pydantic import BaseModel\n{classes}def f() -> C1999: ...\ndef g() -> C9: ...\n"
    found, memory, _ = _scan(write_tree({"pyproject.toml": "", "app.py": text.encode()}))
    assert "app:g" in {item["function"] for item in found if item["candidate"]}
    assert memory < _MEMORY


@pytest.mark.skipif(sys.platform == "win32", reason="there is no module resource")
def test_many_functions(write_tree: Write) -> None:
    plain = "".join(f"def p{n}(a: int) -> int:\n    return a\n\n\n" for n in range(25_000))
    text = f"{_HEAD}{plain}def f(a) -> Item:\n    return a\n"
    found, memory, _ = _scan(write_tree({"pyproject.toml": "", "app.py": text.encode()}))
    assert [item["function"] for item in found] == ["app:f"]
    assert memory < _MEMORY
