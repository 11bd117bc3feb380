"""`distilgen dataset export`, from records to files for others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from distilgen.dataset.writers import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Cli

    Records = Callable[[Mapping[str, str]], None]

FOLDER = ".distilgen/datasets/shop.mail.reply"


@pytest.fixture
def built(distilgen: Cli, records: Records) -> Cli:
    """A project with a dataset of three rows."""
    assert distilgen("instrument", "--all").code == 0
    records({word: f'{{"to":"{word}","urgent":false}}' for word in ("Ann", "Bob", "Cy")})
    assert distilgen("dataset", "build", "--no-holdout").code == 0
    return distilgen


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(built: Cli, name: str) -> None:
    ran = built("dataset", "export", "reply", "--format", name, "--output", "out")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("shop.mail:reply: train 3 in ")
    again = built("dataset", "export", "out/shop.mail.reply", "--format", "openai-tools",
                  "--output", "back")  # fmt: skip
    assert again.code == 0
    assert built.read("back/shop.mail.reply/train.jsonl") == built.read(f"{FOLDER}/train.jsonl")


def test_one_split_in_a_file(built: Cli) -> None:
    ran = built("dataset", "export", "--format", "raw", "--split", "train", "--output", "x.jsonl")
    assert (ran.code, ran.out) == (0, "")
    rows = [json.loads(line) for line in built.read("x.jsonl").splitlines()]
    assert sorted(row["arguments"]["text"] for row in rows) == ["Ann", "Bob", "Cy"]
    export = ("dataset", "export", "--format", "csv", "--split", "train", "--output", "x.jsonl")
    ran = built(*export)
    assert (ran.code, "x.jsonl: is there already; say --force" in ran.err) == (2, True)
    assert built(*export, "--force").code == 0
    assert built.read("x.jsonl").startswith("arguments.text,result.to,result.urgent,")


def test_standard_output(built: Cli) -> None:
    ran = built("dataset", "export", "--format", "lamini", "--split", "train", "--output", "-")
    assert (ran.code, ran.err) == (0, "")
    assert [list(json.loads(line)) for line in ran.out.splitlines()] == [["input", "output"]] * 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--output", "-"), "standard output takes one split: name it by --split"),
        (("--output", "x", "--split", "test"), "has no test rows; it has: train"),
        (("--output", "src", "--split", "train"), "src: is a folder; with --split, --output is a"),
        (("--output", "no/x", "--split", "train"), "no/x: there is no folder no"),
        (("--output", f"{FOLDER}/x", "--split", "train"), "is in the dataset itself"),
        (("--output", ".distilgen/datasets", "--force"), "is the dataset itself"),
        (("--output", "pyproject.toml"), "pyproject.toml: is no folder; with --split, a file is"),
        (("--output", "x", "gone"), "gone: is neither a function with a contract nor a folder"),
        (
            ("--output", "x", "--split", "train", "reply", "out/shop.mail.reply"),
            "--split writes one file: name one function",
        ),
    ],
)
def test_what_cannot_be_done(built: Cli, arguments: tuple[str, ...], reason: str) -> None:
    built("dataset", "export", "--format", "raw", "--output", "out")
    before = built.snapshot()
    ran = built("dataset", "export", "--format", "csv", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert reason in ran.err
    assert built.snapshot() == before


def test_parquet_is_no_text(built: Cli) -> None:
    ran = built("dataset", "export", "--format", "parquet", "--split", "train", "--output", "-")
    assert (ran.code, ran.out) == (2, "")
    assert "a Parquet file cannot go to standard output: name an --output" in ran.err


def test_rows_of_a_contract_that_is_gone(built: Cli) -> None:
    source = built.read("src/shop/mail.py")
    built.write({"src/shop/mail.py": source.replace("Answer a letter.", "Answer letters.")})
    assert built("instrument", "--all").code == 0
    ran = built("dataset", "export", "--format", "csv", "--output", "out")
    assert (ran.code, "a contract that the project has no more" in ran.err) == (2, True)


def test_a_file_that_was_spoiled(built: Cli) -> None:
    lines = built.read(f"{FOLDER}/train.jsonl").splitlines(keepends=True)
    built.write({f"{FOLDER}/train.jsonl": lines[0] + lines[1].replace('\\"text\\"', '\\"t\\"')})
    ran = built("dataset", "export", "--format", "csv", "--output", "out")
    assert (ran.code, ran.out) == (123, "")
    assert "train.jsonl:2: cannot be exported: " in ran.err
    assert not (built.folder / "out").exists()
