"""Numbers that follow one of several linear formulas, each for a part of the calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from distilgen.embedded.predictor import Predicted, Predictor, kind
from distilgen.embedded.trees import MISSING

if TYPE_CHECKING:
    from array import array

    from distilgen.embedded.call import Call
    from distilgen.embedded.trees import Measure


@kind
@dataclass(frozen=True)
class Pieces:
    """measures: what is put into the formulas. formulas: of each, a constant and a factor for each
    measure. digits: decimals of the answers; 0, and they are whole. chooser: predicts the number of
    the formula, or null: none of them.
    """

    kind: ClassVar[str] = "pieces"
    measures: tuple[Measure, ...]
    formulas: array[float]
    digits: int
    chooser: Predictor

    def predict(self, call: Call) -> Predicted:
        """The number, as sure as its formula."""
        place, sure = self.chooser.predict(call)
        wide = len(self.measures) + 1
        if not isinstance(place, int) or not 0 <= place < len(self.formulas) // wide:
            return Predicted(None, 0.0)
        number, *factors = self.formulas[place * wide : (place + 1) * wide]
        for factor, measure in zip(factors, self.measures, strict=True):
            if factor:
                value = measure.of(call)
                if value == MISSING:
                    return Predicted(None, 0.0)
                number += factor * value
        return Predicted(round(number, self.digits) if self.digits else round(number), sure)

    def check(self) -> None:
        """Raises ValueError for formulas that are not of the measures."""
        if not self.formulas or len(self.formulas) % (len(self.measures) + 1):
            raise ValueError(f"{len(self.formulas)} factors for {len(self.measures)} measures")
        if self.digits not in range(16):
            raise ValueError(f"{self.digits} decimals")
        if not hasattr(self.chooser, "predict"):
            raise ValueError("nothing that chooses")
        if not all(math.isfinite(number) for number in self.formulas):
            raise ValueError("a factor that is no number")
