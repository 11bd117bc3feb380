"""Hidden values, looked for in other texts: as they are, as `repr` and JSON spell them, cut short.

What comes in is the values that one record hides, and texts; what goes out is the texts with a
placeholder for each of the values. It takes time in proportion to the text, however long the values
are, and to their number.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*_[1-9][0-9]*\]")

_SHORTEST = 4
"""Characters of a hidden value from which on it is looked for inside of other texts."""

_LONG = 1_000
"""Characters of a spelling from which on it is looked for without a regular expression."""

_FRAGMENT = 12
"""Characters that tell the beginning or the end of a value which somebody has cut."""

_SHOWN = 200
"""The most characters beside dots that are taken for a part of a value; Pydantic shows 25."""

_DOTS = re.compile(r"(\.{3,}|…)")
_QUOTES = ("'", '"')


@dataclass(frozen=True)
class _Index:
    """Spellings as they are looked for. long: the longest first. short: finds the others, and
    placeholders, which stay. begins: all, sorted. ends: all, reversed and sorted.
    """

    long: list[str]
    short: re.Pattern[str]
    begins: list[str]
    ends: list[str]

    @classmethod
    def of(cls, spellings: Iterable[str]) -> _Index:
        longest = sorted(spellings, key=len, reverse=True)
        short = [re.escape(spelling) for spelling in longest if len(spelling) < _LONG]
        return cls(
            long=[spelling for spelling in longest if len(spelling) >= _LONG],
            short=re.compile("|".join([PLACEHOLDER.pattern, *short])),
            begins=sorted(longest),
            ends=sorted(spelling[::-1] for spelling in longest),
        )


class Sought:
    """The values that one record hides. placeholder: gives what stands for one of them."""

    def __init__(self, placeholder: Callable[[str], str]) -> None:
        self._placeholder = placeholder
        self._values: dict[str, str] = {}  # by their spellings
        self._index: _Index | None = None

    def __contains__(self, text: str) -> bool:
        return self._values.get(text) == text

    def add(self, value: str) -> None:
        """Look for a value from now on, unless it is so short that many texts just have it."""
        if len(value) < _SHORTEST or value in self:
            return
        for spelling in _spellings(value):
            self._values.setdefault(spelling, value)
        self._values[value] = value
        self._index = None

    def replaced(self, text: str) -> str:
        """A text without the values; nor what is left of one beside dots, as in `'078-05...'`."""
        if not self._values:
            return text
        if self._index is None:
            self._index = _Index.of(self._values)
        for spelling in self._index.long:
            if spelling in text:
                text = text.replace(spelling, self._stand_in(spelling))
        text = self._index.short.sub(self._replacement, text)
        pieces = _DOTS.split(text)
        for place in range(1, len(pieces), 2):
            pieces[place - 1] = self._without_end(pieces[place - 1], self._index.begins, 1)
            pieces[place + 1] = self._without_end(pieces[place + 1][::-1], self._index.ends, -1)
        return "".join(pieces)

    def replaced_in_message(self, message: str) -> str:
        """As `replaced`, and without the beginnings and the ends of values, wherever they stand:
        who writes messages cuts without saying so, too.
        """
        message = self.replaced(message)
        for step in (1, -1):
            heads: dict[str, list[str]] = {}
            for spelling in self._values:
                if len(spelling) >= 2 * _FRAGMENT:
                    turned = spelling[::step]
                    heads.setdefault(turned[:_FRAGMENT], []).append(turned)
            message = self._without_heads(message[::step], heads, step)
        return message

    def _stand_in(self, spelling: str) -> str:
        return self._placeholder(self._values[spelling])

    def _replacement(self, found: re.Match[str]) -> str:
        return self._stand_in(found[0]) if found[0] in self._values else found[0]

    def _without_end(self, piece: str, known: list[str], step: int) -> str:
        """A piece of a text without what one of the known begins with, where the piece ends so.
        step: -1 where both are reversed; what is returned never is.
        """
        for length in range(min(len(piece), _SHOWN), _SHORTEST - 1, -1):
            # So few characters tell a value only where they are all that is quoted.
            if length < _FRAGMENT and piece[-length - 1 : -length] not in _QUOTES:
                continue
            part = piece[-length:]
            place = bisect_left(known, part)
            if place < len(known) and known[place].startswith(part):
                stand_in = self._stand_in(known[place][::step])
                return (piece[:-length] + stand_in[::step])[::step]
        return piece[::step]

    def _without_heads(self, message: str, heads: dict[str, list[str]], step: int) -> str:
        """A message without what begins as the texts do, by their heads. step: as above."""
        parts: list[str] = []
        kept = place = 0
        while place < len(message):
            texts = heads.get(message[place : place + _FRAGMENT])
            if texts is None:
                place += 1
                continue
            length, text = max((_common(message, place, text), text) for text in texts)
            parts += message[kept:place], self._stand_in(text[::step])[::step]
            kept = place = place + length
        return "".join((*parts, message[kept:]))[::step]


def _spellings(value: str) -> set[str]:
    """As it stands in a `repr`, whose quotes depend on the text around it, and in JSON."""
    escaped = repr('"' + value)[2:-1]
    return {
        escaped,
        escaped.replace("\\'", "'"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    }


def _common(message: str, start: int, text: str) -> int:
    """How many characters of a text a message has from there on, where it has a fragment."""
    length = _FRAGMENT
    most = min(len(text), len(message) - start)
    while length < most and message[start + length] == text[length]:
        length += 1
    return length
