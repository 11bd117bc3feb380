"""The recorder writes every call down, and the caller never sees it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import io
import itertools
import logging
import pickle
import subprocess
import sys
import textwrap
import traceback
import typing
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import pydantic
import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    computed_field,
    field_serializer,
)

from distilgen.runtime import Contract, configure

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers
    from pathlib import Path

ContractOf = Callable[..., Contract]
Records = Callable[[], list[dict[str, Any]]]


class Email(BaseModel):
    subject: str
    urgent: bool = False


class Draft(Email):
    author: str = "me"


def compose(topic: str, *, urgent: bool = False) -> Email:
    """Write an email."""
    return Email(subject=topic, urgent=urgent)


EMAIL = {"subject": "a", "urgent": False}


# What a record says


def test_a_record_says_who_when_what_and_how_long(
    contract_of: ContractOf, records: Records
) -> None:
    contract = contract_of(compose)
    contract.record(compose)("hällo", urgent=True)
    (record,) = records()
    assert list(record) == [
        *("id", "at", "function", "contract", "source", "elapsed_ms", "arguments", "result"),
    ]
    assert record["function"] == "shop.mail:compose"
    assert record["contract"] == contract.fingerprint
    assert record["arguments"] == {"topic": "hällo", "urgent": True}
    assert record["result"] == {"subject": "hällo", "urgent": True}
    assert record["source"] == "teacher"
    assert record["elapsed_ms"] >= 0
    assert UUID(record["id"]).version == 7
    assert UUID(record["id"]).variant == "specified in RFC 4122"
    assert record["at"].endswith("Z")
    assert abs(datetime.fromisoformat(record["at"]).timestamp() * 1000 - id_ms(record)) < 2


def id_ms(record: dict[str, Any]) -> int:
    return UUID(record["id"]).int >> 80


def test_ids_follow_time(contract_of: ContractOf, records: Records) -> None:
    recorded = contract_of(compose).record(compose)
    for _ in range(50):
        recorded("a")
    times = [id_ms(record) for record in records()]
    assert times == sorted(times)
    assert len({record["id"] for record in records()}) == 50


def test_arguments_stand_in_the_order_of_the_signature(
    contract_of: ContractOf, records: Records
) -> None:
    def mixed(a: int, /, b: int = 2, *rest: int, c: int = 3, **more: int) -> Email:
        return Email(subject=f"{a}{b}{rest}{c}{more}")

    recorded = contract_of(mixed).record(mixed)
    recorded(1)
    recorded(1, c=5, b=4)
    recorded(1, 2, 7, 8, z=1, y=2)
    assert [record["arguments"] for record in records()] == [
        {"a": 1, "b": 2, "rest": [], "c": 3, "more": {}},
        {"a": 1, "b": 4, "rest": [], "c": 5, "more": {}},
        {"a": 1, "b": 2, "rest": [7, 8], "c": 3, "more": {"z": 1, "y": 2}},
    ]
    assert all(list(record["arguments"]) == ["a", "b", "rest", "c", "more"] for record in records())


def test_arguments_are_those_that_the_body_was_given(
    contract_of: ContractOf, records: Records
) -> None:
    def drain(topics: list[str]) -> Email:
        return Email(subject=topics.pop())

    given = ["a", "b"]
    contract_of(drain).record(drain)(given)
    assert given == ["a"]
    assert records()[0]["arguments"] == {"topics": ["a", "b"]}


def test_an_argument_without_json_form_is_marked(contract_of: ContractOf, records: Records) -> None:
    def send(topic: str, channel: object) -> Email:
        return Email(subject=f"{topic}{channel is not None}")

    assert contract_of(send).record(send)("a", object()).subject == "aTrue"
    assert records()[0]["arguments"] == {
        "topic": "a",
        "channel": {"$unserializable": "builtins.object"},
    }


def test_a_subclass_is_recorded_as_the_annotated_type(
    contract_of: ContractOf, records: Records
) -> None:
    def draft() -> Email:
        return Draft(subject="a")

    assert isinstance(contract_of(draft).record(draft)(), Draft)
    assert records()[0]["result"] == EMAIL


def test_a_result_goes_by_its_aliases_and_hides_secrets(
    contract_of: ContractOf, records: Records
) -> None:
    def login() -> Login:
        return Login(userName="ann", password=SecretStr("hunter2"))

    contract_of(login).record(login)()
    assert records()[0]["result"] == {"userName": "ann", "password": "[SECRET_1]"}


class Login(BaseModel):
    user_name: str = Field(alias="userName")
    password: SecretStr


def test_the_sets_of_a_result_are_sorted(contract_of: ContractOf, records: Records) -> None:
    def label() -> Labels:
        return Labels(names={"c", "a", "b"}, by_name={"x": frozenset("zy")})

    contract_of(label).record(label)()
    assert records()[0]["result"] == {"names": ["a", "b", "c"], "by_name": {"x": ["y", "z"]}}


class Labels(BaseModel):
    names: set[str]
    by_name: dict[str, frozenset[str]]


def test_types_that_are_there_for_checkers_only(contract_of: ContractOf, records: Records) -> None:
    def price(topic: OnlyForCheckers) -> Email:
        return Draft(subject=str(topic))

    def total() -> OnlyForCheckers:
        return Email(subject="a")  # type: ignore[return-value]

    contract_of(price, Email).record(price)(1)  # type: ignore[arg-type]
    contract_of(total, Email).record(total)()
    assert [record["result"] for record in records()] == [{"subject": "1", "urgent": False}, EMAIL]


def test_a_result_of_another_type_is_an_error_in_the_record(
    contract_of: ContractOf, records: Records
) -> None:
    def wrong() -> Email:
        return {"subject": "a"}  # type: ignore[return-value]

    answer: object = contract_of(wrong).record(wrong)()
    assert answer == {"subject": "a"}
    (record,) = records()
    assert "result" not in record
    assert "does not fit the return type" in record["error"]["message"]


def test_a_result_that_json_does_not_know_is_an_error_in_the_record(
    contract_of: ContractOf, records: Records
) -> None:
    def measure(value: float) -> Measure:
        return Measure(value=value)

    recorded = contract_of(measure).record(measure)
    assert recorded(float("inf")).value == float("inf")
    recorded(0.5)
    failed, fine = records()
    assert "JSON has no inf" in failed["error"]["message"]
    assert fine["result"] == {"value": 0.5, "note": None}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Written", "the field user_name is written as userName and read as user_name"),
        ("Read", "the field user_name is written as user_name and read as userName"),
        ("Chosen", "the field user_name is written as userName and read as login"),
        pytest.param(
            "ByName",
            "the field user_name is written as userName and read as user_name",
            marks=pytest.mark.skipif(
                tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 11),
                reason="validate_by_name came with pydantic 2.11",
            ),
        ),
        ("Nested", "the field user_name is written as userName and read as user_name"),
        ("Hidden", "the field user_name is required, and excluded when it is written"),
    ],
)
def test_a_type_that_cannot_be_read_again_is_said_once(
    name: str,
    reason: str,
    contract_of: ContractOf,
    records: Records,
    caplog: pytest.LogCaptureFixture,
) -> None:
    returns: Any = globals()[name]

    def login() -> Any:
        return returns.model_construct(user_name="ann")

    login.__annotations__["return"] = returns
    recorded = contract_of(login).record(login)
    assert recorded().user_name == recorded().user_name == "ann"
    assert [record["error"]["message"] for record in records()] == [
        f"the result does not fit the return type: {reason}"
    ] * 2
    assert [said.message for said in caplog.records] == [
        f"shop.mail:login: no student can learn it: {reason}"
    ]


class Written(BaseModel):
    user_name: str = Field(serialization_alias="userName")


class Read(BaseModel):
    user_name: str = Field(validation_alias="userName")


class Chosen(BaseModel):
    user_name: str = Field(
        serialization_alias="userName", validation_alias=AliasChoices("login", "userName")
    )


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    user_name: str = Field(alias="userName")


class Nested(BaseModel):
    user_name: str = ""
    friends: dict[str, list[Written | None]] = {}


class Hidden(BaseModel):
    user_name: str = Field(exclude=True)


def test_a_field_with_a_default_may_stay_out(contract_of: ContractOf, records: Records) -> None:
    def login() -> Excused:
        return Excused(userName="ann", password="hunter2")

    contract_of(login).record(login)()
    assert records()[0]["result"] == {"userName": "ann"}


class Excused(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    user_name: str = Field(alias="userName")
    password: str = Field("", exclude=True)


class Measure(BaseModel):
    value: float
    note: str | None = None


# What a caller sees


def test_the_function_looks_as_it_did(contract_of: ContractOf, folder: Path) -> None:
    recorded = contract_of(compose).record(compose)
    assert inspect.signature(recorded) == inspect.signature(compose)
    assert typing.get_type_hints(recorded) == typing.get_type_hints(compose)
    assert recorded.__wrapped__ is compose  # type: ignore[attr-defined]
    assert recorded.__globals__ is compose.__globals__
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
        assert getattr(recorded, name) == getattr(compose, name)
    assert not folder.exists()


def test_a_decorated_function_pickles_by_its_name(
    contract_of: ContractOf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = contract_of(compose).record(compose)
    monkeypatch.setitem(sys.modules, "shop", type(sys)("shop"))
    monkeypatch.setattr(sys.modules["shop"], "compose", recorded, raising=False)
    monkeypatch.setattr(recorded, "__module__", "shop")
    assert pickle.loads(pickle.dumps(recorded)) is recorded
    assert not folder.exists()


@pytest.mark.parametrize(
    "kind",
    [
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        asyncio.iscoroutinefunction if sys.version_info < (3, 14) else inspect.iscoroutinefunction,
    ],
)
def test_the_kind_of_a_function_is_kept(
    kind: Callable[[object], bool], contract_of: ContractOf
) -> None:
    for function in (compose, acompose, stream, astream):
        recorded = contract_of(function, Email).record(function)
        assert kind(recorded) == kind(function), function


async def acompose(topic: str) -> Email:
    await asyncio.sleep(0)
    return Email(subject=topic)


def stream(topic: str) -> Iterator[Email]:
    for letter in topic:
        yield Email(subject=letter)


async def astream(topic: str) -> AsyncIterator[Email]:
    for letter in topic:
        await asyncio.sleep(0)
        yield Email(subject=letter)


def test_the_result_is_the_very_object(contract_of: ContractOf, records: Records) -> None:
    email = Email(subject="a")

    def same() -> Email:
        return email

    async def asame() -> Email:
        return email

    assert contract_of(same).record(same)() is email
    assert asyncio.run(contract_of(asame).record(asame)()) is email
    assert len(records()) == 2


def test_an_exception_goes_through_and_is_recorded(
    contract_of: ContractOf, records: Records
) -> None:
    error = ValueError("no \ud800 topic")

    def fail() -> Email:
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        contract_of(fail).record(fail)()
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None
    assert traceback.extract_tb(error.__traceback__)[-1].name == "fail"
    assert records()[0]["error"] == {"type": "ValueError", "message": "no ? topic"}


def test_an_exception_that_cannot_say_what_it_is(contract_of: ContractOf, records: Records) -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> Email:
        raise MuteError

    with pytest.raises(MuteError):
        contract_of(fail).record(fail)()
    assert records()[0]["error"]["message"] == ""


def test_leaving_the_program_is_recorded_too(contract_of: ContractOf, records: Records) -> None:
    def leave() -> Email:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        contract_of(leave).record(leave)()
    assert records()[0]["error"] == {"type": "SystemExit", "message": "3"}


def test_wrong_arguments_are_the_functions_own_affair(
    contract_of: ContractOf, records: Records
) -> None:
    with pytest.raises(TypeError, match=r"compose\(\) missing 1 required positional argument"):
        contract_of(compose).record(compose)()  # type: ignore[call-arg]
    assert records() == []


def test_what_can_be_read_once_is_left_to_the_body_and_the_caller(
    contract_of: ContractOf, records: Records
) -> None:
    def first(lines: Iterator[str], file: io.StringIO, numbers: list[Iterator[int]]) -> Email:
        return Email(subject=f"{next(lines)} {file.readline()} {next(numbers[0])}")

    def lazy() -> Iterator[Email]:
        return iter([Email(subject="a")])

    recorded = contract_of(first).record(first)
    email = recorded(
        iter(["x", "y"]), io.StringIO("line"), [itertools.count(7)]
    )  # the last never ends
    assert email.subject == "x line 7"
    assert [item.subject for item in contract_of(lazy, Email).record(lazy)()] == ["a"]
    given, answer = records()
    assert given["arguments"]["lines"] == {"$unserializable": "builtins.list_iterator"}
    assert given["arguments"]["numbers"] == [{"$unserializable": "itertools.count"}]
    assert "read only once" in answer["error"]["message"]


def test_an_iterator_inside_a_result_is_left_to_the_caller(
    contract_of: ContractOf, records: Records
) -> None:
    def open_box() -> Box:
        return Box(inside=iter([1, 2]))

    assert list(contract_of(open_box).record(open_box)().inside) == [1, 2]
    assert "read only once" in records()[0]["error"]["message"]


class Box(BaseModel):
    inside: Any


# Where functions live


class Mailer:
    def __init__(self) -> None:
        self.prefix = "re: "

    def reply(self, topic: str) -> Email:
        return Email(subject=self.prefix + topic)

    @staticmethod
    def plain(topic: str) -> Email:
        return Email(subject=topic)

    @classmethod
    def named(cls, topic: str) -> Email:
        return Email(subject=cls.__name__ + topic)

    def latest(self) -> Email:
        return Email(subject=self.prefix)


def test_methods_of_every_kind(contract_of: ContractOf, records: Records) -> None:
    def recorded(name: str) -> Any:
        function = Mailer.__dict__[name]
        function = getattr(function, "__func__", function)
        return contract_of(function).record(function)

    class Recorded(Mailer):
        reply = recorded("reply")
        plain = staticmethod(recorded("plain"))
        named: Any = classmethod(recorded("named"))
        latest: Any = property(recorded("latest"))

    mailer = Recorded()
    subjects = [
        mailer.reply("a").subject,
        mailer.plain("a").subject,
        Recorded.named("a").subject,
        mailer.latest.subject,
    ]
    assert subjects == ["re: a", "a", "Recordeda", "re: "]
    found = records()
    assert [record["function"] for record in found] == [
        f"shop.mail:Mailer.{name}" for name in ("reply", "plain", "named", "latest")
    ]
    assert [record["arguments"] for record in found] == [{"topic": "a"}] * 3 + [{}]


def test_caches_above_the_recorder_keep_calls_from_it(
    contract_of: ContractOf, records: Records
) -> None:
    class Cached:
        @functools.cached_property
        def latest(self) -> Email:
            return recorded("b")

    recorded = contract_of(compose).record(compose)
    cached = functools.lru_cache(recorded)
    assert cached("a") is cached("a")
    holder = Cached()
    assert holder.latest is holder.latest
    assert [record["arguments"]["topic"] for record in records()] == ["a", "b"]


def test_recursion_records_every_level_inner_first(
    contract_of: ContractOf, records: Records
) -> None:
    def nest(depth: int) -> Email:
        return recorded(depth - 1) if depth else Email(subject="a")

    recorded = contract_of(nest).record(nest)
    recorded(3)
    assert [record["arguments"]["depth"] for record in records()] == [0, 1, 2, 3]


# Coroutines


def test_a_coroutine_is_recorded_when_it_ends(contract_of: ContractOf, records: Records) -> None:
    recorded = contract_of(acompose).record(acompose)

    async def several() -> list[Email]:
        waiting = recorded("never awaited")
        waiting.close()
        return await asyncio.gather(*(recorded(letter) for letter in "abc"))

    assert [email.subject for email in asyncio.run(several())] == ["a", "b", "c"]
    assert sorted(record["arguments"]["topic"] for record in records()) == ["a", "b", "c"]


def test_a_cancelled_coroutine_is_an_error_in_the_record(
    contract_of: ContractOf, records: Records
) -> None:
    async def wait() -> Email:
        await asyncio.sleep(60)
        return Email(subject="a")

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await contract_of(wait).record(wait)()

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert records()[0]["error"]["type"] == "asyncio.exceptions.CancelledError"


# Generators


def test_a_generator_is_lazy_and_recorded_at_its_end(
    contract_of: ContractOf, records: Records
) -> None:
    started: list[str] = []

    def letters(topic: str) -> Iterator[Email]:
        started.append(topic)
        yield from stream(topic)

    emails = contract_of(letters, list[Email]).record(letters)("ab")
    assert not started
    assert next(emails).subject == "a"
    assert started
    assert records() == []
    assert [email.subject for email in emails] == ["b"]
    (record,) = records()
    assert record["arguments"] == {"topic": "ab"}
    assert [email["subject"] for email in record["result"]] == ["a", "b"]


def talk(log: list[str]) -> Generator[Email, str, int]:
    """Says what reaches a body."""
    topic = "start"
    try:
        while topic != "end":
            try:
                topic = yield Email(subject=topic)
            except KeyError as error:
                topic = f"caught {error}"
        return 42
    finally:
        log.append("closed")


@contextlib.contextmanager
def both(
    contract_of: ContractOf, function: Callable[..., Any]
) -> Iterator[Iterator[tuple[Any, list[str]]]]:
    """A generator as it is and as it is recorded, to be treated alike."""
    recorded = contract_of(function, list[Email]).record(function)
    logs: tuple[list[str], list[str]] = ([], [])
    yield ((each(log), log) for each, log in zip((function, recorded), logs, strict=True))


def test_send_throw_and_the_returned_value_go_through(
    contract_of: ContractOf, records: Records
) -> None:
    with both(contract_of, talk) as generators:
        for generator, log in generators:
            assert next(generator).subject == "start"
            assert generator.send("a").subject == "a"
            assert generator.throw(KeyError("b")).subject == "caught 'b'"
            with pytest.raises(StopIteration) as end:
                generator.send("end")
            assert end.value.value == 42
            assert log == ["closed"]
    (record,) = records()
    assert [email["subject"] for email in record["result"]] == ["start", "a", "caught 'b'"]


def test_what_is_thrown_and_not_caught_comes_back(
    contract_of: ContractOf, records: Records
) -> None:
    with both(contract_of, talk) as generators:
        for generator, log in generators:
            next(generator)
            error = LookupError("b")
            with pytest.raises(LookupError) as caught:
                generator.throw(error)
            assert caught.value is error
            assert error.__context__ is None
            assert log == ["closed"]
    assert records()[0]["error"] == {"type": "LookupError", "message": "b"}


def test_a_later_exception_has_no_context_that_the_body_gave_it_not(
    contract_of: ContractOf, records: Records
) -> None:
    def survive() -> Iterator[Email]:
        with contextlib.suppress(KeyError):
            yield Email(subject="a")
        raise ValueError

    for each in (survive, contract_of(survive, list[Email]).record(survive)):
        generator = each()
        next(generator)
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - it has no text
            generator.throw(KeyError("b"))  # type: ignore[attr-defined]
        assert caught.value.__context__ is None
    assert len(records()) == 1


def test_closing_closes_the_body(contract_of: ContractOf, records: Records) -> None:
    with both(contract_of, talk) as generators:
        for generator, log in generators:
            next(generator)
            generator.close()
            assert log == ["closed"]
            assert list(generator) == []
    assert records()[0]["error"] == {"type": "GeneratorExit", "message": ""}


def test_a_generator_that_was_never_started_leaves_no_record(
    contract_of: ContractOf, records: Records
) -> None:
    contract_of(talk, list[Email]).record(talk)([]).close()
    assert records() == []


def test_an_abandoned_generator_is_recorded_as_such(
    contract_of: ContractOf, records: Records
) -> None:
    generator = contract_of(talk, list[Email]).record(talk)([])
    next(generator)
    del generator
    gc.collect()
    assert records()[0]["error"]["type"] == "GeneratorExit"


def test_an_ignored_close_is_an_error_as_without_us(
    contract_of: ContractOf, records: Records
) -> None:
    def stubborn(_: list[str]) -> Iterator[Email]:
        for letter in "ab":
            with contextlib.suppress(GeneratorExit):
                yield Email(subject=letter)

    with both(contract_of, stubborn) as generators:
        for generator, _log in generators:
            next(generator)
            with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
                generator.close()
            generator.close()
    assert len(records()) == 1


def test_an_item_of_another_type_is_an_error_in_the_record(
    contract_of: ContractOf, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    def mixed() -> Iterator[Email]:
        yield Email(subject="a")
        yield "b"  # type: ignore[misc]

    assert list(contract_of(mixed, list[Email]).record(mixed)())[1] == "b"  # type: ignore[comparison-overlap]
    assert records()[0]["error"]["message"].startswith("item 1 does not fit the return type: ")
    assert not caplog.records


# Async generators


async def atalk(log: list[str]) -> typing.AsyncGenerator[Email, str]:
    topic = "start"
    try:
        while topic != "end":
            await asyncio.sleep(0)
            try:
                topic = yield Email(subject=topic)
            except KeyError as error:
                topic = f"caught {error}"
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def test_asend_athrow_and_the_end_go_through(contract_of: ContractOf, records: Records) -> None:
    async def drive(generator: Any, log: list[str]) -> None:
        assert (await anext(generator)).subject == "start"
        assert (await generator.asend("a")).subject == "a"
        assert (await generator.athrow(KeyError("b"))).subject == "caught 'b'"
        with pytest.raises(StopAsyncIteration):
            await generator.asend("end")
        assert log == ["closed"]

    with both(contract_of, atalk) as generators:
        for generator, log in generators:
            asyncio.run(drive(generator, log))
    (record,) = records()
    assert [email["subject"] for email in record["result"]] == ["start", "a", "caught 'b'"]


def test_aclose_closes_the_body(contract_of: ContractOf, records: Records) -> None:
    async def drive(generator: Any, log: list[str]) -> None:
        await anext(generator)
        await generator.aclose()
        assert log == ["closed"]

    with both(contract_of, atalk) as generators:
        for generator, log in generators:
            asyncio.run(drive(generator, log))
    assert records()[0]["error"] == {"type": "GeneratorExit", "message": ""}


def test_an_exception_thrown_into_an_async_generator_comes_back(
    contract_of: ContractOf, records: Records
) -> None:
    async def drive(generator: Any, log: list[str]) -> None:
        await anext(generator)
        error = LookupError("b")
        with pytest.raises(LookupError) as caught:
            await generator.athrow(error)
        assert caught.value is error
        assert log == ["closed"]

    with both(contract_of, atalk) as generators:
        for generator, log in generators:
            asyncio.run(drive(generator, log))
    assert records()[0]["error"] == {"type": "LookupError", "message": "b"}


def test_an_async_generator_that_the_loop_closes_is_recorded(
    contract_of: ContractOf, records: Records
) -> None:
    async def abandon() -> None:
        generator = contract_of(atalk, list[Email]).record(atalk)(log)
        await anext(generator)
        kept.append(generator)

    kept: list[Any] = []
    log: list[str] = []
    asyncio.run(abandon())
    assert log == ["closed"]
    assert records()[0]["error"]["type"] == "GeneratorExit"


def test_an_async_generator_is_lazy(contract_of: ContractOf, records: Records) -> None:
    async def drive() -> list[Email]:
        generator = contract_of(astream, list[Email]).record(astream)("ab")
        assert records() == []
        return [email async for email in generator]

    assert [email.subject for email in asyncio.run(drive())] == ["a", "b"]
    assert [email["subject"] for email in records()[0]["result"]] == ["a", "b"]


# What breaks


@pytest.mark.parametrize("obstacle", ["a file", "an unknown sink"])
def test_a_broken_sink_is_said_once_and_nobody_sees_it(
    obstacle: str,
    contract_of: ContractOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if obstacle == "a file":
        (tmp_path / "records").write_bytes(b"in the way")
        configure(records=tmp_path / "records")
    else:
        monkeypatch.setenv("DISTILGEN_RECORDS", "carrier-pigeon:coop")
    recorded = contract_of(compose).record(compose)
    assert [recorded(letter).subject for letter in "abc"] == ["a", "b", "c"]
    with pytest.raises(TypeError):
        recorded()  # type: ignore[call-arg]
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "shop.mail:compose: a call was not recorded: " in said.message


def test_a_contract_of_another_signature_is_said_once(
    contract_of: ContractOf, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = contract_of(compose, inputs={"properties": {"topic": {}, "tone": {}}}).record(
        compose
    )
    assert recorded("a").subject == recorded("a").subject
    assert records() == []
    (said,) = caplog.records
    assert said.message.endswith("its contract has a parameter 'tone'; instrument it again")


def test_disabled_gives_the_function_back(
    contract_of: ContractOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = contract_of(compose)
    monkeypatch.setenv("DISTILGEN_DISABLED", "1")
    assert contract.record(compose) is compose
    monkeypatch.setenv("DISTILGEN_DISABLED", "0")
    assert contract.record(compose) is not compose


def test_a_signal_handler_may_record_while_a_call_is_recorded(tmp_path: Path) -> None:
    program = """
        import signal, sys
        from pydantic import BaseModel
        from distilgen.runtime import Contract, configure

        class Email(BaseModel):
            subject: str

        configure(records=sys.argv[1])
        contract = Contract(
            function="a:b", fingerprint="c", system_prompt="", user_message="", tool={},
            inputs={"properties": {}},
        )

        @contract.record
        def compose() -> Email:
            return Email(subject="a")

        signal.signal(signal.SIGALRM, lambda *_: compose())
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for _ in range(3000):
            compose()
        signal.setitimer(signal.ITIMER_REAL, 0)
    """
    if not hasattr(__import__("signal"), "setitimer"):
        pytest.skip("this system has no timers that send signals")
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "records")],
        check=True,
        timeout=60,
    )
    written = (tmp_path / "records" / "records-000001.jsonl").read_bytes()
    assert written.count(b"\n") >= 3000
    assert written.count(b'{"id":') == written.count(b"\n")


def test_annotated_results(contract_of: ContractOf, records: Records) -> None:
    def maybe(topic: str) -> Annotated[Email | None, "perhaps"]:
        return Email(subject=topic) if topic else None

    recorded = contract_of(maybe).record(maybe)
    recorded("a")
    recorded("")
    assert [record["result"] for record in records()] == [EMAIL, None]


class Computed(BaseModel):
    """What is computed is written, and not read back."""

    model_config = ConfigDict(extra="forbid")
    a: int

    @computed_field
    def double(self) -> int:
        return 2 * self.a


def test_what_is_computed_stays_out_where_the_type_is_not_to_be_had(
    contract_of: ContractOf, records: Records
) -> None:
    def late(a: int) -> Any:
        return Computed(a=a)

    late.__annotations__["return"] = "Nowhere"
    contract_of(late, Computed).record(late)(3)
    assert [record["result"] for record in records()] == [{"a": 3}]


class Spelled(BaseModel):
    """What a serializer of its author's writes, and nobody can read."""

    a: int

    @field_serializer("a")
    def spell(self, a: int) -> str:
        return f"<{a}>"


def test_what_cannot_be_read_back_is_an_error_of_the_record(
    contract_of: ContractOf, records: Records
) -> None:
    def spelled(a: int) -> Spelled:
        return Spelled(a=a)

    assert contract_of(spelled).record(spelled)(3) == Spelled(a=3)
    (record,) = records()
    assert "result" not in record
    assert record["error"]["message"].startswith("the result does not fit the return type: ")
