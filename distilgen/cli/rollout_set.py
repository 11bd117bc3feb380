"""`distilgen rollout set`: more or fewer of the calls for a student, one setting at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report, serving
from distilgen.cli.selection import Selection
from distilgen.errors import UsageError
from distilgen.rewrite import contracts_file, steps
from distilgen.rewrite.routes import MODES, Route, route_of

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.cli.selection import Wanted
    from distilgen.contract import Contract
    from distilgen.rewrite.module import Module, Planned

_SUMMED = ("model", "share")
"""The settings that are said together with the mode."""


@click.command(short_help="Change how calls are shared.")
@click.argument("function", metavar="FUNCTION")
@serving.options(*MODES)
@click.option("--record", is_flag=True, help="In dispatch mode, record the model's answers.")
@click.option("--no-record", is_flag=True, help="In dispatch mode, record nothing.")
@options.writing
@options.python
def set_(
    function: str,
    said: serving.Said,
    no_record: bool,
    mode: options.Mode,
    python: str | None,
    folder: Path,
) -> int:
    """Change which calls of FUNCTION a student gets, and how it is asked. FUNCTION is a qualified
    name, module:name, or a glob of either. What is not said stays as it is; `none` takes a setting
    back, as in --min-agreement none.

    \b
    distilgen rollout set shop.mail:reply --mode shadow --model ft:gpt-4.1-mini:acme::abc
    distilgen rollout set shop.mail:reply --mode canary --share 10%
    distilgen rollout set shop.mail:reply --share 25%
    distilgen rollout set shop.mail:reply --mode record
    """
    if no_record:
        if said.record:
            raise UsageError("--record or --no-record, not both")
        said = said._replace(record=False)
    elif not said.record:
        said = said._replace(record=None)
    if not (said.mode or said.provider or said.settings or said.record is not None):
        raise UsageError("rollout set: what? Say --mode, --share, --model, or another option")
    if said.mode:
        serving.refuse_contradictions(said, said.mode)
    is_glob = any(letter in function for letter in "*?[")
    with options.session(folder, python) as current, report.run(current, mode) as work:
        config, models = current.project.config, lock.read(current.project.root).models
        selection = Selection(current, (), [function], mode, keeps=True)
        lines: dict[str, str] = {}

        def plan(module: Module, wanted: Wanted) -> Planned:
            wishes = []
            for item, contract in wanted:
                mark = module.found.at(item.function.line)
                before = route_of(mark) if mark else None
                try:
                    after = _route(said, before)
                except UsageError as error:
                    if not is_glob:
                        raise UsageError(f"{item.name}: {error}") from error
                    selection.skip(item, str(error))
                    continue
                bound = serving.served(contract, said, config, models, keeps=True)
                if (before is None or before.mode != after.mode) and "share" not in said.settings:
                    bound = replace(bound, share=None)  # it was of another mode
                if after.mode != "record" and bound.model is None:
                    raise UsageError(f"{item.name}: which model? Name it with --model")
                is_new = before is None or before.mode == "record" or bound.model != contract.model
                misfit = serving.misfit(bound, said, models)
                if misfit and is_new and after.mode != "record":
                    selection.refuse(item, misfit)
                    continue
                lines[item.name] = f"{item.name}: {_said(contract, before, bound, after)}"
                wishes.append(steps.Wish(item, bound, after))
            return steps.route(module, wishes, current.tell)

        planned = selection.plans(plan)
        return report.finish(
            current, planned, work, mode, verb="set", skipped=selection.skipped, lines=lines
        )


def _route(said: serving.Said, before: Route | None) -> Route:
    """Where the calls of a function are to go. Raises UsageError for what cannot be meant of it."""
    mode = said.mode or (before.mode if before else None)
    if mode is None:
        raise UsageError("is not recorded yet, nor dispatched; say --mode")
    serving.refuse_contradictions(said, mode)
    records = said.record
    if records is None:
        records = before is not None and before.records
    return Route(mode, records and mode == "dispatch")


def _said(contract: Contract, before: Route | None, bound: Contract, after: Route) -> str:
    """What a function is now, and what it was where that is something else."""
    was = _summary(contract, before)
    now = _summary(bound, after)
    parts = [" ".join(now)]
    if now != was:
        only = was[:1] if now[0] != was[0] else [a for a, b in zip(was, now, strict=True) if a != b]
        parts[0] += f", was {' '.join(only)}"
    had, has = contracts_file.options(contract), contracts_file.options(bound)
    for name in contracts_file.SETTINGS:
        if name not in _SUMMED and had.get(name) != has.get(name):
            word = name.replace("_", "-")
            was_too = f", was {had[name]}" if name in had else ""
            parts.append(f"{word} {has.get(name, 'none')}{was_too}")
    return "; ".join(parts)


def _summary(contract: Contract, route: Route | None) -> list[str]:
    """The mode, the share of calls, and the model, as far as it has them."""
    if route is None:
        return ["plain"]
    if route.mode == "record":
        return ["recorded"]
    to = f"to {contract.model}"
    if route.mode == "dispatch":
        return ["dispatched and recorded" if route.records else "dispatched", to]
    from distilgen.runtime.rollout import SHARES  # noqa: PLC0415 - `status` does not need it

    share = SHARES[route.mode] if contract.share is None else contract.share
    return [route.mode, f"{share * 100:g} %", to]
