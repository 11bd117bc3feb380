"""The strict form of a schema: what becomes of each keyword, what is dropped, what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from distilgen.strict import Dropped, strict_form
from distilgen.strict_values import from_strict, to_strict


def _of(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), **more}


def _closed(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**_of(fields), "additionalProperties": False, **more}


_STRING = {"type": "string"}
_ENTRIES = _closed(
    {"entries": {"type": "array", "items": _closed({"key": _STRING, "value": {"type": "integer"}})}}
)


@pytest.mark.parametrize(
    ("field", "strict", "dropped"),
    [
        pytest.param(
            {"type": "string", "minLength": 1, "pattern": "^a", "title": "A", "description": "B."},
            {"type": "string", "title": "A", "description": "B."},
            ["minLength", "pattern"],
            id="bounds",
        ),
        pytest.param(
            {"type": "string", "format": "date", "examples": ["x"], "x-own": {"a": 1}},
            _STRING,
            ["format", "examples", "x-own"],
            id="formats and keywords of one's own",
        ),
        pytest.param({"const": 1}, {"type": "integer", "const": 1}, [], id="const without a type"),
        pytest.param(
            {"enum": ["a", 1, None, "b"]},
            {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "integer", "enum": [1]},
                       {"type": "null"}]},
            [],
            id="mixed enum",
        ),
        pytest.param(
            {"oneOf": [_STRING, {"type": "null"}], "discriminator": {"propertyName": "kind"}},
            {"anyOf": [_STRING, {"type": "null"}]},
            ["discriminator"],
            id="oneOf",
        ),
        pytest.param(
            {"type": "array", "prefixItems": [_STRING, {"type": "integer"}, _STRING],
             "minItems": 3},
            {"type": "array", "items": {"anyOf": [_STRING, {"type": "integer"}]}},
            ["prefixItems", "minItems"],
            id="tuple",
        ),
        pytest.param(
            {"type": "array", "items": _STRING, "uniqueItems": True},
            {"type": "array", "items": _STRING},
            ["uniqueItems"],
            id="set",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
            _ENTRIES,
            ["minimum"],
            id="dictionary",
        ),
        pytest.param(
            {"type": "object", "patternProperties": {"^a": {"type": "integer"}}},
            _ENTRIES,
            [],
            id="dictionary by patterns",
        ),
        pytest.param(
            _of({"a": _STRING}, additionalProperties=True),
            _closed({"a": _STRING}),
            ["additionalProperties"],
            id="fields beyond those that are named",
        ),
        pytest.param(
            {"type": ["string", "null"]},
            {"anyOf": [_STRING, {"type": "null"}]},
            [],
            id="several types",
        ),
        pytest.param(
            {"$ref": "#/$defs/D", "description": "Why.", "default": "x"},
            {"description": "Why.", "anyOf": [{"$ref": "#/$defs/D"}]},
            ["default"],
            id="reference with siblings",
        ),
        pytest.param(
            {"allOf": [{"$ref": "#/$defs/D"}], "default": "x"},
            {"$ref": "#/$defs/D"},
            ["default"],
            id="reference in an allOf",
        ),
    ],
)  # fmt: skip
def test_what_becomes_of_a_field(field: Any, strict: Any, dropped: list[str]) -> None:
    found = strict_form(_of({"x": field}, **{"$defs": {"D": _STRING}}))
    assert found.schema
    assert found.schema["properties"]["x"] == strict
    assert [item.keyword for item in found.dropped] == dropped


def test_a_field_that_may_be_left_out_may_be_null() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "default": 3, "description": "A."}},
    }
    found = strict_form(schema)
    assert found.schema == _closed({
        "a": {"description": "A.", "anyOf": [{"type": "integer"}, {"type": "null"}]}
    })  # fmt: skip
    assert found.dropped == (Dropped("/properties/a", "default", 3),)
    assert from_strict({"a": None}, schema) == {}
    assert to_strict({}, schema) == {"a": 3}


def test_a_field_that_may_be_left_out_or_be_null_cannot_be_left_out() -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [_STRING, {"type": "null"}]}}}
    assert strict_form(schema).dropped == (Dropped("/properties/a", "required", False),)
    assert from_strict(to_strict({}, schema), schema) == {"a": None}


def test_null_stays_where_pydantic_takes_it() -> None:
    class M(BaseModel):
        a: int | None = 3
        b: Any = 4
        c: list[str] = []

    schema = M.model_json_schema()
    assert from_strict({"a": None, "b": None, "c": None}, schema) == {"a": None, "b": None}


def test_pointers_name_the_place_in_pydantics_schema() -> None:
    schema = _of(
        {"a/b": {"type": "array", "items": {"$ref": "#/$defs/D"}}},
        **{"$defs": {"D": {"type": "string", "format": "uuid"}}},
    )
    assert strict_form(schema).dropped == (Dropped("/$defs/D", "format", "uuid"),)
    schema = _of({"a/b": {"anyOf": [_STRING, {"type": "integer", "minimum": 1}]}})
    assert strict_form(schema).dropped == (Dropped("/properties/a~1b/anyOf/1", "minimum", 1),)


@pytest.mark.parametrize(
    ("schema", "obstacle"),
    [
        pytest.param({"type": "string"}, "/: the root is no object", id="root"),
        pytest.param({"anyOf": [_of({})]}, "/: the root is no object", id="choice at the root"),
        pytest.param(
            _of({"a": {"allOf": [_of({}), _of({})]}}), "/properties/a: allOf of several", id="allOf"
        ),
        pytest.param(
            _of({"a": {"$ref": "#/$defs/X"}}), "/properties/a: a reference", id="reference"
        ),
        pytest.param(_of({"a": {"enum": [{"b": 1}]}}), "/properties/a: the enum", id="enum"),
        pytest.param(_of({"a": False}), "/properties/a: nothing is valid", id="never"),
        pytest.param(_of({"a": {"type": "date"}}), "/properties/a: the type 'date'", id="type"),
        pytest.param(
            _of({f"a{n}": _STRING for n in range(5_001)}), "5,001 properties", id="properties"
        ),
        pytest.param(
            _of({"a": {"enum": [f"{n}" for n in range(1_001)]}}), "1,001 values", id="enum values"
        ),
        pytest.param(_of({"a" * 120_001: _STRING}), "120,001 characters", id="characters"),
    ],
)
def test_what_cannot_be_expressed(schema: dict[str, Any], obstacle: str) -> None:
    found = strict_form(schema)
    assert found.schema is None
    assert any(obstacle in item for item in found.obstacles), found.obstacles


@pytest.mark.parametrize(("depth", "fits"), [(9, True), (10, False)])
def test_levels(depth: int, fits: bool) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    assert (strict_form(_of({"a": schema})).schema is not None) == fits


@pytest.mark.parametrize("answer", [3, None, [], {"a": "x"}, {"a": 1, "b": 2}, {"b": 2}, {}])
def test_an_answer_that_is_not_in_the_strict_form_is_for_pydantic_to_refuse(answer: Any) -> None:
    schema = _of({"a": {"type": "integer"}})
    assert from_strict(answer, schema) == answer


def test_a_value_that_is_not_valid_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="not valid"):
        to_strict({"a": "x"}, _of({"a": {"type": "integer"}}))
