"""Calls are shared between teacher and student as the mode says, and whatever the student does, the
teacher's callers see nothing of it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

import pytest
from openai_server import OpenAIServer, Request, Response, completion, error
from pydantic import BaseModel

import distilgen
from distilgen.errors import ConfigError, DispatchError
from distilgen.runtime import Contract, Sensitive, beside, configure, settings

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Contract]
Records = Callable[[], list[dict[str, Any]]]
MODEL = "ft:small:shop"
MODES = ["shadow", "canary", "fallback"]


class Email(BaseModel):
    subject: str


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    configure(retries=0, reasks=0)


class Students:
    """Answers each topic with itself in capitals, or fails; as many items as the tool wants."""

    def __init__(self) -> None:
        self.fails = False
        self.logprob: float | None = None

    def __call__(self, request: Request) -> Response:
        asked = request.json()
        if self.fails:
            return error(500, "I am ill", None)
        topic = json.loads(asked["messages"][1]["content"])["topic"]
        answer: Any = {"subject": topic.upper()}
        if "result" in asked["tools"][0]["function"]["parameters"]["properties"]:
            answer = {"result": [answer, answer]}
        body = completion(MODEL, "Answer", json.dumps(answer))
        body["usage"] = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
        if self.logprob is not None and asked.get("logprobs"):
            tokens = [{"token": "a", "logprob": self.logprob, "top_logprobs": []}] * 3
            body["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
        return Response(body=body)


@pytest.fixture
def students() -> Students:
    return Students()


@pytest.fixture
def server(students: Students) -> Iterator[OpenAIServer]:
    with OpenAIServer(students) as running:
        yield running
        beside.drain(10)


def plain(topic: str) -> Email:
    if topic == "raise":
        raise KeyError(topic)
    return Email(subject=f"teacher {topic}")


async def waiting(topic: str) -> Email:
    await asyncio.sleep(0)
    return plain(topic)


def stream(topic: str) -> Iterator[Email]:
    yield plain(topic)
    yield plain(f"{topic}!")


async def astream(topic: str) -> AsyncIterator[Email]:
    yield plain(topic)
    yield plain(f"{topic}!")


KINDS: dict[str, Callable[..., Any]] = {
    "plain": plain, "waiting": waiting, "stream": stream, "astream": astream,
}  # fmt: skip


def ask(function: Callable[..., Any], topic: str) -> list[str]:
    """The subjects that a call of any kind gives."""

    async def main() -> list[Any]:
        if inspect.isasyncgenfunction(function):
            return [item async for item in function(topic)]
        return [await function(topic)]

    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        items = asyncio.run(main())
    elif inspect.isgeneratorfunction(function):
        items = list(function(topic))
    else:
        items = [function(topic)]
    return [item.subject for item in items]


def taught(kind: str, topic: str) -> list[str]:
    """What the teacher says."""
    first = f"teacher {topic}"
    return [first, f"{first}!"] if "stream" in kind else [first]


def learnt(kind: str, topic: str) -> list[str]:
    """What the student says."""
    return [topic.upper()] * (2 if "stream" in kind else 1)


@pytest.fixture
def decorated(contract_of: ContractOf, server: OpenAIServer) -> Callable[..., Callable[..., Any]]:
    """Makes a function of a kind, in a mode."""

    def make(kind: str, mode: str, **changes: Any) -> Callable[..., Any]:
        function = KINDS[kind]
        returns = list[Email] if "stream" in kind else Email
        given = {"model": MODEL, "base_url": server.base_url, **changes}
        contract = contract_of(function, returns, **given)
        return typing.cast("Callable[..., Any]", getattr(contract, mode)(function))

    return make


Decorated = Callable[..., Callable[..., Any]]


# Who answers


@pytest.mark.parametrize("kind", KINDS)
def test_shadow(kind: str, decorated: Decorated, records: Records) -> None:
    function = decorated(kind, "shadow")
    assert ask(function, "a") == taught(kind, "a")
    assert beside.drain(10) == 0
    teacher, student = sorted(records(), key=lambda record: record["source"] == MODEL)
    assert teacher["source"] == "teacher"
    assert teacher["rollout"] == {"mode": "shadow"}
    assert student["source"] == MODEL
    said = student["rollout"]
    assert (said["mode"], said["model"], said["of"]) == ("shadow", MODEL, teacher["id"])
    assert (said["asks"], said["input_tokens"], said["output_tokens"]) == (1, 11, 5)
    assert said["agrees"] is False
    assert said["ms"] > 0
    assert student["arguments"] == teacher["arguments"] == {"topic": "a"}
    answered = [{"subject": text} for text in learnt(kind, "a")]
    assert student["result"] == (answered if "stream" in kind else answered[0])


def test_what_is_not_to_be_recorded_is_not_sent_away(
    decorated: Decorated, server: OpenAIServer
) -> None:
    shadow = decorated("plain", "shadow")
    canary = decorated("plain", "canary", share=0.0, pairs=1.0)
    with distilgen.recording(on=False):
        assert [ask(shadow, "a"), ask(canary, "a")] == [["teacher a"]] * 2
    beside.drain(10)
    assert not server.requests


@pytest.mark.parametrize("mode", MODES)
def test_a_share_that_is_none(mode: str, decorated: Decorated, server: OpenAIServer) -> None:
    assert ask(decorated("plain", mode, share=20), "a") == ["teacher a"]
    beside.drain(10)
    assert not server.requests


def test_shadow_agrees(contract_of: ContractOf, server: OpenAIServer, records: Records) -> None:
    def shout(topic: str) -> Email:
        return Email(subject=topic.upper() if topic != "c" else "see")

    contract = contract_of(shout, Email, model=MODEL, base_url=server.base_url)
    function = contract.shadow(shout)
    for topic in "abc":
        function(topic)
    beside.drain(10)
    said = {r["arguments"]["topic"]: r["rollout"].get("agrees") for r in records()[3:]}
    assert said == {"a": True, "b": True, "c": False}
    counts = distilgen.counters()["shop.mail:shout"]
    assert (counts.asked, counts.agreed, counts.disagreed) == (3, 2, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_fallback(kind: str, decorated: Decorated, students: Students, records: Records) -> None:
    function = decorated(kind, "fallback")
    assert ask(function, "a") == learnt(kind, "a")
    students.fails = True
    assert ask(function, "b") == taught(kind, "b")
    first, second = records()
    assert first["source"] == MODEL
    assert first["rollout"].keys() == {
        "mode", "model", "ms", "asks", "input_tokens", "output_tokens",
    }  # fmt: skip
    assert second["source"] == "teacher"
    assert "I am ill" in second["rollout"]["error"]["message"]
    answered = [{"subject": text} for text in taught(kind, "b")]
    assert second["result"] == (answered if "stream" in kind else answered[0])


@pytest.mark.parametrize("kind", KINDS)
def test_canary(kind: str, decorated: Decorated, records: Records) -> None:
    function = decorated(kind, "canary", share=0.5, pairs=0.0)
    ways = {}
    for topic in "abcdefghijkl":
        got = ask(function, topic)
        ways[topic] = got == learnt(kind, topic)
        assert got in (learnt(kind, topic), taught(kind, topic))
    assert set(ways.values()) == {True, False}
    for topic, way in ways.items():
        assert (ask(function, topic) == learnt(kind, topic)) is way
    for record in records():
        by_student = ways[record["arguments"]["topic"]]
        assert record["source"] == (MODEL if by_student else "teacher")
        assert record["rollout"]["mode"] == "canary"
        assert ("model" in record["rollout"]) is by_student


def test_calls_that_the_teacher_keeps_may_be_pairs(decorated: Decorated, records: Records) -> None:
    function = decorated("plain", "canary", share=0.0, pairs=1.0)
    assert ask(function, "a") == ["teacher a"]
    beside.drain(10)
    assert [record["source"] for record in records()] == ["teacher", MODEL]
    assert records()[1]["rollout"]["of"] == records()[0]["id"]
    assert records()[1]["rollout"]["mode"] == "canary"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fails", [True, False])
def test_the_teachers_exception_is_the_callers(
    mode: str, kind: str, fails: bool, decorated: Decorated, students: Students
) -> None:
    students.fails = True
    function = decorated(kind, mode, share=1.0 if fails else 0.0, pairs=1.0)
    with pytest.raises(KeyError, match="raise") as caught:
        ask(function, "raise")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("mode", MODES)
def test_without_an_answer_from_anybody(mode: str, contract_of: ContractOf) -> None:
    contract = contract_of(plain, model=MODEL, base_url="http://127.0.0.1:1/v1")
    function = getattr(contract, mode)(plain)
    assert function("a") == Email(subject="teacher a")
    beside.drain(10)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_key(mode: str, decorated: Decorated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert ask(decorated("plain", mode, share=1.0), "a") == ["teacher a"]


def test_a_function_of_its_kind(decorated: Decorated) -> None:
    for kind, function in KINDS.items():
        for mode in MODES:
            made: Any = decorated(kind, mode)
            assert made.__wrapped__ is function
            assert inspect.signature(made) == inspect.signature(function)
            assert inspect.isasyncgenfunction(made) is inspect.isasyncgenfunction(function)
            assert inspect.iscoroutinefunction(made) is inspect.iscoroutinefunction(function)
            assert inspect.isgeneratorfunction(made) is inspect.isgeneratorfunction(function)


def test_switched_off(decorated: Decorated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILGEN_DISABLED", "1")
    assert decorated("plain", "fallback") is plain


def test_what_is_not_recorded_is_shared_all_the_same(decorated: Decorated, folder: Path) -> None:
    function = decorated("plain", "fallback")
    with distilgen.recording(on=False):
        assert ask(function, "a") == ["A"]
    assert not folder.exists()


# Methods


def test_methods_and_self(contract_of: ContractOf, server: OpenAIServer, records: Records) -> None:
    given = {"model": MODEL, "base_url": server.base_url}

    def fallback(function: Callable[..., Any], returns: Any) -> Any:
        return contract_of(function, returns, **given).fallback(function)

    class Letter(Email):
        def reply(self, topic: str) -> Self:
            return type(self)(subject=f"teacher {topic}")

        def make(cls: Any, topic: str) -> list[Self]:  # type: ignore[misc]  # noqa: N805
            return [cls(subject=f"teacher {topic}")]

        def blank(topic: str) -> Email:  # type: ignore[misc]  # noqa: N805
            return Email(subject=f"teacher {topic}")

        reply = fallback(reply, Email)
        make = classmethod(fallback(make, list[Email]))  # type: ignore[assignment]
        blank = staticmethod(fallback(blank, Email))

    class Card(Letter):
        pass

    replied = Card(subject="x").reply("a")
    assert (type(replied), replied.subject) == (Card, "A")
    made: Any = Card.make("a")  # type: ignore[call-arg]
    assert [(type(item), item.subject) for item in made] == [(Card, "A")] * 2
    assert Card.blank("a") == Email(subject="A")
    assert [record["arguments"] for record in records()] == [{"topic": "a"}] * 3


def test_a_type_that_is_not_there(
    contract_of: ContractOf, server: OpenAIServer, records: Records
) -> None:
    def typed(topic: str) -> Absent:  # type: ignore[name-defined]  # noqa: F821
        return Email(subject=f"teacher {topic}")

    contract = contract_of(typed, Email, model=MODEL, base_url=server.base_url)
    assert contract.fallback(typed)("a") == Email(subject="teacher a")
    assert "outside of TYPE_CHECKING" in records()[0]["rollout"]["error"]["message"]


# Confidence


@pytest.mark.parametrize(
    ("logprob", "answered"), [(-0.01, "A"), (-1.0, "teacher a"), (None, "teacher a")]
)
def test_not_sure_enough(
    logprob: float | None, answered: str, decorated: Decorated, students: Students,
    records: Records,
) -> None:  # fmt: skip
    students.logprob = logprob
    function = decorated("plain", "fallback", min_confidence=0.9)
    assert ask(function, "a") == [answered]
    said = records()[0]["rollout"]
    if logprob is not None:
        assert said["confidence"] == pytest.approx(2.718281828**logprob, abs=1e-5)
    assert ("error" in said) is (answered != "A")


def test_an_answer_that_is_not_sure_is_no_failure(
    decorated: Decorated, students: Students, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    function = decorated("plain", "fallback", min_confidence=0.9, max_failures=0.1)
    for _ in range(30):
        assert ask(function, "a") == ["teacher a"]
    assert len(server.requests) == 30
    assert [message for message in caplog.messages if "sends no logprobs" in message]
    assert len(caplog.messages) == 1
    students.logprob = -1.0
    ask(function, "a")
    assert len(caplog.messages) == 1


# What the log says


def test_the_first_failure_of_each_kind_is_told(
    decorated: Decorated, students: Students, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    students.fails = True
    function = decorated("plain", "fallback", max_failures=None)
    for _ in range(3):
        ask(function, "a")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the student failed: shop.mail:plain: ft:small:shop: http")
    assert "I am ill" in caplog.messages[0]
    assert records()[0]["rollout"]["error"]["status"] == 500


def test_an_open_guard_is_told_where_it_was_not_seen_to_open(
    decorated: Decorated, students: Students, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(guard=tmp_path / "guard.db")
    students.fails = True
    for _ in range(6):
        ask(decorated("plain", "fallback", max_failures=0.2), "a")
    caplog.clear()
    function = decorated("plain", "fallback", max_failures=0.2)  # as another process
    for _ in range(3):
        ask(function, "a")
    assert [m for m in caplog.messages if "calls go to the teacher: the student failed 5" in m]
    assert len(caplog.messages) == 1


# What an operator says


@pytest.mark.parametrize("by", ["environment", "program"])
@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("record", "teacher a"),
        ("shadow", "teacher a"),
        ("canary:100%", "A"),
        ("canary:0", "teacher a"),
        ("fallback", "A"),
        ("dispatch", "A"),
        ("shop.mail:plain=record", "teacher a"),
        ("plain=record,dispatch", "teacher a"),
        ("shop.*=record, other=shadow", "teacher a"),
        ("other=record", "A"),
    ],
)
def test_who_says_how(
    by: str, said: str, answered: str, decorated: Decorated, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "environment":
        monkeypatch.setenv("DISTILGEN_MODE", said)
        settings.forget()
        configure(retries=0)
    function = decorated("plain", "fallback")
    if by == "program":
        assert ask(function, "a") == ["A"]
        configure(mode=said)
    assert ask(function, "a") == [answered]


def test_dispatch_of_an_operator_has_no_teacher(decorated: Decorated, students: Students) -> None:
    configure(mode="dispatch")
    students.fails = True
    with pytest.raises(DispatchError, match="I am ill"):
        ask(decorated("plain", "fallback"), "a")


@pytest.mark.parametrize("said", ["teacher", "canary:2", "record:5%", "a=b=c", "canary:-1%"])
def test_what_nobody_can_mean(said: str) -> None:
    with pytest.raises(ConfigError):
        configure(mode=said)


def test_record_with_a_model_may_be_overruled(decorated: Decorated, records: Records) -> None:
    function = decorated("plain", "record")
    assert ask(function, "a") == ["teacher a"]
    assert "rollout" not in records()[0]
    configure(mode="fallback")
    assert ask(function, "a") == ["A"]


def test_no_model_for_a_mode(decorated: Decorated, records: Records) -> None:
    function = decorated("plain", "canary", model=None)
    assert [ask(function, "a"), ask(function, "b")] == [["teacher a"], ["teacher b"]]
    assert len(records()) == 2


# The guard


def test_a_student_that_fails_is_left_alone(
    decorated: Decorated, students: Students, server: OpenAIServer, records: Records,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    students.fails = True
    function = decorated("plain", "fallback", max_failures=0.2, pause=0.3, pairs=0.0)
    for _ in range(30):
        assert ask(function, "a") == ["teacher a"]
    assert len(server.requests) == 5  # more than a fifth of twenty
    events = [r["rollout"]["guard"] for r in records() if "guard" in r["rollout"]]
    assert len(events) == 1
    assert events[0].startswith("opened: the student failed 5 of ")
    assert any("opened" in record.message for record in caplog.records)
    assert records()[-1]["rollout"] == {"mode": "fallback", "held": True}
    students.fails = False
    time.sleep(0.35)
    assert ask(function, "a") == ["A"]
    assert records()[-1]["rollout"]["guard"].startswith("closed")
    assert ask(function, "a") == ["A"]


def test_a_student_that_disagrees_is_left_alone(decorated: Decorated) -> None:
    function = decorated("plain", "canary", share=0.5, pairs=1.0, min_agreement=0.9)
    answered = []
    for number in range(90):
        answered.append(ask(function, str(number))[0].startswith("teacher"))
        beside.drain(10)
    assert not all(answered[:30])
    assert all(answered[70:])


def test_the_guard_is_shared_by_a_file(
    decorated: Decorated, students: Students, server: OpenAIServer, tmp_path: Path
) -> None:
    configure(guard=tmp_path / "guard.db")
    students.fails = True
    for _ in range(30):
        ask(decorated("plain", "fallback", max_failures=0.2, pairs=0.0), "a")  # as in new processes
    assert len(server.requests) == 5


# Beside the program


def test_shadow_waits_for_nobody(contract_of: ContractOf) -> None:
    go = threading.Event()

    def slow(_: Request) -> Response:
        go.wait(30)
        return error(500, "late", None)

    with OpenAIServer(slow) as server:
        contract = contract_of(plain, model=MODEL, base_url=server.base_url)
        function = contract.shadow(plain)
        for number in range(beside.MOST + beside.THREADS + 10):
            assert function(str(number)).subject == f"teacher {number}"
        assert distilgen.counters()["shop.mail:plain"].unasked >= 10
        assert beside.drain(0) >= beside.MOST
        go.set()
        assert beside.drain(60) == 0


PROGRAM = """
import os, sys, threading, time
from pydantic import BaseModel
from distilgen.runtime import Contract, configure

class Email(BaseModel):
    subject: str

contract = Contract(
    function="shop.mail:compose", fingerprint="f", system_prompt="", user_message="{arguments}",
    tool={"name": "Answer", "description": "", "parameters": {"type": "object", "properties": {}}},
    inputs={"properties": {"topic": {}}}, model="m", base_url=sys.argv[1],
)

@contract.shadow
def compose(topic: str) -> Email:
    return Email(subject=topic.upper())

if __name__ == "__main__":
    configure(records=sys.argv[2], retries=0, flush_seconds=float(sys.argv[3]))
    for number in range(5):
        compose(f"t{number}")
    if sys.argv[4:]:
        pid = os.fork()
        compose("forked")
        if pid:
            os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("forks", [False, True])
def test_the_end_of_a_program_waits_for_students(
    forks: bool, server: OpenAIServer, folder: Path, records: Records
) -> None:
    if forks and not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    done = run_program(server.base_url, str(folder), "20", *(["forks"] if forks else []))
    assert (done.returncode, done.stderr) == (0, "")
    count = 7 if forks else 5
    assert len(records()) == 2 * count
    pairs = [record["rollout"] for record in records() if record["source"] == "m"]
    assert [pair.get("agrees", pair.get("error")) for pair in pairs] == [True] * count
    assert len({record["id"] for record in records()}) == 2 * count


def test_a_program_ends_though_the_student_does_not_answer(folder: Path) -> None:
    go = threading.Event()

    def never(_: Request) -> Response:
        go.wait(60)
        return error(500, "late", None)

    with OpenAIServer(never) as server:
        try:
            start = time.monotonic()
            done = run_program(server.base_url, str(folder), "0.2")
            assert time.monotonic() - start < 30
        finally:
            go.set()
    assert done.returncode == 0
    assert "not answered before the end" in done.stderr


def run_program(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # Python 3.12 warns of any fork beside threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, *args],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


# What is hidden


def test_the_students_record_hides_what_the_teachers_does(
    contract_of: ContractOf, server: OpenAIServer, records: Records
) -> None:
    def hiding(topic: Annotated[str, Sensitive("name")]) -> Email:
        return Email(subject=f"dear {topic}")

    contract = contract_of(hiding, Email, model=MODEL, base_url=server.base_url)
    function = contract.shadow(hiding)
    function("ANN SMITH")
    beside.drain(10)
    sent = server.requests[0].json()["messages"][1]["content"]
    assert "ANN SMITH" in sent  # the student is asked what the teacher is asked
    for record in records():
        assert "ANN" not in json.dumps(record)
        assert record["arguments"] == {"topic": "[NAME_1]"}
    assert records()[1]["result"] == {"subject": "[NAME_1]"}


# Big models behind stubs


@pytest.mark.parametrize("ask_", ["dispatch", "adispatch"])
def test_a_stub_that_is_recorded(
    ask_: str, contract_of: ContractOf, server: OpenAIServer, students: Students,
    records: Records,
) -> None:  # fmt: skip
    space: dict[str, Any] = {"Email": Email}
    await_ = "await " if ask_ == "adispatch" else ""
    source = f"""
        {"async " if await_ else ""}def plain(topic: str) -> Email:
            return {await_}_distil.plain.{ask_}(Email, topic=topic)
    """
    exec(textwrap.dedent(source), space)
    contract = contract_of(plain, Email, model=MODEL, base_url=server.base_url)
    space["_distil"] = type("Sidecar", (), {"plain": contract})
    function = contract.record(space["plain"])
    assert ask(function, "a") == ["A"]
    students.fails = True
    with pytest.raises(DispatchError):
        ask(function, "b")
    good, bad = records()
    assert good["source"] == bad["source"] == MODEL
    assert good["rollout"]["mode"] == bad["rollout"]["mode"] == "dispatch"
    assert good["rollout"]["asks"] == 1
    assert good["result"] == {"subject": "A"}
    assert "I am ill" in bad["error"]["message"]


def test_a_stub_has_no_teacher(
    contract_of: ContractOf, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    def lonely(topic: str) -> Email:
        raise NotImplementedError

    configure(mode="record")
    contract = contract_of(lonely, Email, model=MODEL, base_url=server.base_url)
    with caplog.at_level(logging.WARNING, "distilgen"):
        for _ in range(2):
            assert contract.dispatch(Email, topic="a") == Email(subject="A")
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert "distilgen rollout set shop.mail:lonely --mode record" in said[0]
