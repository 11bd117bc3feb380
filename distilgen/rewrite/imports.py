"""Where the import of a sidecar goes, how it is spelled, and how it is taken out."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from distilgen.rewrite import marks
from distilgen.rewrite.splice import Edit, last_line
from distilgen.source.walk import sidecar_name

if TYPE_CHECKING:
    from distilgen.source.facts import Facts
    from distilgen.source.files import SourceFile


_NAMING = ("id", "arg", "name", "asname", "attr")
"""Attributes of nodes that hold a name."""


def free_alias(tree: ast.Module, wanted: str) -> str:
    """A name for the sidecar that the module does not use, and that classes do not mangle."""
    used = {getattr(node, key, None) for node in ast.walk(tree) for key in _NAMING}
    name = "_" + wanted.lstrip("_")
    number = 1
    while name in used:
        number += 1
        name = f"_{wanted.lstrip('_')}_{number}"
    return name


def insertion(source: SourceFile, facts: Facts, alias: str, first_use: int) -> Edit:
    """The import, behind the first block of imports.

    first_use: the line before which it must have run. Where the first block of imports stands
    behind that line, and where there is none, it goes behind docstring and `__future__` imports.
    """
    body = source.tree.body
    name = sidecar_name(source.path)
    end = _end_of_imports(body, first_use)
    if end is not None:
        at = source.line_start(_line_behind(source, body, end))
    elif body:
        at = source.line_start(marks.first_line(body[0]))
    else:
        at = 0
    line = f"{_statement(facts, name)}{'' if alias == name else f' as {alias}'}{source.newline}"
    return Edit(at, at, line)


def removal(source: SourceFile, node: ast.Import | ast.ImportFrom) -> Edit:
    """Take the sidecar out of an import statement, and the statement where it imports no more."""
    if len(node.names) > 1:
        return _without(source, node)
    start, stop = _span(source, node)
    line, behind = source.line_start(node.lineno), source.line_start((node.end_lineno or 0) + 1)
    before, after = source.text[line:start], source.text[stop:behind]
    separator = after[: len(after) - len(after.lstrip(" \t\f;"))]
    if ";" in separator and after.strip(" \t\f;\r\n"):
        return Edit(start, stop + len(separator), "")
    if not before.strip():
        return Edit(line, behind, "")
    return Edit(line + len(before.rstrip(" \t;")), stop, "")


def _statement(facts: Facts, name: str) -> str:
    """How the module imports its neighbours: relatively, as a script, or by full name."""
    relative = any(
        item.imported and item.imported.level for found in facts.scope.values() for item in found
    )
    if not (facts.is_package or relative or _is_in_package(facts)):
        return f"import {name}"
    if facts.is_script and not relative and facts.path.stem != "__main__":
        return f"from {facts.package} import {name}"
    return f"from . import {name}"


def _is_in_package(facts: Facts) -> bool:
    """Is the module imported by a dotted name? Its folder says so by an `__init__.py`, or by being
    below a source root; a folder of tests or scripts is no namespace package, unless a module
    in it or above it imports it as one.
    """
    first, _, rest = facts.name.partition(".")
    folder = facts.path.parent
    if not rest:
        return False
    root = folder.parents[facts.name.count(".") - 1]
    if (folder / "__init__.py").is_file() or root.name == "src":
        return True
    use = re.compile(rf"^\s*(?:from|import)\s+{re.escape(first)}\b".encode(), re.MULTILINE)
    return any(use.search(path.read_bytes()) for path in {*folder.glob("*.py"), *root.glob("*.py")})


def _end_of_imports(body: list[ast.stmt], first_use: int) -> int | None:
    """Index of the last statement of the head of the module, behind which our import goes."""
    head: int | None = None
    for place, node in enumerate(body):
        if getattr(node, "end_lineno", 0) >= first_use:
            break
        if isinstance(node, ast.Import | ast.ImportFrom):
            head = place
        elif head is not None and not _is_future(body[head]):
            break
        elif place == 0 and _is_docstring(node):
            head = 0
    return head


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_future(node: ast.stmt) -> bool:
    return _is_docstring(node) or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _line_behind(source: SourceFile, body: list[ast.stmt], place: int) -> int:
    """The first line on which a new statement can stand behind `body[place]`."""
    last = body[place]
    for node in body[place + 1 :]:
        if node.lineno > last_line(source, last):
            break
        last = node  # it shares the line, behind a semicolon
    return last_line(source, last) + 1


def _without(source: SourceFile, node: ast.Import | ast.ImportFrom) -> Edit:
    """Take the sidecar out of a statement that imports other names, too."""
    places = [marks.is_sidecar(node, alias, source.path) for alias in node.names]
    place = places.index(True)
    alias = node.names[place]
    start, stop = _span(source, alias)
    line, behind = source.line_start(alias.lineno), source.line_start(alias.lineno + 1)
    rest = source.text[stop:behind].strip().removeprefix(",").strip()
    alone = not source.text[line:start].strip() and (not rest or rest.startswith("#"))
    if alone and source.text[_span(source, node)[1] - 1] == ")":
        return Edit(line, behind, "")
    if place + 1 < len(node.names):
        return Edit(start, _span(source, node.names[place + 1])[0], "")
    return Edit(_span(source, node.names[place - 1])[1], stop, "")


def _span(source: SourceFile, node: ast.alias | ast.stmt) -> tuple[int, int]:
    return (
        source.offset(node.lineno, node.col_offset),
        source.offset(node.end_lineno or 0, node.end_col_offset or 0),
    )
