"""Files of inputs: JSON lines, JSON, CSV, TSV, Parquet and lines of text, row by row."""

from __future__ import annotations

import codecs
import csv
import json
import sys
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from distilgen.collection.given import Refused
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

JSONL, JSON, CSV, TSV, PARQUET, TXT = "jsonl", "json", "csv", "tsv", "parquet", "txt"

INPUT_FORMATS = (JSONL, JSON, CSV, TSV, PARQUET, TXT)
"""What a file of inputs may be; the suffix of its name says which."""

STANDARD_INPUT = "-"

_STANDARD = "standard input"
_ALIASES = {"ndjson": JSONL, "tab": TSV, "text": TXT, "pq": PARQUET}
_QUICK_BYTES = 64 * 1024 * 1024  # which are read twice, for the progress to know the end
_BATCH = 1_024
_WIDEST_CELL = min(sys.maxsize, 2**31 - 1)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadError(CollectError):
    """A file, or the rest of it, cannot be read. place: its name, with the row from which on."""

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place}: {reason}")


@dataclass(frozen=True)
class Row:
    """One row of a file. value: an object by column, or a bare value. columns: of a table, all
    rows of a file the same; None where each row has its own. is_text: its cells are texts.
    """

    value: Any
    origin: str
    columns: tuple[str, ...] | None = None
    is_text: bool = False


def files_of(path: str, input_format: str | None) -> list[Path | None]:
    """The files that are meant, a folder's in their order; None for standard input. Raises
    UsageError for what is not there, or is of no known kind.
    """
    if path == STANDARD_INPUT:
        if input_format is None:
            raise UsageError(f"--inputs -: say what comes in by --input-format {_choices()}")
        if input_format == PARQUET:
            raise UsageError("--inputs -: Parquet is read from its end: name a file")
        if sys.stdin is None:
            raise UsageError("--inputs -: standard input is closed")
        return [None]
    place = Path(path)
    if place.is_dir():
        found = sorted(item for item in place.iterdir() if item.is_file() and _is_wanted(item))
        if not found:
            raise UsageError(f"{path}: has no file that ends in {_choices('.')}")
        return list(found)
    if not place.exists():
        raise UsageError(f"{path}: there is no such file or folder")
    if input_format is None and _kind(place) is None:
        raise UsageError(
            f"{path}: its name does not say what it is; say --input-format {_choices()}"
        )
    return [place]


def rows_of(
    files: Sequence[Path | None], input_format: str | None, *, goes_on: bool = False
) -> Iterator[Row | Refused]:
    """The rows of files, one by one, and what is none. A file that cannot be read is refused where
    its turn comes, if it goes on behind it with the next. Raises UnreadError, if not.
    """
    for path in files:
        kind = input_format or (_kind(path) if path else None)
        try:
            yield from _READERS[kind or JSONL](path)
        except UnreadError as error:
            if not goes_on:
                raise
            yield Refused(error.place, error.reason)


def total_of(
    files: Sequence[Path | None], input_format: str | None, *, goes_on: bool = False
) -> int | None:
    """How many rows files have, where that can be told quickly; one for a file that is refused.
    goes_on: as of `rows_of`, as is what is raised.
    """
    total = 0
    for path in files:
        kind = input_format or (_kind(path) if path else None)
        if path is None or kind == JSON:
            return None
        try:
            count = _rows_in(path, kind or JSONL)
        except UnreadError:
            if not goes_on:
                raise
            count = 1
        if count is None:
            return None
        total += count
    return total


def _rows_in(path: Path, kind: str) -> int | None:
    """How many rows a file has; None for one that is too long to be read twice."""
    with _reading(path):
        if kind == PARQUET:
            return int(_parquet(path).metadata.num_rows)
        if path.stat().st_size > _QUICK_BYTES:
            return None
        return _lines_in(path, has_header=kind in (CSV, TSV))


def _lines_in(path: Path, *, has_header: bool) -> int:
    """Lines that are not blank; of a table fewer rows, where cells have line breaks."""
    with path.open("rb") as file:
        count = sum(not line.isspace() for line in file)
    return max(count - has_header, 0)


def _kind(path: Path) -> str | None:
    suffix = path.suffix.lower().removeprefix(".")
    suffix = _ALIASES.get(suffix, suffix)
    return suffix if suffix in INPUT_FORMATS else None


def _is_wanted(path: Path) -> bool:
    return not path.name.startswith(".") and _kind(path) is not None


def _choices(ahead: str = "") -> str:
    *others, last = (ahead + name for name in INPUT_FORMATS)
    return f"{', '.join(others)} or {last}"


def _jsonl(path: Path | None) -> Iterator[Row | Refused]:
    with _opened(path) as (file, name):
        for number, line in _lines(file, name):
            if line.isspace() or not line:
                continue
            origin = f"{name}:{number}"
            try:
                value = json.loads(line)
            except RecursionError:
                yield Refused(origin, "is nested too deeply")
            except UnicodeDecodeError as error:
                yield Refused(origin, f"is not UTF-8 ({error.reason} at byte {error.start})")
            except ValueError as error:
                yield Refused(origin, f"is no JSON ({error})")
            else:
                yield Row(value, origin)


def _txt(path: Path | None) -> Iterator[Row | Refused]:
    with _opened(path) as (file, name):
        for number, line in _lines(file, name):
            if line.strip():
                yield Row(_decoded(line, name, number).rstrip("\r\n"), f"{name}:{number}")


def _json(path: Path | None) -> Iterator[Row | Refused]:
    with _opened(path) as (file, name):
        raw = b"".join(line for _, line in _lines(file, name))
        if not raw.strip():
            return
        try:
            values = json.loads(raw)
        except RecursionError as error:
            raise UnreadError(name, "is nested too deeply") from error
        except ValueError as error:  # wrong UTF-8 is one
            raise UnreadError(name, f"is no JSON ({error}){_if_lines(raw)}") from error
    if not isinstance(values, list):
        kind = "an object" if isinstance(values, dict) else "one value"
        raise UnreadError(name, f"holds {kind}, not a list of inputs: put it into […]")
    for number, value in enumerate(values, 1):
        yield Row(value, f"{name}:item {number}")


def _if_lines(raw: bytes) -> str:
    """Advice for JSON lines under another name."""
    try:
        json.loads(raw.splitlines()[0])
    except (ValueError, RecursionError):
        return ""
    return "; its lines are: say --input-format jsonl"


def _table(separator: str) -> Callable[[Path | None], Iterator[Row | Refused]]:
    def read(path: Path | None) -> Iterator[Row | Refused]:
        with _opened(path) as (file, name):
            csv.field_size_limit(_WIDEST_CELL)
            texts = (_decoded(line, name, number) for number, line in _lines(file, name))
            reader = csv.reader(texts, delimiter=separator, strict=True)
            columns: tuple[str, ...] | None = None
            while True:
                number = reader.line_num + 1
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    raise UnreadError(
                        f"{name}:{number}",
                        f"is no table of text ({error}); is a quote never closed?",
                    ) from error
                if cells is None:
                    return
                if not cells:
                    continue
                if columns is None:
                    columns = _columns(cells, f"{name}:{number}")
                elif len(cells) != len(columns):
                    yield Refused(
                        f"{name}:{number}",
                        f"has {len(cells)} cell{'s' * (len(cells) != 1)}, and the header has "
                        f"{len(columns)}",
                    )
                else:
                    yield Row(
                        dict(zip(columns, cells, strict=True)), f"{name}:{number}", columns, True
                    )

    return read


def _columns(cells: Sequence[str], origin: str) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UnreadError(origin, f"the header names {twice} twice; give each column its name")
    if not any(names):
        raise UnreadError(origin, "the header names no column")
    return names


def _parquet_rows(path: Path | None) -> Iterator[Row | Refused]:
    assert path is not None  # noqa: S101 - `files_of` sees to that
    number = 0
    with _reading(path):
        file = _parquet(path)
        columns = tuple(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_BATCH):
            for value in batch.to_pylist():
                number += 1
                yield Row(value, f"{path}:row {number}", columns)


def _parquet(path: Path) -> Any:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        raise UnreadError(
            str(path), 'Parquet needs a package: pip install "distilgen[parquet]"'
        ) from error
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise UnreadError(str(path), f"is no Parquet file ({error})") from error


class _reading:  # noqa: N801 - a context manager, named as functions are
    """What the operating system refuses names the file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise UnreadError(str(self._path), f"{error.strerror or error}") from error


class _opened:  # noqa: N801 - as above
    """A file's bytes, and its name for messages."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> tuple[BinaryIO, str]:
        if self._path is None:
            # Not `sys.stdin`: Python aborts where a thread still reads that when the program ends.
            return open(sys.stdin.fileno(), "rb", closefd=False), _STANDARD
        with _reading(self._path):
            self._file = self._path.open("rb")
        return self._file, str(self._path)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._file is not None:
            self._file.close()
        if isinstance(error, OSError):
            name = str(self._path or _STANDARD)
            raise UnreadError(name, f"{error.strerror or error}") from error


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that is text, numbered, without a byte order mark. Raises UnreadError
    for what is none.
    """
    first = file.readline()
    if first.startswith(_UTF16):
        raise UnreadError(name, "is UTF-16, not UTF-8; save it as UTF-8")
    if b"\0" in first:
        raise UnreadError(name, "is binary, not text")
    lines: Iterable[bytes] = chain([first.removeprefix(codecs.BOM_UTF8)], file)
    if not first:
        return
    for number, line in enumerate(lines, 1):
        if b"\0" in line:
            raise UnreadError(f"{name}:{number}", "is binary, not text")
        yield number, line


def _decoded(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise UnreadError(
            f"{name}:{number}", f"is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
        ) from error


_READERS: dict[str, Callable[[Path | None], Iterator[Row | Refused]]] = {
    JSONL: _jsonl,
    JSON: _json,
    CSV: _table(","),
    TSV: _table("\t"),
    PARQUET: _parquet_rows,
    TXT: _txt,
}


def shown(names: Iterable[str], few: int = 12) -> str:
    """Names on a line."""
    first = list(islice(names, few + 1))
    return ", ".join(first[:few]) + (", …" if len(first) > few else "") or "none"
