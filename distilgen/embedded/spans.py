"""Values that stand in a text: where one begins, where it ends, and how it is written otherwise.

Begin and end are scored by linear models of the words and shapes around them. The first `MOST`
characters of a text are looked at.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar, Final

from distilgen.embedded import normal
from distilgen.embedded.call import ABSENT
from distilgen.embedded.exact import NOTHING, Source, check_sources
from distilgen.embedded.predictor import Predicted, kind

if TYPE_CHECKING:
    import array

    from distilgen.embedded.call import Call

MOST: Final = 8_000
"""Characters of a text that are looked at."""

LONGEST: Final = 60
"""Tokens of a span, at most."""

AROUND: Final = 3
"""Tokens before and after a place that tell whether a span begins there."""

_MOST_FOUND = 50  # spans of a list
_STARTS = 3  # places that are followed
_SELDOM = 0.01  # a probability that is not followed
_TOKEN = re.compile(r"(?:[^\W\d_]{1,40}|\d{1,20}|\n\s*|[^\w\s]|_)[^\S\n]*")
_REMEMBERED = 20_000  # tokens whose scores are kept


@lru_cache(maxsize=_REMEMBERED)
def known(token: str) -> tuple[str, str, str]:
    """What a token is known by: its word (small letters; the shape of long numbers), its shape with
    the space behind it, and its class, of which there are few.
    """
    core = token.rstrip()
    if not core:
        return ("\n", "\n", "\n") if token else ("", "", "")
    space = {0: "", 1: " "}.get(len(token) - len(core), "  ")
    if core.isdigit():
        size = min(len(core), 8)
        return core if size <= 4 else "0" * size, "0" * size + space, "0"
    if core.isalpha():
        if core.islower():
            shape = "a"
        elif core.isupper():
            shape = "A"
        else:
            shape = "Aa" if core[1:].islower() else "aA"
        return core.lower(), f"{shape}{min(len(core), 4)}{space}", shape
    return core, core + space, core


@lru_cache(maxsize=_REMEMBERED)
def features(token: str, place: int) -> tuple[str, ...]:
    """What a token tells of a span that begins, or ends, `place` tokens before it."""
    word, shape, few = known(token)
    if word[:1].isalnum():
        return f"{place}w{word}", f"{place}s{shape}", f"{place}c{few}"
    return (f"{place}c{few}",) if few == shape else (f"{place}c{few}", f"{place}s{shape}")


class Tokens:
    """A text in tokens: runs of letters and of digits, marks, line ends, each with the spaces
    behind it. Predictors of the same text share it.
    """

    __slots__ = ("_around", "_breaks", "_places", "_starts", "is_cut", "lead", "text", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text[:MOST]
        self.is_cut = len(text) > MOST
        self.tokens: list[str] = _TOKEN.findall(self.text)
        found = _TOKEN.search(self.text)
        self.lead = found.start() if found else 0
        self._starts: list[int] | None = None
        self._breaks = [at for at, token in enumerate(self.tokens) if token[0] == "\n"]
        self._around: dict[int, tuple[str, ...]] = {}
        self._places: dict[str, list[int]] | None = None

    @property
    def starts(self) -> list[int]:
        """Where the tokens begin in the text, and where the last one ends."""
        if self._starts is None:
            self._starts = list(accumulate(map(len, self.tokens), initial=self.lead))
        return self._starts

    def of_class(self, classes: tuple[str, ...]) -> list[int]:
        """The places of tokens of these classes."""
        if self._places is None:
            self._places = defaultdict(list)
            for at, token in enumerate(self.tokens):
                self._places[known(token)[2]].append(at)
        found: list[int] = []
        for few in classes:
            found += self._places.get(few, ())
        found.sort()
        return found

    def slice(self, first: int, last: int) -> str:
        """The text from a token to another, both with it, without the space behind."""
        starts = self.starts
        return self.text[starts[first] : starts[last + 1]].rstrip()

    def at(self, place: int) -> str:
        """The token, empty beyond the ends."""
        return self.tokens[place] if 0 <= place < len(self.tokens) else ""

    def around(self, place: int) -> tuple[str, ...]:
        """What tokens together tell of a span that begins at a place."""
        made = self._around.get(place)
        if made is None:
            made = self._around[place] = self._together(place)
        return made

    def _together(self, place: int) -> tuple[str, ...]:
        before2, shape2, _ = known(self.at(place - 2))
        before, shape1, _ = known(self.at(place - 1))
        _, shape, _ = known(self.at(place))
        behind, after, _ = known(self.at(place + 1))
        line = bisect_left(self._breaks, place)
        first = self._breaks[line - 1] + 1 if line else 0
        head = known(self.at(first))[0]
        second = known(self.at(first + 1))[0]
        within = place - first
        return (
            "bias",
            f"b{before2}|{before}",
            f"p{before}|{shape}",
            f"q{shape}|{behind}",
            f"t{shape1}|{shape}|{after}",
            f"d{shape2}|{shape1}|{shape}",
            f"h{head}|{second}|{min(within, 12)}",
            f"k{head}|{shape}",
            f"l{min(line, 6)}|{min(within, 12)}",
            f"r{min(len(self.tokens) - place, 6)}",
        )

    def stop(self, first: int, last: int) -> tuple[str, ...]:
        """What tokens together tell of a span that began at one token and ends at another."""
        opened, opened_by, _ = known(self.at(first - 1))
        _, start, _ = known(self.at(first))
        _, shape, few = known(self.at(last))
        closed, after, _ = known(self.at(last + 1))
        size = min(last - first, 8)
        return (
            "bias",
            f"g{shape}|{after}",
            f"o{opened}|{closed}",
            f"n{size}",
            f"m{start}|{size}",
            f"e{few}|{closed}",
            f"u{opened_by}|{shape}",
        )


def tokens_of(source: Source, call: Call) -> Tokens | None:
    """The text of a source in tokens, made once for a call; None where it is no text."""

    def make() -> Tokens | None:
        text = source.value(call)
        return Tokens(text) if isinstance(text, str) else None

    return call.of(("tokens", source.path, source.steps), make)


@kind
@dataclass(frozen=True)
class Scorer:
    """A linear model of features. names: the features, weights: theirs, in the same order. reach:
    the first and the last token around a place that it looks at.
    """

    kind: ClassVar[str] = "scorer"
    names: tuple[str, ...]
    weights: array.array[float]
    reach: tuple[int, int]

    @cached_property
    def by_name(self) -> dict[str, float]:
        """The weights of features."""
        return dict(zip(self.names, self.weights, strict=True))

    @cached_property
    def _words(self) -> frozenset[str]:
        """Words that there are features of."""
        return frozenset(name.lstrip("-")[2:] for name in self.names if "w" in name[1:3])

    @cached_property
    def seen(self) -> dict[str, tuple[float, ...]]:
        """What `row` gave before."""
        return {}

    @cached_property
    def _alike(self) -> dict[tuple[str, ...], tuple[float, ...]]:
        return {}

    def row(self, token: str) -> tuple[float, ...]:
        """What a token adds to a score, for each place within reach. Of words without a feature,
        those that look the same have the same.
        """
        word, shape, few = known(token)
        alike = (word if word in self._words or few == word else "", shape, few)
        row = self._alike.get(alike)
        if row is None:
            get = self.by_name.get
            first, last = self.reach
            row = self._alike[alike] = tuple(
                sum(get(name, 0.0) for name in features(token, place))
                for place in range(first, last + 1)
            )
        if len(self.seen) > _REMEMBERED:
            self.seen.clear()
        self.seen[token] = row
        return row

    def check(self) -> None:
        """Raises ValueError for features without weights."""
        if len(self.names) != len(self.weights):
            raise ValueError("features without weights")
        first, last = self.reach
        if not -10 <= first <= last <= 10:
            raise ValueError("a reach beyond reach")


@dataclass(frozen=True)
class _Spans:
    """What one span and a list of them have in common. source: the text. classes: of tokens that
    spans begin with. floor: a place is none whose tokens alone score less. steps: of `normal`, from
    what is written to the value. longest: in tokens.
    """

    source: Source
    classes: tuple[str, ...]
    start: Scorer
    stop: Scorer
    floor: float
    steps: tuple[str, ...]
    longest: int

    @cached_property
    def _run(self) -> tuple[normal.Step, ...]:
        return normal.steps(self.steps)

    def begins(self, text: Tokens) -> list[tuple[int, float]]:
        """Places where a span may begin, and their scores."""
        places = text.of_class(self.classes)
        if not places:
            return []
        row, get, seen = self.start.row, self.start.by_name.get, self.start.seen.get
        pad = [row("")] * AROUND
        rows = [*pad, *[seen(token) or row(token) for token in text.tokens], *pad]
        found, floor = [], self.floor
        for at in places:
            score = (
                rows[at][0] + rows[at + 1][1] + rows[at + 2][2] + rows[at + 3][3]
                + rows[at + 4][4] + rows[at + 5][5] + rows[at + 6][6]
            )  # fmt: skip
            if score >= floor:
                for name in text.around(at):
                    score += get(name, 0.0)
                found.append((at, score))
        return found

    def ends(self, text: Tokens, first: int, least: float) -> list[tuple[int, float]]:
        """Places where a span that begins at one may end, and how likely each is."""
        row, get, seen = self.stop.row, self.stop.by_name.get, self.stop.seen.get
        found, left = [], 1.0
        until = min(first + self.longest, len(text.tokens))
        tokens = [*text.tokens[first : until + 2], "", ""]
        rows = [seen(token) or row(token) for token in tokens]
        for last in range(first, until):
            at = last - first
            score = rows[at][0] + rows[at + 1][1] + rows[at + 2][2]
            for name in text.stop(first, last):
                score += get(name, 0.0)
            here = _sigmoid(score)
            if left * here >= least:
                found.append((last, left * here))
            left *= 1 - here
            if left < least:
                break
        return found

    def check(self) -> None:
        """Raises ValueError for parts that are none."""
        check_sources(self.source)
        if not all(hasattr(scorer, "reach") for scorer in (self.start, self.stop)):
            raise ValueError("spans without scores")
        if self.start.reach != (-AROUND, AROUND) or self.stop.reach != (0, 2):
            raise ValueError("scores of another reach")
        if not 0 < self.longest <= LONGEST:
            raise ValueError("spans too long")
        normal.steps(self.steps)


@kind
@dataclass(frozen=True)
class Span(_Spans):
    """One value out of a text."""

    kind: ClassVar[str] = "span"

    def predict(self, call: Call) -> Predicted:
        """The likeliest value; its probability is that of all the places where it stands."""
        text = tokens_of(self.source, call)
        begins = self.begins(text) if text else []
        if not text or not begins:
            return NOTHING
        highest = max(0.0, *(score for _, score in begins))
        total = math.exp(-highest) + sum(math.exp(score - highest) for _, score in begins)
        begins.sort(key=lambda item: -item[1])
        sums: dict[Any, float] = {}
        for at, score in begins[:_STARTS]:
            begin = math.exp(score - highest) / total
            if begin < _SELDOM:
                break
            for last, end in self.ends(text, at, _SELDOM):
                value = normal.run(text.slice(at, last), self._run)
                if isinstance(value, str | int | float):
                    sums[value] = sums.get(value, 0.0) + begin * end
        if not sums:
            return NOTHING
        value = max(sums, key=sums.__getitem__)
        return Predicted(value, min(1.0, sums[value]))


@kind
@dataclass(frozen=True)
class SpanList(_Spans):
    """All values of a kind out of a text, in its order. unique: each once."""

    kind: ClassVar[str] = "span_list"
    unique: bool = False

    def predict(self, call: Call) -> Predicted:
        """The values, as sure as all decisions together; nothing where not all of the text is
        looked at.
        """
        text = tokens_of(self.source, call)
        if not text or text.is_cut:
            return NOTHING
        values: list[Any] = []
        confidence, behind = 1.0, -1
        for at, score in self.begins(text):
            if at <= behind:
                continue
            begin = _sigmoid(score)
            if begin < 0.5:
                confidence *= 1 - begin
                continue
            ends = self.ends(text, at, _SELDOM)
            if not ends:
                return NOTHING
            behind, end = max(ends, key=lambda item: item[1])
            value = normal.run(text.slice(at, behind), self._run)
            if value is ABSENT or len(values) >= _MOST_FOUND:
                return NOTHING
            if self.unique and value in values:
                continue
            values.append(value)
            confidence *= begin * end
        return Predicted(values, confidence)


def _sigmoid(score: float) -> float:
    if score < -40:
        return 0.0
    return 1 / (1 + math.exp(-score))
