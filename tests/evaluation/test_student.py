"""A dataset of any format is asked as a live call would be."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract, canonical_json
from distilgen.dataset.tables import CsvTable, ParquetTable
from distilgen.embedded import file
from distilgen.errors import DatasetError, StudentError
from distilgen.evaluation.student import (
    Row,
    asked_by_arguments,
    asked_by_messages,
    embedded,
    measure,
)
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from distilgen.embedded.model import Model

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
    path = written(tmp_path, contract, name)
    found = list(asked_by_messages(contract, path, name))
    assert found == [Row(contract.messages(given), answer) for given, answer in CALLS]
    assert list(asked_by_arguments(contract, path, name)) == [Row(*call) for call in CALLS]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_row(name: str, contract: Contract, tmp_path: Path) -> None:
    path = written(tmp_path, contract, name)
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(DatasetError, match=rf"test\.jsonl:3: is no row of the format {name}: it"):
        list(asked_by_messages(contract, path, name))


def test_a_student_is_measured_on_them(contract: Contract, tmp_path: Path) -> None:
    def ask(messages: list[dict[str, Any]]) -> object:
        if "é" not in messages[1]["content"]:
            raise ValueError("no idea")
        return {"subject": "é"}

    told: list[str] = []
    rows = asked_by_messages(contract, written(tmp_path, contract, "csv"), "csv")
    found = measure(rows, ask, told.append)
    assert (found.calls, found.share, told) == (2, 0.5, ["no idea"])


def test_what_an_embedded_student_abstains_from_is_no_answer(
    contract: Contract, tmp_path: Path, numbers: Callable[[Contract], Model]
) -> None:
    path = tmp_path / "a.student"
    path.write_bytes(file.dump(numbers(contract)))
    calls = [({"text": "12 a"}, "12"), ({"text": "a 7"}, "8"), ({"text": "a"}, "a")]
    rows = (Row(given, {"to": to, "urgent": False}) for given, to in calls)
    told: list[str] = []
    found = measure(rows, embedded(contract, path), told.append)
    assert (found.calls, found.abstained, found.equal, found.failed) == (2, 1, 1, 0)
    assert found.coverage == 2 / 3
    assert told == []
    with pytest.raises(StudentError, match="was trained for another contract"):
        embedded(replace(contract, fingerprint="0" * 32), path)


def test_no_more_rows_are_read_than_wait_for_an_answer(contract: Contract, tmp_path: Path) -> None:
    path = written(tmp_path, contract, "raw")
    path.write_bytes(path.read_bytes() * 50)
    read = 0
    ahead: list[int] = []

    def counted() -> Iterator[Row]:
        nonlocal read
        for row in asked_by_arguments(contract, path, "raw"):
            read += 1
            yield row

    def ask(_: Mapping[str, Any]) -> object:
        time.sleep(0.001)
        ahead.append(read - len(ahead))
        return {}

    assert measure(counted(), ask, print, concurrency=1).calls == 100
    assert max(ahead) <= 3
