"""`distilgen dispatch`: the student answers in the place of the teachers, or beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report, serving
from distilgen.cli.selection import Selection
from distilgen.errors import UsageError
from distilgen.rewrite import steps
from distilgen.rewrite.routes import BESIDE, Route

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.cli.selection import Wanted
    from distilgen.rewrite.module import Module, Planned


@click.command()
@serving.options("dispatch", *BESIDE)
@click.option("--record", is_flag=True, help="Record the model's answers, as a teacher's.")
@click.option(
    "--prune", is_flag=True, help="Remove imports, too, that nothing but the removed bodies uses."
)
@options.rewriting
@options.python
def command(
    said: serving.Said,
    prune: bool,
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    mode: options.Mode,
    python: str | None,
    folder: Path,
) -> int:
    """Have a model answer the calls of the functions at or below PATHS.

    By default their bodies make place for a call of it: signature, docstring, other decorators and
    comments stay; the bodies are kept under .distilgen/originals. With --mode shadow, canary or
    fallback the bodies stay, and a decorator shares the calls.

    `distilgen restore` gives the functions back, `distilgen rollout set` changes one thing at a
    time.
    """
    with options.session(folder, python) as current, report.run(current, mode) as work:
        route = Route(said.mode or "dispatch", bool(said.record))
        serving.refuse_contradictions(said, route.mode)
        if prune and not route.is_stub:
            raise UsageError(f"--prune: in {route.mode} mode, no body is removed")
        config = current.project.config
        if not (said.settings.get("model") or config.dispatch.model):
            raise UsageError("dispatch: which model? Name it with --model")
        models = lock.read(current.project.root).models
        selection = Selection(current, paths, only, mode)
        elsewhere = current.project.elsewhere if prune else None
        foreign = set()

        def plan(module: Module, wanted: Wanted) -> Planned:
            wishes = []
            for function, contract in wanted:
                bound = serving.served(contract, said, config, models)
                misfit = serving.misfit(bound, said, models)
                if misfit:
                    foreign.add(misfit)
                    selection.skip(function, misfit)
                else:
                    wishes.append(steps.Wish(function, bound, route))
            return steps.route(module, wishes, current.tell, elsewhere=elsewhere)

        planned = selection.plans(plan)
        if foreign and not any(item.functions for item in planned):
            current.failed = True
        verb = "dispatched" if route.is_stub else f"set to {route.mode}"
        return report.finish(current, planned, work, mode, verb=verb, skipped=selection.skipped)
