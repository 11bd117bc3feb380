"""Records as files for other programs: JSON lines, CSV, Parquet; one by one, however many."""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import os
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from distilgen.contract import canonical_json
from distilgen.errors import RecordError, UsageError
from distilgen.records.record import began_at, line_of
from distilgen.rewrite import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from distilgen.records.record import Record

COLUMNS = (
    "id", "function", "contract", "at", "elapsed_ms", "source", "parent", "trace_id", "span_id",
    "rollout", "arguments", "result", "error",
)  # fmt: skip
"""The columns of CSV and Parquet."""

JSON_COLUMNS = COLUMNS[-4:]
"""Those that are JSON texts."""

_FLATTENED = COLUMNS[-3:]
_GROUP_ROWS, _GROUP_BYTES = 10_000, 32 * 1024 * 1024  # of a Parquet row group, at most
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextlib.contextmanager
def output(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A new file for what is written, which appears as a whole or not at all; its owner alone may
    read it. force: an old one may go. Raises UsageError, RecordError,
    OSError.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is no file")
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already; say --force to replace it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.distilgen")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            yield file
            file.flush()
            os.fsync(descriptor)
        replace.rename(temporary, path.resolve())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    replace.sync([path.resolve().parent])


def jsonl(records: Iterable[Record], file: BinaryIO) -> int:
    """Write records as they are stored. Returns how many."""
    count = 0
    for record in records:
        file.write(line_of(record))
        count += 1
    return count


def flat_csv(read: Callable[[], Iterable[Record]], file: BinaryIO) -> int:
    """Write records with a column for each argument and each field of a result, and one for results
    that are no objects. Reads them twice: what there is decides on the columns.
    """
    ahead = COLUMNS[: -len(_FLATTENED)]
    names: dict[str, None] = {}
    whole = 0
    for record in read():
        names.update(dict.fromkeys(_flat(record)))
        whole += 1
    columns = (*ahead, *sorted(names, key=_kind_of), "error")

    def row(record: Record) -> dict[str, Any]:
        values = {name: _cell(value) for name, value in _flat(record).items()}
        return {name: _said(record, name) for name in (*ahead, "error")} | values

    # Those that came in meanwhile stand behind, and may have other columns.
    return _csv((row(record) for record in islice(read(), whole)), columns, file)


def plain_csv(records: Iterable[Record], file: BinaryIO) -> int:
    """Write records with all that is no text or number as JSON texts. Returns how many."""
    return _csv(({n: _said(record, n) for n in COLUMNS} for record in records), COLUMNS, file)


def _csv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str], file: BinaryIO) -> int:
    text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
    try:
        writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        count = 0
        for row in rows:
            writer.writerow(row)
            count += 1
        text.flush()
    finally:
        text.detach()
    return count


def _said(record: Record, column: str) -> Any:
    """What a column says of a record; None for nothing."""
    value = getattr(record, column)
    if column not in JSON_COLUMNS or (value is None and column in ("rollout", "error")):
        return value
    return None if column == "result" and record.error is not None else _json(value)


def _json(value: Any) -> str:
    text = canonical_json(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which JSON can say and UTF-8 cannot
        return json.dumps(value, separators=(",", ":"))
    return text


def _flat(record: Record) -> dict[str, Any]:
    values = {f"arguments.{name}": value for name, value in record.arguments.items()}
    if record.error is None:
        if isinstance(record.result, dict):
            values |= {f"result.{name}": value for name, value in record.result.items()}
        else:
            values["result"] = record.result
    return values


def _kind_of(name: str) -> bool:
    return name.startswith("result")


def _cell(value: Any) -> Any:
    """A value for a spreadsheet, which must not take a text for a formula."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _json(value)


def parquet(records: Iterable[Record], file: BinaryIO) -> int:
    """Write records as a table: `at` as UTC microseconds, `elapsed_ms` as a double, the rest as
    texts. Returns how many. Raises UsageError without pyarrow.
    """
    pyarrow, tables = arrow()
    kinds = {"at": pyarrow.timestamp("us", tz="UTC"), "elapsed_ms": pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    count = 0
    with tables.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _groups(records):
            columns = zip(zip(*rows, strict=True), schema, strict=True)
            writer.write_table(
                pyarrow.table([pyarrow.array(c, f.type) for c, f in columns], schema=schema)
            )
            count += len(rows)
    return count


def _groups(records: Iterable[Record]) -> Iterator[list[list[Any]]]:
    """The rows of Parquet, in lists that memory can hold."""
    rows: list[list[Any]] = []
    size = 0
    for record in records:
        rows.append([_typed(record, name) for name in COLUMNS])
        size += sum(len(value) for value in rows[-1] if isinstance(value, str))
        if len(rows) == _GROUP_ROWS or size > _GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _typed(record: Record, column: str) -> Any:
    if column == "at":
        return began_at(record.at)
    if column == "elapsed_ms":
        return float(record.elapsed_ms)
    return _said(record, column)


def arrow() -> tuple[Any, Any]:
    """pyarrow, and its Parquet part. Raises UsageError without it."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            'Parquet needs pyarrow: pip install "distilgen[parquet]", or choose another --format'
        ) from None
