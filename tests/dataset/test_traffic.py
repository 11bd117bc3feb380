"""Calls a day, and what a model in the teacher's place took."""

from __future__ import annotations

from typing import Any

import pytest

from distilgen.dataset.prices import Price
from distilgen.dataset.traffic import count
from distilgen.records.record import Record

_BIG: dict[str, Any] = {"mode": "dispatch", "ms": 1, "input_tokens": 400, "output_tokens": 100}


def _record(at: str = "2026-11-01T00:00:00Z", source: str = "teacher", **rollout: Any) -> Record:
    return Record("1", "shop:f", "c", at, 1.0, {}, source, rollout=rollout or None)


def test_calls_a_day() -> None:
    days = [f"2026-11-0{day}T00:00:00Z" for day in (3, 1, 2)]
    found = count([*map(_record, days), _record("")], ["shop:f", "shop:g"], ())
    assert found["shop:f"].calls == 4
    assert found["shop:f"].per_day == 2
    assert (found["shop:g"].calls, found["shop:g"].per_day) == (0, None)


def test_a_moment_says_nothing_of_a_day() -> None:
    times = ("2026-11-01T00:00:00Z", "2026-11-01T00:59:59Z")
    assert count(map(_record, times), ["shop:f"], ())["shop:f"].per_day is None


def test_a_students_record_of_the_same_call_is_none_of_its_own() -> None:
    found = count([_record(), _record(source="m", mode="shadow", of="1")], ["shop:f"], ())
    assert found["shop:f"].calls == 1


def test_the_mean_cost_of_models_by_hand() -> None:
    records = [
        _record(source="big", **_BIG),
        _record(source="big", **{**_BIG, "output_tokens": 300}),
        _record(source="other", **_BIG),
        _record(source="big", mode="dispatch", ms=0, cached=True),
    ]
    found = count(records, ["shop:f"], ())["shop:f"]
    prices = {"big": Price(1, 2), "other": Price(10, 20)}
    # (400 + 200) + (400 + 600) + (4000 + 2000) millionths
    assert found.cost(prices) == pytest.approx(0.0076 / 3)
    assert found.cost({"big": Price(1, 2)}) is None


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(_record(), id="the function itself"),
        pytest.param(_record(source="mine", **_BIG), id="a student of the project"),
        pytest.param(_record(source="big", **{**_BIG, "mode": "canary"}), id="beside a teacher"),
    ],
)
def test_who_is_no_model_in_the_teachers_place(record: Record) -> None:
    assert count([record], ["shop:f"], {"mine"})["shop:f"].cost({}) is None
