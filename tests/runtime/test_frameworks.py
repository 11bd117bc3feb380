"""Frameworks and the standard library find in a recorded function what they would find without us.

Annotations here are text, as in most modules: whoever evaluates them looks for the function's own
globals.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import dataclasses
import enum
import functools
import gc
import inspect
import multiprocessing
import os
import subprocess
import sys
import textwrap
import traceback
import typing
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import click
import pytest
from click.testing import CliRunner
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, validate_call

from distilgen.runtime.control import inside

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Any]
Records = Callable[[], list[dict[str, Any]]]


class Email(BaseModel):
    subject: str = ""


def compose(topic: str, times: int = 1) -> Email:
    """Write an email."""
    return Email(subject=topic * times)


def topics(records: Records) -> list[str]:
    return [
        f"{record['function'].rpartition(':')[2]} {record['arguments']}" for record in records()
    ]


# FastAPI


def sender(name: str = "nobody") -> Email:
    """Depend on a query."""
    return Email(subject=name)


async def asender(name: str = "nobody") -> Email:
    return Email(subject=name)


def lent(name: str = "nobody") -> Iterator[Email]:
    """Lend what it takes back."""
    yield Email(subject=name)
    log.append(f"took {name} back")


async def alent(name: str = "nobody") -> AsyncIterator[Email]:
    yield Email(subject=name)
    log.append(f"took {name} back")


def read(text: str, by: Annotated[Email, Depends(sender)], times: int = 1) -> Email:
    """Read."""
    return Email(subject=text * times + by.subject)


async def aread(body: Email, *, urgent: bool = False) -> list[Email]:
    return [body, Email(subject=str(urgent))]


log: list[str] = []


def app_of(wrap: Callable[[Callable[..., Any]], Any]) -> FastAPI:
    """An application whose routes and dependencies are wrapped."""
    app = FastAPI()
    app.get("/read/{text}")(wrap(read))
    app.post("/aread")(wrap(aread))
    for function in (sender, asender, lent, alent):

        def route(by: Any) -> Any:
            return by

        route.__annotations__ = {"by": Annotated[Email, Depends(wrap(function))], "return": Email}
        app.get(f"/by/{function.__name__}")(route)
    return app


def test_fastapi_routes_and_dependencies(contract_of: ContractOf, records: Records) -> None:
    def wrap(function: Callable[..., Any]) -> Any:
        streams = function in (lent, alent)
        return contract_of(function, list[Email] if streams else None).record(function)

    plain, recorded = app_of(lambda function: function), app_of(wrap)
    assert recorded.openapi() == plain.openapi()
    answers = []
    for app in (plain, recorded):
        log.clear()
        with TestClient(app) as client:
            got = [
                client.get("/read/a", params={"times": 2, "name": "b"}),
                client.get("/read/a", params={"times": "many"}),
                client.post("/aread", params={"urgent": True}, json={"subject": "c"}),
                client.post("/aread", json={"subject": 1}),
                *(
                    client.get(f"/by/{name}", params={"name": "d"})
                    for name in ("sender", "asender", "lent", "alent")
                ),
            ]
        answers.append([(one.status_code, one.json()) for one in got] + [*log])
    assert answers[0] == answers[1]
    assert [answer[0] for answer in answers[0][:8]] == [200, 422, 200, 422, 200, 200, 200, 200]
    assert log == ["took d back"] * 2
    assert topics(records) == [
        "read {'text': 'a', 'by': {'subject': 'b'}, 'times': 2}",
        "aread {'body': {'subject': 'c'}, 'urgent': True}",
        *(f"{name} {{'name': 'd'}}" for name in ("sender", "asender", "lent", "alent")),
    ]


# What may stand above our decorator


def test_caches_keep_their_methods(contract_of: ContractOf, records: Records) -> None:
    cached: Any = functools.lru_cache(maxsize=2)(contract_of(compose).record(compose))
    assert cached("a") is cached("a")
    assert cached.cache_info().hits == 1
    assert cached.__wrapped__.__wrapped__ is compose
    cached.cache_clear()
    cached("a")
    assert topics(records) == ["compose {'topic': 'a', 'times': 1}"] * 2


def test_click_commands(contract_of: ContractOf, records: Records) -> None:
    def command(topic: str, times: int) -> Email:
        """Write an email from the command line."""
        click.echo(topic * times)
        return Email(subject=topic)

    made = [
        click.command("compose")(
            click.option("--times", type=int, default=1)(click.argument("topic")(function))
        )
        for function in (command, contract_of(command).record(command))
    ]
    for arguments in (["a", "--times", "2"], ["--help"], [], ["a", "--times", "x"]):
        plain, recorded = (CliRunner().invoke(one, arguments) for one in made)
        assert (recorded.exit_code, recorded.output) == (plain.exit_code, plain.output)
    assert topics(records) == ["command {'topic': 'a', 'times': 2}"]


def test_pytest_fixtures_and_tests(tmp_path: Path) -> None:
    code = """
        from __future__ import annotations
        import pytest
        from collections.abc import Iterator
        from pydantic import BaseModel
        from distilgen.runtime import Contract, configure

        configure(records="records")

        class Email(BaseModel):
            subject: str

        def contract(name):
            return Contract(
                function=f"a:{name}", fingerprint="c", system_prompt="", user_message="", tool={},
                inputs={"properties": {}},
            )

        @pytest.fixture
        @contract("email").record
        def email(tmp_path) -> Email:
            return Email(subject=tmp_path.name)

        @pytest.fixture(params=["x", "y"])
        @contract("lent").record
        def lent(request, email: Email) -> Iterator[Email]:
            yield Email(subject=request.param)

        @contract("test_it").record
        def test_it(email: Email, lent: Email) -> Email:
            assert email.subject.startswith("test_it")
            assert lent.subject in "xy"

        @pytest.mark.parametrize("n", [1, 2])
        @contract("test_many").record
        def test_many(n: int, lent) -> Email: ...
    """
    (tmp_path / "test_a.py").write_text(textwrap.dedent(code), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_a.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "6 passed" in done.stdout, done.stdout
    names = (tmp_path / "records" / "records-000001.jsonl").read_bytes()
    assert [names.count(b'"a:%b"' % name) for name in (b"email", b"lent", b"test_it")] == [6, 6, 2]


def test_pydantic_validates_calls(contract_of: ContractOf, records: Records) -> None:
    checked: Any = validate_call(contract_of(compose).record(compose))
    assert checked("a", times="2").subject == "aa"
    with pytest.raises(ValueError, match="valid integer"):
        checked("a", times="x")
    assert topics(records) == ["compose {'topic': 'a', 'times': 2}"]


def test_single_dispatch(contract_of: ContractOf, records: Records) -> None:
    def anything(value: object) -> Email:
        return Email(subject=f"object {value}")

    def number(value: int) -> Email:
        return Email(subject=f"int {value}")

    chosen = functools.singledispatch(contract_of(anything).record(anything))
    chosen.register(contract_of(number).record(number))
    assert [chosen("a").subject, chosen(1).subject] == ["object a", "int 1"]
    assert topics(records) == ["anything {'value': 'a'}", "number {'value': 1}"]


def test_partials(contract_of: ContractOf, records: Records) -> None:
    recorded = contract_of(compose).record(compose)
    assert functools.partial(recorded, times=2)("a").subject == "aa"
    assert (
        str(inspect.signature(functools.partial(recorded, "a"))) == "(times: 'int' = 1) -> 'Email'"
    )
    assert topics(records) == ["compose {'topic': 'a', 'times': 2}"]


def test_context_managers(contract_of: ContractOf, records: Records) -> None:
    """A recorded generator below `contextmanager`: what is raised in the block reaches the body."""

    def opened(name: str) -> Iterator[Email]:
        try:
            yield Email(subject=name)
        except KeyError:
            log.append("caught")

    manager = contextlib.contextmanager(contract_of(opened, list[Email]).record(opened))
    log.clear()
    with manager("a") as email:
        assert email.subject == "a"
        raise KeyError
    with pytest.raises(ValueError, match="b"), manager("b"):
        raise ValueError("b")
    assert log == ["caught"]
    assert [record.get("error") for record in records()] == [
        None,
        {"type": "ValueError", "message": "b"},
    ]


# Classes


def test_dataclasses_enums_and_named_tuples(contract_of: ContractOf, records: Records) -> None:
    def write(self: Any, topic: str = "a") -> Email:
        return Email(subject=f"{self}{topic}")

    recorded = contract_of(write).record(write)
    point = dataclasses.make_dataclass("Point", [("x", int)], namespace={"write": recorded})
    frozen = dataclasses.make_dataclass(
        "Frozen", [("x", int)], namespace={"write": recorded}, frozen=True, slots=True
    )

    class Colour(enum.Enum):
        RED = 1
        write = recorded

    class Pair(typing.NamedTuple):
        x: int

        write = recorded  # type: ignore[misc]

    made: list[Any] = [point(1), frozen(1), Colour.RED, Pair(1)]  # type: ignore[call-arg]
    subjects = [one.write("b").subject for one in made]
    assert subjects == ["Point(x=1)b", "Frozen(x=1)b", "Colour.REDb", "Pair(x=1)b"]
    assert list(Colour) == [Colour.RED]
    assert topics(records) == ["write {'topic': 'b'}"] * 4


def test_super_and_class_cells(contract_of: ContractOf, records: Records) -> None:
    def record(function: Any) -> Any:
        return contract_of(function).record(function)

    class Base:
        @record
        def write(self, topic: str) -> Email:
            return Email(subject=topic)

        @classmethod
        @record
        def make(cls, topic: str) -> Email:
            return Email(subject=f"{cls.__name__} {topic}")

        @property
        @record
        def latest(self) -> Email:
            return Email(subject="base")

    class Derived(Base):
        @record
        def write(self, topic: str) -> Email:
            return Email(subject=super().write(topic).subject + __class__.__name__)  # type: ignore[name-defined]

        @classmethod
        @record
        def make(cls, topic: str) -> Email:
            return super().make(topic)  # type: ignore[no-any-return]

        @property
        @record
        def latest(self) -> Email:
            return Email(subject="derived " + super().latest.subject)

    derived = Derived()
    assert derived.write("a").subject == "aDerived"
    assert derived.make("a").subject == Derived.make("a").subject == "Derived a"
    assert derived.latest.subject == "derived base"
    pairs = [record.get("parent") is not None for record in records()]
    assert pairs == [True, False] * 4


def test_names_that_a_class_has_mangled(contract_of: ContractOf, records: Records) -> None:
    class Hidden:
        def write(self, __topic: str) -> Email:  # noqa: PYI063 - it may be given by its name
            return Email(subject=__topic)

    recorded = contract_of(Hidden.write).record(Hidden.write)
    assert recorded(Hidden(), "a").subject == "a"
    assert recorded(Hidden(), _Hidden__topic="b").subject == "b"
    assert [record["arguments"] for record in records()] == [
        {"_Hidden__topic": "a"},
        {"_Hidden__topic": "b"},
    ]


def test_parameters_of_any_name(contract_of: ContractOf, records: Records) -> None:
    """The wrapper has names of its own, which are nobody else's."""

    def odd(  # type: ignore[no-untyped-def]
        D_recorder,  # noqa: N803
        ID_card,  # noqa: N803
        _,
        _inside=1,
        *,
        __call=2,
        type=3,  # noqa: A002
        é=4,  # noqa: PLC2401
    ):
        return Email(subject=f"{D_recorder}{ID_card}{_}{_inside}{__call}{type}{é}")

    odd.__annotations__["return"] = Email
    recorded = contract_of(odd).record(odd)
    given = {"D_recorder": 5, "ID_card": 6, "_": 7, "_inside": 8, "__call": 9, "type": 0, "é": 1}
    for _ in range(2):
        assert recorded(1, 2, 3).subject == "1231234"
        assert recorded(**given).subject == "5678901"
    assert [record["arguments"] for record in records()][1::2] == [given] * 2


def test_abstract_methods_and_their_like(contract_of: ContractOf, records: Records) -> None:
    def told(self: Any) -> Email:
        return Email(subject=type(self).__name__)

    class Writer(abc.ABC):  # noqa: B024 - it has one
        write = abc.abstractmethod(contract_of(told).record(told))

    class Concrete(Writer):
        def write(self) -> Email:
            return super().write()  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match="abstract"):
        Writer()
    assert Concrete().write().subject == "Concrete"
    assert topics(records) == ["told {}"]


def test_attributes_of_functions(contract_of: ContractOf, folder: Path) -> None:
    def marked(topic: str) -> Email:
        return Email(subject=topic)

    marked.level = 3  # type: ignore[attr-defined]
    recorded = contract_of(marked).record(marked)
    assert recorded.level == 3
    recorded.level = 4
    assert marked.level == 3  # type: ignore[attr-defined]
    assert inspect.getsource(recorded) == inspect.getsource(marked)
    assert inspect.getdoc(recorded) == inspect.getdoc(marked)
    assert repr(recorded).partition(" at ")[0] == repr(marked).partition(" at ")[0]
    assert not folder.exists()


# Calls that do not fit


async def acompose(topic: str, /, *, times: int = 1) -> Email:
    return Email(subject=topic * times)


def stream(topic: str, *more: str, times: int) -> Iterator[Email]:
    yield Email(subject=f"{topic}{more}{times}")


async def astream(topic: str, **more: int) -> AsyncIterator[Email]:
    yield Email(subject=f"{topic}{more}")


def nothing() -> Email:
    return Email()


@pytest.mark.parametrize("function", [compose, acompose, stream, astream, nothing])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1, 2, 3), {}),
        ((1,), {"topic": 2}),
        ((1,), {"tmies": 2}),
        ((), {"tmies": 2}),
        ((1, 2), {"times": 3, "more": 4}),
        ((), {"times": 3}),
    ],
)
def test_wrong_arguments_are_refused_in_the_same_words(
    function: Any, args: Any, kwargs: Any, contract_of: ContractOf, records: Records
) -> None:
    said = []
    for each in (function, contract_of(function, Email).record(function)):
        try:
            made = each(*args, **kwargs)
        except TypeError as error:
            said.append(str(error))
        else:
            said.append("")
            if inspect.iscoroutine(made):
                made.close()
    assert said[0] == said[1]
    assert records() == [] or function in (compose, nothing)


def test_a_coroutine_that_nobody_awaits_is_told_by_its_name(
    contract_of: ContractOf, folder: Path
) -> None:
    said = []
    for function in (acompose, contract_of(acompose).record(acompose)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made: Any = function("a")
            assert (made.__name__, made.__qualname__) == ("acompose", "acompose")
            del made
            gc.collect()
        said.append([str(warning.message) for warning in caught])
    assert said[0] == said[1] == [["coroutine 'acompose' was never awaited"]][0]
    assert not folder.exists()


# Exceptions


class OddError(Exception):
    """Can be referred to weakly."""


def fail_deeply(error: BaseException, how: str) -> Any:
    if how == "cause":
        raise error from KeyError("cause")
    if how == "context":
        try:
            raise KeyError("context")  # noqa: TRY301
        except KeyError:
            raise error  # noqa: B904
    if how == "silent":
        raise error from None
    raise error


def fail(error: BaseException, how: str) -> Email:
    return fail_deeply(error, how)  # type: ignore[no-any-return]


async def afail(error: BaseException, how: str) -> Email:
    return fail_deeply(error, how)  # type: ignore[no-any-return]


def stream_fail(error: BaseException, how: str) -> Iterator[Email]:
    yield fail_deeply(error, how)


async def astream_fail(error: BaseException, how: str) -> AsyncIterator[Email]:
    yield fail_deeply(error, how)


def stream_thrown(_: BaseException, how: str) -> Iterator[Email]:
    try:
        yield Email()
    except OddError as caught:
        fail_deeply(caught, how)


async def astream_thrown(_: BaseException, how: str) -> AsyncIterator[Email]:
    try:
        yield Email()
    except OddError as caught:
        fail_deeply(caught, how)


def run(function: Callable[..., Any], error: BaseException, how: str) -> None:
    """Call it and let it fail, whatever it is."""
    made = function(error, how)
    if inspect.isgenerator(made):
        next(made)
        made.throw(error)
    elif inspect.isasyncgen(made):
        with contextlib.suppress(StopIteration):
            made.__anext__().send(None)
        made.athrow(error).send(None)
    elif inspect.iscoroutine(made):
        made.send(None)


FAILING = [fail, afail, stream_fail, astream_fail, stream_thrown, astream_thrown]
BY_NAME = {function.__name__: function for function in FAILING}


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("how", ["plain", "cause", "context", "silent"])
def test_exceptions_pass_untouched(
    name: str, how: str, contract_of: ContractOf, records: Records
) -> None:
    function: Callable[..., Any] = BY_NAME[name]

    def seen(called: Callable[..., Any]) -> tuple[Any, ...]:
        error = OddError("no")
        with pytest.raises(OddError) as caught:
            run(called, error, how)
        assert caught.value is error
        frames = traceback.extract_tb(error.__traceback__)
        users = [(frame.filename, frame.lineno, frame.name) for frame in frames]
        ours = [frame for frame in users if frame[0].startswith("<recorded")]
        return (
            [frame for frame in users if frame not in ours],
            len(ours),
            repr(error.__cause__),
            repr(error.__context__),
            error.__suppress_context__,
            getattr(error, "__notes__", None),
        )

    expected = seen(function)
    assert expected[1] == 0
    recorded = contract_of(function, Email).record(function)
    for _ in range(3):
        got = seen(recorded)
        assert got[1] == 1
        assert (got[0], *got[2:]) == (expected[0], *expected[2:])
    assert [record["error"]["message"] for record in records()] == ["no"] * 3


@pytest.mark.parametrize("name", BY_NAME)
def test_nothing_keeps_an_exception_alive(name: str, contract_of: ContractOf, folder: Path) -> None:
    """Not even until the next collection of garbage: it knows the frames, and all that is there."""
    function: Callable[..., Any] = BY_NAME[name]

    def alive(called: Callable[..., Any]) -> bool:
        error: Any = OddError("no")
        known = weakref.ref(error)
        with contextlib.suppress(OddError):
            run(called, error, "plain")
        del error
        return known() is not None

    recorded = contract_of(function, Email).record(function)
    gc.collect()
    gc.disable()
    try:
        expected = [alive(function) for _ in range(3)]
        assert [alive(recorded) for _ in range(3)] == expected
    finally:
        gc.enable()
    assert folder.exists()


def test_nothing_keeps_arguments_and_results_alive(contract_of: ContractOf, folder: Path) -> None:
    def same(email: Email) -> Email:
        return email

    async def asame(email: Email) -> Email:
        return email

    def streamed(email: Email) -> Iterator[Email]:
        yield email
        yield "wrong"  # type: ignore[misc]

    def used(called: Callable[..., Any]) -> weakref.ref[Email]:
        email = Email(subject="a")
        made = called(email)
        if inspect.iscoroutine(made):
            asyncio.run(made)
        elif inspect.isgenerator(made):
            list(made)
        return weakref.ref(email)

    functions = [contract_of(one, Email).record(one) for one in (same, asame, streamed)]
    for function in functions:
        used(function)
    gc.collect()
    gc.disable()
    try:
        assert [used(function)() for function in functions] == [None] * 3
    finally:
        gc.enable()
    assert folder.exists()


def test_the_end_of_the_stack(contract_of: ContractOf, records: Records) -> None:
    """Where no frame is left for the recorder, the caller gets what the function gave."""

    def deep(n: int) -> Email:
        if n:
            return recorded(n - 1)  # type: ignore[no-any-return]
        raise error

    def at_the_end(n: int) -> Email:
        return Email(subject="a") if n == 0 else recorded_end(n - 1)

    error = OddError("no")
    limit = sys.getrecursionlimit()
    recorded = contract_of(deep).record(deep)
    recorded_end = contract_of(at_the_end).record(at_the_end)
    depth = len(inspect.stack())
    seen = {"returned": 0, "no": 0, "too deep": 0}
    contexts: list[BaseException | None] = []
    for n in range((limit - depth) // 2 - 30, (limit - depth) // 2 + 5):
        for function in (recorded, recorded_end):
            try:
                function(n)
            except (OddError, RecursionError) as caught:
                seen[str(caught) if caught is error else "too deep"] += 1
                contexts.append(caught.__context__)
            else:
                seen["returned"] += 1
    assert min(seen.values()) > 0
    assert set(contexts) == {None}
    recorded_end(0)
    assert records()[-1]["arguments"] == {"n": 0}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("waits", [False, True])
def test_the_last_frame_of_the_stack(
    fails: bool, waits: bool, contract_of: ContractOf, records: Records
) -> None:
    """The wrapper needs one frame, and the recorder none that the caller could miss."""
    error = OddError("no")

    def leaf() -> Email:
        if fails:
            raise error
        return email

    async def aleaf() -> Email:
        if fails:
            raise error
        return email

    def framed() -> Any:
        return function()

    async def aframed() -> Any:
        return await function()

    def descend(called: Callable[[], Any], n: int) -> Any:
        if n:
            return descend(called, n - 1)
        if not waits:
            return called()
        try:
            called().send(None)
        except StopIteration as end:
            return end.value

    def outcome(called: Callable[[], Any], n: int) -> Any:
        try:
            return descend(called, n)
        except (OddError, RecursionError) as caught:
            context = caught.__context__
            return caught if caught is error else type(caught), context

    email = Email(subject="a")
    function: Any = aleaf if waits else leaf
    plain = aframed if waits else framed
    recorded = contract_of(function).record(function)
    left = sys.getrecursionlimit() - len(inspect.stack())
    for _ in range(2):  # with a plan, and without
        for n in range(left - 40, left + 3):
            assert outcome(recorded, n) == outcome(plain, n), n - left
        outcome(recorded, 0)
    assert records()
    assert inside.get() is None


# Event loops


def test_cancelling_and_shielding(contract_of: ContractOf, records: Records) -> None:
    async def wait(seconds: float) -> Email:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError as error:
            log.append(str(error))
            raise
        return Email(subject=f"{seconds}")

    async def drive() -> None:
        task = asyncio.create_task(recorded(60))
        await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(recorded(60), 0.01)
        shielded = asyncio.create_task(recorded(0.01))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.shield(shielded)
        assert (await shielded).subject == "0.01"
        results = await asyncio.gather(recorded(0), recorded("x"), return_exceptions=True)
        assert [type(result) for result in results] == [Email, TypeError]
        assert (await asyncio.to_thread(compose_recorded, "a")).subject == "a"

    log.clear()
    recorded = contract_of(wait).record(wait)
    compose_recorded = contract_of(compose).record(compose)
    asyncio.run(drive())
    assert log == ["enough", ""]
    outcomes = [record.get("error", {"type": "none"})["type"] for record in records()]
    cancelled = "asyncio.exceptions.CancelledError"
    assert outcomes == [cancelled, cancelled, "none", "TypeError", "none", "none"]


def test_an_async_generator_that_is_left_early(contract_of: ContractOf, records: Records) -> None:
    async def count(n: int) -> AsyncGenerator[Email, None]:
        try:
            for number in range(n):
                await asyncio.sleep(0)
                yield Email(subject=f"{number}")
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async def drive() -> None:
        async with contextlib.aclosing(recorded(5)) as emails:
            async for email in emails:
                if email.subject == "2":
                    break
        assert log == ["closed"]
        waiting = asyncio.create_task(anext(recorded(5)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        emails = recorded(1)
        one, other = anext(emails), anext(emails)
        task = asyncio.ensure_future(one)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already running"):
            await other
        assert (await task).subject == "0"
        await emails.aclose()

    log.clear()
    recorded = contract_of(count, list[Email]).record(count)
    asyncio.run(drive())
    types = [record["error"]["type"] for record in records()]
    assert types == ["GeneratorExit", "asyncio.exceptions.CancelledError", "GeneratorExit"]
    assert log == ["closed"] * 3


# Processes and interpreters


POOL = """
import asyncio, multiprocessing, pickle, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pydantic import BaseModel
from distilgen.runtime import Contract, configure

class Email(BaseModel):
    subject: str

def contract(name):
    return Contract(
        function=f"a:{name}", fingerprint="c", system_prompt="", user_message="", tool={},
        inputs={"properties": {"topic": {}}},
    )

@contract("compose").record
def compose(topic: str) -> Email:
    if topic == "bad":
        raise ValueError(topic)
    return Email(subject=topic)

class Mailer:
    @contract("write").record
    def write(self, topic: str) -> Email:
        return compose(topic)

async def from_the_loop(pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, compose, one) for one in "yz"))

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    compose("first")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert [email.subject for email in pool.map(compose, "abc")] == ["a", "b", "c"]
        assert [email.subject for email in pool.map(Mailer().write, "de")] == ["d", "e"]
        assert type(pool.submit(compose, "bad").exception()) is ValueError
        assert [email.subject for email in asyncio.run(from_the_loop(pool))] == ["y", "z"]
    with context.Pool(2) as pool:
        assert [email.subject for email in pool.map(compose, "fg")] == ["f", "g"]
    process = context.Process(target=compose, args=("h",))
    process.start()
    process.join()
    with ThreadPoolExecutor(4) as pool:
        assert [email.subject for email in pool.map(compose, "ij")] == ["i", "j"]
    assert pickle.loads(pickle.dumps(compose)) is compose
    compose("last")
"""


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_pools_of_processes(how: str, tmp_path: Path) -> None:
    if how not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {how}")
    (tmp_path / "program.py").write_text(POOL, "utf-8")
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "program.py", how],
        cwd=tmp_path,
        check=True,
        timeout=120,
        env={**os.environ, "DISTILGEN_RECORDS": str(tmp_path / "records")},
    )
    import json

    lines = (tmp_path / "records" / "records-000001.jsonl").read_bytes().splitlines()
    found = [json.loads(line) for line in lines]
    calls = sorted(f"{one['function'][2:]} {one['arguments']['topic']}" for one in found)
    names = ["bad", "first", "last", *"abcdefghijyz"]
    assert calls == sorted([f"compose {name}" for name in names] + ["write d", "write e"])
    ids = {one["id"]: one for one in found}
    assert len(ids) == len(found)
    parents = [one["parent"] for one in found if "parent" in one]
    assert {ids[parent]["function"] for parent in parents} == {"a:write"}


def test_subinterpreters_may_import_the_runtime(tmp_path: Path) -> None:
    """Pydantic lets one interpreter in; we need it where something is recorded, and not before."""
    interpreters = pytest.importorskip(
        "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    )
    program = f"""
        import {interpreters.__name__} as interpreters
        made = interpreters.create()
        interpreters.run_string(made, '''if True:
            import distilgen
            distilgen.configure(records="records")
            with distilgen.recording(False):
                assert distilgen.counters() == {{}}
            assert distilgen.flush(0) == 0
            assert "pydantic_core" not in __import__("sys").modules
        ''')
        interpreters.destroy(made)
        import distilgen.runtime.recorder  # pydantic is for the first interpreter that imports it
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
