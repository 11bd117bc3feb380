"""Records know the span that they were made in, and a call may be a span of its own."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode
from pydantic import BaseModel

from distilgen.runtime import Contract, configure

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Contract]
Records = Callable[[], list[dict[str, Any]]]


class Email(BaseModel):
    subject: str


class Keeping(SpanProcessor):
    """Keeps the spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.broken = False

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)
        if self.broken:
            raise OSError("no exporter")


@pytest.fixture(scope="module")
def processor() -> Keeping:
    """The program's OpenTelemetry, which can be set up once."""
    keeping = Keeping()
    provider = TracerProvider()
    provider.add_span_processor(keeping)
    trace.set_tracer_provider(provider)
    return keeping


@pytest.fixture
def spans(processor: Keeping) -> Iterator[list[ReadableSpan]]:
    """Those that ended in this test."""
    processor.spans.clear()
    processor.broken = False
    empty = context.get_current()
    yield processor.spans
    assert context.get_current() == empty, "a span was left active"


tracer = trace.get_tracer("tests")


def ids(span: Any) -> dict[str, str]:
    """What a record says of a span."""
    found = span.get_span_context()
    return {"trace_id": f"{found.trace_id:032x}", "span_id": f"{found.span_id:016x}"}


def ids_of(record: dict[str, Any]) -> dict[str, str]:
    return {name: record[name] for name in ("trace_id", "span_id") if name in record}


def compose(topic: str) -> Email:
    seen.append(trace.get_current_span())
    with tracer.start_as_current_span("inner"):
        seen.append(trace.get_current_span())
    if topic == "bad":
        raise ValueError(topic)
    return Email(subject=topic)


async def acompose(topic: str) -> Email:
    await asyncio.sleep(0)
    return compose(topic)


def stream(topic: str) -> Iterator[Email]:
    with tracer.start_as_current_span("around"):
        yield compose(topic)
        seen.append(trace.get_current_span())
        yield Email(subject="b")


async def astream(topic: str) -> AsyncIterator[Email]:
    with tracer.start_as_current_span("around"):
        yield compose(topic)
        await asyncio.sleep(0)
        seen.append(trace.get_current_span())
        yield Email(subject="b")


seen: list[Any] = []
KINDS: list[Callable[..., Any]] = [compose, acompose, stream, astream]


async def items(made: AsyncIterator[Email], between: Callable[[], None]) -> list[Email]:
    found = []
    async for email in made:
        between()
        found.append(email)
    return found


def called(function: Callable[..., Any], topic: str, between: Callable[[], None]) -> None:
    """Call it to its end. between: is called wherever the caller runs meanwhile."""
    if function.__name__ == "compose":
        function(topic)
    elif function.__name__ == "acompose":
        asyncio.run(function(topic))
    elif function.__name__ == "stream":
        for _ in function(topic):
            between()
    else:
        asyncio.run(items(function(topic), between))
    between()


@pytest.mark.parametrize("function", KINDS)
def test_a_record_names_the_active_span(
    function: Callable[..., Any],
    contract_of: ContractOf,
    records: Records,
    spans: list[ReadableSpan],
) -> None:
    recorded = contract_of(function, Email).record(function)
    called(recorded, "a", lambda: None)
    with tracer.start_as_current_span("outer") as outer:
        called(recorded, "b", lambda: None)
        with contextlib.suppress(ValueError):
            called(recorded, "bad", lambda: None)
    called(recorded, "c", lambda: None)
    assert [ids_of(record) for record in records()] == [{}, ids(outer), ids(outer), {}]
    assert not [span for span in spans if span.name.startswith("shop.mail")]


@pytest.mark.parametrize("function", KINDS)
@pytest.mark.parametrize("within", [True, False])
def test_a_call_is_a_span_where_it_is_wanted(
    function: Callable[..., Any],
    within: bool,
    contract_of: ContractOf,
    records: Records,
    spans: list[ReadableSpan],
) -> None:
    contract = contract_of(function, Email)
    configure(spans=True)
    recorded = contract.record(function)
    between: list[Any] = []
    seen.clear()
    around = tracer.start_as_current_span("outer") if within else contextlib.nullcontext()
    with around as outer:
        current = trace.get_current_span()
        called(recorded, "a", lambda: between.append(trace.get_current_span()))
    (span,) = (one for one in spans if one.name == contract.function)
    assert set(between) == {current}, "the caller sees its own span"
    assert ids_of(records()[0]) == ids(span)
    assert dict(span.attributes or {}) == {
        "distilgen.function": contract.function,
        "distilgen.contract": contract.fingerprint,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert (span.parent.span_id if span.parent else None) == (
        outer.get_span_context().span_id if outer is not None else None
    )
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time >= span.start_time
    # What the body sees: its own spans, below that of the call.
    by_id = {one.context.span_id: one for one in spans if one.context}
    names = [by_id[one.get_span_context().span_id].name for one in seen]
    streams = function in (stream, astream)
    assert names == (["around", "inner", "around"] if streams else [contract.function, "inner"])
    inner = by_id[seen[1].get_span_context().span_id]
    assert inner.parent is not None
    assert by_id[inner.parent.span_id].name == names[0]


@pytest.mark.parametrize("function", KINDS)
def test_an_error_is_told_by_the_span(
    function: Callable[..., Any],
    contract_of: ContractOf,
    records: Records,
    spans: list[ReadableSpan],
) -> None:
    contract = contract_of(function, Email)
    configure(spans=True)
    with pytest.raises(ValueError, match="bad") as caught:
        called(contract.record(function), "bad", lambda: None)
    (span,) = (one for one in spans if one.name == contract.function)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "bad")
    (event,) = span.events
    assert (event.attributes or {})["exception.type"] == "ValueError"
    assert caught.value.__context__ is None
    assert ids_of(records()[0]) == ids(span)


def test_nested_calls_are_nested_spans(
    contract_of: ContractOf, records: Records, spans: list[ReadableSpan]
) -> None:
    def nest(n: int) -> Email:
        return recorded(n - 1) if n else Email(subject="a")

    configure(spans=True)
    recorded = contract_of(nest).record(nest)
    recorded(2)
    inner, middle, outer = spans
    assert outer.parent is None
    assert [inner.parent, middle.parent] == [middle.context, outer.context]
    assert [ids_of(record) for record in records()] == [ids(inner), ids(middle), ids(outer)]


def test_tasks_keep_their_spans_apart(
    contract_of: ContractOf, records: Records, spans: list[ReadableSpan]
) -> None:
    async def wait(n: int) -> Email:
        await asyncio.sleep(0.001 * (3 - n))
        here = trace.get_current_span().get_span_context()
        return Email(subject=f"{here.span_id:016x}")

    async def drive() -> None:
        with tracer.start_as_current_span("outer") as outer:
            await asyncio.gather(*(recorded(n) for n in range(3)))
            assert trace.get_current_span() is outer

    configure(spans=True)
    recorded = contract_of(wait).record(wait)
    asyncio.run(drive())
    assert len(spans) == 4
    found = records()
    assert len({record["span_id"] for record in found}) == 3
    assert all(record["result"]["subject"] == record["span_id"] for record in found)
    assert len({record["trace_id"] for record in found}) == 1


def test_what_is_not_recorded_is_no_span(
    contract_of: ContractOf, records: Records, spans: list[ReadableSpan]
) -> None:
    configure(spans=True, sample=0)
    contract_of(compose).record(compose)("a")
    assert [span.name for span in spans] == ["inner"]
    assert records() == []


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("function", KINDS)
def test_a_tracer_that_fails_is_nobody_s_affair(
    function: Callable[..., Any],
    contract_of: ContractOf,
    records: Records,
    spans: list[ReadableSpan],
    processor: Keeping,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(spans=True)
    recorded = contract_of(function, Email).record(function)
    monkeypatch.setattr(sys.modules[__name__], "tracer", trace.NoOpTracer())
    processor.broken = True
    called(recorded, "a", lambda: None)
    with pytest.raises(ValueError, match="bad"):
        called(recorded, "bad", lambda: None)
    assert len(records()) == len(spans) == 2


def test_an_exception_that_cannot_say_what_it_is_ends_the_span(
    contract_of: ContractOf, records: Records, spans: list[ReadableSpan]
) -> None:
    def fail() -> Email:
        raise MuteError

    configure(spans=True)
    recorded = contract_of(fail).record(fail)
    with pytest.raises(MuteError):
        recorded()
    assert len(records()) == len(spans) == 1
    assert spans[0].status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("spans", ["", "1"])
@pytest.mark.parametrize("installed", [True, False])
def test_nothing_is_imported_or_missed_that_was_not_asked_for(
    spans: str, installed: bool, tmp_path: Path
) -> None:
    program = """
        import sys
        if not int(sys.argv[1]):
            sys.modules["opentelemetry"] = None
        from pydantic import BaseModel
        from distilgen.runtime import Contract, configure

        class Email(BaseModel):
            subject: str

        configure(records="records", spans=bool(sys.argv[2]))
        contract = Contract(
            function="a:b", fingerprint="c", system_prompt="", user_message="", tool={},
            inputs={"properties": {}},
        )

        @contract.record
        def compose() -> Email:
            return Email(subject="a")

        for _ in range(3):
            compose()
        print("opentelemetry.trace" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(int(installed)), spans],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(bool(spans) and installed)
    written = (tmp_path / "records" / "records-000001.jsonl").read_bytes()
    assert written.count(b"\n") == 3
    assert done.stderr.startswith("no spans: ") == bool(spans and not installed)
    assert done.stderr.count("\n") == bool(spans and not installed)
