"""Rows of a file, whatever its format; what is none is told with its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from distilgen.dataset.reading import as_trained, result_of, rows
from distilgen.dataset.tables import CsvTable, ParquetTable
from distilgen.errors import DatasetError
from distilgen.rows import FORMATS, openai_tools

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract

_CALL = {"topic": "tea"}, {"subject": "green tea"}


@pytest.mark.parametrize("format_name", [*FORMATS, "csv", "parquet"])
def test_every_format(tmp_path: Path, contract: Contract, format_name: str) -> None:
    path = tmp_path / f"train.{format_name}"
    with path.open("wb") as file:
        if format_name in FORMATS:
            file.write(json.dumps(FORMATS[format_name](contract, *_CALL)).encode())
        else:
            table = (CsvTable if format_name == "csv" else ParquetTable)(contract, file)
            table.write(*_CALL)
            table.close()
    ((number, row),) = rows(path, format_name, contract)
    assert number == 1
    assert result_of(format_name, contract, row) == _CALL[1]
    if format_name in ("raw", "csv", "parquet"):
        assert as_trained(format_name, contract, row) == openai_tools(contract, *_CALL)
    else:
        assert as_trained(format_name, contract, row) is row


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"messages": [}\n', "train.jsonl:1: is no JSON"),
        (b"[1]\n", "train.jsonl:1: is no JSON object"),
        (b"{}\n\xff\n", "train.jsonl:2: is no JSON"),
        (b"[" * 100_000 + b"\n", "train.jsonl:1: is no JSON"),
    ],
)
def test_a_line_that_is_no_row(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(text)
    with pytest.raises(DatasetError, match=reason) as caught:
        list(rows(path, "openai-tools", None))
    assert "distilgen dataset validate" in str(caught.value)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        list(rows(tmp_path / "train.jsonl", "openai-tools", None))


def test_a_byte_order_mark_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n{"a": 2}\r\n')
    assert list(rows(path, "openai-tools", None)) == [(1, {"a": 1}), (3, {"a": 2})]
