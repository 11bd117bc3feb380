"""Lines in sorted order, however many: what memory does not hold is sorted in runs on the disk."""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HELD = 24 * 1024 * 1024
"""Bytes of lines, without Python's own share, that are kept in memory before they make a run."""

_OVERHEAD = 60  # of a line: the object, and its place in a list
_READ = 64 * 1024  # bytes that are read of a run at a time, at least
_READ_OF_ALL = 16 * 1024 * 1024  # of all runs together, at most


class Sorter:
    """Takes lines in any order, each with its newline at the end and none in it.

    folder: where runs are written, which the caller removes. held: see `HELD`.
    """

    def __init__(self, folder: Path, held: int = HELD) -> None:
        self.runs: list[Path] = []
        self._folder = folder
        self._held = held
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> None:
        """Take a line. Raises OSError where a run cannot be written."""
        self._lines.append(line)
        self._size += len(line) + _OVERHEAD
        if self._size > self._held:
            self.spill()

    def spill(self) -> None:
        """Write what is in memory as a run. Raises OSError."""
        if self._lines:
            self._lines.sort()
            path = self._folder / f"run-{os.urandom(8).hex()}"
            with path.open("wb", buffering=1 << 20) as file:
                file.writelines(self._lines)
            self.runs.append(path)
            self._lines, self._size = [], 0

    def batches(self) -> Iterator[list[bytes]]:
        """All lines in order, in lists that are no smaller than they need be. May be called again.
        Raises OSError.
        """
        self._lines.sort()
        if self.runs:
            self.spill()
            yield from merged(self.runs)
        elif self._lines:
            yield self._lines


def merged(runs: Sequence[Path]) -> Iterator[list[bytes]]:
    """The lines of sorted files in order. Raises OSError.

    Of what was read of each file, all lines up to the least of the last ones are known to come
    next. They are sorted runs again, which Python's sort merges.
    """
    size = max(_READ, min(_READ_OF_ALL // max(len(runs), 1), 1 << 20))
    starts = [0] * len(runs)

    def more(number: int) -> list[bytes]:
        # Opened for each piece: there may be more runs than a process may have files open.
        with runs[number].open("rb") as file:
            file.seek(starts[number])
            lines = file.readlines(size)
            starts[number] = file.tell()
        return lines

    chunks = [more(number) for number in range(len(runs))]
    while any(chunks):
        limit = min(chunk[-1] for chunk in chunks if chunk)
        batch: list[bytes] = []
        for number, chunk in enumerate(chunks):
            if chunk and chunk[0] <= limit:
                end = bisect_right(chunk, limit)
                batch += chunk[:end]
                chunks[number] = chunk[end:] or more(number)
        batch.sort()
        yield batch
