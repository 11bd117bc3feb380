"""`distilgen rollout status`: how student and teacher share the calls, from the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from distilgen.cli import options, record_lines, report
from distilgen.cli.record_filter import (
    Filter,
    Reading,
    chosen,
    functions_argument,
    since_option,
    until_option,
)
from distilgen.cli.rollout_pages import ALONE, COLUMNS, Shown, cost, line, page
from distilgen.errors import UsageError
from distilgen.project import matches, refuse_absent
from distilgen.records.pairs import Pairs
from distilgen.records.record import CANARY, FALLBACK, SHADOW
from distilgen.records.rollouts import Rollout, Student, count
from distilgen.rewrite import marks, module as modules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from distilgen.config import Config
    from distilgen.contract import Contract
    from distilgen.dataset.prices import Price
    from distilgen.records.rollouts import Counted
    from distilgen.records.stats import Times

_STATES = {
    "record": "recorded",
    **{mode: mode for mode in (SHADOW, CANARY, FALLBACK)},
    "dispatch": "dispatched",
}
"""What a function is in the code, by what `rollout set` calls its mode."""


class _Known(NamedTuple):
    """A function as the code has it now, see `Shown`. is_own: the sidecar is that of its module."""

    contract: Contract
    state: str
    sidecar: str
    is_recorded: bool
    is_own: bool


@click.command(short_help="How a student does beside its teacher.")
@functions_argument
@click.option("--mode", type=click.Choice([*_STATES]), help="Those that are in this mode now.")
@click.option("--short", is_flag=True, help="A line for each function.")
@click.option("--fields", is_flag=True, help="Agreement of each field of the answers, too.")
@options.as_json
@since_option
@until_option
@options.records
@options.project
def status(
    *,
    functions: tuple[str, ...],
    mode: str | None,
    short: bool,
    fields: bool,
    as_json: bool,
    since: str | None,
    until: str | None,
    records: str | None,
    folder: Path,
) -> int:
    """Show how student and teacher share the calls of each FUNCTION, default all with a student:
    mode, calls, agreement, failures, times, tokens and what they cost, what the guard did. Mode and
    model are those in the code, the rest is counted from the records.
    """
    if short and (fields or as_json):
        raise UsageError("--short is for reading, and has no room for fields: say it alone")
    wanted = chosen(functions, since, until)
    with options.session(folder) as current:
        known = _known(current)
        reading = Reading(options.records_store(current, records), Filter((), wanted.selection))
        contracts = {name: {k.contract.fingerprint for k in many} for name, many in known.items()}
        found = count(reading, contracts, Pairs() if fields else None)
        reading.tell(current)
        _refuse_absent(functions, {*known, *reading.functions})
        shown = [
            item
            for name, many in known.items()
            for item in _shown(many, found)
            if mode in (None, *(m for m, state in _STATES.items() if state == item.state))
            and (matches(name, functions) or (not functions and (mode or _takes_part(item))))
        ]
        config = current.project.config
        if as_json:
            asked = wanted.selection
            said = {
                "since": asked.since and asked.since.isoformat(),
                "until": asked.until and asked.until.isoformat(),
                "functions": [_values(item, config, fields=fields) for item in shown],
                "gone": dict(sorted(found.gone.items())),
                "malformed": reading.malformed,
            }
            click.echo(record_lines.pretty(said))
            return current.code()
        if short and shown:
            report.table(COLUMNS, [line(item) for item in shown])
        else:
            pages = ("\n".join(page(item, config.price_of, fields=fields)) for item in shown)
            click.echo("\n\n".join(pages), nl=bool(shown))
        _tell(shown, found.gone, mode)
        if not short:
            _tell_price(shown, config)
        return current.code()


def _known(current: options.Session) -> dict[str, list[_Known]]:
    """The functions that have a contract, by name; the one of its own module first. Tells where a
    name stands in several sidecars.
    """
    found: dict[str, list[_Known]] = {}
    for item in _contracts(current):
        found.setdefault(item.contract.function, []).append(item)
    for name, many in found.items():
        many.sort(key=lambda item: (not item.is_own, item.sidecar))
        if len(many) > 1:
            files = " and ".join(item.sidecar for item in many)
            said = f"{name}: is in {files}; records are counted by the fingerprint of its contract"
            click.echo(record_lines.printable(said), err=True)
    return dict(sorted(found.items()))


def _contracts(current: options.Session) -> Iterator[_Known]:
    project = current.project
    for source in project.sources([project.root], ours=True):
        with current.telling(source.path):
            module = modules.load(project.root, source)
            sidecar = project.relative(marks.sidecar_path(source.path))
            by_contract = {mark.contract: mark for mark in module.found.functions}
            for name, contract in module.contracts.items():
                mark = by_contract.get(name)
                own = contract.function.rpartition(":")[0] == project.name_of(source.path)
                yield _Known(
                    contract, mark.state if mark else "plain", sidecar,
                    bool(mark and mark.decorator), own,
                )  # fmt: skip


def _shown(many: Sequence[_Known], found: Counted) -> Iterator[Shown]:
    """A function of some sidecars, once for each of its fingerprints."""
    several = {item.contract.fingerprint: item for item in reversed(many)}
    for item in many:
        function, fingerprint = item.contract.function, item.contract.fingerprint
        if several[fingerprint] is item:
            yield Shown(
                contract=item.contract,
                state=item.state,
                sidecar=item.sidecar,
                is_recorded=item.is_recorded,
                name=f"{function} in {item.sidecar}" if len(several) > 1 else function,
                rollout=found.rollouts.get((function, fingerprint), Rollout()),
                others=found.others[function],
            )


def _takes_part(shown: Shown) -> bool:
    """Has a student anything to do with it?"""
    rollout = shown.rollout
    return shown.state not in ALONE or bool(rollout.calls or rollout.students or shown.others)


def _refuse_absent(patterns: Sequence[str], names: Collection[str]) -> None:
    """Raises UsageError for a pattern that names no function."""
    named = {pattern for pattern in patterns if any(matches(name, [pattern]) for name in names)}
    refuse_absent(patterns, named, [part for n in names for part in (n, n.rpartition(":")[2])])


def _tell(shown: Sequence[Shown], gone: Mapping[str, int], mode: str | None) -> None:
    """Say what is not in the pages, and what to do next."""
    if not shown and mode:
        click.echo(f"no function that is asked for is in mode {mode}", err=True)
    elif not shown:
        command = "`distilgen rollout set FUNCTION --mode shadow --model NAME`"
        click.echo(f"no function has a student; {command} asks one", err=True)
    for name, number in sorted(gone.items()):
        said = f"{report.counted(number, 'record')}, but no contract of that name: left out"
        click.echo(f"{record_lines.printable(name)}: {said}", err=True)


def _tell_price(shown: Sequence[Shown], config: Config) -> None:
    """Say of the tokens that have no price how they get one."""
    students = [both for item in shown for both in item.students().items()]
    told = {model for model, student in students if student.input_tokens or student.output_tokens}
    for model in sorted(told):
        if config.price_of(model) is None:
            table = f'[tool.distilgen.prices."{model}"]'
            said = f"no price: say it in {table} of pyproject.toml; 0, where it is free"
            click.echo(record_lines.printable(said), err=True)
            return


# For programs.


def _values(shown: Shown, config: Config, *, fields: bool) -> dict[str, Any]:
    contract, rollout = shown.contract, shown.rollout
    calls = rollout.calls.total()
    return {
        "function": contract.function,
        "contract": contract.fingerprint,
        "sidecar": shown.sidecar,
        "mode": shown.state,
        "model": contract.model,
        "recorded": shown.is_recorded,
        "calls": calls,
        "answered": rollout.answered,
        "share": rollout.answered / calls if calls else None,
        "held": rollout.held,
        "modes": dict(sorted(rollout.calls.items())),
        "teacher": _percentiles(rollout.teachers),
        "students": [
            _student_values(model, student, config.price_of(model))
            | ({"fields": _field_values(student)} if fields else {})
            for model, student in shown.students().items()
        ],
        "guard": {
            "events": rollout.events,
            "open": rollout.is_open,
            "last": [event._asdict() for event in rollout.last],
        },
        "other_contracts": shown.others,
    }


def _student_values(model: str, student: Student, price: Price | None) -> dict[str, Any]:
    last = student.last_failure
    return {
        "model": model,
        "asked": student.asked,
        "questions": student.questions,
        "answered": student.answered,
        "failed": student.failures.total(),
        "failures": [
            {**why._asdict(), "count": number} for why, number in student.failures.most_common()
        ],
        "last_failure": last and last._asdict(),
        "unsure": student.unsure,
        "pairs": student.pairs,
        "equal": student.equal,
        "agreement": student.agreement,
        "interval": student.interval if student.pairs else None,
        **_percentiles(student.times),
        "input_tokens": student.input_tokens,
        "output_tokens": student.output_tokens,
        "untold": student.untold,
        "cached": student.cached,
        "joined": student.joined,
        "cost_usd": round(cost(student, price), 6) if price else None,
        "prices_as_of": (price and price.as_of) or None,
    }


def _field_values(student: Student) -> dict[str, Any]:
    found = student.fields
    by_name = {
        name: {"pairs": seen, "equal": found.fields[name]}
        for name, seen in found.fields_seen.items()
    }
    return {"pairs": found.calls, "by_name": by_name}


def _percentiles(times: Times) -> dict[str, float | None]:
    shares = {"median_ms": 0.5, "p95_ms": 0.95}
    return {
        name: round(times.percentile(share), 6) if times else None for name, share in shares.items()
    }
