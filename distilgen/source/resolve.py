"""Names across files: what an annotation's names stand for, and whether that is a Pydantic type."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from distilgen.source import expressions, known, modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from distilgen.source.facts import Binding, Class, Facts, Import
    from distilgen.source.index import Index


@dataclass(frozen=True)
class Definition:
    """What a name finally stands for.

    kind: `class` and `value` are bound in `facts`; `module` and `outside` have a dotted name only;
    `missing` has the reason in `name`.
    """

    kind: Literal["class", "value", "function", "module", "outside", "missing"]
    name: str
    facts: Facts | None = None
    binding: Binding | None = None

    @property
    def last(self) -> str:
        """The last part of the dotted name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Verdict:
    """What an annotation holds.

    `model`: at least one Pydantic type, and nothing that has no JSON schema. `plain`: values with
    a JSON schema, but no Pydantic type. `other`: something else, `why` says what.
    """

    kind: Literal["model", "plain", "other"]
    why: str = ""


_MODEL, _OF_PLAIN = Verdict("model"), Verdict("plain")


@dataclass
class Resolver:
    """Follows names through an index."""

    index: Index
    _classes: dict[tuple[Path, str, int], Verdict] = field(default_factory=dict)

    def classify(self, text: str, facts: Facts, classes: tuple[str, ...] = ()) -> Verdict:
        """What the annotation `text`, written in `facts` inside `classes`, holds."""
        try:
            node = expressions.unquoted(expressions.parse(text))
        except (SyntaxError, ValueError):
            return Verdict("other", "its return annotation does not parse")
        return self._of(node, facts, classes, frozenset())

    def define(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...] = ()
    ) -> list[Definition]:
        """What a name or dotted name stands for: one definition a binding, as written."""
        if isinstance(node, ast.Name):
            return list(self._name(node.id, facts, classes, frozenset()))
        if not isinstance(node, ast.Attribute):
            return [Definition("missing", f"{ast.unparse(node)} is no name")]
        return [
            found
            for owner in self.define(node.value, facts, classes)
            for found in self._attribute_of(owner, node.attr, facts)
        ]

    # -- names ----------------------------------------------------------------------------------

    def _name(
        self, name: str, facts: Facts, classes: tuple[str, ...], seen: frozenset[tuple[str, str]]
    ) -> Iterator[Definition]:
        # A method named `list` does not hide the type: annotations are evaluated outside.
        inner = class_scope(facts, classes).get(name, ())
        found = tuple(item for item in inner if item.kind != "function")
        if found:
            yield from self._bindings(found, facts, (*classes, name), seen)
            return
        if name in facts.scope:
            yield from self._bindings(facts.scope[name], facts, (name,), seen)
            return
        starred = list(self._starred(name, facts, seen))
        yield from starred or [Definition("outside", f"builtins.{name}")]

    def _bindings(
        self,
        bindings: tuple[Binding, ...],
        facts: Facts,
        path: tuple[str, ...],
        seen: frozenset[tuple[str, str]],
    ) -> Iterator[Definition]:
        for binding in bindings:
            if binding.imported is None:
                yield Definition(
                    binding.kind if binding.kind != "import" else "value",
                    ".".join(path),
                    facts,
                    binding,
                )
            else:
                yield from self._imported(binding.imported, facts, seen)

    def _imported(
        self, wanted: Import, facts: Facts, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Definition]:
        module = absolute(wanted, facts)
        if module is None:
            yield Definition(
                "missing", f"a relative import in {facts.name} leads out of its package"
            )
        elif wanted.name is None:
            yield Definition("module", module)
        else:
            yield from self._attribute(module, wanted.name, facts.path.parent, seen)

    def _attribute(
        self, module: str, name: str, near: Path | None, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Definition]:
        inner = f"{module}.{name}" if module else name
        if (module, name) in seen:  # `from . import models` in the package itself: the submodule
            if self.index.module(inner, near):
                yield Definition("module", inner)
            return
        seen |= {(module, name)}
        if module.partition(".")[0] in known.UNREAD or modules.is_standard(module):
            yield Definition("outside", f"{module}.{name}")
            return
        facts = self.index.module(module, near)
        if facts and name in facts.scope:
            yield from self._bindings(facts.scope[name], facts, (name,), seen)
            return
        starred = list(self._starred(name, facts, seen)) if facts else []
        if starred:
            yield from starred
        elif self.index.module(inner, near) or self.index.is_folder(inner):
            yield Definition("module", inner)
        elif inner in known.MODELS:
            yield Definition("outside", inner)
        elif facts:
            yield Definition("missing", f"module {module} has no {name}")
        else:
            yield Definition("missing", f"cannot find module {module}: is its environment active?")

    def _starred(
        self, name: str, facts: Facts, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Definition]:
        for star in facts.stars:
            module = absolute(star, facts)
            target = self.index.module(module, facts.path.parent) if module else None
            if target is None or (target.name, name) in seen:
                continue
            public = name in target.exported if target.exported is not None else name[0] != "_"
            if public:
                found = list(self._attribute(target.name, name, None, seen))
                yield from (item for item in found if item.kind != "missing")

    def _attribute_of(self, owner: Definition, name: str, near: Facts) -> Iterator[Definition]:
        if owner.kind == "module":
            yield from self._attribute(owner.name, name, near.path.parent, frozenset())
        elif owner.kind == "class" and owner.facts and owner.binding and owner.binding.defined:
            inner = owner.binding.defined.scope.get(name)
            if inner:
                path = (*owner.name.split("."), name)
                yield from self._bindings(inner, owner.facts, path, frozenset())
            else:
                yield Definition("missing", f"class {owner.name} has no {name}")
        elif owner.kind == "missing":
            yield owner
        else:
            yield Definition("outside", f"{owner.name}.{name}")

    # -- types ----------------------------------------------------------------------------------

    def _of(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...], seen: frozenset[str]
    ) -> Verdict:
        match node:
            case ast.Constant(value=None):
                return _OF_PLAIN
            case ast.Name() | ast.Attribute():
                return self._best(self.define(node, facts, classes), seen)
            case ast.BinOp(op=ast.BitOr()):
                return _joined(
                    self._of(side, facts, classes, seen) for side in (node.left, node.right)
                )
            case ast.Subscript():
                return self._subscript(node, facts, classes, seen)
        return Verdict("other", f"returns {ast.unparse(node)}, which is no type")

    def _subscript(
        self, node: ast.Subscript, facts: Facts, classes: tuple[str, ...], seen: frozenset[str]
    ) -> Verdict:
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        items = [item for item in items if not _is_ellipsis(item)]
        for found in self.define(node.value, facts, classes):
            name = found.last
            if found.kind == "outside" and _is_typing(found.name):
                if name in known.FIRST_ONLY:
                    return self._of(items[0], facts, classes, seen)
                if name in known.UNIONS or name in known.CONTAINERS:
                    return _joined(self._of(item, facts, classes, seen) for item in items)
                if name in known.PLAIN:
                    return _OF_PLAIN
                return Verdict("other", f"returns {name}[…]")
            verdict = _MODEL if found.name in known.ROOT_MODELS else self._best([found], seen)
            if verdict.kind != "model":
                return verdict
            inner = _joined(self._of(item, facts, classes, seen) for item in items)
            return _MODEL if inner.kind != "other" else inner
        return Verdict("other", f"returns {ast.unparse(node)}, which cannot be resolved")

    def _best(self, found: list[Definition], seen: frozenset[str]) -> Verdict:
        """The verdict on a name bound more than once: a model if any is one, else the last's."""
        verdict = Verdict("other", "its return type is defined in terms of itself")
        for definition in found:
            verdict = self._of_definition(definition, seen)
            if verdict.kind == "model":
                break
        return verdict

    def _of_definition(self, found: Definition, seen: frozenset[str]) -> Verdict:
        match found.kind:
            case "missing":
                return Verdict("other", found.name)
            case "outside":
                return _of_outside(found)
            case "class":
                return self.of_class(found)
            case "value":
                return self._of_value(found, seen)
        return Verdict("other", f"returns {found.name}, which is a {found.kind}")

    def _of_value(self, found: Definition, seen: frozenset[str]) -> Verdict:
        """A type alias, a NewType, a TypeVar, a model made by `create_model`."""
        facts, binding = found.facts, found.binding
        if facts is None or binding is None or not binding.expression:
            return Verdict("other", f"returns {found.name}, which is no type we can follow")
        key = f"{facts.path}:{found.name}:{binding.line}"
        if key in seen:
            return Verdict("other", f"the type {found.name} is defined in terms of itself")
        classes = _around(found)
        try:
            node = expressions.parse(binding.expression)
            if not isinstance(node, ast.Call):
                return self._of(expressions.unquoted(node), facts, classes, seen | {key})
            if self._makes_a_model(node, facts, classes):
                return _MODEL
            last = expressions.last_name(node.func)
            if last in known.TYPE_VARIABLES:
                return Verdict("other", f"returns the type variable {found.name}")
            if last == "NewType" and len(node.args) > 1:
                of = expressions.unquoted(node.args[1])
                return self._of(of, facts, classes, seen | {key})
        except (SyntaxError, ValueError):
            pass
        return Verdict("other", f"returns {found.name}, which is no type we can follow")

    def _makes_a_model(self, call: ast.Call, facts: Facts, classes: tuple[str, ...]) -> bool:
        return any(item.name in known.FACTORIES for item in self.define(call.func, facts, classes))

    def of_class(self, found: Definition) -> Verdict:
        """Is a class a Pydantic type, by its decorators and bases, any number of steps up?"""
        facts, binding = found.facts, found.binding
        if facts is None or binding is None or binding.defined is None:
            return Verdict("other", f"returns {found.name}")
        key = (facts.path, found.name, binding.line)
        if key not in self._classes:
            self._classes[key] = Verdict("other", f"class {found.name} inherits from itself")
            self._classes[key] = self._of_class(binding.defined, found, facts)
        return self._classes[key]

    def _of_class(self, defined: Class, found: Definition, facts: Facts) -> Verdict:
        classes = _around(found)
        for decorator in defined.decorators:
            node = expressions.parse(decorator)
            called = node.func if isinstance(node, ast.Call) else node
            if isinstance(called, ast.Name | ast.Attribute):
                names = {item.name for item in self.define(called, facts, classes)}
                if names & known.DATACLASSES:
                    return _MODEL
                if "dataclasses.dataclass" in names:
                    return _OF_PLAIN
        result, missing = Verdict("other"), ""
        for base in defined.bases:
            for definition in self._bases(expressions.parse(base), facts, classes, frozenset()):
                verdict = self._of_base(definition)
                if verdict.kind == "model":
                    return verdict
                if verdict.kind == "plain":
                    result = verdict
                elif definition.kind == "missing":
                    missing = f"; {definition.name}"
        if result.kind == "plain":
            return result
        return Verdict("other", f"returns {found.name}, which is no Pydantic type{missing}")

    def _bases(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...], seen: frozenset[str]
    ) -> Iterator[Definition]:
        """What a base class stands for, other names of it followed."""
        target = node.value if isinstance(node, ast.Subscript) else node
        if isinstance(target, ast.Call) and self._makes_a_model(target, facts, classes):
            yield Definition("outside", "pydantic.BaseModel")
        if not isinstance(target, ast.Name | ast.Attribute):
            return
        for found in self.define(target, facts, classes):
            text = found.binding.expression if found.binding else None
            if found.kind != "value" or found.facts is None or not text:
                yield found
                continue
            key = f"{found.facts.path}:{found.name}:{text}"
            if key not in seen:
                alias = expressions.parse(text)
                yield from self._bases(alias, found.facts, _around(found), seen | {key})

    def _of_base(self, found: Definition) -> Verdict:
        if found.kind == "outside":
            if found.name in known.MODELS:
                return _MODEL
            return _OF_PLAIN if found.last in known.PLAIN_BASES else Verdict("other")
        return self.of_class(found) if found.kind == "class" else Verdict("other")


def absolute(wanted: Import, facts: Facts) -> str | None:
    """The absolute name of the module that an import statement in `facts` names.

    Empty for the import root itself, which some projects make a package. None for what is above.
    """
    if not wanted.level:
        return wanted.module
    package = facts.package.split(".") if facts.package else []
    kept = len(package) - wanted.level + 1
    if kept < 0:
        return None
    return ".".join([*package[:kept], wanted.module] if wanted.module else package[:kept])


def class_scope(facts: Facts, classes: tuple[str, ...]) -> Mapping[str, tuple[Binding, ...]]:
    """What the body of the innermost of nested classes binds; nothing outside a class."""
    scope: Mapping[str, tuple[Binding, ...]] = facts.scope if classes else {}
    for name in classes:
        defined = next((b.defined for b in reversed(scope.get(name, ())) if b.defined), None)
        scope = defined.scope if defined else {}
    return scope


def _around(found: Definition) -> tuple[str, ...]:
    """The names of the classes that a definition stands in."""
    return tuple(found.name.split("."))[:-1]


def _is_typing(dotted: str) -> bool:
    return dotted.partition(".")[0] in known.TYPING


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _of_outside(found: Definition) -> Verdict:
    name = found.last
    if found.name in known.MODELS:
        return Verdict("other", f"returns {name} itself, which has no fields to learn")
    if _is_typing(found.name) or modules.is_standard(found.name):
        if name in known.PLAIN or name in known.CONTAINERS:
            return _OF_PLAIN
        return Verdict("other", f"returns {name}")
    if found.name.startswith("pydantic."):
        return _OF_PLAIN
    return Verdict("other", f"returns {found.name}, which is no Pydantic type")


def _joined(verdicts: Iterator[Verdict]) -> Verdict:
    result = _OF_PLAIN
    for verdict in verdicts:
        if verdict.kind == "other":
            return verdict
        if verdict.kind == "model":
            result = verdict
    return result
