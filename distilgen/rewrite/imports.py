"""Where the import of a sidecar goes, how it is spelled, and how it is taken out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from distilgen.rewrite import marks
from distilgen.rewrite.splice import Edit

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
    name = marks.sidecar_name(source.path)
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
    start = source.offset(node.lineno, node.col_offset)
    stop = source.offset(node.end_lineno or 0, node.end_col_offset or 0)
    wanted = marks.sidecar_name(source.path)
    if len(node.names) > 1:
        return Edit(start, stop, _less(source.text[start:stop], wanted))
    line, behind = source.line_start(node.lineno), source.line_start((node.end_lineno or 0) + 1)
    before, after = source.text[line:start], source.text[stop:behind]
    if not before.strip() and ";" not in after:
        return Edit(line, behind, "")
    separator = after[: len(after) - len(after.lstrip(" \t;"))]
    if ";" in separator:
        return Edit(start, stop + len(separator), "")
    return Edit(line + len(before.rstrip(" \t;")), stop, "")


def _statement(facts: Facts, name: str) -> str:
    """How the module imports its neighbours: relatively, as a script, or by full name."""
    in_package = facts.is_package or "." in facts.name
    if not in_package:
        return f"import {name}"
    relative = any(
        item.imported and item.imported.level for found in facts.scope.values() for item in found
    )
    if facts.is_script and not relative and facts.path.stem != "__main__":
        return f"from {facts.package} import {name}"
    return f"from . import {name}"


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
    end = body[place].end_lineno or 0
    for node in body[place + 1 :]:
        if node.lineno > end:
            break
        end = node.end_lineno or 0  # it shares the line, behind a semicolon
    while source.text[: source.line_start(end + 1)].rstrip("\r\n").endswith("\\"):
        end += 1
    return end + 1


def _less(statement: str, name: str) -> str:
    """An import statement without one of its names, in its author's style."""
    import libcst as cst  # noqa: PLC0415 - heavy, and seldom needed

    class Remove(cst.CSTTransformer):
        def leave_ImportAlias(  # noqa: N802
            self, original_node: cst.ImportAlias, updated_node: cst.ImportAlias
        ) -> cst.ImportAlias | cst.RemovalSentinel:
            del original_node
            own = updated_node.evaluated_name.rpartition(".")[2] == name
            return cst.RemoveFromParent() if own else updated_node

    tree = cst.parse_module(statement)
    changed = tree.visit(Remove())
    text = changed.code
    # A trailing comma outside parentheses is what removing the last name leaves behind.
    return text if text.rstrip().endswith(")") else text.rstrip().removesuffix(",")
