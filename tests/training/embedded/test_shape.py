"""What a schema says of an answer's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from distilgen.training.embedded.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract

STRING, NULL = {"type": "string"}, {"type": "null"}
DEFS: dict[str, dict[str, Any]] = {
    "Colour": {"enum": ["red", "blue"], "type": "string"},
    "Mail": {"type": "object", "properties": {"to": STRING}, "required": ["to"],
             "additionalProperties": False},
    "Tree": {"type": "object", "properties": {"below": {"$ref": "#/$defs/Tree"}}},
}  # fmt: skip


def shape(schema: dict[str, Any]) -> Shape:
    made = Shape({}, DEFS).below(schema)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("schema", "is_scalar", "is_closed"),
    [
        pytest.param(STRING, True, False, id="text"),
        pytest.param({"type": "boolean"}, True, True, id="bool"),
        pytest.param({"const": 3}, True, True, id="constant"),
        pytest.param({"$ref": "#/$defs/Colour"}, True, True, id="enum"),
        pytest.param({"allOf": [{"$ref": "#/$defs/Colour"}]}, True, True, id="all of one"),
        pytest.param({"anyOf": [STRING, NULL]}, True, False, id="text or null"),
        pytest.param({"anyOf": [{"$ref": "#/$defs/Mail"}, STRING]}, False, False, id="union"),
        pytest.param({"$ref": "#/$defs/Mail"}, False, False, id="object"),
        pytest.param({"type": "array", "items": STRING}, False, False, id="list"),
        pytest.param({}, False, False, id="anything"),
    ],
)
def test_scalars(schema: dict[str, Any], is_scalar: bool, is_closed: bool) -> None:
    assert shape(schema).is_scalar is is_scalar
    assert shape(schema).is_closed is is_closed


def test_what_stands_beside_a_reference_counts() -> None:
    made = shape({"$ref": "#/$defs/Colour", "description": "of the sky"})
    assert made.schema["description"] == "of the sky"
    assert made.schema["enum"] == ["red", "blue"]


def test_a_type_within_itself() -> None:
    tree = shape({"$ref": "#/$defs/Tree"})
    assert tree.below(tree.properties["below"]) is None
    assert tree.leaf == {"type": "object", "properties": {"below": {}}}


def test_a_type_that_is_used_twice_is_not_within_itself() -> None:
    pair = shape(
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/Mail"}, "b": {"$ref": "#/$defs/Mail"}},
        }
    )
    assert all(pair.below(pair.properties[name]) for name in "ab")


def test_leaves_have_no_references() -> None:
    made = shape({"type": "array", "items": {"$ref": "#/$defs/Colour"}})
    assert made.leaf["items"]["enum"] == ["red", "blue"]


def test_variants() -> None:
    union = shape({"anyOf": [{"$ref": "#/$defs/Mail"}, {"type": "integer"}, NULL]})
    assert len(union.alternatives) == 2
    assert [union.variant_of(value) for value in ({"to": "x"}, 3, "x")] == [0, 1, -1]


def test_the_answer_of_a_contract(contract_of: Callable[..., Contract]) -> None:
    whole = contract_of({"$ref": "#/$defs/Mail", "$defs": DEFS}, {})
    assert list(Shape.of(whole).properties) == ["to"]
    wrapped = contract_of(
        {"type": "object", "properties": {"result": {"$ref": "#/$defs/Colour"}}, "$defs": DEFS},
        {},
        wraps_result=True,
    )
    assert Shape.of(wrapped).is_closed
