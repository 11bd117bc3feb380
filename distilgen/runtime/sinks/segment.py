"""One file of a spool: the lines of one process, and how much of it has arrived.

`TIME-RANDOM.jsonl` belongs to whoever holds its lock; while it has none, its writer is dead or done
with it. `TIME-RANDOM.position` says how many bytes of it are stored at the destination. That number
is overwritten where it stands, as 20 digits by one write: a full disk cannot keep it from moving
on, nor a killed process leave half of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from distilgen.runtime.sinks.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

FULL = 8 * 1024 * 1024
"""Bytes after which a segment gets no new record."""

BATCH_LINES = 500
BATCH_BYTES = 1024 * 1024
"""What is shipped at once: at most so many lines, in so many bytes unless one line has more."""

SUFFIX = ".jsonl"
ASIDE = "set-aside.jsonl"
"""In the same folder: lines that are no records, which no destination takes."""

_PORTABLE = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NEW = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _PORTABLE


class Batch(NamedTuple):
    """Lines from one offset of a segment to another; the last may lack its newline if nobody
    writes the segment any more. ended: nothing stands behind them for now.
    """

    lines: list[bytes]
    start: int
    end: int
    ended: bool


class Segment:
    """A segment that this process holds the lock of. offset: bytes that have arrived.

    Every method raises OSError unless it says otherwise.
    """

    def __init__(self, path: Path, descriptor: int, offset: int) -> None:
        self.path = path
        self.offset = offset
        self._torn = False
        self._descriptor = descriptor

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new one, for this process to write."""
        while True:
            now = dt.datetime.fromtimestamp(time.time(), dt.UTC)
            path = folder / f"{now:%Y%m%dT%H%M%S.%f}-{os.urandom(4).hex()}{SUFFIX}"
            descriptor = os.open(path, _NEW, 0o600)
            segment = cls._locked(path, descriptor, 0)
            if segment is None:  # another took it for a dead one's before we had the lock
                continue
            try:
                segment.advance(0)  # while there is room for it
            except OSError:
                segment.delete()
                raise
            return segment

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """One that a dead process left; None while a living one holds it, or when it is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR | _PORTABLE)
        except FileNotFoundError:
            return None
        segment = cls._locked(path, descriptor, 0)
        if segment is not None:  # now nobody else moves it on
            segment.offset = position_of(path)
        return segment

    @classmethod
    def _locked(cls, path: Path, descriptor: int, offset: int) -> Self | None:
        segment = cls(path, descriptor, offset)
        ours = False
        try:
            ours = try_lock(descriptor) and not segment.is_deleted()
        finally:
            if not ours:
                os.close(descriptor)
        return segment if ours else None

    def is_deleted(self) -> bool:
        """Has somebody deleted the file? What was written to it can still be read here."""
        return os.fstat(self._descriptor).st_nlink == 0

    def is_spent(self) -> bool:
        """Is it full, deleted or torn, so that the next record belongs into another?"""
        status = os.fstat(self._descriptor)
        return status.st_size >= FULL or status.st_nlink == 0 or self._torn

    def append(self, line: bytes) -> None:
        """Add a line, all of it or nothing."""
        done = os.write(self._descriptor, line)
        if done < len(line):
            self._complete(line, done)

    def _complete(self, line: bytes, done: int) -> None:
        start = os.fstat(self._descriptor).st_size - done
        try:
            while done < len(line):
                done += os.write(self._descriptor, line[done:])
        except OSError:
            self._torn = True  # half a line would swallow the next
            os.ftruncate(self._descriptor, start)
            self._torn = False
            raise

    def read(self, *, final: bool) -> Batch:
        """What comes next. final: nobody writes it any more, and its last line gets no longer."""
        size = os.fstat(self._descriptor).st_size
        data = self._bytes(self.offset, BATCH_BYTES)
        while b"\n" not in data and self.offset + len(data) < size:
            more = self._bytes(self.offset + len(data), BATCH_BYTES)
            if not more:  # a line that did not fit was just taken back
                break
            data += more
        *whole, rest = data.split(b"\n", BATCH_LINES)
        lines = [line + b"\n" for line in whole]
        ended = self.offset + len(data) >= size and not (rest and len(lines) == BATCH_LINES)
        if final and ended and rest:
            lines.append(rest)
        return Batch(lines, self.offset, self.offset + sum(map(len, lines)), ended)

    def _bytes(self, start: int, size: int) -> bytes:
        if sys.platform != "win32":
            return os.pread(self._descriptor, size, start)
        with self.path.open("rb") as file:  # the descriptor's own place is the writer's
            file.seek(start)
            return file.read(size)

    def advance(self, end: int) -> None:
        """Remember that everything before `end` has arrived."""
        if not self.is_deleted():
            position = os.open(_position(self.path), os.O_WRONLY | os.O_CREAT | _PORTABLE, 0o600)
            try:
                os.write(position, b"%020d" % end)
            finally:
                os.close(position)
        self.offset = end

    def has_arrived(self) -> bool:
        """Is nothing of it left to ship?"""
        return os.fstat(self._descriptor).st_size <= self.offset

    def waiting(self) -> int:
        """How many of its lines have not arrived."""
        return _lines_from(lambda start: self._bytes(start, BATCH_BYTES), self.offset)

    def delete(self) -> None:
        """Delete the file, and let go of it."""
        if sys.platform == "win32":  # where nothing that is open can be deleted
            self.release()
        try:
            self.path.unlink(missing_ok=True)
            _position(self.path).unlink(missing_ok=True)
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the lock: who wants the segment may take it. In a forked child the lock stays
        the parent's. Never raises.
        """
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def segments_of(folder: Path) -> list[Path]:
    """The segments of a folder, oldest first; none where there is no folder. Raises OSError."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are all that is asked
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names) if name.endswith(SUFFIX) and name != ASIDE]


def position_of(path: Path) -> int:
    """How many bytes of a segment have arrived; 0 where nothing says so."""
    try:
        return int(_position(path).read_bytes())
    except (OSError, ValueError):
        return 0


def waiting_in(path: Path) -> int:
    """How many lines of a segment have not arrived, whoever holds it; 0 where it is gone."""
    try:
        with path.open("rb") as file:

            def read(start: int) -> bytes:
                file.seek(start)
                return file.read(BATCH_BYTES)

            return _lines_from(read, position_of(path))
    except FileNotFoundError:
        return 0


def _lines_from(read: Callable[[int], bytes], start: int) -> int:
    count, last = 0, b"\n"
    while data := read(start):
        count += data.count(b"\n")
        start += len(data)
        last = data[-1:]
    return count + (last != b"\n")


def _position(path: Path) -> Path:
    return path.with_suffix(".position")
