"""Records become the same files every time, and what is left out is counted by its reason."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.dataset import build as building, manifest
from distilgen.dataset.build import Outcome, Recipe, build
from distilgen.dataset.drawn import Draw
from distilgen.dataset.holdout import Holdout
from distilgen.dataset.intake import Asked, Found
from distilgen.dataset.manifest import folder_name
from distilgen.dataset.plan import measure
from distilgen.dataset.tokens import counter
from distilgen.dataset.writers import FORMATS
from distilgen.errors import DatasetError, RecordError
from distilgen.records.files import FileStore
from distilgen.records.record import Record, line_of, parse
from distilgen.records.selection import Selection
from distilgen.records.sql import SqlStore
from distilgen.records.where import Path as FieldPath, Where

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.records.store import Store as RecordStore

Line = Callable[..., bytes]
Store = Callable[..., "Path"]
ALL_TRAIN = Holdout(0, 0)
OUTVOTED = "with another answer than the one that was taken"


def built(
    records: Path,
    output: Path,
    *contracts: Contract,
    asked: Asked | None = None,
    holdout: Holdout = ALL_TRAIN,
    **recipe: Any,
) -> Outcome:
    made = Recipe(holdout=holdout, **recipe)
    return build(FileStore(records), contracts, output, asked or Asked(), made)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def topics(folder: Path, split: str = "train") -> list[Any]:
    """What is asked in the rows of a split, in their order."""
    path = folder / f"{split}.jsonl"
    found = rows(path) if path.exists() else []
    return [json.loads(row["messages"][1]["content"])["topic"] for row in found]


def test_a_row_for_each_call(line: Line, store: Store, contract: Contract, tmp_path: Path) -> None:
    folder = store(*(line(topic) for topic in "abé"))
    (one,) = built(folder, tmp_path, contract).built
    assert one.folder == tmp_path / "shop.mail.compose"
    assert one.rows == {"train": 3}
    assert sorted(topics(one.folder)) == ["a", "b", "é"]
    assert "é".encode() in (one.folder / "train.jsonl").read_bytes()
    assert sorted(path.name for path in one.folder.iterdir()) == ["manifest.json", "train.jsonl"]
    assert not list(tmp_path.glob(".build-*"))


def test_what_is_left_out_is_counted(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(
        line("a"),
        line("a"),
        line("b", contract="0" * 32),
        line("c", result=None, error={"type": "E", "message": ""}),
        line({"$unserializable": "m.T"}, result={}),
        line([{"$too_large": 9}]),
        line("g", result={"subject": {"$too_large": 9}}),
        line("h", result={"subject": {"$redacted": "[email]"}}),
        line("\ud800"),
        line(float("inf")),
        line("x", arguments={"topic": "x", "more": 1}),
        line("y", arguments={}),
        line("d", function="shop.mail:gone"),
        line("e")[:30] + b"\n",
        line("f")[:30],
    )
    outcome = built(folder, tmp_path, contract)
    (one,) = outcome.built
    assert one.rows == {"train": 1}
    assert one.left_out == {
        "equal to another one": 1,
        "of an older contract": 1,
        "of a call without a result": 1,
        "with an argument that has no JSON form": 1,
        "with an argument that was too large to record": 1,
        "with a result that was too large to record": 1,
        "with a result that was redacted": 1,
        "with half of a character, which nothing can send": 1,
        "with a number that is infinite, or none": 1,
        "with an argument more that the contract has not": 1,
        "without the argument topic": 1,
    }
    assert one.conflicts == 0
    assert one.tally.older == {"0" * 32: 1}
    assert one.tally.records == 12
    assert outcome.found.unknown == {"shop.mail:gone": 1}
    assert outcome.found.malformed == 2
    assert outcome.found.first is not None
    assert not outcome.found.first.torn


def test_students_learn_from_teachers_alone(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    def told(mode: str, **more: object) -> dict[str, object]:
        return {"rollout": {"mode": mode, **more}}

    folder = store(
        line("a", **told("shadow")),
        line("a", result={"subject": "student's"}, source="m", **told("shadow", of="x")),
        line("b", result=None, error={"type": "E"}, source="m", **told("shadow", of="x")),
        line("c", **told("canary")),
        line("d", source="m", **told("canary", model="m")),
        line("e", source="m", **told("fallback", model="m")),
        line("f", **told("fallback", model="m", error={"type": "E"})),
        line("g", source="big", **told("dispatch", model="big")),
        line("h", source="imported from elsewhere"),
        line("i", source="m", contract="0" * 32, **told("canary", model="m")),
    )
    (one,) = built(folder, tmp_path, contract).built
    assert one.left_out == {"answered by the student": 4, "of an older contract": 1}
    assert sorted(topics(one.folder)) == list("acfgh")
    assert one.conflicts == 0


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kind": {"enum": ["a", "b"]}},
    "required": ["name"],
}
PEOPLE = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/P"}, {"type": "string"}]}}


@pytest.mark.parametrize(
    ("result", "wrong"),
    [
        ({"of": {"name": "A", "kind": "b"}, "all": ["x", {"name": "B"}]}, ""),
        (None, "it is no object"),
        ({"of": None}, "of is no object"),
        ({"of": {}}, "of.name is not there"),
        ({"of": {"name": "A", "kind": "c"}}, "of.kind is none of its choices"),
        ({"of": {"name": "A"}, "all": [None]}, "all[0] is no object or string"),
    ],
)
def test_a_result_that_does_not_fit_the_contract_is_left_out(
    line: Line, store: Store, contract: Contract, tmp_path: Path, result: object, wrong: str
) -> None:
    schema = {
        "type": "object",
        "properties": {"of": {"$ref": "#/$defs/P"}, "all": PEOPLE},
        "required": ["of"],
        "$defs": {"P": PERSON},
    }
    strict = replace(contract, tool={**contract.tool, "parameters": schema})
    text = json.dumps({**json.loads(line("a")), "result": result}).encode() + b"\n"
    (one,) = built(store(text), tmp_path, strict).built
    assert one.left_out == ({"whose result does not fit the contract": 1} if wrong else {})
    assert one.tally.misfit.rpartition(": ")[2] == wrong
    assert one.rows == ({} if wrong else {"train": 1})


def test_a_wrapped_result_fits_in_its_wrap(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"result": {"type": "array"}}}
    wraps = replace(contract, tool={**contract.tool, "parameters": schema}, wraps_result=True)
    folder = store(line("a", result=[]), line("b", result={}))
    (one,) = built(folder, tmp_path, wraps).built
    assert (one.rows, one.tally.misfit.rpartition(": ")[2]) == ({"train": 1}, "result is no array")


@pytest.mark.parametrize(
    ("policy", "answers", "taken", "left_out"),
    [
        ("majority", "aabbb", "b", {"equal to another one": 2, OUTVOTED: 2}),
        ("majority", "abab", "b", {"equal to another one": 1, OUTVOTED: 2}),
        ("latest", "bbba", "a", {OUTVOTED: 3}),
        ("latest", "abba", "a", {"equal to another one": 1, OUTVOTED: 2}),
        ("drop", "aab", None, {"of a call with several answers": 3}),
        ("drop", "aaa", "a", {"equal to another one": 2}),
    ],
)
def test_of_several_answers_a_policy_takes_one(
    policy: str,
    answers: str,
    taken: str | None,
    left_out: dict[str, int],
    line: Line,
    store: Store,
    contract: Contract,
    tmp_path: Path,
) -> None:
    lines = [
        line("x", result={"subject": answer}, at=f"2026-11-03T01:02:{number:02}Z", id=f"{number}")
        for number, answer in enumerate(answers)
    ]
    random.Random(3).shuffle(lines)
    (one,) = built(store(*lines, line("y")), tmp_path, contract, conflicts=policy).built
    found = {
        json.loads(row["messages"][1]["content"])["topic"]: json.loads(
            row["messages"][2]["tool_calls"][0]["function"]["arguments"]
        )["subject"]
        for row in rows(one.folder / "train.jsonl")
    }
    assert found == ({"x": taken, "y": "y"} if taken else {"y": "y"})
    assert one.left_out == left_out
    assert one.conflicts == (len(set(answers)) > 1)


def test_calls_that_differ_in_a_type_are_two(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(topic) for topic in (1, 1.0, True, "1", None)))
    (one,) = built(folder, tmp_path, contract).built
    assert one.rows == {"train": 5}
    assert one.conflicts == 0


def test_the_manifest_says_what_the_files_hold(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(number) for number in range(60)), line(0))
    (one,) = built(
        folder, tmp_path, contract, holdout=Holdout(0.2, 0.3), said={"where": "source"}
    ).built
    manifest = json.loads((one.folder / "manifest.json").read_bytes())
    files = manifest.pop("files")
    assert manifest == {
        "function": contract.function,
        "contract": contract.fingerprint,
        "format": "openai-tools",
        "answers": "tool",
        "seed": 0,
        "holdout": {"validation": 0.2, "test": 0.3},
        "filters": {"where": "source"},
        "left_out": {"equal to another one": 1},
        "conflicts": {"policy": "majority", "calls": 0},
    }
    assert list(files) == ["train", "validation", "test"]
    for split, said in files.items():
        content = (one.folder / f"{split}.jsonl").read_bytes()
        assert said == {
            "file": f"{split}.jsonl",
            "bytes": len(content),
            "rows": content.count(b"\n"),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        assert said["rows"] == one.rows[split] > 0
    assert sum(said["rows"] for said in files.values()) == 60


def test_equal_calls_are_on_one_side_whatever_else_is_there(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    def sides(*numbers: int) -> dict[str, str]:
        lines = [line(number, result={"n": answer}) for number in numbers for answer in (1, 2)]
        random.Random(len(numbers)).shuffle(lines)
        for path in (tmp_path / "records").glob("*"):
            path.unlink()
        (one,) = built(store(*lines), tmp_path, contract, holdout=Holdout(0.2, 0.2)).built
        found: dict[str, str] = {}
        for split in one.rows:
            for row in rows(one.folder / f"{split}.jsonl"):
                asked = row["messages"][1]["content"]
                assert found.setdefault(asked, split) == split
        return found

    few, many = sides(*range(40)), sides(*range(200))
    assert few.items() <= many.items()
    shares = [list(many.values()).count(split) / 200 for split in ("validation", "test")]
    assert all(0.1 < share < 0.3 for share in shares)


def test_a_second_build_writes_the_same_and_removes_what_is_no_longer(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(number) for number in range(40)))

    def contents() -> dict[str, bytes]:
        (one,) = built(folder, tmp_path, contract, holdout=Holdout(0.2, 0.2)).built
        return {path.name: path.read_bytes() for path in one.folder.iterdir()}

    first = contents()
    assert len(first) == 4
    assert contents() == first
    (one,) = built(folder, tmp_path, contract).built
    assert sorted(path.name for path in one.folder.iterdir()) == ["manifest.json", "train.jsonl"]


def test_files_of_the_user_stay(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    (one,) = built(store(line("a")), tmp_path, contract, format="csv").built
    notes = one.folder / "train.notes.md"
    notes.write_text("mine", "utf-8")
    built(store(line("b")), tmp_path, contract)
    names = sorted(path.name for path in one.folder.iterdir())
    assert names == ["manifest.json", "train.jsonl", "train.notes.md"]


def test_a_function_that_is_named_twice_is_built_once(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    (one,) = built(store(line("a")), tmp_path, contract, contract).built
    assert one.rows == {"train": 1}


def test_no_dataset_is_replaced_before_all_are_written(
    line: Line,
    store: Store,
    contract: Contract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = replace(contract, function="shop.zoo:f")
    folder = store(line("a"), line("a", function=other.function))
    (one, _) = built(folder, tmp_path, contract, other).built
    before = {path.name: path.read_bytes() for path in one.folder.iterdir()}
    write = manifest.write

    def fail(place: Path, said: Any) -> None:
        if said.function == other.function:
            raise OSError(errno.ENOSPC, "no space")
        write(place, said)

    monkeypatch.setattr(manifest, "write", fail)
    with pytest.raises(DatasetError, match="the datasets there are as they were"):
        built(store(line("b")), tmp_path, contract, other)
    assert {path.name: path.read_bytes() for path in one.folder.iterdir()} == before


def _killed(*_: Any) -> None:
    os._exit(9)


def _slow(_contracts: Any, _asked: Any, _work: Path, path: Path) -> Any:
    if not path.stem.endswith("1"):
        time.sleep(3)
        path.with_suffix(".done").touch()
    return Found(), []


def test_processes_end_at_once_when_the_work_does(
    line: Line, store: Store, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "ALONE", 0)
    monkeypatch.setattr(building, "_taken", _slow)
    folder = store(line("a"))
    store(line("b"))

    def stop(share: float) -> None:
        raise KeyboardInterrupt(share)

    with pytest.raises(KeyboardInterrupt):
        build(FileStore(folder), [contract], tmp_path, Asked(), Recipe(jobs=2), stop)
    assert not list(folder.glob("*.done"))
    assert not list(tmp_path.glob(".build-*"))


def test_a_process_that_is_killed_is_told(
    line: Line, store: Store, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "ALONE", 0)
    monkeypatch.setattr(building, "_taken", _killed)
    with pytest.raises(DatasetError, match="was killed, for memory, say; run it again with --jobs"):
        built(store(line("a")), tmp_path, contract, jobs=2)


def test_each_function_has_its_own_folder(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    other = replace(contract, function="shop.mail:Mailer.reply")
    folder = store(line("a"), line("b", function=other.function))
    outcome = built(folder, tmp_path / "out", contract, other)
    assert [one.folder.name for one in outcome.built] == [
        "shop.mail.Mailer.reply",
        "shop.mail.compose",
    ]
    assert [one.rows["train"] for one in outcome.built] == [1, 1]
    assert folder_name(other) == "shop.mail.Mailer.reply"


def test_where_no_row_comes_of_the_records_the_dataset_stays(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    (one,) = built(store(line(contract="old")), tmp_path, contract).built
    assert not one.rows
    assert not one.folder.exists()
    (one,) = built(store(line("a")), tmp_path, contract).built
    before = {path.name: path.read_bytes() for path in one.folder.iterdir()}
    nobody = Asked(Selection(source="nobody"))
    (one,) = built(tmp_path / "records", tmp_path, contract, asked=nobody).built
    assert not one.rows
    assert {path.name: path.read_bytes() for path in one.folder.iterdir()} == before


def test_equal_json_is_one_answer_and_one_call(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(
        line("a", result={"m": {"x": 1, "y": 2}}),
        line("a", result={"m": {"y": 2.0, "x": 1}}),
        line({"x": [1], "y": 2}),
        line({"y": 2, "x": [1]}, result={"subject": {"x": [1], "y": 2}}),
    )
    (one,) = built(folder, tmp_path, contract).built
    assert one.rows == {"train": 2}
    assert one.conflicts == 0


def test_conflicts_are_listed(line: Line, store: Store, contract: Contract, tmp_path: Path) -> None:
    folder = store(
        line("a", id="1", result={"subject": "x"}),
        line("a", id="2", result={"subject": "y"}),
        line("a", id="3", result={"subject": "y"}),
        line("b", id="4"),
    )
    for policy, taken in (("majority", 1), ("drop", None)):
        (one,) = built(folder, tmp_path, contract, conflicts=policy).built
        (said,) = rows(one.folder / "conflicts.jsonl")
        assert said == {
            "arguments": {"topic": "a"},
            "answers": [
                {"result": {"subject": "x"}, "records": 1, "last": "1"},
                {"result": {"subject": "y"}, "records": 2, "last": "3"},
            ],
            "taken": taken,
        }
    (tmp_path / "records/records-000001.jsonl").write_bytes(line("b"))
    (one,) = built(folder, tmp_path, contract).built
    assert not (one.folder / "conflicts.jsonl").exists()


def test_a_balance_stays_one_within_its_tokens(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    kinds = ["a"] * 100 + ["b"] * 40
    folder = store(*(line(n, result={"kind": kind}) for n, kind in enumerate(kinds)))
    draw = Draw(balance=FieldPath("result.kind", "--balance"), each=30, train_tokens=900)
    (one,) = built(folder, tmp_path, contract, draw=draw).built
    found = topics(one.folder)
    assert 0 < sum(n < 100 for n in found) == sum(n >= 100 for n in found) < 30
    assert one.left_out["beyond the tokens that train may have"] > 0


def test_a_format_of_the_callers_choice(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    (one,) = built(store(line()), tmp_path, contract, format="openai-functions").built
    assert "functions" in rows(one.folder / "train.jsonl")[0]


def test_an_empty_store_is_an_error_that_says_what_to_do(
    contract: Contract, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(RecordError, match="no records; run the instrumented program first"):
        built(tmp_path / "none", tmp_path, contract)
    with pytest.raises(RecordError, match="no records"):
        built(store(b"\n"), tmp_path, contract)


def test_a_store_of_broken_lines_is_told_from_an_empty_one(
    contract: Contract, store: Store, tmp_path: Path
) -> None:
    outcome = built(store(b"?\n"), tmp_path, contract)
    assert outcome.built == []
    assert outcome.found.malformed == 1


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_of_records_changes_nothing(
    name: str, line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    lines = [line(number % 90, id=f"{number:03}") for number in range(100)]
    made = []
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        for path in (tmp_path / "records").glob("*"):
            path.unlink()
        folder = store(*lines[:50])
        store(*lines[50:])
        output = tmp_path / str(seed)
        (one,) = built(folder, output, contract, holdout=Holdout(), format=name).built
        made.append({path.name: path.read_bytes() for path in one.folder.iterdir()})
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 4


def test_every_store_gives_the_same_files(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    lines = [line(number, id=f"{number}") for number in range(50)]
    folder = store(*lines)
    sql = SqlStore(f"sqlite:///{tmp_path / 'records.db'}")
    records = [parse("x", 1, text) for text in lines]
    sql.append([line_of(record) for record in records if isinstance(record, Record)], "x")
    stores: tuple[RecordStore, ...] = (FileStore(folder), sql)
    for number, kept in enumerate(stores):
        build(kept, [contract], tmp_path / str(number), Asked(), Recipe(holdout=Holdout()))
    name = folder_name(contract)
    for file in ("train.jsonl", "validation.jsonl", "test.jsonl", "manifest.json"):
        one, other = (tmp_path / place / name / file for place in "01")
        assert one.read_bytes() == other.read_bytes()


def test_many_runs_and_processes_give_what_one_gives(
    line: Line,
    store: Store,
    contract: Contract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = [number % 700 for number in range(1000)]
    random.Random(1).shuffle(numbers)
    lines = [line(n, result={"n": n % 3 + i % 2}, id=f"{i}") for i, n in enumerate(numbers)]
    for start in range(0, 1000, 100):
        folder = store(*lines[start : start + 100], b"?\n")
    whole = built(folder, tmp_path / "whole", contract, holdout=Holdout())
    monkeypatch.setattr(building, "HELD", 20_000)
    spilt = built(folder, tmp_path / "spilt", contract, holdout=Holdout())
    monkeypatch.setattr(building, "ALONE", 0)
    shared = built(folder, tmp_path / "shared", contract, holdout=Holdout(), jobs=3)
    assert whole.built[0].conflicts > 0
    for name in ("train.jsonl", "validation.jsonl", "test.jsonl", "manifest.json"):
        contents = {
            (tmp_path / place / folder_name(contract) / name).read_bytes()
            for place in ("whole", "spilt", "shared")
        }
        assert len(contents) == 1
    assert whole.found == spilt.found == shared.found
    assert shared.found.malformed == 10


def test_a_seed_is_another_split_and_order(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(number) for number in range(60)))
    made = []
    for seed in (0, 1, 1):
        asked = Asked(seed=seed)
        (one,) = built(folder, tmp_path, contract, asked=asked, holdout=Holdout()).built
        made.append([topics(one.folder, split) for split in ("train", "validation", "test")])
    assert made[0] != made[1] == made[2]
    for one_made in made:
        assert sorted(itertools.chain(*one_made)) == list(range(60))


def test_a_group_is_not_divided(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(n, result={"customer": n % 20}) for n in range(200)), line(999))
    asked = Asked(group_by=FieldPath("result.customer", "--group-by"))
    (one,) = built(folder, tmp_path, contract, asked=asked, holdout=Holdout(0.3, 0.3)).built
    sides = [{n % 20 for n in topics(one.folder, split) if n != 999} for split in one.rows]
    assert len(sides) == 3
    assert sum(map(len, sides)) == 20


def test_calls_that_have_no_group_in_common(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    lines = [line(n, result={"customer": None}) for n in range(200)]
    for name in ("trace_id", "result.customer", "result.gone"):
        asked = Asked(group_by=FieldPath(name, "--group-by"))
        (one,) = built(
            store(*lines), tmp_path, contract, asked=asked, holdout=Holdout(0.3, 0.3)
        ).built
        assert len(one.rows) == 3


def test_only_what_is_asked_for(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(number, result={"score": number}) for number in range(10)))
    asked = Asked(Selection(where=Where("result.score >= 7")))
    (one,) = built(folder, tmp_path, contract, asked=asked).built
    assert sorted(topics(one.folder)) == [7, 8, 9]
    assert one.left_out == {"not asked for": 7}


def test_records_of_an_accepted_contract(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    inputs = {"properties": {"topic": {}, "tone": {"default": "warm"}}, "type": "object"}
    now = replace(contract, inputs=inputs)
    folder = store(
        line("a", contract="abc1"),
        line("b", contract="abc2", arguments={"tone": "cold", "gone": 1, "topic": "b"}),
        line("c", contract="abc3", arguments={"gone": 1}),
        line("d", contract="def"),
    )
    (one,) = built(folder, tmp_path, now, asked=Asked(accepted=("abc",))).built
    asked = [row["messages"][1]["content"] for row in rows(one.folder / "train.jsonl")]
    assert sorted(asked) == ['{"topic":"a","tone":"warm"}', '{"topic":"b","tone":"cold"}']
    assert one.left_out == {"without the argument topic": 1, "of an older contract": 1}


def test_near_duplicates_are_dropped_on_request(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    text = " ".join(f"word{n}" for n in range(60))
    folder = store(line(text), line(f"{text} more"), line("quite another text"), line(7))
    (one,) = built(folder, tmp_path, contract).built
    assert one.rows == {"train": 4}
    (one,) = built(folder, tmp_path, contract, near=0.8).built
    assert one.rows == {"train": 3}
    assert one.left_out == {"nearly equal to another one": 1}
    assert {"quite another text", 7} < set(topics(one.folder))


@pytest.mark.parametrize("share", [0.2, 0.9, 0.95, 0.97, 1.0])
def test_the_nearness_that_is_asked_for(
    share: float, line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    words = [f"word{n}" for n in range(300)]
    half = " ".join([*words[:150], *(f"other{n}" for n in range(150))])
    folder = store(line(" ".join(words)), line("  ".join(words)), line(half))
    (one,) = built(folder, tmp_path, contract, near=share).built
    assert one.rows == {"train": 2 if share > 0.5 else 1}


def test_near_duplicates_without_blanks_between_words(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    text = "".join(chr(0x4E00 + 7 * n) for n in range(60))
    folder = store(line(text), line(f"{text}了"), line(text[::-1]))
    (one,) = built(folder, tmp_path, contract, near=0.8).built
    assert one.rows == {"train": 2}


def test_train_is_balanced_and_what_is_held_out_is_not(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    kinds = ["common"] * 200 + ["rare"] * 30
    folder = store(*(line(n, result={"kind": kind}) for n, kind in enumerate(kinds)))
    (plain,) = built(folder, tmp_path, contract, holdout=Holdout()).built
    held_out = [topics(plain.folder, split) for split in ("validation", "test")]
    rare = sum(n >= 200 for n in topics(plain.folder))
    for each in (None, 5, 40):
        draw = Draw(balance=FieldPath("result.kind", "--balance"), each=each)
        (one,) = built(folder, tmp_path, contract, holdout=Holdout(), draw=draw).built
        found = topics(one.folder)
        assert sum(n < 200 for n in found) == (each or rare)
        assert sum(n >= 200 for n in found) == min(each or rare, rare)
        assert [topics(one.folder, split) for split in ("validation", "test")] == held_out
        assert one.left_out["of a value of which there are enough"] > 0


def test_a_field_of_too_many_values_is_no_field_to_balance(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(number) for number in range(1100)))
    draw = Draw(balance=FieldPath("arguments.topic", "--balance"))
    with pytest.raises(DatasetError, match=r"arguments\.topic: has more than 1000 values"):
        built(folder, tmp_path, contract, draw=draw)
    assert not list(tmp_path.glob(".build-*"))


def test_tokens_are_limited(line: Line, store: Store, contract: Contract, tmp_path: Path) -> None:
    texts = [f"{number} " + "word " * 10 for number in range(40)]
    folder = store(*map(line, texts), line("word " * 5000))
    for name in FORMATS:  # of a table, the row that a student sees
        draw = Draw(row_tokens=1000)
        (one,) = built(folder, tmp_path, contract, draw=draw, format=name).built
        assert one.rows == {"train": 40}
        (part,) = manifest.read(one.folder).files.values()
        path = one.folder / part.file
        size = measure(path, name, contract, counter(None), limit=1000)
        draw = Draw(row_tokens=max(n for _, n in size.longest) - 1)
        (one,) = built(folder, tmp_path, contract, draw=draw, format=name).built
        assert one.rows["train"] < 40
        draw = Draw(row_tokens=1000, train_tokens=size.tokens)
        (one,) = built(folder, tmp_path, contract, draw=draw, format=name).built
        assert one.rows["train"] == 40
    (one,) = built(folder, tmp_path, contract, draw=Draw(row_tokens=1000)).built
    assert one.rows == {"train": 40}
    assert one.left_out == {"with more tokens than a row may have": 1}
    whole = topics(one.folder)
    draw = Draw(row_tokens=1000, train_tokens=1500)
    (one,) = built(folder, tmp_path, contract, draw=draw).built
    assert 0 < one.rows["train"] < 40
    assert topics(one.folder) == whole[: one.rows["train"]]
    assert one.left_out["beyond the tokens that train may have"] == 40 - one.rows["train"]


@pytest.mark.parametrize("size", ["20k", "60k", "140k"])
def test_a_full_disk_leaves_what_was_there(
    size: str, line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if (
        sys.platform != "linux"
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("no small disk to be had")
    try:
        (one,) = built(store(line("a")), disk, contract).built
        before = {path.name: path.read_bytes() for path in one.folder.iterdir()}
        folder = store(*(line(f"{number}" * 100) for number in range(200)))
        with pytest.raises(DatasetError, match="the disk is full; the datasets there are as they"):
            built(folder, disk, contract)
        assert {path.name: path.read_bytes() for path in one.folder.iterdir()} == before
        assert not list(disk.glob(".build-*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
