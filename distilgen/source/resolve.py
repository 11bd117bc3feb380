"""Is an annotation a Pydantic type? Follows its names, aliases and classes to what they hold."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from distilgen.source import expressions, known, modules
from distilgen.source.bases import Bases
from distilgen.source.circles import Circles
from distilgen.source.names import Definition, Names, key_of
from distilgen.source.verdict import MODEL, OF_OWN, OF_PLAIN, Verdict, best, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from distilgen.source.facts import Class, Facts
    from distilgen.source.index import Index
    from distilgen.source.names import Key

_STEPS = 50_000
"""So many parts of a type are looked at before it is given up."""

_DEPTH = 8_000
"""Calls in calls while a type is followed: a type in a type takes about twenty."""

_NO_TYPE = "which is no Pydantic type"
"""The end of what is said of a class of which Pydantic knows nothing."""

_TOO_BIG = Verdict("other", "its return type is too big to follow")


@dataclass(frozen=True)
class Place:
    """Where an annotation is written. variables: its type parameters (PEP 695) and their bounds.

    given: of the type variables of an alias, what stands in their place.
    """

    facts: Facts
    classes: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Verdict] = field(default_factory=dict)


@dataclass
class Resolver:
    """Tells what annotations hold."""

    index: Index
    _names: Names = field(init=False)
    _bases: Bases = field(init=False)
    _circles: Circles = field(init=False)
    _filled: set[Key | None] = field(default_factory=set)
    _steps: int = 0

    def __post_init__(self) -> None:
        self._names = Names(self.index)
        self._bases = Bases(self._names)
        self._circles = Circles(self.index.reads)

    def define(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...] = ()
    ) -> list[Definition]:
        """What a name or dotted name stands for: one definition a binding that may hold."""
        return self._names.define(node, facts, classes)

    def classify(
        self,
        annotation: ast.expr | str,
        facts: Facts,
        classes: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
    ) -> Verdict:
        """What an annotation, written in `facts` inside `classes`, holds.

        annotation: source text or the expression. variables: the type parameters of its function
        and their bounds as source text.
        """
        try:
            node = expressions.shared(annotation) if isinstance(annotation, str) else annotation
        except expressions.BROKEN:
            return Verdict("other", "its return annotation does not parse")
        own = {**_parameters_of(facts, classes), **(variables or {})}
        self._steps = 0
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _DEPTH))
        try:
            return self._of(node, Place(facts, classes, own)).settled()
        except (RecursionError, OverflowError):
            return _TOO_BIG
        finally:
            sys.setrecursionlimit(limit)
            self._circles.clear()
            self._filled.clear()

    def form(self, node: ast.expr, facts: Facts, classes: tuple[str, ...] = ()) -> str:
        """The name of a form of `typing` and its like that a name stands for; else empty."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return ""
        return next((f.last for f in self.define(node, facts, classes) if f.is_form), "")

    # -- expressions ----------------------------------------------------------------------------

    def _of(self, node: ast.expr, place: Place) -> Verdict:
        self._steps += 1
        if self._steps > _STEPS:
            raise OverflowError
        match node:
            case ast.Constant(value=None):
                return OF_PLAIN
            case ast.Constant(value=str(text)):
                try:
                    return self._of(expressions.shared(text), place)
                except (SyntaxError, ValueError):
                    return Verdict("other", "its return annotation does not parse")
            case ast.Name(id=name) if name in place.given:
                return place.given[name]
            case ast.Name(id=name) if name in place.variables:
                return self._of_variable(name, [place.variables[name]], place)
            case ast.Name() | ast.Attribute():
                found = self.define(node, place.facts, place.classes)
                return best(self._of_definition(item, place) for item in found)
            case ast.BinOp(op=ast.BitOr()):
                return joined(self._of(item, place) for item in _alternatives(node))
            case ast.Subscript():
                return self._of_subscript(node, place)
            case ast.IfExp():
                return best(self._of(item, place) for item in (node.orelse, node.body))
            case ast.Call():
                return self._of_call(node, "", place)
            case ast.Starred():
                return self._of(node.value, place)
        return Verdict("other", f"returns {ast.unparse(node)}, which is no type")

    def _of_subscript(self, node: ast.Subscript, place: Place) -> Verdict:
        items = expressions.items(node)
        if not isinstance(node.value, ast.Name | ast.Attribute):
            why = f"returns {ast.unparse(node)}, which cannot be resolved"
            return Verdict("other", why)
        return best(
            self._of_parts(found, items, place)
            for found in self.define(node.value, place.facts, place.classes)
        )

    def _of_parts(self, found: Definition, items: list[ast.expr], place: Place) -> Verdict:
        """Of a class or form with what stands in its brackets."""
        if found.is_form:
            return self._of_form(found.last, items, place)
        filled = self._of_generic_alias(found, items, place)
        if filled:
            return filled
        whole = MODEL if found.name in known.ROOT_MODELS else self._of_definition(found, place)
        if found.kind in ("outside", "missing") or (whole.kind, found.kind) == ("other", "class"):
            return whole
        if whole == OF_OWN:
            return OF_PLAIN
        parts = [self._of(item, place) for item in items if not isinstance(item, ast.List)]
        if whole.kind == "other":
            return replace(whole, mixed=whole.mixed or any(part.holds for part in parts))
        if whole.kind == "variable":  # its variables are now what stands in the brackets
            whole = MODEL if whole.mixed else OF_PLAIN
        inner = joined(parts) if parts else OF_PLAIN
        if inner.kind == "other" and whole.kind == "model":
            return Verdict("other", inner.why, mixed=True)
        return joined([whole, inner])

    def _of_form(self, name: str, items: list[ast.expr], place: Place) -> Verdict:
        if name in known.FIRST_ONLY:
            return self._of(items[0], place) if items else OF_PLAIN
        if name in known.UNIONS or name in known.CONTAINERS:
            return joined(self._of(item, place) for item in items)
        if name in known.PLAIN:
            return OF_PLAIN
        through: list[ast.expr] = []
        if name in known.STREAMS:
            through = items[:1]
        elif name in known.AWAITABLES:
            through = items[-1:]
        holds = any(self._of(item, place).holds for item in through)
        return Verdict("other", f"returns {name}[…]", holds)

    def _of_definition(self, found: Definition, place: Place) -> Verdict:
        match found.kind:
            case "missing":
                return Verdict("other", found.name)
            case "outside" if found.is_form and found.last == "Self":
                return self._of_self(place)
            case "outside":
                return _of_outside(found)
            case "class":
                return self.of_class(found)
            case "value":
                return self._of_value(found)
        return Verdict("other", f"returns {found.name}, which is a {found.kind}")

    def _of_self(self, place: Place) -> Verdict:
        if not place.classes:
            return Verdict("other", "returns Self outside of a class")
        node = expressions.shared(".".join(place.classes))
        verdict = best(self._of_definition(f, place) for f in self.define(node, place.facts))
        if verdict.kind == "model":
            return verdict
        why = f"returns Self, and {place.classes[-1]} is no Pydantic type"
        return Verdict("other", why, verdict.mixed)

    # -- aliases --------------------------------------------------------------------------------

    def _of_value(self, found: Definition) -> Verdict:
        """A type alias, a NewType, a TypeVar, a model made by `create_model`."""
        facts, binding = found.facts, found.binding
        unknown = Verdict("other", f"returns {found.name}, which is no type we can follow")
        if facts is None or binding is None or not binding.expression:
            return unknown
        key = (facts.where, found.name, binding.line)
        try:
            node = expressions.shared(binding.expression)
        except (RecursionError, MemoryError):
            return _TOO_BIG
        except (SyntaxError, ValueError):
            return unknown
        variables = dict.fromkeys(binding.type_parameters, "")
        place = Place(facts, found.around, {**_parameters_of(facts, found.around), **variables})

        def follow() -> Verdict:
            if isinstance(node, ast.Call):
                return self._of_call(node, found.name, place)
            if isinstance(node, ast.Constant | ast.List | ast.Dict | ast.Tuple) and not (
                isinstance(node, ast.Constant) and isinstance(node.value, str | None)
            ):
                return unknown
            return self._of(node, place)

        circle = f"the type {found.name} is defined in terms of itself"
        return self._circles.once(key, follow, circle)

    def _of_generic_alias(
        self, found: Definition, items: list[ast.expr], place: Place
    ) -> Verdict | None:
        """Of `Result[Item]`, where `Result = T | Callable[[T], None]`, or is another name of what
        has variables. None for what is no such alias.
        """
        facts, binding, key = found.facts, found.binding, key_of(found)
        if found.kind != "value" or facts is None or binding is None or key in self._filled:
            return None
        try:
            node = expressions.shared(binding.expression or "None")
        except expressions.BROKEN:
            return None
        names = binding.type_parameters or self._variables_in(node, facts, found.around)
        self._filled.add(key)
        try:
            if isinstance(node, ast.Name | ast.Attribute):
                targets = self.define(node, facts, found.around)
                return best(self._of_parts(target, items, place) for target in targets)
            if not names:
                return None
            parts = [OF_PLAIN if isinstance(i, ast.List) else self._of(i, place) for i in items]
            given = dict(zip(names, parts, strict=False))
            inside = Place(facts, found.around, _parameters_of(facts, found.around), given)
            if isinstance(node, ast.Call):
                return self._of_call(node, found.name, inside)
            return self._of(node, inside)
        finally:
            self._filled.discard(key)

    def _variables_in(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The type variables in an alias, in the order in which they are first written."""
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "type_params":  # of TypeAliasType
                node = keyword.value
        named = [item for item in ast.walk(node) if isinstance(item, ast.Name)]
        named.sort(key=lambda item: (item.lineno, item.col_offset))
        names = dict.fromkeys(item.id for item in named)
        return tuple(
            name
            for name in names
            if any(
                self._makes_variable(found)
                for found in self.define(ast.Name(name, ast.Load()), facts, classes)
            )
        )

    def _makes_variable(self, found: Definition) -> bool:
        text, facts = found.binding and found.binding.expression, found.facts
        if not text or facts is None or "(" not in text:
            return False
        try:
            node = expressions.shared(text)
        except expressions.BROKEN:
            return False
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            return False
        makers = self.define(node.func, facts, found.around)
        return any(item.is_form and item.last in known.TYPE_VARIABLES for item in makers)

    def _of_call(self, node: ast.Call, name: str, place: Place) -> Verdict:
        """What is made by a call. name: what it is bound to, if anything."""
        shown = name or ast.unparse(node)
        arguments = {item.arg: item.value for item in node.keywords if item.arg}
        made = expressions.head(node)
        if not isinstance(made, ast.Name | ast.Attribute) or not isinstance(
            node.func, ast.Name | ast.Attribute
        ):
            return Verdict("other", f"returns {shown}, which is no type")
        for found in self.define(made, place.facts, place.classes):
            if found.name in known.FACTORIES:
                return MODEL
            if found.kind != "outside":
                continue
            second = node.args[1] if len(node.args) > 1 else None
            match found.last:
                case last if last in known.TYPE_VARIABLES:
                    bounds = [ast.unparse(item) for item in node.args[1:]]
                    if "bound" in arguments:
                        bounds.append(ast.unparse(arguments["bound"]))
                    return self._of_variable(shown, bounds, place)
                case "NewType" if second:
                    return self._of(second, place)
                case "TypeAliasType" if second:
                    return self._of(second, place)
                case "TypedDict" if isinstance(second, ast.Dict):
                    return joined([OF_PLAIN, *(self._of(item, place) for item in second.values)])
                case "NamedTuple" if isinstance(second, ast.List | ast.Tuple):
                    pairs = [item.elts for item in second.elts if isinstance(item, ast.Tuple)]
                    parts = [pair[1] for pair in pairs if len(pair) == 2]
                    return joined([OF_PLAIN, *(self._of(item, place) for item in parts)])
                case "namedtuple" | "Enum" | "IntEnum" | "StrEnum" | "Flag" | "IntFlag":
                    return OF_PLAIN
                case last if last in known.COLLECTIONS and node.args:
                    return self._of(node.args[0], place)
        end = "is no type we can follow" if name else "is no type"
        return Verdict("other", f"returns {shown}, which {end}")

    def _of_variable(self, name: str, bounds: list[str], place: Place) -> Verdict:
        """A type variable: each caller chooses its type, within its bounds."""
        free = Place(place.facts, place.classes)
        found = [self._of(expressions.shared(text), free) for text in bounds if text]
        mixed = any(item.holds for item in found)
        return Verdict("variable", f"returns the type variable {name}", mixed)

    # -- classes --------------------------------------------------------------------------------

    def of_class(self, found: Definition) -> Verdict:
        """Is a class a Pydantic type, by its decorators and bases, any number of steps up?"""
        order: list[Definition] = []  # bases are looked at first, however many there are in a row
        seen: set[Key] = set()
        todo = [found]
        while todo:
            item = todo.pop()
            key = key_of(item)
            if key is not None and key not in seen and not self._circles.is_known(key):
                seen.add(key)
                order.append(item)
                todo += (base for base in self._bases.of(item) if base.kind == "class")
        for item in reversed(order[1:]):
            self._of_one_class(item)
        return self._of_one_class(found)

    def _of_one_class(self, found: Definition) -> Verdict:
        facts, binding, key = found.facts, found.binding, key_of(found)
        if facts is None or binding is None or binding.defined is None or key is None:
            return Verdict("other", f"returns {found.name}")
        defined = binding.defined
        return self._circles.once(
            key,
            lambda: self._of_body(defined, found, facts, self._bases.of(found)),
            f"class {found.name} inherits from itself",
        )

    def _of_body(
        self, defined: Class, found: Definition, facts: Facts, bases: list[Definition]
    ) -> Verdict:
        has_fields = False
        for decorator in defined.decorators:
            node = expressions.head(decorator)
            if isinstance(node, ast.Name | ast.Attribute):
                names = {item.name for item in self.define(node, facts, found.around)}
                if names & known.DATACLASSES:
                    return MODEL
                has_fields = has_fields or "dataclasses.dataclass" in names
        missing = ""
        inherited: list[Verdict] = []
        for base in bases:
            verdict = self._of_base(base)
            if verdict.kind == "model":
                return verdict
            if base.is_form and base.last in known.WITH_FIELDS:
                has_fields = True
            elif base.kind == "missing":
                missing = f"; {base.name}"
            elif verdict.kind == "plain" or verdict.mixed:
                inherited.append(verdict)
        if has_fields or (inherited and defined.fields):
            return self._of_fields(defined, found, facts, inherited)
        if OF_OWN in inherited and not any(item.holds for item in inherited):
            return OF_OWN
        if inherited:
            return joined(inherited)
        if "__get_pydantic_core_schema__" in defined.scope and not missing:
            return OF_OWN
        return Verdict("other", f"returns {found.name}, {_NO_TYPE}{missing}")

    def _of_fields(
        self, defined: Class, found: Definition, facts: Facts, inherited: list[Verdict]
    ) -> Verdict:
        """A dataclass, NamedTuple or TypedDict: as much of a Pydantic type as its fields are."""
        variables = dict(zip(defined.type_parameters, defined.bounds, strict=True))
        classes = tuple(found.name.split("."))
        place = Place(facts, classes, {**_parameters_of(facts, classes), **variables})
        parts = list(inherited)
        for name, text in defined.fields:
            try:
                node = expressions.shared(text)
            except expressions.BROKEN:
                continue
            if self._is_no_field(expressions.head(node), facts, classes):
                continue
            part = self._of(node, place)
            if part.kind == "other" and not part.mixed and not part.why.endswith(_NO_TYPE):
                part = OF_PLAIN  # it may yet have a schema: in a union, Pydantic skips callables
            elif part.kind == "other":
                why = part.why.removeprefix("returns ")
                part = Verdict(
                    "other", f"returns {found.name}, whose field {name} has {why}", part.mixed
                )
            elif part.kind == "variable":  # anything, within its bounds
                part = MODEL if part.mixed else OF_PLAIN
            parts.append(part)
        verdict = joined([OF_PLAIN, *parts])
        return OF_PLAIN if verdict.kind == "circle" else verdict

    def _is_no_field(self, node: ast.expr, facts: Facts, classes: tuple[str, ...]) -> bool:
        if not isinstance(node, ast.Name | ast.Attribute):
            return False
        return any(item.name in known.NO_FIELDS for item in self.define(node, facts, classes))

    def _of_base(self, found: Definition) -> Verdict:
        if found.kind == "outside":
            if found.name in known.MODELS:
                return MODEL
            plain = found.last in known.PLAIN_BASES and modules.is_standard(found.name)
            return OF_PLAIN if plain else Verdict("other")
        return self._of_one_class(found) if found.kind == "class" else Verdict("other")


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of `A | B | C`, however many."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, ast.BinOp) and isinstance(item.op, ast.BitOr):
            todo += (item.right, item.left)
        else:
            yield item


def _parameters_of(facts: Facts, classes: tuple[str, ...]) -> dict[str, str]:
    """The type parameters (PEP 695) of nested classes, and their bounds."""
    found: dict[str, str] = {}
    scope = facts.scope
    for name in classes:
        defined = next((b.defined for b in reversed(scope.get(name, ())) if b.defined), None)
        if defined is None:
            break
        found |= zip(defined.type_parameters, defined.bounds, strict=True)
        scope = defined.scope
    return found


def _of_outside(found: Definition) -> Verdict:
    name = found.last
    if found.name in known.MODELS:
        why = f"returns {name} itself, which has no fields to learn"
        return Verdict("other", why, mixed=True)
    if found.is_form or modules.is_standard(found.name):
        if name in known.PLAIN or name in known.CONTAINERS:
            return OF_PLAIN
        return Verdict("other", f"returns {name}")
    if found.name.startswith("pydantic.v1."):
        return Verdict("other", f"returns {name} of Pydantic's first version")
    if found.name.startswith("pydantic.") or found.name == "pydantic_core.ErrorDetails":
        return OF_PLAIN
    return Verdict("other", f"returns {found.name}, {_NO_TYPE}")
