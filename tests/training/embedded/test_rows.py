"""The calls of a dataset, in an order of their own."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import DatasetError, TrainingError
from distilgen.rows import FORMATS
from distilgen.training.embedded import rows
from distilgen.training.provider import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.contract import Contract

    Write = Callable[..., Dataset]


@pytest.fixture
def write(tmp_path: Path, contract: Contract) -> Write:
    """Writes calls as a dataset: their numbers by split."""

    def write(format_name: str = "raw", **splits: list[int]) -> Dataset:
        paths = {}
        for split, numbers in splits.items():
            paths[split] = tmp_path / f"{split}.jsonl"
            made = [
                FORMATS[format_name](contract, {"topic": str(n)}, {"subject": n}) for n in numbers
            ]
            paths[split].write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
        return Dataset(
            tmp_path, contract, format_name, paths["train"], paths.get("validation"),
            paths.get("test"), "0" * 64, len(splits["train"]),
        )  # fmt: skip

    return write


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_tells_its_calls(format_name: str, write: Write) -> None:
    numbers = list(range(20))
    found = rows.read(write(format_name, train=numbers[:12], validation=numbers[12:16],
                            test=numbers[16:]))  # fmt: skip
    assert sorted(row.result["subject"] for row in found.pool) == numbers[:16]
    assert sorted(row.arguments["topic"] for row in found.test) == ["16", "17", "18", "19"]
    assert (found.given, found.unread) == (16, 0)


def test_the_order_is_that_of_the_content(write: Write) -> None:
    numbers = list(range(30))
    first = rows.read(write(train=numbers))
    random.Random(0).shuffle(numbers)
    assert rows.read(write(train=numbers, validation=numbers[:5])) == first


def test_no_call_of_the_pool_is_in_the_test(write: Write) -> None:
    found = rows.read(write(train=list(range(20)), test=[3, 4, 21]))
    assert [row.result["subject"] for row in found.test] == [21]


def test_of_very_many_calls_some_are_drawn(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST", 15)
    found = rows.read(write(train=list(range(200))))
    again = rows.read(write(train=list(reversed(range(200)))))
    assert found.pool == again.pool
    assert (len(found.pool), found.given) == (15, 200)
    monkeypatch.setattr(rows, "MOST_TEXT", 12 * len('{"topic": "10"}'))
    fewer = rows.read(write(train=list(range(200))))
    assert 11 <= len(fewer.pool) <= 13
    assert fewer.pool == found.pool[: len(fewer.pool)]


@pytest.mark.parametrize(
    ("count", "said"), [(0, "holds 0 different calls"), (9, "holds 9 different calls to learn")]
)
def test_too_few_calls(count: int, said: str, write: Write) -> None:
    with pytest.raises(TrainingError, match=said):
        rows.read(write(train=list(range(count))))


def test_equal_calls_are_one(write: Write) -> None:
    with pytest.raises(TrainingError, match="holds 1 different calls"):
        rows.read(write(train=[7] * 50))


def test_a_prompt_that_does_not_tell_the_arguments(write: Write, contract: Contract) -> None:
    dataset = write("openai-tools", train=list(range(20)))
    text = dataset.train.read_text("utf-8").replace('{\\"topic\\":', "About ")
    dataset.train.write_text(text, "utf-8")
    with pytest.raises(TrainingError) as refused:
        rows.read(dataset)
    assert "train.jsonl:1: " in str(refused.value)
    assert "20 rows do not tell their calls, and 0 do" in str(refused.value)
    assert "--format raw" in str(refused.value)
    assert contract.function


def test_a_row_that_is_none_is_left_out(write: Write) -> None:
    dataset = write(train=list(range(20)))
    with dataset.train.open("a", encoding="utf-8") as file:
        file.write('{"arguments": 3, "result": 4}\n')
    found = rows.read(dataset)
    assert (len(found.pool), found.unread) == (20, 1)


def test_a_file_that_is_no_json_is_named(write: Write) -> None:
    dataset = write(train=list(range(20)))
    dataset.train.write_text("{", "utf-8")
    with pytest.raises(DatasetError, match=r"train\.jsonl:1: is no JSON"):
        rows.read(dataset)


def test_equal_arguments_fall_into_the_same_fold() -> None:
    calls: list[tuple[dict[str, Any], Any]] = [
        ({"a": n % 40}, answer) for n in range(40) for answer in ("x", "y")
    ]
    made = rows.of(calls)
    folds = rows.folds(made, 5)
    assert sorted(place for part in folds for place in part) == list(range(80))
    assert {len(part) for part in folds} == {16}
    where = {made[place].group: number for number, part in enumerate(folds) for place in part}
    for number, part in enumerate(folds):
        assert all(where[made[place].group] == number for place in part)


def test_no_fold_is_empty() -> None:
    assert len(rows.folds(rows.of([({"a": 1}, 1), ({"a": 2}, 2)]), 5)) == 2


def test_calls_that_belong_together_are_in_one_fold(write: Write) -> None:
    dataset = replace(write(train=list(range(60))), group_by="result.subject")
    found = rows.read(dataset)
    assert {row.together for row in found.pool} == {str(number) for number in range(60)}

    calls = [({"customer": n % 7, "n": n}, n) for n in range(100)]
    several = rows.of(calls, "arguments.customer")
    for part in rows.folds(several, 5):
        inside = {several[place].arguments["customer"] for place in part}
        assert sum(row.arguments["customer"] in inside for row in several) == len(part)
    alone = rows.of(calls, "arguments.shop")
    assert {row.together for row in alone} == {row.group for row in alone}


def test_calls_of_one_group_alone(write: Write, contract: Contract) -> None:
    dataset = replace(write(train=list(range(60))), group_by="arguments.topic")
    lines = [FORMATS["raw"](contract, {"topic": "same"}, {"subject": n}) for n in range(60)]
    dataset.train.write_text("".join(json.dumps(row) + "\n" for row in lines), "utf-8")
    with pytest.raises(TrainingError, match=r"have the same arguments\.topic"):
        rows.read(dataset)
