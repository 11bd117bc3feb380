"""What frameworks, pickle and readers see of functions is the same in every state."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from openai_server import OpenAIServer, Request, Response, completion

from distilgen.runtime import configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kinds.conftest import State

KINDS = ("iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction")


def functions(owner: Any) -> Iterator[tuple[str, Any]]:
    """The functions that a module or a class defines, those inside of descriptors too."""
    module = getattr(owner, "__module__", "") or owner.__name__
    for value in list(vars(owner).values()):
        if inspect.isclass(value) and value.__module__ == module:
            yield from functions(value)
        for name in ("__func__", "fget", "func"):
            value = getattr(value, name, None) or value  # noqa: PLW2901 - what is inside
        if inspect.isfunction(value) and value.__module__ == module:
            yield f"{value.__module__}:{value.__qualname__}", value


def appearance(post: Any) -> dict[str, tuple[object, ...]]:
    return {
        name: (
            _shown(inspect.signature(function)),
            [getattr(inspect, kind)(function) for kind in KINDS],
            function.__doc__,
            function.__name__,
            function.__module__,
            _shown(function.__annotations__),
        )
        for module in ("functions", "methods", "decorated")
        for name, function in functions(getattr(post, module))
    }


def _shown(value: object) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize("state", ["instrumented", "dispatched", "recorded stubs", "shared"])
def test_functions_look_as_they_did(state: State, load: Callable[[State], Any]) -> None:
    expected = appearance(load("original"))
    assert len(expected) > 40
    assert appearance(load(state)) == expected


def test_what_is_recorded_wraps_what_was_written(load: Callable[[State], Any]) -> None:
    written = dict(functions(load("original").functions))
    recorded = dict(functions(load("instrumented").functions))
    for name, function in written.items():
        assert recorded[name].__wrapped__.__code__.co_code == function.__code__.co_code
        assert not hasattr(recorded[name].__wrapped__, "__wrapped__")
        assert inspect.unwrap(recorded[name]) is recorded[name].__wrapped__


@pytest.mark.parametrize("state", ["original", "instrumented", "dispatched"])
def test_functions_pickle_by_their_names(state: State, load: Callable[[State], Any]) -> None:
    post = load(state)
    shop = post.methods.Shop("x")
    assert pickle.loads(pickle.dumps(post.functions.plain)) is post.functions.plain
    assert pickle.loads(pickle.dumps(post.functions.flowing)) is post.functions.flowing
    assert pickle.loads(pickle.dumps(post.methods.Shop.static)) is post.methods.Shop.static
    assert pickle.loads(pickle.dumps(shop.method)).__self__.name == "x"
    assert pickle.loads(pickle.dumps(post.methods.Reply.empty)) == post.methods.Reply.empty


def answers(request: Request) -> Response:
    """Answers as the teachers of the routes do."""
    asked = request.json()
    given = json.loads(asked["messages"][1]["content"])
    match given:
        case {"name": name}:
            answer: Any = {"to": name, "stamp": 1}
        case {"sender": sender, "times": times, "text": text}:
            answer = {"to": text * times, "text": sender["to"]}
        case {"letter": letter, "urgent": urgent}:
            answer = {"result": [{"to": letter["to"], "text": str(urgent)}]}
        case _:
            answer = {"to": given["text"]}
    return Response(body=completion("small", asked["tool_choice"]["function"]["name"], answer))


@pytest.mark.parametrize("state", ["original", "instrumented", "dispatched"])
def test_routes(
    state: State, load: Callable[[State], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dependencies are injected, bodies and queries parsed, answers cut to their models."""
    schema = load("original").decorated.app.openapi()
    configure(records=tmp_path)
    post = load(state)
    assert post.decorated.app.openapi() == schema
    with OpenAIServer(answers) as server, TestClient(post.decorated.app) as client:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        got = client.get("/plain/a", params={"times": 2, "name": "b"})
        assert (got.status_code, got.json()) == (200, {"to": "aa", "text": "b"})
        got = client.post("/body", params={"urgent": True}, json={"to": "c"})
        assert (got.status_code, got.json()) == (200, [{"to": "c", "text": "True"}])
        got = client.get("/routed", params={"text": "d"})
        assert (got.status_code, got.json()) == (200, {"to": "d", "stamp": 1})
        assert client.get("/plain/a", params={"times": "many"}).status_code == 422
        asked = [request.json()["messages"][1]["content"] for request in server.requests]
    recorded = [
        json.dumps(json.loads(line)["arguments"], separators=(",", ":"))
        for file in tmp_path.glob("*.jsonl")
        for line in file.read_text("utf-8").splitlines()
    ]
    calls = [
        '{"name":"b"}',
        '{"text":"a","sender":{"to":"b","stamp":1},"times":2}',
        '{"letter":{"to":"c","stamp":1},"urgent":true}',
        '{"text":"d"}',
        '{"name":"nobody"}',
    ]
    assert (recorded, asked) == {
        "original": ([], []),
        "instrumented": (calls, []),
        "dispatched": ([], calls),
    }[state]
