"""`distilgen dispatch`: the student answers in the place of the teachers, or beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report, serving, students
from distilgen.cli.selection import Selection
from distilgen.errors import UsageError
from distilgen.rewrite import steps
from distilgen.rewrite.routes import BESIDE

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.cli.selection import Wanted
    from distilgen.rewrite.module import Module, Planned


@click.command()
@serving.options("dispatch", *BESIDE)
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

    Of a function that has a student, the contract is frozen anew, and what is not said stays:
    model, settings, whether its answers are recorded.

    `distilgen restore` gives the functions back, `distilgen rollout set` changes one thing at a
    time.
    """
    with options.session(folder, python) as current, report.run(current, mode) as work:
        way = said.mode or "dispatch"
        serving.refuse_contradictions(said, way)
        if prune and way != "dispatch":
            raise UsageError(f"--prune: in {way} mode, no body is removed")
        known = lock.read(current.project.root)
        selection = Selection(current, paths, only, mode)
        elsewhere = current.project.elsewhere if prune else None
        foreign = set()
        taken, lacking = 0, []  # the latter have no student yet

        def plan(module: Module, wanted: Wanted) -> Planned:
            nonlocal taken
            wishes = []
            for function, fresh in wanted:
                asks_latest = said.settings.get("model") == students.LATEST
                if asks_latest and (lack := students.lack(fresh, known)):
                    lacking.append((function, lack))
                    continue
                taken += 1
                before = module.route_of(function)
                route = serving.route(said, way, before)
                contract = module.with_settings(fresh, function)
                bound = serving.served(contract, said, current.project, known, module.path)
                bound = serving.moved(bound, said, before, route)
                if bound.model is None:
                    raise UsageError(f"{function.name}: which model? Name it with --model")
                if before is None or before.mode != "dispatch":
                    serving.refuse_abstention(bound, said)
                wish = steps.Wish(function, bound, route)
                misfit, unfit = serving.misfit(bound, said, known), steps.unfit(module, wish)
                if unfit:
                    selection.leave(function, unfit)
                elif misfit:
                    foreign.add(misfit)
                    selection.skip(function, misfit)
                else:
                    wishes.append(wish)
            made = steps.route(module, wishes, current.tell, elsewhere=elsewhere)
            return serving.accepted(made, wishes, said, known)

        planned = selection.plans(plan)
        if lacking and not taken:
            raise UsageError(lacking[0][1])
        for function, _ in lacking:
            selection.leave(function, "no model of it that answers is in distilgen.lock")
        if foreign and not any(item.functions for item in planned):
            current.failed = True
        verb = "dispatched" if way == "dispatch" else f"set to {way}"
        return report.finish(current, planned, work, mode, verb=verb, skipped=selection.skipped)
