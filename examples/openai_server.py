"""A small OpenAI-compatible server on the loopback interface; the standard library only.

It is a stand-in for a fine-tuned model: it looks a call up in the training rows that it was given,
and knows only the calls that it was shown. There is no model in it, and nothing is learnt. It lets
the demo and the tests go the whole way of a call over a real socket, without a key or a network.

    python examples/openai_server.py --model NAME train.jsonl [more.jsonl]

As a library, `OpenAIServer` serves any function from a `Request` to a `Response`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Request:
    """What a client sent. headers: names in lower case. body: as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    """What a client gets. body: a JSON object, or bytes that are sent as they are."""

    status: int = 200
    body: Mapping[str, Any] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class OpenAIServer:
    """Serves `respond` on a free port of 127.0.0.1 while its `with` block runs.

    respond: called in a thread of its own for each connection; what it raises becomes a 500.
    base_url: what an `openai` client takes. requests: all that came in, in order of arrival.
    """

    def __init__(self, respond: Callable[[Request], Response], *, port: int = 0) -> None:
        self.requests: list[Request] = []
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.respond = self._answer
        self._respond = respond
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()  # waits for the threads of all connections
        self._thread.join()

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        try:
            return self._respond(request)
        except Exception as problem:  # noqa: BLE001 - told to the client, as a server would
            return error(500, f"{type(problem).__name__}: {problem}", "internal_error")


def completion(
    model: str,
    tool: str | None,
    arguments: str | Mapping[str, Any],
    *,
    finish_reason: str = "tool_calls",
    content: str | None = None,
    refusal: str | None = None,
) -> dict[str, Any]:
    """The body of a chat completion with one call of `tool`, or with none where it is None.

    arguments: the text of the call's arguments, valid JSON or not; or an object to dump as one.
    """
    number = next(_numbers)
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    if tool is not None:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        function = {"name": tool, "arguments": text}
        message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
        ],
    }


def error(status: int, message: str, code: str | None) -> Response:
    """An answer in the shape of OpenAI's errors."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    what = {"message": message, "type": kind, "param": None, "code": code}
    return Response(status, {"error": what})


def replay(rows: Iterable[Mapping[str, Any]], model: str) -> Callable[[Request], Response]:
    """Answers from dataset rows in OpenAI's tools format, for `OpenAIServer`.

    A call is found by its messages, which must be those of a row without the assistant's; of
    several such rows the last one answers. A call that is in no row is a 400, another model than
    `model` a 404.
    """
    answers = {}
    for row in rows:
        *asked, answer = row["messages"]
        answers[json.dumps(asked)] = answer["tool_calls"][0]["function"]
    listed = {"id": model, "object": "model", "created": int(time.time()), "owned_by": "replay"}

    def respond(request: Request) -> Response:
        if (request.method, request.path) == ("GET", "/v1/models"):
            return Response(body={"object": "list", "data": [listed]})
        if (request.method, request.path) != ("POST", "/v1/chat/completions"):
            return error(404, f"Unknown request URL: {request.method} {request.path}", None)
        try:
            asked = request.json()
            wanted, messages = asked["model"], json.dumps(asked["messages"])
        except (ValueError, KeyError, TypeError):
            return error(400, "The body must be a JSON object with model and messages.", None)
        if wanted != model:
            return error(404, f"The model `{wanted}` does not exist.", "model_not_found")
        if messages not in answers:
            message = f"{model} replays its training rows, and none of them has this call."
            return error(400, message, "not_in_the_rows")
        function = answers[messages]
        return Response(body=completion(model, function["name"], function["arguments"]))

    return respond


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the rows of some files until interrupted. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description="A stand-in for a fine-tuned model: it replays training rows, and knows only "
        "the calls that it was shown."
    )
    parser.add_argument("--model", required=True, help="the name that it answers to")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("rows", nargs="+", type=Path, help="files in OpenAI's tools format")
    given = parser.parse_args(argv)
    rows = [
        json.loads(line)
        for path in given.rows
        for line in path.read_text("utf-8").split("\n")
        if line.strip()
    ]
    with OpenAIServer(replay(rows, given.model), port=given.port) as server:
        print(f"serving {given.model} on {server.base_url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


class _Server(ThreadingHTTPServer):
    """Knows its connections, so that those kept alive end with it."""

    daemon_threads = False  # threads that are waited for
    respond: Callable[[Request], Response]

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._open: set[socket.socket] = set()
        self._closing = False
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            if self._closing:
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def hang_up(self) -> None:
        with self._lock:
            self._closing = True
            for connection in self._open:
                _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may leave at any time
            super().handle_error(request, client_address)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was first


class _Handler(BaseHTTPRequestHandler):
    """One connection, with any number of requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.closed(self.connection)

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        response = self.server.respond(Request(self.command, self.path, headers, body))
        raw = isinstance(response.body, bytes)
        content = response.body if isinstance(response.body, bytes) else _dumped(response.body)
        sent = {
            "Content-Type": "application/octet-stream" if raw else "application/json",
            "Content-Length": str(len(content)),
            **response.headers,
        }
        self.send_response(response.status)
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _serve  # noqa: N815 - names of the base class


def _dumped(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


if __name__ == "__main__":
    raise SystemExit(main())
