"""Calls that are handed out, to any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from distilgen.collection.feed import Call, Failure, Feed
from distilgen.collection.given import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def calls(count: int) -> Iterator[Call]:
    return (Call(Given({"n": n}, str(n)), {"n": n}, b"{}") for n in range(count))


def test_each_call_is_handed_out_once() -> None:
    feed, taken = Feed(calls(2_000)), []

    def work() -> None:
        while (call := feed.take()) is not None:
            taken.append(call.values["n"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(2_000))
    assert feed.take() is None
    assert not feed.is_stopped


def test_a_feed_that_is_stopped_hands_out_no_more() -> None:
    feed = Feed(calls(3))
    assert feed.take() is not None
    assert feed.pause(0)
    feed.stop()
    assert feed.take() is None
    assert not feed.pause(3_600)


def test_a_pause_is_as_long_as_the_system_can_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "TIMEOUT_MAX", 0.001)
    assert Feed(calls(1)).pause(1e300)


def test_what_the_source_raises_is_kept() -> None:
    def broken() -> Iterator[Call]:
        yield from calls(1)
        raise OSError("gone")

    feed = Feed(broken())
    assert feed.take() is not None
    assert feed.take() is None
    assert feed.take() is None
    assert str(feed.error) == "gone"


def test_a_failure_is_told_by_type_and_message() -> None:
    assert str(Failure("ValueError", "bad")) == "ValueError: bad"
    assert str(Failure("ValueError", "")) == "ValueError"
