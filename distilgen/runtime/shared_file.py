"""An SQLite file that the processes of a machine share, and can do without."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeVar

from distilgen.runtime.sayings import warn

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")

_PATIENCE_S = 0.05
"""How long a call waits for another thread, and for another process."""

_REST_S = 1.0
_LONGEST_REST_S = 60.0
"""How long a file is left alone after something went wrong with it: twice as long each time."""

_LOOK_S = 1.0
"""How often to see whether the file is still the one that was opened."""


class SharedFile:
    """An SQLite file that threads and processes share. It fails open: what goes wrong with it is
    logged once, and the file is left alone for a while.

    A connection is closed before a fork, for SQLite would count the parent's locks as the child's.
    """

    def __init__(self, path: str | os.PathLike[str], tables: str, without: str) -> None:
        """tables: the statements that make what is not there. without: what happens where the file
        cannot be used, for the log.
        """
        self.path = os.path.abspath(path)  # noqa: PTH100 - text to text
        self._tables = tables
        self._without = without
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._is_used = False
        self._is_closed = False
        self._is_said = False
        self._pid = 0
        self._identity = (0, 0)
        self._looked = 0.0
        self._rest = 0.0
        self._rests_until = 0.0
        _files.add(self)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` returns, or None where the file cannot be used now. The connection commits
        each statement by itself, unless `work` begins a transaction.
        """
        lock = self._lock
        if time.monotonic() < self._rests_until or not lock.acquire(timeout=_PATIENCE_S):
            return None
        try:
            if self._is_used or self._is_closed:  # a signal handler came in the middle
                return None
            self._is_used = True
            try:
                result = work(self._opened())
            except Exception as error:  # noqa: BLE001 - the caller can do without
                self._drop()
                self._rest = min(2 * self._rest, _LONGEST_REST_S) or _REST_S
                self._rests_until = time.monotonic() + self._rest
                trouble = error
            except BaseException:
                self._drop()
                raise
            else:
                self._rest = 0.0
                return result
            finally:
                self._is_used = False
        finally:
            lock.release()
        if not self._is_said:
            self._is_said = True
            warn("%s: %s; %s", self.path, trouble, self._without)
        return None

    def close(self) -> None:
        """Use it no more."""
        with self._lock:
            self._is_closed = True
            if not self._is_used:
                self._drop()

    def before_fork(self) -> None:
        """Leave the child nothing that is the parent's."""
        if self._lock.acquire(timeout=2 * _PATIENCE_S) and not self._is_used:
            self._drop()

    def in_parent(self) -> None:
        """After a fork, go on."""
        with contextlib.suppress(RuntimeError):  # it was not to be had
            self._lock.release()

    def after_fork(self) -> None:
        """In the child: no other thread holds anything here."""
        self._lock = threading.RLock()
        self._is_used = False

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # it was not even made
            self._drop()

    def _opened(self) -> sqlite3.Connection:
        """Raises OSError, ImportError and SQLite's errors."""
        if self._connection is not None:
            if self._pid != os.getpid():
                _inherited.append(self._connection)  # to close it would harm the parent
                self._connection = None
                self._is_closed = True
                raise OSError("forked in the middle of its use")
            if self._is_there():
                return self._connection
            self._drop()
        import sqlite3  # noqa: PLC0415 - some interpreters have none

        os.makedirs(os.path.dirname(self.path), exist_ok=True)  # noqa: PTH103, PTH120
        # Never opened by us when it exists: to close it would take SQLite's locks of this process.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._pid = os.getpid()
        self._connection = made = sqlite3.connect(
            self.path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        with contextlib.suppress(sqlite3.OperationalError):  # another process is doing it
            made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA synchronous=NORMAL")
        made.executescript(self._tables)
        self._identity, self._looked = self._found(), time.monotonic()
        return made

    def _is_there(self) -> bool:
        """Is the open file still the one that has the name?"""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return True
        self._looked = now
        try:
            return self._found() == self._identity
        except OSError:
            return False

    def _found(self) -> tuple[int, int]:
        found = os.stat(self.path)  # noqa: PTH116 - text all along
        return found.st_dev, found.st_ino

    def _drop(self) -> None:
        known, self._connection = self._connection, None
        if known is not None and self._pid == os.getpid():
            with contextlib.suppress(known.Error):
                known.close()


_files: Final[weakref.WeakSet[SharedFile]] = weakref.WeakSet()
_inherited: Final[list[sqlite3.Connection]] = []


def each(known: weakref.WeakSet[Any]) -> list[Any]:
    """What is in a set, while other threads may add to it."""
    while True:
        try:
            return list(known)
        except RuntimeError:  # one has just come
            continue


def _before_fork() -> None:
    for file in each(_files):
        file.before_fork()


def _in_parent() -> None:
    for file in each(_files):
        file.in_parent()


def _after_fork() -> None:
    for file in each(_files):
        file.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_after_fork)


@atexit.register
def _close() -> None:
    for file in each(_files):
        file.close()
