"""The command line on datasets of the project, on files of others, on standard input."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import canonical_json
from distilgen.dataset import manifest
from distilgen.dataset.manifest import Manifest, Part
from distilgen.dataset.validation.profiles import PROFILES
from distilgen.dataset.validation.rules import RULES
from distilgen.project import Project
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract
    from tests.cli.conftest import Cli

    Built = Callable[..., Path]

FOLDER = ".distilgen/datasets/shop.mail.reply"
ANSWER = {"to": "Ann", "urgent": True}


def _contract(folder: Path) -> Contract:
    def told(error: Exception) -> None:
        raise error

    with Project.at(folder, told) as project:
        return next(iter(project.frozen()))


@pytest.fixture
def built(distilgen: Cli) -> Built:
    """Writes a dataset of `shop.mail:reply` as a build does; gives its folder."""

    def write(format_name: str = "openai-tools", **rows: int) -> Path:
        if not (distilgen.folder / "src/shop/_mail_distil.py").exists():
            distilgen("instrument", "src")
        contract = _contract(distilgen.folder)
        folder: Path = distilgen.folder / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for split, count in (rows or {"train": 10, "validation": 2}).items():
            made = (
                FORMATS[format_name](contract, {"text": f"{split} {number}"}, ANSWER)
                for number in range(count)
            )
            content = b"".join(canonical_json(row).encode() + b"\n" for row in made)
            path = folder / f"{split}.jsonl"
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            files[split] = Part(path.name, count, len(content), digest)
        said = Manifest(contract.function, contract.fingerprint, format_name, files=files)
        manifest.write(folder, said)
        return folder

    return write


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_built_is_right(distilgen: Cli, built: Built, format_name: str) -> None:
    built(format_name)
    ran = distilgen("dataset", "validate")
    assert (ran.code, ran.out) == (0, "")
    assert "2 files, 12 rows: 0 errors, 0 warnings" in ran.err


@pytest.mark.parametrize("profile", PROFILES)
def test_hosts_take_what_was_built(distilgen: Cli, built: Built, profile: str) -> None:
    built()
    ran = distilgen("dataset", "validate", "reply", "--profile", profile)
    errors = {"azure": 2}.get(profile, 0)
    assert f": {errors} error" in ran.err
    assert ran.code == (1 if errors else 0)


def test_a_row_that_is_wrong_is_named(distilgen: Cli, built: Built) -> None:
    folder = built()
    lines = distilgen.read(f"{FOLDER}/train.jsonl").splitlines(keepends=True)
    lines[3] = lines[3].replace('\\"urgent\\":true', '\\"urgent\\":1')
    distilgen.write({f"{FOLDER}/train.jsonl": "".join(lines)})
    ran = distilgen("dataset", "validate", str(folder))
    assert ran.code == 1
    path = "$.messages[2].tool_calls[0].function.arguments"
    path += " → $.urgent"
    assert (
        f"{FOLDER}/train.jsonl:4: {path}: is no boolean (answer-misfit); "
        "mend: mend the answer, or leave the row out\n"
    ) in ran.out
    assert "(manifest-differs); mend: run `distilgen dataset build`" in ran.out
    ran = distilgen("dataset", "validate", "--format", "github")
    assert f"::error file={FOLDER}/train.jsonl,line=4,title=distilgen%3A answer-misfit::" in ran.out
    ran = distilgen("dataset", "validate", "--format", "json")
    said = json.loads(ran.out)
    assert said["counts"]["answer-misfit"] == 1
    finding = next(item for item in said["findings"] if item["rule"] == "answer-misfit")
    assert (finding["line"], finding["json_path"], finding["level"]) == (4, path, "error")
    assert [item["rows"] for item in said["files"]] == [10, 2]


def test_what_is_held_out_is_not_trained_on(distilgen: Cli, built: Built) -> None:
    folder = built()
    first = distilgen.read(f"{FOLDER}/train.jsonl").splitlines(keepends=True)[0]
    with (folder / "validation.jsonl").open("a", encoding="utf-8") as file:
        file.write(first)
    ran = distilgen("dataset", "validate")
    assert ran.code == 1
    assert f"validation.jsonl:3: is line 1 of {FOLDER}/train.jsonl (leaked-row)" in ran.out


def test_an_older_contract_and_a_file_that_is_gone(distilgen: Cli, built: Built) -> None:
    folder = built()
    (folder / "validation.jsonl").unlink()
    said = (folder / "manifest.json").read_text("utf-8")
    (folder / "manifest.json").write_text(re.sub('"contract": "[^"]*"', '"contract": "0"', said))
    ran = distilgen("dataset", "validate")
    assert ran.code == 1
    assert "shop.mail:reply: the dataset is of contract 0 (contract-outdated); mend: " in ran.out
    assert "validation.jsonl is not there (file-missing)" in ran.out
    distilgen.write({f"{FOLDER}/manifest.json": said.replace("openai-tools", "stone tablets")})
    ran = distilgen("dataset", "validate")
    assert ran.code == 123
    assert "it says format 'stone tablets', which there is not; run " in ran.err
    distilgen.write({f"{FOLDER}/manifest.json": "{"})
    assert distilgen("dataset", "validate").code == 123


def test_fix_for_azure_and_the_manifest(distilgen: Cli, built: Built) -> None:
    folder = built()
    assert distilgen("dataset", "validate", "--profile", "azure").code == 1
    ran = distilgen("dataset", "validate", "--profile", "azure", "--fix")
    assert ran.code == 0
    assert f"{FOLDER}/train.jsonl: mended: 1 bom-missing" in ran.err
    content = (folder / "train.jsonl").read_bytes()
    part = manifest.read(folder).files["train"]
    assert content.startswith(b"\xef\xbb\xbf")
    assert (part.rows, part.bytes) == (10, len(content))
    assert part.sha256 == hashlib.sha256(content).hexdigest()
    before = distilgen.snapshot()
    ran = distilgen("dataset", "validate", "--profile", "azure", "--fix")
    assert (ran.code, distilgen.snapshot()) == (0, before)
    assert "mended" not in ran.err


def test_fix_vouches_for_no_file_that_others_changed(distilgen: Cli, built: Built) -> None:
    folder = built()
    with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    before = (folder / "manifest.json").read_bytes()
    ran = distilgen("dataset", "validate", "--fix")
    assert "mended: 1 blank-line" in ran.err
    assert (folder / "manifest.json").read_bytes() == before
    assert ran.code == 0  # it is again what was built


CHAT = {"messages": [
    {"role": "system", "content": "s"}, {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
]}  # fmt: skip


def rows_of(*rows: Any) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_a_file_of_others(distilgen: Cli) -> None:
    many = [
        {"messages": [*CHAT["messages"][:1], {"role": "user", "content": str(n)},
                      {"role": "assistant", "content": "b", "weight": n == 1}]}
        for n in range(12)
    ]  # fmt: skip
    distilgen.write({"theirs.jsonl": rows_of(*many)})
    ran = distilgen("dataset", "validate", "theirs.jsonl", "--max-findings", "2")
    assert ran.code == 1
    path = "$.messages[2].weight"
    said = f"theirs.jsonl:1: {path}: is false, and must be 0 or 1 (weight-value); mend: say --fix"
    assert f"{said}, or write 0 or 1\n" in ran.out
    assert "theirs.jsonl: 10 more of weight-value, 12 in all" in ran.out
    ran = distilgen("dataset", "validate", "theirs.jsonl", "--fix")
    assert "theirs.jsonl: mended: 12 weight-value" in ran.err
    assert ran.code == 1  # rows of weight 0 teach nothing
    assert "(nothing-trained)" in ran.out


def test_what_is_alike_once_mended_goes_too(distilgen: Cli) -> None:
    once = {"messages": [*CHAT["messages"][:2], {"role": "assistant", "content": "b", "weight": 1}]}
    twice = {"messages": [*CHAT["messages"][:2],
                          {"role": "assistant", "content": "b", "weight": True}]}  # fmt: skip
    text = canonical_json(once)
    distilgen.write({"theirs.jsonl": f"{text}\n{canonical_json(twice)}\n"})
    distilgen("dataset", "validate", "theirs.jsonl", "--fix")
    assert distilgen.read("theirs.jsonl") == f"{text}\n"


def test_a_file_against_a_contract(distilgen: Cli, built: Built) -> None:
    built()
    row = json.loads(distilgen.read(f"{FOLDER}/train.jsonl").splitlines()[0])
    row["messages"][2] = {"role": "assistant", "content": '{"to":"Ann"}'}
    distilgen.write({"theirs.jsonl": rows_of(row)})
    ran = distilgen("dataset", "validate", "theirs.jsonl", "--function", "reply")
    assert "$.messages[2].content → $.urgent: is not there (answer-misfit)" in ran.out
    ran = distilgen("dataset", "validate", "theirs.jsonl", "--function", "nobody")
    assert ran.code == 2


def test_a_file_of_a_dataset_is_looked_at_as_such(distilgen: Cli, built: Built) -> None:
    folder = built(train=10, test=1)
    assert distilgen("dataset", "validate", str(folder / "test.jsonl")).code == 0
    distilgen.write({f"{FOLDER}/test.jsonl": "{}\n"})
    ran = distilgen("dataset", "validate", str(folder / "test.jsonl"))
    assert "(manifest-differs)" in ran.out
    assert "1 file, 1 row:" in ran.err


def test_a_folder_of_files(distilgen: Cli, built: Built) -> None:
    built()
    other = {"messages": [*CHAT["messages"][:2], {"role": "assistant", "content": "c"}]}
    distilgen.write({"loose/a.jsonl": rows_of(CHAT), "loose/b.jsonl": rows_of(CHAT, other)})
    ran = distilgen("dataset", "validate", "loose", "reply")
    assert "loose/b.jsonl:1: warning: is line 1 of loose/a.jsonl (row-in-two-files)" in ran.out
    assert "b.jsonl:2: warning: asks what line 1 asks, and is answered otherwise (answ" in ran.out
    assert "b.jsonl:2: warning: asks what line 1 of loose/a.jsonl asks (question-in" in ran.out
    assert "4 files, 15 rows:" in ran.err
    twice = distilgen("dataset", "validate", "loose/a.jsonl", "./loose/a.jsonl")
    assert "1 file, 1 row:" in twice.err


def test_a_folder_of_datasets(distilgen: Cli, built: Built) -> None:
    folder = built()
    assert "2 files, 12 rows:" in distilgen("dataset", "validate", str(folder.parent)).err


def test_rows_that_no_live_call_sends(distilgen: Cli, built: Built) -> None:
    folder = built()
    lines = distilgen.read(f"{FOLDER}/train.jsonl").splitlines(keepends=True)
    lines[2] = lines[2].replace('{\\"text\\":', '{\\"letter\\":')
    lines[5] = lines[5].replace('"parallel_tool_calls":false', '"parallel_tool_calls":true')
    distilgen.write({f"{FOLDER}/train.jsonl": "".join(lines)})
    ran = distilgen("dataset", "validate", str(folder))
    place = f"{FOLDER}/train.jsonl:3: $.messages[1].content: "
    assert f'{place}the function has no parameter "letter" (arguments-differ); mend: ' in ran.out
    assert f'{place}the argument "text" is not there (arguments-differ)' in ran.out
    assert "train.jsonl:6: $.parallel_tool_calls: is true, and live calls say false" in ran.out
    ran = distilgen("dataset", "validate", str(folder), "--fix")
    assert "mended: 1 parallel-tool-calls-differ" in ran.err


def test_standard_input(distilgen: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.TextIOWrapper(io.BytesIO(rows_of(CHAT, CHAT).encode()))
    monkeypatch.setattr(sys, "stdin", piped)
    ran = distilgen("dataset", "validate", "-")
    assert ran.code == 1
    assert "-:2: warning: says what line 1 says (duplicate-row)" in ran.out
    assert "-: has 2 rows, and the least is 10 (too-few-rows)" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.jsonl"], 2, "gone.jsonl: there is no such file"),
        (["nobody"], 2, "nobody: is neither a function with a contract nor a folder"),
        ([], 2, "has no dataset; run `distilgen dataset build`"),
        (["src"], 2, "there is no dataset; run `distilgen dataset build`"),
        (["-", "--fix"], 2, "--fix writes to files"),
        (["rows.csv"], 2, "rows.csv: say --function"),
        (["--profile", "nobody"], 2, "'nobody' is not one of"),
        (["--function", "reply", "reply"], 2, "--function says whose rows a FILE holds"),
    ],
)
def test_what_cannot_be_done(distilgen: Cli, arguments: list[str], code: int, said: str) -> None:
    distilgen("instrument", "src")
    distilgen.write({"rows.csv": "a,b\n"})
    ran = distilgen("dataset", "validate", *arguments)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_the_rules_are_listed_and_documented(distilgen: Cli) -> None:
    ran = distilgen("dataset", "validate", "--rules")
    assert ran.code == 0
    listed = [line.split()[0] for line in ran.out.splitlines()[2:] if line.strip()]
    assert listed == list(RULES)
    page = (Path(__file__).parents[2] / "docs/validation.md").read_text("utf-8")
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (error|warning) \| (yes|) *\| ([^|]+) \|", page, re.MULTILINE
    )
    assert rows == [
        (name, rule.level, "yes" if rule.fixed else "", rule.what) for name, rule in RULES.items()
    ]
    hosts = re.findall(r"^\| `([a-z]+)` \| [^e]", page, re.MULTILINE)
    assert set(hosts) >= set(PROFILES)
