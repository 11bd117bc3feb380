"""Annotations as expressions: parsing their text, and taking the quotes off."""

from __future__ import annotations

import ast
from functools import lru_cache
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_METADATA = {"Literal": 0, "Annotated": 1}
"""Subscripts whose strings are values, from this position on."""

BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing raises: no Python, a null byte, too deep for Python's parser."""


def parse(text: str) -> ast.expr:
    """The expression in an annotation's source text, which may span lines. Raises SyntaxError, and
    RecursionError or MemoryError for what Python's parser cannot take.
    """
    if text.isidentifier() and not iskeyword(text):
        # Most are, and Python's parser takes its time.
        return ast.Name(text, ast.Load(), lineno=1, col_offset=1)
    if text.startswith("*"):  # of `*args: *Ts`, and of bases
        return ast.Starred(parse(text[1:]), ast.Load())
    return ast.parse(f"({text}\n)", mode="eval").body


@lru_cache(maxsize=10_000)
def shared(text: str) -> ast.expr:
    """As `parse`, for those who only read it: whoever asks again gets the same tree."""
    return parse(text)


def unquoted(node: ast.expr, form: Callable[[ast.expr], str] | None = None) -> ast.expr:
    """The annotation with string annotations replaced by what they say, where they say a type.

    form: tells `Literal` and `Annotated`, whose strings are values, by whatever name they go; by
    default their own names do.
    """
    result: ast.expr = _Unquote(form or last_name).visit(node)
    return result


def head(node: ast.expr | str) -> ast.expr:
    """`Page` for `Page` and `Page[Item]`, and `f` for a call of it."""
    found = shared(node) if isinstance(node, str) else node
    while isinstance(found, ast.Subscript | ast.Call):
        found = found.value if isinstance(found, ast.Subscript) else found.func
    return found


def items(node: ast.Subscript) -> list[ast.expr]:
    """What stands in the brackets, but for ellipses."""
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return [item for item in inner if not (isinstance(item, ast.Constant) and item.value is ...)]


def last_name(node: ast.expr) -> str:
    """`Literal` for `Literal`, `typing.Literal` and `t.Literal`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


class _Unquote(ast.NodeTransformer):
    def __init__(self, form: Callable[[ast.expr], str]) -> None:
        self.form = form

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        try:
            return unquoted(parse(node.value), self.form)
        except (SyntaxError, ValueError):
            return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        kept = _METADATA.get(self.form(node.value))
        if kept is None:
            return self.generic_visit(node)
        if kept and isinstance(node.slice, ast.Tuple):
            items = [self.visit(item) for item in node.slice.elts[:kept]]
            rest = ast.Tuple([*items, *node.slice.elts[kept:]], ast.Load())
            return ast.Subscript(node.value, rest, ast.Load())
        return node
