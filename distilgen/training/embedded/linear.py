"""Fits linear models to the words, categories and numbers of calls."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from distilgen.embedded import text
from distilgen.embedded.features import Choices, Steps, Words, chosen
from distilgen.embedded.linear import Linear
from distilgen.embedded.trees import MISSING, number_at
from distilgen.training.embedded import silence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.features import Block
    from distilgen.training.embedded.fitter import Column

_SELDOM = 2  # rows that a feature must be in
_CHOICES = 200  # of a column
_STEPS = 24  # edges of a number
_COST = 0.5  # C of the linear SVM: the larger, the closer to the training rows
_WEIGHTS = 300_000  # of a model
_FEATURES = (3_000, 20_000)  # of a model: at least, at most

Fit: TypeAlias = "Callable[[Any, Any], tuple[Any, Any, Any]]"
"""matrix, rows -> the places of the features that are kept, their weights by scores, the bias."""


@dataclass(frozen=True)
class _Part:
    """Features of one block: make gives the block with weights for the chosen of them. counts: one
    row a call, one column a feature; factors: what a count is multiplied with in training.
    """

    make: Callable[[Sequence[int], Any, int], Block]
    counts: Any
    factors: Any


class LinearDesign:
    """The features of calls, made once for all fits to them. spelt: parts of words are among them,
    which tell of words that were never seen, and take time.
    """

    def __init__(
        self, calls: Sequence[Call], columns: Sequence[Column], *, spelt: bool = True
    ) -> None:
        made = {
            (column.path, make): make(calls, column)
            for column in columns
            for make in (_MAKERS if spelt else _PLAIN_MAKERS).get(column.kind, ())
        }
        self.parts = [part for part in made.values() if part.counts.shape[1]]
        self._matrix: Any = None

    def __bool__(self) -> bool:
        return bool(self.parts)

    @property
    def matrix(self) -> Any:
        """Calls by features, in the order of the parts; sparse."""
        from scipy import sparse  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

        if self._matrix is None:
            scaled = [part.counts @ sparse.diags(part.factors) for part in self.parts]
            self._matrix = sparse.hstack(scaled).tocsr()
        return self._matrix

    def out_of_fold(self, fit: Fit, folds: Sequence[tuple[Any, Any]], width: int) -> Any:
        """Scores of every call by a model that was fitted without it; calls by scores. fit: of
        weights to rows, by their places.
        """
        import numpy as np  # noqa: PLC0415 - an extra

        scores = np.zeros((self.matrix.shape[0], width))
        for train, test in folds:
            kept, weights, bias = fit(self.matrix, train)
            scores[test] = self.matrix[test][:, kept] @ weights + bias
        return scores

    def fitted(self, fit: Fit) -> Linear:
        """The model of all calls."""
        import numpy as np  # noqa: PLC0415 - an extra

        kept, weights, bias = fit(self.matrix, np.arange(self.matrix.shape[0]))
        factors = np.concatenate([part.factors for part in self.parts])
        weights = (weights * factors[kept][:, None]).astype(np.float32)
        blocks, start = [], 0
        for part in self.parts:
            end = start + part.counts.shape[1]
            inside = (kept >= start) & (kept < end)
            if inside.any():
                blocks.append(part.make(kept[inside] - start, weights[inside], len(bias)))
            start = end
        return Linear(tuple(blocks), array("d", bias.tolist()))


def classes(codes: Any, width: int, seed: int) -> Fit:
    """Fits one score for each class, against all others; of two classes, one score. codes: the
    class of each row, below 0 for none of them.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    count = max(2, width)

    def fit(matrix: Any, rows: Any) -> tuple[Any, Any, Any]:
        rows = rows[codes[rows] >= 0]
        wanted = codes[rows]
        there = np.unique(wanted)
        kept = _telling(matrix[rows], wanted, count) if len(there) > 1 else np.arange(0)
        if not len(kept):
            often = np.bincount(wanted, minlength=count).argmax()
            bias = np.where(np.arange(count) == often, 1.0, -1.0)
            return kept, np.zeros((0, width)), bias[-width:]
        data = matrix[rows]
        model = _svm(data[:, kept], wanted, seed)
        if width == 1:
            return kept, model.coef_.T, model.intercept_
        weights, bias = np.zeros((len(kept), width)), np.full(width, -2.0)
        if len(there) == 2:
            weights[:, there[1]], bias[there[1]] = model.coef_[0], model.intercept_[0]
            weights[:, there[0]], bias[there[0]] = -model.coef_[0], -model.intercept_[0]
        else:
            weights[:, there], bias[there] = model.coef_.T, model.intercept_
        return kept, weights, bias

    return fit


def labels(marks: Any, seed: int) -> Fit:
    """Fits one score for each label, above 0 where it is set. marks: rows by labels, of 0 and 1; a
    row of -1 is left out.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    width = marks.shape[1]

    def fit(matrix: Any, rows: Any) -> tuple[Any, Any, Any]:
        rows = rows[marks[rows].min(axis=1) >= 0]
        data = matrix[rows]
        there = [place for place in range(width) if len(np.unique(marks[rows, place])) == 2]
        bias = np.where(2 * marks[rows].sum(axis=0) > len(rows), 1.0, -1.0)
        kept = _telling(data, marks[rows][:, there], width) if there else np.arange(0)
        if not len(kept):
            return kept, np.zeros((0, width)), bias
        weights = np.zeros((len(kept), width))
        data = data[:, kept]
        for place in there:
            model = _svm(data, marks[rows, place], seed)
            weights[:, place], bias[place] = model.coef_[0], model.intercept_[0]
        return kept, weights, bias

    return fit


def _svm(data: Any, wanted: Any, seed: int) -> Any:
    from sklearn.svm import LinearSVC  # type: ignore[import-untyped]  # noqa: PLC0415

    model = LinearSVC(C=_COST, dual=True, random_state=seed, max_iter=300)
    with silence.kept():
        return model.fit(data, wanted)


def _telling(data: Any, wanted: Any, count: int) -> Any:
    """The places of the features that tell classes apart, by chi squared, in their order. wanted: a
    class of each row, or 0 and 1 for each of several labels.
    """
    import numpy as np  # noqa: PLC0415 - an extra
    from sklearn.feature_selection import (  # type: ignore[import-untyped]  # noqa: PLC0415
        chi2,
    )

    often = np.flatnonzero(data.getnnz(axis=0) >= _SELDOM)
    most = min(_FEATURES[1], max(_FEATURES[0], _WEIGHTS // count))
    if len(often) <= most:
        return often
    each = [wanted] if wanted.ndim == 1 else wanted.T
    with silence.kept():
        worth = np.sum([np.nan_to_num(chi2(data[:, often], one)[0]) for one in each], axis=0)
    return np.sort(often[np.argsort(-worth, kind="stable")[:most]])


def _words(calls: Sequence[Call], column: Column, *, spelt: bool = True) -> _Part:
    import numpy as np  # noqa: PLC0415 - an extra
    from scipy import sparse  # noqa: PLC0415

    path = column.path
    units: dict[str, int] = {}
    places, ends, scales = [], [0], []
    for call in calls:
        seen = text.different_words_at(call, path)
        both = (*seen, *text.pairs_at(call, path))
        places += [units.setdefault(unit, len(units)) for unit in both]
        ends.append(len(places))
        scales.append(1.0 / (len(seen) + 1) ** 0.5)
    has = sparse.csr_matrix((np.ones(len(places)), places, ends), shape=(len(calls), len(units)))
    features: dict[str, int] = {}
    places, ends = [], [0]
    for unit in units:
        parts_of = (unit,) if " " in unit else text.spelt(unit) if spelt else text.plain(unit)
        places += [features.setdefault(feature, len(features)) for feature in parts_of]
        ends.append(len(places))
    parts = sparse.csr_matrix(
        (np.ones(len(places)), places, ends), shape=(len(units), len(features))
    )
    counts = (sparse.diags(scales) @ (has @ parts)).tocsr()
    rows_with = np.maximum(1, counts.getnnz(axis=0))
    kept = np.flatnonzero(rows_with >= _SELDOM)
    names = list(features)
    kept = np.array(sorted(kept.tolist(), key=names.__getitem__), dtype=int)
    vocabulary = [names[place] for place in kept]
    factors = np.log((1 + len(calls)) / (1 + rows_with[kept])) + 1

    def make(chosen_places: Sequence[int], weights: Any, width: int) -> Block:
        found = tuple(vocabulary[place] for place in chosen_places)
        return Words(path, spelt=spelt, vocabulary=found, weights=_flat(weights), width=width)

    return _Part(make, counts[:, kept], factors)


def _choices(calls: Sequence[Call], column: Column) -> _Part:
    path = column.path
    rows = [chosen(call, path) for call in calls]
    seen = Counter(name for row in rows for name in row)
    often = [name for name, count in seen.most_common(_CHOICES) if count >= _SELDOM]
    vocabulary = sorted(often)

    def make(chosen_places: Sequence[int], weights: Any, width: int) -> Block:
        found = tuple(vocabulary[place] for place in chosen_places)
        return Choices(path, found, _flat(weights), width)

    return _Part(make, _counts(rows, vocabulary), _ones(vocabulary))


def _steps(calls: Sequence[Call], column: Column) -> _Part:
    import numpy as np  # noqa: PLC0415 - an extra
    from scipy import sparse  # noqa: PLC0415

    path = column.path
    values = np.array([number_at(call, path) for call in calls])
    there = values[values != MISSING]
    edges = there  # none, of numbers in lists
    if len(there):
        edges = np.unique(np.quantile(there, np.linspace(0, 1, _STEPS), method="higher"))
    passed = values[:, None] >= edges[None, :]

    def make(chosen_places: Sequence[int], weights: Any, width: int) -> Block:
        found = array("d", [float(edges[place]) for place in chosen_places])
        return Steps(path, found, _flat(weights), width)

    return _Part(make, sparse.csr_matrix(passed.astype(float)), np.full(len(edges), 0.3))


def _counts(rows: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Any:
    import numpy as np  # noqa: PLC0415 - an extra
    from scipy import sparse  # noqa: PLC0415

    place_of = {name: place for place, name in enumerate(vocabulary)}
    places = [[place_of[name] for name in row if name in place_of] for row in rows]
    ends = np.cumsum([0, *map(len, places)])
    flat = [place for row in places for place in row]
    return sparse.csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(rows), len(vocabulary)))


def _ones(vocabulary: Sequence[str]) -> Any:
    import numpy as np  # noqa: PLC0415 - an extra

    return np.ones(len(vocabulary))


def _flat(weights: Any) -> array[float]:
    return array("f", weights.astype("<f4").ravel().tolist())


_MAKERS = {"text": (_words, _choices), "number": (_steps,), "category": (_choices,)}
"""What makes the parts of a column, by its kind."""

_PLAIN_MAKERS = _MAKERS | {"text": (partial(_words, spelt=False), _choices)}
