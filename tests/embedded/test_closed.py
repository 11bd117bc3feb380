"""Answers out of a closed set."""

from __future__ import annotations

import math
from array import array

import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.closed import Closed, Labels, Sureness
from distilgen.embedded.features import Choices
from distilgen.embedded.linear import Linear

SURE = Sureness(2.0, 0.0)


def scorer(*bias: float) -> Linear:
    width = len(bias)
    block = Choices(("x",), ("1",), array("f", range(1, width + 1)), width)
    return Linear((block,), array("d", bias))


def test_the_likeliest_of_several_is_as_sure_as_it_is_ahead() -> None:
    predictor = Closed(('"a"', '"b"', "null"), scorer(0.5, 0.0, -1.0), SURE)
    predictor.check()
    assert predictor.predict(Call({})) == ("a", SURE.of(0.5))
    assert predictor.predict(Call({"x": 1})) == ("b", SURE.of(0.0))


def test_one_of_two_has_one_score() -> None:
    predictor = Closed(("false", "true"), scorer(-0.25), SURE)
    predictor.check()
    assert predictor.predict(Call({})) == (False, SURE.of(0.25))
    assert predictor.predict(Call({"x": 1})) == (True, SURE.of(0.75))


def test_an_answer_that_a_caller_changes_is_not_that_of_the_next_call() -> None:
    predictor = Closed(("[1]", "[]"), scorer(-1.0), SURE)
    predictor.predict(Call({})).value.append(2)
    assert predictor.predict(Call({})).value == [1]


def test_labels_are_those_above_zero_in_their_order() -> None:
    predictor = Labels(('"z"', '"a"', '"m"'), scorer(0.5, -1.5, 3.0), SURE)
    predictor.check()
    assert predictor.predict(Call({})) == (["z", "m"], SURE.of(0.5))
    assert predictor.predict(Call({"x": 1})) == (["z", "a", "m"], SURE.of(0.5))


@pytest.mark.parametrize("margin", [0.0, 1.0, 1e300, math.inf])
def test_sureness_is_a_probability(margin: float) -> None:
    assert 0.5 <= SURE.of(margin) <= 1.0


@pytest.mark.parametrize(
    "damaged",
    [
        Closed(("1",), scorer(1.0), SURE),
        Closed(("1", "2"), scorer(1.0, 2.0), SURE),
        Closed(("1", "2", "3"), scorer(1.0), SURE),
        Closed(("1", "{"), scorer(1.0), SURE),
        Labels((), scorer(1.0), SURE),
        Labels(("1", "2"), scorer(1.0), SURE),
        Sureness(math.nan, 0.0),
    ],
)
def test_damage_is_noticed(damaged: Closed | Labels | Sureness) -> None:
    with pytest.raises(ValueError, match=r"scores|Expecting|sure"):
        damaged.check()
