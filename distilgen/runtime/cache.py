"""Answers of students that are kept, so that equal calls are not paid for twice: in memory, or in
an SQLite file that processes share.
"""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from distilgen.errors import ConfigError
from distilgen.records.urls import SQL, absolute, place_of
from distilgen.runtime.shared_file import SharedFile, each

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")

MEMORY = "memory"
"""The URL of a cache that lasts as long as the process."""

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
            with contextlib.suppress(connection.Error):  # the answer is there all the same
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


_caches: Final[weakref.WeakSet[MemoryCache]] = weakref.WeakSet()


def _after_fork() -> None:
    for one in each(_caches):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
