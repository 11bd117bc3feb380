"""Teacher's and student's answers to a call find each other, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from distilgen.records.pairs import Pair, Pairs
from distilgen.records.record import Record, parse

Line = Callable[..., bytes]
SHADOW = {"mode": "shadow"}


@pytest.fixture
def taught(line: Line) -> Callable[..., Record]:
    """The teacher's record of a call, by its number."""

    def make(number: int, result: Any, **changes: Any) -> Record:
        found = parse("", 1, line(id=str(number), rollout=SHADOW, result=result, **changes))
        assert isinstance(found, Record)
        return found

    return make


@pytest.fixture
def learnt(line: Line) -> Callable[..., Record]:
    """The student's record of the same call."""

    def make(number: int, result: Any, **changes: Any) -> Record:
        rollout = {**SHADOW, "model": "m", "of": str(number), "agrees": False}
        values = {"source": "m", "rollout": rollout, "result": result, **changes}
        found = parse("", 1, line(id=f"s{number}", **values))
        assert isinstance(found, Record)
        return found

    return make


Made = Callable[..., Record]


def test_in_any_order(taught: Made, learnt: Made) -> None:
    pairs = Pairs()
    assert pairs.add(taught(1, {"a": 1})) is None
    assert pairs.add(learnt(2, [2])) is None
    assert pairs.add(taught(2, [3])) == Pair("m", [3], [2])
    assert pairs.add(learnt(1, {"a": 0})) == Pair("m", {"a": 1}, {"a": 0})
    assert pairs.add(learnt(1, {"a": 0})) is None
    assert pairs._size == len('{"a":0}')


def test_a_record_that_is_there_twice_is_no_pair(taught: Made, learnt: Made) -> None:
    pairs = Pairs()
    assert pairs.add(taught(1, "a")) is None
    assert pairs.add(taught(1, "a")) is None
    assert pairs.add(learnt(1, "b")) == Pair("m", "a", "b")
    assert (pairs._waiting, pairs._size) == ({}, 0)


def test_what_is_not_whole_does_not_wait(taught: Made, learnt: Made) -> None:
    pairs = Pairs()
    error = {"type": "E"}
    assert pairs.add(taught(1, {"$unserializable": "m.T"})) is None
    assert pairs.add(taught(2, None, error=error)) is None
    assert pairs.add(learnt(3, None, error=error)) is None
    assert pairs.add(learnt(4, 1, rollout={"mode": "canary", "model": "m"})) is None
    assert pairs._waiting == {}


def test_what_waits_is_bounded(taught: Made, learnt: Made) -> None:
    pairs = Pairs(limit=100)
    for number in range(1000):
        pairs.add(taught(number, "x" * 18))
        assert pairs._size <= 100
    assert len(pairs._waiting) == 5
    assert pairs.add(learnt(1, "y")) is None
    assert pairs.add(learnt(999, "y")) == Pair("m", "x" * 18, "y")
    pairs.add(taught(1000, "x" * 200))
    assert (pairs._waiting, pairs._size) == ({}, 0)
