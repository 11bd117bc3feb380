"""A text in pieces of one size, as a teacher can take them: by characters, words or tokens.

Size and step mean what they mean in Lamini's directory loader: a chunk begins `step` units behind
the one before, so that a step below the size makes them overlap. Other than there, the last chunk
is the first that reaches the end: what would lie in it as a whole is no chunk of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

CHARACTERS, WORDS, TOKENS = UNITS = ("characters", "words", "tokens")

_WORD = re.compile(r"\s*\S+")
_PART = re.compile(r"\s*\S{1,16}")  # of a word, which may have more tokens than a chunk


@dataclass(frozen=True)
class Chunk:
    """A part of a text. start, end: its place there, in characters, the second excluded."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Cut:
    """How texts are cut. size: units of a chunk, at most. step: units from the beginning of one
    chunk to that of the next, at most the size. unit: one of `UNITS`. count: the tokens of a text;
    needed where they are the unit.
    """

    size: int
    step: int
    unit: str = CHARACTERS
    count: Callable[[str], int] | None = None

    def __post_init__(self) -> None:
        if self.step > self.size:
            raise UsageError(
                f"--step {self.step} is more than --chunk-size {self.size}: the text between two "
                "chunks would be in none"
            )

    def chunks(self, text: Iterable[str]) -> Iterator[Chunk]:
        """The chunks of a text that comes in blocks; those of white space alone are left out.

        Memory: some chunks and some blocks, however long the text is.
        """
        found = self._by_characters(text) if self.unit == CHARACTERS else self._by_words(text)
        return (chunk for chunk in found if not chunk.text.isspace())

    def _by_characters(self, blocks: Iterable[str]) -> Iterator[Chunk]:
        kept, start, done = "", 0, 0  # `done`: where the chunk before ended
        for block in blocks:
            kept += block
            place = 0
            while len(kept) - place >= self.size:
                done = start + place + self.size
                yield Chunk(kept[place : place + self.size], start + place, done)
                place += self.step
            kept, start = kept[place:], start + place
        if start + len(kept) > done:
            yield Chunk(kept, start, start + len(kept))

    def _by_words(self, blocks: Iterable[str]) -> Iterator[Chunk]:
        """Chunks that begin and end with a word; the white space around them is in none."""
        parts = _parts(blocks, _WORD if self.unit == WORDS else _PART)
        window: deque[str] = deque()
        start = 0
        more = True
        while more:
            more = self._fill(window, parts)
            if not window:
                return
            held = list(window)
            ends = list(accumulate(map(len, held)))
            fitting = self._fitting(held, self.size)
            text = "".join(held[:fitting])
            begin = start + len(text) - len(text.lstrip())
            text = text.strip()
            yield Chunk(text, begin, begin + len(text))
            moved = min(self._fitting(held, self.step), fitting)
            start += ends[moved - 1]
            for _ in range(moved):
                window.popleft()

    def _fill(self, window: deque[str], parts: Iterator[str]) -> bool:
        """Take parts until there are more than a chunk holds. Returns whether there are."""
        while True:
            wanted = max(self.size + 1 - len(window), self.size // 4 + 1)
            taken = list(islice(parts, wanted))
            window.extend(taken)
            if self._measure(window) > self.size:
                return True
            if len(taken) < wanted:
                return False

    def _fitting(self, parts: list[str], units: int) -> int:
        """How many of the first parts have so many units together; one at least."""
        counts = range(1, len(parts) + 1)
        return max(1, bisect_right(counts, units, key=lambda count: self._measure(parts[:count])))

    def _measure(self, parts: Collection[str]) -> int:
        return len(parts) if self.count is None else self.count("".join(parts))


def _parts(blocks: Iterable[str], pattern: re.Pattern[str]) -> Iterator[str]:
    """Words, or parts of them, each with the white space before it, from text in blocks."""
    kept = ""
    for block in blocks:
        kept += block
        end = 0
        for found in pattern.finditer(kept):
            if found.end() == len(kept):  # the next block may go on with it
                break
            yield found[0]
            end = found.end()
        kept = kept[end:]
    yield from (found[0] for found in pattern.finditer(kept))
