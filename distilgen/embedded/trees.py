"""Decision trees over numbers that are read off a call: values, their digits, sums and ratios,
categories, and words.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from distilgen.embedded import text
from distilgen.embedded.call import ABSENT
from distilgen.embedded.features import chosen
from distilgen.embedded.predictor import kind

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

    from distilgen.embedded.call import Call, Path

DOUBT: Final = 0.02
"""What is for and against everything, beside the trees."""

MISSING: Final = -1e30
"""What a measure is where there is nothing to measure: below all numbers that count."""

_LARGEST = 1e15
_PLACES = 16  # digits of such a number
_TEXT = 500  # characters of which the kinds are counted
_ITEMS = 1000


@kind
@dataclass(frozen=True)
class Measure:
    """A number of a call. what: one of `MEASURES`. path: of what is measured. other: of a second
    number. name: a category, as JSON, or a word in small letters, a digit's place, or a
    divisor.
    """

    kind: ClassVar[str] = "measure"
    what: str
    path: Path
    other: Path = ()
    name: str = ""

    def of(self, call: Call) -> float:
        """The number, or `MISSING`."""
        return MEASURES[self.what](call, self)

    def check(self) -> None:
        """Raises ValueError for what is none of the measures."""
        if self.what not in MEASURES:
            raise ValueError(f"no measure {self.what!r}")
        if self.what == "digit" and not 0 <= int(self.name) < _PLACES:
            raise ValueError(f"no digit {self.name}")
        if self.what == "rest" and int(self.name) < 1:
            raise ValueError(f"no rest {self.name}")


class _Plan(NamedTuple):
    """In what order the measures of a forest are taken. Each has its place among them. single: by
    themselves; names, words: by path; numbers, pairs: those of two numbers, by their places.
    """

    single: tuple[tuple[int, Measure], ...]
    names: tuple[tuple[Path, dict[str, int]], ...]
    words: tuple[tuple[Path, dict[str, int]], ...]
    numbers: tuple[Path, ...]
    pairs: tuple[tuple[int, Callable[[float, float], float], int, int], ...]


def odds(mean: float) -> float:
    """The logarithm of the odds that a mean of trees, -1 to 1, stands for. It is bounded: none is
    altogether sure.
    """
    return math.log((1 + DOUBT + mean) / (1 + DOUBT - mean))


@kind
@dataclass(frozen=True)
class Forest:
    """Trees whose leaves hold a number for each of what is scored, from -1, against it, to 1, for
    it; the scores are the odds of their means.

    roots: the first node of each tree. Of a node, measure: its place in measures, and -1 in a leaf;
    edge: what is below goes left; left, right: nodes; in a leaf, left is the place of its
    `width` numbers in leaves.
    """

    kind: ClassVar[str] = "forest"
    measures: tuple[Measure, ...]
    roots: array[int]
    measure: array[int]
    edge: array[float]
    left: array[int]
    right: array[int]
    leaves: array[float]
    width: int

    def scores(self, call: Call) -> list[float]:
        """A number for each of what is scored; what speaks for it is above 0."""
        measured = self._measured(call)
        nodes, rows = self._nodes, self._rows
        found = []
        for root in self.roots:
            at, edge, left, right = nodes[root]
            while at >= 0:
                at, edge, left, right = nodes[left if measured[at] < edge else right]
            found.append(rows[left])
        share = 1.0 / len(found)
        return [odds(sum(column) * share) for column in zip(*found, strict=True)]

    def check(self) -> None:
        """Raises ValueError for nodes that are not there, or lead in a circle."""
        size = len(self.measure)
        if not self.roots or self.width < 1 or len(self.leaves) % self.width:
            raise ValueError("no trees, or no leaves")
        if not all(-1 <= number <= 1 for number in self.leaves):
            raise ValueError("a leaf beyond -1 and 1")
        if any(len(column) != size for column in (self.edge, self.left, self.right)):
            raise ValueError("nodes without an edge or a branch")
        if not all(0 <= root < size for root in self.roots):
            raise ValueError("a tree without a root")
        leaves = len(self.leaves) // self.width
        for place, at in enumerate(self.measure):
            left, right = self.left[place], self.right[place]
            if at < 0:
                good = 0 <= left < leaves
            else:
                good = place < left < size and place < right < size and at < len(self.measures)
            if not good:
                raise ValueError(f"node {place} leads nowhere")

    def _measured(self, call: Call) -> list[float]:
        """What each measure is; what several need of a call is looked up once."""
        plan = self._plan
        measured = [0.0] * len(self.measures)
        for place, measure in plan.single:
            measured[place] = measure.of(call)
        for path, place_of in plan.names:
            for name in chosen(call, path):
                if name in place_of:
                    measured[place_of[name]] = 1.0
        for path, place_of in plan.words:
            for name in text.small_words_at(call, path) & place_of.keys():
                measured[place_of[name]] = 1.0
        numbers = [number_at(call, path) for path in plan.numbers]
        for place, work, first, second in plan.pairs:
            one, other = numbers[first], numbers[second]
            measured[place] = MISSING if MISSING in (one, other) else work(one, other)
        return measured

    @cached_property
    def _plan(self) -> _Plan:
        single: list[tuple[int, Measure]] = []
        by_path: dict[str, dict[Path, dict[str, int]]] = {"is": {}, "has": {}}
        numbers: dict[Path, int] = {}
        pairs: list[tuple[int, Callable[[float, float], float], int, int]] = []
        for place, measure in enumerate(self.measures):
            if measure.what in by_path:
                by_path[measure.what].setdefault(measure.path, {})[measure.name] = place
            elif measure.what in PAIRS:
                first = numbers.setdefault(measure.path, len(numbers))
                second = numbers.setdefault(measure.other, len(numbers))
                pairs.append((place, PAIRS[measure.what], first, second))
            else:
                single.append((place, measure))
        names, words = (tuple(found.items()) for found in by_path.values())
        return _Plan(tuple(single), names, words, tuple(numbers), tuple(pairs))

    @cached_property
    def _nodes(self) -> list[tuple[int, float, int, int]]:
        return list(zip(self.measure, self.edge, self.left, self.right, strict=True))

    @cached_property
    def _rows(self) -> list[tuple[float, ...]]:
        flat, width = self.leaves, self.width
        return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


def number_at(call: Call, path: Path) -> float:
    """The number at a path; `MISSING` where there is none, or one that is too large."""
    value = call.at(path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING
    return float(value) if abs(value) < _LARGEST else MISSING


def _value(call: Call, measure: Measure) -> float:
    return number_at(call, measure.path)


def _two(
    work: Callable[[float, float], float],
) -> Callable[[Call, Measure], float]:
    def measured(call: Call, measure: Measure) -> float:
        one, other = number_at(call, measure.path), number_at(call, measure.other)
        return MISSING if MISSING in (one, other) else work(one, other)

    return measured


def _ratio(one: float, other: float) -> float:
    return one / other if other else MISSING


def _digit(call: Call, measure: Measure) -> float:
    """Counted from the last one of the whole part, which is 0."""
    value = number_at(call, measure.path)
    if value == MISSING:
        return MISSING
    return float(int(abs(value)) // 10 ** int(measure.name) % 10)


def _rest(call: Call, measure: Measure) -> float:
    """Of a division of the whole part."""
    value = number_at(call, measure.path)
    return MISSING if value == MISSING else float(int(value) % int(measure.name))


def _fraction(call: Call, measure: Measure) -> float:
    value = number_at(call, measure.path)
    return MISSING if value == MISSING else math.fabs(value) % 1.0


def _is(call: Call, measure: Measure) -> float:
    return 1.0 if measure.name in chosen(call, measure.path) else 0.0


def _has(call: Call, measure: Measure) -> float:
    return 1.0 if measure.name in text.small_words_at(call, measure.path) else 0.0


def _size(call: Call, measure: Measure) -> float:
    value = call.at(measure.path)
    if isinstance(value, str | list | dict):
        return float(len(value))
    return MISSING if value is ABSENT or value is None else 0.0


def _words(call: Call, measure: Measure) -> float:
    return float(len(text.words_at(call, measure.path)))


def _letters(test: Callable[[str], bool]) -> Callable[[Call, Measure], float]:
    def counted(call: Call, measure: Measure) -> float:
        found = text.text_at(call, measure.path)
        return MISSING if found is None else float(sum(map(test, found[:_TEXT])))

    return counted


def _numbers(work: Callable[[list[float]], float]) -> Callable[[Call, Measure], float]:
    """Of the numbers behind `EACH`."""

    def measured(call: Call, measure: Measure) -> float:
        value: Any = call.at(measure.path)
        if not isinstance(value, list):
            return MISSING
        numbers = [
            float(item)
            for item in value[:_ITEMS]
            if isinstance(item, int | float) and abs(item) < _LARGEST
        ]
        return work(numbers) if numbers else MISSING

    return measured


PAIRS: Final[dict[str, Callable[[float, float], float]]] = {
    "plus": operator.add,
    "minus": operator.sub,
    "times": operator.mul,
    "ratio": _ratio,
}
"""What can be made of two numbers, by name."""

MEASURES: Final[dict[str, Callable[[Call, Measure], float]]] = {
    "value": _value,
    **{what: _two(work) for what, work in PAIRS.items()},
    "digit": _digit,
    "rest": _rest,
    "fraction": _fraction,
    "is": _is,
    "has": _has,
    "size": _size,
    "words": _words,
    "digits": _letters(str.isdigit),
    "capitals": _letters(str.isupper),
    "sum": _numbers(sum),
    "least": _numbers(min),
    "most": _numbers(max),
}
"""What can be measured, by name."""
