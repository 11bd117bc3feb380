"""A dataset of any format is asked as a live call would be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract, canonical_json
from distilgen.dataset.tables import CsvTable, ParquetTable
from distilgen.errors import DatasetError
from distilgen.evaluation import student
from distilgen.evaluation.student import Row, measure, rows
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS = [({"topic": "é"}, {"subject": "é"}), ({"topic": "a\n"}, {"subject": None})]


def written(folder: Path, contract: Contract, name: str) -> Path:
    path = folder / ("test." + (name if name in ("csv", "parquet") else "jsonl"))
    with path.open("wb") as file:
        if name in FORMATS:
            for call in CALLS:
                file.write(canonical_json(FORMATS[name](contract, *call)).encode() + b"\n")
            return path
        table = (CsvTable if name == "csv" else ParquetTable)(contract, file)
        for call in CALLS:
            table.write(*call)
        table.close()
    return path


@pytest.mark.parametrize("name", [*FORMATS, "csv", "parquet"])
def test_rows_of_every_format(name: str, contract: Contract, tmp_path: Path) -> None:
    found = list(rows(contract, written(tmp_path, contract, name), name))
    assert found == [Row(contract.messages(given), answer) for given, answer in CALLS]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_row(name: str, contract: Contract, tmp_path: Path) -> None:
    path = written(tmp_path, contract, name)
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(DatasetError, match=rf"test\.jsonl:3: is no row of the format {name}: it"):
        list(rows(contract, path, name))


def test_a_student_is_measured_on_them(contract: Contract, tmp_path: Path) -> None:
    def ask(_: Contract, row: Row) -> object:
        if "é" not in row.messages[1]["content"]:
            raise ValueError("no idea")
        return {"subject": "é"}

    told: list[str] = []
    found = measure(contract, written(tmp_path, contract, "csv"), "csv", ask, told.append)
    assert (found.calls, found.share, told) == (2, 0.5, ["no idea"])


def test_no_more_rows_are_read_than_wait_for_an_answer(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, contract, "raw")
    path.write_bytes(path.read_bytes() * 50)
    read = 0
    ahead: list[int] = []

    def counted(*given: Any) -> Iterator[Row]:
        nonlocal read
        for row in rows(*given):
            read += 1
            yield row

    def ask(_: Contract, row: Row) -> object:
        time.sleep(0.001)
        ahead.append(read - len(ahead))
        return row.answer

    monkeypatch.setattr(student, "rows", counted)
    assert measure(contract, path, "raw", ask, print, concurrency=1).calls == 100
    assert max(ahead) <= 3
