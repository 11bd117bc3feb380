"""The first edit: a decorator on the function, innermost."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from distilgen.rewrite.splice import Edit, kept_comment, span

if TYPE_CHECKING:
    import ast

    from distilgen.rewrite.marks import FunctionNode
    from distilgen.source.files import SourceFile


def decoration(source: SourceFile, function: FunctionNode, contract: str, verb: str) -> Edit:
    """A line above the `def` that decorates it with `contract`, an expression, `.record` or what
    else the verb is.
    """
    start = source.line_start(function.lineno)
    indent = source.text[start : source.offset(function.lineno, function.col_offset)]
    if indent.strip():
        raise ValueError(f"line {function.lineno}: the def does not start its line")
    return Edit(start, start, f"{indent}@{contract}.{verb}{source.newline}")


def redecoration(source: SourceFile, decorator: ast.Attribute, verb: str) -> Edit:
    """Another verb in the decorator, and nothing else."""
    stop = span(source, decorator)[1]
    return Edit(stop - len(decorator.attr), stop, verb)


def undecoration(source: SourceFile, decorator: ast.expr) -> Edit:
    """Take the decorator's lines out again; what its author says in a comment behind it stays."""
    at, stop = span(source, decorator)
    start = source.text.rindex("@", 0, at)
    opened = source.text[start:at].count("(")  # by a formatter, or its author
    while opened and stop < len(source.text):
        opened -= source.text[stop] == ")"
        stop += 1
    line = bisect_right(source.line_starts, start)
    first, behind = source.line_start(line), bisect_right(source.line_starts, stop) + 1
    before, after = source.text[first:start], source.text[stop : source.line_start(behind)]
    return Edit(first, source.line_start(behind), kept_comment(before, after))
