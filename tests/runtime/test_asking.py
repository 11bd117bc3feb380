"""Questions: asked again where the answer is none, sent again where they did not get through, in
time; in every form of answer; kept, joined and watched where the settings say so.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from openai_server import OpenAIServer, Request, Response, completion, error
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, Field, ValidationError

import distilgen
from distilgen.contract import ANSWERS
from distilgen.errors import (
    ConfigError,
    DispatchError,
    DispatchTimeoutError,
    InvalidAnswerError,
    ModelUnavailableError,
    UnreachableError,
)
from distilgen.rows import openai_tools
from distilgen.runtime import Contract, Sensitive, configure

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Contract]
MODEL = "ft:small:shop"
ASKS = ["dispatch", "adispatch"]


class Email(BaseModel):
    subject: str
    stars: Annotated[int, Field(ge=1, le=5)] = 3
    tags: dict[str, int] = {}


def compose(topic: str) -> Email:
    """Write an email."""
    return Email(subject=topic)


def several(topic: str) -> list[Email]:
    return [Email(subject=topic)]


def mood(topic: str) -> Literal["good", "bad"] | None:
    return "good" if topic else None


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")


def call(contract: Contract, ask: str, returns: Any = Email, topic: Any = "a") -> Any:
    if ask == "adispatch":
        return asyncio.run(contract.adispatch(returns, topic=topic))
    return contract.dispatch(returns, topic=topic)


class Script:
    """Answers that come one after the other; the last one again and again."""

    def __init__(self, *answers: Response | str | dict[str, Any]) -> None:
        self.answers = list(answers)

    def __call__(self, _: Request) -> Response:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Response):
            return answer
        return Response(
            body=completion(MODEL, "Answer", answer) if isinstance(answer, str) else answer
        )


GOOD = '{"subject":"a"}'
BAD = '{"subject":"a","stars":9}'


# An answer that is none is asked for again


@pytest.mark.parametrize("ask", ASKS)
def test_an_answer_is_corrected(ask: str, contract_of: ContractOf) -> None:
    with OpenAIServer(Script(BAD, GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        assert call(contract, ask) == Email(subject="a")
        first, second = (request.json() for request in server.requests)
    assert second["messages"][:2] == first["messages"]
    quoted, told = second["messages"][2:]
    assert quoted["tool_calls"][0]["function"] == {"name": "Answer", "arguments": BAD}
    assert told["role"] == "tool"
    assert told["tool_call_id"] == quoted["tool_calls"][0]["id"]
    assert "stars: Input should be less than or equal to 5" in told["content"]
    assert "call the tool Answer once" in told["content"]
    assert {**second, "messages": []} == {**first, "messages": []}


@pytest.mark.parametrize(
    ("wrong", "quoted"),
    [
        (completion(MODEL, "Answer", '{"subj', finish_reason="length"), '{"subj'),
        (completion(MODEL, None, "", finish_reason="stop", content="Dear"), "Dear"),
        (completion(MODEL, None, "", finish_reason="stop", refusal="No."), "No."),
        (completion(MODEL, None, "", finish_reason="content_filter"), "…"),
        (completion(MODEL, "Answer", "no JSON"), "no JSON"),
        (completion(MODEL, "Answer", '{"subject":"\ud800"}'), '{"subject":"?"}'),
        (completion(MODEL, "Answer", "x" * 100_000), "x" * 4_000),
    ],
)
def test_what_is_no_json_is_quoted_as_text(
    wrong: dict[str, Any], quoted: str, contract_of: ContractOf
) -> None:
    with OpenAIServer(Script(wrong, GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        assert call(contract, "dispatch") == Email(subject="a")
        said, told = server.requests[1].json()["messages"][2:]
    assert said == {"role": "assistant", "content": quoted}
    assert told["role"] == "user"


def test_each_of_several_tool_calls_is_told(contract_of: ContractOf) -> None:
    wrong = completion(MODEL, "Answer", GOOD)
    call_, other = (wrong["choices"][0]["message"]["tool_calls"] * 2)[:2]
    wrong["choices"][0]["message"]["tool_calls"] = [call_, {**other, "id": "other"}]
    with OpenAIServer(Script(wrong, GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        call(contract, "dispatch")
        quoted, *told = server.requests[1].json()["messages"][2:]
    assert [item["tool_call_id"] for item in told] == [c["id"] for c in quoted["tool_calls"]]
    assert len(told) == 2


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize(
    ("said", "frozen", "asked"), [(None, None, 2), (None, 3, 4), (0, 3, 1), (2, None, 3)]
)
def test_how_often_it_is_asked_again(
    ask: str, said: int | None, frozen: int | None, asked: int, contract_of: ContractOf
) -> None:
    configure(reasks=said)
    with OpenAIServer(Script(BAD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url, reasks=frozen)
        with pytest.raises(InvalidAnswerError) as caught:
            call(contract, ask)
        assert len(server.requests) == asked
    assert caught.value.kind == "invalid"
    assert caught.value.answer == BAD
    assert isinstance(caught.value.error, ValidationError)
    assert caught.value.__cause__ is caught.value.error
    assert str(caught.value.request_id).startswith("chatcmpl-")


def test_a_server_that_takes_no_second_question(contract_of: ContractOf) -> None:
    refusal = error(400, "messages with role 'tool' are not supported", None)
    with OpenAIServer(Script(BAD, refusal)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        with pytest.raises(InvalidAnswerError, match="stars: Input should be less than"):
            call(contract, "dispatch")


# What did not get through is sent again


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_it_is_sent_again(ask: str, status: int, contract_of: ContractOf) -> None:
    busy = Response(status, {"error": {"message": "busy"}}, {"retry-after-ms": "1"})
    with OpenAIServer(Script(busy, busy, GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        assert call(contract, ask) == Email(subject="a")
        assert len(server.requests) == 3


@pytest.mark.parametrize("ask", ASKS)
def test_it_is_sent_as_often_as_the_settings_say(ask: str, contract_of: ContractOf) -> None:
    configure(retries=0)
    with OpenAIServer(Script(error(503, "busy", None), GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        with pytest.raises(DispatchError, match="answered: busy"):
            call(contract, ask)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("header", "count"), [("true", 2), ("false", 1)])
def test_a_server_knows_best(header: str, count: int, contract_of: ContractOf) -> None:
    status = 400 if header == "true" else 503
    said = {"x-should-retry": header, "retry-after": "0.001"}
    with OpenAIServer(Script(Response(status, {"error": {"message": "no"}}, said), GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        if count == 1:
            with pytest.raises(DispatchError, match="answered: no"):
                call(contract, "dispatch")
        else:
            call(contract, "dispatch")
        assert len(server.requests) == count


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("after", ["60", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_nobody_waits_longer_than_the_call_has(
    ask: str, after: str, contract_of: ContractOf
) -> None:
    busy = Response(429, {"error": {"message": "slow down"}}, {"retry-after": after})
    with OpenAIServer(Script(busy)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        start = time.monotonic()
        with pytest.raises(DispatchError, match="slow down"):
            call(contract, ask)
        assert time.monotonic() - start < 30
        assert len(server.requests) == 1


def test_what_openai_closes_is_said(contract_of: ContractOf) -> None:
    with OpenAIServer(Script(error(404, "gone", "model_not_found"))) as server:
        contract = contract_of(compose, model="ft:gpt-4.1-mini:a::b", base_url=server.base_url)
        with pytest.raises(ModelUnavailableError, match="on 14 January 2027"):
            call(contract, "dispatch")


# Time


@pytest.mark.parametrize("ask", ASKS)
def test_who_says_how_long(ask: str, contract_of: ContractOf) -> None:
    enough = threading.Event()

    def wait(_: Request) -> Response:
        enough.wait(30)
        return error(500, "too late", None)

    def refused() -> str:
        with pytest.raises(DispatchTimeoutError) as caught:
            call(contract, ask)
        return str(caught.value)

    with OpenAIServer(wait) as server:
        try:
            contract = contract_of(compose, model=MODEL, base_url=server.base_url, timeout=0.11)
            assert "in 0.11 seconds" in refused()
            configure(timeout=0.12)
            assert "in 0.12 seconds" in refused()
            with distilgen.timeout(0.13):
                assert "in 0.13 seconds" in refused()
        finally:
            enough.set()


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), True])
def test_no_time_at_all(seconds: float) -> None:
    with pytest.raises(ConfigError), distilgen.timeout(seconds):
        pass


def test_an_address_that_is_none(contract_of: ContractOf) -> None:
    contract = contract_of(compose, model=MODEL, base_url="localhost:8000")
    with pytest.raises(UnreachableError):
        call(contract, "dispatch")


# Keys


def test_a_key_of_its_own(contract_of: ContractOf, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(Script(GOOD)) as server:
        contract = contract_of(
            compose, model=MODEL, base_url=server.base_url, api_key_env="NEBIUS_API_KEY"
        )
        with pytest.raises(DispatchError, match="no API key: set NEBIUS_API_KEY"):
            call(contract, "dispatch")  # that of OpenAI is nobody else's business
        monkeypatch.setenv("NEBIUS_API_KEY", "other")
        call(contract, "dispatch")
        call(replace(contract, api_key_env=None), "dispatch")
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer other", "Bearer test"]


# Forms of answers


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize(
    ("teacher", "returns"),
    [(compose, Email), (several, list[Email]), (mood, Literal["good", "bad"] | None)],
)
def test_every_form(
    ask: str, answers: str, teacher: Callable[[str], Any], returns: Any, contract_of: ContractOf
) -> None:
    result = teacher("ü")
    contract = contract_of(teacher, returns, model=MODEL, answers=answers)
    dumped = json.loads(contract_dump(returns, result))
    row = openai_tools(contract, {"topic": "ü"}, dumped)
    said = row["messages"][-1]
    if contract.calls_tool:
        text = said["tool_calls"][0]["function"]["arguments"]
        body = completion(MODEL, "Answer", text)
    else:
        text = said["content"]
        body = completion(MODEL, None, "", finish_reason="stop", content=text)
    with OpenAIServer(Script(body)) as server:
        assert call(replace(contract, base_url=server.base_url), ask, returns, "ü") == result
        sent = server.requests[0].json()
    assert sent["messages"] == row["messages"][:-1]
    if contract.calls_tool:
        assert sent["tools"] == row["tools"]
        assert sent["tools"][0]["function"].get("strict", False) is contract.is_strict
    else:
        assert "tools" not in sent
        assert sent["response_format"]["json_schema"]["strict"] is contract.is_strict


def contract_dump(returns: Any, value: Any) -> bytes:
    from pydantic import TypeAdapter

    return TypeAdapter(returns).dump_json(value)


def test_no_strict_form(contract_of: ContractOf) -> None:
    tool = {
        "name": "Answer",
        "description": "",
        "parameters": {"type": "object", "allOf": [{}, {}]},
    }
    contract = contract_of(compose, model=MODEL, answers="strict-tool", tool=tool)
    with pytest.raises(DispatchError, match=r"has no strict form: .*allOf"):
        call(contract, "dispatch")


# Kept and joined


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_answer_is_kept(ask: str, kind: str, contract_of: ContractOf, tmp_path: Path) -> None:
    configure(cache="memory" if kind == "memory" else f"sqlite:///{tmp_path}/answers.db")
    with OpenAIServer(Script(GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        first, second = call(contract, ask), call(contract, ask)
        assert first == second
        assert first is not second
        assert len(server.requests) == 1
        call(contract, ask, topic="b")
        call(replace(contract, model="other"), ask)
        call(replace(contract, fingerprint="other"), ask)
        assert len(server.requests) == 4


def test_what_is_wrong_is_not_kept(contract_of: ContractOf) -> None:
    configure(cache="memory", reasks=0)
    with OpenAIServer(Script(BAD, GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        with pytest.raises(InvalidAnswerError):
            call(contract, "dispatch")
        assert call(contract, "dispatch") == Email(subject="a")


def test_a_cache_that_is_none() -> None:
    with pytest.raises(ConfigError, match="cache"):
        configure(cache="redis://here")


def test_equal_calls_at_once_ask_once(contract_of: ContractOf) -> None:
    configure(join=True)
    go = threading.Event()

    def slow(_: Request) -> Response:
        go.wait(10)
        return Response(body=completion(MODEL, "Answer", GOOD))

    answers: list[Email] = []
    with OpenAIServer(slow) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        threads = [
            threading.Thread(target=lambda: answers.append(call(contract, "dispatch")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.2)
        go.set()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 1
    assert answers == [Email(subject="a")] * 8
    assert len({id(answer) for answer in answers}) == 8


def test_equal_tasks_ask_once(contract_of: ContractOf) -> None:
    configure(join=True)

    async def main() -> list[Email]:
        return await asyncio.gather(*(contract.adispatch(Email, topic="a") for _ in range(8)))

    with OpenAIServer(Script(GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        assert asyncio.run(main()) == [Email(subject="a")] * 8
        assert len(server.requests) == 1


# Watched


@pytest.mark.parametrize("ask", ASKS)
def test_each_question_is_a_span(ask: str, contract_of: ContractOf) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace._TRACER_PROVIDER = provider
    configure(spans=True, retries=0)
    with OpenAIServer(Script(BAD, GOOD, error(500, "no", None))) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        call(contract, ask)
        with pytest.raises(DispatchError):
            call(contract, ask)
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [f"chat {MODEL}"] * 3
    assert [span.status.is_ok for span in spans] == [True, True, False]
    assert [bool(span.attributes and span.attributes.get("error.type")) for span in spans] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("ask", ASKS)
def test_what_is_asked_and_answered_is_printed(
    ask: str, contract_of: ContractOf, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(debug=True)
    with OpenAIServer(Script(GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        call(contract, ask, topic=Secret(ssn="078-05-1120"))
    said = capsys.readouterr().err
    assert MODEL in said
    assert '"subject"' in said
    assert "078-05-1120" not in said
    assert "test" not in said.replace("tests", "")


class Secret(BaseModel):
    ssn: Annotated[str, Sensitive("ssn")]


# Counted


def test_questions_are_counted(contract_of: ContractOf) -> None:
    configure(reasks=0)
    with OpenAIServer(Script(BAD, GOOD)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        with pytest.raises(InvalidAnswerError):
            call(contract, "dispatch")
        call(contract, "dispatch")
    counts = distilgen.counters()["shop.mail:compose"]
    assert (counts.asked, counts.failed) == (2, 1)
