"""`distilgen rollout status`: how student and teacher share the calls, from the records."""

from __future__ import annotations

from textwrap import wrap
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
from distilgen.project import matches, refuse_absent
from distilgen.records.record import CANARY, SHADOW, began_at
from distilgen.records.rollouts import Rollout, Student, count
from distilgen.rewrite import module as modules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from distilgen.config import Config, Price
    from distilgen.contract import Contract
    from distilgen.records.stats import Times

_ALONE = ("plain", "recorded")
_FEW = 3
_LABEL = 11
_WIDTH = 84  # of what stands behind a label
_MILLION = 1_000_000


class _Function(NamedTuple):
    """A function as the code has it now. state: as `scan` says it."""

    contract: Contract
    state: str


@click.command(short_help="How a student does beside its teacher.")
@functions_argument
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON.")
@since_option
@until_option
@options.records
@options.project
def status(
    functions: tuple[str, ...],
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
    wanted = chosen(functions, since, until)
    with options.session(folder) as current:
        known = dict(sorted(_known(current)))
        reading = Reading(options.records_store(current, records), Filter((), wanted.selection))
        found = count(reading, {name: item.contract.fingerprint for name, item in known.items()})
        reading.tell(current)
        _refuse_absent(functions, {*known, *reading.functions})
        shown = [
            (item, found.rollouts.get(name, Rollout()))
            for name, item in known.items()
            if matches(name, functions)
            or (not functions and (item.state not in _ALONE or name in found.rollouts))
        ]
        config = current.project.config
        if as_json:
            asked = wanted.selection
            said = {
                "since": asked.since and asked.since.isoformat(),
                "until": asked.until and asked.until.isoformat(),
                "functions": [_values(*both, config) for both in shown],
                "gone": dict(sorted(found.gone.items())),
                "malformed": reading.malformed,
            }
            click.echo(record_lines.pretty(said))
            return current.code()
        pages = ("\n".join(_page(*both, config)) for both in shown)
        click.echo("\n\n".join(pages), nl=bool(shown))
        _tell(shown, found.gone, config)
        return current.code()


def _known(current: options.Session) -> Iterator[tuple[str, _Function]]:
    """The functions that have a contract, by name."""
    for source in current.project.sources([current.project.root], ours=True):
        with current.telling(source.path):
            module = modules.load(current.project.root, source)
            states: dict[str, str] = {m.contract: m.state for m in module.found.functions}
            for name, contract in module.contracts.items():
                yield contract.function, _Function(contract, states.get(name, "plain"))


def _refuse_absent(patterns: Sequence[str], names: Collection[str]) -> None:
    """Raises UsageError for a pattern that names no function."""
    named = {pattern for pattern in patterns if any(matches(name, [pattern]) for name in names)}
    refuse_absent(patterns, named, [part for n in names for part in (n, n.rpartition(":")[2])])


def _students(function: _Function, rollout: Rollout) -> dict[str, Student]:
    """Those that were asked, by model, and first the one that is now."""
    now = function.contract.model
    first = {now: Student()} if now and function.state not in _ALONE else {}
    return {**first, **dict(sorted(rollout.students.items()))}


def _cost(student: Student, price: Price) -> float:
    """What its answers cost, in USD."""
    return (student.input_tokens * price.input + student.output_tokens * price.output) / _MILLION


# For programs.


def _values(function: _Function, rollout: Rollout, config: Config) -> dict[str, Any]:
    calls, contract = rollout.calls.total(), function.contract
    return {
        "function": contract.function,
        "contract": contract.fingerprint,
        "mode": function.state,
        "model": contract.model,
        "calls": calls,
        "answered": rollout.answered,
        "share": rollout.answered / calls if calls else None,
        "modes": dict(sorted(rollout.calls.items())),
        "teacher": _percentiles(rollout.teachers),
        "students": [
            _student_values(model, student, config.price_of(model))
            for model, student in _students(function, rollout).items()
        ],
        "guard": {
            "events": rollout.events,
            "open": rollout.is_open,
            "last": [event._asdict() for event in rollout.last],
        },
        "other_contracts": rollout.others,
    }


def _student_values(model: str, student: Student, price: Price | None) -> dict[str, Any]:
    return {
        "model": model,
        "asked": student.asked,
        "questions": student.questions,
        "answered": student.answered,
        "failed": student.failures.total(),
        "failures": dict(student.failures.most_common()),
        "pairs": student.pairs,
        "equal": student.equal,
        "agreement": student.agreement,
        "interval": student.interval if student.pairs else None,
        **_percentiles(student.times),
        "input_tokens": student.input_tokens,
        "output_tokens": student.output_tokens,
        "untold": student.untold,
        "cached": student.cached,
        "cost_usd": round(_cost(student, price), 6) if price else None,
        "prices_as_of": (price and price.as_of) or None,
    }


def _percentiles(times: Times) -> dict[str, float | None]:
    shares = {"median_ms": 0.5, "p95_ms": 0.95}
    return {
        name: round(times.percentile(share), 6) if times else None for name, share in shares.items()
    }


# For reading.


def _page(function: _Function, rollout: Rollout, config: Config) -> Iterator[str]:
    """The lines of a function."""
    yield record_lines.printable(function.contract.function)
    facts = [*_facts(function, rollout)]
    for model, student in _students(function, rollout).items():
        facts += _student_facts(model, student, config.price_of(model))
    for label, text in (*facts, *_guard_facts(rollout)):
        first, *rest = wrap(record_lines.printable(text), _WIDTH) or [""]
        yield f"  {label:<{_LABEL}} {first}"
        yield from (f"  {'':<{_LABEL}} {line}" for line in rest)


def _facts(function: _Function, rollout: Rollout) -> Iterator[tuple[str, str]]:
    contract = function.contract
    mode = function.state
    if mode in (SHADOW, CANARY) and contract.share is not None:
        mode += f", {contract.share * 100:.3g}% of the calls"
    yield "mode", mode
    if rollout.others:
        yield "left out", f"{report.counted(rollout.others, 'record')} of another contract"
    calls, answered = rollout.calls.total(), rollout.answered
    if not calls:
        yield "calls", "none"
        return
    modes = ", ".join(f"{mode} {number:,}" for mode, number in sorted(rollout.calls.items()))
    yield "calls", f"{calls:,}: {modes}"
    yield "answered", f"{_part(answered, calls, 'calls')} by a student"
    if rollout.teachers:
        yield "teacher", _times(rollout.teachers)


def _student_facts(model: str, student: Student, price: Price | None) -> Iterator[tuple[str, str]]:
    yield "student", model if student.asked else f"{model}, not asked yet"
    if student.agreement is not None:
        low, high = student.interval
        said = _part(student.equal, student.pairs, "pairs")
        yield "agreement", f"{said}, 95 % interval {low:.1%} to {high:.1%}"
    if student.asked:
        few = student.failures.most_common(_FEW)
        types = ", ".join(f"{kind} {number:,}" for kind, number in few)
        more = ", …" if len(student.failures) > len(few) else ""
        failed = student.failures.total()
        said = _part(failed, student.asked, "asked")
        yield "failures", f"{said}: {types}{more}" if failed else said
    if student.times:
        yield "times", _times(student.times)
    if student.input_tokens or student.output_tokens:
        yield "tokens", _tokens(student, price)
    if student.cached:
        yield "cached", _part(student.cached, student.given, "answers")


def _tokens(student: Student, price: Price | None) -> str:
    said = f"{student.input_tokens:,} in, {student.output_tokens:,} out"
    if student.untold:
        said += f" (not told by {student.untold:,} of {student.given:,} answers)"
    if price:
        said += f": {_dollars(_cost(student, price))}"
        said += f" at prices of {price.as_of}" if price.as_of else ""
    return said


def _guard_facts(rollout: Rollout) -> Iterator[tuple[str, str]]:
    if not rollout.last:
        return
    who = "open: the teacher answers" if rollout.is_open else "closed"
    yield "guard", f"{report.counted(rollout.events, 'event')}, by the last one {who}"
    for event in rollout.last:
        began = began_at(event.at)
        yield f"{began:%m-%d %H:%M}" if began else "-", event.what


def _tell(
    shown: Sequence[tuple[_Function, Rollout]], gone: Mapping[str, int], config: Config
) -> None:
    """Say what is not in the pages, and what to do next."""
    if not shown:
        command = "`distilgen rollout set FUNCTION --mode shadow --model NAME`"
        click.echo(f"no function has a student; {command} asks one", err=True)
    for name, number in sorted(gone.items()):
        said = f"{report.counted(number, 'record')}, but no contract of that name: left out"
        click.echo(f"{record_lines.printable(name)}: {said}", err=True)
    told = {m for _, r in shown for m, s in r.students.items() if s.input_tokens}
    for model in sorted(told):
        if config.price_of(model) is None:
            said = f'no price: say it in [tool.distilgen.prices."{model}"] of pyproject.toml'
            click.echo(record_lines.printable(said), err=True)
            return


def _part(some: int, whole: int, things: str) -> str:
    return f"{some / whole:.1%}, {some:,} of {whole:,} {things}"


def _times(times: Times) -> str:
    median, most = times.percentile(0.5), times.percentile(0.95)
    return f"{record_lines.duration(median)} median, {record_lines.duration(most)} p95"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
