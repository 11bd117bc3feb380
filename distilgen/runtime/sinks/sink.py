"""What the recorder asks of a sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from distilgen.contract import Contract


class Sink(Protocol):
    """A place that records are written to, by any thread of this process."""

    def write(self, line: bytes, contract: Contract) -> None:
        """Take one record, its newline included. Raises anything: then the record is lost."""

    def flush(self, seconds: float) -> int:
        """Bring what was taken to its place, in at most so many seconds; how many records are not
        there yet. Never raises.
        """

    def close(self) -> None:
        """Let go of files and connections; what was taken stays safe. Never raises."""

    def after_fork(self) -> None:
        """In the child of a fork: use nothing that belongs to the parent, and no lock of its."""
