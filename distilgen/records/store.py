"""A place where records are kept, named by a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distilgen.records.record import Malformed, Record


class Store(Protocol):
    """Records in one place. Every method raises RecordError, which names the place, where that
    cannot be reached or read.
    """

    place: str
    """Where it is, as messages may show it."""

    def append(self, lines: Sequence[bytes], name: str) -> None:
        """Add lines, each a record with its newline; at once or not at all.

        Those whose ids are there already are not added again, in stores that can tell. name: of
        this batch; in a store of objects, a batch replaces the one of its name.
        """

    def read(self) -> Iterator[Record | Malformed]:
        """Every record, and what is none, oldest first as far as the place knows."""

    def delete(self, wanted: Callable[[Record], bool]) -> int:
        """Delete the records that are wanted so; how many were. What is no record is kept."""
