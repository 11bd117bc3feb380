"""Numbers by formulas, fitted."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.pieces import Pieces
from distilgen.training.embedded import columns, regression
from distilgen.training.embedded.fitter import Field

if TYPE_CHECKING:
    from collections.abc import Callable


def drawn(count: int, seed: int) -> list[Call]:
    chance = random.Random(seed)
    return [
        Call(
            {
                "weight": chance.randint(1, 400) / 10,
                "zone": chance.choice(["domestic", "world"]),
                "income": chance.randint(0, 90_000),
            }
        )
        for _ in range(count)
    ]


def shipping(arguments: dict[str, Any]) -> float:
    base, rate = {"domestic": (4.5, 0.6), "world": (18.0, 2.8)}[arguments["zone"]]
    weight: float = arguments["weight"]
    surcharge = 15 if weight > 20 else 0
    return round(base + rate * weight + surcharge, 2)


def tax(arguments: dict[str, Any]) -> int:
    income = arguments["income"]
    if income <= 10_000:
        return 0
    over = max(0, income - 40_000)
    return int((min(income, 40_000) - 10_000) * 0.2 + over * 0.35)


def fitted(calls: list[Call], targets: list[Any]) -> Pieces | None:
    field = Field(("x",), {}, columns.of(calls, {}), 1)
    made = regression.RegressionFitter().fit(calls, targets, field)
    if made is not None:
        made.check()
        assert isinstance(made, Pieces)
    return made


@pytest.mark.parametrize(("teacher", "formulas"), [(shipping, 4), (tax, 3)])
def test_formulas_are_found_and_when_each_holds(
    teacher: Callable[[dict[str, Any]], float], formulas: int
) -> None:
    calls, fresh = drawn(300, 1), drawn(200, 2)
    predictor = fitted(calls, [teacher(dict(call.arguments)) for call in calls])
    assert predictor is not None
    assert len(predictor.formulas) // (len(predictor.measures) + 1) == formulas
    right = [predictor.predict(call).value == teacher(dict(call.arguments)) for call in fresh]
    assert sum(right) / len(right) > 0.97


def test_rows_that_no_formula_holds_for_are_not_answered_surely() -> None:
    calls = drawn(300, 1)
    targets = [
        call.arguments["income"] % 977
        if call.arguments["zone"] == "world" and number % 2
        else call.arguments["income"] * 3
        for number, call in enumerate(calls)
    ]
    predictor = fitted(calls, targets)
    assert predictor is not None
    sure = {
        zone: [
            predictor.predict(call).confidence for call in calls if call.arguments["zone"] == zone
        ]
        for zone in ("domestic", "world")
    }
    assert min(sure["domestic"]) > 0.9
    assert sum(sure["world"]) / len(sure["world"]) < 0.8


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param(["a"] * 40, id="texts"),
        pytest.param([True, False] * 20, id="bools"),
        pytest.param([1, None] * 20, id="some missing"),
        pytest.param([1e300] * 40, id="too large"),
        pytest.param([float("nan")] * 40, id="no number"),
        pytest.param([1 / (3 + n) for n in range(40)], id="not rounded"),
        pytest.param([(n * 7919) % 10007 for n in range(40)], id="no relation"),
    ],
)
def test_what_follows_no_formulas(targets: list[Any]) -> None:
    assert fitted(drawn(40, 1), targets) is None


def test_few_rows() -> None:
    calls = drawn(10, 1)
    assert fitted(calls, [call.arguments["income"] for call in calls]) is None


@pytest.mark.parametrize(
    ("targets", "digits"),
    [
        ([1, 2.0], 0),
        ([1.5, 2], 1),
        ([0.25, 0.1], 2),
        ([1.123456], 6),
        ([1 / 3], None),
        (["1"], None),
    ],
)
def test_decimals(targets: list[Any], digits: int | None) -> None:
    assert regression.decimals(targets) == digits
