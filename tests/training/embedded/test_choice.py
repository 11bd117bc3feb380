"""Which fitter a field gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.exact import Constant
from distilgen.training.embedded import choice
from distilgen.training.embedded.fitter import Column, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Fitter

CALLS = [Call({"text": str(number % 3)}) for number in range(90)]
FIELD = Field(("x",), {"type": "string"}, (Column(("text",), "text"),), 0)
ALIKE = [call.arguments["text"] for call in CALLS]


@dataclass(frozen=True)
class Says:
    """Fits a constant, or nothing."""

    name: str
    value: str | None
    exact: bool = False

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:  # noqa: ARG002
        return None if self.value is None else Constant(self.value, 0.5)


def test_an_exact_relation_wins(fitters: Sequence[Fitter]) -> None:
    found = choice.choose(CALLS, ALIKE, FIELD, (*fitters, Says("best", '"0"')))
    assert (found.fitter, found.exact, found.agreement) == ("copy", True, 1.0)


def test_what_agrees_best_wins(fitters: Sequence[Fitter]) -> None:
    targets = [{"0": "a", "1": "b", "2": "c"}[text] for text in ALIKE]
    found = choice.choose(CALLS, targets, FIELD, (Says("first", '"a"'), *fitters))
    assert (found.fitter, found.exact, found.agreement) == ("lookup", False, 1.0)


def test_the_simplest_of_equals_wins() -> None:
    targets = ["a"] * 45 + ["b"] * 45
    several = (Says("one", '"a"'), Says("other", '"b"'), Says("third", '"b"'))
    assert choice.choose(CALLS, targets, FIELD, several).fitter == "one"


def test_one_alone_needs_no_trial() -> None:
    found = choice.choose(CALLS, ALIKE, FIELD, (Says("none", None), Says("one", '"0"')))
    assert (found.fitter, found.agreement) == ("one", None)
    several = (Says("none", None), Says("one", '"0"'))
    assert choice.agreement(CALLS, ALIKE, FIELD, several, found) == pytest.approx(1 / 3)


def test_nothing_may_be_for_a_field() -> None:
    found = choice.choose(CALLS, ALIKE, FIELD, (Says("none", None),))
    assert found == choice.Choice(None)
    assert choice.agreement(CALLS, ALIKE, FIELD, (), found) == 0.0


def test_the_ladder_has_the_exact_ones_first() -> None:
    exact = [fitter.exact for fitter in choice.ladder()]
    assert exact == sorted(exact, reverse=True)
    names = [fitter.name for fitter in choice.ladder()]
    assert len(names) == len(set(names))
