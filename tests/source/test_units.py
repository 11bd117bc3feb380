"""A module's statements as text: what is parsed again says what it said."""

from __future__ import annotations

import ast
import gc
from typing import TYPE_CHECKING

import pytest

from distilgen.source import digests, files, slices, units

if TYPE_CHECKING:
    from pathlib import Path

LAYOUTS = {
    "one below the other": "a = 1\nb = 2\n",
    "on one line": "a = 1; b = 2 ;c = 3;\nd = 4",
    "a backslash between": "a = 1; \\\n b = 2\n\\\n\nc = 3\n",
    "comments": "# a\na = 1  # b\n\n  # c\nb = 2; # d\nc = 3\n",
    "form feeds": "a = 1\n\f\n\fb = 2\n",
    "decorators": "import x\n# y\n@x.y  # z\n@ x.z(\n  1)\nclass A:\n  pass\n@x\ndef f(): pass\n",
    "blocks": "try:\n  import a\nexcept E:\n  a = None\nelse:\n\tb = 1\nif a:\n  c = 1;\nd = 1",
    "newlines of all kinds": "a = '''x\r\ny\rz'''\r\nb = 2\rc = 3\n",
    "other letters": "\u00e4 = '\U0001f600'; b = '\u00e4'; \ufb01 = 1\nc = f'{b}\u00e4'\n",
    "a byte order mark": "\ufeffa = 1\nb = 2\n",
    "a registry": "R = {}\ndef add(c):\n  R[c] = c\nif R:\n  @add\n  class A: pass\nR[1] = 2\n",
    "an escape that is none": "a = '\\d'\nb = 1\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_statements(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.py"
    path.write_bytes(text.encode())
    unit = units.read("m", path, None)
    assert unit
    tree = files.parse(text.encode(), path)
    slices.mark_changes(tree)
    expected: dict[str, list[str]] = {}
    for statement in tree.body:
        for name in dict.fromkeys(slices.bound(statement)):
            found = slices.pieces(statement, name)
            trimmed = [digests.trimmed(piece, digests.CALLED) for piece in found]
            expected.setdefault(name, []).append(digests.digest(trimmed))
    assert expected.keys() == unit.binders.keys()
    for name, alone in expected.items():
        if len(alone) == 1 and not unit.slice(name, digests.CALLED).mentions:
            assert unit.digest(name, digests.CALLED) == alone[0], name


def test_no_syntax_tree_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("import a\nx = a.b\nclass A:\n  y: x\n  def f(self): return x\n")
    unit = units.read("m", path, None, files.read(path))
    assert unit
    for name in unit.binders:
        unit.digest(name, digests.CALLED)
    seen: dict[int, object] = {}
    todo: list[object] = [unit]
    while todo:
        item = todo.pop()
        if id(item) not in seen and not isinstance(item, type):
            seen[id(item)] = item
            todo += gc.get_referents(item)
    kept = {type(item) for item in seen.values() if isinstance(item, ast.stmt)}
    assert kept == {ast.Import}
