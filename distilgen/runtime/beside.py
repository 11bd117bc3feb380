"""What is done beside the program's own work: questions to students that nobody waits for.

A few threads do it, which come when there is work and go when there is none. What is more than they
can do is left undone, and counted: the program comes first.
"""

from __future__ import annotations

import collections
import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from distilgen.runtime.sayings import warn

if TYPE_CHECKING:
    from collections.abc import Callable


THREADS = 4
MOST = 256
"""Pieces of work that wait."""

_IDLE_S = 2.0


class Beside:
    """Threads, and the work that waits for them."""

    def __init__(self) -> None:
        self._waiting: collections.deque[Callable[[], None]] = collections.deque()
        self._lock = threading.RLock()  # a signal handler may put something here, too
        self._work = threading.Condition(self._lock)
        self._done = threading.Condition(self._lock)
        self._threads = self._idle = self._busy = 0
        self._over = False

    def put(self, work: Callable[[], None]) -> bool:
        """Have something done, whatever it raises; False where there is too much to do already."""
        with self._lock:
            if self._over or len(self._waiting) >= MOST:
                return False
            self._waiting.append(work)
            if self._idle >= len(self._waiting):
                self._work.notify()
                return True
            if self._threads >= THREADS:
                return True
            self._threads += 1
        try:
            threading.Thread(target=self._run, name="distilgen-beside", daemon=True).start()
        except RuntimeError:  # the program is ending, or there are too many
            with self._lock:
                self._threads -= 1
                if not self._threads and work in self._waiting:
                    self._waiting.remove(work)
                    return False
        return True

    def drain(self, seconds: float) -> int:
        """Wait until all is done, so many seconds at most; how much is not."""
        ends = time.monotonic() + seconds
        with self._lock:
            while self._waiting or self._busy:
                left = ends - time.monotonic()
                if left <= 0:
                    break
                self._done.wait(left)
            return len(self._waiting) + self._busy

    @property
    def is_over(self) -> bool:
        """Is no more work taken?"""
        return self._over

    def stop(self) -> int:
        """Take no more work, and forget what waits; how much that is."""
        with self._lock:
            left = len(self._waiting)
            self._waiting.clear()
            self._over = True
            self._work.notify_all()
            return left

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting and not self._over:
                    self._idle += 1
                    self._work.wait(_IDLE_S)
                    self._idle -= 1
                if not self._waiting:
                    self._threads -= 1
                    return
                work = self._waiting.popleft()
                self._busy += 1
            try:
                with contextlib.suppress(BaseException):  # no more than this work ends by it
                    work()
            finally:
                del work
                with self._lock:
                    self._busy -= 1
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
