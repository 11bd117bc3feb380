"""Datasets as tables, CSV and Parquet: a column for each argument and each field of the result.

arguments.NAME   in signature order
result.FIELD     in the schema's order; `result` alone where the result is no object with fields
arguments, result   at the end: empty, or as a JSON text the whole of what the columns before cannot
                    say, such as a field that the schema does not name

A column of texts, numbers or truth values holds these as they are, and nothing for null; any other
column holds JSON texts. The contract's schemas alone decide, so that a file is written row by row.
"""

from __future__ import annotations

import csv
import json
import math
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from distilgen.dataset.columns import BOOLEAN, INTEGER, JSON, NUMBER, STRING, Column, Columns
from distilgen.errors import DatasetError
from distilgen.records.export import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from distilgen.contract import Contract

_GROUP_ROWS, _GROUP_BYTES = 10_000, 32 * 1024 * 1024  # of a Parquet row group, at most
_CHUNK = 1 << 20  # bytes of CSV that are written at a time
_LARGEST = 2**31 - 1  # a cell, in characters: as large as `csv` takes everywhere
_QUOTED = re.compile('[",\r\n]|^\\s|\\s$')
_EMPTY = re.compile(r'\\*""|')
_TYPES = {STRING: "string", JSON: "string", INTEGER: "int64", NUMBER: "float64", BOOLEAN: "bool_"}


class CsvTable:
    """Writes calls as CSV: UTF-8, a header, rows that end with a newline.

    Where a column may be empty, a text that is empty is written as two quotation marks, and one
    that is two quotation marks, with a backslash before them.
    """

    def __init__(self, contract: Contract, file: BinaryIO) -> None:
        self._columns = Columns(contract)
        self._file = file
        self._lines: list[bytes] = []
        self._size = 0
        self._line(column.name for column in self._columns)

    def write(self, arguments: Mapping[str, Any], result: Any) -> None:
        """Write a call. Raises ValueError for what is no JSON, and for a result that the schema
        does not allow where there is no column for such; OSError.
        """
        cells = self._columns.cells(arguments, result, _fits)
        self._line(_cell(value, column) for value, column in zip(cells, self._columns, strict=True))

    def close(self) -> None:
        """Write what is held back."""
        self._flush()

    def _line(self, cells: Iterator[str]) -> None:
        text = ",".join(
            '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell for cell in cells
        )
        self._lines.append(f"{text}\n".encode())
        self._size += len(self._lines[-1])
        if self._size > _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._file.write(b"".join(self._lines))
        self._lines, self._size = [], 0


class ParquetTable:
    """Writes calls as Parquet, in row groups that memory can hold. Raises UsageError without
    pyarrow.
    """

    def __init__(self, contract: Contract, file: BinaryIO) -> None:
        self._arrow, tables = arrow()
        self._columns = Columns(contract)
        kinds = [(c.name, getattr(self._arrow, _TYPES[c.kind])()) for c in self._columns]
        self._schema = self._arrow.schema(kinds)
        self._writer = tables.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[list[Any]] = []
        self._size = 0

    def write(self, arguments: Mapping[str, Any], result: Any) -> None:
        """Write a call. Raises as the CSV table."""
        cells = self._columns.cells(arguments, result, _fits_exactly)
        self._size += sum(len(cell.encode()) for cell in cells if isinstance(cell, str))
        self._rows.append(cells)
        if len(self._rows) == _GROUP_ROWS or self._size > _GROUP_BYTES:
            self._end_group()

    def close(self) -> None:
        """Write what is held back, and the file's end."""
        if self._rows:
            self._end_group()
        self._writer.close()

    def _end_group(self) -> None:
        columns = zip(zip(*self._rows, strict=True), self._schema, strict=True)
        arrays = [self._arrow.array(cells, field.type) for cells, field in columns]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))
        self._rows, self._size = [], 0


def calls_in(path: Path, contract: Contract) -> Iterator[tuple[dict[str, Any], Any]]:
    """The calls (arguments, result) in a table that was written for this contract, as they were
    written. A name that ends with `.parquet` is one of Parquet.

    Raises DatasetError, which names file, row and column, where it is none or cannot be read;
    UsageError without pyarrow.
    """
    columns = Columns(contract)
    is_parquet = path.suffix == ".parquet"
    try:
        rows = _parquet_rows(path, columns) if is_parquet else _csv_rows(path, columns)
        for number, cells in rows:
            try:
                yield columns.call(cells)
            except ValueError as error:
                raise DatasetError(f"{path}:{number}: {error}; {_again()}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path}: cannot be read ({reason}); {_again()}") from error


def _again() -> str:
    return "run `distilgen dataset build`"


def _fits(value: Any, kind: str) -> bool:
    if kind == STRING:
        return isinstance(value, str)
    if isinstance(value, bool) or kind == BOOLEAN:
        return isinstance(value, bool) and kind == BOOLEAN
    if kind == NUMBER and isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int)


def _fits_exactly(value: Any, kind: str) -> bool:
    """In 64 bits."""
    if kind == NUMBER and not isinstance(value, float):
        return False
    return _fits(value, kind) and (kind != INTEGER or -(2**63) <= value < 2**63)


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    if column.kind == JSON:
        return str(value)
    if column.kind != STRING:
        return json.dumps(value)
    if column.optional and _EMPTY.fullmatch(value):
        return f"\\{value}" if value else '""'
    return str(value)


def _csv_rows(path: Path, columns: Columns) -> Iterator[tuple[int, list[Any]]]:
    before = csv.field_size_limit(_LARGEST)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _refuse_other(path, header, columns)
            for cells in reader:
                if len(cells) != len(header):
                    wrong = f"has {len(cells)} cells, and there are {len(header)} columns"
                    raise DatasetError(f"{path}:{reader.line_num}: {wrong}; {_again()}")
                pairs = zip(cells, columns, strict=True)
                yield reader.line_num, [_value(path, reader.line_num, cell, c) for cell, c in pairs]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: is no CSV in UTF-8 ({error}); {_again()}") from error
    finally:
        csv.field_size_limit(before)


def _value(path: Path, line: int, cell: str, column: Column) -> Any:
    if not cell and (column.optional or column.kind != STRING):
        return None
    if column.kind == JSON:
        return cell
    if column.kind == STRING:
        if not column.optional or not _EMPTY.fullmatch(cell):
            return cell
        return "" if cell == '""' else cell[1:]
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        value = None
    if not _fits(value, column.kind):
        said = f"{path}:{line}: column {column.name}: {cell[:40]!r} is no {column.kind}"
        raise DatasetError(f"{said}; {_again()}")
    return value


def _parquet_rows(path: Path, columns: Columns) -> Iterator[tuple[int, list[Any]]]:
    pyarrow, tables = arrow()
    try:
        with path.open("rb") as raw, tables.ParquetFile(raw) as file:
            _refuse_other(path, file.schema_arrow.names, columns)
            number = 0
            for batch in file.iter_batches(batch_size=1_000):
                for cells in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                    number += 1
                    yield number, list(cells)
    except pyarrow.ArrowException as error:
        raise DatasetError(f"{path}: is no Parquet file ({error}); {_again()}") from error


def _refuse_other(path: Path, found: Sequence[str], columns: Columns) -> None:
    expected = [column.name for column in columns]
    if list(found) == expected:
        return
    absent = [name for name in expected if name not in found]
    more = [name for name in found if name not in expected]
    wrong = " and ".join([
        *([f"there is no column {absent[0]}"] if absent else []),
        *([f"{more[0]} is none of the contract's columns"] if more else []),
    ])  # fmt: skip
    raise DatasetError(f"{path}:1: {wrong or 'its columns are in another order'}; {_again()}")
