"""Records as they come in: the last ones that are there, then each new one."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from distilgen.errors import RecordError
from distilgen.records.files import FileStore, files_of
from distilgen.records.record import Malformed, Record, items_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.records.store import Store

_FILES_S, _OTHERS_S = 0.2, 2.0  # between two looks


class _Watched(Protocol):
    """A store that is looked at again and again."""

    seconds: float

    def last(self, count: int, wanted: Callable[[Record], bool]) -> list[Record]:
        """The last records that are wanted, and remember where the store ends."""

    def new(self) -> Iterator[Record | Malformed]:
        """What came in since."""


def follow(
    store: Store,
    wanted: Callable[[Record], bool],
    last: int,
    *,
    live: bool,
    troubled: Callable[[RecordError | None], None],
) -> Iterator[Record | Malformed]:
    """The last records that are wanted; with `live`, then forever each new one that is, and each
    new line that is no record. troubled: is told once that the store cannot be read any more, and
    once, by None, that it can be again. Raises RecordError where it cannot be from the beginning.
    """
    watched: _Watched
    watched = _Files(store.folder) if isinstance(store, FileStore) else _Others(store)
    yield from watched.last(last, wanted)
    is_down = False
    while live:
        try:
            for item in watched.new():
                if isinstance(item, Malformed) or wanted(item):
                    yield item
        except RecordError as error:
            if not is_down:
                troubled(error)
            is_down = True
        else:
            if is_down:
                troubled(None)
            is_down = False
        time.sleep(watched.seconds)


class _Place(NamedTuple):
    """How far a file was read. start: bytes; line: its lines."""

    inode: int = -1
    start: int = 0
    line: int = 0


class _Files:
    """The files of a folder, which need not be there yet; the newest grows, others come and go."""

    seconds = _FILES_S

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, _Place] = {}
        self._newest = ""  # the time of the last record that was seen

    def last(self, count: int, wanted: Callable[[Record], bool]) -> list[Record]:
        found: list[Record] = []
        for path in reversed(files_of(self.folder)):
            if len(found) >= count:
                self._places[path.name] = _end_of(path)
                continue
            here = deque(
                (i for i in self._read(path) if isinstance(i, Record) and wanted(i)),
                maxlen=count - len(found),
            )
            found[:0] = here
        return found

    def new(self) -> Iterator[Record | Malformed]:
        there = files_of(self.folder)
        # The name of one that is gone may come back, and even its inode.
        names = {path.name for path in there}
        self._places = {name: place for name, place in self._places.items() if name in names}
        for path in there:
            known = self._places.get(path.name)
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if known and (status.st_ino != known.inode or status.st_size < known.start):
                # Another file: somebody has vacuumed, and it may hold what was shown already.
                before = self._newest
                self._places[path.name] = _Place(status.st_ino)
                for item in self._read(path):
                    if isinstance(item, Record) and item.at > before:
                        yield item
            elif known is None or status.st_size > known.start:
                yield from self._read(path)

    def _read(self, path: Path) -> Iterator[Record | Malformed]:
        """The lines behind what was read; the last one when it has its end."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            place = self._places.get(path.name) or _Place(path.stat().st_ino)
            file.seek(place.start)
            for text in file:
                if not text.endswith(b"\n"):
                    break
                place = _Place(place.inode, place.start + len(text), place.line + 1)
                self._places[path.name] = place
                for item in items_of(str(path), place.line, text):
                    if isinstance(item, Record):
                        self._newest = max(self._newest, item.at)
                    yield item
            self._places[path.name] = place


def _end_of(path: Path) -> _Place:
    """As if a file had been read up to its last whole line."""
    with path.open("rb") as file:
        start = line = 0
        for text in file:
            if text.endswith(b"\n"):
                start, line = start + len(text), line + 1
        return _Place(path.stat().st_ino, start, line)


class _Others:
    """A store that can only be read from its beginning: what stands behind the last id is new."""

    seconds = _OTHERS_S

    def __init__(self, store: Store) -> None:
        self.store = store
        self._last: str | None = None

    def last(self, count: int, wanted: Callable[[Record], bool]) -> list[Record]:
        found: deque[Record] = deque(maxlen=count)
        for item in self.store.read():
            if isinstance(item, Record):
                self._last = item.id
                if wanted(item):
                    found.append(item)
        return list(found)

    def new(self) -> Iterator[Record | Malformed]:
        behind = self._last is None
        last = None
        for item in self.store.read():
            if behind:
                yield item
            if isinstance(item, Record):
                if behind:
                    self._last = item.id  # where reading may end half way
                behind = behind or item.id == self._last
                last = item.id
        self._last = last  # also where the one that was last is gone
