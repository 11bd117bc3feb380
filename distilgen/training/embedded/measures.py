"""The numbers of calls that trees look at, measured for all calls at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from distilgen.embedded import text
from distilgen.embedded.call import EACH
from distilgen.embedded.features import chosen
from distilgen.embedded.trees import MISSING, Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.call import Call
    from distilgen.training.embedded.fitter import Column

_PAIRED = 7  # numbers that are put into relation with each other
_DIGITS = 4  # the last ones of a whole number
_DIVISORS = (2, 3, 4, 7)  # other rests can be told by the last digits
_CATEGORIES = 30  # of a column
_SELDOM = 3  # rows that a category or a word must be in
_WORDS: Final = 1_500
"""Of a text, the most frequent ones."""

_FEW = 100  # different values of a text that may be a category


@dataclass(frozen=True)
class Measured:
    """measures: what was measured. numbers: calls by measures. words: measures of words that texts
    may have; has: calls by words, sparse.
    """

    measures: tuple[Measure, ...]
    numbers: Any
    words: tuple[Measure, ...]
    has: Any


def measured(calls: Sequence[Call], columns: Sequence[Column]) -> Measured:
    """All measures of the columns that are not the same for all calls."""
    import numpy as np  # noqa: PLC0415 - an extra

    found: list[Measure] = []
    for column in columns:
        found += [measure for measure in _of(calls, column) if measure not in found]
    rows = np.array([[measure.of(call) for measure in found] for call in calls], dtype=float)
    rows = rows.reshape(len(calls), len(found))
    related, more = _related(found, rows)
    found, rows = found + related, np.hstack([rows, more])
    differs = np.flatnonzero((rows != rows[:1]).any(axis=0)) if len(calls) else np.arange(0)
    words, has = _words(calls, [column.path for column in columns if column.kind == "text"])
    return Measured(
        measures=tuple(found[place] for place in differs),
        numbers=np.clip(rows[:, differs], MISSING, -MISSING),
        words=words,
        has=has,
    )


def _related(found: Sequence[Measure], rows: Any) -> tuple[list[Measure], Any]:
    """Measures of two numbers, as `Measure.of` has them, but for all calls at once."""
    import numpy as np  # noqa: PLC0415 - an extra

    single = [place for place, measure in enumerate(found) if measure.what == "value"][:_PAIRED]
    related: list[Measure] = []
    more = [rows[:, :0]]
    for first, second in combinations(single, 2):
        one, other = rows[:, first], rows[:, second]
        missing = (one == MISSING) | (other == MISSING)
        with np.errstate(all="ignore"):
            columns = {
                "plus": one + other,
                "minus": one - other,
                "times": one * other,
                "ratio": np.where(other == 0, MISSING, one / other),
            }
            back = np.where(one == 0, MISSING, other / one)
        pair = found[first].path, found[second].path
        related += [Measure(what, *pair) for what in columns]
        related.append(Measure("ratio", pair[1], pair[0]))
        more += [
            np.where(missing, MISSING, column)[:, None] for column in (*columns.values(), back)
        ]
    return related, np.hstack(more)


def _of(calls: Sequence[Call], column: Column) -> list[Measure]:
    path = column.path
    if column.kind == "number" and EACH in path:
        return [Measure(what, path) for what in ("sum", "least", "most")]
    if column.kind == "number":
        return [
            Measure("value", path),
            Measure("fraction", path),
            *(Measure("digit", path, name=str(place)) for place in range(_DIGITS)),
            *(Measure("rest", path, name=str(divisor)) for divisor in _DIVISORS),
        ]
    if column.kind == "list":
        return [Measure("size", path)]
    found: list[Measure] = []
    if column.kind == "text":
        found += [Measure(what, path) for what in ("size", "words", "digits", "capitals")]
    seen = Counter(name for call in calls for name in chosen(call, path))
    if column.kind == "text" and len(seen) > _FEW:
        return found
    often = [name for name, count in seen.most_common(_CATEGORIES) if count >= _SELDOM]
    return found + [Measure("is", path, name=name) for name in sorted(often)]


def _words(
    calls: Sequence[Call], paths: Sequence[tuple[str, ...]]
) -> tuple[tuple[Measure, ...], Any]:
    import numpy as np  # noqa: PLC0415 - an extra
    from scipy import sparse  # type: ignore[import-untyped]  # noqa: PLC0415

    words: list[Measure] = []
    places: list[int] = []
    ends = [0]
    place_of: dict[tuple[tuple[str, ...], str], int] = {}
    for path in paths:
        seen = Counter(word for call in calls for word in text.small_words_at(call, path))
        often = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:_WORDS]
        for word in sorted(word for word, count in often if _SELDOM <= count < len(calls)):
            place_of[path, word] = len(words)
            words.append(Measure("has", path, name=word))
    for call in calls:
        found = [
            place_of[path, word]
            for path in paths
            for word in text.small_words_at(call, path)
            if (path, word) in place_of
        ]
        places += sorted(found)
        ends.append(len(places))
    has = sparse.csr_matrix((np.ones(len(places)), places, ends), shape=(len(calls), len(words)))
    return tuple(words), has
