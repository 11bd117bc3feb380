"""Which calls have been made."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.collection.done import Digests, Done
from distilgen.records.files import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.contract import Contract


def digest(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def test_digests_are_a_set() -> None:
    digests = Digests()
    assert all(digests.add(digest(number)) for number in range(5_000))
    assert not any(digests.add(digest(number)) for number in range(5_000))
    assert len(digests) == 5_000
    assert all(digest(number) in digests for number in range(5_000))
    assert not any(digest(number) in digests for number in range(5_000, 9_000))


@pytest.fixture
def done(
    store: Callable[..., Path], line: Callable[..., bytes], contract: Contract
) -> Callable[..., Done]:
    def make(*changes: dict[str, Any], hides: bool = False) -> Done:
        folder = store(*(line(**{"topic": "a", **change}) for change in changes), b"{torn")
        return Done.of(FileStore(folder), contract, hides=hides)

    return make


@pytest.mark.parametrize(
    ("change", "is_done"),
    [
        pytest.param({}, True, id="a teacher's result"),
        pytest.param({"source": "big", "rollout": {"mode": "dispatch"}}, True, id="a model's"),
        pytest.param({"result": None, "error": {"type": "E"}}, False, id="it raised"),
        pytest.param({"contract": "0"}, False, id="another contract"),
        pytest.param({"function": "shop.mail:other"}, False, id="another function"),
        pytest.param({"source": "m", "rollout": {"mode": "shadow"}}, False, id="a student's"),
        pytest.param({"result": {"$too_large": 9}}, False, id="it was not kept"),
        pytest.param({"result": {"a": {"$redacted": "[A_1]"}}}, True, id="it was redacted"),
    ],
)
def test_a_call_is_done_that_has_a_result(
    done: Callable[..., Done], change: dict[str, Any], is_done: bool
) -> None:
    made = done(change)
    assert made.takes(b'{"topic": "a"}') is is_done
    assert not made.takes(b'{"topic": "b"}')
    assert made.malformed == 1


@pytest.mark.parametrize(
    ("change", "has_failed"),
    [
        pytest.param({}, False, id="it returned"),
        pytest.param({"result": None, "error": {"type": "E"}}, True, id="it raised"),
        pytest.param({"result": {"$too_large": 9}}, True, id="it was not kept"),
        pytest.param({"result": None, "error": {}, "contract": "0"}, False, id="another contract"),
    ],
)
def test_a_call_has_failed_that_left_a_record_without_a_result(
    done: Callable[..., Done], change: dict[str, Any], has_failed: bool
) -> None:
    made = done(change)
    assert made.has_failed(b'{"topic": "a"}') is has_failed
    assert not made.has_failed(b'{"topic": "b"}')


def test_the_order_of_keys_does_not_count(done: Callable[..., Done]) -> None:
    made = done({"arguments": {"a": 1, "b": {"c": 2.5, "d": "ü"}}})
    assert made.takes(json.dumps({"b": {"d": "ü", "c": 2.5}, "a": 1}).encode())


def test_a_redacted_record_stands_for_one_call(done: Callable[..., Done]) -> None:
    made = done({}, {}, hides=True)
    assert [made.takes(b'{"topic":"a"}') for _ in range(4)] == [True, True, False, False]


def test_a_call_is_met_once() -> None:
    made = Done()
    assert [made.meets(key) for key in (b"a", b"b", b"a")] == [True, True, False]
