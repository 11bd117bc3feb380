"""Candidates: functions whose return type is a Pydantic type; for each other one, why not."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilgen.source import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.source.facts import Facts, Function
    from distilgen.source.resolve import Resolver

_STREAMS = frozenset(
    {"Iterator", "Generator", "Iterable", "AsyncIterator", "AsyncGenerator", "AsyncIterable"}
)
_PYDANTIC_HOOKS = frozenset({
    "field_validator", "model_validator", "field_serializer", "model_serializer", "validator",
    "root_validator", "computed_field",
})  # fmt: skip


@dataclass(frozen=True)
class Surveyed:
    """A function with a return annotation, and what became of it.

    answer: source text of the type that the student must answer with, quotes taken off; for a
    generator the type of one item. streams: it is a generator, and the answer a list of items.
    reason: why it is no candidate; empty for a candidate. near: it returns a Pydantic type, or may.
    """

    facts: Facts
    function: Function
    answer: str
    streams: bool = False
    reason: str = ""
    near: bool = False

    @property
    def name(self) -> str:
        """`module:qualname`."""
        return f"{self.facts.name}:{self.function.qualname}"

    @property
    def is_candidate(self) -> bool:
        """Can it be instrumented and dispatched?"""
        return not self.reason

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its parameters, without `self` or `cls`."""
        function = self.function
        names = [parameter.name for parameter in function.parameters]
        static = any(d.rpartition(".")[2] == "staticmethod" for d in function.decorators)
        first = function.parameters[0].kind if names else None
        bound = function.classes and not static and first in ("positional_only", "plain")
        return tuple(names[1:] if bound else names)


def survey(facts: Facts, resolver: Resolver) -> Iterator[Surveyed]:
    """Every function of a file with a return annotation, in the order of the file."""
    for function in facts.functions:
        yield _survey(facts, function, resolver)


def _survey(facts: Facts, function: Function, resolver: Resolver) -> Surveyed:
    text = function.returns or ""
    try:
        node = expressions.unquoted(expressions.parse(text))
    except (SyntaxError, ValueError):
        return Surveyed(facts, function, text, reason="its return annotation does not parse")
    stream = _stream_item(node)
    if function.is_generator and stream is None:
        return Surveyed(facts, function, text, reason=f"a generator that returns {text}")
    if stream is not None and (
        function.is_generator or expressions.last_name(_head(node)) != "Iterable"
    ):
        node = stream
    answer = ast.unparse(node)
    variable = _type_parameter(node, function)
    if variable:
        reason = f"returns the type variable {variable}"
        return Surveyed(facts, function, answer, reason=reason)
    verdict = resolver.classify(answer, facts, function.classes)
    if verdict.kind == "plain":
        return Surveyed(facts, function, answer, reason=f"returns {ast.unparse(node)}")
    if verdict.kind == "other":
        near = "cannot find" in verdict.why
        return Surveyed(facts, function, answer, reason=verdict.why, near=near)
    reason = _policy(function, facts, resolver, stream=stream is not None and node is stream)
    return Surveyed(facts, function, answer, function.is_generator, reason, near=True)


def _policy(function: Function, facts: Facts, resolver: Resolver, *, stream: bool) -> str:
    """Why a function that returns a Pydantic type is left alone; empty when it is not."""
    if function.skipped:
        return "skipped by its comment"
    if not f"_{facts.path.stem}".isidentifier():
        return f"no module can be imported beside {facts.path.name}: its name is no identifier"
    if function.nested:
        return "defined inside a function"
    if function.typing_only:
        return "under TYPE_CHECKING"
    if stream and not function.is_generator:
        return "returns an iterator that something else runs"
    if function.classes and any(_is_mangled(item.name) for item in function.parameters):
        return "the name of a parameter is private to its class"
    for text in function.decorators:
        node = expressions.parse(text)
        called = node.func if isinstance(node, ast.Call) else node
        name = expressions.last_name(called)
        if name == "overload":
            return "an overload"
        if name.startswith("abstract"):
            return "abstract"
        if name in _PYDANTIC_HOOKS:
            return "a hook of Pydantic's"
    if _in_protocol(function, facts, resolver):
        return "a member of a Protocol"
    return ""


def _in_protocol(function: Function, facts: Facts, resolver: Resolver) -> bool:
    if not function.classes:
        return False
    node = expressions.parse(".".join(function.classes))
    return any(
        found.binding is not None
        and found.binding.defined is not None
        and any(_says_protocol(base) for base in found.binding.defined.bases)
        for found in resolver.define(node, facts)
    )


def _says_protocol(base: str) -> bool:
    return expressions.last_name(_head(expressions.parse(base))) == "Protocol"


def _is_mangled(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _type_parameter(node: ast.expr, function: Function) -> str:
    """The function's own type parameter, `def f[T]`, that an annotation names; else empty."""
    names = (found.id for found in ast.walk(node) if isinstance(found, ast.Name))
    return next((name for name in names if name in function.type_parameters), "")


def _head(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Subscript) else node


def _stream_item(node: ast.expr) -> ast.expr | None:
    """`M` for `Iterator[M]`, `Generator[M, S, R]` and the like; None for everything else."""
    if not isinstance(node, ast.Subscript) or expressions.last_name(node.value) not in _STREAMS:
        return None
    return node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
