"""The gate: tells calls that are unlike those of the training, whatever a predictor makes of them.

A student is sure of much that it has never seen. So what is new about a call is looked at by
itself: missing arguments and other types, numbers out of range, categories, words, parts of words
and neighbourhoods of words that the training did not have, and texts that begin in another form.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from distilgen.embedded import text
from distilgen.embedded.call import ABSENT, EACH
from distilgen.embedded.features import chosen
from distilgen.embedded.predictor import kind

if TYPE_CHECKING:
    from distilgen.embedded.call import Call, Path

_DIGITS = str.maketrans("123456789", "0" * 9)
_SPAN = re.compile(r"(0)0+|(a)a+|(A)A+")
_ORDERED: Final = 400  # words of a text whose neighbourhoods are looked at
_REMEMBERED: Final = 20_000  # words
_MOST: Final = 1_000  # items of a list
_SHOWN: Final = 40  # characters of a value in a reason


class Part(Protocol):
    """What is known of one place in the arguments."""

    kind: ClassVar[str]

    def new(self, call: Call) -> str:
        """What is new there, in words; empty where nothing is. It raises nothing."""

    def check(self) -> None:
        """Raises ValueError, as predictors do."""


@kind
@dataclass(frozen=True)
class Novelty:
    """A gate. parameters: the arguments that calls have."""

    kind: ClassVar[str] = "novelty"
    parameters: tuple[str, ...]
    parts: tuple[Part, ...]

    def refuses(self, call: Call) -> str:
        """What is new about a call; empty where nothing is."""
        for name in call.arguments:
            if name not in self.parameters:
                return f"it has an argument that the training did not have: {name}"
        for part in self.parts:
            new = part.new(call)
            if new:
                return new
        return ""

    def check(self) -> None:
        """Raises ValueError for parts that are none."""
        if not all(hasattr(part, "new") for part in self.parts):
            raise ValueError("a gate of other parts")


@kind
@dataclass(frozen=True)
class Types:
    """The JSON types that stood at a path, by `type_name`; lists by their items, too."""

    kind: ClassVar[str] = "types"
    path: Path
    names: tuple[str, ...]

    def new(self, call: Call) -> str:
        """Another type, or none at all."""
        for name in sorted(types_at(call, self.path)):
            if name not in self.names:
                return f"{shown(self.path)} is {name}, which it never was in the training"
        return ""

    def check(self) -> None:
        """Any names may stand there."""


@kind
@dataclass(frozen=True)
class Range:
    """The numbers that stood at a path. whole: none had a fraction."""

    kind: ClassVar[str] = "range"
    path: Path
    low: float
    high: float
    whole: bool

    def new(self, call: Call) -> str:
        """A number out of range, or with a fraction where none had one."""
        for value in _each(call.at(self.path), self.path):
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if not self.low <= value <= self.high:
                seen = f"{self.low:g} to {self.high:g}"
                return f"{shown(self.path)} is out of the range of the training, {seen}"
            if self.whole and value != int(value):
                return f"{shown(self.path)} has a fraction, which it never had in the training"
        return ""

    def check(self) -> None:
        """Any range may stand there."""


@kind
@dataclass(frozen=True)
class Length:
    """How many items the lists at a path had."""

    kind: ClassVar[str] = "length"
    path: Path
    fewest: int
    most: int

    def new(self, call: Call) -> str:
        """A list that is much shorter, or longer."""
        value = call.at(self.path)
        if isinstance(value, list) and not self.fewest <= len(value) <= self.most:
            return f"{shown(self.path)} has {len(value)} items, unlike in the training"
        return ""

    def check(self) -> None:
        """Any lengths may stand there."""


@kind
@dataclass(frozen=True)
class Categories:
    """The values that stood at a path, as JSON."""

    kind: ClassVar[str] = "categories"
    path: Path
    values: tuple[str, ...]

    def new(self, call: Call) -> str:
        """A value that was never there."""
        for name in chosen(call, self.path):
            if name not in self._known:
                return f"{shown(self.path)} is {name[:_SHOWN]}, which it never was in the training"
        return ""

    def check(self) -> None:
        """Any values may stand there."""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.values)


@kind
@dataclass(frozen=True)
class Wording:
    """The texts that stood at a path. words, grams: see `word_names` and `grams`. frequent: words
    that are a class of their own. pairs: neighbouring classes, with a space between. openings:
    see `text.opening`. most_words, most_grams, most_pairs, most_opening: the shares of new ones,
    see `Seen`, up to which a text is like those of the training. fewest, longest: of its words.
    """

    kind: ClassVar[str] = "wording"
    path: Path
    words: tuple[str, ...]
    grams: tuple[str, ...]
    frequent: tuple[str, ...]
    pairs: tuple[str, ...]
    openings: tuple[str, ...]
    most_words: float
    most_grams: float
    most_pairs: float
    most_opening: float
    fewest: int
    longest: int

    def new(self, call: Call) -> str:
        """A text in other words, of other parts, in another order or form, or of another length."""
        value = call.at(self.path)
        if not isinstance(value, str) and EACH not in self.path:
            return ""
        count = len(text.words_at(call, self.path))
        if not self.fewest <= count <= self.longest:
            return f"{shown(self.path)} has {count} words, unlike in the training"
        seen = self.shares(call)
        for share, most, what in (
            (seen.words, self.most_words, "words"),
            (seen.grams, self.most_grams, "parts of words"),
            (seen.pairs, self.most_pairs, "neighbouring words"),
        ):
            if share > most:
                return f"{shown(self.path)} has too many {what} that the training did not have"
        if seen.opening > self.most_opening:
            return f"{shown(self.path)} begins in a form that the training did not have"
        return ""

    def shares(self, call: Call) -> Seen:
        """How much of the text is new."""
        small = text.small_words_at(call, self.path)
        fresh = [self._novelty(word) for word in small - self._words]
        found = classes(text.words_at(call, self.path), self._frequent)
        opening = text.opening(text.text_at(call, self.path) or "")
        return Seen(
            sum(new for new, _ in fresh) / (len(small) + 1),
            math.fsum(parts for _, parts in fresh) / (len(small) + 1),
            len(found - self._pairs) / (len(found) + 1),
            opening_share(len(set(opening) - self._openings), len(opening)),
        )

    def check(self) -> None:
        """Any words may stand there."""

    def _novelty(self, word: str) -> tuple[int, float]:
        """(is it new, the share of its parts that are)."""
        known = self._remembered
        found = known.get(word)
        if found is None:
            name = word_name(word)
            parts = grams(name)
            new = name not in self._words
            share = len(parts - self._grams) / len(parts) if new and parts else float(new)
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[word] = (int(new), share)
        return found

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def _grams(self) -> frozenset[str]:
        return frozenset(self.grams)

    @cached_property
    def _frequent(self) -> dict[str, str]:
        return {word: word for word in self.frequent}

    @cached_property
    def _pairs(self) -> frozenset[str]:
        return frozenset(self.pairs)

    @cached_property
    def _openings(self) -> frozenset[str]:
        return frozenset(self.openings)

    @cached_property
    def _remembered(self) -> dict[str, tuple[int, float]]:
        return {}


@dataclass(frozen=True)
class Seen:
    """Shares of a text's different words, parts of words and pairs of neighbours that are new, each
    a little less for a short text; opening: see `opening_share`.
    """

    words: float
    grams: float
    pairs: float
    opening: float


def word_name(word: str) -> str:
    """A word, in small letters, as it is known or new: digits are alike."""
    return word.translate(_DIGITS)


def grams(name: str) -> frozenset[str]:
    """Three letters each; a space stands for the word's start and end."""
    padded = f" {name} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


def opening_share(fresh: int, steps: int) -> float:
    """How early an opening is new, 1.0 from its first step on; 0.0 where none of its steps is."""
    return 1 - (steps - fresh) / text.STEPS if fresh else 0.0


def classes(words: list[str], frequent: dict[str, str]) -> frozenset[str]:
    """Neighbours, as classes: a frequent word is its own, a mark too, others go by their shape. The
    first and the last word have an empty neighbour.
    """
    found = [frequent.get(word) or _shape(word) for word in words[:_ORDERED]]
    return frozenset(map(" ".join, zip(["", *found], [*found, ""], strict=True)))


def _shape(word: str) -> str:
    """Digits, capitals and small letters, of several in a row one. The usual ones are seen at a
    glance.
    """
    if word.isascii():
        if word.isdigit():
            return "0"
        if word.isalpha():
            if word.islower():
                return "a"
            if word[1:].islower():
                return "Aa"
    if not word.isalnum():
        return word
    plain = "".join("0" if c.isdigit() else "A" if c.isupper() else "a" for c in word)
    return _SPAN.sub(r"\1\2\3", plain)


def types_at(call: Call, path: Path) -> set[str]:
    """The names of the JSON types at a path."""
    value = call.at(path)
    if value is ABSENT:
        return {"missing"}
    if path and EACH in path and isinstance(value, list):
        return {type_name(item) for item in value[:_MOST]}
    return {type_name(value)}


def type_name(value: Any) -> str:
    """A JSON type, in words."""
    if value is None:
        return "null"
    for cls, name in ((bool, "true or false"), (str, "a text"), (list, "a list")):
        if isinstance(value, cls):
            return name
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) or math.isfinite(value) else "no finite number"
    return "an object"


def shown(path: Path) -> str:
    """A path as users know it: `order.lines.*.price`."""
    return ".".join(path)


def _each(value: Any, path: Path) -> list[Any]:
    return value[:_MOST] if EACH in path and isinstance(value, list) else [value]
