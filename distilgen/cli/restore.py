"""`distilgen restore`: the teachers come back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.cli.selection import forgotten
from distilgen.errors import SourceError
from distilgen.project import matches, refuse_absent
from distilgen.rewrite import marks, module as modules
from distilgen.rewrite.restoration import restore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distilgen.project import Project


@click.command()
@options.rewriting
def command(
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    mode: options.Mode,
    folder: Path,
) -> int:
    """Take everything of distilgen's out of the files at or below PATHS: byte for byte where they
    were not touched since, without losing the edits of those who did touch them.
    """
    with options.session(folder) as current, report.run(current, mode) as work:
        planned, named = [], set()
        targets = paths or (current.project.root,)
        for source in report.progress(current.project.sources(targets, ours=True), mode):
            with current.telling(source.path):
                loaded = modules.load(current.project.root, source, current.project.archive)
                module = current.project.name_of(source.path)
                names = [mark.qualname for mark in loaded.found.all]
                names += [item.function.rpartition(":")[2] for item in loaded.contracts.values()]
                chosen = {name for name in names if matches(f"{module}:{name}", only)}
                named |= {p for p in only for name in chosen if matches(f"{module}:{name}", [p])}
                if chosen or not only:
                    planned.append(restore(loaded, module, current.tell, chosen if only else None))
        if not named.issuperset(only):
            _refuse_unknown(current.project, targets, only)
        if not only:
            planned += forgotten(current.project, paths, planned)
        return report.finish(
            current,
            planned,
            work,
            mode,
            verb="restored",
        )


def _refuse_unknown(project: Project, targets: Sequence[Path], only: Sequence[str]) -> None:
    """Raises UsageError for a name that no function has; one that is restored needs nothing."""
    known: list[str] = []
    for source in project.sources(targets):
        with suppress(SourceError):
            names = [name for name, _ in marks.functions(source.tree)]
            module = project.name_of(source.path)
            known += [*names, *(f"{module}:{name}" for name in names)]
    named = {p for p in only for name in known if ":" in name and matches(name, [p])}
    refuse_absent(only, named, known)
