"""What `check` looks at, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen import config, lock
from distilgen.errors import ConfigError, SourceError
from distilgen.rewrite import (
    conflicts,
    contracts_file,
    drift,
    journal,
    leftovers,
    marks,
    module as modules,
    originals,
)
from distilgen.rewrite.finding import Finding, checkout, command, routed
from distilgen.rewrite.routes import BESIDE
from distilgen.source import files
from distilgen.source.modules import find
from distilgen.source.walk import module_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from distilgen.contract import Contract
    from distilgen.project import Project
    from distilgen.source.files import SourceFile

_OF_ALL = frozenset({config.FILE, lock.FILE})
"""Files that every contract may depend on; so do templates."""


@dataclass
class Inspection:
    """One look at a project. new: report candidates that are plain. checked: functions so far."""

    project: Project
    new: bool
    checked: int = 0
    code: drift.Code = field(init=False)
    _seen: dict[Path, frozenset[str] | None] = field(default_factory=dict)
    """The functions that modules mark, or their sidecars have contracts of: of modules that were
    looked at, and of those whose sidecars these use. None where something cannot be read, and that
    is told.
    """
    _foreign: set[Path] = field(default_factory=set)
    """Modules whose sidecars others use."""

    def __post_init__(self) -> None:
        self.code = drift.Code(self.project.freeze, self.project.refreeze)

    def findings(self, paths: Sequence[Path]) -> Iterator[Finding]:
        """What is wrong at or below the paths, and in what depends on them.

        Raises UsageError for paths outside the project, ConfigError.
        """
        root = self.project.root
        known = lock.Lock()
        yield from self._of_state()
        conflict = list(conflicts.of_lock(root))
        yield from conflict
        try:
            known = lock.read(root)
        except ConfigError:
            if not conflict:
                raise
        trained = {name: entry.contract for name, entry in known.models.items()}
        targets = self._targets(paths)
        folders = {path for path in targets if path.is_dir()}
        for source in self.project.sources(targets, ours=not self.new):
            if folders:
                folders |= {source.path.parent}
            yield from self._of_source(source, trained, None if conflict else known.functions)
        yield from self._of_foreign()
        if folders:
            folders |= {path.parent for path in self.project.files(folders)}
            yield from leftovers.of_folders(root, folders, self._foreign)
        if root in targets:
            yield from self._of_lock(known)

    def _of_state(self) -> Iterator[Finding]:
        stopped = journal.interrupted(self.project.root)
        if stopped:
            path = self.project.root / journal.FILE
            yield Finding("run-interrupted", path, 1, "", stopped, "distilgen instrument .")

    def _of_source(
        self,
        source: SourceFile,
        trained: dict[str, str],
        locked: Mapping[str, lock.Function] | None,
    ) -> Iterator[Finding]:
        root = self.project.root
        self._seen[source.path] = None
        found = list(conflicts.of_module(root, source))
        yield from found
        if found:
            return
        try:
            functions = self.project.functions_of(source)
        except SourceError as error:
            self.project.told(error)
            return
        try:
            loaded = modules.load(root, source, self.project.archive)
        except SourceError as error:
            yield self._unreadable(error)
            return
        self.checked += len(loaded.found.functions)
        module = self.project.name_of(source.path)
        marked = {f"{module}:{mark.qualname}" for mark in loaded.found.functions}
        self._seen[source.path] = _functions(loaded.contracts) | marked
        sidecars = (mark.imported.sidecar for mark in loaded.found.strays)
        self._foreign |= {module_of(sidecar) for sidecar in sidecars if sidecar}
        yield from drift.findings(loaded, functions, self.code, trained, locked or {}, new=self.new)
        if locked is not None:
            yield from drift.of_lock(loaded, locked)

    def _of_foreign(self) -> Iterator[Finding]:
        """What is wrong with sidecars that are used, of modules that were not looked at."""
        for path in sorted(self._foreign - set(self._seen)):
            self._seen[path] = None
            try:
                self._seen[path] = _functions(contracts_file.read(path))
            except SourceError as error:
                yield self._unreadable(error)

    def _unreadable(self, error: SourceError) -> Finding:
        path = Path(error.path)
        mend = checkout(self.project.root, path)
        return Finding("unreadable", path, error.line or 1, "", error.message, mend)

    def _of_lock(self, known: lock.Lock) -> Iterator[Finding]:
        """What the lock says is rewritten, and of which nothing but the teacher is left."""
        root = self.project.root
        named = {name for names in self._seen.values() for name in names or ()}
        for name in sorted(set(known.functions) - named):
            module, _, qualname = name.partition(":")
            entry = known.functions[name]
            path = find(module, self.project.roots)
            if path is None or (path in self._seen and self._seen[path] is None):
                continue  # it is gone, or it has been told why
            line = dict(self._lines(path)).get(qualname)
            if line:
                message = (
                    f"lost all that distilgen wrote; {lock.FILE} says that it is {entry.state}"
                )
                mend = command("instrument", root, path, qualname)
                if entry.state in BESIDE and entry.model:
                    mend = routed(name, "--mode", entry.state, "--model", entry.model)
                yield Finding("decorator-lost", path, line, qualname, message, mend)

    def _lines(self, path: Path) -> Iterator[tuple[str, int]]:
        try:
            tree = files.read(path).tree
        except SourceError as error:
            self.project.told(error)
            return
        for qualname, function in marks.functions(tree):
            yield qualname, function.lineno

    def _targets(self, paths: Sequence[Path]) -> list[Path]:
        """The files and folders to look at."""
        root = self.project.root
        kept = (root / originals.FOLDER).resolve()
        targets: list[Path] = []
        for path in self.project.targets(paths):
            if path.name in _OF_ALL or path.suffix == ".jinja":
                return [root]
            if path.is_relative_to(kept) and path.suffix == ".json":
                path = root / path.relative_to(kept).with_suffix("")  # noqa: PLW2901
            if path.suffix == ".pyi":
                continue
            left = (marks.sidecar_path(path), originals.path_for(root, path))
            if not path.exists() and any(item.exists() for item in left):
                return [root]  # it may have been renamed
            targets.append(path)
        return targets if root in targets else [*targets, *self._dependents(targets)]

    def _dependents(self, targets: Iterable[Path]) -> Iterator[Path]:
        """The rewritten modules whose contracts depend on a file at or below the targets, or on a
        module that is no more.
        """
        index, origins = self.project.resolver.index, self.project.origins
        changed = {index.name_of(path)[0] for path in self.project.files(targets)}
        for path in self.project.files([self.project.root]):
            if not marks.sidecar_path(path).exists():
                continue
            try:
                contracts = contracts_file.read(path).values()
            except SourceError:
                continue  # it is told of where it stands
            named = {key.partition(":")[0] for item in contracts for key in item.sources}
            if named & changed or any(origins.place(name, path.parent) is None for name in named):
                yield path


def _functions(contracts: Mapping[str, Contract]) -> frozenset[str]:
    return frozenset(contract.function for contract in contracts.values())
