"""The decorator that records calls, and never changes what a caller sees.

A record is one JSON object a line: `id` (UUIDv7), `function`, `contract` (its fingerprint), `at`
(UTC, when the call began), `elapsed_ms`, `arguments`, `result` or `error`, `source`.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import logging
import os
import time
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
)
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from distilgen.runtime import arguments, sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract

_log = logging.getLogger("distilgen")
_STREAMS = (Iterator, Generator, Iterable, AsyncIterator, AsyncGenerator, AsyncIterable)

TEACHER = "teacher"


class Recorder:
    """Records the calls of one function."""

    def __init__(self, contract: Contract, function: Callable[..., Any]) -> None:
        self.contract = contract
        self.function = function
        self.streams = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        self._head = to_json({"function": contract.function, "contract": contract.fingerprint})[
            1:-1
        ]
        self._lost = 0

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        """Of the return type, or of one item of a generator; None where it cannot be evaluated."""
        try:
            hint = typing.get_type_hints(self.function, include_extras=True).get("return")
            if self.streams:
                hint = typing.get_args(hint)[0] if typing.get_origin(hint) in _STREAMS else None
            return None if hint is None else TypeAdapter(hint)
        except Exception:  # noqa: BLE001 - imported for type checkers only: the value's own type serves
            return None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """A call as it starts, its arguments serialised; None when it cannot be recorded."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return None  # the function itself will say what is wrong with the arguments
        try:
            bound.apply_defaults()
            given = {name: bound.arguments[name] for name in self.contract.parameters}
            return Call(self, arguments.canonical(given))
        except Exception as error:  # noqa: BLE001 - recording fails open
            self.lose(error)
            return None

    def dump(self, value: Any) -> bytes:
        """A result as JSON that validates against the contract's schema. Raises anything."""
        if self._adapter is None:
            return to_json(value, by_alias=True, round_trip=True, inf_nan_mode="constants")
        return self._adapter.dump_json(value, by_alias=True, round_trip=True, warnings="error")

    def write(self, line: bytes) -> None:
        """Hand a line to the sink, whatever becomes of it."""
        try:
            sink.current().write(line)
        except Exception as error:  # noqa: BLE001 - recording fails open
            self.lose(error)

    def lose(self, error: Exception) -> None:
        """Count a record that was not made, and say so once."""
        self._lost += 1
        if self._lost == 1:
            _log.warning("%s: a call was not recorded: %s", self.contract.function, error)

    def line(self, call: Call, outcome: bytes, elapsed: float) -> bytes:
        """The record of a call. outcome: `"result":…` or `"error":…`."""
        return b'{"id":"%s",%s,"at":"%s","elapsed_ms":%.3f,"arguments":%s,%s,"source":"%s"}\n' % (
            uuid7(call.at_ns).encode(),
            self._head,
            _timestamp(call.at_ns).encode(),
            elapsed * 1000,
            call.arguments,
            outcome,
            TEACHER.encode(),
        )


class Call:
    """One call, from its start to its record."""

    __slots__ = ("arguments", "at_ns", "items", "recorder", "start")

    def __init__(self, recorder: Recorder, canonical: bytes) -> None:
        self.recorder = recorder
        self.arguments = canonical
        self.items: list[bytes] = []
        self.at_ns = time.time_ns()
        self.start = time.perf_counter()

    def returned(self, value: Any) -> None:
        """The function returned."""
        elapsed = time.perf_counter() - self.start
        try:
            outcome = b'"result":' + self.recorder.dump(value)
        except Exception as error:  # noqa: BLE001 - a result that is not what was promised
            outcome = _error(error, "the result does not fit the return type: ")
        self._end(outcome, elapsed)

    def raised(self, error: BaseException) -> None:
        """The function raised."""
        self._end(_error(error), time.perf_counter() - self.start)

    def yielded(self, value: Any) -> None:
        """The generator yielded."""
        try:
            self.items.append(self.recorder.dump(value))
        except Exception as error:  # noqa: BLE001 - told in the record, when the generator ends
            self.items.append(b"")
            self.recorder.lose(error)

    def exhausted(self) -> None:
        """The generator ended by itself."""
        elapsed = time.perf_counter() - self.start
        if b"" in self.items:
            place = self.items.index(b"")
            outcome = _error(ValueError(f"item {place} does not fit the return type"))
        else:
            outcome = b'"result":[' + b",".join(self.items) + b"]"
        self._end(outcome, elapsed)

    def _end(self, outcome: bytes, elapsed: float) -> None:
        recorder = self.recorder
        try:
            recorder.write(recorder.line(self, outcome, elapsed))
        except Exception as error:  # noqa: BLE001 - recording fails open
            recorder.lose(error)


def record(contract: Contract, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, recorded: of the same kind, with the same signature and behaviour."""
    recorder = Recorder(contract, function)
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(recorder, function)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(recorder, function)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(recorder, function)
    else:
        wrapper = _plain(recorder, function)
    return functools.wraps(function)(wrapper)


def _plain(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        call = recorder.begin(args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned(result)
        return result

    return recorded


def _coroutine(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        call = recorder.begin(args, kwargs)
        if call is None:
            return await function(*args, **kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned(result)
        return result

    return recorded


class _Tap(Generator[Any, Any, Any]):
    """A generator that tells a call what it yields; everything goes through."""

    def __init__(self, source: Generator[Any, Any, Any], call: Call) -> None:
        self._source, self._call = source, call

    def send(self, value: Any) -> Any:
        item = self._source.send(value)
        self._call.yielded(item)
        return item

    def throw(self, *error: Any) -> Any:
        item = self._source.throw(*error)
        self._call.yielded(item)
        return item

    def close(self) -> None:
        self._source.close()


def _generator(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call = recorder.begin(args, kwargs)
        if call is None:
            return (yield from function(*args, **kwargs))
        try:
            result = yield from _Tap(function(*args, **kwargs), call)
        except BaseException as error:
            call.raised(error)
            raise
        call.exhausted()
        return result

    return recorded


def _async_generator(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    async def recorded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call = recorder.begin(args, kwargs)
        source = function(*args, **kwargs)
        step = source.__anext__()
        try:
            while True:
                item = await step
                if call:
                    call.yielded(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await source.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - the body is where it belongs
                    step = source.athrow(error)
                else:
                    step = source.asend(sent)
        except StopAsyncIteration:
            if call:
                call.exhausted()
        except BaseException as error:
            if call:
                call.raised(error)
            raise

    return recorded


def uuid7(at_ns: int) -> str:
    """A time-ordered UUID, RFC 9562 version 7."""
    value = (at_ns // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _timestamp(at_ns: int) -> str:
    at = dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _error(error: BaseException, prefix: str = "") -> bytes:
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception that cannot say what it is
        message = ""
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    text = {"type": name, "message": (prefix + message).encode(errors="replace").decode()}
    return b'"error":' + to_json(text)
