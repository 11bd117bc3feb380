"""Linear models."""

from __future__ import annotations

from array import array

import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.features import Choices, Steps
from distilgen.embedded.linear import Linear

PLAN = Choices(("plan",), ('"pro"',), array("f", [1.0, -1.0]), 2)
SIZE = Steps(("size",), array("d", [10]), array("f", [0.0, 5.0]), 2)


def test_scores_are_the_bias_and_the_sums_of_all_columns() -> None:
    model = Linear((PLAN, SIZE), array("d", [0.5, 0.25]))
    assert model.width == 2
    assert model.scores(Call({})) == [0.5, 0.25]
    assert model.scores(Call({"plan": "pro", "size": 3})) == [1.5, -0.75]
    assert model.scores(Call({"plan": "pro", "size": 30})) == [1.5, 4.25]


def test_damage_is_noticed() -> None:
    Linear((PLAN, SIZE), array("d", [0, 0])).check()
    with pytest.raises(ValueError, match="widths"):
        Linear((PLAN, SIZE), array("d", [0])).check()
