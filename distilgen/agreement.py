"""How often student and teacher answer alike: whole, by field, and how sure that is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

CONFIDENCE = 0.95


@dataclass
class Agreement:
    """Counts of calls. failed: the student gave no answer; such a call agrees nowhere. unasked:
    the server could not be asked, which says nothing of the student; abstained: the student left
    them to another. Neither are among the calls.

    fields: for each field of the teacher's answers, calls in which the student's is equal.
    """

    calls: int = 0
    equal: int = 0
    failed: int = 0
    unasked: int = 0
    abstained: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    fields_seen: Counter[str] = field(default_factory=Counter)

    def add(self, teacher: Any, student: Any, *, failed: bool = False) -> None:
        """Count one call, by the two answers as JSON values."""
        self.calls += 1
        self.failed += failed
        self.equal += not failed and alike(teacher, student)
        if isinstance(teacher, dict):
            theirs = student if isinstance(student, dict) and not failed else {}
            for name, value in teacher.items():
                self.fields_seen[name] += 1
                self.fields[name] += name in theirs and alike(value, theirs[name])

    @property
    def share(self) -> float:
        """Share of calls with equal answers, 0 to 1."""
        return self.equal / self.calls if self.calls else 0.0

    @property
    def coverage(self) -> float:
        """Share of calls that the student did not abstain from, 0 to 1."""
        asked = self.calls + self.abstained
        return self.calls / asked if asked else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the share."""
        return wilson(self.equal, self.calls)


def wilson(hits: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval for a share (E. B. Wilson, JASA 22, 1927): right for few trials and
    for shares near 0 and 1, where the normal approximation is not.
    """
    if not trials:
        return 0.0, 1.0
    z = quantile(confidence)
    share, scale = hits / trials, 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z / scale * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


@cache
def quantile(confidence: float = CONFIDENCE) -> float:
    """How many standard deviations a normal interval of this confidence reaches to either side."""
    from statistics import NormalDist  # noqa: PLC0415 - some milliseconds, in every process

    return NormalDist().inv_cdf((1 + confidence) / 2)


def alike(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN
