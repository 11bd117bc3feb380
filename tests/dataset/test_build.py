"""Records become the same files every time, and what is left out is counted by its reason."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.dataset.build import Holdout, Outcome, build, folder_name
from distilgen.errors import RecordError
from distilgen.records.files import FileStore
from distilgen.records.record import Malformed

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract

Line = Callable[..., bytes]
Store = Callable[..., "Path"]
ALL_TRAIN = Holdout(0, 0)


def built(
    records: Path,
    output: Path,
    *contracts: Contract,
    format_name: str = "openai-tools",
    holdout: Holdout = ALL_TRAIN,
) -> Outcome:
    return build(FileStore(records), contracts, output, format_name=format_name, holdout=holdout)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def test_rows_stand_in_the_order_of_their_records(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    folder = store(*(line(topic) for topic in "abé"))
    outcome = built(folder, tmp_path, contract)
    (one,) = outcome.built
    assert one.folder == tmp_path / "shop.mail.compose"
    assert one.rows == {"train": 3}
    asked = [row["messages"][1]["content"] for row in rows(one.folder / "train.jsonl")]
    assert asked == ['{"topic":"a"}', '{"topic":"b"}', '{"topic":"é"}']
    assert "é".encode() in (one.folder / "train.jsonl").read_bytes()
    assert sorted(path.name for path in one.folder.iterdir()) == ["manifest.json", "train.jsonl"]


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
        line("d", function="shop.mail:gone"),
        line("e")[:30] + b"\n",
        line("f")[:30],
    )
    outcome = built(folder, tmp_path, contract)
    (one,) = outcome.built
    assert one.rows == {"train": 1}
    assert one.left_out == {
        "equal to an earlier one": 1,
        "of an older contract": 1,
        "of a call without a result": 1,
        "with an argument that has no JSON form": 1,
        "with an argument that was too large to record": 1,
        "with a result that was too large to record": 1,
        "with a result that was redacted": 1,
        "with half of a character, which nothing can send": 1,
    }
    assert one.conflicts == 0
    assert outcome.unknown == {"shop.mail:gone": 1}
    assert [item.torn for item in outcome.malformed] == [False, True]
    assert all(isinstance(item, Malformed) for item in outcome.malformed)


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
    taught = [row["messages"][1]["content"] for row in rows(one.folder / "train.jsonl")]
    assert taught == [f'{{"topic":"{topic}"}}' for topic in "acfgh"]
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
        ({"of": {"name": "A"}, "all": [None]}, "all[0] is none of what it may be"),
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
    assert one.misfit.rpartition(": ")[2] == wrong
    assert one.rows == ({} if wrong else {"train": 1})


def test_a_wrapped_result_fits_in_its_wrap(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"result": {"type": "array"}}}
    wraps = replace(contract, tool={**contract.tool, "parameters": schema}, wraps_result=True)
    folder = store(line("a", result=[]), line("b", result={}))
    (one,) = built(folder, tmp_path, wraps).built
    assert (one.rows, one.misfit.rpartition(": ")[2]) == ({"train": 1}, "result is no array")


def test_two_answers_to_one_call_are_a_conflict_and_both_are_kept(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    answers = [{"subject": 1}, {"subject": 2}, {"subject": 3}, {"subject": 1}]
    folder = store(*(line("a", result=answer) for answer in answers), line("b"))
    (one,) = built(folder, tmp_path, contract).built
    assert one.conflicts == 1
    assert one.rows == {"train": 4}
    assert one.left_out == {"equal to an earlier one": 1}


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
    (one,) = built(folder, tmp_path, contract, holdout=Holdout(0.2, 0.3)).built
    manifest = json.loads((one.folder / "manifest.json").read_bytes())
    files = manifest.pop("files")
    assert manifest == {
        "function": contract.function,
        "contract": contract.fingerprint,
        "format": "openai-tools",
        "holdout": {"validation": 0.2, "test": 0.3},
        "left_out": {"equal to an earlier one": 1},
        "conflicts": 0,
    }
    assert list(files) == ["train", "validation", "test"]
    for split, said in files.items():
        content = (one.folder / f"{split}.jsonl").read_bytes()
        assert said == {
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


def test_a_contract_without_a_usable_record_has_an_empty_manifest(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    (one,) = built(store(line(contract="old")), tmp_path, contract).built
    assert json.loads((one.folder / "manifest.json").read_bytes())["files"] == {}


def test_a_format_of_the_callers_choice(
    line: Line, store: Store, contract: Contract, tmp_path: Path
) -> None:
    (one,) = built(store(line()), tmp_path, contract, format_name="openai-functions").built
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
    assert len(outcome.malformed) == 1
