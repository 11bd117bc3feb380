"""`distilgen instrument`: every call of the teachers leaves a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.cli.selection import Selection
from distilgen.rewrite import module as modules
from distilgen.runtime.settings import RECORDS

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@options.rewriting
@options.python
def command(
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    mode: options.Mode,
    python: str | None,
    folder: Path,
) -> int:
    """Decorate the functions at or below PATHS that return a Pydantic type, and freeze their
    contracts in a generated file beside each module. Run it again after a change: it brings the
    contracts up to date. `distilgen restore` takes it all back.
    """
    with options.session(folder, python) as current:
        selection = Selection(current, paths, only)
        planned = selection.plans(modules.instrument)
        code = report.finish(
            current,
            planned,
            mode,
            verb="instrumented",
            skipped=selection.skipped,
        )
        records = current.project.config.records
        if planned and records != RECORDS:
            hint = f"records are looked for in {records}: run the program with DISTILGEN_RECORDS"
            click.echo(hint, err=True)
        return code
