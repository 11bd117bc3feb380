"""Fits the gate: what is known of the arguments, and how much that is new is usual."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from distilgen.embedded import text
from distilgen.embedded.call import ABSENT, EACH
from distilgen.embedded.features import chosen
from distilgen.embedded.novelty import (
    Categories,
    Length,
    Novelty,
    Part,
    Range,
    Types,
    Wording,
    classes,
    grams,
    opening_share,
    types_at,
    word_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from distilgen.embedded.call import Call, Path
    from distilgen.training.embedded.fitter import Column

REFUSED = 0.01
"""Share of calls like those of the training that may be refused for the wording of their texts."""

_FOLDS = 5
_OPEN = 0.03  # share of calls with a value never seen: more, and new values are usual there
_MOST = 30_000  # names of each sort that are kept
_SLACK = 1.5  # how much shorter or longer than any of the training a text or list may be
_MARGIN = 0.02  # of a range, added at its ends


def gate(
    calls: Sequence[Call], parameters: tuple[str, ...], columns: Iterable[Column],
    statistical: Collection[Path],
) -> Novelty:  # fmt: skip
    """The gate of a student. statistical: the columns that predictors look at of which nothing is
    known beyond the training. An exact relation holds beyond it, and needs no more than the types.
    """
    parts: list[Part] = [_types(calls, (name,)) for name in parameters]
    worded: list[tuple[Path, list[_Text | None]]] = []
    for path, kind in columns:
        if len(path) > 1:
            parts.append(_types(calls, path))
        if path not in statistical:
            continue
        if kind == "number":
            parts += _range(calls, path)
        elif kind == "category":
            parts += _categories(calls, path)
        elif kind == "list":
            parts += _length(calls, path)
        elif kind == "text":
            worded.append((path, [_text(call, path) for call in calls]))
    known = [_Known(path, texts) for path, texts in worded]
    limits = _limits([item.scores() for item in known])
    parts += [item.wording(limit) for item, limit in zip(known, limits, strict=True)]
    return Novelty(parameters, tuple(parts))


def _types(calls: Sequence[Call], path: Path) -> Types:
    names = set().union(*(types_at(call, path) for call in calls))
    return Types(path, tuple(sorted(names)))


def _range(calls: Sequence[Call], path: Path) -> list[Part]:
    found = [
        value
        for call in calls
        for value in _each(call, path)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]
    if not found:
        return []
    low, high = min(found), max(found)
    margin = _MARGIN * (high - low)
    whole = all(value == int(value) for value in found)
    return [Range(path, float(low - margin), float(high + margin), whole)]


def _categories(calls: Sequence[Call], path: Path) -> list[Part]:
    found = [chosen(call, path) for call in calls]
    counts = Counter(name for names in found for name in set(names))
    alone = sum(any(counts[name] == 1 for name in names) for names in found)
    if alone > max(2, _OPEN * len(calls)):
        return []
    return [Categories(path, tuple(sorted(counts)))]


def _length(calls: Sequence[Call], path: Path) -> list[Part]:
    found = [len(value) for call in calls if isinstance(value := call.at(path), list)]
    if not found:
        return []
    return [Length(path, *_bounds(found))]


def _bounds(counts: Sequence[int]) -> tuple[int, int]:
    """The fewest and the most that are usual; none only where the training has none, too."""
    fewest, most = min(counts, default=0), max(counts, default=0)
    return max(min(fewest, 1), int(fewest / _SLACK)), math.ceil(most * _SLACK)


def _each(call: Call, path: Path) -> list[object]:
    value = call.at(path)
    if EACH in path:
        return value if isinstance(value, list) else []
    return [] if value is ABSENT else [value]


class _Text(NamedTuple):
    words: list[str]
    names: frozenset[str]
    opening: tuple[str, ...]


def _text(call: Call, path: Path) -> _Text | None:
    value = text.text_at(call, path)
    if value is None:
        return None
    names = frozenset(map(word_name, text.small_words_at(call, path)))
    return _Text(text.words_at(call, path), names, text.opening(value))


class _Scores(NamedTuple):
    words: float
    grams: float
    pairs: float
    opening: float


class _Known:
    """What the texts of a column have, counted by fold: a text is looked at with what the others
    have.
    """

    def __init__(self, path: Path, texts: list[_Text | None]) -> None:
        self.path = path
        self.texts = texts
        here = [item for item in texts if item]
        often = max(3, len(here) // 50)
        spelt = Counter(word for item in here for word in set(item.words) if word.isalpha())
        self.frequent = {word: word for word, count in spelt.items() if count >= often}
        self.counts = [len(item.words) for item in here]
        self.words = _Folded(texts, lambda item: item.names)
        self.grams = _Folded(texts, lambda item: frozenset().union(*map(grams, item.names)))
        self.pairs = _Folded(texts, lambda item: classes(item.words, self.frequent))
        self.openings = _Folded(texts, lambda item: item.opening)

    def scores(self) -> list[_Scores]:
        """Of each call, what is new of the text for one who knows the other folds."""
        return [self._scores(place, item) for place, item in enumerate(self.texts)]

    def wording(self, most: _Scores) -> Wording:
        """The gate's part for these texts, with the shares of new names that are usual."""
        return Wording(
            self.path,
            self.words.kept(),
            self.grams.kept(),
            tuple(sorted(self.frequent)),
            self.pairs.kept(),
            self.openings.kept(),
            *most,
            *_bounds(self.counts),
        )

    def _scores(self, place: int, item: _Text | None) -> _Scores:
        if item is None:
            return _Scores(0.0, 0.0, 0.0, 0.0)
        fresh = self.words.fresh(place, item.names)
        shares = [len(self.grams.fresh(place, parts)) / len(parts) for parts in map(grams, fresh)]
        found = classes(item.words, self.frequent)
        return _Scores(
            len(fresh) / (len(item.names) + 1),
            math.fsum(shares) / (len(item.names) + 1),
            len(self.pairs.fresh(place, found)) / (len(found) + 1),
            opening_share(len(self.openings.fresh(place, item.opening)), len(item.opening)),
        )


class _Folded:
    """Names of texts, counted whole and by fold."""

    def __init__(
        self, texts: Sequence[_Text | None], names: Callable[[_Text], Iterable[str]]
    ) -> None:
        self.folds: list[Counter[str]] = [Counter() for _ in range(_FOLDS)]
        for place, item in enumerate(texts):
            if item is not None:
                self.folds[place % _FOLDS].update(names(item))
        self.total: Counter[str] = sum(self.folds, Counter())

    def fresh(self, place: int, names: Iterable[str]) -> set[str]:
        """The names that only this text's fold has."""
        own = self.folds[place % _FOLDS]
        return {name for name in names if self.total[name] <= own[name]}

    def kept(self) -> tuple[str, ...]:
        """The names, at most so many: those that most texts have."""
        ranked = sorted(self.total.items(), key=lambda item: (-item[1], item[0]))
        return tuple(sorted(name for name, _ in ranked[:_MOST]))


def _limits(scores: Sequence[Sequence[_Scores]]) -> list[_Scores]:
    """Of each column, the scores up to which a call is usual: the same share of calls lies beyond
    each of them, and no more than `REFUSED` beyond any.
    """
    if not scores:
        return []
    columns = [[sorted(kind) for kind in zip(*column, strict=True)] for column in scores]
    calls = len(scores[0])
    for beyond in range(int(REFUSED * calls), -1, -1):
        limits = [_Scores(*(kind[-1 - beyond] for kind in column)) for column in columns]
        refused = sum(
            any(
                score > most
                for column, limit in zip(scores, limits, strict=True)
                for score, most in zip(column[place], limit, strict=True)
            )
            for place in range(calls)
        )
        if refused <= REFUSED * calls:
            break
    return limits
