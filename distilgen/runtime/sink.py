"""Where records go: files that grow by one write a record, and are safe to share.

Threads, tasks, forks and processes append to the same file; the operating system keeps the writes
apart. When a file is full, the next number is taken; nothing is renamed.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path

from distilgen.runtime import settings

FULL = 64 * 1024 * 1024
"""Bytes after which a file gets no new record."""

NAME = re.compile(r"records-(\d{6,})\.jsonl")

_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


class FileSink:
    """Appends lines to the last file of a folder, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = -1
        self._torn = False
        # Reentrant: a signal handler, or a generator that is collected, may record inside a write.
        self._lock = threading.RLock()

    def write(self, line: bytes) -> None:
        """Append one line, newline included. Raises OSError; then the record is lost."""
        with self._lock:
            if self._descriptor >= 0:
                status = os.fstat(self._descriptor)
                if status.st_size >= FULL or status.st_nlink == 0:  # somebody deleted it
                    self.close()
            if self._descriptor < 0:
                self._open()
            if self._torn:  # a line was cut off before ours, and must not swallow it
                line = b"\n" + line
                self._torn = False
            self._append(line)

    def close(self) -> None:
        """Close the file; the next record opens the one that is then the last."""
        with self._lock:  # or a write of another thread would go to whoever gets the number next
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _append(self, line: bytes) -> None:
        done = 0
        while done < len(line):
            try:
                done += os.write(self._descriptor, line[done:])
            except OSError:
                self._torn = self._torn or done > 0
                raise

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(self.folder)
        numbers = [
            int(found[1]) for path in self.folder.iterdir() if (found := NAME.fullmatch(path.name))
        ]
        number = max(numbers, default=1)
        path = self.folder / f"records-{number:06}.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if size >= FULL:
            path, size = self.folder / f"records-{number + 1:06}.jsonl", 0
        torn = size > 0 and not _ends_line(path)
        descriptor = os.open(path, _FLAGS, 0o600)
        self.close()  # a write inside this one may have been first
        self._descriptor, self._torn = descriptor, torn


_sink: FileSink | None = None
_sink_lock = threading.RLock()


def current() -> FileSink:
    """The sink of this process; its folder is fixed when it is first asked for."""
    global _sink  # noqa: PLW0603 - one process, one sink
    with _sink_lock:
        if _sink is None:
            _sink = FileSink(Path(settings.current().records).absolute())
        return _sink


def forget() -> None:
    """Close the sink; the next record asks the settings again."""
    global _sink  # noqa: PLW0603
    with _sink_lock:
        if _sink is not None:
            _sink.close()
        _sink = None


def _after_fork() -> None:
    # The parent may have held a lock in another thread. The descriptor is shared, and may be.
    global _sink_lock  # noqa: PLW0603
    _sink_lock = threading.RLock()
    if _sink is not None:
        _sink._lock = threading.RLock()  # noqa: SLF001 - our own class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _keep_out_of_git(folder: Path) -> None:
    """Records hold what people typed: they do not belong into a repository by accident."""
    ignore = folder / ".gitignore"
    with contextlib.suppress(OSError):  # records may be appended where no file can be made
        if not ignore.exists():
            ignore.write_text("records-*.jsonl\n.gitignore\n", "utf-8")
