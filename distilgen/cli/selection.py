"""The candidates that a rewriting command works on, with their contracts, file by file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from distilgen.cli import report
from distilgen.errors import NoSchemaError, SchemaError, SourceError
from distilgen.project import matches, refuse_absent
from distilgen.rewrite import module as modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from distilgen.cli.options import Mode, Session
    from distilgen.contract import Contract
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

    skipped: functions that return a Pydantic type and are left alone.
    """

    current: Session
    paths: Sequence[Path]
    only: Sequence[str]
    mode: Mode
    skipped: list[Skipped] = field(default_factory=list)

    def plans(self, plan: Callable[[Module, Wanted], Planned]) -> list[Planned]:
        """What `plan` says of each file with candidates. Nothing is written yet, so that a wrong
        name in `only` changes nothing: it raises UsageError.
        """
        planned, named = [], set()
        known: list[str] = []
        project = self.current.project
        for surveys in report.progress(project.survey(self.paths or [project.root]), self.mode):
            known += [item.function.qualname for item in surveys.functions]
            chosen = [i for i in surveys.functions if not self.only or matches(i, self.only)]
            named |= {
                pattern for pattern in self.only for item in chosen if matches(item, [pattern])
            }
            for item in chosen:
                if self.only and item.reason:
                    self._refuse(item, item.reason)
                elif item.reason and item.near:
                    self.skip(item, item.reason)
            try:
                loaded = modules.load(self.current.project.root, surveys.source)
                frozen = list(self._frozen([item for item in chosen if item.is_candidate], loaded))
                if frozen:
                    planned.append(plan(loaded, frozen))
            except SourceError as error:
                self.current.tell(error)
        refuse_absent(self.only, named, known)
        return planned

    def skip(self, item: Surveyed, reason: str) -> None:
        """A function is left alone."""
        where = f"{self.current.project.relative(item.facts.path)}:{item.function.line}"
        self.skipped.append(Skipped(where, item.name, reason))

    def _frozen(
        self, candidates: list[Surveyed], loaded: Module
    ) -> Iterator[tuple[Surveyed, Contract]]:
        for item in candidates:
            try:
                yield item, self.current.project.freeze(item)
            except NoSchemaError as error:
                self.skip(item, str(error))
            except SchemaError as error:
                self._refuse(item, str(error))
                kept = loaded.contract_of(item.function.line)
                if kept:
                    yield item, kept

    def _refuse(self, item: Surveyed, message: str) -> None:
        function = item.function
        self.current.tell(
            SourceError(item.facts.path, message, line=function.line, function=function.qualname)
        )
