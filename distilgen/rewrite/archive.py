"""What distilgen keeps beside the modules of a project, read once for all that a command does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file, marks, originals
from distilgen.source import files

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.rewrite.originals import Kept


@dataclass
class Archive:
    """The removed bodies of a project, and the sidecars of modules that others come from."""

    project: Path
    _kept: dict[Path, Kept] = field(default_factory=dict)
    _contracts: dict[Path, dict[str, Contract]] = field(default_factory=dict)
    _stubs: dict[Path, frozenset[str] | None] = field(default_factory=dict)

    def kept(self, module: Path) -> Kept:
        """What was removed from a module. Raises SourceError."""
        if module not in self._kept:
            self._kept[module] = originals.read(self.project, module)
        return self._kept[module]

    def contracts(self, module: Path) -> dict[str, Contract]:
        """The contracts in the sidecar of a module. Raises SourceError."""
        if module not in self._contracts:
            self._contracts[module] = contracts_file.read(module)
        return self._contracts[module]

    def holders(self, contract: str, function: str = "") -> list[Path]:
        """The modules, there or gone, that a stub's body may have been kept for: those with a body
        of the contract's name and no such stub any more.

        function: `module:qualname` in the contract, where that is known; where it was kept for a
        module of that name, it was for no other. Raises SourceError.
        """
        found = [path for path in self._by_name[contract] if not self._is_live(path, contract)]
        name = function.rpartition(":")[0].split(".")
        return [path for path in found if self._is_called(path, name)] or found

    @cached_property
    def _by_name(self) -> defaultdict[str, list[Path]]:
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for module in originals.modules(self.project):
            for name in self.kept(module).bodies:
                found[name].append(module)
        return found

    def _is_called(self, module: Path, name: list[str]) -> bool:
        """May a module have a dotted name, from whichever root it is imported?"""
        parts = module.relative_to(self.project).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        return list(parts[-len(name) :]) == name

    def _is_live(self, module: Path, contract: str) -> bool:
        """Is there a stub of that contract in a module?"""
        if module not in self._stubs:
            self._stubs[module] = _stubs_in(module)
        stubs = self._stubs[module]
        return stubs is None or contract in stubs


def _stubs_in(module: Path) -> frozenset[str] | None:
    """The contracts of a module's stubs; None for one that cannot be read."""
    try:
        found = marks.find(files.read(module)).functions if module.exists() else []
    except SourceError:
        return None
    return frozenset(mark.contract for mark in found if mark.stub)
