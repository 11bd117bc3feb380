"""`distilgen dispatch`: the student answers in the place of the teachers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report
from distilgen.cli.selection import Selection
from distilgen.errors import UsageError
from distilgen.rewrite import steps

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.cli.selection import Wanted
    from distilgen.rewrite.module import Module, Planned


@click.command()
@click.option("--model", metavar="NAME", help="Who answers, for example ft:gpt-4.1-mini:acme::abc.")
@options.base_url
@click.option(
    "--accept-contract", is_flag=True, help="Take a model that was trained for another contract."
)
@click.option(
    "--prune", is_flag=True, help="Remove imports, too, that nothing but the removed bodies uses."
)
@options.rewriting
@options.python
def command(
    model: str | None,
    base_url: str | None,
    accept_contract: bool,
    prune: bool,
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
    with options.session(folder, python) as current, report.run(current, mode) as work:
        defaults = current.project.config.dispatch
        chosen = model or defaults.model
        if not chosen:
            raise UsageError("dispatch: which model? Name it with --model")
        known = None if accept_contract else lock.read(current.project.root).models.get(chosen)
        selection = Selection(current, paths, only, mode)
        other = f"{chosen} was trained for another contract, --accept-contract takes it"
        elsewhere = current.project.elsewhere if prune else None

        def plan(module: Module, wanted: Wanted) -> Planned:
            fitting = []
            for function, contract in wanted:
                if known is None or known.contract == contract.fingerprint:
                    fitting.append((function, contract))
                else:
                    selection.skip(function, other)
            return steps.dispatch(
                module,
                fitting,
                current.tell,
                model=chosen,
                base_url=base_url or defaults.base_url,
                elsewhere=elsewhere,
            )

        planned = selection.plans(plan)
        foreign = any(item.reason == other for item in selection.skipped)
        if foreign and not any(item.functions for item in planned):
            current.failed = True
        return report.finish(
            current, planned, work, mode, verb="dispatched", skipped=selection.skipped
        )
