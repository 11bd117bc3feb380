"""`distilgen dataset build`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Cli

    Records = Callable[[Mapping[str, str]], None]

FOLDER = ".distilgen/datasets/shop.mail.reply"
RECORDS = ".distilgen/records/records-000001.jsonl"


def _answers(count: int) -> dict[str, str]:
    return {f"call {n}": f'{{"to":"{n}","urgent":false}}' for n in range(count)}


def test_build_writes_the_splits_and_a_manifest(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(100))
    ran = distilgen("dataset", "build")
    assert ran.code == 0
    rows = {s: distilgen.read(f"{FOLDER}/{s}.jsonl").splitlines() for s in ("train", "test")}
    manifest = json.loads(distilgen.read(f"{FOLDER}/manifest.json"))
    assert manifest["files"]["train"]["rows"] == len(rows["train"])
    assert sum(file["rows"] for file in manifest["files"].values()) == 100
    assert not set(rows["train"]) & set(rows["test"])
    assert set(json.loads(rows["train"][0])) == {"messages", "tools", "parallel_tool_calls"}
    first = {name: distilgen.read(f"{FOLDER}/{name}.jsonl") for name in ("train", "test")}
    distilgen("dataset", "build", "reply")
    assert first == {name: distilgen.read(f"{FOLDER}/{name}.jsonl") for name in ("train", "test")}


def test_no_holdout_trains_on_everything(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(30))
    ran = distilgen("dataset", "build", "--no-holdout", "--output", "out", "--format",
                    "openai-functions")  # fmt: skip
    assert "train 30 in out/shop.mail.reply/" in ran.out
    row = json.loads(distilgen.read("out/shop.mail.reply/train.jsonl").splitlines()[0])
    assert set(row) == {"messages", "functions"}
    assert not (distilgen.folder / "out/shop.mail.reply/test.jsonl").exists()


def test_malformed_record_is_named_and_the_rest_built(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    lines = distilgen.read(RECORDS).splitlines(keepends=True)
    distilgen.write({RECORDS: lines[0] + "no record\n" + "".join(lines[1:])})
    ran = distilgen("dataset", "build", "--no-holdout")
    assert ran.code == 0
    assert f"1 line is no record: {RECORDS}:2: is no JSON" in ran.err
    assert "train 3" in ran.out
    distilgen.write({RECORDS: "no record\n"})
    ran = distilgen("dataset", "build")
    assert ran.code == 123
    assert "no rows: nothing to train on" in ran.err


def test_a_result_that_does_not_fit_is_left_out_and_named(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records({**_answers(2), "odd": "null", "other": '{"to":1,"urgent":true}'})
    ran = distilgen("dataset", "build", "--no-holdout")
    assert ran.code == 0
    assert "train 2" in ran.out
    reason = "whose result does not fit the contract (record 2: it is no object)"
    assert f"left out: 2 records {reason}" in ran.out


def test_torn_last_line_is_told_and_forgiven(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    distilgen.write({RECORDS: distilgen.read(RECORDS)[:-20]})
    ran = distilgen("dataset", "build", "--no-holdout")
    assert ran.code == 0
    assert f"{RECORDS}:3: the last line is torn" in ran.err
    assert "train 2" in ran.out


def test_records_of_an_older_contract_are_counted(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    text = distilgen.read("src/shop/mail.py").replace("Answer a letter", "Answer letters")
    distilgen.write({"src/shop/mail.py": text})
    distilgen("instrument", "src")
    ran = distilgen("dataset", "build")
    assert ran.code == 123
    assert "left out: 3 records of an older contract" in ran.out
    assert "no rows" in ran.err


def test_without_records_or_contracts(distilgen: Cli) -> None:
    ran = distilgen("dataset", "build")
    assert ran.code == 2
    assert "no contract is frozen; run `distilgen instrument` first" in ran.err
    distilgen("instrument", "src")
    ran = distilgen("dataset", "build")
    assert ran.code == 123
    assert "no records; run the instrumented program first" in ran.err
    ran = distilgen("dataset", "build", "replay")
    assert ran.code == 2
    assert "did you mean reply?" in ran.err


def test_records_elsewhere(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    (distilgen.folder / ".distilgen/records").rename(distilgen.folder / "kept")
    assert "train 3" in distilgen("dataset", "build", "--no-holdout", "--records", "file:kept").out
    ran = distilgen("dataset", "build", "--records", "logging:shop")
    assert ran.code == 2
    assert "--records: logging:shop is a logger: records go there and cannot be read" in ran.err


def test_shares_that_leave_nothing(distilgen: Cli) -> None:
    assert distilgen("dataset", "build", "--validation", "0.5", "--test", "0.5").code == 2
