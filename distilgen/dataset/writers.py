"""The files of a dataset, row by row: JSON lines in any format of `rows`, CSV, Parquet."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from distilgen.dataset import template
from distilgen.dataset.manifest import Part
from distilgen.dataset.reading import TABLES
from distilgen.errors import DatasetError
from distilgen.rows import FORMATS as ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset.answers import Call

FORMATS = (*ROWS, *TABLES)
"""The names of all formats."""

_CHUNK = 1 << 20  # bytes that are written at a time


def suffix_of(format_name: str) -> str:
    """The end of the names of its files: `jsonl`, `csv` or `parquet`."""
    return format_name if format_name in TABLES else "jsonl"


class Staged:
    """A file of a dataset while it is written, beside its place. Raises OSError throughout.

    add: writes the row of a call.
    """

    def __init__(self, path: Path, contract: Contract, format_name: str) -> None:
        self.path = path
        self._file = _Hashed(path)
        self._writer = _writer_of(format_name, contract, self._file)
        self.add = self._writer.add

    def end(self, name: str) -> Part:
        """End the file; what the manifest says of it. name: what it is to be called."""
        self._writer.end()
        self._file.end()
        return Part(name, self._writer.rows, self._file.size, self._file.sha256.hexdigest())

    def close(self) -> None:
        """Close it as it is."""
        self._file.close()


class _Hashed(io.RawIOBase):
    """A new file, and the digest of all that is written to it. Both are the work of a thread, for
    the interpreter is free meanwhile; an OSError of its comes with one of the next calls.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb", buffering=0)
        self._worker = ThreadPoolExecutor(1)
        self._jobs: deque[Future[None]] = deque()
        self.size = 0
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        raw = bytes(content)
        if len(self._jobs) > 1:  # memory holds so many
            self._jobs.popleft().result()
        self._jobs.append(self._worker.submit(self._append, raw))
        self.size += len(raw)
        return len(raw)

    def _append(self, content: bytes) -> None:
        self.sha256.update(content)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def tell(self) -> int:
        return self.size

    def end(self) -> None:
        while self._jobs:
            self._jobs.popleft().result()
        self.close()

    def close(self) -> None:
        self._worker.shutdown(cancel_futures=True)
        self._file.close()
        super().close()


class _Lines:
    """Rows as JSON, one a line."""

    def __init__(self, render: Callable[[Call], bytes], file: _Hashed) -> None:
        self.rows = 0
        self._render = render
        self._file = file
        self._held: list[bytes] = []
        self._size = 0

    def add(self, call: Call) -> None:
        row = self._render(call)
        self._held.append(row)
        self._size += len(row)
        if self._size > _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._file.write(b"".join(self._held))
        self.rows += len(self._held)
        self._held, self._size = [], 0

    def end(self) -> None:
        self._flush()


class _Table:
    """Rows as the cells of a table. Raises DatasetError for a value that its column cannot hold."""

    def __init__(self, table: Any, contract: Contract, format_name: str) -> None:
        self.rows = 0
        self._table = table
        self._told = f"{contract.function}: --format {format_name}"

    def add(self, call: Call) -> None:
        with self._told_of():
            self._table.write(json.loads(call.arguments), json.loads(call.result))
        self.rows += 1

    def end(self) -> None:
        with self._told_of():
            self._table.close()

    @contextlib.contextmanager
    def _told_of(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:  # Arrow's are such
            raise DatasetError(f"{self._told}: {error}; choose another format") from error


def _writer_of(format_name: str, contract: Contract, file: _Hashed) -> _Lines | _Table:
    if format_name in ROWS:
        return _Lines(template.renderer(contract, format_name), file)
    from distilgen.dataset import tables  # noqa: PLC0415 - pyarrow, an extra

    kind = tables.CsvTable if format_name == "csv" else tables.ParquetTable
    return _Table(kind(contract, cast("BinaryIO", file)), contract, format_name)
