"""Fits numbers that follow linear formulas, one for each part of the calls: rates by zone, a
surcharge above a weight.

The formulas are sought by random samples of rows that each tell one (M. Fischler and R. Bolles,
"Random sample consensus", 1981), the one that holds for the most rows first. Then a classifier
learns for which calls each holds. A formula holds for a row where its result, rounded as the
answers are, is the answer: nothing less is agreement.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import chain, combinations, islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

from distilgen.embedded.call import EACH
from distilgen.embedded.closed import Closed
from distilgen.embedded.features import chosen
from distilgen.embedded.pieces import Pieces
from distilgen.embedded.trees import MISSING, Measure
from distilgen.training.embedded import closed
from distilgen.training.embedded.trees import roundest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Column, Field

FORMULAS: Final = 40
"""That are sought."""

_DIGITS = 6  # decimals; numbers that have more are not rounded, and nothing can tell their last
_MEASURES = 8  # single ones
_SAMPLES = 60  # of a group of rows, for each set of measures
_ROWS = 400  # of a group, that samples are tried on
_ENOUGH = 6  # rows that a formula holds for, beyond those that it takes to make it
_SHARE = 0.7  # of rows that some formula holds for
_REST = 0.01  # of rows, with which the search ends
_LEAST = 0.01  # of rows that a formula holds for
_GROUPS = 40
_SIMPLER = 1.15  # times the rows, for one measure more


@dataclass(frozen=True)
class _Formula:
    """places: of its measures. factors: the constant and one of each. holds: by row."""

    places: tuple[int, ...]
    factors: Any
    holds: Any


class RegressionFitter:
    """Learns formulas of numbers, and when each holds."""

    name: ClassVar[str] = "formulas"
    exact: ClassVar[bool] = False

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """None where targets are no numbers, or no formulas hold for most of them."""
        import numpy as np  # noqa: PLC0415 - an extra

        digits = decimals(targets)
        if digits is None or len(calls) < 3 * _ENOUGH:
            return None
        measures, data = _measured(calls, field.columns)
        numbers = np.array(targets, dtype=float)
        groups = list(_groups(calls, field.columns))
        search = _Search(data, numbers, 10.0**-digits, groups, field.seed)
        codes, formulas = _assigned(list(search.formulas()), len(calls))
        if not formulas or (codes >= 0).mean() < _SHARE:
            return None
        names = [str(place) for place in range(len(formulas))]
        if (codes < 0).any() or len(names) == 1:
            codes = np.where(codes < 0, len(names), codes)
            names.append("null")
        made = closed.fitted(calls, codes, len(names), field)
        if made is None:
            return None
        used = sorted({place for formula in formulas for place in formula.places})
        return Pieces(
            measures=tuple(measures[place] for place in used),
            formulas=array("d", [item for formula in formulas for item in _row(formula, used)]),
            digits=digits,
            chooser=Closed(tuple(names), *made),
        )


def decimals(targets: Sequence[Any]) -> int | None:
    """The decimals that numbers have; 0 where all are whole. None: they are no numbers, or have
    more decimals than are ever rounded to.
    """
    for target in targets:
        if isinstance(target, bool) or not isinstance(target, int | float):
            return None
        if not abs(target) < -MISSING or not math.isfinite(target) or abs(target) > 1e12:
            return None
    for digits in range(_DIGITS + 1):
        if all(target == round(target, digits) for target in targets):
            return digits
    return None


class _Search:
    """data: rows by measures. numbers: the answers. grid: what they are multiples of. groups: rows
    that may follow one formula.
    """

    def __init__(
        self, data: Any, numbers: Any, grid: float, groups: Sequence[Any], seed: int
    ) -> None:
        import numpy as np  # noqa: PLC0415 - an extra

        self._data, self._numbers, self._grid = data, numbers, grid
        self._groups = groups
        self._random = np.random.default_rng(seed)
        wide = data.shape[1]
        sizes = (0, 1, 2) if wide > 4 else (0, 1, 2, 3)
        self._bases = [basis for size in sizes for basis in combinations(range(wide), size)]
        self._known = data > MISSING / 2

    def formulas(self) -> Iterator[_Formula]:
        """Formulas, each with the rows that it holds for, of those that are left at its turn."""
        import numpy as np  # noqa: PLC0415 - an extra

        left = np.ones(len(self._numbers), dtype=bool)
        for _ in range(FORMULAS):
            if left.mean() <= _REST:
                return
            found = self._next(left)
            if found is None or found.holds.mean() < _LEAST:
                return
            yield found
            left &= ~found.holds

    def _next(self, left: Any) -> _Formula | None:
        """The simplest of those that hold for about the most rows that are left."""
        import numpy as np  # noqa: PLC0415 - an extra

        best: _Formula | None = None
        worth = 0.0
        for group in self._groups:
            rows = np.flatnonzero(group & left)
            if len(rows) < _ENOUGH or len(rows) <= worth:
                continue
            for basis in self._bases:
                found = self._of(rows, basis, left)
                if found is None:
                    continue
                own = float(found.holds.sum()) / _SIMPLER ** len(basis)
                if own > worth:
                    best, worth = found, own
        return best

    def _of(self, rows: Any, basis: tuple[int, ...], left: Any) -> _Formula | None:
        """The formula of some measures that holds for the most rows of a group."""
        import numpy as np  # noqa: PLC0415 - an extra

        rows = rows[self._known[rows][:, basis].all(axis=1)]
        size = len(basis) + 1
        if len(rows) < size + _ENOUGH:
            return None
        if len(rows) > _ROWS:
            rows = self._random.choice(rows, _ROWS, replace=False)
        inputs = np.hstack([np.ones((len(rows), 1)), self._data[rows][:, basis]])
        answers = self._numbers[rows]
        drawn = self._random.integers(0, len(rows), (_SAMPLES, size))
        samples, wanted = inputs[drawn], answers[drawn]
        scale = np.abs(inputs).max(axis=0) + 1e-12
        good = np.abs(np.linalg.det(samples / scale)) > 1e-6
        if not good.any():
            return None
        factors = np.linalg.solve(samples[good], wanted[good][:, :, None])[:, :, 0]
        near = np.abs(factors @ inputs.T - answers) <= self._grid
        spread = float(np.ptp(answers)) + self._grid
        chance = 2 * self._grid / spread * len(rows)
        counts = near.sum(axis=1)
        at = int(counts.argmax())
        if counts[at] < size + _ENOUGH + 3 * chance * (size < len(rows)) * (len(basis) > 0):
            return None
        return self._refined(basis, rows[near[at]], left)

    def _refined(self, basis: tuple[int, ...], rows: Any, left: Any) -> _Formula | None:
        """The formula of the rows, drawn to all others that it holds for, in round numbers if it
        holds for as many with them.
        """
        import numpy as np  # noqa: PLC0415 - an extra

        known = left & self._known[:, basis].all(axis=1)
        inputs = np.hstack([np.ones((len(known), 1)), self._data[:, basis]])
        holds = np.zeros(len(known), dtype=bool)
        holds[rows] = True
        factors = None
        for _ in range(4):
            factors = np.linalg.lstsq(inputs[holds], self._numbers[holds], rcond=None)[0]
            now = known & self._is_near(inputs, factors)
            if now.sum() < len(basis) + 1 + _ENOUGH:
                return None
            if (now == holds).all():
                break
            holds = now
        factors, holds = self._rounded(inputs, factors, holds, known)
        return _Formula(basis, factors, holds)

    def _rounded(self, inputs: Any, factors: Any, holds: Any, known: Any) -> tuple[Any, Any]:
        """Round factors, and the constant that gives the most answers: a round one too, or, for
        answers may have been rounded up or down, in the middle of where it may be.
        """
        import numpy as np  # noqa: PLC0415 - an extra

        span = np.abs(inputs[holds]).max(axis=0) + 1e-12
        for part in (3.0, 1.0, 0.3, 0.1):
            slack = part * self._grid / span
            bounds = zip(factors - slack, factors + slack, strict=True)
            simple = np.array([roundest(low, high) for low, high in bounds])
            simple[0] = 0.0
            off = self._numbers[holds] - inputs[holds] @ simple
            middle, spare = (off.max() + off.min()) / 2, self._grid - np.ptp(off)
            if spare < -self._grid * 1e-6:
                continue
            near = self._grid * 0.3
            constants = (
                roundest(middle - near, middle + near),
                roundest(middle - spare / 4, middle + spare / 4),
            )
            simple[0] = max(constants, key=lambda one: self._agreeing(one, inputs, simple, holds))
            now = known & self._is_near(inputs, simple)
            if now.sum() >= holds.sum():
                return simple, now
        return factors, holds

    def _agreeing(self, constant: float, inputs: Any, factors: Any, holds: Any) -> int:
        """For how many rows is the rounded result, as `Pieces` computes it, the answer?"""
        digits, rest = round(-math.log10(self._grid)), factors[1:].tolist()
        count = 0
        for row, answer in zip(inputs[holds][:_ROWS], self._numbers[holds][:_ROWS], strict=True):
            number = constant
            for factor, value in zip(rest, row[1:].tolist(), strict=True):
                number += factor * value
            count += round(number, digits) == answer
        return count

    def _is_near(self, inputs: Any, factors: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - an extra

        with np.errstate(over="ignore", invalid="ignore"):
            off = np.abs(inputs @ factors - self._numbers)
        return off <= self._grid * 0.5000001


def _assigned(formulas: list[_Formula], rows: int) -> tuple[Any, list[_Formula]]:
    """The formula of each row, -1 for none; that which holds for the most rows first."""
    import numpy as np  # noqa: PLC0415 - an extra

    formulas = sorted(formulas, key=lambda formula: -int(formula.holds.sum()))
    codes = np.full(rows, -1)
    for place, formula in enumerate(formulas):
        codes[formula.holds] = place
    return codes, formulas


def _row(formula: _Formula, used: Sequence[int]) -> list[float]:
    factor_of = dict(zip(formula.places, formula.factors[1:].tolist(), strict=True))
    return [float(formula.factors[0]), *(factor_of.get(place, 0.0) for place in used)]


def _measured(calls: Sequence[Call], columns: Sequence[Column]) -> tuple[list[Measure], Any]:
    import numpy as np  # noqa: PLC0415 - an extra

    found: list[Measure] = []
    for column in columns:
        if column.kind == "number" and EACH in column.path:
            found += [Measure(what, column.path) for what in ("sum", "most", "least")]
        elif column.kind == "number":
            found.append(Measure("value", column.path))
        elif column.kind == "list":
            found.append(Measure("size", column.path))
        elif column.kind == "text":
            found += [Measure("size", column.path), Measure("words", column.path)]
    found = found[:_MEASURES]
    single = [measure.path for measure in found if measure.what == "value"]
    found += [Measure("times", one, other) for one, other in combinations(single[:4], 2)]
    data = np.array([[measure.of(call) for measure in found] for call in calls], dtype=float)
    return found, data.reshape(len(calls), len(found))


def _groups(calls: Sequence[Call], columns: Sequence[Column]) -> Iterator[Any]:
    """Rows that may follow one formula: all, those of a category, those of two."""
    import numpy as np  # noqa: PLC0415 - an extra

    yield np.ones(len(calls), dtype=bool)
    masks: list[list[Any]] = []
    for column in columns:
        if column.kind not in ("category", "text"):
            continue
        names = np.array([" ".join(chosen(call, column.path)) for call in calls])
        values, counts = np.unique(names, return_counts=True)
        if 2 <= len(values) <= 12 and counts.max() > _ENOUGH:
            masks.append([names == value for value in values])
    both = (
        one & other for first, second in combinations(masks, 2) for one in first for other in second
    )
    yield from islice(chain(*masks, both), _GROUPS)
