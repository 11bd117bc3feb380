"""Random signatures and calls: a stub passes on exactly what the function would have been given.

The examples are always the same ones. `FUZZ=1000` draws so many at random instead.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from openai_server import OpenAIServer, Request, Response, completion

from distilgen.runtime.arguments import canonical

if TYPE_CHECKING:
    import pytest

    from tests.rewrite.conftest import Workbench

_EXAMPLES = int(os.environ.get("FUZZ", "25"))
_RANDOM = "FUZZ" in os.environ

_HEAD = """\
from collections.abc import AsyncIterator, Iterator
from . import models
from .models import M
given = []
"""
_STREAMS = "Several."
_FIRST = {"method": "me", "classmethod": "kind"}
_KINDS = ("def", "async", "generator", "async generator", "method", "classmethod", "staticmethod")
_NAMES = ("a", "b", "M", "list", "type", "answer", "returns", "arguments", "self", "cls", "é", "_x")
_VALUES = st.sampled_from(["1", "None", "'é'", "[1, 2]", "{'k': 2.5}", "(True,)", "{3}"])


@dataclass(frozen=True)
class Case:
    """A function and a call of it, as source texts. names: of its parameters, in order."""

    kind: str
    names: tuple[str, ...]
    parameters: str
    given: str

    @property
    def streams(self) -> bool:
        """Is it a generator?"""
        return "generator" in self.kind

    def source(self, number: int) -> str:
        """The function, which writes down what it is given."""
        starts = "async " if self.kind.startswith("async") else ""
        inside = ", ".join(part for part in (_FIRST.get(self.kind), self.parameters) if part)
        returns = "M"
        if self.streams:
            returns = "AsyncIterator[M]" if starts else "Iterator[M]"
        lines = [
            f"{starts}def f{number}({inside}) -> {returns}:",
            f"    '{_STREAMS if self.streams else 'One.'}'",
            f"    given.append({{{', '.join(f'{name!r}: {name}' for name in self.names)}}})",
            "    yield models.M()" if self.streams else "    return models.M()",
        ]
        if not self.kind.endswith("method"):
            return "".join(f"{line}\n" for line in lines)
        if self.kind != "method":
            lines.insert(0, f"@{self.kind}")
        return "".join(f"{line}\n" for line in (f"class A{number}:", *(f"    {x}" for x in lines)))

    def call(self, number: int) -> str:
        """The call of it, an expression."""
        owner = {"method": f"A{number}().", "def": "", "classmethod": f"A{number}."}
        in_class = f"A{number}()." if self.kind == "staticmethod" else ""
        return f"{owner.get(self.kind, in_class)}f{number}({self.given})"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every kind of parameter, and a call that fits, or one that nearly does."""

    def upto(most: int) -> int:
        return draw(st.integers(0, most))

    def valued(name: str) -> str:
        return f"{name}={draw(_VALUES)}"

    names = iter(draw(st.permutations(_NAMES)))
    only_positional, plain, only_named = ([next(names) for _ in range(upto(2))] for _ in range(3))
    variadic, keywords = ([next(names)] if draw(st.booleans()) else [] for _ in range(2))

    by_place = only_positional + plain
    required = upto(len(by_place))
    needed = [name for name in only_named if draw(st.booleans())]
    shown = [name if at < required else valued(name) for at, name in enumerate(by_place)]
    if only_positional:
        shown.insert(len(only_positional), "/")
    if variadic or only_named:
        shown.append("".join(["*", *variadic]))
    shown += [name if name in needed else valued(name) for name in only_named]
    shown += [f"**{name}" for name in keywords]

    fits = upto(9) > 0
    least = min(required, len(only_positional)) if fits else 0
    passed = draw(st.integers(least, len(by_place)))
    told = [draw(_VALUES) for _ in range(passed)]
    if passed == len(by_place) and (variadic or not fits):
        told += [draw(_VALUES) for _ in range(upto(2))]
    for at, name in enumerate(by_place):
        if at >= max(passed, len(only_positional)) and (at < required or draw(st.booleans())):
            told.append(valued(name))
    told += [valued(name) for name in only_named if name in needed or draw(st.booleans())]
    if keywords or not fits:
        told += [valued(name) for name in [*only_positional, "more"] if draw(st.booleans())]
    order = (*by_place, *variadic, *only_named, *keywords)
    return Case(draw(st.sampled_from(_KINDS)), order, ", ".join(shown), ", ".join(told))


def forget() -> None:
    """Let nothing of the package be imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def imported() -> Any:
    """The module under test, as it stands now."""
    forget()
    importlib.invalidate_caches()
    return importlib.import_module("shop.mail")


def outcome(module: Any, call: str) -> str:
    """What a caller gets, or the TypeError."""

    async def items(stream: Any) -> list[Any]:
        return [item async for item in stream]

    try:
        value = eval(call, vars(module))
    except TypeError as error:
        return repr(error)
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    elif inspect.isasyncgen(value):
        value = asyncio.run(items(value))
    return repr(list(value) if inspect.isgenerator(value) else value)


def test_stubs_are_given_what_functions_are(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()

    def respond(request: Request) -> Response:
        streams = request.json()["messages"][0]["content"] == _STREAMS
        return Response(body=completion("ft:one", "M", '[{"x":0}]' if streams else '{"x":0}'))

    def holds(drawn: list[Case]) -> None:
        text = _HEAD + "".join(case.source(number) for number, case in enumerate(drawn))
        calls = [case.call(number) for number, case in enumerate(drawn)]
        bench.put(text)
        module = imported()
        expected = [outcome(module, call) for call in calls]
        wanted = [canonical(arguments).decode() for arguments in module.given]

        bench.run("dispatch")
        assert bench.raw.decode().count("dispatch(") == len(drawn)
        server.requests.clear()
        stubs = imported()
        assert [outcome(stubs, call) for call in calls] == expected
        asked = [request.json()["messages"][1]["content"] for request in server.requests]
        assert asked == wanted
        bench.restore()
        assert bench.raw.decode() == text
        counts.update(case.kind for case in drawn)
        counts["given"] += len(wanted)
        counts["refused"] += len(drawn) - len(wanted)

    with OpenAIServer(respond) as server, monkeypatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setattr(sys, "path", [str(bench.project), *sys.path])
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("OPENAI_API_KEY", "k")
        settings(
            max_examples=_EXAMPLES,
            derandomize=not _RANDOM,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )(given(st.lists(cases(), min_size=1, max_size=8))(holds))()
    forget()
    print("\n", dict(counts))
    assert set(counts) == {*_KINDS, "given", "refused"}
    assert counts["given"] > counts["refused"]
