"""Where a type comes from: the statements of the project that its schema depends on.

They are found by reading: what a type names, what the statements that bind those names name, and so
on through the project's modules, with the statements that `ondemand` would execute for a name. That
is at least what evaluation executes, it does not depend on what was evaluated before, and needs no
package of the project's: where a type cannot be evaluated, digests of the statements still tell
whether it is the same that it was.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.source import digests, expressions, files, known, mentions, modules, slices
from distilgen.source.digests import CALLED, PASSED
from distilgen.source.expressions import last_name
from distilgen.source.reader import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from distilgen.source.mentions import Mention

_BUILTIN = frozenset(dir(builtins))


@dataclass(frozen=True)
class Sources:
    """digests: of the statements that bind a name, by `module:name`, sorted. packages: the modules
    that they import from outside the project, by the first part of their names.
    """

    digests: dict[str, str]
    packages: frozenset[str]


@dataclass(frozen=True)
class _Slice:
    """What binds a name in a module. imports: (module, name in it or empty) of what it imports.
    alone: it does nothing but import.
    """

    statements: tuple[ast.stmt, ...]
    mentions: tuple[Mention, ...]
    imports: tuple[tuple[str, str], ...]
    alone: bool


@dataclass
class _Unit:
    """A module of the project. near: the folder of the script that asked for it."""

    name: str
    path: Path
    tree: ast.Module
    near: Path | None
    slices: dict[tuple[str, int], _Slice] = field(default_factory=dict)
    digests: dict[tuple[str, int], str] = field(default_factory=dict)
    modules: dict[str, str | None] = field(default_factory=dict)

    @cached_property
    def binders(self) -> dict[str, list[ast.stmt]]:
        slices.mark_changes(self.tree)
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in dict.fromkeys(slices.bound(statement)):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def stars(self) -> list[ast.ImportFrom]:
        return slices.stars(self.tree)

    @cached_property
    def filling(self) -> list[ast.stmt]:
        return slices.filling(self.tree)

    @cached_property
    def strings(self) -> list[str]:
        return [
            node.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]

    def may_have(self, name: str) -> bool:
        return name in self.binders or bool(self.stars or self.filling)

    def absolute(self, module: str, level: int) -> str:
        """The module that an import names; empty for what leads out of all packages."""
        if not level:
            return module
        packages = self.name.split(".")
        if self.name == "__init__":
            packages = []  # an import root that is a package
        elif self.path.stem != "__init__":
            packages.pop()
        if level > len(packages):
            return module
        return ".".join([*packages[: len(packages) - level + 1], *([module] if module else [])])

    def slice(self, name: str, use: int) -> _Slice:
        """What binds a name; `*` is for the star imports."""
        key = (name, use)
        if key not in self.slices:
            binders = self.stars if name == "*" else self.binders[name]
            found = [
                digests.trimmed(piece, use)
                for item in binders
                for piece in ([item] if name == "*" else slices.pieces(item, name))
            ]
            imported = [] if name == "*" else list(self._imports(found, name))
            alone = bool(imported) and all(slices.is_import(item) for item in _leaves(found))
            self.slices[key] = _Slice(tuple(found), mentions.of(found), tuple(imported), alone)
        return self.slices[key]

    def digest(self, name: str, use: int) -> str:
        """Of what binds a name, together with the imports that bring what it mentions."""
        key = (name, use)
        if key not in self.digests:
            found = self.slice(name, use)
            named = sorted({mention.name for mention in found.mentions} & self.binders.keys())
            brought = [self.slice(item, use) for item in named if item != name]
            whole = [found, *(item for item in brought if item.alone)]
            self.digests[key] = digests.digest(part for item in whole for part in item.statements)
        return self.digests[key]

    def _imports(self, statements: Sequence[ast.stmt], name: str) -> Iterator[tuple[str, str]]:
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        top = alias.name.partition(".")[0]
                        if (alias.asname or top) == name:
                            yield (alias.name if alias.asname else top), ""
                elif isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            yield self.absolute(node.module or "", node.level), alias.name
                elif isinstance(node, ast.Call) and last_name(node.func) == "import_module":
                    text = getattr(node.args[0], "value", None) if node.args else None
                    if isinstance(text, str):
                        level = len(text) - len(text.lstrip("."))
                        yield self.absolute(text[level:], level), ""


@dataclass
class Origins:
    """The modules of a project, read when they are first asked for. roots: its import roots."""

    roots: Sequence[Path]
    _units: dict[tuple[str, Path | None], _Unit | None] = field(default_factory=dict)
    _places: dict[tuple[str, Path | None], Path | None] = field(default_factory=dict)

    def of(
        self, name: str, path: Path, annotations: Iterable[str], classes: Sequence[str]
    ) -> Sources:
        """What annotations of a function depend on.

        name, path: of its module. classes: those that it stands in, whose names annotations find.
        """
        unit = self._start(name, path)
        if unit is None:
            return Sources({}, frozenset())
        parsed = []
        for text in annotations:
            try:
                parsed.append(expressions.parse(text.removeprefix("*")))
            except expressions.BROKEN:
                continue
        named = mentions.of(parsed)
        walk = _Walk(self)
        if not _own_names(unit, classes).isdisjoint(mention.name for mention in named):
            walk.need(unit, classes[0], PASSED)
        walk.start(unit, named)
        return walk.sources()

    def unit(self, name: str, near: Path | None) -> _Unit | None:
        """A module of the project; None for what is none, or does not parse."""
        key = (name, near)
        if key not in self._units:
            path = self.place(name, near)
            self._units[key] = _parsed(name, path, near) if path else None
        return self._units[key]

    def place(self, name: str, near: Path | None) -> Path | None:
        """The file of a module of the project."""
        key = (name, near)
        if key not in self._places:
            self._places[key] = self._place(name, near)
        return self._places[key]

    def _place(self, name: str, near: Path | None) -> Path | None:
        top = name.partition(".")[0]
        if modules.is_standard(top) and (
            top in known.LOADED or not modules.find(top, self.roots[:1])
        ):
            return None
        return modules.find(name, [*self.roots, *([near] if near else [])])

    def is_folder(self, name: str, near: Path | None) -> bool:
        """Is it a namespace package of the project?"""
        return modules.is_namespace(name, [*self.roots, *([near] if near else [])])

    def _start(self, name: str, path: Path) -> _Unit | None:
        is_below = modules.find(name, self.roots) == path
        if is_below and (path.parent / "__init__.py").exists():
            return self.unit(name, None)
        key = (f"{path}", path.parent)
        if key not in self._units:
            self._units[key] = _parsed(name, path, path.parent)
        return self._units[key]


class _Walk:
    """One walk from annotations through the modules."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._seen: dict[tuple[Path, str], int] = {}
        self._todo: list[tuple[_Unit, str, int]] = []
        self._digests: dict[str, str] = {}
        self._packages: set[str] = set()

    def sources(self) -> Sources:
        while self._todo:
            unit, name, use = self._todo.pop()
            found = unit.slice(name, use)
            for module, attribute in found.imports:
                self._imported(unit, module, attribute, use)
            for mention in found.mentions:
                self.follow(unit, mention)
        return Sources(dict(sorted(self._digests.items())), frozenset(self._packages))

    def start(self, unit: _Unit, named: Sequence[Mention]) -> None:
        """What annotations need that mention these names."""
        names = sorted({item.name for item in named if self._tells(unit, item.name)})
        if names:
            found = [part for name in names for part in unit.slice(name, PASSED).statements]
            self._digests[f"{unit.name}:import"] = digests.digest(found)
        for mention in named:
            self.follow(unit, mention)

    def _shared(self, unit: _Unit, name: str, use: int) -> None:
        """Need what a module has for others."""
        if self._tells(unit, name):
            self._digests[f"{unit.name}:{name}"] = unit.digest(name, use)
        self.need(unit, name, use)

    def _tells(self, unit: _Unit, name: str) -> bool:
        """Does an import say what no digest of a statement of the project's will: what a name is
        outside of it, or that it stands for another?
        """
        if name not in unit.binders or not unit.slice(name, PASSED).alone:
            return False
        ((module, attribute), *more) = unit.slice(name, PASSED).imports
        outside = not self._origins.place(module, unit.near)
        return bool(more) or outside or attribute not in (name, "")

    def follow(self, unit: _Unit, mention: Mention) -> None:
        """What a mention in a module needs."""
        name, attributes, use = mention
        if not self.need(unit, name, use):
            return
        module = self._module_of(unit, name)
        for attribute in attributes:
            if module is None:
                return
            inner = self._origins.unit(module, unit.near)
            is_module = self._is_module(module, attribute, unit)
            if inner and (attribute in inner.binders or not is_module):
                self._shared(inner, attribute, use)
                module = self._module_of(inner, attribute)
            else:
                module = f"{module}.{attribute}"
        whole = self._origins.unit(module, unit.near) if module else None
        if whole and use >= PASSED:
            for bound in whole.binders:
                self._shared(whole, bound, PASSED)  # the module as a value: any name may matter

    def need(self, unit: _Unit, name: str, use: int) -> bool:
        """Note what binds a name; what that needs comes later. Is there anything?"""
        key = (unit.path, name)
        if self._seen.get(key, -1) >= use:
            return True
        if name not in unit.binders:
            return self._brought(unit, name, use)
        self._seen[key] = use
        if not unit.slice(name, use).alone:
            self._digests[f"{unit.name}:{name}"] = unit.digest(name, use)
        self._todo.append((unit, name, use))
        return True

    def _imported(self, unit: _Unit, module: str, attribute: str, use: int) -> None:
        inner = self._origins.unit(module, unit.near)
        if inner is None:
            top = module.partition(".")[0]
            inside = self._origins.place(top, unit.near) or self._origins.is_folder(top, unit.near)
            if top and not inside and not modules.is_standard(top):
                self._packages.add(top)
        elif attribute and inner is not unit:
            bound = attribute in inner.binders
            if bound or not self._is_module(module, attribute, unit):
                self._shared(inner, attribute, use)

    def _is_module(self, module: str, name: str, unit: _Unit) -> bool:
        full = f"{module}.{name}" if module else name
        near = unit.near
        return bool(self._origins.place(full, near)) or self._origins.is_folder(full, near)

    def _module_of(self, unit: _Unit, name: str) -> str | None:
        """The module of the project that a name stands for."""
        if name not in unit.modules:
            unit.modules[name] = None  # what leads back here is none
            unit.modules[name] = self._found_module(unit, name)
        return unit.modules[name]

    def _found_module(self, unit: _Unit, name: str) -> str | None:
        if name not in unit.binders:
            return None
        for module, attribute in unit.slice(name, CALLED).imports:
            inner = self._origins.unit(module, unit.near)
            if not attribute:
                if inner or self._origins.is_folder(module, unit.near):
                    return module
                continue
            if inner and inner is not unit and attribute in inner.binders:
                found = self._module_of(inner, attribute)
                if found:
                    return found
            if self._is_module(module, attribute, unit):
                return f"{module}.{attribute}" if module else attribute
        return None

    def _brought(self, unit: _Unit, name: str, use: int) -> bool:
        """A name that a star import brings, or the module's `__getattr__`, or what fills it."""
        self._seen[unit.path, name] = use
        found = False
        for star in unit.stars:
            module = unit.absolute(star.module or "", star.level)
            inner = self._origins.unit(module, unit.near)
            if inner is None:
                self._imported(unit, module, "", use)
            elif inner.may_have(name):
                found = self.need(inner, name, use) or found
        if name in _BUILTIN and not found:
            return False
        if unit.stars:
            self._digests[f"{unit.name}:*"] = digests.digest(unit.stars)
        if "__getattr__" in unit.binders:
            self.need(unit, "__getattr__", CALLED)
            for inner in self._lazy(unit):
                if name in inner.binders:
                    self.need(inner, name, use)
        if unit.filling:
            self._digests[f"{unit.name}:*"] = digests.digest(unit.filling)
        return True

    def _lazy(self, unit: _Unit) -> Iterator[_Unit]:
        """The modules that strings of a module may name, as the table of its `__getattr__` does."""
        for text in unit.strings:
            level = len(text) - len(text.lstrip("."))
            for tried in (unit.absolute(text[level:], level), unit.absolute(text, 1)):
                inner = self._origins.unit(tried, unit.near) if tried else None
                if inner and inner is not unit:
                    yield inner


def _parsed(name: str, path: Path, near: Path | None) -> _Unit | None:
    try:
        return _Unit(name, path, files.read(path).tree, near)
    except SourceError:
        return None


def _leaves(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The simple statements."""
    for node in slices.in_scope([*statements]):
        if not blocks_of(node) and not isinstance(node, ast.Pass):
            yield node


def _own_names(unit: _Unit, classes: Sequence[str]) -> set[str]:
    """The names that the classes around a function bind, but for functions."""
    body, found = unit.tree.body, set[str]()
    for name in classes:
        inner = [n for n in slices.in_scope(body) if isinstance(n, ast.ClassDef) and n.name == name]
        if not inner:
            return found
        body = inner[-1].body
        found = {
            bound
            for node in body
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for bound in slices.bound(node)
        }
    return found
