"""Whatever a student's server does, a caller gets an answer, the teacher's, or an error of ours; in
time, and with nothing left behind.

A fault is what the server says to one question after the other, the last thing again and again.
Each goes through a stub, and through the three modes that keep the teacher, sync and async.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import certifi
import openai
import pytest
from openai_server import completion
from pydantic import BaseModel, field_validator
from raw_server import Connection, RawServer

from distilgen.contract import JSON_SCHEMA, STRICT_TOOL
from distilgen.errors import (
    DispatchError,
    DispatchTimeoutError,
    InvalidAnswerError,
    LowConfidenceError,
    MissingCredentialsError,
    ModelUnavailableError,
    UnreachableError,
)
from distilgen.runtime import Contract, beside, configure, failures, guard as guards

if TYPE_CHECKING:
    from collections.abc import Iterator

ContractOf = Callable[..., Contract]
Reply = Callable[[Connection], None]

MODEL = "ft:small:shop"
ANSWER = "Answer"
SLACK_S = 3.0
SHORT_S = 0.2


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("I have no words")


class NoWordsError(UnprintableError, ValueError):
    pass


class TeacherError(Exception):
    pass


class Email(BaseModel):
    subject: str

    @field_validator("subject")
    @classmethod
    def _checked(cls, subject: str) -> str:
        problems = {"key": KeyError, "unprintable": UnprintableError, "value": NoWordsError}
        if subject in problems:
            raise problems[subject]
        return subject


def compose(topic: object, *, fails: bool = False) -> Email:
    """Write an email about “topic”."""
    assert topic is not None
    if fails:
        raise TeacherError
    return Email(subject="teacher")


async def acompose(topic: object, *, fails: bool = False) -> Email:
    """Write an email about “topic”."""
    await asyncio.sleep(0)
    return compose(topic, fails=fails)


# What a server may say


def reply(body: Any, status: int = 200, *, kind: str = "application/json", **headers: Any) -> Reply:
    """An HTTP answer; `retry_after=1` is the header Retry-After."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {
        "content-type": kind,
        "content-length": len(content),
        "connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in said.items())]
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    def say(connection: Connection) -> None:
        if connection.read():
            connection.send(raw)

    return say


def raw(*pieces: bytes, pause: float = 0.0) -> Reply:
    """These bytes, and then the end of the connection."""

    def say(connection: Connection) -> None:
        connection.read()
        connection.send(*pieces, pause=pause)

    return say


def shout(text: bytes) -> Reply:
    """These bytes, whatever the client says."""

    def say(connection: Connection) -> None:
        connection.send(text)
        connection.wait()

    return say


def reset(text: bytes | None = None) -> Reply:
    """These bytes, and then a reset; None: even before the question is read."""

    def say(connection: Connection) -> None:
        if text is not None:
            connection.read()
            connection.send(text)
        connection.reset()

    return say


def trickle(head: bytes, more: bytes) -> Reply:
    """A byte now and then, for ever."""

    def say(connection: Connection) -> None:
        connection.read()
        connection.send(head)
        connection.trickle(more)

    return say


def silence(connection: Connection) -> None:
    connection.wait()


def problem(status: int, message: str = "No.", **headers: Any) -> Reply:
    return reply({"error": {"message": message, "code": "no"}}, status, **headers)


def called(arguments: Any, name: str = ANSWER, **changes: Any) -> dict[str, Any]:
    """A completion that calls a tool; `changes` of its message, its choice, or itself."""
    made: dict[str, Any] = completion(MODEL, name, "{}")
    choice = made["choices"][0]
    choice["message"]["tool_calls"][0]["function"]["arguments"] = arguments
    for key, value in changes.items():
        place = made if key in made or key == "usage" else choice
        (place if key in place or place is made else choice["message"])[key] = value
    return made


def chunked(text: bytes, size: int) -> list[bytes]:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
STUDENT = Email(subject="student")
GOOD = called('{"subject":"student"}')
GOOD_TEXT = json.dumps(GOOD).encode()
FINE = reply(GOOD)
TWICE = GOOD["choices"][0]["message"]["tool_calls"] * 2
PAGE = b"<html><body>Welcome to nginx!</body></html>"
WRONG = '{"topic":1}'
AGAIN = {"retry_after_ms": "1"}


def without(completion: dict[str, Any], *path: Any) -> dict[str, Any]:
    """A copy that lacks the member at the end of the path."""
    made: dict[str, Any] = json.loads(json.dumps(completion))
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return made


class Client:
    """A client of the program's own, which does as `act` does."""

    def __init__(self, act: Callable[..., Any]) -> None:
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=act))


def raising(error: BaseException) -> tuple[Client, Client]:
    """A client, and an async one."""

    def act(**_: Any) -> Any:
        raise error

    async def aact(**_: Any) -> Any:
        raise error

    return Client(act), Client(aact)


def returning(value: Callable[[], Any]) -> tuple[Client, Client]:
    async def act(**_: Any) -> Any:
        return value()

    return Client(lambda **_: value()), Client(act)


async def nothing() -> None:
    pass


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@dataclass(frozen=True)
class Fault:
    """What is said to the questions of a call, and what comes of it.

    raises: to the caller of a stub, by the exact class; None: it heals, and the student answers.
    kind: of an InvalidAnswerError. asks: how often the server must have been asked. url: of the
    server, `{port}` its port. clients: the program's own. fields: of the contract.
    """

    replies: tuple[Reply, ...] = ()
    raises: type[DispatchError] | None = DispatchError
    kind: str = ""
    asks: int | None = None
    retries: int = 0
    reasks: int = 0
    limit: float = 20.0
    topic: Callable[[], object] = str
    url: str = "http://127.0.0.1:{port}/v1"
    clients: tuple[Any, Any] | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    keyless: bool = False

    @property
    def is_slow(self) -> bool:
        """Does it last as long as it may?"""
        return self.limit < 1


def fault(
    *replies: Reply, raises: type[DispatchError] | None = DispatchError, **more: Any
) -> Fault:
    return Fault(replies, raises, **more)


def slow(*replies: Reply, **more: Any) -> Fault:
    """It would last for ever."""
    return Fault(replies, DispatchTimeoutError, limit=SHORT_S, **more)


def invalid(kind: str, *replies: Any, **more: Any) -> Fault:
    """An answer that is none: a reply, or what is in one."""
    made = tuple(item if callable(item) else reply(item) for item in replies)
    return Fault(made, InvalidAnswerError, kind, **more)


def heals(*replies: Reply, asks: int, **more: Any) -> Fault:
    return Fault(replies, None, asks=asks, **more)


CONNECTION = {
    "refused": fault(raises=UnreachableError, url="http://127.0.0.1:{closed}/v1"),
    "no such host": fault(raises=UnreachableError, url="http://nowhere.invalid/v1"),
    "no url": fault(raises=UnreachableError, url="nowhere"),
    "broken url": fault(raises=UnreachableError, url="http://[::1/v1"),
    "reset before the question is read": fault(reset(), raises=UnreachableError),
    "reset in the headers": fault(reset(HEAD), raises=UnreachableError),
    "reset in the body": fault(
        reset(HEAD + b"content-length: 999\r\n\r\n{"), raises=UnreachableError
    ),
    "closed without a byte": fault(raw(), raises=UnreachableError),
    "closed in the headers": fault(raw(HEAD), raises=UnreachableError),
    "closed in the body": fault(
        raw(HEAD + b"content-length: 999\r\n\r\n{"), raises=UnreachableError
    ),
    "closed between chunks": fault(
        raw(HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"), raises=UnreachableError
    ),
    "body longer than its length": invalid(
        "no-completion", raw(HEAD + b"content-length: 10\r\nconnection: close\r\n\r\n" + GOOD_TEXT)
    ),
    "length that is no number": fault(
        raw(HEAD + b"content-length: many\r\n\r\n" + GOOD_TEXT), raises=UnreachableError
    ),
    "chunks of no size": fault(
        raw(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{\r\n"), raises=UnreachableError
    ),
    "no HTTP": fault(raw(b"220 mail.example.com ESMTP\r\n"), raises=UnreachableError),
    "headers without end": fault(raw(HEAD + b"x-more: " + b"a" * 200_000), raises=UnreachableError),
    "informational for ever": slow(trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "TLS asked of a plain server": fault(
        shout(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        raises=UnreachableError,
        url="https://127.0.0.1:{port}/v1",
    ),
    "gzip that is none": fault(reply(b"no gzip", content_encoding="gzip"), raises=UnreachableError),
    "redirected for ever": fault(
        reply(b"", 307, location="/v1/chat/completions"), raises=UnreachableError
    ),
    "redirected to nowhere": fault(reply(b"", 308, location="http://["), raises=UnreachableError),
    "never answers": slow(silence, retries=9),
    "trickles headers": slow(trickle(HEAD + b"x: ", b"a")),
    "trickles a body": slow(trickle(HEAD + b"content-length: 99999\r\n\r\n", b" ")),
    "trickles chunks": slow(trickle(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n")),
    "trickles an error": slow(
        trickle(b"HTTP/1.1 500 Sorry\r\ncontent-length: 99999\r\n\r\n", b" ")
    ),
    "hangs on the second try": slow(reset(), silence, retries=1),
    "hangs on the second question": slow(reply(called(WRONG)), silence, reasks=1),
    "TLS that never begins": slow(silence, url="https://127.0.0.1:{port}/v1"),
    "slow, but in time": heals(
        raw(
            HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n",
            *chunked(GOOD_TEXT, 60),
            pause=0.005,
        ),
        asks=1,
    ),
    "reset once": heals(reset(), FINE, asks=2, retries=1),
    "reset in the body once": heals(reset(HEAD + b"\r\n{"), FINE, asks=2, retries=2),
    "closed twice": heals(raw(), raw(), FINE, asks=3, retries=2),
    "closed once too often": fault(
        raw(), raw(), raw(), FINE, raises=UnreachableError, asks=3, retries=2
    ),
}

STATUS = {
    "400": fault(problem(400), asks=1, retries=2),
    "401": fault(problem(401), raises=MissingCredentialsError, asks=1, retries=2),
    "403": fault(problem(403), raises=ModelUnavailableError, asks=1, retries=2),
    "404": fault(problem(404), raises=ModelUnavailableError, asks=1, retries=2),
    "404 with a page": fault(reply(PAGE, 404, kind="text/html"), raises=ModelUnavailableError),
    "408": fault(problem(408, **AGAIN), asks=3, retries=2),
    "409": fault(problem(409, **AGAIN), asks=3, retries=2),
    "413": fault(problem(413), asks=1, retries=2),
    "418": fault(problem(418), asks=1, retries=2),
    "422": fault(problem(422), asks=1, retries=2),
    "429, asked to wait longer than there is": fault(
        problem(429, retry_after="60"), asks=1, retries=2
    ),
    "429, asked to wait for a year": fault(problem(429, retry_after="31536000"), asks=1, retries=2),
    "429 until a date that is none": fault(
        problem(429, retry_after="Fri, 31 Dec 99999 23:59:59 GMT"), asks=3, retries=2
    ),
    "429 for no time at all": fault(problem(429, retry_after="nan"), asks=3, retries=2),
    "429 for ever": fault(problem(429, retry_after="inf"), asks=1, retries=2),
    "500": fault(problem(500, **AGAIN), asks=2, retries=1),
    "502 with a page": fault(reply(PAGE, 502, kind="text/html", **AGAIN), asks=2, retries=1),
    "503 always": fault(problem(503, **AGAIN), asks=4, retries=3),
    "500 that says not again": fault(problem(500, x_should_retry="false"), asks=1, retries=2),
    "500 with an error that is a list": fault(reply([1, {}], 500)),
    "500 with an error that is a number": fault(reply({"error": 5}, 500)),
    "500 with words that are none": fault(reply({"error": {"message": {"a": "\ud800"}}}, 500)),
    "500 with half a character": fault(problem(500, "\ud800")),
    "500 with broken JSON": fault(reply(b'{"error": ', 500)),
    "500 with 1 MB": fault(problem(500, "x" * 1_000_000)),
    "302 without a place": fault(reply(b"", 302)),
    "304": fault(reply(b"", 304)),
    "204": invalid("no-completion", reply(b"", 204, content_length="0")),
    "600": fault(reply(b"", 600)),
    "429 once": heals(problem(429, retry_after="0.01"), FINE, asks=2, retries=1),
    "429 until a date": heals(
        problem(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), FINE, asks=2, retries=1
    ),
    "503 once": heals(problem(503, **AGAIN), FINE, asks=2, retries=2),
    "500 and a reset": heals(problem(500, **AGAIN), reset(), FINE, asks=3, retries=2),
    "400 that says again": heals(
        problem(400, x_should_retry="true", **AGAIN), FINE, asks=2, retries=1
    ),
    "a redirect": heals(reply(b"", 307, location="/v1/else"), FINE, asks=2),
}

ODD: dict[str, Any] = {
    "a list": [],
    "a text": "yes",
    "null": None,
    "an error": {"error": {"message": "overloaded", "code": 502}},
    "no choices": {**GOOD, "choices": []},
    "choices an object": {**GOOD, "choices": {}},
    "choices a text": {**GOOD, "choices": "abc"},
    "a choice that is null": {**GOOD, "choices": [None]},
    "a choice that is a list": {**GOOD, "choices": [[]]},
    "message null": called("{}", message=None),
    "message a text": called("{}", message="Hello"),
    "tool_calls a number": called("{}", tool_calls=5),
    "a function that is a text": called("{}", tool_calls=[{"id": "1", "function": "Answer"}]),
}

BODY = {
    **{f"200 with {name}": invalid("no-completion", body) for name, body in ODD.items()},
    "200 with a page": invalid("no-completion", reply(PAGE, kind="text/html")),
    "200 with a page that says it is JSON": invalid("no-completion", reply(PAGE)),
    "200 with nothing": invalid("no-completion", reply(b"")),
    "200 with broken JSON": invalid("no-completion", reply(GOOD_TEXT[:-9])),
    "200 with bytes that are no text": fault(reply(b"\xff\xfe\x00")),
    "200 with an unknown charset": fault(
        reply(GOOD_TEXT, kind="application/json; charset=klingon"), raises=None
    ),
    "200 with deep nonsense": fault(reply(b"[" * 100_000)),
    "200 with an event stream": invalid(
        "no-completion", reply(b"data: {}\n\n", kind="text/event-stream")
    ),
    "tool_calls a text": invalid("no-tool-call", called("{}", tool_calls="abc")),
    "tool_calls of nulls": invalid("no-tool-call", called("{}", tool_calls=[None])),
    "no tool call": invalid("no-tool-call", called("{}", tool_calls=None, content="Dear Ann")),
    "two tool calls": invalid("several-tool-calls", called("{}", tool_calls=TWICE)),
    "the wrong tool": invalid("wrong-tool", called("{}", "Other")),
    "a tool of half a character": invalid("wrong-tool", called("{}", "\ud800"), reasks=1),
    "truncated": invalid("truncated", called('{"subj', finish_reason="length")),
    "refused": invalid("refused", called("{}", tool_calls=None, refusal="I will not.")),
    "refused in no words": invalid("refused", called("{}", tool_calls=None, refusal={"a": 1})),
    "filtered": invalid("filtered", called("{}", finish_reason="content_filter")),
    "arguments an object that is not valid": invalid("invalid", called({"topic": 1})),
    "arguments null": invalid("invalid", called(None)),
    "arguments a number": invalid("invalid", called(5)),
    "no JSON": invalid("invalid-json", called("Dear Ann")),
    "no arguments": invalid("invalid-json", called("")),
    "not valid": invalid("invalid", called(WRONG)),
    "a list for an object": invalid("invalid", called("[]")),
    "half a character": invalid("invalid-json", called('{"subject":"\\ud800"}')),
    "half a character, raw": invalid("invalid", called('{"subject":"\ud800"}')),
    "100,000 brackets": invalid("invalid-json", called("[" * 100_000)),
    "100,000 brackets in the place of a text": invalid(
        "invalid-json", called('{"subject":' + "[" * 100_000)
    ),
    "a number that is too long": invalid("invalid-json", called('{"subject":' + "1" * 5_000 + "}")),
    "a validator that raises KeyError": invalid("invalid", called('{"subject":"key"}')),
    "a validator that raises what has no words": invalid(
        "invalid", called('{"subject":"unprintable"}'), reasks=1
    ),
    "a validator whose ValueError has no words": invalid(
        "invalid", called('{"subject":"value"}'), reasks=1
    ),
    "not valid, however often": invalid("invalid", called(WRONG), reasks=2, asks=3),
    "not valid, and the second question is refused": invalid(
        "invalid", called(WRONG), problem(400), reasks=1, asks=2
    ),
    "not valid, and then the server fails": invalid(
        "invalid", called(WRONG), problem(500), reasks=1, asks=2
    ),
    "not valid, and then the key is refused": fault(
        reply(called(WRONG)), problem(401), raises=MissingCredentialsError, reasks=1, asks=2
    ),
    "brackets, asked again": invalid("invalid-json", called("[" * 100_000), reasks=1, asks=2),
    "strict: no JSON": invalid("invalid-json", called("Dear Ann"), fields={"answers": STRICT_TOOL}),
    "strict: 100,000 brackets": invalid(
        "invalid", called("[" * 100_000), fields={"answers": STRICT_TOOL}
    ),
    "strict: null": invalid("invalid", called("null"), fields={"answers": STRICT_TOOL}),
    "text: none": invalid(
        "no-tool-call", called("{}", content=None), fields={"answers": JSON_SCHEMA}
    ),
    "text: parts": invalid(
        "no-tool-call", called("{}", content=[{"text": "a"}]), fields={"answers": JSON_SCHEMA}
    ),
    "text: not valid": invalid(
        "invalid", called("{}", content=WRONG), fields={"answers": JSON_SCHEMA}, reasks=1, asks=2
    ),
    "5 MB": heals(reply(called(json.dumps({"subject": "x" * 5_000_000}))), asks=1),
    "arguments an object": heals(reply(called({"subject": "student"})), asks=1),
    "no id of the call": heals(
        reply(without(GOOD, "choices", 0, "message", "tool_calls", 0, "id")), asks=1
    ),
    "no reason": heals(reply(without(GOOD, "choices", 0, "finish_reason")), asks=1),
    "no id, no model, no time": heals(reply({"choices": GOOD["choices"]}), asks=1),
    "usage that is none": heals(
        reply(called('{"subject":"student"}', usage={"prompt_tokens": "many"})), asks=1
    ),
    "usage of no kind": heals(reply(called('{"subject":"student"}', usage="much")), asks=1),
    "not valid once": heals(reply(called(WRONG)), FINE, reasks=1, asks=2),
    "truncated once": heals(
        reply(called('{"subj', finish_reason="length")), FINE, reasks=1, asks=2
    ),
    "refused once": heals(
        reply(called("{}", tool_calls=None, refusal="No.")), FINE, reasks=1, asks=2
    ),
    "a web page once": fault(
        reply(PAGE, kind="text/html"), FINE, raises=InvalidAnswerError, reasks=1, asks=1
    ),
    "half a character once": heals(reply(called('{"subject":"\ud800"}')), FINE, reasks=1, asks=2),
    "not valid, and the server tired": heals(
        reply(called(WRONG)), problem(503, **AGAIN), FINE, reasks=1, retries=1, asks=3
    ),
}

PROGRAM = {
    "no key": fault(raises=MissingCredentialsError, keyless=True),
    "no key of its own": fault(
        raises=MissingCredentialsError, fields={"api_key_env": "SHOP_KEY"}, asks=0
    ),
    "a key that is no header": fault(raises=UnreachableError, fields={"api_key_env": "ODD_KEY"}),
    "an argument without JSON": fault(FINE, topic=object, asks=0),
    "an argument of half a character": fault(FINE, topic=lambda: "\ud800", asks=0),
    "an argument that is a circle": fault(FINE, topic=circle, asks=0),
    "a schema without a strict form": fault(
        FINE,
        fields={"answers": STRICT_TOOL, "tool": {"name": ANSWER, "parameters": {"type": 5}}},
        asks=0,
    ),
    "no time": slow(FINE, fields={"timeout": 1e-9}, asks=0),
    "a client that raises": fault(clients=raising(RuntimeError("No."))),
    "a client that raises what has no words": fault(clients=raising(UnprintableError())),
    "a client that raises StopIteration": fault(clients=raising(StopIteration(5))),
    "a client that raises StopAsyncIteration": fault(clients=raising(StopAsyncIteration())),
    "a client that raises several": fault(
        clients=raising(ExceptionGroup("two", [ValueError(), KeyError()]))
    ),
    "a client that raises a DispatchError": fault(clients=raising(DispatchError("mine"))),
    "a client that is out of time": fault(
        raises=DispatchTimeoutError, clients=raising(TimeoutError("mine")), retries=2
    ),
    "a client without money": fault(clients=raising(openai.OpenAIError("no money"))),
    "a client that returns None": invalid("no-completion", clients=returning(lambda: None)),
    "a client that returns a coroutine": invalid("no-completion", clients=returning(nothing)),
    "a client that returns a number": invalid("no-completion", clients=returning(lambda: 5)),
}


FAULTS = {**CONNECTION, **STATUS, **BODY, **PROGRAM}
MODES = ("dispatch", "fallback", "canary", "shadow")


@pytest.fixture(scope="module")
def _one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One is read in no time; all that a client knows else take longer than most faults."""
    end = "-----END CERTIFICATE-----\n"
    path = tmp_path_factory.mktemp("tls") / "one.pem"
    path.write_text(Path(certifi.where()).read_text("utf-8").partition(end)[0] + end, "utf-8")
    return path


@pytest.fixture(autouse=True)
def _ready(_one_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_one_certificate))
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("ODD_KEY", "a\nb")
    monkeypatch.setattr(failures, "_FIRST_S", 0.01)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert beside.drain(10) == 0
    left = [one for one in threading.enumerate() if one not in before and not one.daemon]
    assert not left
    gc.collect(1)  # what was not closed says so now


class Server:
    """Says what a fault says, from its beginning for each call."""

    def __init__(self, said: Fault) -> None:
        self._said = said
        self._lock = threading.Lock()
        self.asks = 0
        self._raw = RawServer(self._reply)
        with socket.create_server(("127.0.0.1", 0)) as other:
            closed = other.getsockname()[1]  # and nobody listens there any more
        self.base_url = said.url.format(port=self._raw.port, closed=closed)

    def __enter__(self) -> Self:
        self._raw.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.__exit__()

    def _reply(self, connection: Connection) -> None:
        with self._lock:
            place = min(self.asks, len(self._said.replies) - 1)
            self.asks += 1
        if place >= 0:
            self._said.replies[place](connection)


class Asking:
    """The calls of one function under one fault, and what must hold of each."""

    def __init__(self, said: Fault, server: Server, contract: Contract, records: Any) -> None:
        self.said = said
        self.contract = contract
        self._server = server
        self._records = records
        self._seen = 0

    def begin(self) -> float:
        self._server.asks = 0
        return time.monotonic()

    def end(self, start: float) -> None:
        assert time.monotonic() - start < self.said.limit + SLACK_S

    def stub_gave(self, value: Any) -> None:
        assert self.said.raises is None, value
        self._is_student(value)
        self._was_asked()

    def stub_raised(self, error: DispatchError) -> None:
        said = self.said
        assert type(error) is said.raises, repr(error)
        assert str(error).startswith(f"{self.contract.function}: ")
        assert not said.kind or (isinstance(error, InvalidAnswerError) and error.kind == said.kind)
        self._was_asked()

    def teacher_gave(self, mode: str, value: Any) -> None:
        """What a decorated teacher returned."""
        beside.drain(self.said.limit + SLACK_S)
        new = self._new_records()
        if mode == "shadow":
            assert value == Email(subject="teacher")
            teacher, student = sorted(new, key=lambda one: one["source"] != "teacher")
            assert teacher["rollout"] == {"mode": "shadow"}
            assert student["rollout"]["of"] == teacher["id"]
        else:
            (student,) = new
        self._was_asked()
        told = student["rollout"]
        assert (told["mode"], told["model"]) == (mode, MODEL)
        if self.said.raises is None:
            assert student["source"] == MODEL
            assert "error" not in told
            if mode != "shadow":
                self._is_student(value)
                size = len(value.model_dump_json())
                assert student["result"] in (value.model_dump(), {"$too_large": size})
            return
        kind = f"distilgen.errors.{self.said.raises.__name__}"
        assert told["error"]["type"] == kind, told
        if mode == "shadow":
            assert student["error"]["type"] == kind
        else:
            assert value == Email(subject="teacher")
            assert student["source"] == "teacher"
            assert student["result"] == {"subject": "teacher"}

    def teacher_raised(self, mode: str, error: TeacherError) -> None:
        assert error.__context__ is None
        assert error.__cause__ is None
        beside.drain(self.said.limit + SLACK_S)
        (record,) = self._new_records()  # a student beside it has nothing to be compared with
        assert record["source"] == "teacher"
        assert record["error"]["type"].endswith("TeacherError")
        assert ("error" in record["rollout"]) is (mode != "shadow")

    def _new_records(self) -> list[dict[str, Any]]:
        every: list[dict[str, Any]] = self._records()
        new, self._seen = every[self._seen :], len(every)
        return new

    def _is_student(self, value: Any) -> None:
        assert isinstance(value, Email)
        assert value.subject != "teacher"

    def _was_asked(self) -> None:
        assert self.said.asks is None or self._server.asks == self.said.asks


def prepared(said: Fault, server: Server, made: Contract, monkeypatch: Any) -> Contract:
    configure(retries=said.retries, reasks=said.reasks)
    if said.clients is not None:
        configure(client=said.clients[0], async_client=said.clients[1])
    if said.keyless:
        monkeypatch.delenv("OPENAI_API_KEY")
    fields: dict[str, Any] = {"base_url": server.base_url, "timeout": said.limit, "share": 1.0}
    fields["model"] = MODEL
    return replace(made, **{**fields, **said.fields})


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, contract_of: ContractOf, records: Any, monkeypatch: Any) -> None:
    said = FAULTS[name]
    with Server(said) as server:
        contract = prepared(said, server, contract_of(compose), monkeypatch)
        asking = Asking(said, server, contract, records)
        for mode in MODES:
            start = asking.begin()
            if mode == "dispatch":
                try:
                    value = contract.dispatch(Email, topic=said.topic(), fails=False)
                except DispatchError as error:
                    asking.stub_raised(error)
                else:
                    asking.stub_gave(value)
                asking.end(start)
                continue
            function = getattr(contract, mode)(compose)
            value = function(said.topic())
            asking.end(start)
            asking.teacher_gave(mode, value)
            if said.raises is None or said.is_slow:
                continue
            asking.begin()
            with pytest.raises(TeacherError) as caught:
                function(said.topic(), fails=True)
            asking.teacher_raised(mode, caught.value)


# httpcore leaves a socket that it was to secure when it was cancelled to the garbage collector.
@pytest.mark.parametrize("name", [name for name in FAULTS if name != "TLS that never begins"])
def test_a_fault_on_an_event_loop(
    name: str, contract_of: ContractOf, records: Any, monkeypatch: Any
) -> None:
    said = FAULTS[name]

    async def main() -> None:
        for mode in MODES:
            start = asking.begin()
            if mode == "dispatch":
                try:
                    value = await contract.adispatch(Email, topic=said.topic(), fails=False)
                except DispatchError as error:
                    asking.stub_raised(error)
                else:
                    asking.stub_gave(value)
                asking.end(start)
                continue
            function = getattr(contract, mode)(acompose)
            value = await function(said.topic())
            asking.end(start)
            await asyncio.to_thread(asking.teacher_gave, mode, value)
            if said.raises is None or said.is_slow:
                continue
            asking.begin()
            with pytest.raises(TeacherError) as caught:
                await function(said.topic(), fails=True)
            await asyncio.to_thread(asking.teacher_raised, mode, caught.value)

    with Server(said) as server:
        contract = prepared(said, server, contract_of(acompose), monkeypatch)
        asking = Asking(said, server, contract, records)
        run_clean(main())


def run_clean(main: Coroutine[Any, Any, Any]) -> Any:
    """Run it on an event loop, which has nothing to complain about, and nothing left to do."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        try:
            return await main
        finally:
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    value = asyncio.run(watched())
    assert not complaints
    return value


@pytest.mark.parametrize("name", [name for name, said in FAULTS.items() if not said.is_slow])
def test_a_fault_that_is_watched(name: str, contract_of: ContractOf, monkeypatch: Any) -> None:
    said = FAULTS[name]
    with Server(said) as server:
        contract = prepared(said, server, contract_of(compose), monkeypatch)
        configure(debug=True, spans=True, join=True, cache="memory")
        if said.raises is None:
            value = contract.dispatch(Email, topic=said.topic(), fails=False)
            assert isinstance(value, Email)
            return
        with pytest.raises(said.raises) as caught:
            contract.dispatch(Email, topic=said.topic(), fails=False)
        assert type(caught.value) is said.raises


# How sure a student says it is


@pytest.mark.parametrize(
    ("logprobs", "confidence"),
    [
        ([math.log(0.9)] * 3, 0.9),
        ([math.nan], None),
        ([-math.inf], 0.0),
        ([math.inf], 1.0),
        ([1e308, 1e308], None),
        ([10**400], None),
        (["much"], None),
        ([None], None),
        ([], None),
    ],
)
def test_odd_confidence(
    logprobs: list[Any], confidence: float | None, contract_of: ContractOf, records: Any
) -> None:
    tokens = [{"token": "a", "logprob": one, "bytes": None, "top_logprobs": []} for one in logprobs]
    said = heals(reply(called('{"subject":"student"}', logprobs={"content": tokens})), asks=1)
    with Server(said) as server:
        fields = {"model": MODEL, "base_url": server.base_url, "min_confidence": 0.8}
        value = contract_of(compose, **fields).fallback(compose)("a")
    (record,) = records()
    assert record["rollout"].get("confidence") == (confidence and pytest.approx(confidence))
    assert value.subject == ("student" if (confidence or 0) > 0.8 else "teacher")
    kind = f"distilgen.errors.{LowConfidenceError.__name__}"
    assert value == STUDENT or record["rollout"]["error"]["type"] == kind


# Interrupted in the middle of a question


@pytest.fixture
def hanging() -> Iterator[RawServer]:
    with RawServer(silence) as server:
        yield server


def opened(decorate: Callable[[Any], Any], function: Any) -> tuple[Any, guards.Guard]:
    """A function, decorated, and its guard: open, and the pause over, so that a call is a probe."""
    before = set(guards._guards)
    decorated = decorate(function)
    (guard,) = set(guards._guards) - before
    assert "opened" in guard.asked(ok=False)
    guard._clock = lambda: time.time() + 3600
    assert guard.state == "trying"
    return decorated, guard


def guarded(made: Contract, server: RawServer) -> Contract:
    served = replace(made, model=MODEL, base_url=server.base_url, timeout=60.0, share=1.0)
    return replace(served, max_failures=0.0, window=1, pause=3600.0)


@contextlib.contextmanager
def interrupted() -> Iterator[None]:
    """Somebody presses Ctrl-C while the block runs."""
    timer = threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows")
@pytest.mark.parametrize("mode", ["dispatch", "fallback", "canary"])
def test_a_keyboard_interrupt(
    mode: str, contract_of: ContractOf, records: Any, hanging: RawServer
) -> None:
    assert threading.current_thread() is threading.main_thread()
    contract = guarded(contract_of(compose), hanging)
    if mode == "dispatch":
        with interrupted(), pytest.raises(KeyboardInterrupt):
            contract.dispatch(Email, topic="a", fails=False)
        return
    function, guard = opened(getattr(contract, mode), compose)
    with interrupted(), pytest.raises(KeyboardInterrupt):
        function("a")
    assert guard.admits()  # the probe is not out any more
    (record,) = records()
    assert record["error"]["type"] == "KeyboardInterrupt"


@pytest.mark.parametrize("mode", ["dispatch", "fallback", "canary"])
def test_a_cancelled_question(
    mode: str, contract_of: ContractOf, records: Any, hanging: RawServer
) -> None:
    contract = guarded(contract_of(acompose), hanging)

    async def main() -> None:
        if mode == "dispatch":
            question: Any = contract.adispatch(Email, topic="a", fails=False)
        else:
            function, guard = opened(getattr(contract, mode), acompose)
            question = function("a")
        task = asyncio.ensure_future(question)
        await asyncio.sleep(0.3)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await asyncio.wait_for(task, SLACK_S)
        assert not isinstance(caught.value.__context__, DispatchError)
        if mode != "dispatch":
            assert guard.admits()
            (record,) = records()
            assert record["error"]["type"] == "asyncio.exceptions.CancelledError"

    run_clean(main())


def test_the_callers_own_time_limit(contract_of: ContractOf, hanging: RawServer) -> None:
    contract = guarded(contract_of(acompose), hanging)

    async def main() -> None:
        function = contract.fallback(acompose)
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.2):
                await function("a")
        assert not isinstance(caught.value, DispatchError)
        async with asyncio.TaskGroup() as group:  # one that fails takes the others with it
            with pytest.raises(TeacherError):
                await contract.record(acompose)("a", fails=True)
            task = group.create_task(function("a"))
            await asyncio.sleep(0.1)
            task.cancel()

    run_clean(main())


def test_a_client_of_the_programs_own_ends_in_time(contract_of: ContractOf) -> None:
    def say(connection: Connection) -> None:
        if b"chat/completions" in connection.read():
            connection.send(HEAD)
            connection.trickle(b"x")
        connection.send(HEAD + b"content-length: 2\r\n\r\n", b"{", b"}", pause=SHORT_S)

    with (
        RawServer(say) as server,
        openai.OpenAI(base_url=server.base_url, max_retries=0) as client,
    ):
        contract = contract_of(compose, model=MODEL, timeout=SHORT_S)
        start = time.monotonic()
        for _ in range(3):
            configure(client=client)
            with pytest.raises(DispatchTimeoutError):
                contract.dispatch(Email, topic="a", fails=False)
        assert time.monotonic() - start < SLACK_S
        assert client.models.with_raw_response.list().text == "{}"  # the program has its own time


# A whole program


PROGRAM_TEXT = """
import asyncio, sys, threading
from pydantic import BaseModel
from distilgen.errors import DispatchError
from distilgen.runtime import Contract, configure

class Email(BaseModel):
    subject: str

def contract(name, port):
    return Contract(
        function=f"shop.mail:{name}", fingerprint="f", system_prompt="", user_message="{arguments}",
        tool={"name": "Answer", "description": "", "parameters": {}},
        inputs={"properties": {"topic": {}}},
        model="m", base_url=f"http://127.0.0.1:{port}/v1", timeout=0.2, share=1.0,
    )

ports = {name: contract(name, port) for name, _, port in (x.partition("=") for x in sys.argv[2:])}
configure(records=sys.argv[1], retries=1, flush_seconds=0.5)

def compose(topic: str) -> Email:
    return Email(subject="teacher")

async def acompose(topic: str) -> Email:
    return Email(subject="teacher")

async def main():
    for made in ports.values():
        for mode in ("shadow", "canary", "fallback"):
            assert (await getattr(made, mode)(acompose)("a")).subject == "teacher"
        try:
            print(await made.adispatch(Email, topic="a"))
        except DispatchError:
            pass
    shadow = made.shadow(acompose)
    await asyncio.gather(*(shadow("b") for _ in range(20)))

asyncio.run(main())
for made in ports.values():
    for mode in ("shadow", "canary", "fallback"):
        assert getattr(made, mode)(compose)("a").subject == "teacher"
    try:
        print(made.dispatch(Email, topic="a"))
    except DispatchError:
        pass
left = [one for one in threading.enumerate() if not one.daemon]
assert left == [threading.main_thread()], left
shadow = made.shadow(compose)
for _ in range(300):  # more than there will be time for
    shadow("c")
print("end")
"""


def test_a_program_ends(tmp_path: Path) -> None:
    said = {"reset": reset(), "page": reply(PAGE, kind="text/html")}
    said |= {"error": problem(503, **AGAIN), "drip": trickle(HEAD + b"x: ", b"a")}
    said |= {"last": silence}
    servers = {name: RawServer(one) for name, one in said.items()}
    environment = {**os.environ, "OPENAI_API_KEY": "k", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", PROGRAM_TEXT, str(tmp_path / "records")]
    with contextlib.ExitStack() as running:
        for server in servers.values():
            running.enter_context(server)
        ports = [f"{name}={server.port}" for name, server in servers.items()]
        start = time.monotonic()
        done = subprocess.run(
            [*command, *ports], env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert time.monotonic() - start < 20  # it takes 4 seconds
    lines = done.stderr.splitlines()
    events = [line for line in lines if "opened: the student failed" in line]
    left = [line for line in lines if "questions to students were not answered" in line]
    assert len(left) == 1, lines
    reasons = [line for line in lines if line.startswith("the student failed: shop.mail:")]
    assert len(events) + len(reasons) + 1 == len(lines), lines
