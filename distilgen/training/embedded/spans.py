"""Fits what finds values in a text: the column and the way of writing are chosen on the data, then
a model of where spans begin and one of where they end are fitted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from distilgen.embedded.call import EACH
from distilgen.embedded.exact import Source
from distilgen.embedded.spans import (
    AROUND,
    LONGEST,
    Scorer,
    Span,
    SpanList,
    Tokens,
    features,
    known,
    tokens_of,
)
from distilgen.training.embedded import places, pointer, sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field
    from distilgen.training.embedded.places import Way

LEAST: Final = 15
"""Rows without which no span is learnt."""

_ENOUGH: Final = 0.5  # of rows that have their value in the text
_SAMPLE: Final = 30  # rows that column and way are chosen by
_MOST_ROWS: Final = 800  # that are fitted
_MOST_WRONG: Final = 50  # places of a text that are wrong, and are fitted
_BELOW: Final = 1.0  # a score below those of all right places, that still may be right
_BELOW_ALL: Final = 4.0  # the same for lists, which what is left out makes wrong
_OFTEN: Final = 0.05  # share of spans that begin with a word, from which on it is no chance
_MOST_CLASSES: Final = 24
_MOST_COLUMNS: Final = 8


Spans = tuple[tuple[int, int], ...]
"""First and last tokens."""


@dataclass(frozen=True)
class _Row:
    """A text, where its values stand, and where they may stand too, which is neither right nor
    wrong.
    """

    text: Tokens
    right: Spans
    either: Spans = ()


@dataclass(frozen=True)
class SpanFitter:
    """Fits a text, a number or a date that stands in a text."""

    name: str = "span"
    exact: bool = False

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """The spans of the text, written in the way, that most rows have their values in. A row
        that does not have its value there teaches that there may be none.
        """
        if len(targets) < LEAST:
            return None
        chosen = _chosen(calls, [[target] for target in targets], field)
        if chosen is None:
            return None
        source, way = chosen
        rows = []
        for row in _few(len(calls)):
            text = tokens_of(source, calls[row])
            if text is not None:
                rows.append(_Row(text, places.of(source, way, calls[row], targets[row])))
        parts = _parts(rows, single=True)
        if parts is None:
            return None
        floor = _floor(rows, parts[1], _BELOW)
        return Span(source, *parts, floor, way.steps, _longest(rows))


@dataclass(frozen=True)
class SpanListFitter:
    """Fits a list of texts, numbers or dates that stand in a text, in the order of the text."""

    name: str = "span list"
    exact: bool = False

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """The spans of the text, written in the way, that most rows have all their values in."""
        if len(targets) < LEAST or not all(isinstance(target, list) for target in targets):
            return None
        chosen = _chosen(calls, targets, field)
        if chosen is None:
            return None
        source, way = chosen
        rows = []
        for at in _few(len(calls)):
            row = _row(source, way, calls[at], targets[at])
            if row is not None:
                rows.append(row)
        parts = _parts(rows, single=False)
        if parts is None:
            return None
        unique = all(len(set(target)) == len(target) for target in targets)
        floor = _floor(rows, parts[1], _BELOW_ALL)
        return SpanList(source, *parts, floor, way.steps, _longest(rows), unique)


def _few(count: int) -> Iterable[int]:
    """Rows from all over, `_MOST_ROWS` at most."""
    return range(0, count, -(-count // _MOST_ROWS))


def _chosen(
    calls: Sequence[Call], targets: Sequence[Sequence[Any]], field: Field
) -> tuple[Source, Way] | None:
    """The text and the way of writing with which most rows have all their values in it; the
    simplest of equals. None where fewer than `_ENOUGH` have.
    """
    step = max(1, len(calls) // _SAMPLE)
    sample = [row for row in range(len(calls)) if targets[row]][::step]
    items = [item for row in sample for item in targets[row]]
    best: tuple[float, Source, Way] | None = None
    for path in sources.paths(field.columns, "text")[:_MOST_COLUMNS]:
        if EACH in path:
            continue
        source = Source(path)
        for way in places.ways(items) if items else []:
            has = sum(
                all(places.of(source, way, calls[row], item) for item in targets[row])
                for row in sample
            )
            if best is None or has > best[0]:
                best = has, source, way
            if has == len(sample):
                return source, way
    if best is None or best[0] < _ENOUGH * len(sample) or best[0] < 5:
        return None
    return best[1], best[2]


def _row(source: Source, way: Way, call: Call, target: Sequence[Any]) -> _Row | None:
    """The places of all items, one after the other; None where they are not in this order."""
    text = tokens_of(source, call)
    if text is None:
        return None
    right: list[tuple[int, int]] = []
    either: list[tuple[int, int]] = []
    behind = -1
    for item in target:
        found = places.of(source, way, call, item)
        after = [place for place in found if place[0] > behind]
        if not after:
            return None
        right.append(after[0])
        either += [place for place in found if place != after[0]]
        behind = after[0][1]
    return _Row(text, tuple(right), tuple(place for place in either if place not in right))


def _floor(rows: Sequence[_Row], start: Scorer, below: float) -> float:
    """A score of tokens alone that all right places are well above."""
    scores = [
        sum(start.row(row.text.at(first + by))[by + AROUND] for by in range(-AROUND, AROUND + 1))
        for row in rows
        for first, _ in row.right
    ]
    return round(min(scores) - below, 3)


def _longest(rows: Sequence[_Row]) -> int:
    sizes = [last - first + 1 for row in rows for first, last in row.right]
    return min(LONGEST, max(sizes) + 2)


def _parts(rows: Sequence[_Row], *, single: bool) -> tuple[tuple[str, ...], Scorer, Scorer] | None:
    """The classes of first tokens, and the scorers of beginnings and ends. single: one span of a
    text is asked for, and not all.
    """
    classes = {known(row.text.tokens[first])[2] for row in rows for first, _ in row.right}
    if len(rows) < LEAST or not 0 < len(classes) <= _MOST_CLASSES:
        return None
    begins: list[pointer.Choice] = []
    ends: list[pointer.Choice] = []
    values: Counter[str] = Counter()
    for row in rows:
        right = {first for first, _ in row.right}
        values.update(features(row.text.tokens[first], 0)[0] for first in right)
        at = _looked_at(row, right, classes)
        flags = [place in right for place in at]
        made = [_begin(row.text, place) for place in at]
        if single:
            begins.append(pointer.Choice(made, flags))
        else:
            begins += [
                pointer.Choice([names], [flag]) for names, flag in zip(made, flags, strict=True)
            ]
        for first, last in row.right:
            ends += [
                pointer.Choice([_end(row.text, first, place)], [place == last])
                for place in range(first, last + 1)
            ]
    least = max(3, _OFTEN * values.total())
    never = {name for name, count in values.items() if name[1] == "w" and count < least}
    start = pointer.fit(begins, (-AROUND, AROUND), len(rows), never)
    stop = pointer.fit(ends, (0, 2), len(rows), set())
    return (tuple(sorted(classes)), start, stop) if start and stop else None


def _looked_at(row: _Row, right: set[int], classes: set[str]) -> list[int]:
    """Places that a span may begin at; of very many, the right ones, those near them, and some."""
    neither = {first for first, _ in row.either} - right
    every = [
        at
        for at, token in enumerate(row.text.tokens)
        if at not in neither and known(token)[2] in classes
    ]
    if len(every) <= _MOST_WRONG:
        return every
    step = len(every) // _MOST_WRONG + 1
    near = {place + by for place in right for by in range(-6, 7)}
    return [at for number, at in enumerate(every) if number % step == 0 or at in near]


def _begin(text: Tokens, place: int) -> tuple[str, ...]:
    names = list(text.around(place))
    for by in range(-AROUND, AROUND + 1):
        names += features(text.at(place + by), by)
    return tuple(names)


def _end(text: Tokens, first: int, last: int) -> tuple[str, ...]:
    names = list(text.stop(first, last))
    for by in range(3):
        made = features(text.at(last + by), by)
        names += made[1:] if made[0].startswith("0w") else made
    return tuple(names)
