"""What a linear model sees of a call, column by column, and what it adds up for it.

The same methods give the features to the training and the sums to the answers: what is trained is
what is served. Sums are additive over words, so that each word is worked out once and remembered.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from distilgen.embedded import text
from distilgen.embedded.call import ABSENT, EACH
from distilgen.embedded.predictor import kind

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Sequence

    from distilgen.embedded.call import Call, Path

Sums = tuple[float, ...]
_REMEMBERED = 400_000  # numbers that a block keeps for the words it has seen
_LONGEST = 60  # characters of a text that may be a category


class Block(Protocol):
    """What is known of one column."""

    kind: ClassVar[str]

    @property
    def path(self) -> Path:
        """Where the column stands."""

    @property
    def width(self) -> int:
        """Numbers of each feature."""

    def features(self, call: Call) -> tuple[Iterable[str], float]:
        """The features of a call, a feature as often as it counts, and what each counts."""

    def sums(self, call: Call) -> Sums | None:
        """The weights of all features of a call, added up; None where there are none."""

    def check(self) -> None:
        """Raises ValueError for data that do not belong together."""


@kind
@dataclass(frozen=True)
class Words:
    """Words of a text, neighbours among them, and, where spelt, parts of words. vocabulary: the
    features that have weights; weights: `width` for each.
    """

    kind: ClassVar[str] = "words"
    path: Path
    spelt: bool
    vocabulary: tuple[str, ...]
    weights: array[float]
    width: int

    def features(self, call: Call) -> tuple[list[str], float]:
        """Each word once, however often it stands there."""
        seen = text.different_words_at(call, self.path)
        parts = text.spelt if self.spelt else text.plain
        found = [feature for word in seen for feature in parts(word)]
        return [*found, *text.pairs_at(call, self.path)], _scale(seen)

    def sums(self, call: Call) -> Sums | None:
        """Words seen before are looked up with all their parts."""
        seen = text.different_words_at(call, self.path)
        known, added = self._known, []
        for word in seen:
            found = known.get(word, self)
            if found is self:
                found = self._word(word)
            if found is not None:
                added.append(found)
        pairs = self._pairs
        added += [pairs[pair] for pair in text.pairs_at(call, self.path) if pair in pairs]
        return _added(added, _scale(seen))

    def check(self) -> None:
        """Raises ValueError for weights that are not those of the vocabulary."""
        _check(self.vocabulary, self.weights, self.width)

    def _word(self, word: str) -> Sums | None:
        parts = text.spelt if self.spelt else text.plain
        rows = self._rows
        found = [rows[part] for part in parts(word) if part in rows]
        if len(self._known) * self.width > _REMEMBERED:
            self._known.clear()
        sums = self._known[word] = _added(found, 1.0)
        return sums

    @cached_property
    def _rows(self) -> dict[str, Sums]:
        return _rows(self.vocabulary, self.weights, self.width)

    @cached_property
    def _pairs(self) -> dict[str, Sums]:
        return {name: row for name, row in self._rows.items() if " " in name}

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}


@kind
@dataclass(frozen=True)
class Choices:
    """A value of few: a category, a short text, or that there is none. Behind `EACH`, each of
    them.
    """

    kind: ClassVar[str] = "choices"
    path: Path
    vocabulary: tuple[str, ...]
    weights: array[float]
    width: int

    def features(self, call: Call) -> tuple[list[str], float]:
        """The values as JSON."""
        return chosen(call, self.path), 1.0

    def sums(self, call: Call) -> Sums | None:
        """Most often of one value."""
        rows = self._rows
        return _added([rows[name] for name in chosen(call, self.path) if name in rows], 1.0)

    def check(self) -> None:
        """Raises ValueError for weights that are not those of the vocabulary."""
        _check(self.vocabulary, self.weights, self.width)

    @cached_property
    def _rows(self) -> dict[str, Sums]:
        return _rows(self.vocabulary, self.weights, self.width)


@kind
@dataclass(frozen=True)
class Steps:
    """A number, by how many edges it has passed; each edge has weights."""

    kind: ClassVar[str] = "steps"
    path: Path
    edges: array[float]
    weights: array[float]
    width: int

    def features(self, call: Call) -> tuple[list[str], float]:
        """The edges that are passed, by their places."""
        return [str(place) for place in range(self._passed(call))], 1.0

    def sums(self, call: Call) -> Sums | None:
        """Those of all edges that are passed."""
        passed = self._passed(call)
        return self._totals[passed - 1] if passed else None

    def check(self) -> None:
        """Raises ValueError for weights that are not those of the edges."""
        _check(self.edges, self.weights, self.width)

    def _passed(self, call: Call) -> int:
        value = call.at(self.path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0
        return bisect_right(self.edges, value)

    @cached_property
    def _totals(self) -> list[Sums]:
        totals, so_far = [], [0.0] * self.width
        for place in range(len(self.edges)):
            own = self.weights[place * self.width : (place + 1) * self.width]
            so_far = [one + other for one, other in zip(so_far, own, strict=True)]
            totals.append(tuple(so_far))
        return totals


def chosen(call: Call, path: Path) -> list[str]:
    """The category at a path, as JSON; behind `EACH`, all different ones. None of a long text."""
    return call.of(("chosen", path), lambda: _chosen(call, path))


def _chosen(call: Call, path: Path) -> list[str]:
    value = call.at(path)
    if EACH in path and isinstance(value, list):
        return sorted({_name(item) for item in value[:100]} - {""})
    name = _name(value)
    return [name] if name else []


def _name(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    if isinstance(value, str):
        return json.dumps(value) if len(value) <= _LONGEST else ""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float) and abs(value) < 1e15:
        return repr(int(value)) if value == int(value) else repr(value)
    return ""


def _rows(vocabulary: tuple[str, ...], weights: array[float], width: int) -> dict[str, Sums]:
    return {
        name: tuple(weights[place * width : (place + 1) * width])
        for place, name in enumerate(vocabulary)
    }


def _scale(seen: tuple[str, ...]) -> float:
    return 1.0 / math.sqrt(len(seen) + 1)


def _added(rows: Sequence[Sums], scale: float) -> Sums | None:
    if not rows:
        return None
    if len(rows[0]) == 1:
        return (sum([row[0] for row in rows]) * scale,)
    return tuple([sum(column) * scale for column in zip(*rows, strict=True)])


def _check(names: Sequence[Any], weights: array[float], width: int) -> None:
    if width < 1 or len(weights) != len(names) * width:
        raise ValueError(f"{len(weights)} weights for {len(names)} features of {width}")
