"""The modules of a project and of its environment, as facts, read when they are asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.source import files, modules
from distilgen.source.outline import NotOutlinedError, Outline, outline
from distilgen.source.reader import facts_of
from distilgen.source.reads import Reads
from distilgen.source.scanner import outline_facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distilgen.source.facts import Binding, Facts

FOLDER, COMPILED = "folder", "compiled"
NO_SOURCE = frozenset({"", FOLDER, COMPILED})
"""What stands in the place of the path of a module whose source cannot be read."""

STARS = "*"
"""Stands for everything of a module but its single names: its star imports, what it exports."""


@dataclass
class Index:
    """The modules of a project and of its environment, read when they are first asked for.

    roots: the project's import roots. environment: where its installed packages are. reads: all
    that is asked for here is noted there.
    """

    roots: tuple[Path, ...]
    environment: tuple[Path, ...] = ()
    reads: Reads = field(default_factory=Reads)
    _modules: dict[tuple[str, str], Facts | None] = field(default_factory=dict)
    _files: dict[str, Facts | None] = field(default_factory=dict)
    _places: dict[tuple[str, str], str] = field(default_factory=dict)
    _packages: dict[str, tuple[tuple[str, ...], Path]] = field(default_factory=dict)
    _listings: dict[Path, frozenset[str]] = field(default_factory=dict)
    _compiled: dict[str, frozenset[str]] = field(default_factory=dict)

    def name_of(self, path: Path) -> tuple[str, Path]:
        """(dotted module name, its import root) of a file."""
        folder = os.path.dirname(path)  # noqa: PTH120 - of many
        if folder not in self._packages:
            self._packages[folder] = modules.package_of(path.parent, self.roots)
        package, root = self._packages[folder]
        return modules.name_in(package, path), root

    def of_file(self, source: files.SourceFile) -> Facts:
        """All facts of a file. Raises SourceError when it does not parse."""
        return self._known(facts_of(source, self.name_of(source.path)[0]))

    def of_outline(self, path: Path, raw: bytes, made: Outline | None) -> Facts:
        """The facts of a file with the functions that may be candidates, of which some are missing,
        see `facts_of`.

        made: the outline of its bytes; None where there is none. Raises SourceError when the file
        does not parse.
        """
        return self._known(_facts(path, raw, made, self.name_of(path)[0]))

    def module(self, name: str, near: Path | None = None) -> Facts | None:
        """The facts of a module, but for its functions. None when there is no source for it that
        parses.

        near: the folder of the importing file, which stands on `sys.path` when that is a script.
        """
        found = self._module("", name)
        if found is None and near is not None:
            return self._module(str(near), name)
        return found

    def is_folder(self, name: str) -> bool:
        """Is `name` a namespace package?"""
        self.reads.add("module", "", name)
        return self.place("", name) == FOLDER

    def is_compiled(self, name: str, near: Path | None = None) -> bool:
        """Is `name` a module, but not one that has its source beside it? near: as for `module`."""
        for where in ("", str(near)) if near is not None else ("",):
            self.reads.add("module", where, name)
            if self.place(where, name) == COMPILED:
                return True
        return False

    def is_in_first_root(self, name: str) -> bool:
        """Has the project's first import root, which stands before Python's own modules on
        `sys.path`, a module of that name?
        """
        if not self.roots:
            return False
        first = str(self.roots[0])
        self.reads.add("module", first, name)
        return self.place(first, name) not in ("", FOLDER)

    def place(self, near: str, name: str) -> str:
        """The path of a module's file; FOLDER for a namespace package; COMPILED for what has no
        source; empty for nothing.

        near: a folder to look in instead of the project and its environment.
        """
        key = (near, name)
        if key not in self._places:
            top = name.partition(".")[0]
            known = (Path(near),) if near else (*self.roots, *self.environment)
            roots = [root for root in known if self._may_hold(root, top)]
            found = str(modules.find(name, roots) or "")
            if not found and self._is_compiled(name, roots if "." in name else known):
                found = COMPILED
            self._places[key] = found or (FOLDER if modules.is_namespace(name, roots) else "")
        return self._places[key]

    def bindings(self, facts: Facts, name: str) -> tuple[Binding, ...]:
        """What binds a name at the top level of a module."""
        self.reads.add("name", facts.where, name)
        return facts.scope.get(name, ())

    def whole(self, facts: Facts) -> Facts:
        """The module, of which more is read than what binds single names."""
        self.reads.add("name", facts.where, STARS)
        return facts

    def at(self, path: str) -> Facts | None:
        """The facts of a file; None as for `module`."""
        if path not in self._files:
            self._files[path] = _read(self.name_of(Path(path))[0], Path(path))
        return self._files[path]

    def _module(self, near: str, name: str) -> Facts | None:
        self.reads.add("module", near, name)
        key = (near, name)
        if key not in self._modules:
            path = self.place(near, name)
            found = self._files.get(path)
            if path in NO_SOURCE:
                self._modules[key] = None
            elif found and found.name == name:
                self._modules[key] = found
            else:
                self._modules[key] = self._files[path] = _read(name, Path(path))
        return self._modules[key]

    def _is_compiled(self, name: str, roots: Iterable[Path]) -> bool:
        *packages, last = name.split(".")
        if not name.replace(".", "").isidentifier():
            return False
        for root in roots:
            folder = os.path.join(root, *packages)  # noqa: PTH118 - of many
            for place, wanted in ((folder, last), (os.path.join(folder, last), "__init__")):  # noqa: PTH118
                if place not in self._compiled:
                    self._compiled[place] = modules.compiled_in(place)
                if wanted in self._compiled[place]:
                    return True
        return False

    def _may_hold(self, root: Path, top: str) -> bool:
        """May there be a module below a folder? Saves looking for most."""
        if root not in self._listings:
            try:
                self._listings[root] = frozenset(os.listdir(root))  # noqa: PTH208 - names
            except OSError:
                self._listings[root] = frozenset()
        names = self._listings[root]
        return not top or top in names or f"{top}.py" in names or "__init__.py" in names

    def _known(self, found: Facts) -> Facts:
        self._files.setdefault(found.where, found)
        return found


def _read(name: str, path: Path) -> Facts | None:
    try:
        raw = files.read_bytes(path)
        try:
            made = outline(raw)
        except NotOutlinedError:
            made = None
        return _facts(path, raw, made, name)
    except SourceError:
        return None


def _facts(path: Path, raw: bytes, made: Outline | None, name: str) -> Facts:
    if made is not None:
        try:
            return outline_facts(path, files.decode(made.raw, path).text, name)
        except (NotOutlinedError, SourceError):
            pass  # it was not laid out as thought
    return facts_of(files.decode(raw, path), name)
