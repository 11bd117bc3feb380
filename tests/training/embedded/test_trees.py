"""Forests as they are fitted and as they answer."""

from __future__ import annotations

import random

import numpy as np
import pytest

from distilgen.embedded.call import Call
from distilgen.training.embedded import columns, folds, measures, trees


def drawn(count: int) -> list[Call]:
    chance = random.Random(5)
    return [
        Call(
            {
                "income": chance.randint(10_000, 90_000),
                "debt": chance.choice([None, chance.randint(0, 9_000)]),
                "rate": chance.random(),
                "home": chance.choice(["own", "rent", "other"]),
                "note": chance.choice(["please hurry", "no hurry", "", "thanks"]),
                "parts": [chance.randint(1, 9) for _ in range(chance.randint(0, 3))],
            }
        )
        for _ in range(count)
    ]


def test_all_measures_are_those_of_the_answers() -> None:
    calls = drawn(80)
    measured = measures.measured(calls, columns.of(calls, {}))
    served = [[measure.of(call) for measure in measured.measures] for call in calls]
    assert (measured.numbers == np.array(served)).all()
    assert {"plus", "ratio", "digit", "fraction", "is", "size", "sum"} <= {
        measure.what for measure in measured.measures
    }
    has = [[word.of(call) for word in measured.words] for call in calls]
    assert (measured.has.toarray() == np.array(has)).all()


def test_a_measure_that_is_the_same_for_all_is_none() -> None:
    calls = [Call({"a": 1, "b": 7, "t": "same"}), Call({"a": 2, "b": 7, "t": "same"})]
    measured = measures.measured(calls, columns.of(calls, {}))
    assert {(measure.what, measure.path, measure.other) for measure in measured.measures} == {
        ("value", ("a",), ()),
        ("digit", ("a",), ()),
        ("rest", ("a",), ()),
        ("plus", ("a",), ("b",)),
        ("minus", ("a",), ("b",)),
        ("times", ("a",), ("b",)),
        ("ratio", ("a",), ("b",)),
        ("ratio", ("b",), ("a",)),
    }


@pytest.mark.parametrize("classes", [2, 3])
def test_a_rule_is_found_and_its_round_numbers(classes: int) -> None:
    calls = drawn(600)

    def rule(call: Call) -> int:
        if call.arguments["income"] < 40_000:
            return 0
        return classes - 1 if call.arguments["home"] == "rent" else 1

    codes = np.array([rule(call) for call in calls])
    design = trees.ForestDesign(calls[:400], columns.of(calls, {}))
    forest = design.fitted(codes[:400], classes, 1)
    forest.check()
    scores = np.array([forest.scores(call) for call in calls[400:]])
    said = scores.argmax(axis=1) if classes > 2 else (scores[:, 0] > 0).astype(int)
    assert (said == codes[400:]).mean() > 0.99
    assert 40_000 in set(forest.edge)


def test_labels_have_a_score_each() -> None:
    calls = drawn(400)
    marks = np.array(
        [
            [call.arguments["income"] > 50_000, "hurry" in call.arguments["note"], True]
            for call in calls
        ]
    ).astype(int)
    design = trees.ForestDesign(calls, columns.of(calls, {}))
    forest = design.fitted(marks, 3, 1)
    forest.check()
    served = np.array([forest.scores(call) for call in calls])
    assert ((served > 0) == (marks == 1)).mean() > 0.99
    split = folds.of(calls, 1)
    held_out = design.out_of_fold(marks, 3, split, 1)
    assert ((held_out > 0) == (marks == 1)).mean() > 0.97


def test_what_sklearn_splits_is_split_by_the_exported_trees() -> None:
    calls = drawn(300)
    codes = np.array([int(call.arguments["rate"] * 3) for call in calls])
    design = trees.ForestDesign(calls, columns.of(calls, {}))
    forest = design.fitted(codes, 3, 1)
    said = np.array([forest.scores(call) for call in calls]).argmax(axis=1)
    assert (said == codes).mean() > 0.99


@pytest.mark.parametrize(
    ("low", "high", "number"),
    [
        (49_871, 50_122, 50_000),
        (549, 550, 550),
        (550, 551, 550),
        (0.4493, 0.4512, 0.45),
        (-3, 5, 0),
        (0, 1, 0),
        (-51, -49, -50),
        (1.23456, 1.23457, 1.23456),
        (17, 17, 17),
        (1e-9, 2e-9, 2e-9),
        (31, 58, 50),
    ],
)
def test_roundest(low: float, high: float, number: float) -> None:
    assert trees.roundest(low, high) == number


def test_the_roundest_number_is_never_outside() -> None:
    chance = random.Random(2)
    for _ in range(2000):
        low = chance.uniform(-1, 1) * 10.0 ** chance.randint(-12, 15)
        high = low + chance.random() * 10.0 ** chance.randint(-15, 15)
        assert low <= trees.roundest(low, high) <= high
