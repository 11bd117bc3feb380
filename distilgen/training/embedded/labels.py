"""Fits lists of values out of a closed set, such as tags."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Final

from distilgen.embedded.closed import Labels
from distilgen.training.embedded import closed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field

MOST: Final = 60
"""Labels of a list; of more, those that most rows have."""

_SELDOM = 3  # rows that a label must be in
_SHARE = 0.6  # of rows whose list can be told by its labels


class LabelsFitter:
    """Learns for each of several values whether it is in the list."""

    name: ClassVar[str] = "labels"
    exact: ClassVar[bool] = False

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """None where the lists have values that do not repeat, or no order that can be told."""
        import numpy as np  # noqa: PLC0415 - an extra

        if not all(isinstance(target, list) for target in targets):
            return None
        lists = [[json.dumps(item, sort_keys=True) for item in target] for target in targets]
        values = ordered(lists)
        place_of = {value: place for place, value in enumerate(values)}
        marks = np.zeros((len(lists), len(values)), dtype=int)
        told = 0
        for row, found in enumerate(lists):
            places = [place_of.get(value, -1) for value in found]
            if -1 in places or places != sorted(set(places)):
                marks[row] = -1
                continue
            marks[row, places] = 1
            told += 1
        if not values or told < _SHARE * len(lists):
            return None
        made = closed.fitted(calls, marks, len(values), field)
        return Labels(values, *made) if made else None


def ordered(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The values that repeat, in the order in which most lists have them."""
    counts = Counter(value for found in lists for value in set(found))
    kept = [value for value, count in counts.most_common(MOST) if count >= _SELDOM]
    ahead: Counter[tuple[str, str]] = Counter()
    for found in lists:
        ahead.update(combinations(dict.fromkeys(found), 2))
    before = {
        value: sum(ahead[other, value] > ahead[value, other] for other in kept) for value in kept
    }
    return tuple(sorted(kept, key=lambda value: (before[value], value)))
