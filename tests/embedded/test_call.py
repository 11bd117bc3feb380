"""distilgen.embedded.call: what stands where, and what is made once."""

from __future__ import annotations

from distilgen.embedded.call import ABSENT, ANSWER, EACH, Call


def test_values_by_their_paths() -> None:
    call = Call({"order": {"lines": [{"price": 1}, {}, {"price": 3}]}, "name": "Ann"})
    assert call.at(("name",)) == "Ann"
    assert call.at(("order", "lines", EACH, "price")) == [1, 3]
    assert call.at(("order", "none")) is ABSENT
    assert call.at(("none",)) is ABSENT


def test_an_answer_that_is_put_stands_there_with_its_items() -> None:
    call = Call({})
    assert call.at((ANSWER, "tags")) is ABSENT
    call.put((ANSWER, "tags"), ["a", "b"])
    assert call.at((ANSWER, "tags")) == call.at((ANSWER, "tags", EACH)) == ["a", "b"]
    call.put((ANSWER, "tags"), "a")
    assert call.at((ANSWER, "tags")) == "a"
    assert call.at((ANSWER, "tags", EACH)) is ABSENT


def test_what_is_put_into_a_copy_is_not_in_the_call() -> None:
    call = Call({"a": 1})
    call.put((ANSWER, "x"), 1)
    assert call.of("made", lambda: 2) == 2
    other = call.copy()
    other.put((ANSWER, "x"), 3)
    assert (call.at((ANSWER, "x")), other.at((ANSWER, "x"))) == (1, 3)
    assert other.of("made", lambda: 4) == 2
