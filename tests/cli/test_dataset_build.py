"""`distilgen dataset build`."""

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


def test_what_is_asked_for_stands_in_the_manifest(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(20))
    ran = distilgen("dataset", "build", "--where", 'matches(result.to, "^1")', "--no-holdout",
                    "--since", "2020-01-01", "--seed", "3", "--conflicts", "latest")  # fmt: skip
    assert "train 11" in ran.out
    assert "left out: 9 records not asked for" in ran.out
    manifest = json.loads(distilgen.read(f"{FOLDER}/manifest.json"))
    assert manifest["filters"] == {
        "since": "2020-01-01T00:00:00+00:00",
        "where": 'matches(result.to, "^1")',
    }
    assert manifest["seed"] == 3
    assert manifest["holdout"] == {"validation": 0.0, "test": 0.0}
    assert manifest["conflicts"] == {"policy": "latest", "calls": 0}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--where", "result.too == 1"), "no contract has result.too; did you mean result.to?"),
        (("--where", "arguments.x == 1"), "no contract has arguments.x; known: text"),
        (("--where", "to == 1"), "'to' is nothing that a record has"),
        (("--where", "result.to =="), "invalid syntax; write it as in Python"),
        (("--group-by", "arguments.txt"), "did you mean arguments.text?"),
        (("--balance", "source"), "--balance: by a field of the arguments or the result"),
        (("--balance", "result.urgnt"), "did you mean result.urgent?"),
        (("--each", "3"), "Say --balance, too"),
        (("--near-duplicates", "0"), "0<x<=1"),
        (("--format", "openai"), "Invalid value for '--format'"),
        (("--since", "soon"), "soon: is no time"),
        (("--validation", "1"), "'1' is no share from 0 to below 1, such as 0.1 or 10%"),
        (("--validation", "nan"), "'nan' is no share from 0 to below 1"),
        (("--near-duplicates", "nan"), "--near-duplicates: should be a number"),
        (("--no-holdout", "--test", "0.2"), "--no-holdout or --test, not both"),
        (("--model", "gpt-4.1"), "Say --max-tokens or --max-row-tokens, too"),
        (("--where", "matches(result.to, '[')"), "is no pattern"),
    ],
)
def test_options_that_cannot_be(
    options: tuple[str, ...], said: str, distilgen: Cli, records: Records
) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    ran = distilgen("dataset", "build", *options)
    assert ran.code == 2
    assert said in ran.err
    assert not (distilgen.folder / FOLDER).exists()


def test_an_older_contract_can_be_accepted(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    old = json.loads(distilgen.read(RECORDS).splitlines()[0])["contract"]
    text = distilgen.read("src/shop/mail.py").replace("Answer a letter", "Answer letters")
    distilgen.write({"src/shop/mail.py": text})
    distilgen("instrument", "src")
    ran = distilgen("dataset", "build", "--no-holdout")
    assert ran.code == 123
    assert f"3 records of an older contract ({old[:12]}: 3)" in ran.out
    assert f"--accept-contract {old[:12]}" in ran.err
    ran = distilgen("dataset", "build", "--no-holdout", "--accept-contract", old[:12].upper())
    assert ran.code == 0
    assert "train 3" in ran.out
    ran = distilgen("dataset", "build", "--accept-contract", "ffff")
    assert ran.code == 123


def test_conflicts_are_told(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    lines = distilgen.read(RECORDS).splitlines(keepends=True)
    other = (
        lines[0]
        .replace('"urgent": false', '"urgent": true')
        .replace('"urgent":false', '"urgent":true')
    )
    assert other != lines[0]
    distilgen.write({RECORDS: "".join([*lines, other])})
    ran = distilgen("dataset", "build", "--no-holdout")
    assert "train 3" in ran.out
    assert "1 call with more than one answer: the majority's is taken" in ran.out
    ran = distilgen("dataset", "build", "--no-holdout", "--conflicts", "drop")
    assert "train 2" in ran.out
    assert "left out: 2 records of a call with several answers" in ran.out


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name: str, distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(30))
    ran = distilgen("dataset", "build", "--format", name)
    assert ran.code == 0
    manifest = json.loads(distilgen.read(f"{FOLDER}/manifest.json"))
    assert manifest["format"] == name
    assert sum(part["rows"] for part in manifest["files"].values()) == 30
    files = {part["file"] for part in manifest["files"].values()}
    on_disk = {path.name for path in (distilgen.folder / FOLDER).iterdir()}
    assert on_disk == files | {"manifest.json"}
    distilgen("dataset", "build", "--format", "raw")  # what another format has left goes
    assert not any(
        path.suffix in (".csv", ".parquet") for path in (distilgen.folder / FOLDER).iterdir()
    )


def test_a_model_that_takes_any_field_may_have_the_one_that_is_asked_for(
    distilgen: Cli, records: Records
) -> None:
    models = distilgen.read("src/shop/models.py")
    distilgen.write({
        "src/shop/models.py": models.replace(
            "(BaseModel):\n", '(BaseModel, extra="allow"):\n', 1
        )
    })  # fmt: skip
    distilgen("instrument", "src")
    records({f"{n}": f'{{"to":"{n}","urgent":false,"more":{n}}}' for n in range(5)})
    ran = distilgen("dataset", "build", "--no-holdout", "--where", "result.more > 2")
    assert ran.code == 0
    assert "train 2 in" in ran.out


@pytest.mark.parametrize("option", ["--max-tokens", "--max-row-tokens"])
def test_a_limit_that_is_estimated_is_told(option: str, distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    ran = distilgen("dataset", "build", option, "100000", "--model", "somebody/model-7b")
    assert ran.code == 0
    assert "note: tokens are estimated" in ran.err


def test_two_functions_of_one_folder(distilgen: Cli, records: Records) -> None:
    distilgen.write(
        {
            "src/shop/__init__.py": "from shop.models import Email\n\n\nclass mail:\n"
            "    @staticmethod\n    def reply(text: str) -> Email: ...\n"
        }
    )
    assert distilgen("instrument", "src").code == 0
    records(_answers(3))
    ran = distilgen("dataset", "build")
    assert ran.code == 123
    assert "would be built into one folder; name one of them" in ran.err
    assert distilgen("dataset", "build", "shop.mail:reply").code == 0


def test_rows_are_read_as_they_were_answered_when_they_were_built(
    distilgen: Cli, records: Records
) -> None:
    """How a student answers is not in the fingerprint, so a dataset remembers it."""
    distilgen("instrument", "src")
    records(_answers(30))
    path = "src/shop/_mail_distil.py"
    plain = distilgen.read(path)
    strict = plain.replace("    tool={", '    answers="strict-json-schema",\n    tool={', 1)
    assert strict != plain
    distilgen.write({path: strict})
    distilgen("dataset", "build", "--no-holdout")
    assert json.loads(distilgen.read(f"{FOLDER}/manifest.json"))["answers"] == "strict-json-schema"
    rows = distilgen.read(f"{FOLDER}/train.jsonl")
    distilgen.write({path: plain})
    assert distilgen("dataset", "validate").code == 0
    ran = distilgen("dataset", "export", "--format", "raw", "--output", "-", "--split", "train")
    assert json.loads(ran.out.splitlines()[0])["result"].keys() == {"to", "urgent"}
    distilgen("dataset", "build", "--no-holdout")
    assert distilgen.read(f"{FOLDER}/train.jsonl") != rows


def test_an_accepted_contract_that_no_record_has(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    ran = distilgen("dataset", "build", "--no-holdout", "--accept-contract", "ffff")
    assert ran.code == 123
    assert "--accept-contract ffff: no record is of such a contract; there are: none" in ran.err
    assert "train 3" in ran.out


def test_a_named_function_without_rows_is_a_failure_and_its_dataset_stays(
    distilgen: Cli, records: Records
) -> None:
    distilgen("instrument", "src")
    records(_answers(20))
    distilgen("dataset", "build")
    before = distilgen.read(f"{FOLDER}/train.jsonl")
    ran = distilgen("dataset", "build", "rep*", "--where", 'result.to == "nobody"')
    assert ran.code == 123
    assert f"reply: no rows; what is in {FOLDER}/ stays" in ran.out
    assert distilgen.read(f"{FOLDER}/train.jsonl") == before


def test_shares_in_percent_and_splits_that_stay_empty(distilgen: Cli, records: Records) -> None:
    distilgen("instrument", "src")
    records(_answers(3))
    ran = distilgen("dataset", "build", "--validation", "1%", "--test", "0")
    assert "train 3 in" in ran.out
    assert "note: validation has no rows: train 3 is too few to share" in ran.err
    assert "test has no rows" not in ran.err
    manifest = json.loads(distilgen.read(f"{FOLDER}/manifest.json"))
    assert manifest["holdout"] == {"validation": 0.01, "test": 0.0}
