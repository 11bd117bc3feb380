"""The share of calls that a student answers, or is asked beside the teacher, over 100,000 of them;
and which ones they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from distilgen.runtime import Contract, beside, configure, control

ContractOf = Callable[..., Contract]
CALLS = 100_000
MODEL = "ft:small:shop"
TEACHER, STUDENT = 0, 1


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Calls leave no records, which take longer than what is looked at here."""
    configure(sample=0.0)
    yield


class Client:
    """Answers everything with the student's number, at once."""

    def __init__(self) -> None:
        function = SimpleNamespace(name="Answer", arguments=f'{{"result":{STUDENT}}}')
        message = SimpleNamespace(
            content=None, tool_calls=[SimpleNamespace(id="1", function=function)]
        )
        self._completion = SimpleNamespace(
            choices=[SimpleNamespace(finish_reason="stop", message=message)]
        )
        self._lock = threading.Lock()
        self.asked = 0
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create))

    def _create(self, **_: Any) -> Any:
        with self._lock:
            self.asked += 1
        return self._completion


@pytest.fixture
def client() -> Client:
    made = Client()
    configure(client=made)
    return made


def who(number: int, *, word: str = "") -> int:
    """Who answers?"""
    assert number >= 0
    assert word is not None
    return TEACHER


async def awho(number: int) -> int:
    """Who answers?"""
    return who(number)


def assert_share(count: int, share: float, calls: int = CALLS) -> None:
    """Within five standard deviations of a binomial distribution."""
    deviation = math.sqrt(calls * share * (1 - share))
    assert abs(count - calls * share) <= 5 * deviation, (count, share)


@pytest.mark.parametrize("share", [0.001, 0.1, 1 / 3, 0.97])
@pytest.mark.parametrize("mode", ["canary", "fallback"])
def test_the_students_share(
    mode: str, share: float, contract_of: ContractOf, client: Client
) -> None:
    # What is asked takes several times as long: where nearly all is, fewer calls have to do.
    calls = CALLS if mode == "canary" and share < 0.3 else CALLS // 10
    contract = contract_of(who, model=MODEL, share=share, pairs=0.0)
    function = getattr(contract, mode)(who)
    with unrecorded():
        given = [function(number) for number in range(calls)]
    assert_share(sum(given), share, calls)
    assert client.asked == sum(given)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 2_000)])
@pytest.mark.parametrize("mode", ["canary", "fallback", "shadow"])
def test_all_and_none(
    mode: str, share: float, count: int, contract_of: ContractOf, client: Client
) -> None:
    contract = contract_of(who, model=MODEL, share=share, pairs=0.0)
    function = getattr(contract, mode)(who)
    with unrecorded():
        given = [function(number) for number in range(2_000)]
    assert beside.drain(10) == 0
    counts = contract._student.counts()
    assert counts.asked + counts.unasked == count
    assert counts.asked == client.asked
    assert sum(given) == (0 if mode == "shadow" else count)


def test_equal_calls_go_the_same_way(contract_of: ContractOf, client: Client) -> None:
    function = contract_of(who, model=MODEL, share=0.3, pairs=0.0).canary(who)
    with unrecorded():
        given = [function(number) for number in range(3_000)]
        assert [function(number=number) for number in range(3_000)] == given
        assert [function(number, word="") for number in range(3_000)] == given
        assert [function(number, word="a") for number in range(3_000)] != given
    assert 0 < sum(given) < 3_000
    assert client.asked > sum(given)


def test_an_async_function_goes_the_same_way(contract_of: ContractOf, client: Client) -> None:
    async def create(**request: Any) -> Any:
        return client._create(**request)

    completions = SimpleNamespace(create=create)
    configure(async_client=SimpleNamespace(chat=SimpleNamespace(completions=completions)))
    fields = {"model": MODEL, "share": 0.3, "pairs": 0.0}
    function = contract_of(awho, **fields).canary(awho)

    def other(number: int) -> int:
        return who(number)

    known = contract_of(other, **fields).canary(other)

    async def main() -> list[int]:
        return [await function(number) for number in range(1_000)]

    with unrecorded():
        assert asyncio.run(main()) == [known(number) for number in range(1_000)]


def test_who_is_asked_at_a_small_share_is_asked_at_a_larger(
    contract_of: ContractOf, client: Client
) -> None:
    given = []
    with unrecorded():
        for share in (0.05, 0.2, 0.6):
            function = contract_of(who, model=MODEL, share=share, pairs=0.0).canary(who)
            given.append({number for number in range(4_000) if function(number) == STUDENT})
    assert given[0] < given[1] < given[2]
    assert client.asked == sum(map(len, given))


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from test_shares import Client
from distilgen.runtime import Contract, configure, recording

contract = Contract(
    function="shop.mail:who", fingerprint="f", system_prompt="", user_message="{arguments}",
    tool={"name": "Answer", "description": "", "parameters": {}}, wraps_result=True,
    inputs={"properties": {"number": {}, "words": {}, "more": {}}},
    model="m", share=0.4, pairs=0.0,
)

@contract.canary
def who(number: int, words: set[str], **more: object) -> int:
    return 0

configure(client=Client())
with recording(on=False):
    words = ["a", "é", "Straße", "z", "yy", "{}"]
    for number in range(500):
        rest = {"u": frozenset(words[number % 3:]), "v": {number % 7: 1.5, "k": None}}
        print(who(number, set(words[number % 5:]), **rest), end="")
print(" ", hash("a"))
"""


def test_another_process_decides_the_same() -> None:
    folder = os.path.dirname(__file__)  # noqa: PTH120 - text to text
    running = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), folder],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    said = [process.communicate(timeout=60)[0].split() for process in running]
    assert said[0][0] == said[1][0]
    assert said[0][1] != said[1][1]
    assert len(said[0][0]) == 500
    assert_share(said[0][0].count("1"), 0.4, 500)


def test_what_is_shared_has_nothing_to_do_with_what_is_recorded() -> None:
    texts = [b'{"number":%d}' % number for number in range(CALLS)]
    both = sum(
        control.place_of(text, b"share") < 0.5 and control.place_of(text, b"sample") < 0.5
        for text in texts
    )
    assert_share(both, 0.25)


@pytest.mark.parametrize("share", [0.001, 0.05])
def test_the_share_of_shadows(share: float, contract_of: ContractOf, client: Client) -> None:
    contract = contract_of(who, model=MODEL, share=share)
    function = contract.shadow(who)
    with unrecorded():
        assert not any(function(number % 10) for number in range(CALLS))
    assert beside.drain(10) == 0
    counts = contract._student.counts()
    assert_share(counts.asked + counts.unasked, share)
    assert counts.asked == client.asked == counts.disagreed


def test_the_share_of_pairs(contract_of: ContractOf, client: Client) -> None:
    contract = contract_of(who, model=MODEL, share=0.02, pairs=0.1)
    function = contract.canary(who)
    with unrecorded():
        first = sum(function(number) for number in range(CALLS))
    assert beside.drain(10) == 0
    assert_share(first, 0.02)
    counts = contract._student.counts()
    assert counts.asked == client.asked
    assert_share(counts.asked + counts.unasked - first, 0.1, CALLS - first)
