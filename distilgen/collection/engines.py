"""How calls are made: in threads where the function is a `def`, as tasks where it is async."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from distilgen.collection.feed import Ended, Failure, ResultError
from distilgen.collection.pace import Pace, before_retry
from distilgen.runtime.call import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.collection.feed import Call, Feed
    from distilgen.collection.teacher import Teacher

_WAKE_S = 0.2


@dataclass(frozen=True)
class Manner:
    """How calls are made. concurrency: how many at a time. rate: how many a second begin, None for
    any number. retries: how often one that raised is made again; retry_on: only where the class of
    the exception, or one that it comes from, has such a name; none for any. timeout: seconds for
    one try. grace: seconds that running calls get when the run is stopped.
    """

    concurrency: int = 4
    rate: float | None = None
    retries: int = 0
    retry_on: tuple[str, ...] = ()
    timeout: float | None = None
    grace: float = 10.0

    def tries_again(self, error: BaseException, tries: int) -> bool:
        """Is a call to be made again that raised this at its so many-th try?"""
        if tries > self.retries or not isinstance(error, Exception):
            return False
        names = {n for c in type(error).__mro__ for n in (c.__name__, told_class(c))}
        return not self.retry_on or not names.isdisjoint(self.retry_on)


class Engine(Protocol):
    """Makes the calls that a feed hands out, until there are no more, and says of each that it has
    ended, from any thread. Where the feed is stopped, it returns after `manner.grace` seconds at
    the latest; calls that it did not begin are not told of. Raises CollectError where it cannot
    work at all.
    """

    def __call__(
        self, teacher: Teacher, feed: Feed, manner: Manner, ended: Callable[[Ended], None]
    ) -> None: ...


def told_class(kind: type) -> str:
    """A class as failures name it: with its module, unless that is Python's own."""
    ahead = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return ahead + kind.__qualname__


def failure_of(error: BaseException) -> Failure:
    """What was raised, as texts."""
    if isinstance(error, ResultError):
        return error.failure
    said = told(error)
    return Failure(said["type"], said["message"])


def in_threads(
    teacher: Teacher, feed: Feed, manner: Manner, ended: Callable[[Ended], None]
) -> None:
    """The engine of functions that are not async. A thread cannot be stopped: `timeout` is not
    heeded here.
    """
    pace = Pace(manner.rate)
    busy: set[int] = set()  # threads with a call; the others may wait for an input for ever

    def work() -> None:
        while (call := feed.take()) is not None:
            busy.add(threading.get_ident())
            try:
                _make(teacher, call, feed, pace, manner, ended)
            finally:
                busy.discard(threading.get_ident())

    # They die with the program: one that hangs must not keep it from ending.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(manner.concurrency)]
    for thread in threads:
        thread.start()
    ends = None
    for thread in threads:
        while thread.is_alive():  # in steps, so that Ctrl-C is heard
            thread.join(_WAKE_S)
            if feed.is_stopped:
                ends = ends or time.monotonic() + manner.grace
                if not busy or time.monotonic() >= ends:
                    return


def _make(
    teacher: Teacher,
    call: Call,
    feed: Feed,
    pace: Pace,
    manner: Manner,
    ended: Callable[[Ended], None],
) -> None:
    tries = 0
    failure: Failure | None = None
    while feed.pause(pace.due()):
        tries += 1
        try:
            teacher.call(call.values, len(call.text))
        except BaseException as error:  # noqa: BLE001 - a teacher may raise anything, SystemExit too
            failure = failure_of(error)
            again = manner.tries_again(error, tries)
        else:
            failure, again = None, False
        if not (again and feed.pause(before_retry(tries))):
            break
    if tries:
        ended(Ended(call, failure, tries))


def as_tasks(teacher: Teacher, feed: Feed, manner: Manner, ended: Callable[[Ended], None]) -> None:
    """The engine of async functions: one event loop, in this thread."""
    asyncio.run(_serve(teacher, feed, manner, ended))


async def _serve(
    teacher: Teacher, feed: Feed, manner: Manner, ended: Callable[[Ended], None]
) -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(manner.rate)
    free = threading.Semaphore(manner.concurrency)
    running: set[asyncio.Task[None]] = set()
    over = asyncio.Event()

    def begin(call: Call) -> None:
        task = loop.create_task(_amake(teacher, call, feed, pace, manner, ended))
        running.add(task)
        task.add_done_callback(finish)

    def finish(task: asyncio.Task[None]) -> None:
        running.discard(task)
        free.release()

    def pull() -> None:
        # In a thread: whoever waits for the next input must not keep the loop from running.
        with suppress(RuntimeError):  # the loop is closed: the run was stopped
            while free.acquire() and (call := feed.take()) is not None:
                loop.call_soon_threadsafe(begin, call)
            loop.call_soon_threadsafe(over.set)

    threading.Thread(target=pull, daemon=True).start()
    ends = None
    while running or not over.is_set():
        if running:
            await asyncio.wait(running, timeout=_WAKE_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _WAKE_S)
        if feed.is_stopped:
            ends = ends or time.monotonic() + manner.grace
            if not running or time.monotonic() >= ends:
                return


async def _amake(
    teacher: Teacher,
    call: Call,
    feed: Feed,
    pace: Pace,
    manner: Manner,
    ended: Callable[[Ended], None],
) -> None:
    tries = 0
    failure: Failure | None = None
    while await _apause(feed, pace.due()):
        tries += 1
        try:
            async with asyncio.timeout(manner.timeout):
                await teacher.acall(call.values, len(call.text))
        except BaseException as error:
            failure = failure_of(error)
            if isinstance(error, TimeoutError) and not failure.message and manner.timeout:
                failure = Failure(failure.type, f"no answer within {manner.timeout:g} s")
            if isinstance(error, asyncio.CancelledError) and feed.is_stopped:
                raise
            again = manner.tries_again(error, tries)
        else:
            failure, again = None, False
        if not (again and await _apause(feed, before_retry(tries))):
            break
    if tries:
        ended(Ended(call, failure, tries))


async def _apause(feed: Feed, seconds: float) -> bool:
    while seconds > 0 and not feed.is_stopped:
        await asyncio.sleep(min(seconds, _WAKE_S))
        seconds -= _WAKE_S
    return not feed.is_stopped
