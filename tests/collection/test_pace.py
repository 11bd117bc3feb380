"""Rates, and the time before another try."""

from __future__ import annotations

import pytest

from distilgen.collection.pace import Pace, before_retry, rate_of


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", 10),
        ("600/m", 10),
        ("36000/h", 10),
        ("86400/d", 1),
        (" 0.5 / sec ", 0.5),
        ("60/min", 1),
        ("3600/hour", 1),
    ],
)
def test_a_rate_is_calls_a_second(text: str, rate: float) -> None:
    assert rate_of(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    "text",
    [
        "10",
        "0/s",
        "-1/s",
        "fast",
        "10/x",
        "10/",
        "",
        "nan/s",
        "inf/s",
        "9" * 400 + "/s",
        "0." + "0" * 9 + "1/s",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate: say 10/s"):
        rate_of(text)


def test_calls_are_spaced_evenly() -> None:
    now = 100.0
    pace = Pace(10, clock=lambda: now)
    assert [round(pace.due(), 6) for _ in range(4)] == [0, 0.1, 0.2, 0.3]
    now += 0.3
    assert pace.due() == pytest.approx(0.1)


def test_time_that_nobody_used_is_not_made_up_for() -> None:
    now = 100.0
    pace = Pace(10, clock=lambda: now)
    pace.due()
    now += 60
    assert [round(pace.due(), 6) for _ in range(3)] == [0, 0.1, 0.2]


def test_no_more_calls_begin_in_a_second_than_the_rate_says() -> None:
    now = 0.0
    pace = Pace(7, clock=lambda: now)
    begun = []
    for _ in range(70):
        now += pace.due()
        begun.append(now)
    assert all(sum(one <= at < one + 1 for at in begun) <= 8 for one in begun)
    assert begun[-1] == pytest.approx(69 / 7)


def test_without_a_rate_nobody_waits() -> None:
    pace = Pace(None)
    assert [pace.due() for _ in range(3)] == [0, 0, 0]


def test_pauses_double_up_to_a_minute() -> None:
    for tries, most in ((1, 1), (2, 2), (3, 4), (7, 60), (5_000, 60)):
        pauses = {before_retry(tries) for _ in range(20)}
        assert all(most / 2 <= pause <= most for pause in pauses)
        assert len(pauses) > 1
