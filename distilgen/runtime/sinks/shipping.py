"""From a spool to a store: batch by batch, so that a batch that is sent twice is there once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from distilgen.errors import RecordError
from distilgen.records.record import Malformed, parse
from distilgen.records.stores import open_store
from distilgen.runtime.sinks.destination import NAME, folder_of
from distilgen.runtime.sinks.segment import ASIDE, Segment, segments_of, waiting_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.records.store import Store


class Carried(NamedTuple):
    """What became of one batch. ended: there was nothing behind it. shipped, aside: lines."""

    ended: bool
    shipped: int
    aside: int


class Shipped(NamedTuple):
    """What became of a spool. shipped: records that are at the destination now. aside: lines that
    are no records. left: records that are in the spool still. why: they are; empty if none is.
    """

    shipped: int
    aside: int
    left: int
    why: str


def carry(segment: Segment, store: Store, *, final: bool) -> Carried:
    """Store the next batch of a segment. final: nobody writes the segment any more.

    Lines that are no records are set aside, in a file of the same folder. The segment moves on
    after that: whatever goes wrong before is done again, and a store knows ids or the batch's name.
    Raises RecordError and OSError.
    """
    batch = segment.read(final=final)
    records: list[bytes] = []
    others: list[bytes] = []
    for line in filter(bytes.strip, batch.lines):
        known = isinstance(parse(str(segment.path), 0, line), Malformed)
        (others if known else records).append(line if line.endswith(b"\n") else line + b"\n")
    if records:
        store.append(records, f"{segment.path.stem}-{batch.start:010}")
    if others:
        path = aside_of(segment)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(b"".join(others))
    if batch.lines:
        segment.advance(batch.end)
    return Carried(batch.ended, len(records), len(others))


def aside_of(segment: Segment) -> Path:
    """Where the lines of a segment go that are no records."""
    return segment.path.with_name(ASIDE)


def ship(spool: Path, url: str, *, report: Callable[[str], None] | None = None) -> Shipped:
    """Ship what no running process holds; those that run ship their own. One try, in this thread.

    spool: the folder of all spools, or that of one destination: then its records go to `url`,
    wherever they were bound for. report: gets a line for each file. Raises ConfigError for a URL
    that is no such place, or whose package is not installed, and OSError where the spool cannot be
    read; what the destination says instead is the result's `why`.
    """
    store = open_store(url, "records", Path.cwd())
    folder = spool if (spool / NAME).exists() else folder_of(spool, url)
    shipped = aside = 0
    why: list[str] = []
    for path in segments_of(folder):
        try:
            segment = Segment.adopt(path)
        except OSError as error:
            why.append(str(error))
            continue
        if segment is None:
            if path.exists():
                why.append(f"{path}: is held by a running process, which ships it itself")
            continue
        records = shipped
        try:
            ended = False
            while not ended:
                ended, more, others = carry(segment, store, final=True)
                shipped += more
                aside += others
            segment.delete()
        except (RecordError, OSError) as error:
            why.append(str(error))
            break
        finally:
            segment.release()
        if report is not None:
            report(f"{path}: {shipped - records} records")
    left = sum(waiting_in(path) for path in segments_of(folder))
    return Shipped(shipped, aside, left, "\n".join(why) if left else "")
