"""A student is served what it was trained on, and every way to fail says what to do."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import inspect
import json
import multiprocessing
import socket
import subprocess
import sys
import textwrap
import threading
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from openai_server import OpenAIServer, Request, Response, completion, error, replay
from pydantic import BaseModel, Field

from distilgen.contract import canonical_json
from distilgen.errors import (
    DispatchError,
    InvalidAnswerError,
    MissingCredentialsError,
    ModelUnavailableError,
)
from distilgen.records.files import read
from distilgen.records.record import Record
from distilgen.rows import openai_tools
from distilgen.runtime import Contract, clients, configure

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Contract]
MODEL = "ft:small:shop"


class Item(BaseModel):
    sku: str = Field(alias="stockKeepingUnit")
    price: float = 0.1


class Email(BaseModel):
    subject: str
    at: dt.datetime | None = None
    items: list[Item] = []
    labels: set[str] = set()


class Refusal(BaseModel):
    kind: Literal["refusal"] = "refusal"
    why: str


@dataclass
class Customer:
    name: str
    tags: frozenset[str]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")


# What it is served


def compose(topic: str, *, urgent: bool = False) -> Email:
    """Write an email about “topic”."""
    at = dt.datetime(2026, 11, 3, 1, 2, 3, 4, tzinfo=dt.UTC) if urgent else None
    return Email(subject=topic, at=at, labels={"b", "a", topic})


def nothing() -> Email:
    return Email(subject="")


def maybe(topic: str | None) -> Email | None:
    return Email(subject=topic) if topic else None


def several(topics: list[str]) -> list[Email]:
    return [Email(subject=topic) for topic in topics]


def either(topic: str) -> Email | Refusal:
    return Email(subject=topic) if topic else Refusal(why="no topic")


def exact(value: float) -> dict[str, Decimal]:
    return {"value": Decimal(repr(value)), "long": Decimal("0.12345678901234567890123")}


def scalar(value: float) -> float:
    return value


def many(first: int, /, *rest: int, key: str = "{arguments}", **more: float) -> Email:
    return Email(subject=f"{first}{rest}{key}{more}")


def order(item: Item, customer: Customer, when: dt.date) -> Item:
    return Item(stockKeepingUnit=f"{item.sku}{customer.name}{when}", price=item.price)


CALLS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (compose, ("a",), {}),
    (compose, ('ünï\u2028 \U0001f600 "quoted" \\ \x00 \x7f',), {"urgent": True}),
    (compose, ("{arguments} {call}",), {}),
    (nothing, (), {}),
    (maybe, (None,), {}),
    (maybe, ("a",), {}),
    (several, ([],), {}),
    (several, (["a", "b"],), {}),
    (either, ("",), {}),
    (either, ("a",), {}),
    (exact, (0.1,), {}),
    (scalar, (1e22,), {}),
    (scalar, (0.1,), {}),
    (scalar, (-0.0,), {}),
    (scalar, (5e-324,), {}),
    (scalar, (1.7976931348623157e308,), {}),
    (many, (1,), {}),
    (many, (10**30, 2, 3), {"key": "k", "z": 1.5, "a": 1e-7}),
    (
        order,
        (Item(stockKeepingUnit="a"), Customer("ann", frozenset("cab")), dt.date(2026, 11, 3)),
        {},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("teacher", "args", "kwargs"),
    CALLS,
    ids=[f"{teacher.__name__}-{place}" for place, (teacher, _, _) in enumerate(CALLS)],
)
@pytest.mark.parametrize("user_message", ["{arguments}", "Return `{call}` for {arguments}"])
def test_train_is_serve(
    teacher: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    user_message: str,
    contract_of: ContractOf,
    folder: Path,
) -> None:
    contract = contract_of(teacher, user_message=user_message)
    result = contract.record(teacher)(*args, **kwargs)
    (record,) = read(folder)
    assert isinstance(record, Record)
    row = json.loads(canonical_json(openai_tools(contract, record.arguments, record.result)))

    with OpenAIServer(replay([row], MODEL)) as server:
        served = replace(contract, model=MODEL, base_url=server.base_url)
        given = passed(served, teacher, args, kwargs)
        answers = [served.dispatch(*given[0], **given[1])]
        answers.append(asyncio.run(served.adispatch(*given[0], **given[1])))
    assert answers == [result, result]
    assert [type(answer) for answer in answers] == [type(result)] * 2
    assert repr(answers[0]) == repr(result) or isinstance(result, Email)  # -0.0 is not 0.0
    for request in server.requests:
        sent = request.json()
        for part in ("messages", "tools"):
            trained = row[part][:-1] if part == "messages" else row[part]
            assert f'"{part}":{canonical_json(trained)}'.encode() in request.body
        assert sent["parallel_tool_calls"] == row["parallel_tool_calls"]
        assert sent["tool_choice"] == {"type": "function", "function": {"name": "Answer"}}
        assert sent["model"] == MODEL
        assert set(sent) == {"model", "messages", "tools", "parallel_tool_calls", "tool_choice"}


def passed(
    contract: Contract, teacher: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any], dict[str, Any]]:
    """What a stub hands to `dispatch`: the return type, and every parameter by its name."""
    bound = inspect.signature(teacher).bind(*args, **kwargs)
    bound.apply_defaults()
    given = {name: bound.arguments[name] for name in contract.parameters}
    return (typing.get_type_hints(teacher)["return"],), given


# Answers that are none


TOOL = "Answer"
GOOD = '{"subject":"a"}'


def body(**changes: Any) -> dict[str, Any]:
    """A good answer, but for what is changed in its message or its choice."""
    answer = completion(MODEL, TOOL, GOOD)
    choice = answer["choices"][0]
    for key, value in changes.items():
        (choice if key == "finish_reason" else choice["message"])[key] = value
    return answer


def tool_calls(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": f"{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(pairs)
    ]


@dataclass(frozen=True)
class Bad:
    """An answer, what the error says of it, and the raw text that it carries."""

    response: dict[str, Any] | bytes
    message: str
    answer: str | None
    headers: tuple[tuple[str, str], ...] = ()


BAD = {
    "truncated": Bad(
        completion(MODEL, TOOL, '{"subj', finish_reason="length"),
        "was cut off at its token limit",
        '{"subj',
    ),
    "truncated text": Bad(
        completion(MODEL, None, "", finish_reason="length", content="Dear"),
        "was cut off at its token limit",
        "Dear",
    ),
    "refusal": Bad(
        completion(MODEL, None, "", finish_reason="stop", refusal="I will not."),
        "refused: I will not.",
        "I will not.",
    ),
    "no tool call": Bad(
        completion(MODEL, None, "", finish_reason="stop", content="Dear Ann"),
        "was to call the tool Answer once; it called none",
        "Dear Ann",
    ),
    "filtered": Bad(
        completion(MODEL, None, "", finish_reason="content_filter"),
        "was stopped by the host's content filter",
        None,
    ),
    "wrong tool": Bad(completion(MODEL, "Other", "{}"), "it called Other", "{}"),
    "two calls": Bad(
        body(tool_calls=tool_calls((TOOL, GOOD), (TOOL, "{}"))),
        "it called Answer, Answer",
        f"{GOOD}\n{{}}",
    ),
    "no JSON": Bad(
        completion(MODEL, TOOL, "Dear Ann"), "no valid Answer: Invalid JSON", "Dear Ann"
    ),
    "half JSON": Bad(
        completion(MODEL, TOOL, '{"subject":'), "no valid Answer: Invalid JSON", '{"subject":'
    ),
    "not valid": Bad(
        completion(MODEL, TOOL, '{"subject":"a","items":[{"price":1}]}'),
        "no valid Answer: items.0.stockKeepingUnit: Field required",
        '{"subject":"a","items":[{"price":1}]}',
    ),
    "a list": Bad(completion(MODEL, TOOL, "[]"), "no valid Answer: Input should be an", "[]"),
    "half of a character": Bad(
        completion(MODEL, TOOL, '{"subject":"\ud800"}'), "no valid Answer", '{"subject":"\ud800"}'
    ),
    "no choices": Bad(
        {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": []},
        "answered with no completion",
        None,
    ),
    "an error with status 200": Bad(
        {"error": {"message": "overloaded", "code": 502}}, "answered with no completion", None
    ),
    "a web page": Bad(
        b"<html>Welcome</html>",
        "answered with no completion; is --base-url right?",
        "<html>Welcome</html>",
        (("Content-Type", "text/html"),),
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("ask", ["dispatch", "adispatch"])
def test_an_answer_that_is_none(name: str, ask: str, contract_of: ContractOf) -> None:
    bad = BAD[name]
    with OpenAIServer(lambda _: Response(200, bad.response, dict(bad.headers))) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        with pytest.raises(InvalidAnswerError) as caught:
            call(contract, ask, Email, topic="a", urgent=False)
    message = str(caught.value)
    assert message.startswith(f"shop.mail:compose: {MODEL} ")
    assert bad.message in message
    assert "`distilgen rollout set shop.mail:compose --mode record` puts its body back" in message
    assert caught.value.answer == bad.answer


def call(contract: Contract, ask: str, returns: Any, **arguments: Any) -> Any:
    if ask == "adispatch":
        return asyncio.run(contract.adispatch(returns, **arguments))
    return contract.dispatch(returns, **arguments)


@pytest.mark.parametrize("text", ['{"answer":[]}', "[]", "null", '{"result":[{}]}', "["])
def test_a_wrapped_answer_that_is_none(text: str, contract_of: ContractOf) -> None:
    with OpenAIServer(lambda _: Response(body=completion(MODEL, TOOL, text))) as server:
        contract = contract_of(several, model=MODEL, base_url=server.base_url)
        with pytest.raises(InvalidAnswerError, match="no valid Answer") as caught:
            contract.dispatch(list[Email], topics=[])
    assert caught.value.answer == text


def test_deep_nonsense_is_an_invalid_answer(contract_of: ContractOf) -> None:
    text = '{"result":' + "[" * 100_000
    with OpenAIServer(lambda _: Response(body=completion(MODEL, TOOL, text))) as server:
        contract = contract_of(several, model=MODEL, base_url=server.base_url)
        with pytest.raises(InvalidAnswerError):
            contract.dispatch(list[Email], topics=[])


def test_a_second_tool_beside_the_right_one_is_ignored(contract_of: ContractOf) -> None:
    answer = body(tool_calls=tool_calls(("Other", "{}"), (TOOL, GOOD)), finish_reason="stop")
    with OpenAIServer(lambda _: Response(body=answer)) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        assert contract.dispatch(Email, topic="a", urgent=False) == Email(subject="a")


# Servers that do not answer


@pytest.mark.parametrize("ask", ["dispatch", "adispatch"])
def test_without_a_key(ask: str, contract_of: ContractOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    contract = contract_of(compose, model=MODEL)
    with pytest.raises(MissingCredentialsError) as caught:
        call(contract, ask, Email, topic="a", urgent=False)
    setting = "async_client" if ask == "adispatch" else "client"
    assert str(caught.value) == (
        "shop.mail:compose: no API key: set OPENAI_API_KEY (to any text, where the server wants "
        f"none), or bring your own client with distilgen.configure({setting}=…)"
    )
    assert caught.value.__context__ is None


def test_without_a_model(contract_of: ContractOf) -> None:
    with pytest.raises(DispatchError, match="no model; run `distilgen dispatch --model …`"):
        contract_of(compose).dispatch(Email, topic="a", urgent=False)


@pytest.mark.parametrize(
    ("response", "kind", "words"),
    [
        (
            error(404, "The model `x` does not exist", "model_not_found"),
            ModelUnavailableError,
            ["is not known to", "The model `x` does not exist", "--model", "--base-url"],
        ),
        (
            error(401, "Incorrect API key", "invalid_api_key"),
            MissingCredentialsError,
            ["refuses the key", "Incorrect API key", "check OPENAI_API_KEY"],
        ),
        (
            error(403, "Not for you", "not_allowed"),
            ModelUnavailableError,
            ["refuses us", "Not for you", "still serves this model"],
        ),
        (error(400, "Too long", "context_length_exceeded"), DispatchError, ["Too long"]),
        (error(429, "Slow down", "rate_limit_exceeded"), DispatchError, ["Slow down"]),
        (error(500, "Sorry", "internal"), DispatchError, ["answered: Sorry"]),
        (
            Response(502, b"Bad gateway", {"Content-Type": "text/plain"}),
            DispatchError,
            ["answered: "],
        ),
    ],
    ids=["404", "401", "403", "400", "429", "500", "502"],
)
@pytest.mark.parametrize("ask", ["dispatch", "adispatch"])
def test_a_server_that_says_no(
    response: Response, kind: type[DispatchError], words: list[str], ask: str,
    contract_of: ContractOf,
) -> None:  # fmt: skip
    with OpenAIServer(lambda _: response) as server:
        contract = contract_of(compose, model=MODEL)
        with pytest.raises(DispatchError) as caught:
            ask_once(contract, ask, server.base_url)
        assert len(server.requests) == 1
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, openai.APIError)
    message = str(caught.value)
    for word in [f"shop.mail:compose: {MODEL}", server.base_url, "`distilgen rollout set ", *words]:
        assert word in message


def ask_once(contract: Contract, ask: str, base_url: str, timeout: float = 30) -> None:
    """A call through a client of the user's, which tries once."""
    if ask == "dispatch":
        with openai.OpenAI(base_url=base_url, max_retries=0) as client:
            configure(client=client, timeout=timeout)
            contract.dispatch(Email, topic="a", urgent=False)
        return

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=base_url, max_retries=0) as client:
            configure(async_client=client, timeout=timeout)
            await contract.adispatch(Email, topic="a", urgent=False)

    asyncio.run(main())


@pytest.mark.parametrize("ask", ["dispatch", "adispatch"])
def test_a_server_that_is_not_there(ask: str, contract_of: ContractOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(DispatchError) as caught:
        ask_once(contract_of(compose, model=MODEL), ask, base_url)
    assert f"cannot reach {base_url}" in str(caught.value)
    assert "`distilgen rollout set " in str(caught.value)


@pytest.mark.parametrize("ask", ["dispatch", "adispatch"])
def test_a_server_that_takes_too_long(ask: str, contract_of: ContractOf) -> None:
    enough = threading.Event()

    def wait(_: Request) -> Response:
        enough.wait(30)
        return error(500, "too late", None)

    with OpenAIServer(wait) as server:
        try:
            with pytest.raises(DispatchError) as caught:
                ask_once(contract_of(compose, model=MODEL), ask, server.base_url, 0.05)
        finally:
            enough.set()
    assert "in 0.05 seconds; give it more with DISTILGEN_TIMEOUT" in str(caught.value)


def test_an_argument_without_json_form_is_not_sent(contract_of: ContractOf) -> None:
    with OpenAIServer(lambda _: Response(body=body())) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        with pytest.raises(DispatchError, match="the argument topic holds a value that has no"):
            contract.dispatch(Email, topic=object(), urgent=False)
        assert server.requests == []


def test_what_the_client_itself_raises_is_told(contract_of: ContractOf) -> None:
    client = Surprising()
    configure(client=client)
    client.is_broken = True
    contract = contract_of(compose, model=MODEL)
    with pytest.raises(DispatchError, match="raised TypeError: surprise") as caught:
        contract.dispatch(Email, topic="a", urgent=False)
    assert isinstance(caught.value.__cause__, TypeError)


class Surprising:
    """A client that somebody wrapped badly."""

    base_url = ""

    is_broken = False

    @property
    def chat(self) -> Any:
        if self.is_broken:
            raise TypeError("surprise")
        return openai.OpenAI().chat


# Clients


def test_a_client_is_shared_by_threads(contract_of: ContractOf) -> None:
    barrier = threading.Barrier(8)
    answers: list[Email] = []

    def ask() -> None:
        barrier.wait()
        answers.append(contract.dispatch(Email, topic="a", urgent=False))

    with OpenAIServer(lambda _: Response(body=body())) as server:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(clients._clients) == [(server.base_url, None)]
    assert answers == [Email(subject="a")] * 8


def test_a_client_is_kept_for_each_server(contract_of: ContractOf) -> None:
    with (
        OpenAIServer(lambda _: Response(body=body())) as one,
        OpenAIServer(lambda _: Response(body=body())) as two,
    ):
        for server in (one, two, one):
            contract = contract_of(compose, model=MODEL, base_url=server.base_url)
            contract.dispatch(Email, topic="a", urgent=False)
    assert [len(server.requests) for server in (one, two)] == [2, 1]
    assert len(clients._clients) == 2


def test_the_servers_address_may_come_from_the_environment(
    contract_of: ContractOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer(lambda _: Response(body=body())) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        contract_of(compose, model=MODEL).dispatch(Email, topic="a", urgent=False)
        assert server.requests[0].headers["authorization"] == "Bearer test"


def test_a_configured_client_is_the_one_that_asks(contract_of: ContractOf) -> None:
    with OpenAIServer(lambda _: Response(body=body())) as server:
        contract = contract_of(compose, model=MODEL, base_url="http://127.0.0.1:1/v1")
        with openai.OpenAI(base_url=server.base_url, api_key="mine") as client:
            configure(client=client)
            contract.dispatch(Email, topic="a", urgent=False)
        assert server.requests[0].headers["authorization"] == "Bearer mine"
    assert not clients._clients


def test_an_async_client_ends_with_its_event_loop(contract_of: ContractOf) -> None:
    async def ask() -> list[Any]:
        contract = contract_of(compose, model=MODEL, base_url=server.base_url)
        questions = (contract.adispatch(Email, topic="a", urgent=False) for _ in range(3))
        answers = await asyncio.gather(*questions)
        ((client, _),) = clients._async_clients[asyncio.get_running_loop()].values()
        known.append(client.client)
        return answers

    known: list[Any] = []
    with OpenAIServer(lambda _: Response(body=body())) as server:
        for _ in range(2):
            assert asyncio.run(ask()) == [Email(subject="a")] * 3
            assert not clients._async_clients
    assert known[0] is not known[1]
    assert all(client.is_closed() for client in known)
    known.clear()
    gc.collect()  # a connection left open would warn


FORKED = """
import multiprocessing, os, sys
from pydantic import BaseModel
from distilgen.runtime import Contract, clients

class Email(BaseModel):
    subject: str

contract = Contract(
    function="shop.mail:compose", fingerprint="f", system_prompt="", user_message="{arguments}",
    tool={"name": "Answer", "parameters": {}}, inputs={"properties": {"topic": {}}}, model="m",
    base_url=sys.argv[1],
)

def ask(topic):
    assert bool(clients._clients) is asked, "a child asks through a client of its own"
    for _ in range(20):
        answer = contract.dispatch(Email, topic=topic)
        assert answer.subject == topic, (answer, topic)

if __name__ == "__main__":
    asked = False
    ask("parent")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=ask, args=(name,)) for name in ("one", "two")]
    for child in children:
        child.start()
    asked = True
    ask("parent")
    for child in children:
        child.join()
    sys.exit(any(child.exitcode for child in children))
"""


def test_a_fork_does_not_share_its_parents_connection() -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork")

    def echo(request: Request) -> Response:
        topic = json.loads(request.json()["messages"][1]["content"])["topic"]
        return Response(body=completion("m", TOOL, {"subject": topic}))

    with OpenAIServer(echo) as server:
        subprocess.run([sys.executable, "-c", FORKED, server.base_url], check=True, timeout=60)
        assert len(server.requests) == 80


def test_openai_is_imported_by_the_first_question_only() -> None:
    program = """
        import sys
        from distilgen.runtime import Contract, student
        import distilgen.runtime.stubs
        assert "openai" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)
