"""What is done beside the program's own work: questions to students that nobody waits for.

A few threads do it, which come when there is work and go when there is none. What is more than they
can do is left undone, and counted: the program comes first.
"""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import threading
import time
from typing import TYPE_CHECKING

from distilgen.runtime.sayings import warn

if TYPE_CHECKING:
    from collections.abc import Callable


THREADS = 4
MOST = 256
"""Pieces of work that there may be at once."""

_IDLE_S = 2.0


class Beside:
    """Threads, and the work that waits for them. Who puts work here takes no lock: a signal handler
    may, too, and waking a thread is what it costs.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._undone: collections.deque[None] = collections.deque()  # as many as there is work
        self._lock = threading.Lock()
        self._done = threading.Condition(self._lock)
        self._threads = self._idle = 0
        self._over = False

    def put(self, work: Callable[[], None]) -> bool:
        """Have something done, whatever it raises; False where there is too much to do already."""
        if self._over or len(self._undone) >= MOST:
            return False
        self._undone.append(None)
        self._queue.put(work)
        if not self._idle and self._threads < THREADS:
            self._start()
        return True

    def drain(self, seconds: float) -> int:
        """Wait until all is done, so many seconds at most; how much is not."""
        ends = time.monotonic() + seconds
        with self._lock:
            while self._undone:
                left = ends - time.monotonic()
                if left <= 0:
                    break
                self._done.wait(left)
        return len(self._undone)

    @property
    def is_over(self) -> bool:
        """Is no more work taken?"""
        return self._over

    def stop(self) -> None:
        """Take no more work, and forget what waits."""
        self._over = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
                self._end()

    def _start(self) -> None:
        self._threads += 1
        try:
            threading.Thread(target=self._run, name="distilgen-beside", daemon=True).start()
        except RuntimeError:  # the program is ending, or there are too many
            self._threads -= 1
            if not self._threads:
                self.stop()

    def _run(self) -> None:
        try:
            while True:
                self._idle += 1
                try:
                    work = self._queue.get(timeout=_IDLE_S)
                except queue.Empty:
                    return
                finally:
                    self._idle -= 1
                with contextlib.suppress(BaseException):  # no more than this work ends by it
                    work()
                del work
                self._end()
        finally:
            self._threads -= 1
            if self._queue.qsize() and not self._over:  # it came as this went
                self._start()

    def _end(self) -> None:
        """A piece of work is over."""
        self._undone.pop()
        with self._lock:
            self._done.notify_all()


_here = Beside()


def put(work: Callable[[], None]) -> bool:
    """See `Beside.put`."""
    return _here.put(work)


def drain(seconds: float) -> int:
    """See `Beside.drain`."""
    return _here.drain(seconds)


def finish(seconds: float) -> None:
    """The program ends: what waits gets so many seconds, once, and then nothing more is done."""
    if _here.is_over:
        return
    left = _here.drain(seconds)
    if left:
        said = "1 question to a student was" if left == 1 else f"{left} questions to students were"
        warn("%s not answered before the end", said)
    _here.stop()


def _after_fork() -> None:
    # Its threads are the parent's, and so is its work.
    global _here  # noqa: PLW0603
    _here = Beside()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
