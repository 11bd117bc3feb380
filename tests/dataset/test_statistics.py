"""What a dataset holds, counted row by row."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.dataset import statistics
from distilgen.dataset.statistics import FIELDS, VALUES, Statistics
from distilgen.dataset.tokens import Counter
from distilgen.errors import DatasetError
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.contract import Contract

_CHARACTERS = Counter("characters", len, exact=True)


@pytest.fixture
def counted(tmp_path: Path, contract: Contract) -> Callable[..., Statistics]:
    """Counts the results of splits, as rows of a format."""

    def count(format_name: str = "openai-tools", **splits: list[Any]) -> Statistics:
        found = Statistics()
        for split, results in splits.items():
            made = [FORMATS[format_name](contract, {"topic": "t"}, result) for result in results]
            path = tmp_path / f"{split}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
            found.add(split, path, format_name, contract, _CHARACTERS)
        return found

    return count


@pytest.mark.parametrize("format_name", FORMATS)
def test_answers_are_found_in_every_format(
    format_name: str, counted: Callable[..., Statistics]
) -> None:
    found = counted(format_name, train=[{"a": 1}, {"a": 2}])
    assert found.splits["train"].rows == 2
    assert list(found.fields) == ["a"]
    assert found.fields["a"].numbers.total == 3


def test_messages_of_a_row(counted: Callable[..., Statistics]) -> None:
    for format_name, messages in (("openai-tools", 3), ("sharegpt", 2), ("alpaca", None)):
        spread = counted(format_name, train=[{"a": 1}]).splits["train"].messages
        assert (spread.total if spread.count else None) == messages


def test_a_field_by_hand(counted: Callable[..., Statistics]) -> None:
    found = counted(train=[{"a": 1}, {"a": 2.5}, {"a": None}, {}, {"a": True}]).fields["a"]
    assert found.seen == 4
    assert found.kinds == {"integer": 1, "number": 1, "null": 1, "boolean": 1}
    assert (found.numbers.least, found.numbers.most, found.distinct) == (1, 2.5, 3)
    assert found.top(5) == [("1", 0.25), ("2.5", 0.25), ("true", 0.25)]


def test_paths(counted: Callable[..., Statistics]) -> None:
    result = {"to": {"name": "Ann"}, "lines": [{"text": "a"}, {"text": "bcd"}], "rows": [[1], []]}
    found = counted(train=[result]).fields
    assert list(found) == [
        "to", "to.name", "lines", "lines[]", "lines[].text", "rows", "rows[]", "rows[][]",
    ]  # fmt: skip
    lengths = found["lines[].text"].lengths
    assert (lengths.least, lengths.most) == (1, 3)
    assert found["rows[]"].lengths.most == 1
    assert found["to"].distinct == 0


def test_an_answer_that_is_no_object(tmp_path: Path, contract: Contract) -> None:
    wrapping = replace(contract, wraps_result=True)
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(FORMATS["openai-tools"](wrapping, {"topic": "t"}, [1, 2])), "utf-8")
    found = Statistics()
    found.add("train", path, "openai-tools", wrapping, _CHARACTERS)
    assert list(found.fields) == ["result", "result[]"]
    assert found.fields["result"].lengths.most == 2


def test_values_that_train_never_has(counted: Callable[..., Statistics]) -> None:
    found = counted(
        train=[{"kind": "a", "id": n, "score": n % 3 + 0.5} for n in range(15)],
        test=[{"kind": "c", "id": 50, "score": 0.7}, {"kind": "a", "id": 1}],
        validation=[{"kind": "a", "id": 3}],
    )
    # 18 values of 2 kinds; ids that hardly repeat; scores that may be any number
    assert found.fields["kind"].unseen == {"test": ['"c"']}
    assert found.fields["id"].unseen == found.fields["score"].unseen == {}
    assert not found.fields["score"].closed
    assert found.fields["kind"].by_split(1) == [('"a"', {"train": 15, "test": 1, "validation": 1})]


def test_values_that_the_schema_lists(tmp_path: Path, contract: Contract) -> None:
    kinds = {"$ref": "#/$defs/Kind"}
    schema = {
        "type": "object",
        "properties": {
            "kind": {"anyOf": [kinds, {"type": "null"}]},
            "lines": {"type": "array", "items": {"properties": {"of": {"const": 1.5}, "x": {}}}},
            "free": {"type": "number"}, "sure": {"type": "boolean"},
            "self": {"$ref": "#"},
        },
        "$defs": {"Kind": {"enum": ["a", "b"]}},
    }  # fmt: skip
    bound = replace(contract, tool={**contract.tool, "parameters": schema})
    result = {"kind": "a", "lines": [{"of": 1.5, "x": "y"}], "free": 2.5, "sure": True}
    found = Statistics()
    for split, kind in (("train", "a"), ("test", "b")):
        path = tmp_path / f"{split}.jsonl"
        row = FORMATS["raw"](bound, {"topic": "t"}, {**result, "kind": kind})
        path.write_text(json.dumps(row) + "\n", "utf-8")
        found.add(split, path, "raw", bound, _CHARACTERS)
    closed = {name for name, field in found.fields.items() if field.closed}
    assert closed == {"kind", "lines[].of", "sure"}
    assert found.fields["kind"].unseen == {"test": ['"b"']}


def test_values_are_bounded(counted: Callable[..., Statistics]) -> None:
    found = counted(train=[{"a": f"value {number}"} for number in range(VALUES + 5)]).fields["a"]
    assert (found.distinct, found.more, found.seen) == (VALUES, True, VALUES + 5)
    assert found.unseen == {}


def test_fields_are_bounded(counted: Callable[..., Statistics]) -> None:
    found = counted(train=[{f"key {number}": 1 for number in range(FIELDS + 1)}])
    assert len(found.fields) == FIELDS
    assert found.other_fields


def test_long_values_that_begin_alike_are_two(counted: Callable[..., Statistics]) -> None:
    long = "x" * 10_000
    found = counted(train=[{"a": f"{long}1"}, {"a": f"{long}2"}]).fields["a"]
    assert found.distinct == 2
    assert max(len(text) for text, _ in found.top(2)) <= 2 * statistics._SHOWN


def test_numbers_that_no_float_holds(counted: Callable[..., Statistics]) -> None:
    found = counted(train=[{"a": 10**400}, {"a": 1}]).fields["a"]
    assert (found.seen, found.numbers.count, found.kinds["integer"]) == (2, 1, 2)


def test_a_deep_answer(counted: Callable[..., Statistics]) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}
    assert counted(train=[deep]).fields["a"].seen == 1


def test_without_a_contract_sizes_are_known(tmp_path: Path, contract: Contract) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(FORMATS["openai-tools"](contract, {"topic": "t"}, {})), "utf-8")
    found = Statistics()
    found.add("train", path, "openai-tools", None, _CHARACTERS)
    assert found.splits["train"].tokens.total > 100
    assert not found.fields
    with pytest.raises(DatasetError, match="contract that the project has no more"):
        found.add("train", path, "csv", None, _CHARACTERS)


@pytest.mark.parametrize("row", [{}, {"messages": []}, {"messages": [{"role": "assistant"}]}])
def test_a_row_without_an_answer(tmp_path: Path, contract: Contract, row: dict[str, Any]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(DatasetError, match=r"train\.jsonl:1: .*distilgen dataset validate"):
        Statistics().add("train", path, "openai-tools", contract, _CHARACTERS)


def test_a_format_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no format"):
        Statistics().add("train", tmp_path / "train.jsonl", "xml", None, _CHARACTERS)
