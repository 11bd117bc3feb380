"""`distilgen rollout set`: more or fewer of the calls for a student, one setting at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report, serving
from distilgen.cli.selection import Selection
from distilgen.errors import UsageError
from distilgen.rewrite import contracts_file, drift, steps
from distilgen.rewrite.routes import MODES

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.cli.selection import Wanted
    from distilgen.contract import Contract
    from distilgen.project import Project
    from distilgen.rewrite.module import Module, Planned
    from distilgen.rewrite.routes import Route
    from distilgen.source.functions import Surveyed

_SUMMED = ("model", "share")
"""The settings that are said together with the mode."""


@click.command(short_help="Change how calls are shared.")
@click.argument("function", metavar="FUNCTION")
@serving.options(*MODES)
@options.writing
@options.python
def set_(
    function: str,
    said: serving.Said,
    mode: options.Mode,
    python: str | None,
    folder: Path,
) -> int:
    """Change which calls of FUNCTION a student gets, and how it is asked. FUNCTION is a qualified
    name, module:name, or a glob of either, which names what is recorded or dispatched. What is not
    said stays as it is; `none` takes a setting back, as in --min-agreement none.

    \b
    distilgen rollout set shop.mail:reply --mode shadow --model ft:gpt-4.1-mini:acme::abc
    distilgen rollout set shop.mail:reply --mode canary --share 10%
    distilgen rollout set shop.mail:reply --share 25%
    distilgen rollout set shop.mail:reply --mode record
    """
    if not (said.mode or said.provider or said.settings or said.record is not None):
        raise UsageError("rollout set: what? Say --mode, --share, --model, or another option")
    if said.mode:
        serving.refuse_contradictions(said, said.mode)
    is_glob = any(letter in function for letter in "*?[")
    with options.session(folder, python) as current, report.run(current, mode) as work:
        known = lock.read(current.project.root)
        selection = Selection(current, (), [function], mode, keeps=True, marked=is_glob)
        lines: dict[str, str] = {}
        meant: list[str] = []
        wrong: list[UsageError] = []

        def plan(module: Module, wanted: Wanted) -> Planned:
            wishes = []
            for item, contract in wanted:
                before = module.route_of(item)
                meant.append(item.name)
                try:
                    wish = _wish(said, item, contract, before, current.project, known, module.path)
                except UsageError as error:
                    if is_glob:
                        selection.skip(item, str(error))
                    else:
                        wrong.append(UsageError(f"{item.name}: {error}"))
                    continue
                reason = steps.unfit(module, wish) or _misfit(said, contract, before, wish, known)
                if reason:
                    selection.leave(item, reason)
                    continue
                if module.frozen(item):
                    _tell_drift(current, item, contract)
                lines[item.name] = f"{item.name}: {_said(contract, before, *wish[1:])}"
                wishes.append(wish)
            made = steps.route(module, wishes, current.tell)
            return serving.accepted(made, wishes, said, known)

        planned = selection.plans(plan)
        if len(meant) > 1 and not is_glob:
            raise UsageError(f"{function}: there are several: {', '.join(meant)}")
        if wrong:
            raise wrong[0]
        return report.finish(
            current, planned, work, mode, verb="set", skipped=selection.skipped, lines=lines
        )


def _wish(
    said: serving.Said,
    item: Surveyed,
    contract: Contract,
    before: Route | None,
    project: Project,
    known: lock.Lock,
    module: Path,
) -> steps.Wish:
    """What is to become of a function. Raises UsageError for what cannot be meant of it."""
    mode = said.mode or (before.mode if before else None)
    if mode is None:
        raise UsageError("is not recorded yet, nor dispatched; say --mode")
    after = serving.route(said, mode, before)
    bound = serving.served(contract, said, project, known, module)
    bound = serving.moved(bound, said, before, after)
    if mode != "record" and bound.model is None:
        if "model" in said.settings:
            raise UsageError("--model none: for the function to answer, say --mode record")
        raise UsageError("which model? Name it with --model")
    return steps.Wish(item, bound, after)


def _misfit(
    said: serving.Said, contract: Contract, before: Route | None, wish: steps.Wish, known: lock.Lock
) -> str:
    """Why a model is not to be taken that was not there before; empty where it is."""
    is_new = before is None or before.mode == "record" or wish.contract.model != contract.model
    if wish.route.mode == "record" or not is_new:
        return ""
    return serving.misfit(wish.contract, said, known)


def _tell_drift(current: options.Session, item: Surveyed, frozen: Contract) -> None:
    """Say that a contract, which stays, may not be that of the code. Evaluates nothing."""
    changed = drift.since_frozen(frozen, current.project.refreeze(item, frozen)[0])
    if changed:
        message = f"{item.name}: {changed}; its contract stays as it is, see `distilgen check`"
        click.echo(message, err=True)


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
