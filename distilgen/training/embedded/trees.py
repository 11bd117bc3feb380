"""Fits forests of decision trees. Where a cut may lie anywhere between two values that were seen,
it is put on the roundest number there: rules that people write have such.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any, Final

from distilgen.embedded.trees import DOUBT, MISSING, Forest
from distilgen.training.embedded import silence
from distilgen.training.embedded.measures import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.embedded.call import Call
    from distilgen.training.embedded.fitter import Column

TREES: Final = 40
_FEWER = 20  # trees, out of fold
_WORDS = 60  # that trees ask for
_SHARE = 0.4  # of the measures, that a cut is chosen among
_DEEPEST = 16


class ForestDesign:
    """What is measured of calls, made once for all fits to them."""

    def __init__(self, calls: Sequence[Call], columns: Sequence[Column]) -> None:
        self._measured = measured(calls, columns)

    def __bool__(self) -> bool:
        return bool(self._measured.measures or self._measured.words)

    def out_of_fold(
        self, codes: Any, count: int, folds: Sequence[tuple[Any, Any]], seed: int
    ) -> Any:
        """Scores of every call by a forest that was fitted without it; calls by scores. codes: the
        class of each row, below 0 for none, or 0 and 1 for each of several labels. count: of the
        classes, or labels.
        """
        import numpy as np  # noqa: PLC0415 - an extra

        scores = np.full((len(codes), count), -1.0)
        for train, test in folds:
            rows = train[_is_known(codes[train])]
            if not len(rows) or not len(test):
                continue
            kept = self._telling(codes, rows)
            model = _forest(self._data(rows, kept), codes[rows], _FEWER, seed)
            shares = model.predict_proba(self._data(test, kept))
            if codes.ndim == 2:
                each = zip(_listed(model.classes_), _listed(shares), strict=True)
                for label, (classes, share) in enumerate(each):
                    scores[test, label] = share @ (classes * 2.0 - 1)
            else:
                scores[np.ix_(test, model.classes_.astype(int))] = shares * 2 - 1
        scores = np.log((1 + DOUBT + scores) / (1 + DOUBT - scores))
        return scores[:, 1:] if count == 2 and codes.ndim == 1 else scores

    def fitted(self, codes: Any, count: int, seed: int) -> Forest:
        """The forest of all calls; codes and count are those of `out_of_fold`."""
        import numpy as np  # noqa: PLC0415 - an extra

        rows = np.flatnonzero(_is_known(codes))
        kept = self._telling(codes, rows)
        data = self._data(rows, kept)
        model = _forest(data, codes[rows], TREES, seed)
        measures = (*self._measured.measures, *(self._measured.words[place] for place in kept))
        if codes.ndim == 2:
            nodes = _Nodes(lambda value: _marks(value, _listed(model.classes_)), count)
        else:
            nodes = _Nodes(
                lambda value: _shares(value[0], model.classes_, count), 1 if count == 2 else count
            )
        for estimator in model.estimators_:
            nodes.add(estimator.tree_, data)
        used = sorted({place for place in nodes.measure if place >= 0})
        new = {place: number for number, place in enumerate(used)} | {-1: -1}
        return Forest(
            measures=tuple(measures[place] for place in used),
            roots=array("i", nodes.roots),
            measure=array("i", [new[place] for place in nodes.measure]),
            edge=array("d", nodes.edge),
            left=array("i", nodes.left),
            right=array("i", nodes.right),
            leaves=array("f", [number for leaf in nodes.leaves for number in leaf]),
            width=nodes.width,
        )

    def _data(self, rows: Any, words: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - an extra

        has = self._measured.has[rows][:, words].toarray()
        return np.hstack([self._measured.numbers[rows], has])

    def _telling(self, codes: Any, rows: Any) -> Any:
        """The places of the words that tell classes apart, by chi squared, in their order."""
        import numpy as np  # noqa: PLC0415 - an extra
        from sklearn.feature_selection import (  # type: ignore[import-untyped]  # noqa: PLC0415
            chi2,
        )

        count = self._measured.has.shape[1]
        if count <= _WORDS:
            return np.arange(count)
        each = [codes[rows]] if codes.ndim == 1 else codes[rows].T
        has = self._measured.has[rows]
        with silence.kept():
            worth = np.sum([np.nan_to_num(chi2(has, one)[0]) for one in each], axis=0)
        return np.sort(np.argsort(-worth, kind="stable")[:_WORDS])


def _forest(data: Any, codes: Any, trees: int, seed: int) -> Any:
    from sklearn.ensemble import (  # type: ignore[import-untyped]  # noqa: PLC0415
        RandomForestClassifier,
    )

    # every tree sees every row, and each cut a part of the measures: teachers are mostly rules, and
    # to leave rows out costs more at their edges than it wins
    model = RandomForestClassifier(
        trees,
        criterion="entropy",
        max_features=_SHARE,
        bootstrap=False,
        max_depth=_DEEPEST,
        random_state=seed,
    )
    is_single = codes.ndim == 2 and codes.shape[1] == 1
    with silence.kept():
        return model.fit(data, codes.ravel() if is_single else codes)


class _Nodes:
    """The nodes of several trees, as `Forest` has them."""

    def __init__(self, leaf: Callable[[Any], tuple[float, ...]], width: int) -> None:
        self.roots: list[int] = []
        self.measure: list[int] = []
        self.edge: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.leaves: dict[tuple[float, ...], int] = {}
        self.width = width
        self._leaf = leaf

    def add(self, tree: Any, data: Any) -> None:
        """Add a fitted tree. data: what it was fitted to, rows by measures."""
        import numpy as np  # noqa: PLC0415 - an extra

        self.roots.append(len(self.measure))
        todo = [(0, np.arange(len(data)), -1, False)]
        while todo:
            at, rows, above, is_right = todo.pop()
            place = len(self.measure)
            if above >= 0:
                (self.right if is_right else self.left)[above] = place
            self.right.append(0)
            if tree.children_left[at] < 0:
                self.measure.append(-1)
                self.edge.append(0.0)
                numbers = self._leaf(tree.value[at])
                self.left.append(self.leaves.setdefault(numbers, len(self.leaves)))
                continue
            column = data[rows, tree.feature[at]]
            edge = _edge(column, float(tree.threshold[at]))
            self.measure.append(int(tree.feature[at]))
            self.edge.append(edge)
            self.left.append(0)
            goes_left = column < edge
            todo.append((int(tree.children_right[at]), rows[~goes_left], place, True))
            todo.append((int(tree.children_left[at]), rows[goes_left], place, False))


def _is_known(codes: Any) -> Any:
    return (codes.min(axis=1) if codes.ndim == 2 else codes) >= 0


def _shares(value: Any, classes: Any, count: int) -> tuple[float, ...]:
    """The numbers of a leaf, by the rows of each class in it."""
    shares = [0.0] * count
    for place, number in zip(classes, value / value.sum(), strict=True):
        shares[int(place)] = float(number)
    return tuple(share * 2 - 1 for share in (shares[1:] if count == 2 else shares))


def _listed(found: Any) -> list[Any]:
    """What scikit-learn has for each label; of one label alone, it has no list."""
    return found if isinstance(found, list) else [found]


def _marks(value: Any, classes: Any) -> tuple[float, ...]:
    """The numbers of a leaf, by the rows in it that have each label."""
    found = []
    for known, numbers in zip(classes, value, strict=True):
        own = numbers[: len(known)]
        found.append(float(own @ (known * 2.0 - 1)) / float(own.sum()))
    return tuple(found)


def _edge(column: Any, threshold: float) -> float:
    """Where to cut a column of numbers, so that the same ones as by a threshold are below."""
    import numpy as np  # noqa: PLC0415 - an extra

    is_left = column.astype(np.float32) <= threshold
    if is_left.all() or not is_left.any():
        return float(np.nextafter(threshold, math.inf))
    low, high = float(column[is_left].max()), float(column[~is_left].min())
    if low >= high:  # equal as sklearn sees them, in single precision
        return float(np.nextafter(threshold, math.inf))
    if low == MISSING:
        return MISSING / 2
    number = roundest(low, high)
    return float(np.nextafter(low, math.inf)) if number <= low else number


def roundest(low: float, high: float) -> float:
    """The number from low to high, both included, with the fewest digits; of several, that in the
    middle.
    """
    if low <= 0 <= high:
        return 0.0
    size = max(abs(low), abs(high))
    exponent = math.floor(math.log10(size)) + 1
    for power in range(exponent, exponent - 17, -1):
        for digit in (10, 5, 2, 1):
            step = digit * 10.0 ** (power - 1)
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if first <= last:
                number = float(f"{(first + last + 1) // 2 * step:.15g}")
                if low <= number <= high:
                    return number
    return high
