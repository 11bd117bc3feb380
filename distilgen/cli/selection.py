"""The candidates that a rewriting command works on, with their contracts, file by file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from distilgen import lock
from distilgen.cli import report
from distilgen.errors import NoSchemaError, SchemaError, SourceError
from distilgen.project import matches, refuse_absent
from distilgen.rewrite import leftovers, module as modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from distilgen.cli.options import Mode, Session
    from distilgen.contract import Contract
    from distilgen.project import Project
    from distilgen.rewrite.module import Module, Planned
    from distilgen.source.functions import Surveyed

    Wanted = Sequence[tuple[Surveyed, Contract]]


class Skipped(NamedTuple):
    """A function that is left alone. where: its path and line."""

    where: str
    name: str
    reason: str


@dataclass
class Selection:
    """Candidates at or below some paths (none for the project), all or those named by `only`.

    keeps: contracts that are frozen are taken as they are, and not frozen anew. marked: only
    functions that are recorded or dispatched are taken. skipped: functions that return a Pydantic
    type and are left alone.
    """

    current: Session
    paths: Sequence[Path]
    only: Sequence[str]
    mode: Mode
    keeps: bool = False
    marked: bool = False
    skipped: list[Skipped] = field(default_factory=list)

    def plans(self, plan: Callable[[Module, Wanted], Planned]) -> list[Planned]:
        """What `plan` says of each file with candidates, and what the lock is to forget. Nothing
        is written yet, so that a wrong name in `only` changes nothing: it raises UsageError.
        """
        planned, named = [], set()
        known: list[str] = []
        project = self.current.project
        for surveys in report.progress(project.survey(self.paths or [project.root]), self.mode):
            known += [n for i in surveys.functions for n in (i.function.qualname, i.name)]
            chosen = [i for i in surveys.functions if not self.only or matches(i.name, self.only)]
            named |= {
                pattern for pattern in self.only for item in chosen if matches(item.name, [pattern])
            }
            for item in chosen:
                if item.reason and (item.near or self._names(item)):
                    self.leave(item, item.reason)
            with self.current.telling(surveys.source.path):
                loaded = modules.load(project.root, surveys.source, project.archive)
                candidates = [item for item in chosen if item.is_candidate]
                frozen = list(self._frozen(loaded, candidates))
                if frozen:
                    planned.append(plan(loaded, frozen))
        refuse_absent(self.only, named, known)
        if not self.only:
            planned += forgotten(project, self.paths, planned)
        return planned

    def leave(self, item: Surveyed, reason: str) -> None:
        """A function cannot be taken: left alone, and refused where it was named itself."""
        (self.refuse if self._names(item) else self.skip)(item, reason)

    def _names(self, item: Surveyed) -> bool:
        return not {item.name, item.function.qualname}.isdisjoint(self.only)

    def skip(self, item: Surveyed, reason: str) -> None:
        """A function is left alone."""
        where = f"{self.current.project.relative(item.facts.path)}:{item.function.line}"
        self.skipped.append(Skipped(where, item.name, reason))

    def _frozen(
        self, loaded: Module, candidates: list[Surveyed]
    ) -> Iterator[tuple[Surveyed, Contract]]:
        for item in candidates:
            if self.marked and loaded.route_of(item) is None:
                self.skip(item, "is plain; a glob names what is recorded or dispatched")
                continue
            kept = loaded.frozen(item) if self.keeps else None
            try:
                yield item, kept or self.current.project.freeze(item)
            except NoSchemaError as error:
                self.skip(item, str(error))
            except SchemaError as error:
                self.refuse(item, str(error))  # what is frozen of it stays

    def refuse(self, item: Surveyed, message: str) -> None:
        """A function that was wanted is left alone: the command fails."""
        function = item.function
        self.current.tell(
            SourceError(item.facts.path, message, line=function.line, function=function.qualname)
        )


def forgotten(
    project: Project, paths: Sequence[Path], planned: Sequence[Planned]
) -> Iterator[Planned]:
    """That the lock forgets the functions that are no more, where the paths are all of the project.

    planned: what becomes of the modules, and so of their functions' entries.
    """
    if not project.is_whole(paths):
        return
    known = set(lock.read(project.root).functions)
    known -= {name for plan in planned for name in (*plan.states, *plan.gone)}
    gone = leftovers.functions_gone(known, project.roots, project.files([project.root]))
    if gone:
        yield modules.Planned((), (), gone=gone)
