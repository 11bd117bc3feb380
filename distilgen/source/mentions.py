"""The names that statements mention, and how they use them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.source import expressions
from distilgen.source.digests import CALLED, HOOKED, PASSED
from distilgen.source.expressions import last_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HOOKS = frozenset({
    "AfterValidator", "BeforeValidator", "PlainValidator", "WrapValidator", "PlainSerializer",
    "WrapSerializer", "Depends", "Security",
})  # fmt: skip
"""What keeps a function for later: no schema depends on its body."""

_LONG = 1000
_TYPE = re.compile(r"[\w.\[\](),|*'\"\s-]+").fullmatch
"""May a string be a type in quotes?"""


class Mention(NamedTuple):
    """`a.b.c`, as ("a", ("b", "c")). use: HOOKED, PASSED or CALLED."""

    name: str
    attributes: tuple[str, ...]
    use: int


def of(nodes: Iterable[ast.AST]) -> tuple[Mention, ...]:
    """The names that nodes mention anywhere, in strings that may be types too, each once; of more
    uses the greatest.
    """
    found: dict[tuple[str, tuple[str, ...]], int] = {}
    for node in nodes:
        for name, attributes, use in _mentions(node):
            key = (name, attributes)
            found[key] = max(use, found.get(key, HOOKED))
    return tuple(Mention(*key, use) for key, use in found.items())


def _mentions(root: ast.AST) -> Iterator[Mention]:
    todo: list[tuple[ast.AST, int]] = [(root, PASSED)]
    while todo:
        node, use = todo.pop()
        if isinstance(node, ast.Name | ast.Attribute):
            chain = _chain(node)
            if chain:
                yield Mention(*chain, use)
                continue
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield from _quoted(node.value)
            continue
        todo += _below(node, use)


def _below(node: ast.AST, use: int) -> Iterator[tuple[ast.AST, int]]:
    """The parts of a node, and how they are used."""
    match node:
        case ast.Call():
            yield node.func, CALLED
            kept = HOOKED if last_name(node.func) in _HOOKS else PASSED
            for item in node.args:
                yield item, kept
            for keyword in node.keywords:
                yield keyword.value, HOOKED if keyword.arg == "default_factory" else kept
            return
        case ast.Attribute():  # of a call, or of what has no name
            yield node.value, use
            return
        case ast.Subscript() if last_name(node.value) == "Literal":
            yield node.value, use
            return
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            for item in node.decorator_list:
                yield item, CALLED
            for keyword in getattr(node, "keywords", ()):
                yield keyword.value, CALLED  # a metaclass
            skipped = {*node.decorator_list, *getattr(node, "keywords", ())}
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skipped.add(first)  # its docstring
            for child in ast.iter_child_nodes(node):
                if child not in skipped:
                    yield child, PASSED
            return
    for child in ast.iter_child_nodes(node):
        yield child, PASSED


def _chain(node: ast.expr) -> tuple[str, tuple[str, ...]] | None:
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return (node.id, tuple(attributes)) if isinstance(node, ast.Name) else None


def _quoted(text: str) -> Iterator[Mention]:
    if len(text) > _LONG or not _TYPE(text):
        return
    try:
        tree: Any = expressions.shared(text.strip())
    except expressions.BROKEN:
        return
    if not isinstance(tree, ast.Constant):
        yield from _mentions(tree)
