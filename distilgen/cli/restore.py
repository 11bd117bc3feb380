"""`distilgen restore`: the teachers come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.cli.selection import forgotten
from distilgen.project import matches, refuse_absent
from distilgen.rewrite import module as modules
from distilgen.rewrite.restoration import restore

if TYPE_CHECKING:
    from pathlib import Path


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
        planned, named, known = [], set(), []
        targets = paths or (current.project.root,)
        for source in report.progress(current.project.sources(targets, ours=True), mode):
            with current.telling(source.path):
                loaded = modules.load(current.project.root, source, current.project.archive)
                module = current.project.name_of(source.path)
                names = [mark.qualname for mark in loaded.found.all]
                known += [*names, *(f"{module}:{name}" for name in names)]
                chosen = {name for name in names if matches(f"{module}:{name}", only)}
                named |= {p for p in only for name in chosen if matches(f"{module}:{name}", [p])}
                if chosen or not only:
                    planned.append(restore(loaded, module, current.tell, chosen if only else None))
        refuse_absent(only, named, known)
        if not only:
            planned += forgotten(current.project, paths, planned)
        return report.finish(
            current,
            planned,
            work,
            mode,
            verb="restored",
        )
