"""Records on their way to another place: written to files here first, shipped in the background.

A destination has a folder below the spool: `destination.json` names it, and each process that
records has a segment of its own there, to which it alone appends, by one write a record. So what
was taken is safe from whatever becomes of the process, and waits as long as the destination cannot
be reached.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.runtime.sinks import destination, exits
from distilgen.runtime.sinks.segment import Segment
from distilgen.runtime.sinks.shipper import Shipper

if TYPE_CHECKING:
    from distilgen.contract import Contract
    from distilgen.runtime.settings import Settings

_log = logging.getLogger("distilgen.runtime.sinks")

_HELD = 4
"""Full segments that are kept open until they have arrived. More are let go of, for whoever comes
first to ship: a long outage must not use up the program's descriptors."""


class Spool:
    """The segments of this process in the folder of one destination."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._live: Segment | None = None
        self._full: list[Segment] = []
        # Reentrant: a signal handler, or a generator that is collected, may record inside a write.
        self._lock = threading.RLock()

    def write(self, line: bytes) -> None:
        """Append one line, newline included. Raises OSError; then nothing of it is kept."""
        with self._lock:
            if self._live is None or self._live.is_spent():
                made = Segment.create(self.folder)
                self._retire()  # also what a write inside this one may have made
                self._live = made
            self._live.append(line)

    def next(self) -> tuple[Segment, bool] | None:
        """The oldest segment that something is to be shipped of, and whether nothing more will be
        written to it. Raises OSError.
        """
        with self._lock:
            for segment in self._full[:1]:
                return segment, True
            if self._live is not None and not self._live.has_arrived():
                return self._live, False
            return None

    def finish(self, segment: Segment) -> None:
        """Delete a segment that has arrived and is written no more. Raises OSError."""
        with self._lock:
            if segment in self._full:
                self._full.remove(segment)
                segment.delete()

    def tidy(self) -> None:
        """Delete the segment that is being written, if it has arrived: the next record makes
        another. Raises OSError.
        """
        with self._lock:
            if self._live is not None and self._live.has_arrived():
                live, self._live = self._live, None
                live.delete()

    def waiting(self) -> int:
        """How many records of this process have not arrived. Raises OSError."""
        with self._lock:
            live = [] if self._live is None else [self._live]
            return sum(segment.waiting() for segment in (*self._full, *live))

    def release(self) -> None:
        """Let go of all segments, for another process to ship. Never raises."""
        with self._lock:
            held, self._full = self._full, []
            if self._live is not None:
                held.append(self._live)
                self._live = None
            for segment in held:
                segment.release()

    def after_fork(self) -> None:
        """In the child: the segments are the parent's, which may hold the lock too."""
        self._lock = threading.RLock()
        self.release()

    def _retire(self) -> None:
        if self._live is None:
            return
        self._full.append(self._live)
        self._live = None
        if len(self._full) > _HELD:
            # Never the first, which may be on its way, nor one that only this process can read.
            for segment in self._full[1:]:
                if not segment.is_deleted():
                    self._full.remove(segment)
                    segment.release()
                    break


class SpoolSink:
    """Keeps records in a spool and ships them to a database or an object store."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.records
        if self.url.startswith("memory:"):
            _log.warning("%s: these records are gone when the program ends", self.url)
        self.folder = destination.folder_of(Path(settings.spool), self.url)
        self.seconds = settings.flush_seconds
        self._spool = Spool(self.folder)
        self._shipper = Shipper(self._spool, self.url)
        self._is_made = False

    def write(self, line: bytes, contract: Contract) -> None:
        """Append one record to the spool. Raises OSError; then it is lost."""
        del contract
        if not self._is_made:
            exits.flush_at_exit(self)
            self._is_made = True
        try:
            self._spool.write(line)
        except FileNotFoundError:  # the folder is not there yet, or not any more
            destination.make(self.folder, self.url)
            self._spool.write(line)
        self._shipper.tell(len(line))

    def flush(self, seconds: float) -> int:
        """Ship what this process has written, in at most so many seconds; how many of its records
        have not arrived. Never raises.
        """
        return self._shipper.flush(seconds)

    def close(self) -> None:
        """Ship no more. What has not arrived waits for the next start."""
        exits.forget(self)
        self._shipper.close()

    def after_fork(self) -> None:
        """In the child: a thread and segments of its own."""
        self._spool.after_fork()
        self._shipper.after_fork()
