"""distilgen.embedded.spans: values that stand in a text."""

from __future__ import annotations

import array
import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from distilgen.embedded.call import Call
from distilgen.embedded.exact import Source
from distilgen.embedded.predictor import Predicted
from distilgen.embedded.spans import MOST, Scorer, Span, SpanList, Tokens, known

NOTHING = Predicted(None, 0.0)
TEXT = Source(("text",))


def scorer(reach: Any, **weights: Any) -> Any:
    made = Scorer(tuple(weights), array.array("f", weights.values()), reach)
    made.check()
    return made


START = scorer((-3, 3), **{"bias": -4.0, "-1c:": 8.0})
"""After a colon."""
STOP = scorer((0, 2), **{"bias": -4.0, "1c\n": 8.0, "1c": 8.0})
"""Before the end of a line."""


def span(cls: Any = Span, **changes: Any) -> Any:
    made = cls(TEXT, ("Aa", "a", "0"), START, STOP, -3.0, (), 5)
    made = dataclasses.replace(made, **changes)
    made.check()
    return made


@settings(deadline=None)
@given(st.text() | st.text(alphabet="aA1 .\n\t_é²٣\x00\u2028", max_size=60))
def test_tokens_are_the_whole_text(text: Any) -> None:
    tokens = Tokens(text)
    assert "".join(tokens.tokens) == (tokens.text[tokens.lead :] if tokens.tokens else "")
    assert not tokens.text[: tokens.lead].strip()
    for first in range(min(5, len(tokens.tokens))):
        for last in range(first, min(5, len(tokens.tokens))):
            assert tokens.slice(first, last) == "".join(tokens.tokens[first : last + 1]).rstrip()


def test_tokens_are_runs_of_letters_and_digits_and_marks() -> None:
    tokens = Tokens("  No. A-12:  3,50 EUR\n\n Total_x")
    assert tokens.tokens == [
        "No", ". ", "A", "-", "12", ":  ", "3", ",", "50 ", "EUR", "\n\n ", "Total", "_", "x"
    ]  # fmt: skip
    assert [known(token)[1] for token in tokens.tokens[:6]] == ["Aa2", ". ", "A1", "-", "00", ":  "]


def test_a_span_is_where_its_scores_are_highest() -> None:
    call = Call({"text": "To whom it may concern\nName: Ada Lovelace \nand more"})
    value, confidence = span().predict(call)
    assert value == "Ada Lovelace"
    assert 0.9 < confidence < 1


def test_a_value_that_stands_twice_is_as_sure_as_both_places() -> None:
    once = span().predict(Call({"text": "a: Ada\nb Bob"}))
    twice = span().predict(Call({"text": "a: Ada\nb: Ada"}))
    torn = span().predict(Call({"text": "a: Ada\nb: Bob"}))
    assert once.value == twice.value == "Ada"
    assert torn.confidence < 0.6 < once.confidence < twice.confidence


def test_no_span_is_likely_where_none_was_seen() -> None:
    assert span(floor=1.0).predict(Call({"text": "Ada Lovelace"})) == NOTHING
    assert span(floor=-9.0).predict(Call({"text": "Ada Lovelace"})).confidence < 0.05


def test_a_value_is_made_of_what_is_written() -> None:
    number = span(steps=("number_comma",), classes=("0",))
    assert number.predict(Call({"text": "Total: 1.234,50"})).value == 1234.5
    assert number.predict(Call({"text": "Total: many"})) == NOTHING


def test_a_list_has_all_spans_in_their_order() -> None:
    text = "a: Cyd\nb: Ada\nc Bob\nd: Cyd"
    assert span(SpanList).predict(Call({"text": text})).value == ["Cyd", "Ada", "Cyd"]
    assert span(SpanList, unique=True).predict(Call({"text": text})).value == ["Cyd", "Ada"]
    value, confidence = span(SpanList).predict(Call({"text": "nobody"}))
    assert value == []
    assert confidence > 0.9


@pytest.mark.parametrize("odd", [None, 5, ["a: b"], {}, "", " ", "\n", ":", "\x00"])
@pytest.mark.parametrize("cls", [Span, SpanList])
def test_what_is_no_text_of_use_has_no_value(odd: Any, cls: Any) -> None:
    assert not span(cls).predict(Call({"text": odd})).value
    assert span(cls).predict(Call({})) == NOTHING


@settings(deadline=None)
@given(st.text())
def test_any_text_has_an_answer(text: Any) -> None:
    for cls in (Span, SpanList):
        value, confidence = span(cls).predict(Call({"text": text}))
        assert 0 <= confidence <= 1
        assert value is None or isinstance(value, str | list)


@pytest.mark.parametrize(
    "text", ["a" * 10**6, " " * 10**6, "a: " * 10**6, "\n" * 10**6, "1." * 10**6]
)
def test_the_beginning_of_a_long_text_is_looked_at(text: Any) -> None:
    span().predict(Call({"text": text}))
    assert len(Tokens(text).text) == MOST
    assert len(Tokens(text).tokens) <= MOST
    assert span(SpanList).predict(Call({"text": text})) == NOTHING


@pytest.mark.parametrize(
    "damaged",
    [
        lambda: Scorer(("a",), array.array("f"), (0, 2)).check(),
        lambda: Scorer((), array.array("f"), (0, 99)).check(),
        lambda: span(start=STOP),
        lambda: span(stop=START),
        lambda: span(stop=None),
        lambda: span(source="text"),
        lambda: span(steps=("exec",)),
        lambda: span(longest=10**9),
        lambda: span(longest=0),
    ],
)
def test_damaged_data_are_refused(damaged: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        damaged()
