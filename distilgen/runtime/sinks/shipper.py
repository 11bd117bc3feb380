"""The thread that ships what a process has spooled, and what dead processes have left."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from distilgen.records.stores import open_store
from distilgen.records.urls import without_password
from distilgen.runtime.sinks import shipping
from distilgen.runtime.sinks.segment import BATCH_BYTES, BATCH_LINES, Segment, segments_of

if TYPE_CHECKING:
    from distilgen.records.store import Store
    from distilgen.runtime.sinks.spool import Spool

GATHER = 1.0
"""Seconds that a record may wait for others to be shipped with."""

ADOPT = 60.0
"""Seconds, about, between two looks for what dead processes have left."""

_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the second try, twice as many before each further one, but never more."""

_TRIES = 3
"""How often somebody who waits for a flush has it tried."""

_ADOPTED_AT_ONCE = 8
"""Batches of dead processes between two of our own."""

_log = logging.getLogger("distilgen.runtime.sinks")
_parents: list[object] = []
"""Stores that a fork has given us: their connections are the parent's, and must not be closed."""


class Shipper:
    """Ships the segments of a spool in a thread that the first record starts."""

    def __init__(self, spool: Spool, url: str) -> None:
        self._spool = spool
        self._url = url
        self._shown = without_password(url)
        self._is_closed = False
        self._is_down = False
        self._begin()

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._not_before = 0.0
        # Whoever writes must never wait, nor may a signal handler that interrupts it: a
        # SimpleQueue can be put into from anywhere, an Event cannot.
        self._words: SimpleQueue[threading.Event | None] = SimpleQueue()
        self._asked: list[threading.Event] = []
        self._tries = 0
        self._lines = self._bytes = 0
        self._is_idle = self._gathers = False
        self._store: Store | None = None
        self._adopted: Segment | None = None
        self._left: list[Path] = []
        self._look_at = 0.0

    def tell(self, size: int) -> None:
        """A record of so many bytes was written."""
        self._lines += 1
        self._bytes += size
        if self._is_closed:
            if self._thread is None or not self._thread.is_alive():  # else it lets go of all
                self._spool.release()
        elif self._thread is None:
            self._start()
        elif self._is_idle:
            self._is_idle = False
            self._words.put(None)
        elif self._gathers and (self._lines >= BATCH_LINES or self._bytes >= BATCH_BYTES):
            self._gathers = False
            self._words.put(None)

    def flush(self, seconds: float) -> int:
        """See `Sink.flush`."""
        try:
            if self._spool.next() is not None:
                if self._thread is None:
                    self._start()
                if self._thread is not None and self._thread.is_alive():
                    done = threading.Event()
                    self._words.put(done)
                    done.wait(seconds)
            self._spool.tidy()
            return self._spool.waiting()
        except OSError:
            return 1  # or more: the spool cannot be read

    def close(self) -> None:
        """Ship no more, and let go of the segments when what is on its way has arrived."""
        self._is_closed = True
        if self._thread is None:
            self._spool.release()
        else:
            self._words.put(None)

    def after_fork(self) -> None:
        """In the child: no thread yet, and nothing that is the parent's."""
        _parents.append(self._store)
        if self._adopted is not None:
            self._adopted.release()
        self._begin()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread does, or the one that a signal has interrupted here
        try:
            if self._thread is None and time.monotonic() >= self._not_before:
                thread = threading.Thread(target=self._run, name="distilgen-shipper", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:  # the interpreter is ending, or there are too many
            self._not_before = time.monotonic() + GATHER
        finally:
            self._starting.release()

    def _run(self) -> None:
        failures = 0
        more = False
        try:
            while not self._is_closed:
                try:
                    if failures:
                        self._pause(self._tries if self._asked else failures)
                    elif not more:
                        self._rest()
                    more = self._ship()
                except Exception as error:  # noqa: BLE001 - whatever it is, records wait
                    failures += 1
                    self._tries += 1
                    self._told_down(error)
                else:
                    failures = 0
                    self._told_up()
                if not failures or self._tries >= _TRIES:
                    self._answer()
        finally:
            self._answer()
            self._spool.release()
            if self._adopted is not None:
                self._adopted.release()

    def _rest(self) -> None:
        """Wait for a record, then for others to be shipped with it."""
        self._is_idle = True
        if self._spool.next() is None:  # after the line above, or a record could be overlooked
            self._listen(max(0.0, self._look_at - time.monotonic()))
        self._is_idle = False
        self._gathers = True
        if not self._asked and not self._is_closed and self._lines < BATCH_LINES:
            self._listen(GATHER)
        self._gathers = False

    def _pause(self, failures: int) -> None:
        """Wait for the next try: no record shortens it, but somebody who waits for a flush does."""
        longest = min(_LONGEST_PAUSE, _PAUSE * 2 ** min(failures - 1, 16))
        until = time.monotonic() + longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
        while not self._is_closed and (left := until - time.monotonic()) > 0:
            was_asked = bool(self._asked)
            self._listen(left)
            if self._asked and not was_asked:
                break

    def _listen(self, seconds: float) -> None:
        with contextlib.suppress(Empty):
            word = self._words.get(timeout=seconds)
            if word is not None:
                if not self._asked:
                    self._tries = 0
                self._asked.append(word)

    def _answer(self) -> None:
        while self._asked:
            self._asked.pop().set()

    def _ship(self) -> bool:
        """Ship what there is; is there more from dead processes? Raises anything."""
        self._lines = self._bytes = 0
        if self._store is None:
            self._store = open_store(self._url, "records", Path.cwd())
        while not self._is_closed and (next_one := self._spool.next()):
            segment, final = next_one
            ended = self._carry(segment, self._store, final=final)
            if ended and final:
                self._spool.finish(segment)
            elif ended:
                break
        return self._ship_adopted(self._store)

    def _ship_adopted(self, store: Store) -> bool:
        for _ in range(_ADOPTED_AT_ONCE):
            if self._is_closed:
                return False
            segment = self._adopted = self._adopted or self._adopt()
            if segment is None:
                return False
            if self._carry(segment, store, final=True):
                self._adopted = None
                segment.delete()
        return True

    def _adopt(self) -> Segment | None:
        """The next segment that a dead process has left."""
        if not self._left and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + ADOPT * random.uniform(0.5, 1)  # noqa: S311
            self._left = segments_of(self._spool.folder)
        while self._left:
            path = self._left.pop(0)
            with contextlib.suppress(OSError):  # another user's: `distilgen records ship` says so
                segment = Segment.adopt(path)
                if segment is not None:
                    return segment
        return None

    def _carry(self, segment: Segment, store: Store, *, final: bool) -> bool:
        carried = shipping.carry(segment, store, final=final)
        if carried.aside:
            _log.warning(
                "%s: lines that are no records: %d", shipping.aside_of(segment), carried.aside
            )
        return carried.ended

    def _told_down(self, error: Exception) -> None:
        if not self._is_down and not self._is_closed:
            self._is_down = True
            _log.warning("records wait in %s: %s", self._spool.folder, error)

    def _told_up(self) -> None:
        if self._is_down:
            self._is_down = False
            _log.info("records go to %s again", self._shown)
