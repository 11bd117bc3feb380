"""Names across files: which definitions a name stands for, followed through imports."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from distilgen.source import expressions, known, modules
from distilgen.source.facts import Import

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from distilgen.source.facts import Binding, Facts
    from distilgen.source.index import Index
    from distilgen.source.reads import Known

    Key = tuple[str, str, int]
    Seen = frozenset[tuple[str, str]]


class Definition(NamedTuple):
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

    @property
    def around(self) -> tuple[str, ...]:
        """The names of the classes that it stands in."""
        return tuple(self.name.split("."))[:-1]

    @property
    def is_form(self) -> bool:
        """Does it come from the modules of types: `typing`, `collections.abc`, builtins?"""
        return self.kind == "outside" and self.name.partition(".")[0] in known.TYPING


def key_of(found: Definition) -> Key | None:
    """What tells a binding from all others: its file, dotted name and line."""
    if found.facts is None or found.binding is None:
        return None
    return (found.facts.where, found.name, found.binding.line)


@dataclass
class Names:
    """Follows names through an index."""

    index: Index
    _names: Known[list[Definition]] = field(default_factory=dict)
    _imports: Known[list[Definition]] = field(default_factory=dict)

    def define(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...] = ()
    ) -> list[Definition]:
        """What a name or dotted name, written in `facts` inside `classes`, stands for: one
        definition for each binding that may be the one when the program runs.
        """
        if isinstance(node, ast.Name):
            name, key = node.id, (facts.where, facts.name, classes, node.id)
            known = self._names.get(key)
            if known is not None:
                return self.index.reads.again(known)
            return self.index.reads.once(
                self._names, key, lambda: list(self._name(name, facts, classes, frozenset()))
            )
        if not isinstance(node, ast.Attribute):
            return [Definition("missing", f"{ast.unparse(node)} is no name")]
        return [
            found
            for owner in self.define(node.value, facts, classes)
            for found in self._attribute_of(owner, node.attr, facts)
        ]

    def _name(
        self, name: str, facts: Facts, classes: tuple[str, ...], seen: Seen
    ) -> Iterator[Definition]:
        # A method or field named `list` does not hide the type: annotations are evaluated outside.
        inner = class_scope(facts, classes).get(name, ())
        found = tuple(item for item in inner if not is_field(item, name))
        if found:
            yield from self._bindings(found, facts, (*classes, name), seen)
            return
        bound = self.index.bindings(facts, name)
        if bound:
            yield from self._bindings(bound, facts, (name,), seen)
            return
        starred = list(self._starred(name, facts, seen))
        if starred:
            yield from starred
        elif hasattr(builtins, name):
            yield Definition("outside", f"builtins.{name}")
        else:
            yield Definition("missing", self._why_unbound(name, facts))

    def _why_unbound(self, name: str, facts: Facts) -> str:
        for star in self.index.whole(facts).stars:
            module = absolute(star, facts)
            if module and not self._is_known(module, facts.folder):
                return self._why_unread(module, facts.folder)
        return f"nothing in {facts.name} binds the name {name}"

    def _why_without(self, name: str, facts: Facts) -> str:
        for star in self.index.whole(facts).stars:
            module = absolute(star, facts)
            if module and self.index.is_compiled(module, facts.folder):
                return self._why_unread(module, facts.folder)
        return f"module {facts.name} has no {name}"

    def _why_unread(self, module: str, near: Path | None) -> str:
        if self.index.is_compiled(module, near):
            return f"module {module} is compiled: its source cannot be read"
        return f"cannot find module {module}: is its environment active?"

    def _is_known(self, module: str, near: Path) -> bool:
        return (
            self._is_unread(module)
            or self.index.module(module, near) is not None
            or self.index.is_folder(module)
        )

    def _bindings(
        self, bindings: tuple[Binding, ...], facts: Facts, path: tuple[str, ...], seen: Seen
    ) -> Iterator[Definition]:
        counted = _that_count(bindings, path[-1])
        found: list[Definition] = []
        for binding in counted:
            if binding.imported is not None:
                found += self._imported(binding.imported, facts, seen)
            elif binding.kind != "import":
                found.append(Definition(binding.kind, ".".join(path), facts, binding))
        yield from _that_are(found, facts) if len(counted) > 1 else found

    def _imported(self, wanted: Import, facts: Facts, seen: Seen) -> Iterator[Definition]:
        module = absolute(wanted, facts)
        if module is None:
            why = f"a relative import in {facts.name} leads out of its package"
            yield Definition("missing", why)
        elif wanted.name is None:
            yield Definition("module", module)
        else:
            yield from self._imported_name(module, wanted.name, facts.folder, seen)

    def _imported_name(
        self, module: str, name: str, near: Path, seen: Seen
    ) -> Iterable[Definition]:
        if seen:
            return self._attribute(module, name, near, seen)
        beside = None if self.index.module(module) else near
        return self.index.reads.once(
            self._imports,
            (module, name, beside),
            lambda: list(self._attribute(module, name, beside, seen)),
        )

    def _attribute(
        self, module: str, name: str, near: Path | None, seen: Seen
    ) -> Iterator[Definition]:
        inner = f"{module}.{name}" if module else name
        if (module, name) in seen:  # `from . import models` in the package itself: the submodule
            if self.index.module(inner, near):
                yield Definition("module", inner)
            return
        seen |= {(module, name)}
        if self._is_unread(module):
            yield Definition("outside", inner)
            return
        facts = self.index.module(module, near)
        bound = self.index.bindings(facts, name) if facts else ()
        if facts and bound:
            yield from self._bindings(bound, facts, (name,), seen)
            return
        starred = list(self._starred(name, facts, seen)) if facts else []
        if any(item.kind != "module" for item in starred):
            yield from starred
        elif self.index.module(inner, near):
            yield Definition("module", inner)  # hides a module that a star happens to bring
        elif starred:
            yield from starred
        elif self.index.is_folder(inner):
            yield Definition("module", inner)
        elif inner in known.MODELS:
            yield Definition("outside", inner)
        elif self.index.is_compiled(inner, near):
            yield Definition("module", inner)
        elif facts and self.index.bindings(facts, "__getattr__"):
            yield from self._lazy(name, facts, seen)
        elif facts:
            yield Definition("missing", self._why_without(name, facts))
        else:
            yield Definition("missing", self._why_unread(module, near))

    def _lazy(self, name: str, facts: Facts, seen: Seen) -> Iterator[Definition]:
        """What a module's `__getattr__` gives, if a table of the module says where it comes from:
        `{"Item": ".models"}`, `{"Item": (".models", "Item")}`, `{"models": ["Item"]}`.
        """
        scope = self.index.whole(facts).scope
        for binding in (item for found in scope.values() for item in found):
            text = binding.expression or ""
            if "{" not in text or (f'"{name}"' not in text and f"'{name}'" not in text):
                continue
            for module, attribute in _entries(text, name):
                level = len(module) - len(module.lstrip("."))
                wanted = Import(module.lstrip("."), level, attribute)
                found = list(self._imported(wanted, facts, seen))
                if not found or found[0].kind == "missing":
                    wanted = Import(module.lstrip("."), 1, attribute)
                    found = list(self._imported(wanted, facts, seen))
                if found and found[0].kind != "missing":
                    yield from found
                    return
        yield Definition("missing", f"module {facts.name} makes {name} when it is asked for it")

    def _is_unread(self, module: str) -> bool:
        """Is it a package whose names we know, or of the standard library? A module of the project
        hides one of the latter, unless Python or Pydantic has imported that before.
        """
        top = module.partition(".")[0]
        if top in known.UNREAD:
            return True
        if not modules.is_standard(top):
            return False
        return top in known.LOADED or not self.index.is_in_first_root(top)

    def _starred(self, name: str, facts: Facts, seen: Seen) -> Iterator[Definition]:
        """What the last of the star imports that have the name brings."""
        for star in reversed(self.index.whole(facts).stars):
            module = absolute(star, facts)
            if not module:
                continue
            target = self.index.module(module, facts.folder)
            if target is None or (target.name, name) in seen:
                continue
            if not _is_public(name, self.index.whole(target)):
                continue
            if self._is_unread(module):
                if target.exported is not None or self.index.bindings(target, name):
                    yield Definition("outside", f"{module}.{name}")
                    return
                continue
            brought = self._attribute(target.name, name, facts.folder, seen)
            found = [item for item in brought if item.kind != "missing"]
            if found:
                yield from found
                return

    def _attribute_of(self, owner: Definition, name: str, near: Facts) -> Iterator[Definition]:
        if owner.kind == "module":
            yield from self._attribute(owner.name, name, near.folder, frozenset())
        elif owner.kind == "class":
            found = list(self._member(owner, name, set()))
            yield from found or [Definition("missing", f"class {owner.name} has no {name}")]
        elif owner.kind in ("missing", "function"):
            yield owner
        elif owner.kind == "value":
            yield from self._attribute_of_value(owner, name)
        else:
            yield Definition("outside", f"{owner.name}.{name}")

    def _member(
        self, owner: Definition, name: str, seen: set[tuple[str, str]]
    ) -> Iterator[Definition]:
        """What a class or a base of it binds in its body."""
        facts, defined = owner.facts, owner.binding and owner.binding.defined
        if facts is None or not defined or (facts.where, owner.name) in seen:
            return
        seen.add((facts.where, owner.name))
        inner = defined.scope.get(name)
        if inner:
            path = (*owner.name.split("."), name)
            yield from self._bindings(inner, facts, path, frozenset())
            return
        for text in defined.bases:
            for base in self.define(expressions.head(text), facts, owner.around):
                found = list(self._member(base, name, seen)) if base.kind == "class" else []
                if found:
                    yield from found
                    return

    def _attribute_of_value(self, owner: Definition, name: str) -> Iterator[Definition]:
        """`Alias.Inner`, where `Alias` is another name of a class or module."""
        text, facts = owner.binding and owner.binding.expression, owner.facts
        try:
            node = expressions.shared(text) if text else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            node = None
        if facts is None or not isinstance(node, ast.Name | ast.Attribute):
            yield Definition("missing", f"{owner.name} is nothing that we can follow to {name}")
            return
        for found in self.define(node, facts, owner.around):
            if found != owner:
                yield from self._attribute_of(found, name, facts)


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


def _entries(text: str, name: str) -> Iterator[tuple[str, str]]:
    """(module, attribute) of what a table in source text says of a name."""
    try:
        table = ast.literal_eval(text)
    except expressions.BROKEN:
        return
    for key, value in table.items() if isinstance(table, dict) else ():
        match key, value:
            case str(), str() if key == name:
                module, _, attribute = value.partition(":")
                yield module, attribute or name
                if "." in value.lstrip("."):
                    module, _, attribute = value.rpartition(".")
                    yield module, attribute
            case str(), (str() as module, str() as attribute) if key == name:
                yield module, attribute
                yield module + attribute if attribute[0] == "." else module, name
            case str(), list() | tuple() | set() if name in value:
                yield key, name


def _is_public(name: str, target: Facts) -> bool:
    """Does a star import of a module bring the name?"""
    if target.exported is not None:
        return name in target.exported
    return name[0] != "_" or name in target.exported_too


def _that_count(bindings: tuple[Binding, ...], name: str) -> tuple[Binding, ...]:
    """Of the bindings of a name those that may hold when the program runs: not what is for type
    checkers only, where there is more, and nothing before one that is made in any case.
    """
    if len(bindings) == 1:
        return bindings
    counted = [item for item in bindings if not item.typing_only]
    if not counted or all(_is_made_by_call(item) for item in counted):
        # What a call makes, `LazyLoader("pydantic")`, is what type checkers are told that it is.
        counted = list(bindings)
    types = [item for item in counted if item.kind != "function"] or counted
    for place in range(len(types) - 1, 0, -1):
        if not types[place].conditional and not _refers_to(types[place], name):
            return tuple(types[place:])
    return tuple(types)


def _that_are(found: list[Definition], facts: Facts) -> list[Definition]:
    """Of what the branches of a `try` or `if` bind: not what is missing, where another branch
    imports what is there instead, and no None that says that it is missing, where it is there.
    """
    there = [item for item in found if item.kind in ("class", "value") and not _is_none(item)]
    if any(item.facts is not facts for item in there):
        found = [item for item in found if item.kind != "missing"]
    if there and not any(item.kind == "missing" for item in found):
        found = [item for item in found if not _is_none(item)]
    return found


def _is_none(item: Definition) -> bool:
    binding = item.binding
    return binding is not None and binding.conditional and binding.expression == "None"


def _is_made_by_call(binding: Binding) -> bool:
    return binding.kind == "value" and (binding.expression or "").endswith(")")


def is_field(binding: Binding, name: str) -> bool:
    """Is what a class binds no type: a method; or a value with the name of a builtin type, which is
    no other name of a type?
    """
    if binding.kind != "value" or not hasattr(builtins, name):
        return binding.kind == "function"
    try:
        node = expressions.shared(binding.expression or "None")
    except expressions.BROKEN:
        return True
    return not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp)


def _refers_to(binding: Binding, name: str) -> bool:
    """May a binding make something of what the name stood for before: `A = decorated(A)`?"""
    defined = binding.defined
    texts = [binding.expression, *(defined.bases if defined else ())]
    made = binding.kind == "value" and binding.expression is None
    return made or any(text and (name in text or _is_made(text)) for text in texts)


def _is_made(text: str) -> bool:
    """Does a call make it, as opposed to `Annotated[Item, Field(title="…")]`?"""
    if "(" not in text:
        return False
    try:
        return not isinstance(expressions.shared(text), ast.Subscript | ast.BinOp)
    except expressions.BROKEN:
        return True
