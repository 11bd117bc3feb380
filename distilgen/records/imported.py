"""Files that others wrote, read as records: line by line, and for each that is none, why."""

from __future__ import annotations

import csv
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from distilgen.errors import RecordError, UsageError
from distilgen.records.export import COLUMNS, JSON_COLUMNS
from distilgen.records.record import Malformed, Record, items_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from distilgen.records.foreign import Reader

INSTRUCTOR, LLAMA_INDEX, RECORDS = "instructor", "llama-index", "records"

FORMS = (INSTRUCTOR, LLAMA_INDEX, RECORDS)
"""What can be read: rows of instructor's, of LlamaIndex's, records as `export` writes them."""

_LARGEST = 2**31 - 1  # a cell, in characters: as large as `csv` takes everywhere
_BOM = b"\xef\xbb\xbf"
_PARQUET = b"PAR1"


def read(path: Path, form: str | None, reader: Reader) -> Iterator[Record | Malformed]:
    """What a file holds. form: one of `FORMS`; without it, each row tells by its keys.

    Rows that say no time are of the time when the file was last written. Raises OSError, and
    UsageError for a Parquet file.
    """
    written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    at = written.isoformat(timespec="microseconds").replace("+00:00", "Z")
    with path.open("rb") as file:
        first = file.readline().removeprefix(_BOM)
    if first.startswith(_PARQUET):
        raise UsageError(f"{path}: is a Parquet file, which is not read; export as jsonl or csv")
    if first.startswith(b"id,") and form in (None, RECORDS):
        yield from _of_table(path)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(_BOM) if number == 1 else line
            if text.strip():
                yield from _of_line(str(path), number, text, form, reader, at)


def _of_line(
    place: str, number: int, line: bytes, form: str | None, reader: Reader, at: str
) -> Iterator[Record | Malformed]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    kind = _kind_of(row)
    if kind == RECORDS or row is None:  # a torn line may hold a record, too
        yield from (
            items_of(place, number, line)
            if form in (None, RECORDS)
            else (Malformed(place, number, f"is no row of {form}", text=line),)
        )
        return
    try:
        yield _understood(row, kind, form, reader, at)
    except RecordError as error:
        yield Malformed(place, number, str(error), text=line)


def _kind_of(row: Any) -> str:
    """What a row is by its keys."""
    if isinstance(row, dict):
        if "fn_name" in row and "resp" in row:
            return INSTRUCTOR
        if "messages" in row:
            return LLAMA_INDEX
        if "function" in row and "arguments" in row:
            return RECORDS
    return ""


def _understood(
    row: Mapping[str, Any], kind: str, form: str | None, reader: Reader, at: str
) -> Record:
    if kind == INSTRUCTOR and form in (None, INSTRUCTOR):
        return reader.raw(row, at)
    if kind == LLAMA_INDEX and form != RECORDS:
        return reader.chat(row, at, calls_only=form == INSTRUCTOR)
    raise RecordError(
        f"is no row of {form}"
        if form in (INSTRUCTOR, LLAMA_INDEX)
        else "is no record"
        if form
        else "is neither a record nor a row of instructor's or LlamaIndex's"
    )


def _of_table(path: Path) -> Iterator[Record | Malformed]:
    """The rows of a CSV file that `export` wrote."""
    before = csv.field_size_limit(_LARGEST)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            columns = next(reader)
            if not {"arguments", "result"} <= set(columns) <= set(COLUMNS):
                reason = "its columns are not those of an export; --flatten cannot be read back"
                yield Malformed(str(path), 1, reason)
                return
            while True:
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    yield Malformed(str(path), reader.line_num, str(error))
                    continue
                if cells is None:
                    return
                if cells:
                    yield _of_cells(str(path), reader.line_num, columns, cells)
    finally:
        csv.field_size_limit(before)


def _of_cells(place: str, number: int, columns: list[str], cells: list[str]) -> Record | Malformed:
    if len(cells) != len(columns):
        return Malformed(place, number, f"has {len(cells)} columns, not {len(columns)}")
    values: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=True):
        if cell == "":  # as nothing was said
            continue
        try:
            is_json = name in (*JSON_COLUMNS, "elapsed_ms")
            values[name] = json.loads(cell) if is_json else cell
        except (ValueError, RecursionError):
            return Malformed(place, number, f"its {name} is no JSON")
    return parse(place, number, json.dumps(values).encode() + b"\n")
