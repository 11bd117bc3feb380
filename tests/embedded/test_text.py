"""Words of a text and the features of a word."""

from __future__ import annotations

import pytest

from distilgen.embedded import text
from distilgen.embedded.call import EACH, Call


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("Fix the bug", ["Fix", "the", "bug"], id="words"),
        pytest.param("don't, ok?", ["don", "'", "t", ",", "ok", "?"], id="marks"),
        pytest.param("max_size", ["max", "_", "size"], id="underscore"),
        pytest.param("v1.20", ["v1", ".", "20"], id="version"),
        pytest.param("Größe 東京", ["Größe", "東京"], id="other alphabets"),
        pytest.param("a\ud800b", ["a", "b"], id="half a surrogate pair"),
        pytest.param("x" * 70, ["x" * 32, "x" * 32, "x" * 6], id="a long word"),
    ],
)
def test_words(given: str, words: list[str]) -> None:
    assert text.words(given) == words


def test_only_the_start_of_a_long_text_is_looked_at() -> None:
    assert len(text.words("ab " * 1_000_000)) == -(-text.MOST // 3)


def test_neighbours_stand_in_small_letters_each_once() -> None:
    assert text.pairs(["No", "no", "NO"]) == (" no", "no no", "no ")
    assert text.pairs([]) == (" ",)


@pytest.mark.parametrize(
    ("word", "features"),
    [
        ("bug", {"bug"}),
        ("ASAP", {"asap", "^capitals"}),
        ("A", {"a"}),
        ("v120", {"v120", "#v000"}),
        ("!", {"!"}),
    ],
)
def test_what_a_word_is_known_by(word: str, features: set[str]) -> None:
    assert set(text.plain(word)) == features


def test_parts_of_a_word() -> None:
    assert set(text.spelt("Bug")) == {"bug", "~ bu", "~bug", "~ug ", "~ bug", "~bug ", "~ bug "}
    assert set(text.spelt("!")) == {"!"}


def test_no_feature_of_a_word_is_a_neighbour_or_a_mark() -> None:
    for word in ("~", "#", "^", "a", "1", "ab12", "XY"):
        for feature in text.spelt(word):
            assert len(feature) == 1 or feature[0] in "~#^" or feature == word.lower()
            assert " " not in feature or feature.startswith("~")


def test_texts_of_a_list_are_read_together() -> None:
    call = Call({"notes": [{"text": "one"}, {"text": "two"}, {"text": 3}, {}]})
    assert text.words_at(call, ("notes", EACH, "text")) == ["one", "two"]
    assert text.words_at(call, ("notes",)) == []
    assert text.words_at(call, ("else",)) == []


def test_marks_are_known_with_the_spaces_around_them() -> None:
    assert text.spaced("a : b, c:d (e)\t- f, g") == (
        "_ : ", "_, ", "_ (", "_) ", "_- ",
    )  # fmt: skip
    assert text.spaced("a:b") == ()


def test_a_mark_with_a_space_is_no_word_and_no_neighbour() -> None:
    call = Call({"one": "a: b", "other": "a : b"})
    one, other = (set(text.pairs_at(call, (name,))) for name in ("one", "other"))
    assert one ^ other == {"_: ", "_ : "}


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("max_size : int, optional", "a : a,"),
        ("SYSTEM: the X", "A: a a"),
        ("X  2", "a 0\n"),
        ("12.5\n€", "0.0 €\n"),
        ("**a", "**a\n"),
        ("\ud800a", "a\n"),
        ("", "\n"),
        ("x" * 1000, "a"),
    ],
)
def test_how_a_text_begins(value: str, form: str) -> None:
    assert text.opening(value) == tuple(form[:end] for end in range(1, len(form) + 1))
