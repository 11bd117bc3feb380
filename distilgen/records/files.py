"""Files of JSON lines in a folder: `records-NNNNNN.jsonl`, the newest with the highest number.

Programs that run append to them, and may be stopped between two instructions for as long as you
like. So that none of their lines is ever lost:

- A line is deleted in its place: a mark over its first byte, blanks over the rest, a blank over the
  mark. Appending goes to the end of a file and nowhere else, so the two never meet; whoever is
  stopped half way leaves the mark, which the next one goes on from, and nobody reads.
- A file is replaced or removed only while nobody has it open: who appends has its descriptor held
  by `hold`, and `vacuum` asks for all of it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from distilgen.errors import RecordError
from distilgen.records.record import DELETED, Malformed, Record, items_of

if sys.platform != "win32":  # which by itself neither replaces nor removes an open file
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

NAME = re.compile(r"records-(\d{6,})\.jsonl")

FULL = 64 * 1024 * 1024
"""Bytes after which a file gets no new record."""

CORRUPT = "corrupt.jsonl"
"""The file beside them into which `vacuum` puts the lines that are no records."""

_LOCK = ".lock"
_PATIENCE_S = 60.0
_NEWLINE = ord("\n")
_IGNORED = f"records-*.jsonl\n{CORRUPT}\n{_LOCK}\n.gitignore\n"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Line(NamedTuple):
    """A line of a file, its newline included, that is not blank. start: its first byte's place."""

    start: int
    number: int
    text: bytes

    @property
    def is_deleted(self) -> bool:
        """Was somebody stopped while deleting it?"""
        return self.text.startswith(DELETED)

    def parts(self, place: str) -> Iterator[tuple[Line, Record | Malformed]]:
        """What it holds, each with the part of the line that it stands in. place: of the line."""
        start = 0
        for item in items_of(place, self.number, self.text):
            rest = self.text[start:]
            # Of two, the first is what a writer left that was stopped.
            text = item.text if isinstance(item, Malformed) and start == 0 else rest
            yield Line(self.start + start, self.number, text), item
            start += len(text)


class FileStore:
    """Records in the files of a folder; see `store.Store`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    def append(self, lines: Sequence[bytes], name: str) -> None:
        """Write the lines into a new file. Those that are there already are added again: `import`
        looks for them, and `vacuum` removes them. name: not needed here.
        """
        del name
        if not lines:
            return
        with told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            keep_out_of_git(self.folder)
            _write_next(self.folder, lines)

    def read(self) -> Iterator[Record | Malformed]:
        """Every record, file by file."""
        with told(self.folder):
            yield from read(self.folder)

    def delete(self, wanted: Callable[[Record], bool]) -> int:
        """Blank the records that are wanted so, in their places; `vacuum` gives back the space."""
        count = 0
        with told(self.folder), alone(self.folder):
            for path in files_of(self.folder):
                found = []
                for line in lines_of(path):
                    if line.is_deleted:
                        found.append(line)
                    for part, item in line.parts(str(path)):
                        if isinstance(item, Record) and wanted(item):
                            found.append(part)
                            count += 1
                blank(path, found)
        return count


def files_of(folder: Path) -> list[Path]:
    """The record files of a folder, oldest first; none where there is no folder."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def read(folder: Path) -> Iterator[Record | Malformed]:
    """Every line of the folder's record files, one by one. Raises OSError; RecordError where
    somebody vacuums them meanwhile.
    """
    for path in files_of(folder):
        for line in lines_of(path):
            yield from items_of(str(path), line.number, line.text)


def lines_of(path: Path) -> Iterator[Line]:
    """The lines of a file that are not blank. Raises OSError, RecordError."""
    start = 0
    for number, text in enumerate(texts_of(path), 1):
        if not text.isspace():
            yield Line(start, number, text)
        start += len(text)


def texts_of(path: Path) -> Iterator[bytes]:
    """The lines of a file as they are; the last of them may have no end. Raises OSError,
    RecordError.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise RecordError(f"{path}: is gone since; run the command again") from None
    with file:
        for text in file:
            yield text
            if text[-1] != _NEWLINE:
                return  # what its writer adds meanwhile is the rest of it, and no line


def _write_next(folder: Path, lines: Sequence[bytes]) -> None:
    """Write a new file with the next number, at once. Raises OSError."""
    from distilgen.rewrite import replace  # noqa: PLC0415 - who only records needs none of it

    numbers = [int(found[1]) for path in files_of(folder) if (found := NAME.fullmatch(path.name))]
    temporary = folder / f".append.{os.getpid()}.{os.urandom(4).hex()}.distilgen"
    try:
        stage(temporary, lines)
        number = max(numbers, default=0) + 1
        while True:
            path = folder / f"records-{number:06}.jsonl"
            try:
                os.link(temporary, path)  # which, unlike renaming, replaces nobody's file
            except FileExistsError:
                number += 1
            else:
                break
    finally:
        temporary.unlink(missing_ok=True)
    replace.sync([folder])


def stage(path: Path, lines: Iterable[bytes]) -> None:
    """Write a new file that its owner alone may read, durably. Raises OSError."""
    descriptor = os.open(path, _FLAGS, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.writelines(lines)
        file.flush()
        os.fsync(descriptor)


def blank(path: Path, lines: Sequence[Line]) -> None:
    """Delete lines in their places. Raises OSError."""
    if not lines:
        return
    with path.open("r+b") as file:
        for line in lines:
            length = len(line.text.rstrip(b"\n"))
            for start, content in ((0, DELETED), (1, b" " * (length - 1)), (0, b" ")):
                file.seek(line.start + start)
                file.write(content)
                file.flush()  # in this order
        os.fsync(file.fileno())


def hold(descriptor: int) -> bool:
    """Say that a file is open for appending, for as long as the descriptor is, which must be open
    for reading too. False: somebody is about to replace the file, or has; take another.

    Where the file system keeps no locks, nothing is said, and no file is replaced.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
    return os.fstat(descriptor).st_nlink > 0


def is_held(descriptor: int) -> bool:
    """Has anybody else the file open for appending? If not, nobody will, until it is closed."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else deletes or vacuums here. Raises RecordError after a minute."""
    import filelock  # noqa: PLC0415 - few commands need it

    if not folder.is_dir():
        yield
        return
    turn = filelock.FileLock(folder / _LOCK, timeout=_PATIENCE_S)
    try:
        turn.acquire()
    except filelock.Timeout:
        raise RecordError(f"{folder}: another distilgen is at work on these records") from None
    try:
        yield
    finally:
        turn.release()


def keep_out_of_git(folder: Path) -> None:
    """Records hold what people typed: they do not belong into a repository by accident."""
    ignore = folder / ".gitignore"
    with contextlib.suppress(OSError):  # records may be appended where no file can be made
        if not ignore.exists():
            ignore.write_text(_IGNORED, "utf-8")


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """What the operating system refuses is a RecordError, which names the place."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{error.filename or folder}: {error.strerror or error}") from error
