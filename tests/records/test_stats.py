"""Counts and percentiles, exact for few and bounded for many."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from distilgen.records import stats
from distilgen.records.record import Record, parse
from distilgen.records.stats import Times, count

Line = Callable[..., bytes]


def record(line: bytes) -> Record:
    found = parse("", 1, line)
    assert isinstance(found, Record)
    return found


@pytest.mark.parametrize(
    ("times", "median", "p95"),
    [([5.0], 5, 5), ([2.0, 1.0], 1, 2), ([*range(1, 101)], 50, 95), ([0.0] * 3, 0, 0)],
)
def test_percentiles_of_few_are_exact(times: list[float], median: float, p95: float) -> None:
    counted = Times()
    for time in times:
        counted.add(time)
    assert (counted.percentile(0.5), counted.percentile(0.95)) == (median, p95)


def test_percentiles_of_many_are_right_within_1_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, bounded = Times(), Times()
    chance = random.Random(1)
    times = [chance.lognormvariate(1, 3) for _ in range(5000)]
    for time in times:
        exact.add(time)
    monkeypatch.setattr(stats, "EXACT", 100)
    for time in (*times, 0.0):
        bounded.add(time)
    assert bounded._exact is None
    assert len(bounded._steps) < 3000
    for share in (0.05, 0.5, 0.95, 1.0):
        assert bounded.percentile(share) == pytest.approx(exact.percentile(share), rel=0.011)


def test_counts(line: Line) -> None:
    error = {"type": "ValueError", "message": "m"}

    def records() -> Iterator[Record]:
        yield record(line("a", elapsed_ms=3))
        yield record(line({"$unserializable": "m.T"}, at="2026-11-05T00:00:00Z", elapsed_ms=1))
        told = {"mode": "canary"}
        yield record(line("b", function="other", result=None, error=error, rollout=told))
        yield record(line("b", function="other", result=None, error={}, at=None))

    groups = count(records(), ["function"])
    assert list(groups) == [("other",), ("shop.mail:compose",)]
    assert groups["shop.mail:compose",].values() == {
        "calls": 2,
        "errors": 0,
        "unusable": 1,
        "median_ms": 1.0,
        "p95_ms": 3.0,
        "first": "2026-11-03",
        "last": "2026-11-05",
    }
    assert groups["other",].errors == 2
    by = count(records(), ["day", "error", "source"])
    assert {names: group.calls for names, group in by.items()} == {
        ("", "?", "teacher"): 1,
        ("2026-11-03", "", "teacher"): 1,
        ("2026-11-03", "ValueError", "teacher"): 1,
        ("2026-11-05", "", "teacher"): 1,
    }
    by_mode = count(records(), ["mode"])
    assert {names: group.calls for names, group in by_mode.items()} == {("",): 3, ("canary",): 1}
