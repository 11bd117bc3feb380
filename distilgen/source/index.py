"""The modules of a project and of its environment, as facts, read when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.source import files, modules
from distilgen.source.facts import Facts, facts_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Index:
    """The modules of a project and of its environment, read when they are first asked for.

    roots: the project's import roots. environment: where its installed packages are.
    """

    roots: tuple[Path, ...]
    environment: tuple[Path, ...] = ()
    _facts: dict[str, Facts | None] = field(default_factory=dict)
    _beside: dict[tuple[Path, str], Facts | None] = field(default_factory=dict)

    def of_file(self, source: files.SourceFile) -> Facts:
        """The facts of a file. Raises SourceError when it does not parse."""
        name, root = modules.name_of(source.path, self.roots)
        found = self._facts.get(name)
        if found is None or found.path != source.path:
            found = facts_of(source, name)
            if root in self.roots:  # else it is a script, which nobody imports
                self._facts[name] = found
        return found

    def module(self, name: str, near: Path | None = None) -> Facts | None:
        """The facts of a module, or None when there is no source for it that parses.

        near: the folder of the importing file, which stands on `sys.path` when that is a script.
        """
        if name not in self._facts:
            self._facts[name] = self._read(name, (*self.roots, *self.environment))
        found = self._facts[name]
        if found is None and near is not None:
            if (near, name) not in self._beside:
                self._beside[near, name] = self._read(name, (near,))
            return self._beside[near, name]
        return found

    def is_folder(self, name: str) -> bool:
        """Is `name` a namespace package?"""
        return modules.is_namespace(name, (*self.roots, *self.environment))

    def _read(self, name: str, roots: tuple[Path, ...]) -> Facts | None:
        path = modules.find(name, roots)
        try:
            return facts_of(files.read(path), name) if path else None
        except SourceError:
            return None
