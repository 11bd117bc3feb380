"""The first edit: a decorator on the teacher, innermost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilgen.rewrite.splice import Edit

if TYPE_CHECKING:
    import ast

    from distilgen.rewrite.marks import FunctionNode
    from distilgen.source.files import SourceFile


def decoration(source: SourceFile, function: FunctionNode, contract: str) -> Edit:
    """A line above the `def` that decorates it with `contract`, an expression, `.record`."""
    start = source.line_start(function.lineno)
    indent = source.text[start : source.offset(function.lineno, function.col_offset)]
    if indent.strip():
        raise ValueError(f"line {function.lineno}: the def does not start its line")
    return Edit(start, start, f"{indent}@{contract}.record{source.newline}")


def undecoration(source: SourceFile, decorator: ast.expr) -> Edit:
    """Take the decorator's line out again."""
    start = source.line_start(decorator.lineno)
    return Edit(start, source.line_start((decorator.end_lineno or 0) + 1), "")
