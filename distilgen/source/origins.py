"""Where a type comes from: the statements of the project that its schema depends on.

They are found by reading: what a type names, what the statements that bind those names name, and so
on through the project's modules, with the statements that `ondemand` would execute for a name. That
is at least what evaluation executes, it does not depend on what was evaluated before, and needs no
package of the project's: where a type cannot be evaluated, digests of the statements still tell
whether it is the same that it was.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.source import digests, expressions, known, mentions, modules, units
from distilgen.source.digests import CALLED, PASSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from distilgen.source.files import SourceFile
    from distilgen.source.mentions import Mention
    from distilgen.source.units import Unit

_BUILTIN = frozenset(dir(builtins))


@dataclass(frozen=True)
class Sources:
    """digests: of the statements that bind a name, by `module:name`, sorted. packages: the modules
    that they import from outside the project, by the first part of their names.
    """

    digests: dict[str, str]
    packages: frozenset[str]


@dataclass
class Origins:
    """The modules of a project, read when they are first asked for. roots: its import roots."""

    roots: Sequence[Path]
    _units: dict[tuple[str, Path | None], Unit | None] = field(default_factory=dict)
    _places: dict[tuple[str, Path | None], Path | None] = field(default_factory=dict)

    def of(
        self,
        name: str,
        path: Path,
        annotations: Iterable[str],
        classes: Sequence[str],
        source: SourceFile | None = None,
    ) -> Sources:
        """What annotations of a function depend on.

        name, path: of its module. classes: those that it stands in, whose names annotations find.
        source: the module's file, where it has been read.
        """
        unit = self._start(name, path, source)
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
        if not unit.own_names(classes).isdisjoint(mention.name for mention in named):
            walk.need(unit, classes[0], PASSED)
        walk.start(unit, named)
        return walk.sources()

    def unit(self, name: str, near: Path | None, source: SourceFile | None = None) -> Unit | None:
        """A module of the project; None for what is none, or does not parse."""
        key = (name, near)
        if key not in self._units:
            path = self.place(name, near)
            read = source if source and source.path == path else None
            self._units[key] = units.read(name, path, near, read) if path else None
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

    def _start(self, name: str, path: Path, source: SourceFile | None) -> Unit | None:
        is_below = modules.find(name, self.roots) == path
        if is_below and (path.parent / "__init__.py").exists():
            return self.unit(name, None, source)
        key = (f"{path}", path.parent)
        if key not in self._units:
            self._units[key] = units.read(name, path, path.parent, source)
        return self._units[key]


class _Walk:
    """One walk from annotations through the modules."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._seen: dict[tuple[Path, str], int] = {}
        self._todo: list[tuple[Unit, str, int]] = []
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

    def start(self, unit: Unit, named: Sequence[Mention]) -> None:
        """What annotations need that mention these names."""
        names = sorted({item.name for item in named if self._tells(unit, item.name)})
        if names:
            found = [part for name in names for part in unit.slice(name, PASSED).alone]
            self._digests[f"{unit.name}:import"] = digests.digest(found)
        for mention in named:
            self.follow(unit, mention)

    def _shared(self, unit: Unit, name: str, use: int) -> None:
        """Need what a module has for others."""
        if self._tells(unit, name):
            self._digests[f"{unit.name}:{name}"] = unit.digest(name, use)
        self.need(unit, name, use)

    def _tells(self, unit: Unit, name: str) -> bool:
        """Does an import say what no digest of a statement of the project's will: what a name is
        outside of it, or that it stands for another?
        """
        if name not in unit.binders or not unit.slice(name, PASSED).alone:
            return False
        ((module, attribute), *more) = unit.slice(name, PASSED).imports
        outside = not self._origins.place(module, unit.near)
        return bool(more) or outside or attribute not in (name, "")

    def follow(self, unit: Unit, mention: Mention) -> None:
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

    def need(self, unit: Unit, name: str, use: int) -> bool:
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

    def _imported(self, unit: Unit, module: str, attribute: str, use: int) -> None:
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

    def _is_module(self, module: str, name: str, unit: Unit) -> bool:
        full = f"{module}.{name}" if module else name
        near = unit.near
        return bool(self._origins.place(full, near)) or self._origins.is_folder(full, near)

    def _module_of(self, unit: Unit, name: str) -> str | None:
        """The module of the project that a name stands for."""
        if name not in unit.modules:
            unit.modules[name] = None  # what leads back here is none
            unit.modules[name] = self._found_module(unit, name)
        return unit.modules[name]

    def _found_module(self, unit: Unit, name: str) -> str | None:
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

    def _brought(self, unit: Unit, name: str, use: int) -> bool:
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
            self._digests[f"{unit.name}:*"] = unit.filling
        return True

    def _lazy(self, unit: Unit) -> Iterator[Unit]:
        """The modules that strings of a module may name, as the table of its `__getattr__` does."""
        for text in unit.strings:
            level = len(text) - len(text.lstrip("."))
            for tried in (unit.absolute(text[level:], level), unit.absolute(text, 1)):
                inner = self._origins.unit(tried, unit.near) if tried else None
                if inner and inner is not unit:
                    yield inner
