"""The way back: the teachers of a module as they were, and what their authors changed since."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import pruning, teacher, verify
from distilgen.rewrite.module import (
    beside,
    planned,
    refusal,
    refuse_unbound,
    spliced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.rewrite.archive import Archive
    from distilgen.rewrite.module import Change, Module, Planned
    from distilgen.rewrite.pruned import Pruned


def restore(
    module: Module,
    name: str,
    refused: Callable[[SourceError], None],
    only: Collection[str] | None = None,
) -> Planned:
    """Give back the teachers: all of the module's, or those with the qualified names in `only`.

    Of functions that are gone the contracts go, too; their bodies stay where they are kept. name:
    the module's, dotted. refused: is told of stubs whose bodies are not there, or do not fit any
    more; they stay.
    """
    refuse_unbound(module)
    chosen, edits = [], []
    used: dict[Path, set[str]] = {}
    for mark in module.found.all:
        if only is None or mark.qualname in only:
            try:
                taken, origin = teacher.edits_of(module, mark)
            except ValueError as error:
                refused(refusal(module, mark.function, str(error)))
                continue
            chosen.append(mark)
            edits += taken
            used.setdefault(origin, set()).add(mark.contract)
    left = [mark for mark in module.found.all if mark not in chosen]
    after = spliced(module, [*edits, *teacher.imports_of(module, left)])
    source, found = verify.edited(module.source, module.found, after)
    mine = {mark.contract for mark in module.found.functions}
    kept = {mark.contract for mark in left if mark.imported.own}
    text = module.source.text
    gone = {n for n, body in module.bodies.items() if n not in mine and body not in text}
    bodies = {n: body for n, body in module.bodies.items() if n in kept or n in gone}
    made = planned(
        module,
        found,
        _with_imports(replace(module, source=source, found=found), used, bodies),
        {
            name: contract
            for name, contract in module.contracts.items()
            if name in kept
            or (name not in mine and only is not None and _qualname(contract) not in only)
        },
        bodies,
        [f"{name}:{mark.qualname}" for mark in chosen],
    )
    changes, gone_there = list(reversed(made.changes)), []
    for origin, names in used.items():
        if origin != module.path and not origin.exists():
            contracts = module.archive.contracts(origin)
            gone_there += [contracts[name].function for name in sorted(names) if name in contracts]
            changes += _left_behind(module.archive, origin, names)
    notes = [
        f"{teacher.place_of(module, module.path)} keeps the body of {name}, which is gone from "
        f"{module.path.name}; delete it there, or the file, when nobody needs it"
        for name in sorted(gone)
    ]
    gone_names = (*made.gone, *gone_there)
    return replace(made, changes=tuple(changes), gone=gone_names, notes=tuple(notes))


def _qualname(contract: Contract) -> str:
    return contract.function.rpartition(":")[2]


def _with_imports(
    module: Module, used: Mapping[Path, set[str]], left: Mapping[str, str]
) -> pruning.Pruning:
    """The module with the imports that its restored functions need. used: the contracts of these,
    by the modules that they were made for. left: the bodies that are still removed.
    """
    given: list[str] = []
    foreign: list[Pruned] = []
    for origin, names in used.items():
        bodies = module.bodies
        if origin != module.path:
            kept = module.archive.kept(origin)
            bodies = kept.bodies
            foreign += kept.imports
        given += [bodies[name] for name in sorted(names) if name in bodies]
    try:
        return pruning.restored(module, given, left.values(), foreign)
    except ValueError as error:
        raise SourceError(module.path, str(error)) from error


def _left_behind(archive: Archive, origin: Path, names: set[str]) -> list[Change]:
    """What goes of the sidecar and the bodies of a module that is no more, such as this one before
    it was renamed, when the functions with these contracts have been restored elsewhere.
    """
    contracts = {n: c for n, c in archive.contracts(origin).items() if n not in names}
    was = archive.kept(origin)
    bodies = {n: body for n, body in was.bodies.items() if n not in names}
    needed = pruning.used_by(bodies.values())
    kept = [p for p in was.imports if needed.intersection(p.names)]
    changes = beside(archive.project, origin, contracts, bodies, kept)
    return [change for change in changes if change.before != change.after]
