"""One module as it stands, and what a command would make of it and of the files that belong to it.

Nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from distilgen import lock
from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file, marks, originals
from distilgen.rewrite.archive import Archive
from distilgen.rewrite.routes import route_of
from distilgen.rewrite.splice import splice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.rewrite import pruning
    from distilgen.rewrite.pruned import Pruned
    from distilgen.rewrite.routes import Route
    from distilgen.rewrite.splice import Edit
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed


@dataclass(frozen=True)
class Change:
    """A file's bytes before and after; None where there is no file."""

    path: Path
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class Planned:
    """What a command would do to a module. changes: in the order in which a reader of the half
    done work still finds a program that runs. functions: those that change, by their names.
    states: for the lock, what all of the module's functions are afterwards. gone: those that it
    has no more. pruned: the names of the imports that go with removed bodies.
    """

    changes: tuple[Change, ...]
    functions: tuple[str, ...]
    states: Mapping[str, lock.Function] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Module:
    """A module as it stands: its source, what of it is ours, its contracts, removed bodies, and the
    imports that went with these. archive: what is kept of all modules.
    """

    project: Path
    source: SourceFile
    found: marks.Marks
    contracts: dict[str, Contract]
    bodies: dict[str, str]
    imports: tuple[Pruned, ...]
    archive: Archive = field(repr=False)

    @property
    def path(self) -> Path:
        """The module's file."""
        return self.source.path

    def contract_of(self, line: int) -> Contract | None:
        """The frozen contract of the function whose `def` is on `line`."""
        mark = self.found.at(line)
        return self.contracts.get(mark.contract) if mark else None

    def frozen(self, function: Surveyed) -> Contract | None:
        """The frozen contract of a function: of what marks it, or what has lost its marks."""
        if self.found.at(function.function.line):
            return self.contract_of(function.function.line)
        live = {mark.contract for mark in self.found.functions}
        left = (item for name, item in self.contracts.items() if name not in live)
        return next((item for item in left if item.function == function.name), None)

    @property
    def renamed(self) -> tuple[str, str] | None:
        """(what a contract was called, what its function calls it now), where one contract is that
        of no function, and one function has none: as when both were renamed together.
        """
        lacking = [mark for mark in self.found.functions if mark.contract not in self.contracts]
        there = {qualname for qualname, _ in marks.functions(self.source.tree)}
        there -= {mark.qualname for mark in lacking}
        called = {mark.contract for mark in self.found.functions}
        old = [
            name
            for name, item in self.contracts.items()
            if name not in called and item.function.rpartition(":")[2] not in there
        ]
        return (old[0], lacking[0].contract) if len(old) == len(lacking) == 1 else None

    def route_of(self, function: Surveyed) -> Route | None:
        """Where the calls of a function go; None where it is not rewritten."""
        mark = self.found.at(function.function.line)
        return route_of(mark) if mark else None

    def with_settings(self, fresh: Contract, function: Surveyed) -> Contract:
        """A contract with the settings that the function's frozen one has."""
        frozen = self.frozen(function)
        names = contracts_file.SETTINGS if frozen else ()
        return replace(fresh, **{name: getattr(frozen, name) for name in names})


def load(project: Path, source: SourceFile, archive: Archive | None = None) -> Module:
    """A module with its sidecar and its removed bodies. archive: the project's, for those who load
    many modules, and write nothing meanwhile. Raises SourceError.
    """
    found, contracts = marks.find(source), contracts_file.read(source.path)
    archive = archive or Archive(project)
    kept = archive.kept(source.path)
    return Module(project, source, found, contracts, kept.bodies, kept.imports, archive)


def refusal(module: Module, node: marks.FunctionNode, message: str) -> SourceError:
    """The error that says why a function is left alone."""
    return SourceError(module.path, message, line=node.lineno, function=node.name)


def refuse_unbound(module: Module) -> None:
    """Raises SourceError where functions use the sidecar, and its import is gone."""
    for qualname, function, name in module.found.unbound:
        line = marks.missing_import(module.path, name)
        message = f"uses {name}, which nothing imports any more; put back the line `{line}`"
        raise SourceError(module.path, message, line=function.lineno, function=qualname)


def spliced(module: Module, edits: Sequence[Edit]) -> bytes:
    """The module's bytes with the edits made. Raises SourceError."""
    try:
        return splice(module.source, edits)
    except (ValueError, UnicodeEncodeError) as error:
        raise SourceError(module.path, str(error)) from error


def states_of(found: marks.Marks, contracts: Mapping[str, Contract]) -> dict[str, lock.Function]:
    """What the lock is to say of a module's functions. Of a function and a copy of it with its
    contract, the function's own state counts.
    """
    states = {}
    for own in (False, True):
        for mark in found.functions:
            contract = contracts.get(mark.contract)
            if contract and own is (contract.function.rpartition(":")[2] == mark.qualname):
                model = contract.model if mark.state != "recorded" else None
                states[contract.function] = lock.Function(contract.fingerprint, mark.state, model)
    return states


def planned(
    module: Module,
    found: marks.Marks,
    kept: pruning.Pruning,
    contracts: dict[str, Contract],
    bodies: dict[str, str],
    functions: Sequence[str],
) -> Planned:
    """What makes of a module that it has these contracts, removed bodies and imports. found: what
    of it is ours then. functions: those that change.
    """
    changes = [
        *beside(module.project, module.path, contracts, bodies, kept.kept),
        Change(module.path, module.source.raw, kept.raw),
    ]
    states = states_of(found, contracts)
    gone = {contract.function for contract in module.contracts.values()} - set(states)
    gone -= {contract.function for contract in contracts.values()}
    return Planned(
        tuple(c for c in changes if c.before != c.after),
        tuple(functions),
        states,
        tuple(sorted(gone)),
        pruned=kept.names,
    )


def beside(
    project: Path,
    path: Path,
    contracts: dict[str, Contract],
    bodies: dict[str, str],
    pruned: Sequence[Pruned],
) -> list[Change]:
    """What becomes of the files that belong to a module."""
    kept, sidecar = originals.path_for(project, path), marks.sidecar_path(path)
    wanted = [
        (kept, originals.render(project, path, bodies, pruned) if bodies else None),
        (sidecar, contracts_file.render(path, contracts) if contracts else None),
    ]
    return [_change(file, new) for file, new in wanted]


def _change(file: Path, new: bytes | None) -> Change:
    before = bytes_of(file)
    if before is not None and before.replace(b"\r\n", b"\n") == new:
        new = before  # as git checks it out where newlines are two characters
    return Change(file, before, new)


def bytes_of(path: Path) -> bytes | None:
    """A file's bytes; None where there is no file. Raises SourceError: unreadable."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SourceError(path, f"cannot be read: {error.strerror}") from error
