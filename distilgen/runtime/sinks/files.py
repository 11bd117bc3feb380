"""Files that grow by one write a record, and are safe to share.

Threads, tasks, forks and processes append to the same file; the operating system keeps the writes
apart. When a file is full, the next number is taken; nothing is renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.records.files import FULL, NAME, hold, keep_out_of_git

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from distilgen.contract import Contract

SHARED = os.name != "nt"
"""Does the system keep appending writes of several processes apart? Windows does not: there each
process has files of its own.
"""

PATIENCE = 100_000_000
"""Nanoseconds between two looks at a file: is it still there, and not full?"""

HIGH = (960, 240) if sys.platform != "win32" else ()
"""Numbers from which on a descriptor is looked for."""

_FLAGS = (
    os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
)

# Descriptors that sinks of this process are done with, and their files: device and inode. They stay
# open: a thread that is about to write must find its file behind the number, and never another's.
_idle: dict[int, tuple[int, int]] = {}


class FileSink:
    """Appends lines to the last file of a folder, which is made when it is needed.

    `descriptor` is a number that this sink never closes: another file is put behind it by `dup2`,
    so that a thread may write to it without a lock.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.descriptor = -1
        self._torn = False
        self._number = 0  # of the file, where it is nobody else's
        self._known = (-1, -1)  # device and inode
        self._size = 0
        self._due = 0
        # Reentrant: a signal handler, or a generator that is collected, may record inside a write.
        self._lock = threading.RLock()

    def write(self, line: bytes, contract: Contract) -> None:
        """Append one line, newline included. Raises OSError; then the record is lost."""
        del contract
        with self._lock:
            self.look()
            if self._torn:  # a line was cut off before ours, and must not swallow it
                line = b"\n" + line
                self._torn = False
            self._append(line)

    def go_on(self, line: bytes, count: int) -> None:
        """Go on with a line of which a write to `descriptor` took only `count` bytes. Raises
        OSError.
        """
        with self._lock:
            self._append(line, count)

    def look(self) -> None:
        """See that `descriptor` is an open file of ours that is not full, at most every 100 ms.
        Raises OSError.
        """
        if self.descriptor >= 0 and time.perf_counter_ns() < self._due:
            return
        with self._lock:
            rescued = b""
            if self.descriptor >= 0:
                try:
                    status = os.fstat(self.descriptor)
                except OSError:  # somebody closed all descriptors
                    self.descriptor = -1
                else:
                    if (status.st_dev, status.st_ino) != self._known:
                        self.descriptor = -1  # and the number is somebody's now
                    elif status.st_nlink == 0:  # somebody deleted it, and these were written since
                        os.lseek(self.descriptor, self._size, os.SEEK_SET)
                        rescued = os.read(self.descriptor, status.st_size - self._size)
                    elif status.st_size < FULL:
                        self._size, self._due = status.st_size, time.perf_counter_ns() + PATIENCE
                        return
            self._open()
            if rescued:
                self._append(rescued)

    def flush(self, seconds: float) -> int:
        """Nothing is ever on its way."""
        del seconds
        return 0

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self.descriptor >= 0:
                _idle[self.descriptor] = self._known
                self.descriptor = -1

    def after_fork(self) -> None:
        """The child opens the file for itself: it may be about to close what it inherited."""
        self._lock = threading.RLock()
        if self.descriptor >= 0:
            _idle[self.descriptor] = self._known
            self.descriptor = -1
        while (descriptor := _reusable()) is not None:
            os.close(descriptor)

    def _append(self, line: bytes, done: int = 0) -> None:
        while done < len(line):
            try:
                done += os.write(self.descriptor, line[done:])
            except OSError as error:
                if error.errno == errno.EBADF and not done:  # somebody closed all descriptors
                    self.descriptor = -1
                    self._open()
                    continue
                self._torn = self._torn or done > 0
                raise

    def _open(self) -> None:
        """Put the file that is now the last behind the descriptor."""
        self.folder.mkdir(parents=True, exist_ok=True)
        keep_out_of_git(self.folder)
        descriptor = self._last() if SHARED else self._own()
        try:
            status = os.fstat(descriptor)
            known, size = (status.st_dev, status.st_ino), status.st_size
            if size:
                os.lseek(descriptor, -1, os.SEEK_END)
                if os.read(descriptor, 1) != b"\n":  # its writer was stopped; ours are to be lines
                    os.write(descriptor, b"\n")
        except BaseException:
            os.close(descriptor)
            raise
        reused = self.descriptor if self.descriptor >= 0 else _reusable()
        if reused is None:
            self.descriptor = _moved_up(descriptor)
        else:
            os.dup2(descriptor, reused, inheritable=False)
            os.close(descriptor)
            self.descriptor = reused
        self._known, self._size, self._torn = known, size, False
        self._due = time.perf_counter_ns() + PATIENCE

    def _last(self) -> int:
        """The last file of the folder, or the one after it."""
        found = (NAME.fullmatch(name) for name in os.listdir(self.folder))  # noqa: PTH208
        number = max((int(match[1]) for match in found if match), default=1)
        descriptor = self._file(number)
        while os.fstat(descriptor).st_size >= FULL or not hold(descriptor):
            os.close(descriptor)
            number += 1
            descriptor = self._file(number)
        return descriptor

    def _own(self) -> int:
        """A file that nobody else writes to: the one that this sink made, or a new one."""
        if self._number:
            descriptor = self._file(self._number)
            if os.fstat(descriptor).st_size < FULL and hold(descriptor):
                return descriptor
            os.close(descriptor)
        while True:
            self._number += 1
            with contextlib.suppress(FileExistsError):
                return self._file(self._number, os.O_EXCL)

    def _file(self, number: int, flags: int = 0) -> int:
        return os.open(self.folder / f"records-{number:06}.jsonl", _FLAGS | flags, 0o600)


def _moved_up(descriptor: int) -> int:
    """The same file behind a higher number: who closes all descriptors, as daemons do, gets the low
    ones for files of its own, and one of them must not be where we write.
    """
    for least in HIGH:
        with contextlib.suppress(OSError):  # more than this process may have
            higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, least)
            os.close(descriptor)
            return higher
    return descriptor


def _reusable() -> int | None:
    """A number that no sink uses any more, and that is still ours."""
    while _idle:
        descriptor, known = _idle.popitem()
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == known:
                return descriptor
    return None
