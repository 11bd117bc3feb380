"""What users say of times, and which records that takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from distilgen.errors import UsageError
from distilgen.records.record import Record, began_at, parse
from distilgen.records.selection import Selection, moment

Line = Callable[..., bytes]
NOW = dt.datetime(2026, 11, 8, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7d", "2026-11-01T12:00"),
        ("1.5h", "2026-11-08T10:30"),
        ("30m", "2026-11-08T11:30"),
        ("90s", "2026-11-08T11:58:30"),
        ("2w", "2026-10-25T12:00"),
        ("2026-11-03", "2026-11-03"),
        ("2026-11-03T14:00", "2026-11-03T14:00"),
        ("2026-11-03 14:00:30Z", "2026-11-03T14:00:30"),
        ("2026-11-03T14:00+02:00", "2026-11-03T12:00"),
    ],
)
def test_moments(text: str, meant: str) -> None:
    assert moment(text, NOW) == began_at(meant)


def test_a_date_as_an_end_is_the_end_of_its_day() -> None:
    assert moment("2026-11-03", NOW, end=True) == began_at("2026-11-04")
    assert moment("2026-11-03T00:00", NOW, end=True) == began_at("2026-11-03")


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7y", "2026-13-01", "99999999999d"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="is no time; say 2026-11-03"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(named=lambda name: name == "shop.mail:compose"), True),
        (Selection(named=lambda name: name == "other"), False),
        (Selection(contract="abc"), True),
        (Selection(contract="bc"), False),
        (Selection(since=began_at("2026-11-03T01:02:03")), True),
        (Selection(since=began_at("2026-11-03T01:02:04")), False),
        (Selection(until=began_at("2026-11-03T01:02:03.000005")), True),
        (Selection(until=began_at("2026-11-03T01:02:03.000004")), False),
        (Selection(source="teacher"), True),
        (Selection(source="ft:x"), False),
        (Selection(mode="canary"), True),
        (Selection(mode="shadow"), False),
        (Selection(failed=False), True),
        (Selection(failed=True), False),
        (Selection(student_failed=True), False),
        (Selection(unequal=True), False),
    ],
)
def test_what_a_selection_takes(selection: Selection, taken: bool, line: Line) -> None:
    record = parse("", 1, line(contract="abcd", rollout={"mode": "canary"}))
    assert isinstance(record, Record)
    assert selection.takes(record) is taken
    assert selection.takes_all is (selection == Selection())


def test_a_record_without_a_rollout_has_no_mode(line: Line) -> None:
    record = parse("", 1, line())
    assert isinstance(record, Record)
    assert not Selection(mode="shadow").takes(record)


@pytest.mark.parametrize(
    ("changes", "student_failed", "unequal"),
    [
        ({"rollout": {"mode": "shadow"}}, False, False),
        ({"rollout": {"mode": "canary", "error": {"type": "E"}}}, True, False),
        ({"rollout": {"mode": "dispatch"}, "error": {"type": "E"}, "source": "m"}, True, False),
        ({"rollout": {"mode": "canary"}, "error": {"type": "E"}}, False, False),
        ({"error": {"type": "E"}, "source": "m"}, False, False),
        ({"rollout": {"mode": "shadow", "of": "1", "agrees": True}, "source": "m"}, False, False),
        ({"rollout": {"mode": "shadow", "of": "1", "agrees": False}, "source": "m"}, False, True),
    ],
)
def test_what_became_of_a_student(
    changes: dict[str, object], student_failed: bool, unequal: bool, line: Line
) -> None:
    record = parse("", 1, line(**changes))
    assert isinstance(record, Record)
    assert Selection(student_failed=True).takes(record) is student_failed
    assert Selection(unequal=True).takes(record) is unequal


def test_a_record_without_a_time_is_in_none(line: Line) -> None:
    record = parse("", 1, line(at=None))
    assert isinstance(record, Record)
    assert not Selection(since=began_at("2000-01-01")).takes(record)
    assert Selection().takes(record)
