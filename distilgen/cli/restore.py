"""`distilgen restore`: the teachers come back."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.errors import SourceError
from distilgen.project import refuse_absent
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
            try:
                loaded = modules.load(current.project.root, source)
                names = [mark.qualname for mark in loaded.found.all]
                known += names
                chosen = {
                    n for n in names if not only or any(fnmatchcase(n, _bare(p)) for p in only)
                }
                named |= {p for p in only if any(fnmatchcase(n, _bare(p)) for n in names)}
                if chosen or not only:
                    planned.append(restore(loaded, current.tell, chosen if only else None))
            except SourceError as error:
                current.tell(error)
        refuse_absent(only, named, known)
        return report.finish(
            current,
            planned,
            work,
            mode,
            verb="restored",
        )


def _bare(pattern: str) -> str:
    """The qualified name in `module:qualname`."""
    return pattern.rpartition(":")[2]
