"""How numbers are spread, of any count of them, in bounded memory."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from itertools import accumulate

EXACT = 10_000
"""Numbers up to which quantiles are exact; beyond, they are right within 1 %."""

_STEP = math.log(1.01)
_LEAST = 1e-9  # what is nearer to 0 counts as 0


class Spread:
    """count, total, least and most of the numbers that were added, all exact; and their quantiles.

    Beyond `EXACT` of them they are counted in steps of 1 %, of which a float has 70,000 at most.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total: float = 0
        self.least: float = math.inf
        self.most: float = -math.inf
        self._whole = True  # is every one an integer?
        self._exact: array[float] | None = array("d")
        self._steps: Counter[int] = Counter()

    def add(self, number: float) -> None:
        """Count one, which is finite."""
        self.count += 1
        self.total += number
        self._whole = self._whole and number == math.floor(number)
        self.least = min(self.least, number)
        self.most = max(self.most, number)
        if self._exact is None:
            self._steps[_step(number)] += 1
            return
        self._exact.append(number)
        if self.count > EXACT:
            self._steps.update(map(_step, self._exact))
            self._exact = None

    @property
    def mean(self) -> float:
        """Of none, 0."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The number that this share of them, 0 to 1, does not exceed: the nearest rank."""
        rank = max(math.ceil(share * self.count), 1)
        if self._exact is not None:
            number = sorted(self._exact)[rank - 1]
            return round(number) if self._whole else number
        steps = sorted(self._steps)
        place = bisect_left(list(accumulate(self._steps[step] for step in steps)), rank)
        middle = _middle(steps[place])
        return min(max(round(middle) if self._whole else middle, self.least), self.most)


_AHEAD = math.ceil(math.log(1 / _LEAST) / _STEP) + 1  # so that steps of tiny numbers are above 0


def _step(number: float) -> int:
    """Negative numbers have negative steps, and 0 has 0."""
    if abs(number) < _LEAST:
        return 0
    step = math.floor(math.log(abs(number)) / _STEP) + _AHEAD
    return step if number > 0 else -step


def _middle(step: int) -> float:
    if not step:
        return 0.0
    size = math.exp((abs(step) - _AHEAD + 0.5) * _STEP)
    return size if step > 0 else -size
