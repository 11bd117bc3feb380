"""Documents as inputs: the files of a folder, cut into chunks, each of which is one call.

Every file is text or PDF by what is in it, whatever its name. One that is neither, or cannot be
read, gives no chunk at all: it is looked through before the first of its chunks is taken.
"""

from __future__ import annotations

import codecs
import logging
import os
from bisect import bisect_right
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from distilgen.collection.given import Given, Refused, Source
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distilgen.collection.chunks import Chunk, Cut

_BLOCK = 256 * 1024
_HEAD = 8 * 1024
_PDF = b"%PDF-"
_BINARY = "is no text but binary: it has a zero byte"
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_QUICK_BYTES, _QUICK_PDF_BYTES = 32 * 1024 * 1024, 1024 * 1024  # read twice, for a total

PATH, NUMBER, PAGE, START, END = "path", "number", "page", "start", "end"


class _Place(NamedTuple):
    """Where a chunk is. number: of the chunk in its document, from 1. page: of a PDF, on which it
    begins, from 1; None of a text.
    """

    path: str
    number: int
    page: int | None
    chunk: Chunk


FACTS: Final[Mapping[str, Callable[[_Place], Any]]] = {
    PATH: lambda place: place.path,
    NUMBER: lambda place: place.number,
    PAGE: lambda place: place.page,
    START: lambda place: place.chunk.start,
    END: lambda place: place.chunk.end,
}
"""What `--map` may give a parameter: the document's path from the folder, with slashes; the chunk's
number in it, from 1; its page, from 1, of a PDF; its first and last character, the last excluded.
"""


def refuse_absent(place: Path) -> None:
    """Raises UsageError for a file or folder that is not there."""
    if not place.exists():
        raise UsageError(f"--documents {place}: there is no such file or folder")


@dataclass(frozen=True)
class Documents:
    """The chunks of a file, or of all files below a folder, sorted by their paths; hidden ones and
    links to folders are left out.

    into: the parameter that gets the chunk. facts: other parameters, and which of `FACTS` each
    gets. constants: what some get in all calls. globs: of file names, or with a slash of paths from
    the folder; none for all. Raises UsageError, CollectError where there is no file.
    """

    place: Path
    cut: Cut
    into: str
    facts: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    globs: Sequence[str] = ()

    def __post_init__(self) -> None:
        refuse_absent(self.place)
        if self.globs and not self.place.is_dir():
            raise UsageError(f"--glob chooses among the files of a folder; {self.place} is a file")
        for parameter, fact in self.facts.items():
            if fact not in FACTS:
                raise UsageError(
                    f"--map {parameter}={fact}: a document has no {fact}; it has {', '.join(FACTS)}"
                )
        if not self._files():
            such = f" that fits {' or '.join(self.globs)}" if self.globs else ""
            raise CollectError(f"{self.place}: has no file{such}, so there is nothing to collect")

    def source(self) -> Source:
        """The inputs that they are, file by file; a file without any is refused."""
        return Source(self._inputs(), self._total())

    def _inputs(self) -> Iterator[Given | Refused]:
        for path, name in self._files():
            try:
                yield from self._of(path, name)
            except _UnreadError as error:
                yield Refused(self._shown(name), str(error))
            except OSError as error:
                yield Refused(self._shown(name), error.strerror or str(error))

    def _total(self) -> int | None:
        """How many inputs there are, where that is quickly known."""
        sizes = {True: 0, False: 0}
        for path, _ in self._files():
            if path.is_file() and os.access(path, os.R_OK):
                sizes[_is_pdf(path)] += path.stat().st_size
        if sizes[False] > _QUICK_BYTES or sizes[True] > _QUICK_PDF_BYTES:
            return None
        return sum(1 for _ in self._inputs())

    def _files(self) -> list[tuple[Path, str]]:
        """(each file that is asked for, its path from the folder)."""
        if not self.place.is_dir():
            return [(self.place, self.place.name)]
        names: list[str] = []
        for folder, inner, files in os.walk(self.place):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in files:
                path = Path(folder, name).relative_to(self.place).as_posix()
                if not name.startswith(".") and self._takes(path):
                    names.append(path)
        return [(self.place / name, name) for name in sorted(names)]

    def _takes(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return not self.globs or any(
            fnmatchcase(path if "/" in glob else name, glob) for glob in self.globs
        )

    def _shown(self, name: str) -> str:
        path = self.place / name if self.place.is_dir() else self.place
        return _legible(path.as_posix())

    def _of(self, path: Path, name: str) -> Iterator[Given]:
        if not path.is_file():
            raise _UnreadError("is no file")
        pages: list[int] = []
        text = _pages_of(path, pages) if _is_pdf(path) else _text_of(path)
        count = 0
        for count, chunk in enumerate(self.cut.chunks(text), 1):
            page = bisect_right(pages, chunk.start) or None
            place = _Place(_legible(name), count, page, chunk)
            facts = {parameter: FACTS[fact](place) for parameter, fact in self.facts.items()}
            where = f"page {page}, chars" if page else "chars"
            origin = f"{self._shown(name)}:{where} {chunk.start}-{chunk.end}"
            yield Given({**self.constants, self.into: chunk.text, **facts}, origin)
        if not count:
            raise _UnreadError(
                "has no text: its pages are pictures, or empty" if pages else "has no text"
            )


class _UnreadError(Exception):
    """A file gives no chunk; the message says why."""


def _legible(name: str) -> str:
    """A path as text: its system may allow bytes that are none."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PDF)) == _PDF


def _text_of(path: Path) -> Iterator[str]:
    """The text of a file, in blocks, with "\\n" for each end of a line. It is read twice: what is
    no text shows itself before any of it is given.
    """
    encoding = _encoding_of(path)
    with path.open("r", encoding=encoding) as file:
        place = 0
        try:
            while block := file.read(_BLOCK):
                if "\0" in block:
                    raise _UnreadError(_BINARY)
                place += len(block)
        except UnicodeDecodeError as error:
            raise _UnreadError(
                f"is no text in {encoding.removesuffix('-sig').upper()} ({error.reason}, behind "
                f"character {place}); save it in UTF-8, or leave it out"
            ) from None
        file.seek(0)
        while block := file.read(_BLOCK):
            yield block


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_BYTE_ORDER_MARKS):
        return "utf-16"
    if b"\0" in head:  # a picture is no text that somebody saved in a wrong way
        raise _UnreadError(_BINARY)
    return "utf-8-sig"


def _pages_of(path: Path, starts: list[int]) -> Iterator[str]:
    """The text of a PDF, page by page; a page ends with a newline. starts: gets the place of each
    page's first character.
    """
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - an extra, and slow to import
        from pypdf.errors import DependencyError, FileNotDecryptedError  # noqa: PLC0415
    except ImportError:
        raise _UnreadError('is a PDF, and needs pypdf: pip install "distilgen[pdf]"') from None
    said = logging.getLogger("pypdf")
    level = said.level
    said.setLevel(logging.CRITICAL)  # it tells of each odd object
    try:
        reader = PdfReader(path)
        if reader.is_encrypted:
            reader.decrypt("")  # most such files only forbid to print or to copy
        pages = [page.extract_text() for page in reader.pages]
    except OSError:
        raise
    except (FileNotDecryptedError, DependencyError):
        raise _UnreadError("is encrypted; remove its password first") from None
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise _UnreadError(f"is a PDF that cannot be read ({reason})") from error
    finally:
        said.setLevel(level)
    place = 0
    for page in pages:
        starts.append(place)
        text = page.replace("\0", "").encode("utf-8", "ignore").decode() + "\n"
        place += len(text)
        yield text
