"""What a rollout must not do at its edges: leak, wait for itself, ask the wrong server, or count
what nobody answered.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import openai
import pytest
from openai_server import OpenAIServer, Request, Response, completion, error
from pydantic import BaseModel, field_validator

import distilgen
from distilgen.errors import DispatchError, DispatchTimeoutError
from distilgen.runtime import Contract, Sensitive, beside, clients, configure, limits

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Contract]
Records = Callable[[], list[dict[str, Any]]]
MODEL = "ft:small:shop"


class Email(BaseModel):
    subject: str


def plain(topic: str) -> Email:
    return Email(subject=f"teacher {topic}")


def fine(_: Request) -> Response:
    return Response(body=completion(MODEL, "Answer", {"subject": "student"}))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-itself")
    configure(retries=0, reasks=0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(fine) as running:
        yield running
        beside.drain(10)


# What must not be told


@pytest.mark.parametrize("mode", ["shadow", "fallback"])
def test_what_is_hidden_is_hidden_in_failures_too(
    mode: str, contract_of: ContractOf, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    def lives(addr: Annotated[str, Sensitive("address")]) -> Email:
        return Email(subject=f"teacher of {addr}")

    def quote(request: Request) -> Response:
        said = json.loads(request.json()["messages"][1]["content"])["addr"]
        return error(400, f"cannot parse: {said}", None)

    with OpenAIServer(quote) as server:
        contract = contract_of(lives, model=MODEL, base_url=server.base_url)
        getattr(contract, mode)(lives)("12 Main Street\nBerlin  10115")
        beside.drain(10)
    told = json.dumps(records()) + caplog.text
    assert "[ADDRESS_1]" in told
    assert not [part for part in ("Main", "Berlin", "10115") if part in told]
    assert "DispatchError 400" in caplog.text


def test_keys_and_passwords_are_not_repeated(
    contract_of: ContractOf, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    def repeat(request: Request) -> Response:
        return error(401, f"Invalid key: {request.headers['authorization']}", "invalid_api_key")

    with OpenAIServer(repeat) as server:
        url = server.base_url.replace("://", "://user:hunter22@")
        contract = contract_of(plain, model=MODEL, base_url=url)
        contract.fallback(plain)("a")
        with pytest.raises(DispatchError) as caught:
            contract.dispatch(Email, topic="a")
    told = json.dumps(records()) + caplog.text + str(caught.value)
    assert "hunter22" not in told
    assert "sk-of-openai" not in told


def test_another_hosts_accounts_are_not_sent(
    contract_of: ContractOf, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("HOUSE_KEY", "mine-alone")
    contract = contract_of(plain, model=MODEL, base_url=server.base_url, api_key_env="HOUSE_KEY")
    contract.dispatch(Email, topic="a")
    assert "secret" not in str(server.requests[0].headers)


def test_a_client_for_tasks_alone_asks_nobody_beside(
    contract_of: ContractOf, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    configure(async_client=openai.AsyncOpenAI(api_key="k", base_url="http://127.0.0.1:1/v1"))
    function = contract_of(plain, model=MODEL, base_url=server.base_url).shadow(plain)
    for _ in range(2):
        function("a")
    beside.drain(10)
    assert not server.requests
    assert distilgen.counters()["shop.mail:plain"].unasked == 2
    assert len(caplog.messages) == 1


# What must not stand in the way


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signal_handler_calls_too(server: OpenAIServer) -> None:
    program = PROGRAM.format(
        base_url=server.base_url,
        body="""
        import signal
        configure(sample=0.0)
        function("first")
        signal.signal(signal.SIGALRM, lambda *_: function("handler"))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        ends = time.monotonic() + 1
        while time.monotonic() < ends:
            function("main")
        signal.setitimer(signal.ITIMER_REAL, 0)
    """,
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == 0


PROGRAM = """
import os, sys, textwrap, threading, time
from pydantic import BaseModel
from distilgen.runtime import Contract, configure

class Email(BaseModel):
    subject: str

contract = Contract(
    function="shop.mail:compose", fingerprint="f", system_prompt="", user_message="{{arguments}}",
    tool={{"name": "Answer", "description": "", "parameters": {{"properties": {{}}}}}},
    inputs={{"properties": {{"topic": {{}}}}}}, model="m", base_url="{base_url}",
)

@contract.shadow
def function(topic: str) -> Email:
    return Email(subject=topic)

configure(retries=0, flush_seconds=0.1)
exec(textwrap.dedent('''{body}'''))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_does_not_wait_for_a_student(tmp_path: Path) -> None:
    def slow(_: Request) -> Response:
        time.sleep(3)
        return error(500, "late", None)

    with OpenAIServer(slow) as server:
        program = PROGRAM.format(
            base_url=server.base_url,
            body="""
            function("a")
            time.sleep(1.5)  # by now it is asked, and not answered
            start = time.monotonic()
            if not os.fork():
                os._exit(0)
            os.wait()
            spent = time.monotonic() - start
            sys.exit(f"the fork took {spent:.1f} s" if spent > 1 else 0)
        """,
        )
        environment = {**os.environ, "DISTILGEN_RECORDS": str(tmp_path), "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-c", program], timeout=60, check=False, env=environment,
            capture_output=True, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_loggers_that_raise_are_nobodys_business(contract_of: ContractOf) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise KeyError(record.message)

    handler = Broken()
    logging.getLogger("distilgen").addHandler(handler)
    try:
        contract = contract_of(plain, model=MODEL, base_url="http://127.0.0.1:1/v1")
        assert contract.fallback(plain)("a").subject == "teacher a"
        assert contract_of(plain).canary(plain)("a").subject == "teacher a"
    finally:
        logging.getLogger("distilgen").removeHandler(handler)


def test_a_time_limit_may_end_in_another_context() -> None:
    block = limits.timeout(5)
    contextvars.copy_context().run(block.__enter__)
    contextvars.copy_context().run(block.__exit__, None, None, None)


def test_clients_of_loops_that_nobody_shut_down_go(
    contract_of: ContractOf, server: OpenAIServer
) -> None:
    contract = contract_of(plain, model=MODEL, base_url=server.base_url)
    for _ in range(4):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(contract.adispatch(Email, topic="a"))
        ((client, _),) = clients._async_clients[loop].values()
        loop.run_until_complete(client.client.close())
        loop.close()
        assert len(clients._async_clients) == 1
    clients._async_clients.clear()
    gc.collect()


def test_what_is_sent_to_a_generator_of_the_students(contract_of: ContractOf) -> None:
    def stream(topic: str) -> Iterator[Email]:
        yield Email(subject=topic)

    def answer(_: Request) -> Response:
        return Response(body=completion(MODEL, "Answer", {"result": [{"subject": "a"}] * 2}))

    with OpenAIServer(answer) as both:
        contract = contract_of(stream, list[Email], model=MODEL, base_url=both.base_url)
        items: Any = contract.fallback(stream)("a")
        assert next(items) == Email(subject="a")
        assert items.send("something") == Email(subject="a")


# Who is asked, and who is not


def test_a_contract_of_an_older_function(
    contract_of: ContractOf, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    def renamed(text: str) -> Email:
        return Email(subject=f"teacher {text}")

    contract = contract_of(plain, model=MODEL, base_url=server.base_url)
    assert contract.fallback(renamed)("a").subject == "teacher a"
    assert not server.requests
    assert "instrument it again" in caplog.text


def test_equal_calls_go_the_same_way_whatever_the_order_of_keys(
    contract_of: ContractOf, server: OpenAIServer
) -> None:
    def keyed(topic: dict[str, int]) -> Email:
        return Email(subject=f"teacher of {sorted(topic)}")

    contract = contract_of(keyed, model=MODEL, base_url=server.base_url, share=0.5, pairs=0.0)
    function = contract.canary(keyed)
    for number in range(20):
        one, other = {"a": number, "b": 1}, {"b": 1, "a": number}
        assert function(one) == function(other)


def test_recursion_pairs_the_outermost_call_or_none(
    contract_of: ContractOf, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    function: Any

    def down(topic: int) -> Email:
        return Email(subject="end") if topic == 0 else function(topic - 1)

    configure(nested="outermost")
    draws = iter([0.9, 0.1, 0.9, 0.9])
    monkeypatch.setattr("distilgen.runtime.rollout._random.random", lambda: next(draws))
    function = contract_of(down, model=MODEL, base_url=server.base_url, share=0.5).shadow(down)
    function(3)
    beside.drain(10)
    asked = [json.loads(r.json()["messages"][1]["content"]) for r in server.requests]
    assert asked == [{"topic": 2}]


def test_an_operators_mode_has_its_own_share(contract_of: ContractOf, server: OpenAIServer) -> None:
    configure(mode="fallback")
    contract = contract_of(plain, model=MODEL, base_url=server.base_url, share=0.0)
    assert contract.canary(plain)("a").subject == "student"


# What counts


def test_a_kept_answer_is_no_probe(contract_of: ContractOf) -> None:
    configure(cache="memory")
    is_down = False

    def answer(request: Request) -> Response:
        return error(500, "down", None) if is_down else fine(request)

    with OpenAIServer(answer) as server:
        contract = contract_of(
            plain, model=MODEL, base_url=server.base_url, max_failures=0.1, pause=0.2, pairs=0.0
        )
        function = contract.fallback(plain)
        assert function("kept").subject == "student"
        is_down = True
        for number in range(3):
            function(str(number))
        assert function("kept").subject == "teacher kept"  # it is open
        time.sleep(0.25)
        assert function("kept").subject == "student"  # a probe that asks nobody
        count = len(server.requests)
        function("again")
        assert len(server.requests) == count + 1  # the next one is the probe
        function("again")
        assert len(server.requests) == count + 1


def test_a_kept_answer_that_is_none_any_more_is_asked_for_again(
    contract_of: ContractOf, server: OpenAIServer
) -> None:
    class Loud(BaseModel):
        subject: str

        @field_validator("subject")
        @classmethod
        def _check(cls, value: str) -> str:
            if strict and value != "LOUD":
                raise ValueError("too quiet")
            return value

    strict = False
    configure(cache="memory")
    contract = contract_of(plain, Email, model=MODEL, base_url=server.base_url)
    contract.dispatch(Loud, topic="a")
    strict = True
    for _ in range(2):
        with pytest.raises(DispatchError, match="too quiet"):
            contract.dispatch(Loud, topic="a")
    assert len(server.requests) == 3


def test_servers_have_answers_of_their_own(contract_of: ContractOf, server: OpenAIServer) -> None:
    configure(cache="memory")
    contract = contract_of(plain, model=MODEL)
    with OpenAIServer(fine) as other:
        for one in (server, other, server):
            with openai.OpenAI(base_url=one.base_url) as client:
                configure(client=client, debug=False)
                contract.dispatch(Email, topic="a")
        assert (len(server.requests), len(other.requests)) == (1, 1)


def test_what_cannot_be_sent_is_no_failure_of_the_student(
    contract_of: ContractOf, server: OpenAIServer
) -> None:
    contract = contract_of(plain, model=MODEL, base_url=server.base_url, max_failures=0.0)
    function: Any = contract.fallback(plain)
    for _ in range(5):
        function(object())
    assert function("a").subject == "student"


def test_the_students_own_records_are_no_calls(
    contract_of: ContractOf, server: OpenAIServer, records: Records
) -> None:
    function = contract_of(plain, model=MODEL, base_url=server.base_url).shadow(plain)
    for _ in range(3):
        function("a")
    beside.drain(10)
    assert len(records()) == 6
    assert distilgen.counters()["shop.mail:plain"].recorded == 3


def test_a_result_that_is_too_large_is_not_compared(
    contract_of: ContractOf, server: OpenAIServer
) -> None:
    def long(topic: str) -> Email:
        return Email(subject=topic * 2_000)

    configure(limit=1_000)
    contract_of(long, model=MODEL, base_url=server.base_url).shadow(long)("a")
    beside.drain(10)
    assert not server.requests
    assert distilgen.counters()["shop.mail:long"].unasked == 1


def test_who_has_time_left_does_not_fail_with_one_who_has_not(
    contract_of: ContractOf,
) -> None:
    configure(join=True)

    def slow(request: Request) -> Response:
        time.sleep(1.0)
        return fine(request)

    async def hasty(contract: Contract) -> None:
        with distilgen.timeout(0.3), pytest.raises(DispatchTimeoutError):
            await contract.adispatch(Email, topic="a")

    async def patient(contract: Contract) -> Email:
        await asyncio.sleep(0.1)
        return await contract.adispatch(Email, topic="a")

    async def main() -> Email:
        contract = contract_of(plain, model=MODEL, base_url=running.base_url)
        _, answer = await asyncio.gather(hasty(contract), patient(contract))
        return answer

    with OpenAIServer(slow) as running:
        assert asyncio.run(main()) == Email(subject="student")


def test_a_cancelled_probe_is_free_again(contract_of: ContractOf) -> None:
    async def teacher(topic: str) -> Email:
        return Email(subject=f"teacher {topic}")

    is_down = True
    function: Any

    def answer(request: Request) -> Response:
        if is_down:
            return error(500, "down", None)
        time.sleep(0.5)
        return fine(request)

    async def main() -> None:
        nonlocal is_down
        for _ in range(3):
            await function("a")
        is_down = False
        await asyncio.sleep(0.25)
        probe = asyncio.create_task(function("a"))
        await asyncio.sleep(0.2)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert (await function("a")).subject == "student"

    with OpenAIServer(answer) as server:
        contract = contract_of(
            teacher, model=MODEL, base_url=server.base_url, max_failures=0.1, pause=0.2, pairs=0.0
        )
        function = contract.fallback(teacher)
        asyncio.run(main())
