"""From how sure a student must be, so that it agrees with its teacher as often as is wanted."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, count as count_from
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

RISK = 0.05
"""The probability that a threshold is found which does not keep its promise."""

NEVER = 2.0
"""A threshold that no confidence reaches."""

_STEPS = 50  # thresholds that are tried, at most: each answers 2 % of the calls more
_DOUBT = 0.002  # added to the errors that a student expects of itself, a share of the answers
_FACTORS = (0.05, 0.25, 1.0, 4.0)  # how many errors there are for one that is expected
_ROOM = 1.5  # times the doubt of the last call that is answered, if no other has it
_FAR = 1_000_000  # records: beyond, no number is said


class Outcome(NamedTuple):
    """A call that the student was tried on, and had learnt nothing from. confidence: of its whole
    answer; 0 where the gate refused the call. right: the answer was the teacher's.
    """

    confidence: float
    right: bool


@dataclass(frozen=True)
class Calibration:
    """threshold: the least confidence that is to answer; `NEVER` where none keeps the promise.
    answered, wrong: of the outcomes at that threshold. outcomes: how many there were. needed: with
    how many records in all a threshold is likely to be found; 0 where one is, or none is in sight.
    """

    threshold: float
    answered: int
    wrong: int
    outcomes: int
    needed: int = 0

    @property
    def answers(self) -> bool:
        """Is anything to be answered?"""
        return self.threshold < NEVER


def calibrate(outcomes: Sequence[Outcome], target: float) -> Calibration:
    """The lowest threshold at which the agreement on what is answered is shown to be at least
    `target`, a share: with 95 % confidence, by the exact binomial bound.

    Thresholds are tried in an order that the confidences alone give, from few answers to all, and
    the first whose bound fails ends it. So none of them is chosen by its errors, and the confidence
    needs no correction for their number: fixed-sequence testing, as in Angelopoulos, Bates, Candès,
    Jordan and Lei, "Learn then Test" (arXiv:2110.01052, section 3). The bound is that of Clopper
    and Pearson (Biometrika 26, 1934), one-sided.
    """
    ranked = sorted(outcomes, key=lambda outcome: -outcome.confidence)
    confidences = [outcome.confidence for outcome in ranked]
    wrong = 0
    errors = []  # among the surest
    for outcome in ranked:
        wrong += not outcome.right
        errors.append(wrong)
    found = Calibration(NEVER, 0, 0, len(ranked))
    for count in _sequence(confidences, target):
        if not holds(errors[count - 1], count, target):
            break
        found = Calibration(_threshold(confidences, count), count, errors[count - 1], len(ranked))
    if found.answers:
        return found
    return Calibration(NEVER, 0, 0, len(ranked), _needed(ranked, errors, target))


def holds(wrong: int, answered: int, target: float) -> bool:
    """Do so few errors in so many answers show an agreement of at least `target`?"""
    return answered > 0 and _at_most(wrong, answered, 1 - target) <= RISK


def least(wrong: int, target: float) -> int:
    """How many answers show an agreement of at least `target` when so many are wrong: at 0.98, 149
    where none is.
    """
    low, high = 0, 1
    while not holds(wrong, high, target):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(wrong, middle, target) else (middle, high)
    return high


def _at_most(wrong: int, trials: int, share: float) -> float:
    """The probability of at most so many errors, where each answer is wrong with this one."""
    if wrong >= trials:
        return 1.0
    whole = math.lgamma(trials + 1)
    terms = (
        whole
        - math.lgamma(count + 1)
        - math.lgamma(trials - count + 1)
        + count * math.log(share)
        + (trials - count) * math.log1p(-share)
        for count in range(wrong + 1)
    )
    return math.fsum(map(math.exp, terms))


def _threshold(confidences: Sequence[float], count: int) -> float:
    """A confidence that so many of the surest calls have, and no others. It is not that of the last
    of them: a student of all calls may be a little less sure of the same than those of parts.
    """
    last = confidences[count - 1]
    below = confidences[count] if count < len(confidences) else 0.0
    return max(1 - _ROOM * max(_DOUBT, 1 - last), (last + below) / 2)


def _sequence(confidences: Sequence[float], target: float) -> list[int]:
    """How many of the surest calls are answered at each threshold that is tried, ever more. It
    starts where the student, by its own confidences, most likely passes.
    """
    total, first = len(confidences), least(0, target)
    possible = [
        count
        for count in range(first, total + 1)
        if confidences[count - 1] > 0
        and (count == total or confidences[count] < confidences[count - 1])
    ]
    if not possible:
        return []
    some = possible[:: max(1, len(possible) // _STEPS)]
    expected = list(accumulate(1 - min(1.0, sure) + _DOUBT for sure in confidences))
    start = max(some, key=lambda count: (_chance(expected[count - 1], count, target), count))
    steps = (start + math.ceil(step * total / _STEPS) for step in range(1, _STEPS + 1))
    places = (bisect_left(possible, step) for step in steps)
    # the threshold at each step, or the next one that calls of equal confidence allow
    later = {possible[min(place, len(possible) - 1)] for place in places}
    return sorted({start, *later})


def _chance(errors: float, answered: int, target: float) -> float:
    """How likely the bound holds where so many errors are expected, in four digits: on the average
    of students that know how sure they are, and those that make fewer errors, or more.
    """
    allowed = next(count for count in count_from() if not holds(count, answered, target))
    sums = 0.0
    for mean in (errors * factor for factor in _FACTORS):
        logs = (count * math.log(mean) - mean - math.lgamma(count + 1) for count in range(allowed))
        sums += math.fsum(map(math.exp, logs))
    return round(sums / len(_FACTORS), 4)


def _needed(ranked: Sequence[Outcome], errors: Sequence[int], target: float) -> int:
    """Records in all with which a threshold is likely to be found, if the student makes no more
    errors then than now: the more it has learnt, the rarer they are. 0 where that is far away.
    """
    total, needed = len(ranked), []
    for part in range(1, 21):
        least_sure = ranked[math.ceil(total * part / 20) - 1].confidence if total else 0.0
        if least_sure > 0:
            count = sum(outcome.confidence >= least_sure for outcome in ranked)
            needed.append(math.ceil(least(errors[count - 1], target) * total / count))
    found = min(needed, default=0)
    return max(found, total + 1) if 0 < found <= _FAR else 0
