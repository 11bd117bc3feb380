"""How a rollout looks on a terminal: a page for each function, or a line."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from distilgen.agreement import wilson
from distilgen.cli import record_lines, report
from distilgen.records.record import CANARY, FALLBACK, SHADOW, began_at
from distilgen.records.rollouts import Rollout, Student

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distilgen.contract import Contract
    from distilgen.dataset.prices import Price
    from distilgen.records.rollouts import Failure, Why
    from distilgen.records.stats import Times

ALONE = ("plain", "recorded")
"""The states in which a function's calls go to nobody else."""

COLUMNS = ("function", "mode", "by a student", "agreement", "failures", "guard")
"""The columns of `line`."""

_FEW = 3
_LABEL = 11
_WIDTH = 84  # of what stands behind a label
_MESSAGE = 200
_MILLION = 1_000_000


@dataclass(frozen=True)
class Shown:
    """A function as the code has it now, and what the records say of it. state: as `scan` says it.
    sidecar: the file of its contract. is_recorded: do its calls leave records? name: tells it from
    the others. others: records of other contracts.
    """

    contract: Contract
    state: str
    sidecar: str
    is_recorded: bool
    name: str
    rollout: Rollout
    others: int

    @property
    def is_unrecorded_stub(self) -> bool:
        """Does a student answer its calls without a trace?"""
        return self.state not in ALONE and not self.is_recorded

    def students(self) -> dict[str, Student]:
        """Those that were asked, by model, and first the one that is now."""
        now = self.contract.model
        first = {now: Student()} if now and self.state not in ALONE else {}
        return {**first, **dict(sorted(self.rollout.students.items()))}


def cost(student: Student, price: Price) -> float:
    """What its answers cost, in USD."""
    return price.of_call(student.input_tokens, student.output_tokens)


def line(shown: Shown) -> tuple[str, ...]:
    """The cells of a function in a table: of its students, the one that is now."""
    rollout = shown.rollout
    calls, student = rollout.calls.total(), next(iter(shown.students().values()), Student())
    answered = f"{rollout.answered / calls:.1%} of {calls:,}" if calls else "-"
    failed = student.failures.total()
    cells = (
        shown.name,
        shown.state,
        "not recorded" if shown.is_unrecorded_stub else answered,
        _sure(student.equal, student.pairs) if student.pairs else "-",
        f"{failed / student.asked:.1%}, {failed:,} of {student.asked:,}" if student.asked else "-",
        {None: "-", True: "open", False: "closed"}[rollout.is_open],
    )
    return tuple(map(record_lines.printable, cells))


def page(shown: Shown, price_of: Callable[[str], Price | None], *, fields: bool) -> Iterator[str]:
    """The lines of a function. price_of: a model. fields: were they compared?"""
    yield record_lines.printable(shown.name)
    facts = [*_facts(shown)]
    for model, student in shown.students().items():
        asked = student.asked or shown.is_unrecorded_stub
        facts.append(("student", model if asked else f"{model}, not asked yet"))
        facts += _agreement_facts(student, fields=fields)
        facts += _student_facts(student, price_of(model))
    for label, text in (*facts, *_guard_facts(shown)):
        first, *rest = wrap(record_lines.printable(text), _WIDTH) or [""]
        yield f"  {label:<{_LABEL}} {first}"
        yield from (f"  {'':<{_LABEL}} {line}" for line in rest)


def _facts(shown: Shown) -> Iterator[tuple[str, str]]:
    contract, rollout = shown.contract, shown.rollout
    mode = shown.state
    if mode in (SHADOW, CANARY) and contract.share is not None:
        mode += f", {contract.share * 100:.3g}% of the calls"
    if shown.is_unrecorded_stub:
        mode += "; its calls are not recorded (`distilgen dispatch --record` records them)"
    yield "mode", mode
    if shown.others:
        yield "left out", f"{report.counted(shown.others, 'record')} of another contract"
    calls, answered = rollout.calls.total(), rollout.answered
    if not calls:
        yield "calls", "none"
        return
    modes = ", ".join(f"{mode} {number:,}" for mode, number in sorted(rollout.calls.items()))
    yield "calls", f"{calls:,}: {modes}"
    yield "answered", f"{_part(answered, calls, 'calls')} by a student"
    if rollout.held:
        yield "held back", f"{_part(rollout.held, calls, 'calls')} by the guard"
    if rollout.teachers:
        yield "teacher", _times(rollout.teachers)


def _agreement_facts(student: Student, *, fields: bool) -> Iterator[tuple[str, str]]:
    if not student.pairs:
        return
    low, high = student.interval
    said = _part(student.equal, student.pairs, "pairs")
    yield "agreement", f"{said}, 95 % interval {low:.1%} to {high:.1%}"
    if not fields:
        return
    found = student.fields
    none = "" if found.fields_seen or not found.calls else "; the answers are no objects"
    yield "fields", f"known of {_part(found.calls, student.pairs, 'pairs')}{none}"
    for name, seen in found.fields_seen.items():
        yield "", f"{name}: {_sure(found.fields[name], seen)}"


def _student_facts(student: Student, price: Price | None) -> Iterator[tuple[str, str]]:
    if student.asked:
        yield "failures", _failures(student)
    if student.last_failure:
        yield "last one", _failure(student.last_failure)
    if student.unsure:
        yield "not sure", f"{_part(student.unsure, student.asked, 'asked')}: not sure enough"
    if student.times:
        yield "times", _times(student.times)
    if student.input_tokens or student.output_tokens:
        yield "tokens", _tokens(student, price)
    if student.cached:
        yield "cached", _part(student.cached, student.given, "answers")
    if student.joined:
        yield "joined", _part(student.joined, student.given, "answers")


def _failures(student: Student) -> str:
    failed = student.failures.total()
    said = _part(failed, student.asked, "asked")
    few = student.failures.most_common(_FEW)
    types = ", ".join(f"{_why(why)} {number:,}" for why, number in few)
    more = ", …" if len(student.failures) > len(few) else ""
    return f"{said}: {types}{more}" if failed else said


def _why(why: Why) -> str:
    known = why.kind or (f"HTTP {why.status}" if why.status else "")
    name = why.type.rpartition(".")[2]
    return f"{name} ({known})" if known else name


def _failure(failure: Failure) -> str:
    message = record_lines.cut(" ".join(failure.message.split()), _MESSAGE)
    request = f" (request {failure.request_id})" if failure.request_id else ""
    return f"{_clock(failure.at)}, record {failure.id}: {message}{request}"


def _tokens(student: Student, price: Price | None) -> str:
    said = f"{student.input_tokens:,} in, {student.output_tokens:,} out"
    if student.untold:
        said += f" (not told by {student.untold:,} of {student.given:,} answers)"
    if price is None:
        return said
    if not (price.input or price.output):
        return f"{said}: free"
    as_of = f" at prices of {price.as_of}" if price.as_of else ""
    return f"{said}: {_dollars(cost(student, price))}{as_of}"


def _guard_facts(shown: Shown) -> Iterator[tuple[str, str]]:
    rollout = shown.rollout
    if not rollout.last:
        return
    who = "closed"
    if rollout.is_open:
        means = {
            SHADOW: ": in canary or fallback mode, the teacher would answer",
            **dict.fromkeys((CANARY, FALLBACK), ": the teacher answers"),
        }
        who = f"open{means.get(shown.state, '')}"
    yield "guard", f"{report.counted(rollout.events, 'event')}, by the last one {who}"
    for event in rollout.last:
        yield _clock(event.at), event.what


def _clock(at: str) -> str:
    began = began_at(at)
    return f"{began:%m-%d %H:%M}" if began else "-"


def _part(some: int, whole: int, things: str) -> str:
    return f"{some / whole:.1%}, {some:,} of {whole:,} {things}"


def _sure(equal: int, whole: int) -> str:
    """A share with its interval, in short."""
    low, high = wilson(equal, whole)
    return f"{equal / whole:.1%} of {whole:,} ({low:.1%} to {high:.1%})"


def _times(times: Times) -> str:
    median, most = times.percentile(0.5), times.percentile(0.95)
    return f"{record_lines.duration(median)} median, {record_lines.duration(most)} p95"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
