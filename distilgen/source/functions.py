"""Candidates: functions whose return type is a Pydantic type; for each other one, why not."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.source import expressions, known
from distilgen.source.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distilgen.source.facts import Facts, Function
    from distilgen.source.resolve import Resolver

_NORMAL = re.compile(r"(?:\w+(?:\.\w+)*(?:\[(?=\w)|\]*(?:, (?=\w)| \| (?=\w)|$)))+\]*").fullmatch
"""Is an annotation spelled as `ast.unparse` spells it?"""
_LONG = 1000  # characters; of these one is found out to be too big
_WORDS = re.compile(r"\w+").findall
_PYDANTIC_HOOKS = frozenset({
    "field_validator", "model_validator", "field_serializer", "model_serializer", "validator",
    "root_validator", "computed_field",
})  # fmt: skip


@dataclass(frozen=True)
class Surveyed:
    """A function with a return annotation, and what became of it.

    answer: source text of the type that the student must answer with, quotes taken off; for a
    generator the type of one item; for Self the class. streams: it is a generator, and the answer
    a list of items. of_self: the annotation says Self.
    reason: why it is no candidate; empty for a candidate. near: it returns a Pydantic type, or may.
    """

    facts: Facts
    function: Function
    answer: str
    streams: bool = False
    reason: str = ""
    near: bool = False
    of_self: bool = False

    @property
    def name(self) -> str:
        """`module:qualname`."""
        return f"{self.facts.name}:{self.function.qualname}"

    @property
    def is_candidate(self) -> bool:
        """Can it be instrumented and dispatched?"""
        return not self.reason

    @property
    def receiver(self) -> str:
        """What it calls `self` or `cls`; empty where it has neither."""
        return _receiver(self.function)

    @property
    def owner(self) -> str:
        """An expression for the class that Self is, in the function's body."""
        is_class = _is_decorated(self.function, "classmethod") or self.function.name == "__new__"
        return self.receiver if is_class else f"type({self.receiver})"

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its parameters, without `self` or `cls`."""
        names = [parameter.name for parameter in self.function.parameters]
        return tuple(names[1:] if self.receiver else names)


def survey(facts: Facts, resolver: Resolver) -> Iterator[Surveyed]:
    """Every function of a file with a return annotation, in the order of the file."""
    meanings: dict[Any, _Meaning] = {}
    inner: dict[tuple[str, ...], frozenset[str] | None] = {(): frozenset()}
    for function in facts.functions:
        text, classes = function.returns or "", function.classes
        if classes not in inner:
            inner[classes] = _names_within(facts, classes)
        # Many functions of a file return the same; in which class they stand matters little.
        own = inner[classes]
        everywhere = own is not None and "Self" not in text and own.isdisjoint(_WORDS(text))
        key = (text, () if everywhere else classes, function.is_generator)
        meaning = None if function.type_parameters else meanings.get(key)
        if meaning is None:
            meaning = _meaning(facts, function, resolver)
            if not function.type_parameters:
                meanings[key] = meaning
        yield _surveyed(facts, function, meaning, resolver)


def _names_within(facts: Facts, classes: tuple[str, ...]) -> frozenset[str] | None:
    """The names that annotations find in the class that they stand in; None if that is generic."""
    scope = facts.scope
    names: frozenset[str] = frozenset()
    for name in classes:
        defined = next((b.defined for b in reversed(scope.get(name, ())) if b.defined), None)
        if defined is None or defined.type_parameters:
            return None
        scope, names = defined.scope, frozenset(defined.scope)
    return names


class _Meaning(NamedTuple):
    """What a return annotation says. streams, awaits: the answer is an item of it, its result."""

    answer: str
    verdict: Verdict
    streams: bool = False
    awaits: bool = False
    of_self: bool = False


def _meaning(facts: Facts, function: Function, resolver: Resolver) -> _Meaning:
    text = function.returns or ""
    try:
        return _understood(text, facts, function, resolver)
    except (SyntaxError, ValueError):
        return _Meaning(text, Verdict("other", "its return annotation does not parse"))
    except (RecursionError, MemoryError):
        return _Meaning(text, Verdict("other", "its return annotation is too big to follow"))


def _understood(text: str, facts: Facts, function: Function, resolver: Resolver) -> _Meaning:
    classes = function.classes

    def form(node: ast.expr) -> str:
        return resolver.form(node, facts, classes)

    if '"' in text or "'" in text:
        node = expressions.unquoted(expressions.parse(text), form)
    else:
        node = (expressions.parse if "Self" in text else expressions.shared)(text)
    items = expressions.items(node) if isinstance(node, ast.Subscript) else []
    name = form(_head(node)) if items else ""
    streams = bool(items) and name in known.STREAMS
    awaits = bool(items) and name in known.AWAITABLES
    plucked = streams and (function.is_generator or name != "Iterable")
    if plucked:
        node = items[0]
    elif awaits:
        node = items[-1]
    of_self = "Self" in text and _says_self(node, form)
    if of_self:
        owner = expressions.parse(".".join(classes or ("Self",)))
        node = _SelfIs(owner, form).visit(node)
    as_written = not (plucked or awaits or of_self) and len(text) < _LONG and _NORMAL(text)
    answer = text if as_written else ast.unparse(node)
    variables = dict(zip(function.type_parameters, function.bounds, strict=True))
    verdict = resolver.classify(node, facts, classes, variables)
    return _Meaning(answer, verdict, plucked, awaits, of_self)


def _surveyed(facts: Facts, function: Function, meaning: _Meaning, resolver: Resolver) -> Surveyed:
    answer, verdict, plucked, awaits, of_self = meaning
    reason, near = "", verdict.holds or verdict.is_lost
    if function.is_generator and not plucked:
        reason = f"a generator that returns {function.returns}"
    elif verdict.kind == "plain":
        reason = f"returns {answer}"
    elif verdict.kind != "model":
        reason = verdict.why
    elif of_self and (answer != ".".join(function.classes) or function.is_generator):
        reason = "returns more than a plain Self, for which no stub can stand"
    elif awaits:
        reason = "returns an awaitable that something else runs"
    else:
        reason = _policy(function, facts, resolver, stream=plucked, of_self=of_self)
    return Surveyed(facts, function, answer, function.is_generator, reason, near, of_self)


def _receiver(function: Function) -> str:
    first = function.parameters[0] if function.parameters else None
    if not function.classes or first is None or _is_decorated(function, "staticmethod"):
        return ""
    return first.name if first.kind in ("positional_only", "plain") else ""


def _is_decorated(function: Function, name: str) -> bool:
    return any(item.rpartition(".")[2] == name for item in function.decorators)


def _says_self(node: ast.expr, form: Callable[[ast.expr], str]) -> bool:
    named = (item for item in ast.walk(node) if isinstance(item, ast.Name | ast.Attribute))
    return any(expressions.last_name(item) == "Self" and form(item) == "Self" for item in named)


class _SelfIs(ast.NodeTransformer):
    """Puts the class in the place of Self."""

    def __init__(self, owner: ast.expr, form: Callable[[ast.expr], str]) -> None:
        self.owner, self.form = owner, form

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.owner if _says_self(node, self.form) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self.owner if _says_self(node, self.form) else node


def _policy(
    function: Function, facts: Facts, resolver: Resolver, *, stream: bool, of_self: bool
) -> str:
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
    if of_self and not _receiver(function):
        return "returns Self, and has neither self nor cls"
    if function.classes and any(_is_mangled(item.name) for item in function.parameters):
        return "the name of a parameter is private to its class"
    for text in function.decorators:
        name = text.partition("(")[0].rpartition(".")[2].strip()
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
    node = expressions.shared(".".join(function.classes))
    return any(
        found.binding is not None
        and found.binding.defined is not None
        and any(_says_protocol(base) for base in found.binding.defined.bases)
        for found in resolver.define(node, facts)
    )


def _says_protocol(base: str) -> bool:
    return expressions.last_name(_head(expressions.shared(base))) == "Protocol"


def _is_mangled(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _head(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Subscript) else node
