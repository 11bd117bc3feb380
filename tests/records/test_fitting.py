"""Where a value does not fit a schema, by its structure."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, computed_field

from distilgen.records.fitting import misfit

OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {"$ref": "#/$defs/Person"},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "one": {"const": 1},
        "nullable": {"type": "string", "nullable": True},
        "else": {"$ref": "elsewhere.json#/X"},
        "fixed": {"type": "array", "prefixItems": [{}, {}], "minItems": 2, "maxItems": 2},
        "all": {"allOf": [{"type": "number"}]},
        "map": {"type": "object", "additionalProperties": {"type": "boolean"}},
    },
    "required": ["to"],
    "$defs": {
        "Person": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "boss": {"$ref": "#/$defs/Person"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({}, ""),
        ({"unknown": 1}, ""),
        ({"kind": "b", "tags": ["x"], "pair": [1, None, 3], "either": None, "one": 1}, ""),
        ({"to": {"name": "A", "boss": {"name": "B"}}, "all": 1.5, "map": {"x": True}}, ""),
        ({"either": 2.0}, ""),
        ({"nullable": None, "else": 1}, ""),
        ({"nullable": 1}, "nullable is no string"),
        ({"else": None}, ""),
        ({"fixed": [1, 2]}, ""),
        ({"fixed": [1]}, "fixed is too short"),
        ({"fixed": [1, 2, 3]}, "fixed is too long"),
        ({"to": 1}, "to is no object"),
        ({"to": {}}, "to.name is not there"),
        ({"to": {"name": "A", "boss": {"name": 1}}}, "to.boss.name is no string"),
        ({"to": {"name": "A", "age": 1}}, "to.age must not be there"),
        ({"kind": "c"}, "kind is none of its choices"),
        ({"tags": ["x", 2]}, "tags[1] is no string"),
        ({"pair": [1, 2]}, "pair[1] is no null"),
        ({"pair": [True]}, "pair[0] is no integer"),
        ({"either": 2.5}, "either is none of what it may be"),
        ({"either": float("nan")}, "either is none of what it may be"),
        ({"one": 2}, "one is not 1"),
        ({"all": "x"}, "all is no number"),
        ({"map": {"x": 1}}, "map.x is no boolean"),
    ],
)
def test_misfits(more: dict[str, Any], wrong: str) -> None:
    assert misfit(OBJECT, {"to": {"name": "A"}, **more}) == wrong


def test_the_whole_value() -> None:
    assert misfit(OBJECT, []) == "it is no object"
    assert misfit(OBJECT, {}) == "to is not there"
    assert misfit({"type": ["string", "null"]}, 1) == "it is no string or null"
    assert misfit({"anyOf": [{"type": "string"}]}, 1) == "it is no string"
    assert misfit({}, object) == ""


def test_what_is_too_deep_to_tell_fits() -> None:
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert misfit(schema, 1) == ""


class Choice(enum.Enum):
    ONE = 1
    TEXT = "x"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    friend: Dog | Cat | None = None


class Pair(NamedTuple):
    a: int
    b: str = ""


class Numbers(RootModel[list[int]]):
    pass


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = Field(alias="b")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def c(self) -> int:
        return self.a


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Choice, Choice.TEXT),
        (dict[Choice, int], {Choice.ONE: 1}),
        (Annotated[Cat | Dog, Field(discriminator="kind")], Dog(friend=Dog(friend=Cat()))),
        (Pair, Pair(1)),
        (Numbers, Numbers([1])),
        (Closed, Closed(b=1)),
        (decimal.Decimal, decimal.Decimal("1.5")),
        (dt.timedelta, dt.timedelta(1)),
        (dict[uuid.UUID, int], {uuid.UUID(int=1): 1}),
        (set[int], {1}),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (tuple[()], ()),
        (dict[int, str], {1: "a"}),
        (Literal[1, "a", True], True),
        (float, 1),
        (bytes, b"a"),
    ],
)
def test_what_pydantic_writes_fits_what_it_reads(hint: Any, value: object) -> None:
    adapter = TypeAdapter(hint)
    written = json.loads(adapter.dump_json(value, by_alias=True, round_trip=True))
    assert misfit(adapter.json_schema(), written) == ""
