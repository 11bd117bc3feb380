"""A question to a student is a span, which tells what OpenTelemetry's GenAI conventions ask for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, StatusCode

from distilgen.contract import JSON_SCHEMA, Contract
from distilgen.runtime import asking_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.runtime.asking_span import AskingSpan

SERVER = "https://api.openai.com/v1/"


class Keeping(SpanProcessor):
    """Keeps the spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.broken = False

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        del span, parent_context
        if self.broken:
            raise OSError("no exporter")

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)
        if self.broken:
            raise OSError("no exporter")


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeping]:
    """The program's OpenTelemetry, set up for this test alone."""
    made = Keeping()
    provider = TracerProvider()
    provider.add_span_processor(made)
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    empty = context.get_current()
    yield made
    assert context.get_current() == empty, "a span was left active"
    provider.shutdown()


@pytest.fixture
def asked(contract: Contract) -> Contract:
    return replace(contract, model="ft:small")


def started(contract: Contract, server: str = SERVER) -> AskingSpan:
    span = asking_span.start(contract, server)
    assert span is not None
    return span


def completion(**changes: Any) -> Any:
    usage = SimpleNamespace(prompt_tokens=12, completion_tokens=3)
    choices = [SimpleNamespace(finish_reason="tool_calls")]
    told = {"id": "chatcmpl-1", "model": "ft:small-2", "choices": choices, "usage": usage}
    return SimpleNamespace(**{**told, **changes})


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_an_answer_is_told_by_the_conventions(keeping: Keeping, asked: Contract) -> None:
    span = started(asked)
    with span:
        pass
    span.answered(completion())
    span.end()
    (kept,) = keeping.spans
    assert (kept.name, kept.kind) == ("chat ft:small", SpanKind.CLIENT)
    assert kept.status.status_code is StatusCode.UNSET
    assert told(kept) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "ft:small",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "ft:small-2",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "server.address": "api.openai.com",
        "server.port": 443,
        "distilgen.function": asked.function,
        "distilgen.contract": asked.fingerprint,
    }


@pytest.mark.parametrize(
    ("server", "provider", "address", "port"),
    [
        ("https://api.openai.com/v1", "openai", "api.openai.com", 443),
        ("https://eu.openai.azure.com/openai/v1/", "azure.ai.openai", "eu.openai.azure.com", 443),
        ("http://127.0.0.1:8000/v1", "127.0.0.1", "127.0.0.1", 8000),
        ("http://[::1]/v1", "::1", "::1", 80),
        ("https://me:secret@Models.Example/v1", "models.example", "models.example", 443),
        ("https://openai.azure.com.example/v1", *["openai.azure.com.example"] * 2, 443),
        ("", "openai", None, None),
        ("no url", "openai", None, None),
        ("http://[::1", "openai", None, None),
        ("http://here:many/v1", "openai", None, None),
    ],
)
def test_the_provider_is_told_by_the_address(
    server: str,
    provider: str,
    address: str | None,
    port: int | None,
    keeping: Keeping,
    asked: Contract,
) -> None:
    started(asked, server).end()
    said = told(keeping.spans[0])
    assert said["gen_ai.provider.name"] == provider
    assert (said.get("server.address"), said.get("server.port")) == (address, port)
    assert "secret" not in str(said)


def test_an_answer_that_is_text_is_asked_for_as_json(keeping: Keeping, asked: Contract) -> None:
    started(asked).end()
    started(replace(asked, answers=JSON_SCHEMA)).end()
    assert [told(span).get("gen_ai.output.type") for span in keeping.spans] == [None, "json"]


def test_no_model_no_name(keeping: Keeping, contract: Contract) -> None:
    started(contract).end()
    assert keeping.spans[0].name == "chat"
    assert "gen_ai.request.model" not in told(keeping.spans[0])


class Odd:
    """What no attribute may be asked of."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param("<html>", id="a web page"),
        pytest.param(None, id="nothing"),
        pytest.param(Odd(), id="raises"),
        pytest.param(completion(id=1, model=[], choices=7, usage="much"), id="of other types"),
        pytest.param(completion(choices=[None], usage=None), id="of other types inside"),
    ],
)
def test_a_server_may_send_anything(
    odd: Any, keeping: Keeping, asked: Contract, caplog: pytest.LogCaptureFixture
) -> None:
    span = started(asked)
    span.answered(odd)
    span.end()
    said = told(keeping.spans[0])
    assert not {"gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens"} & set(said)
    assert not caplog.records, "OpenTelemetry warns of attributes of a wrong type"


def test_an_error_is_told_by_its_type_alone(keeping: Keeping, asked: Contract) -> None:
    span = started(asked)
    with pytest.raises(TimeoutError), span:
        raise TimeoutError("hello Maria")
    span.failed(TimeoutError("hello Maria"))
    span.end()
    (kept,) = keeping.spans
    assert (kept.status.status_code, kept.status.description) == (StatusCode.ERROR, None)
    assert told(kept)["error.type"] == "TimeoutError"
    assert not kept.events
    assert "Maria" not in kept.to_json()


def test_a_request_is_below_its_question(keeping: Keeping, asked: Contract) -> None:
    tracer = trace.get_tracer("http")
    with tracer.start_as_current_span("caller"):
        span = started(asked)
        with span, tracer.start_as_current_span("first try"):
            pass
        tracer.start_span("between").end()
        with span, tracer.start_as_current_span("second try"):
            pass
        span.end()
    names = {one.context.span_id: one.name for one in keeping.spans if one.context}
    assert {one.name: names[one.parent.span_id] for one in keeping.spans if one.parent} == {
        "first try": "chat ft:small",
        "between": "caller",
        "second try": "chat ft:small",
        "chat ft:small": "caller",
    }


def test_tasks_keep_their_questions_apart(keeping: Keeping, asked: Contract) -> None:
    tracer = trace.get_tracer("http")

    async def ask(number: int) -> None:
        span = started(replace(asked, model=f"m{number}"))
        with span:
            await asyncio.sleep(0.001 * (3 - number))
            with tracer.start_as_current_span(f"request {number}"):
                await asyncio.sleep(0)
        span.end()

    async def drive() -> None:
        await asyncio.gather(*map(ask, range(3)))

    asyncio.run(drive())
    names = {one.context.span_id: one.name for one in keeping.spans if one.context}
    below = {one.name: names[one.parent.span_id] for one in keeping.spans if one.parent}
    assert below == {f"request {number}": f"chat m{number}" for number in range(3)}


def test_a_coroutine_may_end_in_another_context(keeping: Keeping, asked: Contract) -> None:
    async def ask() -> None:
        with started(asked):
            await asyncio.sleep(0)

    coroutine = ask()
    coroutine.send(None)
    asyncio.run(_closed(coroutine))
    context.attach(context.Context())
    assert not keeping.spans


async def _closed(coroutine: Any) -> None:
    coroutine.close()


def test_a_tracer_that_fails_is_nobody_s_affair(
    keeping: Keeping, asked: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.broken = True
    assert asking_span.start(asked, SERVER) is None
    keeping.broken = False
    span = started(asked)
    keeping.broken = True
    with span:
        span.answered(completion())
        span.failed(OSError())
    span.end()
    monkeypatch.setattr(context, "attach", Odd())
    with span:
        pass


def test_without_opentelemetry_there_is_no_span_and_it_is_said_once() -> None:
    program = """
        import sys
        sys.modules["opentelemetry"] = None
        from distilgen.runtime import Contract, asking_span

        contract = Contract(
            function="a:b", fingerprint="c", system_prompt="", user_message="", tool={},
            inputs={"properties": {}},
        )
        print([asking_span.start(contract, "") for _ in range(3)])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[None, None, None]"
    assert done.stderr.count("no spans: ") == 1
