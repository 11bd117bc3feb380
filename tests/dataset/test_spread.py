"""Quantiles of any count of numbers in bounded memory."""

from __future__ import annotations

import math
import random

import pytest

from distilgen.dataset import spread
from distilgen.dataset.spread import Spread


def _of(numbers: list[float]) -> Spread:
    found = Spread()
    for number in numbers:
        found.add(number)
    return found


def test_few_are_exact() -> None:
    found = _of([5, 1, 4, 2, 3])
    assert (found.count, found.total, found.least, found.most, found.mean) == (5, 15, 1, 5, 3)
    assert [found.quantile(share) for share in (0, 0.2, 0.21, 0.5, 0.95, 1)] == [1, 1, 2, 3, 5, 5]


def test_none_has_no_mean() -> None:
    assert Spread().mean == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [1e-6, 1, 1e12])
def test_many_are_right_within_1_percent(sign: int, size: float) -> None:
    draw = random.Random(7)
    numbers = [sign * size * math.exp(draw.gauss(0, 1)) for _ in range(spread.EXACT + 5_000)]
    found, ranked = _of(numbers), sorted(numbers)
    assert len(found._steps) < 2_000
    for share in (0.01, 0.5, 0.95, 0.99):
        exact = ranked[max(math.ceil(share * len(ranked)), 1) - 1]
        assert found.quantile(share) == pytest.approx(exact, rel=0.01)
    assert (found.least, found.most) == (ranked[0], ranked[-1])
    assert found.quantile(1) == pytest.approx(ranked[-1], rel=0.01)


def test_many_of_both_signs_and_0() -> None:
    found = _of([-2.0] * 6_000 + [0.0] * 6_000 + [3.0] * 6_000)
    assert found.quantile(0.2) == pytest.approx(-2, rel=0.01)
    assert found.quantile(0.5) == 0
    assert found.quantile(0.9) == pytest.approx(3, rel=0.01)
