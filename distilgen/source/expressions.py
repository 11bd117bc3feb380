"""Annotations as expressions: parsing their text, and taking the quotes off."""

from __future__ import annotations

import ast
from typing import Any

_METADATA = {"Literal": 0, "Annotated": 1}
"""Subscripts whose strings are values, from this position on."""


def parse(text: str) -> ast.expr:
    """The expression in an annotation's source text, which may span lines. Raises SyntaxError."""
    if text.startswith("*"):  # of `*args: *Ts`, and of bases
        return ast.Starred(parse(text[1:]), ast.Load())
    return ast.parse(f"({text}\n)", mode="eval").body


def unquoted(node: ast.expr) -> ast.expr:
    """The annotation with string annotations replaced by what they say. Raises SyntaxError."""
    result: ast.expr = _Unquote().visit(node)
    return result


def last_name(node: ast.expr) -> str:
    """`Literal` for `Literal`, `typing.Literal` and `t.Literal`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


class _Unquote(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return unquoted(parse(node.value)) if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        kept = _METADATA.get(last_name(node.value))
        if kept is None:
            return self.generic_visit(node)
        if kept and isinstance(node.slice, ast.Tuple):
            items = [self.visit(item) for item in node.slice.elts[:kept]]
            rest = ast.Tuple([*items, *node.slice.elts[kept:]], ast.Load())
            return ast.Subscript(node.value, rest, ast.Load())
        return node
