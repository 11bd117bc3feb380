"""Fits answers out of a closed set: a bool, a Literal, an enum, or a field whose values repeat."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from distilgen.embedded.closed import Closed, Sureness
from distilgen.training.embedded import folds, linear, sureness, trees

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.closed import Scorer
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field

MOST: Final = 100
"""Values of a closed set; of more, those that most rows have."""

_TWICE = 2  # rows that a value must be in
_SHARE = 0.6  # of rows whose value is in the set
_WORSE = 0.03  # share of the first fold by which trees are behind, where they are given up
_EACH = 3  # rows for each value, at least, on the average


@dataclass(frozen=True)
class _Tried:
    """A way to score a closed set. fit: makes what scores. right: the share of rows that a model
    answers rightly which was fitted without them. loss: of its sureness, the less the better.
    """

    fit: Callable[[], Scorer]
    right: float
    loss: float
    sure: Sureness


class ClosedFitter:
    """Learns one of several values, by words, categories and numbers."""

    name: ClassVar[str] = "closed"
    exact: ClassVar[bool] = False

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """None where values do not repeat, or where there is but one."""
        import numpy as np  # noqa: PLC0415 - an extra

        names = [_json(target) for target in targets]
        values = closed_set(names)
        if not values:
            return None
        place_of = {value: place for place, value in enumerate(values)}
        codes = np.array([place_of.get(name, -1) for name in names])
        found = fitted(calls, codes, len(values), field)
        return Closed(values, *found) if found else None


def closed_set(names: Sequence[str]) -> tuple[str, ...]:
    """The values that repeat, as JSON, sorted; none where too few rows have one of them."""
    counts = Counter(names)
    kept = sorted(
        (value for value, count in counts.items() if count >= _TWICE),
        key=lambda value: (-counts[value], value),
    )[:MOST]
    covered = sum(counts[value] for value in kept)
    if len(kept) < 2 or covered < _SHARE * len(names) or covered < _EACH * len(kept):
        return ()
    return tuple(sorted(kept))


def fitted(
    calls: Sequence[Call], codes: Any, count: int, field: Field
) -> tuple[Scorer, Sureness] | None:
    """What scores calls best, and how sure it can be. codes: the class of each row, below 0 for
    none, or 0 and 1 for each of several labels; -1 in a row that has others. count: of the classes,
    or labels. None: the calls have nothing to look at.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    split = folds.of(calls, field.seed)
    if codes.ndim == 2:
        width, fit = count, linear.labels(codes, field.seed)
    else:
        width = count if count > 2 else 1
        fit = linear.classes(codes, width, field.seed)
    tested = np.concatenate([test for _, test in split])
    has_text = any(column.kind == "text" for column in field.columns)
    tried: list[_Tried] = []
    first = split[0][1]
    aimed = 0.0  # share of the first fold
    for spelt in (False, True) if has_text else (False,):
        words = linear.LinearDesign(calls, field.columns, spelt=spelt)
        if words:
            scores = words.out_of_fold(fit, split, width)
            aimed = max(aimed, _right(scores[first], codes[first]) - _WORSE)
            make = partial(words.fitted, fit)
            tried.append(_tried(make, scores[tested], codes[tested]))
            if tried[-1].right == 1.0:
                return make(), tried[-1].sure
    forest = trees.ForestDesign(calls, field.columns)
    if forest:
        scores = forest.out_of_fold(codes, count, split[:1], field.seed)
        if not tried or _right(scores[first], codes[first]) > aimed:
            for train, test in split[1:]:
                scores[test] = forest.out_of_fold(codes, count, [(train, test)], field.seed)[test]
            make_forest = partial(forest.fitted, codes, count, field.seed)
            tried.append(_tried(make_forest, scores[tested], codes[tested]))
    if not tried:
        return None
    best = max(tried, key=lambda candidate: (candidate.right, -candidate.loss))
    return best.fit(), best.sure


def _right(scores: Any, codes: Any) -> float:
    return float(sureness.margins(scores, codes)[1].mean()) if len(codes) else 0.0


def _tried(fit: Callable[[], Scorer], scores: Any, codes: Any) -> _Tried:
    margins, right = sureness.margins(scores, codes)
    sure, loss = sureness.of(margins, right)
    return _Tried(fit, float(right.mean()), loss, sure)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
