"""Where a value does not fit a schema, by its structure."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import pathlib
import re
import uuid
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from annotated_types import MultipleOf
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    RootModel,
    SecretStr,
    Tag,
    TypeAdapter,
    computed_field,
)

from distilgen.records.fitting import Schema

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
        ({"nullable": 1}, "nullable is no string or null"),
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
        ({"either": 2.5}, "either is no integer or null"),
        ({"one": 2}, "one is not 1"),
        ({"all": "x"}, "all is no number"),
        ({"map": {"x": 1}}, "map.x is no boolean"),
    ],
)
def test_misfits(more: dict[str, Any], wrong: str) -> None:
    schema = Schema(OBJECT)
    assert schema.misfit({"to": {"name": "A"}, **more}) == wrong
    assert schema.fits({"to": {"name": "A"}, **more}) is (not wrong)


def test_the_whole_value() -> None:
    assert Schema(OBJECT).misfit([]) == "it is no object"
    assert Schema(OBJECT).misfit([], "the answer") == "the answer is no object"
    assert Schema(OBJECT).misfit({}) == "to is not there"
    assert Schema(OBJECT).misfit({}, "the answer") == "the answer.to is not there"
    assert Schema({"type": ["string", "null"]}).misfit(1) == "it is no string or null"
    assert Schema({"anyOf": [{"type": "string"}]}).misfit(1) == "it is no string"
    assert Schema({}).misfit(object) == ""


BOUNDS: list[tuple[dict[str, Any], object, str]] = [
    ({"minimum": 1}, 0, "it is less than 1"),
    ({"maximum": 1}, 2, "it is more than 1"),
    ({"exclusiveMinimum": 1}, 1, "it is not more than 1"),
    ({"exclusiveMaximum": 1}, 1, "it is not less than 1"),
    ({"multipleOf": 2}, 1, "it is no multiple of 2"),
    ({"minLength": 2}, "😀", "it is too short"),
    ({"maxLength": 1}, "ab", "it is too long"),
    ({"minProperties": 1}, {}, "it is too short"),
    ({"maxItems": 0}, [1], "it is too long"),
    ({"items": False}, [1], "it[0] must not be there"),
    ({"type": "integer"}, 2**80, ""),
    ({"type": "integer", "minimum": 2**80}, 2**70, f"it is less than {2**80}"),
]


@pytest.mark.parametrize(("schema", "value", "wrong"), BOUNDS)
def test_bounds(schema: dict[str, Any], value: object, wrong: str) -> None:
    assert Schema(schema).misfit(value) == wrong


TAGGED: dict[str, Any] = {
    "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
    "$defs": {
        "Cat": {
            "type": "object",
            "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
            "required": ["kind", "lives"],
        },
        "Dog": {
            "type": "object",
            "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}},
            "required": ["kind", "name"],
        },
    },
}


def test_the_alternative_that_was_meant_tells_what_is_wrong() -> None:
    optional = {"anyOf": [{"$ref": "#/$defs/Cat"}, {"type": "null"}], "$defs": TAGGED["$defs"]}
    assert Schema(optional).misfit({"kind": "cat"}) == "lives is not there"
    assert Schema(TAGGED).misfit({"kind": "dog", "name": 1}) == "name is no string"
    assert Schema(TAGGED).misfit({"kind": "owl"}) == "it is none of what it may be"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"type": "string", "format": "date"}, "no date", id="formats"),
        pytest.param({"type": "string", "pattern": r"^\d$"}, "\u0663", id="dialects"),
        pytest.param({"pattern": "[a-"}, "b", id="no pattern"),
        pytest.param({"pattern": "^(a+)+$"}, "a" * 100 + "b", id="slow pattern"),
        pytest.param({"format": "binary", "maxLength": 1}, "YQ==", id="units of a format"),
        pytest.param({"uniqueItems": True}, [1, 1], id="a set takes it"),
        pytest.param({"multipleOf": 0.1}, 0.1 + 0.2, id="rounding"),
        pytest.param({"oneOf": [{}, {"type": "object"}]}, {}, id="several fit"),
        pytest.param({"not": {"pattern": "x"}}, 1, id="negation of what is not asked"),
        pytest.param({"type": "elephant"}, 1, id="no type"),
        pytest.param({"type": []}, 1, id="no types"),
        pytest.param({"properties": 3, "required": "a", "minItems": "1"}, {}, id="no keywords"),
        pytest.param({"$ref": "http://127.0.0.1:9/x"}, 1, id="elsewhere, never fetched"),
        pytest.param({"$ref": "#/$defs/x"}, 1, id="nowhere"),
        pytest.param({"$id": "x:/y", "$ref": "#/$defs/a/0", "$defs": {"a": [1]}}, 1, id="no place"),
        pytest.param({"$schema": "https://example.org/mine"}, 1, id="own dialect"),
        pytest.param(
            {"patternProperties": {"^a": {}}, "additionalProperties": False}, {"a": 1}, id="keys"
        ),
        pytest.param({"propertyNames": {"type": "integer"}}, {"1": 1}, id="names"),
        pytest.param(3, 1, id="no schema"),
    ],
)
def test_what_is_not_asked_fits(schema: Any, value: object) -> None:
    assert Schema(schema).fits(value)
    assert Schema(schema).misfit(value) == ""


def test_references_to_anywhere_in_the_schema() -> None:
    older = {"$ref": "#/definitions/A", "definitions": {"A": {"type": "integer"}}}
    assert Schema(older).misfit("x") == "it is no integer"
    inside = {"properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}}}
    assert Schema(inside).misfit({"b": "x"}) == "b is no integer"
    unasked = {"patternProperties": {"a": {}}, "items": {"$ref": "#/patternProperties/a"}}
    assert Schema(unasked).fits([1])
    bare = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    assert Schema(bare).misfit({"a": {}}) == "a.a is not there"


def test_what_is_too_deep_to_tell_fits() -> None:
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert Schema(schema).fits(1)
    deep: Any = {}
    for _ in range(10_000):
        deep = {"properties": {"a": deep}}
    assert Schema(deep).fits(1)
    value: Any = []
    for _ in range(10_000):
        value = [value]
    assert Schema({"type": "array"}).fits(value)
    assert Schema({"type": "array"}).misfit(value) == ""


def test_half_of_a_character_is_one_character() -> None:
    schema = Schema({"type": "object", "properties": {"a": {"type": "string", "maxLength": 1}}})
    assert schema.fits({"a": "\ud800"})
    assert schema.misfit({"a": "\ud800\ud800"}) == "a is too long"


class Choice(enum.Enum):
    ONE = 1
    TEXT = "x"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    friend: Dog | Cat | None = None


class Quiet(BaseModel):
    text: str


class Loud(BaseModel):
    text: str


Spoken = Annotated[
    Annotated[Quiet, Tag("q")] | Annotated[Loud, Tag("l")],
    Discriminator(lambda said: "l" if isinstance(said, Loud) else "q"),
]


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
        (Annotated[bytes, Field(max_length=2)], "é".encode()),
        (
            Annotated[decimal.Decimal, Field(ge=0), MultipleOf(decimal.Decimal("0.01"))],
            decimal.Decimal("19.99"),
        ),
        (Annotated[float, Field(multiple_of=0.1)], 0.1 + 0.2),
        (Annotated[str, Field(pattern=r"^\d+$")], "\u0663"),
        (set[frozenset[int]], {frozenset({1}), frozenset({2})}),
        (AnyUrl, AnyUrl("https://example.org")),
        (ipaddress.IPv4Network, ipaddress.IPv4Network("10.0.0.0/8")),
        (pathlib.PurePosixPath, pathlib.PurePosixPath("a/b")),
        (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        (dt.time, dt.time(1, 2)),
        (re.Pattern[str], re.compile("(?P<x>a)(?P=x)")),
        (SecretStr, SecretStr("abc")),
        (Json[list[int]], [1]),
        (Annotated[int, Field(gt=2**70)], 2**71),
        (dict[float, None], {1.5: None}),
        (int | str | None, None),
        (Spoken, Loud(text="a")),
    ],
)
def test_what_pydantic_writes_fits_what_it_reads(hint: Any, value: object) -> None:
    adapter = TypeAdapter(hint)
    written = json.loads(adapter.dump_json(value, by_alias=True, round_trip=True))
    assert Schema(adapter.json_schema()).misfit(written) == ""
