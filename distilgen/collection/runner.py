"""One collection: inputs become calls, an engine makes them, and what became of each is counted."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from distilgen.collection.done import Done
from distilgen.collection.engines import Manner, as_tasks, in_threads
from distilgen.collection.feed import Call, Ended, Feed
from distilgen.collection.given import Refused
from distilgen.errors import CollectError, DistilgenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.collection.engines import Engine
    from distilgen.collection.given import Source
    from distilgen.collection.teacher import Teacher

STOPPING = (signal.SIGINT,) if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)
"""The signals that stop a run: Ctrl-C, and what schedulers send."""

_ENOUGH = 20
"""Calls that must have ended before a share of them says anything."""


@dataclass(frozen=True)
class Bound:
    """How many failures are too many: a number, or a share of the calls that ended."""

    number: int | None = None
    share: float | None = None

    def is_passed(self, failed: int, ended: int) -> bool:
        """Are these too many?"""
        if self.number is not None:
            return failed >= self.number
        return self.share is not None and ended >= _ENOUGH and failed > self.share * ended


@dataclass(frozen=True)
class Options:
    """manner: how calls are made. limit: make so many at most; those that failed before come behind
    all others, so that each run gets further. again: also those that were made
    before. failures: stop beyond them. engine: who makes the calls; None for threads or tasks, as
    the function is.
    """

    manner: Manner = field(default_factory=Manner)
    limit: int | None = None
    again: bool = False
    failures: Bound | None = None
    engine: Engine | None = None


class Told(Protocol):
    """Hears what becomes of the inputs, one thing at a time."""

    def refused(self, refused: Refused) -> None:
        """An input cannot be run."""

    def ended(self, ended: Ended) -> None:
        """A call was made."""

    def passed(self) -> None:
        """An input needs no call: there is a record of it, or it was met before."""


@dataclass
class Outcome:
    """What became of a collection. returned, failed: calls. refused: inputs that cannot be run.
    known: inputs of which there was a record. repeated: those met before in the same run.
    begun: calls that were handed out. unrecorded: records of calls that were lost. stopped_by:
    the number of a signal, 0 for none. too_many: failures, so that it was stopped.
    is_limited: as many calls as were allowed were made. error: why it could not go on: the source
    cannot be read, or calls leave no record.
    """

    returned: int = 0
    failed: int = 0
    refused: int = 0
    known: int = 0
    repeated: int = 0
    begun: int = 0
    unrecorded: int = 0
    stopped_by: int = 0
    too_many: bool = False
    is_limited: bool = False
    error: DistilgenError | OSError | None = None

    @property
    def ended(self) -> int:
        """Calls that were made."""
        return self.returned + self.failed

    @property
    def is_empty(self) -> bool:
        """Was the source read to its end, and had no input?"""
        seen = self.begun + self.refused + self.known + self.repeated
        return not (seen or self.error or self.stopped_by)


def run(
    teacher: Teacher, source: Source, options: Options, told: Told, done: Done | None = None
) -> Outcome:
    """Make the calls that the source's inputs ask for.

    done: what was done before. Ctrl-C and SIGTERM let no new call begin, and are told by the
    outcome. Raises anything that is no error of ours; those, and the operating system's, are told
    by the outcome.
    """
    work = _Run(teacher, options, told, Done() if done is None else done)
    engine = options.engine or (as_tasks if teacher.is_async else in_threads)
    feed = work.feed = Feed(work.calls(source))
    with _interruptible(feed, work.outcome):
        engine(teacher, feed, options.manner, work.ended)
    work.outcome.unrecorded = teacher.unrecorded()
    error = work.error or feed.error
    if error is not None and not isinstance(error, DistilgenError | OSError):
        raise error
    work.outcome.error = error
    return work.outcome


class _Run:
    def __init__(self, teacher: Teacher, options: Options, told: Told, done: Done) -> None:
        self.outcome = Outcome()
        self.error: DistilgenError | OSError | None = None
        self.feed: Feed
        self._teacher, self._options, self._told, self._done = teacher, options, told, done
        self._turn = threading.Lock()

    def calls(self, source: Source) -> Iterator[Call]:
        """The calls that are to be made for the inputs, as many as are allowed."""
        for call in self._in_turn(source):
            self.outcome.begun += 1
            yield call
            if self.outcome.begun == self._options.limit:
                self.outcome.is_limited = True
                return

    def _in_turn(self, source: Source) -> Iterator[Call]:
        """The calls that are due. Under a limit, those that failed before come last: it might never
        get behind them.
        """
        limit = self._options.limit
        last: list[Call] = []
        for call in self._due(source):
            if limit is None or not self._done.has_failed(call.text):
                yield call
            elif len(last) < limit:  # more of them cannot be made
                last.append(call)
        yield from last

    def _due(self, source: Source) -> Iterator[Call]:
        for item in source.inputs:
            found = item if isinstance(item, Refused) else self._teacher.prepare(item)
            if isinstance(found, Refused):
                with self._turn:
                    self.outcome.refused += 1
                    self._told.refused(found)
            elif self._is_due(found):
                yield found
            else:
                with self._turn:
                    self._told.passed()

    def _is_due(self, call: Call) -> bool:
        if self._options.again:
            return True
        key = self._teacher.key(call)
        if not self._done.meets(key):
            self.outcome.repeated += 1
            return False
        if self._done.takes(call.text):
            self.outcome.known += 1
            return False
        return True

    def ended(self, ended: Ended) -> None:
        """A call has ended."""
        outcome = self.outcome
        with self._turn:
            if ended.failure is None:
                outcome.returned += 1
            else:
                outcome.failed += 1
            try:
                self._told.ended(ended)
            except (DistilgenError, OSError) as error:
                self.error = self.error or error
                self.feed.stop()
            bound = self._options.failures
            if bound is not None and bound.is_passed(outcome.failed, outcome.ended):
                outcome.too_many = True
                self.feed.stop()
            lost = self._teacher.lost()
            if lost and self.error is None:
                self.error = CollectError(f"{self._teacher.name}: a call left no record: {lost}")
                self.feed.stop()


@contextlib.contextmanager
def _interruptible(feed: Feed, outcome: Outcome) -> Iterator[None]:
    """Ctrl-C stops the feed, and SIGTERM where there is one; a second one ends the run at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _frame: Any) -> None:
        if outcome.stopped_by:
            raise KeyboardInterrupt
        outcome.stopped_by = number
        feed.stop()
        again = b"Ctrl-C again" if number == signal.SIGINT else b"a second signal"
        with contextlib.suppress(OSError):  # nothing that is buffered: it may be in use just now
            os.write(2, b"\nstopping: running calls get a moment; %b ends at once\n" % again)

    before = {number: signal.signal(number, handle) for number in STOPPING}
    try:
        yield
    except KeyboardInterrupt:
        outcome.stopped_by = outcome.stopped_by or signal.SIGINT
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
