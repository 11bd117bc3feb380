"""The signature of a function as text, however its source is formatted."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from distilgen.source import expressions

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.source.functions import Surveyed
    from distilgen.source.resolve import Resolver


def signature(
    function: Surveyed, spelled: Callable[[ast.expr], ast.expr] = expressions.unquoted
) -> str:
    """`def name(…) -> …` as PEP 8 spaces it, without `self`, however the source is formatted.

    spelled: what to write for an annotation; by default the annotation without quotes.
    """

    def text(expression: str, spelled: Callable[[ast.expr], ast.expr] = spelled) -> str:
        try:
            return _unparsed(spelled(expressions.parse(expression)))
        except expressions.BROKEN:  # too deep, or a string that says no type: as it is written
            return " ".join(expression.split())

    shown: list[str] = []
    previous = ""
    wanted = set(function.arguments)
    for parameter in function.function.parameters:
        if previous == "positional_only" and parameter.kind != previous and shown:
            shown.append("/")
        if parameter.kind == "keyword_only" and previous not in ("keyword_only", "variadic"):
            shown.append("*")
        previous = parameter.kind
        if parameter.name not in wanted:
            continue
        star = {"variadic": "*", "keywords": "**"}.get(parameter.kind, "")
        piece = f"{star}{parameter.name}"
        if parameter.annotation:
            piece += f": {text(parameter.annotation)}"
        if parameter.default:
            default = text(parameter.default, lambda node: node)
            piece += f" = {default}" if parameter.annotation else f"={default}"
        shown.append(piece)
    if previous == "positional_only" and shown:
        shown.append("/")
    returns = text(function.function.returns or "None")
    return f"def {function.function.name}({', '.join(shown)}) -> {returns}"


def qualifier(function: Surveyed, resolver: Resolver) -> Callable[[ast.expr], ast.expr]:
    """Spells classes with their module, as `inspect.signature` does when the program runs."""

    class Qualify(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return self._spell(node)

        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            return self._spell(node)

        def _spell(self, node: ast.expr) -> ast.expr:
            for found in resolver.define(node, function.facts, function.function.classes):
                if found.kind == "class" and found.facts:
                    same = found.facts.path == function.facts.path and found.facts.is_script
                    module = "__main__" if same else found.facts.name
                    return ast.Name(f"{module}.{found.name}")  # a file's name may be no identifier
            return node

    return lambda node: Qualify().visit(expressions.unquoted(node))


def _unparsed(node: ast.expr) -> str:
    return ast.unparse(_Formatted().visit(node))


class _Formatted(ast.NodeTransformer):
    """Writes f-strings in one way: the quotes that `ast.unparse` chooses changed in Python 3.12."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return ast.Name(f"f{self._inside(node)!r}")

    def _inside(self, node: ast.JoinedStr) -> str:
        text = ""
        for item in node.values:
            if isinstance(item, ast.FormattedValue):
                text += "{" + ast.unparse(self.visit(item.value))
                text += f"!{chr(item.conversion)}" if item.conversion >= 0 else ""
                spec = item.format_spec
                text += f":{self._inside(spec)}}}" if isinstance(spec, ast.JoinedStr) else "}"
            elif isinstance(item, ast.Constant):
                text += str(item.value).replace("{", "{{").replace("}", "}}")
        return text


def bare(node: ast.expr) -> ast.expr:
    """The annotation without quotes, and without what `Annotated` adds to a type."""
    result: ast.expr = _Bare().visit(expressions.unquoted(node))
    return result


class _Bare(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if expressions.last_name(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self.visit(node.slice.elts[0])
        return self.generic_visit(node)
