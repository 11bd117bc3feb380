"""Every kind of function, called: as its author wrote it, recorded, and answered by a student.

The caller sees the same each time. The record has the arguments by their names, defaults too, and
so has the question; the student answers what the record says.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from openai_server import OpenAIServer, Request, Response, completion

from distilgen.contract import canonical_json
from distilgen.runtime import Contract, configure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kinds.conftest import State

    Call = Callable[[Any], Any]

ALL = {"first": "a", "second": 1, "third": "c", "more": [], "flag": False, "word": "w", "rest": {}}

CALLS: dict[str, tuple[Call, str, dict[str, Any]]] = {
    "defaults": (lambda post: post.functions.plain("a", 1, flag=False), "plain", ALL),
    "by name": (
        lambda post: post.functions.plain("a", word="v", second=2, third="d", flag=True),
        "plain",
        {**ALL, "second": 2, "third": "d", "flag": True, "word": "v"},
    ),
    "*args and **kwargs": (
        lambda post: post.functions.plain("a", 1, "d", 2, 3, flag=False, x=4, first=5),
        "plain",
        {**ALL, "third": "d", "more": [2, 3], "rest": {"x": 4, "first": 5}},
    ),
    "positional-only": (
        lambda post: post.functions.only_positional("a", "é"),
        "only_positional",
        {"first": "a", "second": "é"},
    ),
    "positional-only, default": (
        lambda post: post.functions.only_positional("a"),
        "only_positional",
        {"first": "a", "second": "b"},
    ),
    "nothing at all": (
        lambda post: post.functions.only_stars(),
        "only_stars",
        {"words": [], "more": {}},
    ),
    "only stars": (
        lambda post: post.functions.only_stars("a", "b", words=1, self=2, returns=3),
        "only_stars",
        {"words": ["a", "b"], "more": {"words": 1, "self": 2, "returns": 3}},
    ),
    "None": (lambda post: post.functions.optional(""), "optional", {"text": ""}),
    "optional": (lambda post: post.functions.optional("a"), "optional", {"text": "a"}),
    "union": (lambda post: post.functions.union("a"), "union", {"text": "a"}),
    "union in quotes": (lambda post: post.functions.piped("a"), "piped", {"text": "a"}),
    "list": (lambda post: post.functions.many("a"), "many", {"text": "a"}),
    "dict": (lambda post: post.functions.table("a"), "table", {"text": "a"}),
    "tuple": (lambda post: post.functions.pair("a"), "pair", {"text": "a"}),
    "Annotated": (lambda post: post.functions.annotated("a"), "annotated", {"text": "a"}),
    "of a module": (lambda post: post.functions.dotted("a"), "dotted", {"text": "a"}),
    "for type checkers": (lambda post: post.functions.late("a"), "late", {"text": "a"}),
    "alias for type checkers": (lambda post: post.functions.later("a"), "later", {"text": "a"}),
    "hidden by parameters": (
        lambda post: post.functions.hidden("a", dict="b"),
        "hidden",
        {"models": "a", "dict": "b"},
    ),
    "generator": (lambda post: post.functions.stream("ab"), "stream", {"text": "ab"}),
    "empty generator": (lambda post: post.functions.stream(""), "stream", {"text": ""}),
    "iterable": (lambda post: post.functions.iterable("a"), "iterable", {"text": "a"}),
    "coroutine": (
        lambda post: post.functions.waiting("a"),
        "waiting",
        {"text": "a", "flag": False},
    ),
    "async generator": (lambda post: post.functions.flowing("ab"), "flowing", {"text": "ab"}),
    "async generator of its own kind": (
        lambda post: post.functions.conversing(text="a"),
        "conversing",
        {"text": "a"},
    ),
    "async generator on one line": (
        lambda post: post.functions.answering("a"),
        "answering",
        {"answer": "a"},
    ),
    "method": (
        lambda post: post.methods.Shop().method("a", times=2),
        "Shop.method",
        {"text": "a", "times": 2},
    ),
    "method, by its class": (
        lambda post: post.methods.Shop.method(post.methods.Shop(), "a"),
        "Shop.method",
        {"text": "a", "times": 1},
    ),
    "classmethod": (lambda post: post.methods.Shop.of_class(), "Shop.of_class", {"text": "t"}),
    "staticmethod": (
        lambda post: post.methods.Shop().static("a", "b"),
        "Shop.static",
        {"text": "a", "more": ["b"]},
    ),
    "property": (lambda post: post.methods.Shop("x").said, "Shop.said", {}),
    "cached_property": (lambda post: post.methods.Shop("x").kept, "Shop.kept", {}),
    "below a cache": (lambda post: post.methods.Shop.cached("a"), "Shop.cached", {"text": "a"}),
    "async method": (
        lambda post: post.methods.Shop().waiting("a"),
        "Shop.waiting",
        {"text": "a"},
    ),
    "generator method": (
        lambda post: post.methods.Shop().stream("a"),
        "Shop.stream",
        {"text": "a"},
    ),
    "async generator method": (
        lambda post: post.methods.Shop().flowing("a"),
        "Shop.flowing",
        {"text": "a"},
    ),
    "nested class": (
        lambda post: post.methods.Shop.Desk().stamped("a"),
        "Shop.Desk.stamped",
        {"text": "a"},
    ),
    "generic": (
        lambda post: post.methods.Shop.Desk.paged("a", "b"),
        "Shop.Desk.paged",
        {"text": ["a", "b"]},
    ),
    "Self": (
        lambda post: post.methods.Draft(to="a").better("b"),
        "Draft.better",
        {"text": "b"},
    ),
    "Self of a subclass": (
        lambda post: post.methods.Reply(to="a").better("b"),
        "Draft.better",
        {"text": "b"},
    ),
    "Self, and a parameter named type": (
        lambda post: post.methods.Reply(to="a").of_type("b"),
        "Draft.of_type",
        {"type": "b"},
    ),
    "Self of a class": (lambda post: post.methods.Draft.empty(), "Draft.empty", {"to": ""}),
    "Self of a subclass's class": (
        lambda post: post.methods.Reply.empty("b"),
        "Draft.empty",
        {"to": "b"},
    ),
    "decorated": (lambda post: post.decorated.twice("a"), "twice", {"text": "a"}),
}


def outcome(value: Any) -> str:
    """What a caller gets, all of it, as text: the classes of two imports are never the same."""

    async def items() -> list[Any]:
        return [item async for item in value]

    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    elif inspect.isasyncgen(value):
        value = asyncio.run(items())
    elif inspect.isgenerator(value):
        value = list(value)
    return repr(value)


class Student:
    """Answers every question with the text that is to be its tool's arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer = ""
        self.server = OpenAIServer(self._respond)
        monkeypatch.setenv("OPENAI_BASE_URL", self.server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")

    @property
    def asked(self) -> list[str]:
        """The user's messages so far."""
        return [request.json()["messages"][1]["content"] for request in self.server.requests]

    def _respond(self, request: Request) -> Response:
        tool = request.json()["tool_choice"]["function"]["name"]
        return Response(body=completion("small", tool, self.answer))


def contracts(post: Any) -> dict[str, Contract]:
    """Those of all sidecars, by the qualified names of their functions."""
    return {
        value.function.rpartition(":")[2]: value
        for module in vars(post).values()
        for value in vars(module).values()
        if isinstance(value, Contract)
    }


def read(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


@pytest.mark.parametrize(("call", "name", "arguments"), CALLS.values(), ids=CALLS)
def test_call(
    call: Call,
    name: str,
    arguments: dict[str, Any],
    load: Callable[[State], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = outcome(call(load("original")))
    configure(records=tmp_path)
    assert outcome(call(load("instrumented"))) == expected
    (record,) = read(tmp_path)
    assert record["function"].rpartition(":")[2] == name
    assert canonical_json(record["arguments"]) == canonical_json(arguments)

    student, post = Student(monkeypatch), load("dispatched")
    student.answer = contracts(post)[name].answer(record["result"])
    with student.server:
        assert outcome(call(post)) == expected
    assert student.asked == [canonical_json(arguments)]


def test_every_kind_is_called(load: Callable[[State], Any]) -> None:
    routes = {"read", "write", "routed", "sender"}
    others = {"without_body", "talking"}
    called = {name for _, name, _ in CALLS.values()}
    assert called | routes | others == set(contracts(load("dispatched")))


def test_a_function_without_a_body(
    load: Callable[[State], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(records=tmp_path)
    with pytest.raises(NotImplementedError):
        load("instrumented").functions.without_body("a")
    assert read(tmp_path)[0]["error"]["type"] == "NotImplementedError"
    student, post = Student(monkeypatch), load("dispatched")
    student.answer = '{"to":"b"}'
    with student.server:
        assert outcome(post.functions.without_body("a")) == "Email(to='b', text='')"
    assert "Ask any model at once." in student.server.requests[0].json()["messages"][0]["content"]


def test_stubs_of_generators_are_lazy(
    load: Callable[[State], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    student, post = Student(monkeypatch), load("dispatched")
    student.answer = '{"result":[{"to":"a"},{"to":"b"}]}'

    async def first(stream: Any) -> str:
        assert len(student.asked) == 1
        item = await anext(stream)
        await stream.aclose()
        return str(item.to)

    with student.server:
        stream = post.functions.stream("a")
        assert student.asked == []
        assert next(stream).to == "a"
        assert len(student.asked) == 1
        stream.close()
        assert asyncio.run(first(post.functions.flowing("b"))) == "a"
    assert student.asked == ['{"text":"a"}', '{"text":"b"}']


def test_records_of_generators_close_when_they_do(
    load: Callable[[State], Any], tmp_path: Path
) -> None:
    configure(records=tmp_path)
    talk = load("instrumented").functions.talking("a")
    assert (next(talk).to, read(tmp_path)) == ("a", [])
    assert (talk.send("b").to, read(tmp_path)) == ("b", [])
    assert next(talk, None) is None
    assert [item["to"] for item in read(tmp_path)[0]["result"]] == ["a", "b"]


@pytest.mark.parametrize("state", ["instrumented", "dispatched"])
def test_caches_keep_answers(
    state: State, load: Callable[[State], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(records=tmp_path)
    student, post = Student(monkeypatch), load(state)
    student.answer = '{"to":"x"}'
    shop = post.methods.Shop("x")
    with student.server:
        assert shop.kept is shop.kept
        assert post.methods.Shop.cached("a") is post.methods.Shop.cached("a")
        assert len(read(tmp_path)) + len(student.asked) == 2
        assert shop.said is not shop.said
        assert len(read(tmp_path)) + len(student.asked) == 4
    shop.said = post.models.Email(to="y")
    assert shop.name == "y"
