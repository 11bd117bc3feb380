"""Calls with equal arguments that are in flight at once are joined: one asks for all."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
import time
import weakref
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

T = TypeVar("T")


class Joining:
    """The calls of this process that are in flight, by their keys. Calls of threads are joined with
    each other, and so are those of one event loop.

    A question that asks the same again on its way is not joined with itself.
    """

    def __init__(self) -> None:
        # No lock: each step is one operation of a dict, so that a signal handler may call, too.
        self._flights: dict[bytes, _Flight] = {}
        self._tasks: dict[tuple[asyncio.AbstractEventLoop, bytes], _Task] = {}
        _all.add(self)

    def call(self, key: bytes, ask: Callable[[], T], patience: float) -> T:
        """What `ask` returns or raises, or another thread's that is under way.

        patience: for how many seconds to wait for another; then raises TimeoutError.
        """
        end = time.monotonic() + patience
        while True:
            flight = mine = _Flight()
            flights = self._flights
            token = _inside.set((*_inside.get(), mine))
            try:
                flight = flights.setdefault(key, mine)
                if flight is mine:
                    mine.value = ask()
                    mine.is_done = True
                    return mine.value  # type: ignore[no-any-return]
            except Exception as error:
                mine.error, mine.trace = error, error.__traceback__
                del flight  # it holds the error, whose traceback holds this frame
                raise
            finally:
                if flights.get(key) is mine:
                    del flights[key]
                mine.latch.release()
                _inside.reset(token)
                del mine
            if flight in _inside.get():
                return ask()
            if not flight.wait(end - time.monotonic()):
                raise TimeoutError(f"an equal call has no answer after {patience:g} seconds")
            if flight.is_done:
                return flight.value  # type: ignore[no-any-return]
            if flight.error is not None:
                raise _twin(flight.error, flight.trace)
            # Who asked was interrupted, which is nobody else's business: ask again.

    async def acall(self, key: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` returns or raises, or another's on this event loop that is under way.

        It is asked in a task of its own, with the context variables of who came first, and goes on
        as long as anyone waits; then it is cancelled, and its end awaited.
        """
        place = asyncio.get_running_loop(), key
        while True:
            flight = self._tasks.get(place)
            if flight is not None and flight.mark in _inside.get():
                return await ask()
            leads = flight is None or flight.task.done()
            if flight is None or leads:
                flight = self._started(place, ask)
            await self._landed(place, flight)
            task = flight.task
            if task.cancelled() and not leads:  # by who asked: ask again
                continue
            error = None if leads else task.exception()
            if error is not None:
                raise _twin(error, error.__traceback__)
            try:
                return task.result()  # type: ignore[no-any-return]
            finally:
                del task, flight  # the error's traceback would hold them, and they the error

    def _started(
        self, place: tuple[asyncio.AbstractEventLoop, bytes], ask: Callable[[], Awaitable[Any]]
    ) -> _Task:
        flight = _Task()
        self._tasks[place] = flight
        token = _inside.set((*_inside.get(), flight.mark))
        try:
            flight.task = place[0].create_task(_awaited(ask))
        except BaseException:
            self._left(place, flight)
            raise
        finally:
            _inside.reset(token)

        def done(task: asyncio.Task[Any]) -> None:
            self._left(place, flight)
            if not task.cancelled():
                task.exception()  # who waited for it has been told

        flight.task.add_done_callback(done)
        return flight

    async def _landed(self, place: tuple[asyncio.AbstractEventLoop, bytes], flight: _Task) -> None:
        """Wait for its end; the last one who gives up waiting ends it."""
        flight.waiting += 1
        try:
            await _ended(flight.task)
        except asyncio.CancelledError:
            if flight.waiting == 1 and not flight.task.done():
                self._left(place, flight)  # nobody may join it any more
                flight.task.cancel()
                await _ended(flight.task)
            raise
        finally:
            flight.waiting -= 1

    def _left(self, place: tuple[asyncio.AbstractEventLoop, bytes], flight: _Task) -> None:
        if self._tasks.get(place) is flight:
            del self._tasks[place]

    def after_fork(self) -> None:
        """In the child: nobody is there to ask."""
        self._flights = {}
        self._tasks = {}


class _Flight:
    """A question of a thread. Its end: `is_done`, with a value; an error; neither, if it was
    interrupted.
    """

    __slots__ = ("error", "is_done", "latch", "trace", "value")

    def __init__(self) -> None:
        self.latch = threading.Lock()
        self.latch.acquire()
        self.is_done = False
        self.value: Any = None
        self.error: Exception | None = None
        self.trace: TracebackType | None = None

    def wait(self, seconds: float) -> bool:
        """Wait for its end; was it in time?"""
        if not self.latch.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX)):
            return False
        self.latch.release()  # the next one
        return True


class _Task:
    """A question on an event loop. waiting: how many wait for it. mark: stands for it in the task's
    context, which would hold the task itself otherwise.
    """

    __slots__ = ("mark", "task", "waiting")

    task: asyncio.Task[Any]

    def __init__(self) -> None:
        self.mark = object()
        self.waiting = 0


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


async def _ended(task: asyncio.Task[Any]) -> None:
    """Wait for the end of a task; to cancel this leaves it alone."""
    if task.done():
        return
    end = task.get_loop().create_future()

    def tell(_: object) -> None:
        if not end.done():
            end.set_result(None)

    task.add_done_callback(tell)
    try:
        await end
    finally:
        task.remove_done_callback(tell)


def _twin(error: BaseException, trace: TracebackType | None) -> BaseException:
    """An equal exception: raised itself by many, its traceback would hold the frames of all. The
    same where it cannot be copied. trace: as far as all have it in common.
    """
    for make in (_rebuilt, copy.copy):
        with suppress(Exception):  # a constructor of the user's
            twin = make(error)
            if type(twin) is type(error) and str(twin) == str(error) and twin is not error:
                twin.__cause__, twin.__context__ = error.__cause__, error.__context__
                twin.__suppress_context__ = error.__suppress_context__
                return twin.with_traceback(trace)
    return error.with_traceback(trace)


def _rebuilt(error: BaseException) -> BaseException:
    """Past `__init__`, which may want other arguments than those that the exception keeps."""
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


_inside: Final[ContextVar[tuple[object, ...]]] = ContextVar("distilgen_joining", default=())
"""The questions that the running code is in."""

_all: Final[weakref.WeakSet[Joining]] = weakref.WeakSet()


def _after_fork() -> None:
    for joining in list(_all):
        joining.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
