"""The words of a text, and the features that a word has. A bounded part of a text is looked at, so
that none costs more than some tens of milliseconds, whatever it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from distilgen.embedded.call import EACH

if TYPE_CHECKING:
    from distilgen.embedded.call import Call, Path

MOST: Final = 8_000
"""Characters of a text, from its start, that are looked at."""

LONGEST: Final = 32
"""Characters of a word; what is longer counts as several."""

STEPS: Final = 6
"""Words, marks and spaces of a text's opening."""

_WORDS = re.compile(rf"[^\W_]{{1,{LONGEST}}}|[^\w\s\ud800-\udfff]|_")
_PIECES = re.compile(r"\w+|\s+|[^\w\s\ud800-\udfff]")
_OPENING: Final = 96  # characters
_SPACED = re.compile(r" ?[^\w\s\ud800-\udfff] ?")
_DIGITS = str.maketrans("123456789", "0" * 9)
_GRAMS = (3, 4, 5)


def words(text: str) -> list[str]:
    """The words and marks of a text, in their order and case. An underscore is a mark."""
    return _WORDS.findall(text[:MOST])


def pairs(seen: list[str]) -> tuple[str, ...]:
    """Neighbours among words, in small letters, with a space between, each once; the first and the
    last word have an empty neighbour.
    """
    small = [word.lower() for word in seen]
    return tuple(dict.fromkeys(map(" ".join, zip(["", *small], [*small, ""], strict=True))))


def spaced(text: str) -> tuple[str, ...]:
    """The marks of a text that have a space before or behind them, each once, with these spaces:
    words alone do not tell `a : b` from `a: b`. An underscore stands before each.
    """
    found = dict.fromkeys(_SPACED.findall(text[:MOST].replace("\t", " ")))
    return tuple("_" + mark for mark in found if len(mark) > 1)


def opening(text: str) -> tuple[str, ...]:
    """The form of a text's first `STEPS` pieces: of the first one, of the first two, and so on. A
    number is 0, a word in capitals A, another one a; of white space there is one space; a mark is
    itself. The end of a text is one more, a line break.
    """
    form = "".join(_form(found[0]) for found in islice(_PIECES.finditer(text[:_OPENING]), STEPS))
    if len(text) <= _OPENING:
        form = f"{form}\n"[:STEPS]
    return tuple(form[:end] for end in range(1, len(form) + 1))


def _form(piece: str) -> str:
    if piece.isdigit():
        return "0"
    if piece.isspace():
        return " "
    if piece[0].isalnum() or piece[0] == "_":
        return "A" if len(piece) > 1 and piece.isupper() else "a"
    return piece


@lru_cache(maxsize=20_000)
def plain(word: str) -> tuple[str, ...]:
    """What a word is known by: itself in small letters, that it is in capitals, and the shape of
    one with digits.
    """
    small = word.lower()
    found = [small]
    if len(word) > 1 and word.isupper():
        found.append("^capitals")
    shape = small.translate(_DIGITS)
    if "0" in shape:
        found.append("#" + shape)
    return tuple(found)


@lru_cache(maxsize=20_000)
def spelt(word: str) -> tuple[str, ...]:
    """What a word is known by, and the parts of it of three to five letters; a space stands for
    its start and its end.
    """
    found = list(plain(word))
    if word.isalnum():
        small = f" {word.lower()} "
        found += [
            "~" + small[start : start + size]
            for size in _GRAMS
            for start in range(len(small) - size + 1)
        ]
    return tuple(dict.fromkeys(found))


def text_at(call: Call, path: Path) -> str | None:
    """The text at a path, or behind `EACH` all of them, one a line; None where there is none."""
    value = call.at(path)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and EACH in path:
        return "\n".join(item for item in value[:MOST] if isinstance(item, str))
    return None


def words_at(call: Call, path: Path) -> list[str]:
    """The words of the text at a path; none where there is no text."""
    return call.of(("words", path), lambda: words(text_at(call, path) or ""))


def different_words_at(call: Call, path: Path) -> tuple[str, ...]:
    """The different words of the text at a path, in the order of their first places."""
    return call.of(("different words", path), lambda: tuple(dict.fromkeys(words_at(call, path))))


def small_words_at(call: Call, path: Path) -> frozenset[str]:
    """The different words of the text at a path, in small letters."""
    return call.of(
        ("small words", path), lambda: frozenset(word.lower() for word in words_at(call, path))
    )


def pairs_at(call: Call, path: Path) -> tuple[str, ...]:
    """The neighbours among the words at a path, and its marks with the spaces around them."""

    def make() -> tuple[str, ...]:
        return pairs(words_at(call, path)) + spaced(text_at(call, path) or "")

    return call.of(("pairs", path), make)
