"""What is counted from the records of a rollout is what happened."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as numbers
from typing import Any

import pytest
from hypothesis import given, strategies as st

from distilgen.records import stats
from distilgen.records.record import TEACHER, Record, line_of, parse
from distilgen.records.rollouts import LAST, Failure, Rollout, Student, Why, count

FUNCTION, CONTRACT = "shop.mail:compose", "c" * 32
MODELS = ("ft:small", "ft:smaller")
UNSURE = "distilgen.errors.LowConfidenceError"
Line = Callable[..., bytes]


@dataclass(frozen=True)
class Happened:
    """A call as the program saw it. asked: was the student? failure: why the caller did not get its
    answer. spared: how a question was not needed. held: did the guard keep it from the student?
    """

    mode: str
    model: str
    asked: bool
    failure: str
    agrees: bool
    teacher_ms: float
    student_ms: float
    tokens: tuple[int, int] | None
    spared: str
    held: bool
    guard: str

    @property
    def beside(self) -> bool:
        """Was the student asked beside the teacher, not in its place?"""
        return self.mode == "shadow" and self.asked

    @property
    def answered(self) -> bool:
        return self.asked and not self.beside and not self.failure

    @property
    def failed(self) -> bool:
        return self.failure not in ("", UNSURE)


_ms = st.floats(0, 60_000)
CALLS = st.lists(
    st.builds(
        Happened,
        mode=st.sampled_from(["shadow", "canary", "fallback"]),
        model=st.sampled_from(MODELS),
        asked=st.booleans(),
        failure=st.sampled_from(["", "", "TimeoutError", "InvalidAnswerError", UNSURE]),
        agrees=st.booleans(),
        teacher_ms=_ms,
        student_ms=_ms,
        tokens=st.none() | st.tuples(st.integers(1, 9999), st.integers(0, 9999)),
        spared=st.sampled_from(["", "", "cached", "joined"]),
        held=st.booleans(),
        guard=st.sampled_from(["", "", "opened: 1 of 2", "closed: 2 of 2"]),
    ),
    max_size=40,
)


def records_of(calls: list[Happened]) -> list[Record]:
    """What a program writes of the calls, a line each, and reads again."""
    made: list[Record] = []
    number = numbers()

    def write(source: str, elapsed_ms: float, rollout: dict[str, Any], error: str = "") -> str:
        second = next(number)
        record = Record(
            id=f"{second:08}",
            function=FUNCTION,
            contract=CONTRACT,
            at=f"2026-11-03T00:{second // 60:02}:{second % 60:02}.000Z",
            elapsed_ms=elapsed_ms,
            arguments={},
            source=source,
            result=None if error else 1,
            error={"type": error, "message": "m"} if error else None,
            rollout={key: value for key, value in rollout.items() if value not in ("", None)},
        )
        read = parse("", 1, line_of(record))
        assert read == record
        made.append(record)
        return record.id

    for call in calls:
        failure = {"type": call.failure, "message": "m"} if call.failure else None
        tokens = call.tokens or (None, None)
        asked: dict[str, Any] = {
            "mode": call.mode,
            "model": call.model,
            "ms": call.student_ms,
            "asks": None if call.spared else 2,
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            **({call.spared: True} if call.spared else {}),
            "error": failure,
            "guard": call.guard,
        }
        if call.answered:
            write(call.model, call.student_ms + 1, asked)
        elif call.asked and not call.beside:
            write(TEACHER, call.teacher_ms + call.student_ms, asked)
        else:
            held = {"held": True} if call.held else {}
            of = write(TEACHER, call.teacher_ms, {"mode": call.mode, **held})
            if call.beside:
                compared = {} if failure else {"agrees": call.agrees}
                write(call.model, call.student_ms, {**asked, "of": of, **compared}, call.failure)
    return made


def nearest_rank(times: list[float], share: float) -> float:
    return sorted(times)[max(math.ceil(share * len(times)), 1) - 1]


def wilson_by_its_equation(equal: int, pairs: int) -> tuple[float, float]:
    """The shares p with (p - equal/pairs)² = z² p (1 - p) / pairs."""
    z2 = 1.959963984540054**2 / pairs
    share = equal / pairs
    a, b, c = 1 + z2, -(2 * share + z2), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@given(CALLS)
def test_all_is_counted_once(calls: list[Happened]) -> None:
    found = count(iter(records_of(calls)), {FUNCTION: {CONTRACT}})
    assert not found.gone
    rollout = found.rollouts.get((FUNCTION, CONTRACT), Rollout())
    assert rollout.calls == Counter(call.mode for call in calls)
    assert rollout.held == sum(call.held and (call.beside or not call.asked) for call in calls)
    assert rollout.answered == sum(call.answered for call in calls)
    theirs = [call.teacher_ms for call in calls if not call.answered]
    assert bool(rollout.teachers) is bool(theirs)
    if theirs:
        found_ms = rollout.teachers.percentile(0.95)
        assert found_ms == pytest.approx(nearest_rank(theirs, 0.95), abs=1e-6)
    for model in MODELS:
        _agrees(
            rollout.students.get(model, Student()),
            [call for call in calls if call.asked and call.model == model],
        )
    events = [call.guard for call in calls if call.asked and call.guard]
    assert rollout.events == len(events)
    assert [event.what for event in rollout.last] == events[-LAST:]
    assert rollout.is_open is (events[-1].startswith("opened") if events else None)


def _agrees(student: Student, asked: list[Happened]) -> None:
    given = [call for call in asked if not call.failed]
    assert (student.asked, student.given) == (len(asked), len(given))
    assert student.questions == sum(2 * (not call.spared) for call in asked)
    assert student.answered == sum(call.answered for call in asked)
    assert student.unsure == sum(call.failure == UNSURE for call in asked)
    failures = [Why(call.failure, None, None) for call in asked if call.failed]
    assert student.failures == Counter(failures)
    assert (student.last_failure.type if student.last_failure else None) == (
        failures[-1].type if failures else None
    )
    pairs = [call.agrees for call in given if call.beside and not call.failure]
    assert (student.pairs, student.equal) == (len(pairs), sum(pairs))
    if pairs:
        assert student.agreement == sum(pairs) / len(pairs)
        by_equation = wilson_by_its_equation(sum(pairs), len(pairs))
        assert student.interval == pytest.approx(by_equation, abs=1e-9)
    else:
        assert student.agreement is None
    assert bool(student.times) is bool(given)
    for share in (0.5, 0.95) if given else ():
        times = [call.student_ms for call in given]
        assert student.times.percentile(share) == nearest_rank(times, share)
    paid = [call.tokens for call in asked if call.tokens and not call.spared]
    assert student.input_tokens == sum(tokens[0] for tokens in paid)
    assert student.output_tokens == sum(tokens[1] for tokens in paid)
    assert student.cached == sum(call.spared == "cached" for call in given)
    assert student.joined == sum(call.spared == "joined" for call in given)
    assert student.untold == sum(call.tokens is None and not call.spared for call in given)


def record(line: bytes) -> Record:
    found = parse("", 1, line)
    assert isinstance(found, Record)
    return found


def test_a_dispatched_call_that_raised_is_a_failure(line: Line) -> None:
    dispatched = {"mode": "dispatch", "model": "big"}
    found = count(
        [
            record(line(source="big", rollout=dispatched, elapsed_ms=7)),
            record(line(source="big", rollout=dispatched, result=None, error={"type": "E"})),
        ],
        {FUNCTION: {record(line()).contract}},
    ).rollouts[FUNCTION, record(line()).contract]
    assert found.calls == {"dispatch": 2}
    assert not found.teachers
    student = found.students["big"]
    assert (student.asked, student.answered, student.failures) == (2, 1, {Why("E", None, None): 1})
    assert student.times.percentile(0.5) == 7


@pytest.mark.parametrize(
    ("what", "is_open"),
    [
        ("opened: 1 of 2", True),
        ("closed: the student answers again", False),
        ("closed: the student answers again; opened: 1 of 2; calls go to the teacher", True),
    ],
)
def test_what_the_guard_did_last(what: str, is_open: bool, line: Line) -> None:
    told = {"mode": "canary", "model": "m", "guard": what}
    one = record(line(source="m", rollout=told))
    found = count([one], {FUNCTION: {one.contract}}).rollouts[FUNCTION, one.contract]
    assert found.is_open is is_open


def test_what_is_not_counted(line: Line) -> None:
    shadow = {"mode": "shadow"}
    records = [
        record(line()),
        record(line(function="shop.mail:gone")),
        record(line(function="shop.mail:gone", rollout=shadow)),
        record(line(contract="0" * 32, rollout=shadow)),
        record(line(rollout=shadow)),
    ]
    contract = records[0].contract
    found = count(records, {FUNCTION: {contract}})
    assert found.gone == {"shop.mail:gone": 1}
    assert list(found.rollouts) == [(FUNCTION, contract)]
    assert found.others == {FUNCTION: 1}
    assert found.rollouts[FUNCTION, contract].calls == {"shadow": 1}
    assert count(records[:1], {FUNCTION: {contract}}).rollouts == {}
    both = count(records, {FUNCTION: {contract, "0" * 32}})
    assert (len(both.rollouts), both.others) == (2, {})


def test_failures_are_told_apart(line: Line) -> None:
    invalid = {"type": "InvalidAnswerError", "message": "m"}
    errors = [
        {**invalid, "kind": "truncated", "request_id": "r1"},
        {**invalid, "kind": "refused"},
        {"type": "HostError", "message": "late", "status": 429, "request_id": "r2"},
        {**invalid, "kind": "truncated"},
    ]
    days = (1, 2, 9, 3)
    records = [
        record(line(
            str(day), at=f"2026-11-{day:02}T00:00:00Z",
            rollout={"mode": "canary", "model": "m", "error": error},
        ))
        for day, error in zip(days, errors, strict=True)
    ]  # fmt: skip
    contract = records[0].contract
    student = count(records, {FUNCTION: {contract}}).rollouts[FUNCTION, contract].students["m"]
    assert student.failures == {
        Why("InvalidAnswerError", "truncated", None): 2,
        Why("InvalidAnswerError", "refused", None): 1,
        Why("HostError", None, 429): 1,
    }
    assert student.last_failure == Failure(
        "2026-11-09T00:00:00Z", records[2].id, "HostError", "late", "r2"
    )


def test_what_is_kept_does_not_grow_with_the_records(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "EXACT", 100)
    told = {"mode": "canary", "model": "m", "guard": "closed"}
    one = record(line(source="m", rollout=told))
    counted = count((one for _ in range(1000)), {FUNCTION: {one.contract}})
    found = counted.rollouts[FUNCTION, one.contract]
    student = found.students["m"]
    assert (student.answered, found.events) == (1000, 1000)
    assert student.times._exact is None
    assert len(found.last) == LAST


@pytest.mark.parametrize(
    ("rollout", "reason"),
    [
        ([], "its rollout is no JSON object"),
        ({}, "its rollout has no mode"),
        ({"mode": 1}, "the mode of its rollout is no text"),
        ({"mode": "canary", "ms": -1}, "the ms of its rollout is no duration"),
        ({"mode": "canary", "ms": float("nan")}, "the ms of its rollout is no duration"),
        ({"mode": "canary", "asks": 1.5}, "the asks of its rollout is no count"),
        ({"mode": "canary", "input_tokens": True}, "the input_tokens of its rollout is no count"),
        ({"mode": "canary", "agrees": 1}, "the agrees of its rollout is no boolean"),
        ({"mode": "canary", "held": 1}, "the held of its rollout is no boolean"),
        ({"mode": "canary", "joined": "yes"}, "the joined of its rollout is no boolean"),
        ({"mode": "canary", "error": "E"}, "the error of its rollout is no JSON object"),
        ({"mode": "canary", "error": {"kind": 1}}, "the kind of its student's error is no text"),
        (
            {"mode": "canary", "error": {"status": "429"}},
            "the status of its student's error is no count",
        ),
        (
            {"mode": "canary", "error": {"request_id": 7}},
            "the request_id of its student's error is no text",
        ),
        ({"mode": "canary", "confidence": "1"}, "the confidence of its rollout is no number"),
    ],
)
def test_what_a_rollout_says_has_its_type(rollout: object, reason: str, line: Line) -> None:
    assert str(parse("f", 1, line(rollout=rollout))) == f"f:1: {reason}"


def test_members_that_are_not_known_are_kept(line: Line) -> None:
    told = {"mode": "later", "new": [1]}
    assert json.loads(line_of(record(line(rollout=told))))["rollout"] == told


@pytest.mark.parametrize(
    ("source", "rollout", "by_student"),
    [
        ("teacher", None, False),
        ("teacher", {"mode": "canary"}, False),
        ("m", None, False),
        ("m", {"mode": "dispatch"}, False),
        *(("m", {"mode": mode}, True) for mode in ("shadow", "canary", "fallback")),
    ],
)
def test_who_answered_beside_whom(
    source: str, rollout: object, by_student: bool, line: Line
) -> None:
    found = record(line(source=source, rollout=rollout))
    assert found.by_student is by_student
    assert found.mode == (rollout or {}).get("mode", "")  # type: ignore[attr-defined]
