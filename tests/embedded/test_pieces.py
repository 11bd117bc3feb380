"""Numbers by one of several formulas."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.pieces import Pieces
from distilgen.embedded.predictor import Predicted
from distilgen.embedded.trees import Measure


@dataclass(frozen=True)
class Said:
    """Chooses what the call says."""

    kind: ClassVar[str] = "said in a test"

    def predict(self, call: Call) -> Predicted:
        return Predicted(call.arguments.get("formula"), 0.75)

    def check(self) -> None:
        pass


PIECES = Pieces(
    (Measure("value", ("a",)), Measure("value", ("b",))),
    array("d", [1.5, 2.0, 0.0, 0.0, 0.0, 0.125]),
    2,
    Said(),
)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"formula": 0, "a": 3}, (7.5, 0.75)),
        ({"formula": 1, "b": 1}, (0.12, 0.75)),
        ({"formula": 0, "b": 3}, (None, 0.0)),
        ({"formula": 0, "a": "3"}, (None, 0.0)),
        ({"formula": 2, "a": 3}, (None, 0.0)),
        ({"formula": -1, "a": 3}, (None, 0.0)),
        ({"formula": None, "a": 3}, (None, 0.0)),
    ],
)
def test_the_chosen_formula_is_computed(arguments: dict[str, Any], answer: tuple[Any, Any]) -> None:
    PIECES.check()
    assert PIECES.predict(Call(arguments)) == answer


def test_without_decimals_answers_are_integers() -> None:
    value = replace(PIECES, digits=0).predict(Call({"formula": 0, "a": 3.2})).value
    assert value == 8
    assert isinstance(value, int)


@pytest.mark.parametrize(
    "changed",
    [
        {"formulas": array("d", [1.0, 2.0])},
        {"formulas": array("d")},
        {"formulas": array("d", [1.0, 2.0, math.nan])},
        {"digits": 99},
        {"chooser": None},
    ],
)
def test_damage_is_noticed(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"measures|number|decimals|chooses"):
        replace(PIECES, **changed).check()
