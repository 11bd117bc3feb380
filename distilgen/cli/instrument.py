"""`distilgen instrument`: every call of the teachers leaves a record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.cli.selection import Selection
from distilgen.rewrite import steps
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
    with options.session(folder, python) as current, report.run(current, mode) as work:
        selection = Selection(current, paths, only, mode)
        planned = selection.plans(partial(steps.instrument, refused=current.tell))
        code = report.finish(
            current,
            planned,
            work,
            mode,
            verb="instrumented",
            skipped=selection.skipped,
        )
        records = current.project.config.records
        if any(plan.states for plan in planned) and records != RECORDS:
            hint = f"records are looked for in {records}: run the program with DISTILGEN_RECORDS"
            click.echo(hint, err=True)
        return code
