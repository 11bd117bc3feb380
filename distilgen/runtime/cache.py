"""Answers of students that are kept, so that equal calls are not paid for twice: in memory, or in
an SQLite file that processes share.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import re
import threading
import time
import weakref
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from distilgen.errors import ConfigError
from distilgen.records.urls import SQL, absolute, place_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")

MEMORY = "memory"
"""The URL of a cache that lasts as long as the process."""

_PATIENCE_S = 0.05
"""How long a call waits for another thread, and for another process."""

_REST_S = 1.0
_LONGEST_REST_S = 60.0
"""How long a file is left alone after something went wrong with it: twice as long each time."""

_LOOK_S = 1.0
"""How often to see whether the file is still the one that was opened."""

_TOUCH_S = 1.0
"""How exactly it is known when an answer was last used: a hit is seldom worth a write."""

_log = logging.getLogger("distilgen.runtime")


def key_of(
    contract_fingerprint: str, answers: str, base_url: str | None, model: str, arguments: bytes
) -> bytes:
    """What stands for one question to one model: 16 bytes. answers: the form that it answers in."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (contract_fingerprint, answers, base_url, model, arguments):
        if part is None:
            digest.update(b"-")
            continue
        raw = part if isinstance(part, bytes) else part.encode(errors="surrogatepass")
        digest.update(b"%d:" % len(raw))
        digest.update(raw)
    return digest.digest()


class Cache(Protocol):
    """Where answers are kept. No method raises; any thread may call them."""

    def get(self, key: bytes) -> str | None:
        """The answer that was put there, unless it is too old or gone."""

    def put(self, key: bytes, answer: str) -> None:
        """Keep an answer, in the place of an older one."""

    def close(self) -> None:
        """Keep nothing from now on."""


def open_cache(url: str, entries: int, seconds: float, folder: str = "") -> Cache:
    """The cache at a URL, see `cache_path`. entries: how many answers it keeps. seconds: for how
    long. Raises ConfigError.
    """
    path = cache_path(url, "cache", folder)
    return MemoryCache(entries, seconds) if path is None else SqliteCache(path, entries, seconds)


def cache_path(url: str, origin: str, folder: str = "") -> str | None:
    """The file that `sqlite:///FILE` names, or None for `memory`. origin: where it was said, for
    the error. folder: where a relative path begins. Raises ConfigError.
    """
    if url == MEMORY:
        return None
    place = place_of(url, origin)
    found = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)", absolute(place.rest, folder))
    if place.kind != SQL or not found:
        raise ConfigError(f"{origin}: {url} is no cache; say {MEMORY} or sqlite:///FILE")
    return found[1]


class MemoryCache:
    """Keeps answers as long as the process lasts, the least recently used not even that long."""

    def __init__(
        self, entries: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._entries = entries
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._lock = threading.RLock()  # a signal handler may ask, too
        _caches.add(self)

    def get(self, key: bytes) -> str | None:
        """See `Cache.get`."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if self._clock() - found[1] >= self._seconds:
                self._kept.pop(key, None)
                return None
            with contextlib.suppress(KeyError):  # a signal handler may have come between
                self._kept.move_to_end(key)
            return found[0]

    def put(self, key: bytes, answer: str) -> None:
        """See `Cache.put`."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = answer, self._clock()
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)

    def close(self) -> None:
        """See `Cache.close`."""
        with self._lock:
            self._entries = 0
            self._kept.clear()

    def after_fork(self) -> None:
        """In the child: no other thread holds anything here."""
        self._lock = threading.RLock()


class SqliteCache:
    """Keeps answers in a file for all processes of this machine. Without the file, no answer is
    kept: `get` finds nothing. The file may hold a twentieth more than `entries` for each process.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        entries: int,
        seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._entries = entries
        self._seconds = seconds
        self._clock = clock
        self._file = SharedFile(path, _TABLE, "answers of students are not kept")
        self._unseen = self._between = entries // 20  # a short program evicts, too

    def get(self, key: bytes) -> str | None:
        """See `Cache.get`."""
        return self._file.run(partial(self._get, key))

    def put(self, key: bytes, answer: str) -> None:
        """See `Cache.put`."""
        self._file.run(partial(self._put, key, answer.encode(errors="surrogatepass")))

    def close(self) -> None:
        """See `Cache.close`."""
        self._file.close()

    def _get(self, key: bytes, connection: sqlite3.Connection) -> str | None:
        found = connection.execute(_FIND, (key,)).fetchone()
        if found is None:
            return None
        answer, made, used = found
        now = self._clock()
        if abs(now - made) >= self._seconds:  # both ways: clocks are set
            return None
        if abs(now - used) >= _TOUCH_S:
            with contextlib.suppress(_errors(connection)):  # the answer is there all the same
                connection.execute(_TOUCH, (now, key))
        return str(answer, "utf-8", "surrogatepass")

    def _put(self, key: bytes, answer: bytes, connection: sqlite3.Connection) -> None:
        now = self._clock()
        connection.execute(_KEEP, (key, answer, now, now))
        self._unseen += 1
        if self._unseen <= self._between:
            return
        self._unseen = 0
        connection.execute(_EXPIRE, (now - self._seconds,))
        (count,) = connection.execute(_COUNT).fetchone()
        if count > self._entries:
            connection.execute(_EVICT, (count - self._entries,))


_TABLE = """
CREATE TABLE IF NOT EXISTS distilgen_answers (
  key BLOB PRIMARY KEY, answer BLOB NOT NULL, made REAL NOT NULL, used REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS distilgen_answers_used ON distilgen_answers (used);
"""
_FIND = "SELECT answer, made, used FROM distilgen_answers WHERE key = ?"
_TOUCH = "UPDATE distilgen_answers SET used = ? WHERE key = ?"
_KEEP = "INSERT OR REPLACE INTO distilgen_answers (key, answer, made, used) VALUES (?, ?, ?, ?)"
_EXPIRE = "DELETE FROM distilgen_answers WHERE used <= ?"
_COUNT = "SELECT count(*) FROM distilgen_answers"
_EVICT = """
DELETE FROM distilgen_answers WHERE rowid IN
  (SELECT rowid FROM distilgen_answers ORDER BY used LIMIT ?)
"""


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
            _log.warning("%s: %s; %s", self.path, trouble, self._without)
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
            with contextlib.suppress(_errors(known)):
                known.close()


_files: Final[weakref.WeakSet[SharedFile]] = weakref.WeakSet()
_caches: Final[weakref.WeakSet[MemoryCache]] = weakref.WeakSet()
_inherited: Final[list[sqlite3.Connection]] = []


def _errors(connection: sqlite3.Connection) -> type[Exception]:
    return connection.Error


def _each(known: weakref.WeakSet[Any]) -> list[Any]:
    while True:
        try:
            return list(known)
        except RuntimeError:  # another thread has just made one
            continue


def _before_fork() -> None:
    for file in _each(_files):
        file.before_fork()


def _in_parent() -> None:
    for file in _each(_files):
        file.in_parent()


def _after_fork() -> None:
    for one in (*_each(_files), *_each(_caches)):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_after_fork)


@atexit.register
def _close() -> None:
    for file in _each(_files):
        file.close()
