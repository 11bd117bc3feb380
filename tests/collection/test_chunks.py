"""Texts in pieces: the same whatever the blocks are that they come in."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from distilgen.collection.chunks import CHARACTERS, TOKENS, UNITS, WORDS, Cut
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _estimated(text: str) -> int:
    return -(-len(text) // 4)


def _cut(size: int, step: int, unit: str) -> Cut:
    return Cut(size, step, unit, _estimated if unit == TOKENS else None)


def _places(cut: Cut, *blocks: str) -> list[tuple[str, int, int]]:
    return [(chunk.text, chunk.start, chunk.end) for chunk in cut.chunks(blocks)]


@pytest.mark.parametrize(
    ("text", "size", "step", "unit", "chunks"),
    [
        pytest.param("", 4, 4, CHARACTERS, [], id="nothing"),
        pytest.param(" \n\t", 2, 2, CHARACTERS, [], id="white space alone"),
        pytest.param("abc", 4, 4, CHARACTERS, ["abc"], id="less than one"),
        pytest.param("abcd", 4, 4, CHARACTERS, ["abcd"], id="just one"),
        pytest.param("abcdef", 4, 4, CHARACTERS, ["abcd", "ef"], id="the last is shorter"),
        pytest.param("abcdef", 4, 2, CHARACTERS, ["abcd", "cdef"], id="the last reaches the end"),
        pytest.param("abcdefg", 4, 2, CHARACTERS, ["abcd", "cdef", "efg"], id="they overlap"),
        pytest.param("ab    cd", 2, 2, CHARACTERS, ["ab", "cd"], id="a blank one between two"),
        pytest.param(" one two\nthree ", 2, 2, WORDS, ["one two", "three"], id="words"),
        pytest.param("a b c d e", 3, 1, WORDS, ["a b c", "b c d", "c d e"], id="words overlap"),
        pytest.param("a  b\n\nc", 9, 9, WORDS, ["a  b\n\nc"], id="white space inside is kept"),
        pytest.param("abcdefgh " * 3, 5, 5, TOKENS, ["abcdefgh abcdefgh", "abcdefgh"], id="tokens"),
        pytest.param("x" * 40, 4, 4, TOKENS, ["x" * 16, "x" * 16, "x" * 8], id="an endless word"),
    ],
)
def test_chunks(text: str, size: int, step: int, unit: str, chunks: list[str]) -> None:
    assert [chunk.text for chunk in _cut(size, step, unit).chunks([text])] == chunks


@pytest.mark.parametrize("unit", UNITS)
def test_blocks_do_not_matter(unit: str) -> None:
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choice("ab \n.é𝄞") for _ in range(chance.randrange(80)))
        size = chance.randint(1, 12)
        cut = _cut(size, chance.randint(1, size), unit)
        blocks = [text[place : place + 7] for place in range(0, len(text), 7)]
        found = _places(cut, *blocks)
        assert found == _places(cut, text)
        assert all(text[start:end] == chunk for chunk, start, end in found)


def _words_again(text: str, size: int, step: int) -> Iterator[tuple[int, int]]:
    places = [found.span() for found in re.finditer(r"\S+", text)]
    for first in range(0, len(places), step):
        last = min(first + size, len(places))
        yield places[first][0], places[last - 1][1]
        if last == len(places):
            return


def _characters_again(text: str, size: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, len(text), step):
        end = min(start + size, len(text))
        if not text[start:end].isspace():
            yield start, end
        if end == len(text):
            return


@pytest.mark.parametrize(
    ("unit", "plainly"), [(CHARACTERS, _characters_again), (WORDS, _words_again)]
)
def test_streamed_as_it_would_be_from_the_whole(
    unit: str, plainly: Callable[[str, int, int], Iterator[tuple[int, int]]]
) -> None:
    chance = random.Random(11)
    for _ in range(300):
        text = "".join(chance.choice("abc \n") for _ in range(chance.randrange(60)))
        size = chance.randint(1, 9)
        step = chance.randint(1, size)
        found = [(start, end) for _, start, end in _places(_cut(size, step, unit), text)]
        assert found == list(plainly(text, size, step))


def test_no_word_is_lost_between_chunks_of_tokens() -> None:
    chance = random.Random(13)
    for _ in range(200):
        text = "".join(chance.choice("abcdef   \n") for _ in range(chance.randrange(200)))
        size = chance.randint(1, 12)
        held: set[int] = set()
        for chunk, start, end in _places(_cut(size, chance.randint(1, size), TOKENS), text):
            held.update(range(start, end))
            assert _estimated(chunk) <= max(size, 5)  # one part of a word is taken in any case
        assert all(text[place].isspace() for place in range(len(text)) if place not in held)


def test_a_step_that_leaves_something_out_is_refused() -> None:
    with pytest.raises(UsageError, match="--step 5 is more than --chunk-size 4"):
        Cut(4, 5)
