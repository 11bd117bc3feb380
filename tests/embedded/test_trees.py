"""Trees and what they measure."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from typing import Any

import pytest

from distilgen.embedded.call import EACH, Call
from distilgen.embedded.trees import MEASURES, MISSING, PAIRS, Forest, Measure, odds

ITEMS = ("items", EACH, "price")
ARGUMENTS = {
    "a": 1234,
    "b": -5,
    "zero": 0,
    "rate": 2.25,
    "plan": "pro",
    "text": "Please REFUND 12 euros",
    "items": [{"price": 3}, {"price": 4.5}, {"name": "x"}],
    "none": None,
    "flag": True,
}


@pytest.mark.parametrize(
    ("measure", "number"),
    [
        (Measure("value", ("a",)), 1234),
        (Measure("value", ("flag",)), MISSING),
        (Measure("value", ("text",)), MISSING),
        (Measure("value", ("else",)), MISSING),
        (Measure("plus", ("a",), ("b",)), 1229),
        (Measure("minus", ("a",), ("b",)), 1239),
        (Measure("times", ("a",), ("b",)), -6170),
        (Measure("ratio", ("a",), ("b",)), -246.8),
        (Measure("ratio", ("a",), ("zero",)), MISSING),
        (Measure("ratio", ("a",), ("plan",)), MISSING),
        (Measure("digit", ("a",), name="0"), 4),
        (Measure("digit", ("a",), name="3"), 1),
        (Measure("digit", ("b",), name="0"), 5),
        (Measure("digit", ("plan",), name="0"), MISSING),
        (Measure("rest", ("a",), name="7"), 2),
        (Measure("rest", ("b",), name="3"), 1),
        (Measure("rest", ("text",), name="3"), MISSING),
        (Measure("fraction", ("rate",)), 0.25),
        (Measure("is", ("plan",), name='"pro"'), 1),
        (Measure("is", ("plan",), name='"free"'), 0),
        (Measure("is", ("none",), name="null"), 1),
        (Measure("is", ("else",), name="absent"), 1),
        (Measure("has", ("text",), name="refund"), 1),
        (Measure("has", ("text",), name="euro"), 0),
        (Measure("size", ("text",)), 22),
        (Measure("size", ("items",)), 3),
        (Measure("size", ("none",)), MISSING),
        (Measure("size", ("a",)), 0),
        (Measure("words", ("text",)), 4),
        (Measure("digits", ("text",)), 2),
        (Measure("capitals", ("text",)), 7),
        (Measure("capitals", ("a",)), MISSING),
        (Measure("sum", ITEMS), 7.5),
        (Measure("least", ITEMS), 3),
        (Measure("most", ITEMS), 4.5),
        (Measure("sum", ("a",)), MISSING),
        (Measure("sum", ("items", EACH, "name")), MISSING),
    ],
)
def test_measures(measure: Measure, number: float) -> None:
    measure.check()
    assert measure.of(Call(ARGUMENTS)) == number


@pytest.mark.parametrize("what", MEASURES)
@pytest.mark.parametrize(
    "value",
    [None, "", "x" * 9999, "\ud800", math.nan, math.inf, -math.inf, 10**400, 1e-320, [], {}, [[]]],
)
def test_nothing_that_is_measured_raises(what: str, value: Any) -> None:
    for path in (("a",), ("a", EACH), ("a", "b")):
        call = Call({"a": value, "one": 1e14})
        for measure in (Measure(what, path, ("one",), "2"), Measure(what, ("one",), path, "2")):
            assert not math.isnan(measure.of(call))


A, B = Measure("value", ("a",)), Measure("is", ("plan",), name='"pro"')
# a < 10: 0; else pro: 1, not pro: 2
TREES = Forest(
    measures=(A, B),
    roots=array("i", [0, 5]),
    measure=array("i", [0, -1, 1, -1, -1, -1]),
    edge=array("d", [10, 0, 0.5, 0, 0, 0]),
    left=array("i", [1, 0, 3, 2, 1, 2]),
    right=array("i", [2, 0, 4, 0, 0, 0]),
    leaves=array("f", [1, 0, 0, 1, 0.5, 0.5]),
    width=2,
)


@pytest.mark.parametrize(
    ("arguments", "leaf"),
    [
        ({"a": 9.9}, (1, 0)),
        ({"a": 10}, (0.5, 0.5)),
        ({"a": 10, "plan": "pro"}, (0, 1)),
        ({}, (1, 0)),
    ],
)
def test_scores_are_the_odds_of_the_means_of_the_leaves(
    arguments: dict[str, Any], leaf: tuple[float, float]
) -> None:
    TREES.check()
    means = [(leaf[0] + 0.5) / 2, (leaf[1] + 0.5) / 2]
    assert TREES.scores(Call(arguments)) == [odds(mean) for mean in means]


def test_odds_are_those_of_both_sides_and_have_an_end() -> None:
    assert odds(0) == 0
    assert odds(0.3) == pytest.approx(-odds(-0.3))
    assert 3 < odds(1) < 6
    assert odds(0.9) < odds(0.99) < odds(1)


def test_a_forest_measures_as_each_of_its_measures_does() -> None:
    measures = [
        Measure(what, path, other, name)
        for what in MEASURES
        for path in (("a",), ("text",), ITEMS, ("plan",))
        for other in (("b",), ("zero",), ("else",))
        for name in ("1", "refund", '"pro"')
        if what not in ("digit", "rest") or name == "1"
    ]
    different = tuple(
        {(m.what, m.path, m.other if m.what in PAIRS else (), m.name): m for m in measures}.values()
    )
    forest = replace(TREES, measures=different)
    call = Call(ARGUMENTS)
    assert forest._measured(call) == [measure.of(Call(ARGUMENTS)) for measure in different]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"roots": array("i")}, id="no trees"),
        pytest.param({"roots": array("i", [6])}, id="no such root"),
        pytest.param({"edge": array("d", [1])}, id="too few edges"),
        pytest.param({"left": array("i", [0, 0, 3, 2, 1, 2])}, id="a circle"),
        pytest.param({"right": array("i", [6, 0, 4, 0, 0, 0])}, id="no such node"),
        pytest.param({"left": array("i", [1, 3, 3, 2, 1, 2])}, id="no such leaf"),
        pytest.param({"measure": array("i", [2, -1, 1, -1, -1, -1])}, id="no such measure"),
        pytest.param({"leaves": array("f", [1])}, id="half a leaf"),
        pytest.param({"width": 0}, id="no width"),
    ],
)
def test_damage_is_noticed(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"root|node|leaves|trees"):
        replace(TREES, **changed).check()


@pytest.mark.parametrize(
    "measure",
    [
        Measure("guess", ("a",)),
        Measure("digit", ("a",), name="x"),
        Measure("digit", ("a",), name="-1"),
        Measure("digit", ("a",), name="999999999"),
        Measure("rest", ("a",), name="0"),
    ],
    ids=lambda measure: f"{measure.what} {measure.name}",
)
def test_a_measure_that_is_none(measure: Measure) -> None:
    with pytest.raises(ValueError, match=r"measure|invalid|no "):
        measure.check()
