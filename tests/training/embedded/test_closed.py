"""Closed sets, fitted."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.closed import Closed
from distilgen.training.embedded import closed, columns, folds, sureness
from distilgen.training.embedded.fitter import Field

KINDS = {
    "billing": ["invoice", "refund", "credit card"],
    "bug": ["crash", "error message", "freezes"],
    "account": ["password", "login", "locked out"],
}
FILL = [
    "hello",
    "we",
    "the",
    "app",
    "since",
    "yesterday",
    "please",
    "help",
    "with",
    "our",
    "my",
    "is",
]


def tickets(count: int, seed: int) -> tuple[list[Call], list[str]]:
    chance = random.Random(seed)
    calls, targets = [], []
    for _ in range(count):
        kind = chance.choice(list(KINDS))
        words = chance.choices(FILL, k=chance.randint(3, 12))
        words.insert(chance.randrange(len(words)), chance.choice(KINDS[kind]))
        calls.append(Call({"text": " ".join(words), "size": chance.randint(0, 50)}))
        targets.append(kind)
    return calls, targets


def fitted(calls: list[Call], targets: list[Any]) -> Closed | None:
    field = Field(("x",), {}, columns.of(calls, {}), 1)
    made = closed.ClosedFitter().fit(calls, targets, field)
    if made is not None:
        made.check()
        assert isinstance(made, Closed)
    return made


def agreement(predictor: Closed, calls: list[Call], targets: list[Any]) -> float:
    said = [predictor.predict(Call(call.arguments)).value for call in calls]
    right = [bool(one == other) for one, other in zip(said, targets, strict=True)]
    return sum(right) / len(right)


def test_words_tell_classes_of_a_text() -> None:
    predictor = fitted(*tickets(300, 1))
    assert predictor is not None
    assert predictor.scorer.kind == "linear"
    assert agreement(predictor, *tickets(300, 2)) > 0.98


def test_numbers_tell_classes_by_a_rule() -> None:
    calls, _ = tickets(400, 1)
    targets = [bool(10 <= call.arguments["size"] < 30) for call in calls]
    predictor = fitted(calls[:300], targets[:300])
    assert predictor is not None
    assert predictor.values == ("false", "true")
    assert agreement(predictor, calls[300:], targets[300:]) > 0.97


def test_the_surer_the_more_often_right() -> None:
    calls, targets = tickets(600, 1)
    chance = random.Random(3)
    noisy = [
        chance.choice(list(KINDS)) if call.arguments["size"] > 40 else target
        for call, target in zip(calls, targets, strict=True)
    ]
    predictor = fitted(calls[:400], noisy[:400])
    assert predictor is not None
    said = [predictor.predict(call) for call in calls[400:]]
    right = [one.value == target for one, target in zip(said, noisy[400:], strict=True)]
    assert abs(sum(one.confidence for one in said) / len(said) - sum(right) / len(right)) < 0.1
    assert all(0 < one.confidence < 1 for one in said)


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param(["same"] * 30, id="one value"),
        pytest.param([f"v{number}" for number in range(30)], id="no value twice"),
        pytest.param([f"v{number % 15}" for number in range(30)], id="each value but twice"),
        pytest.param(["a"] * 8 + ["b"] * 8 + [f"v{n}" for n in range(14)], id="half repeat"),
    ],
)
def test_what_is_no_closed_set(targets: list[str]) -> None:
    assert fitted(tickets(30, 1)[0], targets) is None


def test_values_of_any_kind() -> None:
    calls, kinds = tickets(120, 1)
    value_of = {"billing": None, "bug": {"b": [1.5], "a": True}, "account": 3}
    predictor = fitted(calls, [value_of[kind] for kind in kinds])
    assert predictor is not None
    assert agreement(predictor, calls, [value_of[kind] for kind in kinds]) > 0.95


def test_a_value_that_is_there_once_is_never_said() -> None:
    calls, targets = tickets(100, 1)
    predictor = fitted(calls, [*targets[:-1], "seldom"])
    assert predictor is not None
    assert set(predictor.values) == {'"account"', '"billing"', '"bug"'}


def test_nothing_to_look_at() -> None:
    assert fitted([Call({}) for _ in range(30)], ["a", "b"] * 15) is None


@pytest.mark.parametrize("rows", [6, 7, 12])
def test_a_handful_of_rows(rows: int) -> None:
    calls = [Call({"text": "yes" if row % 2 else "no"}) for row in range(rows)]
    fitted(calls, [row % 2 for row in range(rows)])


def test_the_same_rows_give_the_same_predictor() -> None:
    rows = tickets(150, 1)
    again = [Call(call.arguments) for call in rows[0]], rows[1]
    assert fitted(*rows) == fitted(*again)


def test_equal_calls_are_in_the_same_fold() -> None:
    calls = [Call({"a": number % 10}) for number in range(40)]
    split = folds.of(calls, 1)
    assert sorted(place for _, test in split for place in test) == list(range(40))
    for train, test in split:
        assert not {calls[i].arguments["a"] for i in train} & {
            calls[i].arguments["a"] for i in test
        }
        assert len(train) + len(test) == 40


def test_of_many_rows_one_fold_is_held_out() -> None:
    calls = [Call({"a": number}) for number in range(1500)]
    ((train, test),) = folds.of(calls, 1)
    assert sorted([*train, *test]) == list(range(1500))
    assert len(test) == 500


def test_sureness_follows_the_share_of_the_right() -> None:
    chance = np.random.default_rng(1)
    margin = chance.random(4000)
    right = chance.random(4000) < 0.5 + margin / 2
    sure, loss = sureness.of(margin, right)
    assert sure.of(0.1) == pytest.approx(0.55, abs=0.06)
    assert sure.of(0.9) == pytest.approx(0.95, abs=0.06)
    assert 0.4 < loss < 0.6


@pytest.mark.parametrize("right", [True, False])
def test_sureness_where_all_are_alike(right: bool) -> None:
    sure, _ = sureness.of(np.ones(50), np.full(50, right))
    assert sure.of(1.0) == pytest.approx(51 / 52 if right else 1 / 52, abs=0.01)


def test_a_larger_margin_never_makes_less_sure() -> None:
    margin = np.linspace(0, 1, 100)
    sure, _ = sureness.of(margin, margin < 0.5)
    assert sure.slope == 0


def test_margins() -> None:
    one, right = sureness.margins(np.array([[-0.5], [0.5], [2.0]]), np.array([0, 0, -1]))
    assert (one.tolist(), right.tolist()) == ([0.5, 0.5, 2.0], [True, False, False])
    three, right = sureness.margins(np.array([[3.0, 1.0, 2.0], [0, 0, 4]]), np.array([0, -1]))
    assert (three.tolist(), right.tolist()) == ([1.0, 4.0], [True, False])
    marks = np.array([[1, 0], [-1, -1]])
    both, right = sureness.margins(np.array([[3.0, -1.0], [-1, -1]]), marks)
    assert (both.tolist(), right.tolist()) == ([1.0, 1.0], [True, False])
