"""The gate: what is new about a call, by what the training had."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies

from distilgen.embedded.call import Call
from distilgen.embedded.novelty import (
    Categories,
    Length,
    Novelty,
    Part,
    Range,
    Seen,
    Types,
    Wording,
    classes,
    opening_share,
    type_name,
    types_at,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDING = Wording(
    path=("text",),
    words=("a", "refund", "please", "0000"),
    grams=(" re", "ref", "efu", "fun", "und", "nd "),
    frequent=("please",),
    pairs=(" a", "a a", "a please", "please ", "a 0", "0 please"),
    openings=("a", "a ", "a a", "a a ", "a a a", "a a a\n", "a 0", "a 0 ", "a 0 a", "a 0 a\n"),
    most_words=0.4,
    most_grams=0.3,
    most_pairs=0.5,
    most_opening=0.4,
    fewest=2,
    longest=6,
)


@pytest.mark.parametrize(
    ("part", "arguments", "said"),
    [
        pytest.param(Types(("n",), ("a number",)), {"n": 1}, "", id="a type as ever"),
        pytest.param(Types(("n",), ("a number",)), {"n": 1.5}, "", id="any number"),
        pytest.param(Types(("n",), ("a number",)), {"n": True}, "n is true or false, which",
                     id="another type"),
        pytest.param(Types(("n",), ("a number",)), {}, "n is missing", id="no value"),
        pytest.param(Types(("n", "*"), ("a number",)), {"n": [1, None]}, "n.* is null",
                     id="another type in a list"),
        pytest.param(Types(("n", "*"), ("a number",)), {"n": []}, "", id="an empty list"),
        pytest.param(Range(("n",), 1, 9, whole=True), {"n": 9}, "", id="at the end of the range"),
        pytest.param(Range(("n",), 1, 9, whole=True), {"n": 9.0}, "", id="whole as a float"),
        pytest.param(Range(("n",), 1, 9, whole=True), {"n": 8.5}, "n has a fraction",
                     id="a fraction"),
        pytest.param(Range(("n",), 1, 9, whole=False), {"n": 8.5}, "", id="a fraction as ever"),
        pytest.param(Range(("n",), 1, 9, whole=True), {"n": 10}, "n is out of the range of the "
                     "training, 1 to 9", id="out of range"),
        pytest.param(Range(("n",), 1, 9, whole=False), {"n": float("nan")}, "out of the range",
                     id="no number"),
        pytest.param(Range(("n",), 1, 9, whole=True), {"n": "x"}, "", id="a text has no range"),
        pytest.param(Range(("n", "*"), 1, 9, whole=True), {"n": [3, 99]}, "n.* is out",
                     id="one of a list"),
        pytest.param(Length(("n",), 1, 3), {"n": [1]}, "", id="a list as long"),
        pytest.param(Length(("n",), 1, 3), {"n": []}, "n has 0 items", id="an empty list is new"),
        pytest.param(Length(("n",), 1, 3), {"n": [1] * 4}, "n has 4 items", id="a longer list"),
        pytest.param(Categories(("c",), ('"a"', "null")), {"c": None}, "", id="a known category"),
        pytest.param(Categories(("c",), ('"a"',)), {"c": "b"}, 'c is "b", which', id="a new one"),
        pytest.param(Categories(("c", "*"), ('"a"',)), {"c": ["a", "b"]}, 'c.* is "b"',
                     id="a new one in a list"),
        pytest.param(WORDING, {"text": "A refund please"}, "", id="known words"),
        pytest.param(WORDING, {"text": "A 1234 please"}, "", id="another number"),
        pytest.param(WORDING, {"text": "refunds a please"}, "", id="a word of known parts"),
        pytest.param(WORDING, {"text": "Wo ist mein Geld"}, "text has too many words",
                     id="another language"),
        pytest.param(WORDING, {"text": "Please please a a"}, "neighbouring", id="another order"),
        pytest.param(WORDING, {"text": "REFUND a please"}, "text begins in a form that",
                     id="another opening"),
        pytest.param(WORDING, {"text": "refund please"}, "text begins in a form that",
                     id="an early end"),
        pytest.param(WORDING, {"text": "refund a\tplease a"}, "", id="an opening known for long"),
        pytest.param(WORDING, {"text": "refund"}, "text has 1 words", id="too short"),
        pytest.param(WORDING, {"text": ""}, "text has 0 words", id="empty"),
        pytest.param(WORDING, {"text": "refund " * 7}, "text has 7 words", id="too long"),
        pytest.param(WORDING, {"text": None}, "", id="no text has no words"),
    ],
)  # fmt: skip
def test_what_is_new(part: Part, arguments: Mapping[str, Any], said: str) -> None:
    part.check()
    found = part.new(Call(arguments))
    assert (said in found) if said else not found


def test_a_gate_says_the_first_that_is_new() -> None:
    gate = Novelty(("n", "c"), (Range(("n",), 1, 9, whole=True), Categories(("c",), ('"a"',))))
    gate.check()
    assert gate.refuses(Call({"n": 3, "c": "a"})) == ""
    assert gate.refuses(Call({"n": 10, "c": "b"})).startswith("n is out")
    assert gate.refuses(Call({"n": 3, "c": "b"})).startswith("c is")
    assert "argument that the training did not have: x" in gate.refuses(Call({"x": 1}))


def test_other_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="other parts"):
        Novelty(("n",), (3,)).check()  # type: ignore[arg-type]


def test_shares_of_what_is_new() -> None:
    seen = WORDING.shares(Call({"text": "refund refunded you"}))
    # refunded, you; "nde", "ded", "ed " and all of " you "; "a " at the end; all of "a a a"
    assert seen == Seen(words=2 / 4, grams=(3 / 8 + 1) / 4, pairs=1 / 4, opening=0.0)


@pytest.mark.parametrize(
    ("fresh", "steps", "share"), [(0, 6, 0.0), (1, 6, 1 / 6), (6, 6, 1.0), (1, 2, 5 / 6)]
)
def test_an_opening_is_the_newer_the_earlier_it_differs(
    fresh: int, steps: int, share: float
) -> None:
    assert opening_share(fresh, steps) == pytest.approx(share)


def test_words_are_remembered() -> None:
    text = "refunds please"
    first = WORDING.shares(Call({"text": text}))
    assert WORDING.shares(Call({"text": text})) == first


def test_neighbours_go_by_shape() -> None:
    found = classes(["Dear", "Bob", ",", "INV12345", "x", "please"], {"please": "please"})
    assert found == {" Aa", "Aa Aa", "Aa ,", ", A0", "A0 a", "a please", "please "}


def test_a_long_text_is_looked_at_in_part() -> None:
    assert "words" in WORDING.new(Call({"text": "refund " * 200_000}))


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (False, "true or false"), (1, "a number"), (1.5, "a number"),
     (float("inf"), "no finite number"), ("", "a text"), ([], "a list"), ({}, "an object")],
)  # fmt: skip
def test_types_have_names(value: object, name: str) -> None:
    assert type_name(value) == name
    assert types_at(Call({"a": value}), ("a",)) == {name}


JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text()
    | strategies.text(string.printable),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=8,
)


@given(value=JSON)
@settings(max_examples=150, deadline=None)
def test_it_raises_nothing(value: Any) -> None:
    paths = [("a",), ("a", "b"), ("a", "*"), ("a", "*", "b")]
    for path in paths:
        for part in (
            Types(path, ()),
            Range(path, 0, 1, whole=True),
            Length(path, 1, 2),
            Categories(path, ()),
            Wording(path, (), (), (), (), (), 0.0, 0.0, 0.0, 0.0, 0, 9),
        ):
            assert isinstance(part.new(Call({"a": value})), str)
