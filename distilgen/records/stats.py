"""What is in a store, counted by function, contract, day, source, mode or error.

What is kept for a group does not grow with its records beyond `EXACT` of them: then its times are
counted in steps of 1 %, and its percentiles are right within that.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from distilgen.records.record import Record

EXACT = 100_000
"""Calls of a group up to which its percentiles are exact."""

_STEP = math.log(1.01)
_LEAST_MS = 0.001  # a recorder writes microseconds


def _error_type(record: Record) -> str:
    return "" if record.error is None else str(record.error.get("type", "?"))


KEYS: dict[str, Callable[[Record], str]] = {
    "function": lambda record: record.function,
    "contract": lambda record: record.contract,
    "day": lambda record: record.at[:10],
    "source": lambda record: record.source,
    "mode": lambda record: record.mode,
    "error": _error_type,
}
"""What records can be counted by."""


class Times:
    """Milliseconds, of which percentiles are asked."""

    def __init__(self) -> None:
        self._exact: array[float] | None = array("d")
        self._steps: Counter[int] = Counter()

    def add(self, elapsed_ms: float) -> None:
        """Count one."""
        if self._exact is None:
            self._steps[_step(elapsed_ms)] += 1
            return
        self._exact.append(elapsed_ms)
        if len(self._exact) > EXACT:
            self._steps.update(map(_step, self._exact))
            self._exact = None

    def __bool__(self) -> bool:
        """Has one been counted?"""
        return bool(self._exact or self._steps)

    def percentile(self, share: float) -> float:
        """The time that this share of the calls, 0 to 1, did not exceed: the nearest rank."""
        if self._exact is not None:
            rank = max(math.ceil(share * len(self._exact)), 1)
            return sorted(self._exact)[rank - 1]
        rank = max(math.ceil(share * self._steps.total()), 1)
        steps = sorted(self._steps)
        place = bisect_left(list(accumulate(self._steps[step] for step in steps)), rank)
        return math.exp((steps[place] + 0.5) * _STEP)


def _step(elapsed_ms: float) -> int:
    return math.floor(math.log(max(elapsed_ms, _LEAST_MS)) / _STEP)


@dataclass
class Group:
    """Records that have the same keys. errors: calls that raised. unusable: calls with a value that
    has no JSON form or is too large. first, last: days.
    """

    calls: int = 0
    errors: int = 0
    unusable: int = 0
    first: str = ""
    last: str = ""
    times: Times = field(default_factory=Times)

    def add(self, record: Record) -> None:
        """Count one record."""
        self.calls += 1
        self.errors += record.error is not None
        self.unusable += not record.usable
        self.times.add(record.elapsed_ms)
        day = record.at[:10]
        if day:
            self.first = min(self.first or day, day)
            self.last = max(self.last, day)

    def values(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "calls": self.calls,
            "errors": self.errors,
            "unusable": self.unusable,
            "median_ms": round(self.times.percentile(0.5), 6),
            "p95_ms": round(self.times.percentile(0.95), 6),
            "first": self.first or None,
            "last": self.last or None,
        }


def count(records: Iterable[Record], keys: Sequence[str]) -> dict[tuple[str, ...], Group]:
    """The groups of some records, by the values of `keys`, sorted by them."""
    groups: dict[tuple[str, ...], Group] = {}
    named = [KEYS[key] for key in keys]
    for record in records:
        groups.setdefault(tuple(key(record) for key in named), Group()).add(record)
    return dict(sorted(groups.items()))
