"""`distilgen restore`: the teachers come back."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.errors import SourceError
from distilgen.project import refuse_absent
from distilgen.rewrite import module as modules

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
    with options.session(folder) as current:
        planned, named, known = [], set(), []
        for source in current.project.sources(paths, ours=True):
            try:
                loaded = modules.load(current.project.root, source)
                names = [mark.qualname for mark in loaded.found.functions]
                known += names
                chosen = {
                    n for n in names if not only or any(fnmatchcase(n, _bare(p)) for p in only)
                }
                named |= {p for p in only if any(fnmatchcase(n, _bare(p)) for n in names)}
                if chosen or not only:
                    planned.append(modules.restore(loaded, current.tell, chosen if only else None))
            except SourceError as error:
                current.tell(error)
        refuse_absent(only, named, known)
        return report.finish(
            current,
            planned,
            mode,
            verb="restored",
            skipped=Counter(),
        )


def _bare(pattern: str) -> str:
    """The qualified name in `module:qualname`."""
    return pattern.rpartition(":")[2]
