"""Columns of arguments."""

from __future__ import annotations

from typing import Any

import pytest

from distilgen.embedded.call import EACH, Call
from distilgen.training.embedded import columns


def seen(*arguments: dict[str, Any], schema: dict[str, Any] | None = None) -> dict[Any, list[str]]:
    found: dict[Any, list[str]] = {}
    for column in columns.of([Call(item) for item in arguments], schema):
        found.setdefault(".".join(column.path), []).append(column.kind)
    return found


@pytest.mark.parametrize(
    ("value", "kind"),
    [("a", "text"), (3, "number"), (0.5, "number"), (True, "category"), (None, "category")],
)
def test_the_kind_of_a_value(value: Any, kind: str) -> None:
    assert seen({"a": value}) == {"a": [kind]}


def test_nested_values_have_the_keys_of_their_objects() -> None:
    assert seen({"a": {"b": {"c": 1}, "d": "x"}}) == {"a.b.c": ["number"], "a.d": ["text"]}


def test_a_list_is_a_column_and_so_are_its_items() -> None:
    found = seen({"lines": [{"price": 1}, {"price": 2, "name": "x"}], "tags": ["a"]})
    assert found == {
        "lines": ["list"],
        f"lines.{EACH}.price": ["number"],
        f"lines.{EACH}.name": ["text"],
        "tags": ["list"],
        f"tags.{EACH}": ["text"],
    }


def test_a_list_in_a_list_is_only_a_list() -> None:
    assert seen({"a": [[1]]}) == {"a": ["list"], f"a.{EACH}": ["list"]}


def test_values_of_several_kinds_make_several_columns() -> None:
    assert seen({"a": 1}, {"a": "x"}, {"a": None}) == {"a": ["number", "text", "category"]}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"enum": ["pro", "free"]}, id="enum"),
        pytest.param({"anyOf": [{"const": "pro"}, {"enum": ["free"]}, {"type": "null"}]}, id="any"),
        pytest.param({"$ref": "#/$defs/Plan"}, id="reference"),
    ],
)
def test_texts_that_the_schema_lists_are_categories(schema: dict[str, Any]) -> None:
    inputs = {
        "$defs": {"Plan": {"enum": ["free", "pro"]}},
        "properties": {"plan": schema, "text": {"type": "string"}},
    }
    found = seen({"plan": "pro", "text": "x"}, {"plan": "free", "text": "y"}, schema=inputs)
    assert found == {"plan": ["category"], "text": ["text"]}


def test_a_value_that_the_schema_does_not_list_makes_a_text_again() -> None:
    inputs = {"properties": {"plan": {"enum": ["pro"]}}}
    assert seen({"plan": "pro"}, {"plan": "other"}, schema=inputs) == {"plan": ["text"]}


def test_listed_items_and_keys() -> None:
    inputs = {
        "properties": {
            "tags": {"items": {"enum": ["a", "b"]}},
            "by_name": {"additionalProperties": {"enum": [1, 2]}},
        }
    }
    found = seen({"tags": ["a"], "by_name": {"x": 1}}, schema=inputs)
    assert found == {"tags": ["list"], f"tags.{EACH}": ["category"], "by_name.x": ["category"]}


def test_a_schema_that_refers_to_itself() -> None:
    tree = {"properties": {"child": {"$ref": "#/$defs/T"}, "name": {"type": "string"}}}
    inputs = {"$defs": {"T": tree}, "properties": {"tree": {"$ref": "#/$defs/T"}}}
    nested: dict[str, Any] = {"name": "x"}
    for _ in range(20):
        nested = {"child": nested, "name": "x"}
    found = seen({"tree": nested}, schema=inputs)
    assert list(found) == [f"tree.{'child.' * depth}name" for depth in (3, 2, 1, 0)]


def test_what_few_rows_have_is_no_column() -> None:
    rows = [{"a": 1}] * 99 + [{"a": 1, "b": 2}]
    assert seen(*rows) == {"a": ["number"]}


def test_there_is_an_end_to_columns() -> None:
    assert len(seen({f"a{number}": 1 for number in range(1000)})) == columns.MOST


def test_no_rows_no_columns() -> None:
    assert columns.of([], {}) == ()
