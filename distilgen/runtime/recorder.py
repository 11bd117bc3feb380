"""The decorator that records calls, and never changes what a caller sees.

A record is one JSON object a line: `id` (UUIDv7), `function`, `contract` (its fingerprint), `at`
(UTC, when the call began), `elapsed_ms`, `arguments`, `result` or `error`, `source`.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import json
import logging
import os
import sys
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
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from distilgen.runtime import arguments, sink
from distilgen.runtime.shape import Shape, aligned, not_finite, read_once, shape_of

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
        if sys.version_info >= (3, 14):  # annotations are not to be evaluated
            import annotationlib  # noqa: PLC0415

            return inspect.signature(
                self.function, annotation_format=annotationlib.Format.FORWARDREF
            )
        return inspect.signature(self.function)

    @functools.cached_property
    def _typed(self) -> tuple[TypeAdapter[Any], Shape] | None:
        """Of the return type, or of one item of a generator; None where it cannot be evaluated."""
        try:
            hint = _return_hint(self.function)
            if self.streams:
                hint = typing.get_args(hint)[0] if typing.get_origin(hint) in _STREAMS else None
            if hint is None:
                return None
            adapter: TypeAdapter[Any] = TypeAdapter(hint)
            shape = shape_of(adapter)
        except Exception:  # noqa: BLE001 - imported for type checkers only: the value's own type serves
            return None
        if shape.one_way:
            _log.warning("%s: no student can learn it: %s", self.contract.function, shape.one_way)
        return adapter, shape

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """A call as it starts, its arguments serialised; None when it cannot be recorded."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return None  # the function itself will say what is wrong with the arguments
        except Exception as error:  # noqa: BLE001 - recording fails open
            self.lose(error)
            return None
        try:
            bound.apply_defaults()
            given = {name: bound.arguments[name] for name in self.contract.parameters}
            return Call(self, arguments.canonical(given))
        except KeyError as error:
            self.lose(LookupError(f"its contract has a parameter {error}; instrument it again"))
            return None
        except Exception as error:  # noqa: BLE001 - recording fails open
            self.lose(error)
            return None

    def dump(self, value: Any) -> bytes:
        """A result as JSON that validates against the contract's schema. Raises anything."""
        if hasattr(type(value), "__next__"):
            raise TypeError(f"{type(value).__qualname__} can be read only once")
        if self._typed is None:
            serializer = getattr(type(value), "__pydantic_serializer__", None)
            if serializer is not None:  # of a model: it knows what is computed, and not read back
                return serializer.to_json(value, by_alias=True, round_trip=True, warnings="error")  # type: ignore[no-any-return]
            text = to_json(arguments.settled(value), round_trip=True)
            if arguments.unserializable(text.decode()):
                raise TypeError("it holds a value that has no JSON form")
            return text
        adapter, shape = self._typed
        if shape.one_way:
            raise TypeError(shape.one_way)
        if shape.open:
            python = adapter.dump_python(value, by_alias=True, round_trip=True, warnings="error")
            if read_once(python):
                raise TypeError("it holds an iterator, which can be read only once")
        text = adapter.dump_json(value, by_alias=True, round_trip=True, warnings="error")
        if shape.custom:
            adapter.validate_json(text)  # or no student could give this answer
        if shape.sets or (shape.floats and b"null" in text):
            python = adapter.dump_python(value, by_alias=True, round_trip=True)
            if shape.sets or not_finite(python):
                text = to_json(aligned(python, json.loads(text)))
        return text

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

    __slots__ = ("arguments", "at_ns", "items", "misfit", "recorder", "start")

    def __init__(self, recorder: Recorder, canonical: bytes) -> None:
        self.recorder = recorder
        self.arguments = canonical
        self.items: list[bytes] = []
        self.misfit = b""
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
        if self.misfit:
            return
        try:
            self.items.append(self.recorder.dump(value))
        except Exception as error:  # noqa: BLE001 - told in the record, when the generator ends
            place = f"item {len(self.items)} does not fit the return type: "
            self.misfit = _error(error, place)
            self.items.clear()

    def exhausted(self) -> None:
        """The generator ended by itself."""
        elapsed = time.perf_counter() - self.start
        self._end(self.misfit or b'"result":[' + b",".join(self.items) + b"]", elapsed)

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
    if isinstance(wrapper, FunctionType) and isinstance(function, FunctionType):
        # Frameworks evaluate string annotations in the `__globals__` of what they are given. The
        # wrappers need no names of this module: what they use, they close over.
        wrapper = FunctionType(
            wrapper.__code__, function.__globals__, function.__name__, closure=wrapper.__closure__
        )
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


def _generator(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call = recorder.begin(args, kwargs)
        if call is None:
            return (yield from function(*args, **kwargs))
        source, sent, thrown = function(*args, **kwargs), None, None
        try:
            while True:
                item = source.send(sent) if thrown is None else source.throw(thrown)
                call.yielded(item)
                sent = thrown = None
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - the body is where it belongs
                    thrown = error  # thrown outside of this block, or it becomes a context
        except StopIteration as end:
            call.exhausted() if not isinstance(thrown, GeneratorExit) else call.raised(thrown)
            return end.value
        except BaseException as error:
            call.raised(error)
            raise
        finally:
            thrown = None  # it knows this frame, and the frame must not know it

    return recorded


def _async_generator(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    start = _start_unseen

    async def recorded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call = recorder.begin(args, kwargs)
        source, sent, thrown = function(*args, **kwargs), None, None
        step = start(source)
        try:
            while True:
                item = await step
                if call:
                    call.yielded(item)
                sent = thrown = None
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - as above
                    thrown = error
                step = source.asend(sent) if thrown is None else source.athrow(thrown)
        except StopAsyncIteration:
            if call:
                call.exhausted() if not isinstance(thrown, GeneratorExit) else call.raised(thrown)
        except BaseException as error:
            if call:
                call.raised(error)
            raise
        finally:
            step = thrown = None

    return recorded


def _start_unseen(source: AsyncGenerator[Any, Any]) -> Any:
    """The first step of an async generator that no event loop is to know: the loop closes ours,
    which closes this one, and would else close both at once.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return source.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _return_hint(function: Callable[..., Any]) -> Any:
    """The return annotation, evaluated; those of parameters may name what is not there."""
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415

        annotations = annotationlib.get_annotations(
            function, format=annotationlib.Format.FORWARDREF
        )
    else:
        annotations = function.__annotations__

    if "return" not in annotations:
        return None

    def promise() -> None: ...

    promise.__annotations__ = {"return": annotations["return"]}
    names = getattr(function, "__globals__", {})
    return typing.get_type_hints(promise, globalns=names, include_extras=True)["return"]


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
