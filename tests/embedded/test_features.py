"""The columns of a linear model."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from distilgen.embedded.call import EACH, Call
from distilgen.embedded.features import Choices, Steps, Words, chosen

WORDS = Words(("text",), True, ("bug", "~ bu", "the bug", "^capitals"), array("f", range(8)), 2)
STEPS = Steps(("size",), array("d", [1, 10, 100]), array("f", [1, 2, 4]), 1)
CHOICES = Choices(("plan",), ('"pro"', "null", "absent", "3"), array("f", [1, 2, 4, 8]), 1)


def test_words_add_up_over_the_different_ones() -> None:
    sums = WORDS.sums(Call({"text": "The BUG the bug"}))
    # bug and its start twice, as BUG and bug; "the bug" once; capitals once
    wanted = [2 * 0 + 2 * 2 + 4 + 6, 2 * 1 + 2 * 3 + 5 + 7]
    assert sums == pytest.approx([number / math.sqrt(5) for number in wanted])


def test_words_of_no_known_feature_add_nothing() -> None:
    assert WORDS.sums(Call({"text": "something else"})) is None
    assert WORDS.sums(Call({"text": 3})) is None
    assert WORDS.sums(Call({})) is None


def test_words_are_remembered_and_give_the_same_again() -> None:
    first = WORDS.sums(Call({"text": "a bug"}))
    assert WORDS.sums(Call({"text": "a bug"})) == first


def test_words_are_not_remembered_without_end() -> None:
    wide = Words(("text",), False, ("bug",), array("f", [1.0] * 100_000), 100_000)
    for start in range(0, 40, 2):
        wide.sums(Call({"text": f"word{start} word{start + 1}"}))
    assert len(wide._known) <= 6
    assert wide.sums(Call({"text": "bug"})) is not None


@pytest.mark.parametrize(
    ("value", "passed"),
    [(0, 0), (1, 1), (9.99, 1), (10, 2), (10**400, 3), (-5, 0), (True, 0), ("5", 0), (None, 0)],
)
def test_steps_count_the_edges_that_a_number_has_passed(value: Any, passed: int) -> None:
    call = Call({"size": value})
    assert STEPS.features(call)[0] == [str(place) for place in range(passed)]
    assert STEPS.sums(call) == (None if not passed else ((0, 1, 3, 7)[passed],))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_steps_of_what_is_no_finite_number(number: float) -> None:
    STEPS.sums(Call({"size": number}))


@pytest.mark.parametrize(
    ("arguments", "sums"),
    [
        ({"plan": "pro"}, (1.0,)),
        ({"plan": None}, (2.0,)),
        ({}, (4.0,)),
        ({"plan": 3.0}, (8.0,)),
        ({"plan": "free"}, None),
        ({"plan": "pro " * 100}, None),
        ({"plan": {"a": 1}}, None),
    ],
)
def test_choices(arguments: dict[str, Any], sums: tuple[float, ...] | None) -> None:
    assert CHOICES.sums(Call(arguments)) == sums


def test_choices_of_a_list_are_its_different_values() -> None:
    call = Call({"tags": ["b", "a", "b", ["c"], None]})
    assert chosen(call, ("tags", EACH)) == ['"a"', '"b"', "null"]


@pytest.mark.parametrize(
    "damaged",
    [
        Words(("a",), True, ("b",), array("f", [1, 2]), 1),
        Choices(("a",), ("b",), array("f", []), 1),
        Steps(("a",), array("d", [1]), array("f", [1]), 0),
    ],
)
def test_damage_is_noticed(damaged: Words | Choices | Steps) -> None:
    with pytest.raises(ValueError, match="weights for"):
        damaged.check()


@pytest.mark.parametrize("whole", [WORDS, STEPS, CHOICES])
def test_what_belongs_together_passes(whole: Words | Choices | Steps) -> None:
    whole.check()
