"""`distilgen dataset stats`, on datasets that are written by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Cli

FUNCTION = "shop.mail:reply"
ANN, BOB = {"to": "Ann", "urgent": True}, {"to": "Bob", "urgent": False}


def test_for_reading(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=[ANN, ANN, BOB, BOB] * 4, test=[ANN, {"to": "Cy", "urgent": True}])
    ran = distilgen("dataset", "stats")
    assert ran.code == 0
    assert ran.out.startswith(f"{FUNCTION}: openai-tools\n\nsplit ")
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["train", "16"] in [line[:2] for line in lines]
    assert ["test", "2"] in [line[:2] for line in lines]
    # 18 times there, never null, 3 values, of 2 to 3 characters
    to = next(line for line in lines if line[:1] == ["to"])
    assert to == ["to", "string", "18", "0.0%", "3", "2", "3", "3", '"Ann"', "50%,", '"Bob"', "44%"]
    assert ["to", '"Ann"', "8", "1"] in lines
    assert ['"Cy"', "0", "1"] in lines
    assert ["urgent", "true", "8", "2"] in lines
    assert 'never in train: to is "Cy" in test\n' in ran.out
    assert "left out: 2 of a call without a result\n" in ran.out
    assert "conflicts: 1 call with more than one answer; policy: majority\n" in ran.out
    assert "filters: since 2026-01-01\n" in ran.out
    assert ran.err.startswith("note: tokens are estimated, within about 15 %")


def test_for_programs(distilgen: Cli, built: Callable[..., Path]) -> None:
    folder = built(train=[ANN, BOB, BOB, {"to": None, "urgent": True}])
    ran = distilgen("dataset", "stats", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    (said,) = json.loads(ran.out)["datasets"]
    train = said["splits"]["train"]
    assert (train["rows"], train["bytes"]) == (4, (folder / "train.jsonl").stat().st_size)
    assert train["messages"]["median"] == 3
    assert train["tokens"]["least"] <= train["tokens"]["median"] <= train["tokens"]["most"]
    to = said["fields"]["to"]
    assert (to["types"], to["null"], to["distinct"]) == ({"string": 3, "null": 1}, 1, 2)
    assert to["top"][0] == {"value": '"Bob"', "share": 0.5}
    assert said["fields"]["urgent"]["by_split"] == {"false": {"train": 2}, "true": {"train": 2}}
    assert (to["closed"], to["by_split"]) == (False, None)
    assert said["left_out"] == {"of a call without a result": 2}


@pytest.mark.parametrize("format_name", ["raw", "sharegpt", "csv"])
def test_other_formats(distilgen: Cli, built: Callable[..., Path], format_name: str) -> None:
    built(train=[ANN, BOB], format_name=format_name)
    ran = distilgen("dataset", "stats", "reply", "--format", "json")
    (said,) = json.loads(ran.out)["datasets"]
    assert {name: field["seen"] for name, field in said["fields"].items()} == {"to": 2, "urgent": 2}


def test_a_field_alone(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=[ANN, BOB])
    ran = distilgen("dataset", "stats", "--field", "to")
    assert "urgent" not in ran.out
    assert "split" not in ran.out
    absent = distilgen("dataset", "stats", "--field", "t")
    assert (absent.code, absent.out) == (2, "")
    assert "--field t: no answer has it; there are to, urgent" in absent.err


def test_a_contract_that_has_changed(distilgen: Cli, built: Callable[..., Path]) -> None:
    manifest = built(train=[ANN, BOB]) / "manifest.json"
    said = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps({**said, "contract": "another"}), "utf-8")
    ran = distilgen("dataset", "stats")
    assert ran.code == 0
    assert "fields: not known: the rows are of a contract that the project has no more" in ran.out


def test_a_text_that_would_steer_a_terminal(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=[{"to": "\x1b[31m", "urgent": True}] * 2)
    assert "\x1b" not in distilgen("dataset", "stats").out


def test_a_row_that_is_none(distilgen: Cli, built: Callable[..., Path]) -> None:
    folder = built(train=[ANN])
    (folder / "train.jsonl").write_text('{"messages": []}\n', "utf-8")
    ran = distilgen("dataset", "stats")
    assert (ran.code, ran.out) == (123, "")
    assert "train.jsonl:1: " in ran.err
    assert "distilgen dataset validate" in ran.err


def test_no_dataset(distilgen: Cli) -> None:
    distilgen("instrument", "--all")
    distilgen.write({"loose/a.jsonl": "{}\n"})
    for names in ([], ["reply"], ["src"], ["loose"]):
        ran = distilgen("dataset", "stats", *names)
        assert (ran.code, ran.out) == (2, "")
        assert "run `distilgen dataset build`" in ran.err
    assert "it has a.jsonl, and no manifest.json; `distilgen dataset validate` looks" in ran.err


def test_a_folder_of_datasets(distilgen: Cli, built: Callable[..., Path]) -> None:
    folder = built(train=[ANN])
    ran = distilgen("dataset", "stats", str(folder.parent))
    assert (ran.code, ran.out.count(FUNCTION)) == (0, 1)


@pytest.fixture(autouse=True)
def _no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "none"))


@pytest.fixture
def built(distilgen: Cli) -> Callable[..., Path]:
    """Writes a dataset of `shop.mail:reply` with these results in each split."""
    from distilgen.dataset import manifest
    from distilgen.dataset.tables import CsvTable
    from distilgen.rows import FORMATS

    distilgen("instrument", "--all")
    with Project.at(distilgen.folder, _refuse) as project:
        (contract,) = project.frozen()

    def write(format_name: str = "openai-tools", **results: list[Any]) -> Path:
        folder = distilgen.folder / ".distilgen/datasets/shop.mail.reply"
        folder.mkdir(parents=True)
        files = {}
        for split, every in results.items():
            path = folder / f"{split}.{'csv' if format_name == 'csv' else 'jsonl'}"
            if format_name == "csv":
                with path.open("wb") as file:
                    table = CsvTable(contract, file)
                    for result in every:
                        table.write({"text": "Hi!"}, result)
                    table.close()
            else:
                rows = [FORMATS[format_name](contract, {"text": "Hi!"}, one) for one in every]
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            files[split] = manifest.Part(path.name, len(every), path.stat().st_size, "0" * 64)
        made = manifest.Manifest(
            FUNCTION,
            contract.fingerprint,
            format_name,
            files=files,
            left_out={"of a call without a result": 2},
            conflicts={"policy": "majority", "calls": 1},
            filters={"since": "2026-01-01"},
        )
        manifest.write(folder, made)
        return folder

    return write


def _refuse(error: Exception) -> None:
    raise error
