"""`distilgen dispatch`: the student answers in the place of the teachers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report
from distilgen.cli.selection import Selection
from distilgen.errors import UsageError
from distilgen.rewrite import module as modules

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option("--model", metavar="NAME", help="Who answers, for example ft:gpt-4.1-mini:acme::abc.")
@options.base_url
@click.option(
    "--accept-contract", is_flag=True, help="Take a model that was trained for another contract."
)
@options.rewriting
@options.python
def command(
    model: str | None,
    base_url: str | None,
    accept_contract: bool,
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    mode: options.Mode,
    python: str | None,
    folder: Path,
) -> int:
    """Replace the bodies of the functions at or below PATHS by calls of a model. Signature,
    docstring, other decorators and comments stay; the bodies are kept under .distilgen/originals.
    `distilgen restore` puts them back.
    """
    with options.session(folder, python) as current:
        defaults = current.project.config.dispatch
        chosen = model or defaults.model
        if not chosen:
            raise UsageError("dispatch: which model? Name it with --model")
        known = None if accept_contract else lock.read(current.project.root).get(chosen)
        selection = Selection(current, paths, only)
        foreign: list[str] = []
        make = partial(
            modules.dispatch,
            model=chosen,
            base_url=base_url or defaults.base_url,
            trained_for=known.contract if known else None,
            foreign=foreign,
            refused=current.tell,
        )
        planned = selection.plans(make)
        for name in foreign:
            reason = (
                f"{name}: {chosen} was trained for another contract, --accept-contract takes it"
            )
            selection.skipped[reason] += 1
        if foreign and not any(plan.functions for plan in planned):
            current.failed = True
        return report.finish(current, planned, mode, verb="dispatched", skipped=selection.skipped)
