"""One spelling of schemas, whichever version of Pydantic gave them."""

from __future__ import annotations

from typing import Any

import pytest

from distilgen.schemas import settled, with_definitions

INF = float("inf")
_REF = {"$ref": "#/$defs/A"}


@pytest.mark.parametrize(
    ("given", "one"),
    [
        pytest.param({"allOf": [_REF], "default": 1}, {**_REF, "default": 1}, id="2.8: allOf"),
        pytest.param({"allOf": [_REF, _REF]}, {"allOf": [_REF, _REF]}, id="a real allOf"),
        pytest.param({"const": "a", "enum": ["a"]}, {"const": "a"}, id="2.9: const and enum"),
        pytest.param(
            {"type": "object", "additionalProperties": True},
            {"type": "object"},
            id="2.11: any object",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": True, "properties": {}},
            {"type": "object", "additionalProperties": True, "properties": {}},
            id="a model that takes more",
        ),
        pytest.param(
            {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"},
            {"type": "string"},
            id="2.12: decimals",
        ),
        pytest.param(
            {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^a"}, id="a pattern"
        ),
        pytest.param({"maximum": INF, "minimum": 1}, {"minimum": 1}, id="infinity"),
        pytest.param({"default": {"a": [INF]}, "title": "A"}, {"title": "A"}, id="infinity within"),
        pytest.param(
            {"default": {"const": 1, "enum": [1]}},
            {"default": {"const": 1, "enum": [1]}},
            id="data",
        ),
        pytest.param(
            {"properties": {"default": {"const": 1, "enum": [1]}, "const": {"maximum": INF}}},
            {"properties": {"default": {"const": 1}, "const": {}}},
            id="fields that are named as keywords",
        ),
        pytest.param({"anyOf": [{"allOf": [_REF]}, True]}, {"anyOf": [_REF, True]}, id="within"),
    ],
)  # fmt: skip
def test_settled(given: dict[str, Any], one: dict[str, Any]) -> None:
    assert settled(given) == one
    assert settled(one) == one


def test_definitions_are_shared_where_they_are_equal() -> None:
    item: dict[str, Any] = {"type": "object"}
    shared: dict[str, Any] = {}
    assert with_definitions({**_REF, "$defs": {"A": item}}, shared, "x") == _REF
    assert with_definitions({**_REF, "$defs": {"A": item, "B": {}}}, shared, "y") == _REF
    assert shared == {"A": item, "B": {}}


def test_definitions_of_one_name_are_told_apart() -> None:
    shared: dict[str, Any] = {"A": {"type": "string"}}
    mapping = {"mapping": {"a": "#/$defs/A"}, "propertyName": "kind"}
    given = {"oneOf": [_REF], "discriminator": mapping, "$defs": {"A": {"type": "integer"}}}
    assert with_definitions(given, shared, "x") == {
        "oneOf": [{"$ref": "#/$defs/A__x"}],
        "discriminator": {**mapping, "mapping": {"a": "#/$defs/A__x"}},
    }
    assert shared == {"A": {"type": "string"}, "A__x": {"type": "integer"}}
