"""Answers out of a closed set: one of them, or several in a list."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from distilgen.embedded.predictor import Predicted, kind

if TYPE_CHECKING:
    from distilgen.embedded.call import Call


class Scorer(Protocol):
    """A linear model or trees."""

    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """How many scores there are."""

    def scores(self, call: Call) -> list[float]:
        """A number for each of what is scored; the highest is the likeliest."""

    def check(self) -> None:
        """Raises ValueError for data that do not belong together."""


@kind
@dataclass(frozen=True)
class Sureness:
    """What a margin between scores is worth: a sigmoid, by J. Platt, "Probabilistic outputs for
    support vector machines" (1999).
    """

    kind: ClassVar[str] = "sureness"
    slope: float
    offset: float

    def of(self, margin: float) -> float:
        """The probability that an answer of this margin is right, 0 to 1."""
        exponent = self.slope * margin + self.offset
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, exponent))))

    def check(self) -> None:
        """Raises ValueError for what is no number."""
        if not (math.isfinite(self.slope) and math.isfinite(self.offset)):
            raise ValueError("sure beyond all numbers")


@kind
@dataclass(frozen=True)
class Closed:
    """One of several values. values: as JSON, two of them where there is one score: below 0 it is
    the first. sure: of the margin between the best and the second.
    """

    kind: ClassVar[str] = "closed"
    values: tuple[str, ...]
    scorer: Scorer
    sure: Sureness

    def predict(self, call: Call) -> Predicted:
        """The likeliest value."""
        place, margin = best(self.scorer.scores(call))
        return Predicted(self._value(place), self.sure.of(margin))

    def check(self) -> None:
        """Raises ValueError for values without a score."""
        wanted = 1 if len(self.values) == 2 else len(self.values)
        if len(self.values) < 2 or self.scorer.width != wanted:
            raise ValueError(f"{self.scorer.width} scores for {len(self.values)} values")
        _check_values(self.values)

    def _value(self, place: int) -> Any:
        value = self._read[place]
        return json.loads(self.values[place]) if isinstance(value, list | dict) else value

    @cached_property
    def _read(self) -> list[Any]:
        return [json.loads(value) for value in self.values]


@kind
@dataclass(frozen=True)
class Labels:
    """A list of some of several values. values: as JSON, in the order in which lists have them;
    those of a score above 0 are in the list. sure: of the score that is nearest to 0.
    """

    kind: ClassVar[str] = "labels"
    values: tuple[str, ...]
    scorer: Scorer
    sure: Sureness

    def predict(self, call: Call) -> Predicted:
        """The list of all likely values."""
        scores = self.scorer.scores(call)
        found = [
            json.loads(value) for value, score in zip(self.values, scores, strict=True) if score > 0
        ]
        return Predicted(found, self.sure.of(min(map(abs, scores))))

    def check(self) -> None:
        """Raises ValueError for values without a score."""
        if not self.values or self.scorer.width != len(self.values):
            raise ValueError(f"{self.scorer.width} scores for {len(self.values)} values")
        _check_values(self.values)


def _check_values(values: tuple[str, ...]) -> None:
    for value in values:
        json.loads(value)


def best(scores: list[float]) -> tuple[int, float]:
    """The place of the highest score, and how far it is above the second. One score: 1 and it, or,
    below 0, 0 and its size.
    """
    if len(scores) == 1:
        return int(scores[0] > 0), abs(scores[0])
    top = max(scores)
    place = scores.index(top)
    scores[place] = -math.inf
    return place, top - max(scores)
