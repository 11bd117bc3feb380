"""For every kind of type that Pydantic has: it is in the strict subset, and answers come back."""

import enum
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    Optional,
    TypeVar,
)
from uuid import UUID

import pytest
from pydantic import (
    AliasChoices,
    AnyUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    RootModel,
    Tag,
    TypeAdapter,
    computed_field,
    create_model,
    field_validator,
    model_validator,
)  # fmt: skip
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from distilgen.strict import strict_form
from distilgen.strict_values import from_strict, to_strict

T = TypeVar("T")

Word = Annotated[str, Field(min_length=1, max_length=3, pattern="^a")]


class Plain(BaseModel):
    """A docstring."""

    a: int
    b: str = "x"


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    WORD = "w"
    NUMBER = 3


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog", "wolf"]
    name: str | None = None


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


class Left(BaseModel):
    right: "Right | None" = None


class Right(BaseModel):
    left: Left | None = None


Left.model_rebuild()


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: Optional["Page[T]"] = None


class Options(TypedDict, total=False):
    a: int
    b: str


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: float = 0.5


@dataclass
class Standard:
    a: int
    b: list[int] = field(default_factory=list)


@pydantic_dataclass
class Checked:
    a: int = Field(ge=0)
    b: dict[str, int] = Field(default_factory=dict)


class Computed(BaseModel):
    width: int
    height: int = 2

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.width * self.height


class Validated(BaseModel):
    a: int
    b: int

    @field_validator("a")
    @classmethod
    def positive(cls, value: int) -> int:
        return abs(value)

    @model_validator(mode="after")
    def ordered(self) -> "Validated":
        return self


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    a_b: int = Field(alias="aB")
    c: str = Field(default="q", alias="C d")


class Extra(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"a": 1}], "x-note": "n", "not": {}})
    a: int = Field(json_schema_extra={"format": "odd", "deprecated": True})


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Other", frozen=True)
    a: int


class Empty(BaseModel):
    pass


class Outer(BaseModel):
    class Inner(BaseModel):
        x: int

    inner: Inner
    more: dict[str, Inner] = {}


def _tag(value: Any) -> str:
    return "p" if isinstance(value, Plain) or (isinstance(value, dict) and "a" in value) else "e"


def _model(kind: Any, default: Any = ...) -> Any:
    return create_model("M", x=(kind, default))


def _of(kind: Any, *values: Any, default: Any = ...) -> tuple[Any, list[Any]]:
    """A model with one field of the type, and the field's values."""
    return _model(kind, default), [{"x": value} for value in values]


NOW = datetime(2026, 11, 3, 1, 2, 3, 4, tzinfo=UTC)

KINDS: dict[str, tuple[Any, list[Any]]] = {
    "fields": (Plain, [{"a": 1}, {"a": -3, "b": "ü"}]),
    "empty": (Empty, [{}]),
    "scalars": (
        create_model("M", a=(int, ...), b=(float, ...), c=(bool, ...), d=(str, ...)),
        [{"a": 1, "b": 0.5, "c": True, "d": ""}],
    ),
    "constraints": (
        create_model(
            "M",
            a=(Annotated[int, Field(gt=0, le=9, multiple_of=3)], 3),
            b=(Word, "a"),
            c=(Annotated[list[int], Field(min_length=1, max_length=3)], [1]),
        ),
        [{}, {"a": 6, "b": "ab", "c": [1, 2]}],
    ),
    "Optional without a default": _of(int | None, 1, None),
    "Optional with None": _of(int | None, 1, None, default=None),
    "Optional with another default": _of(int | None, 1, None, default=3),
    "default of a model": _of(Plain, {"a": 1}, default=Plain(a=2)),
    "default factory": _of(list[int], [], [1], default=Field(default_factory=list)),
    "Any": _of(Any, 1, None, "x", [1, {"a": [None]}], {"a": {"b": 1}}, {"entries": []}, 0.5),
    "Any with a default": _of(Any, 1, None, default=5),
    "object": _of(object, 1, [2]),
    "list": _of(list[Plain], [], [{"a": 1}]),
    "bare list": _of(list, [], [1, "x", None]),
    "set": _of(set[int], set(), {1}),
    "frozenset of enums": _of(frozenset[Color], {Color.RED}),
    "tuple": _of(tuple[int, str, Plain], (1, "x", {"a": 1})),
    "tuple of one kind": _of(tuple[int, ...], (), (1, 2)),
    "tuple of nothing": _of(tuple[()], ()),
    "tuple of alike": _of(tuple[int, int], (1, 2)),
    "dict": _of(dict[str, int], {}, {"a": 1, "entries": 2}),
    "dict of models": _of(dict[str, Plain], {"k": {"a": 1}}),
    "dict of any": _of(dict[str, Any], {"k": {"a": [1, {}]}}),
    "bare dict": _of(dict, {}, {"a": None}),
    "dict by integers": _of(dict[int, str], {1: "x"}),
    "dict by enum": _of(dict[Color, int], {"r": 1}),
    "dict by integer enum": _of(dict[Level, int], {1: 1}),
    "dict by literal": _of(dict[Literal["a", "b"], int], {"a": 1}),
    "dict by date": _of(dict[date, int], {date(2026, 1, 2): 1}),
    "dict by pattern": _of(dict[Annotated[str, Field(pattern="^a")], int], {"ab": 1}),
    "dict in dict": _of(dict[str, dict[str, list[int]]], {"a": {"b": [1]}}),
    "dict at the root": (dict[str, Plain], [{}, {"x": {"a": 1}}]),
    "union of scalars": _of(int | str | None, 1, "1", None),
    "union of models": _of(Plain | Cat, {"a": 1}, {"kind": "cat"}),
    "union of subset and superset": _of(Tree | Plain | Movie, {"name": "x", "year": 1}, {"a": 1}),
    "union of dict and list": _of(dict[str, int] | list[int], {"a": 1}, [1], {}, []),
    "union of dict and model": _of(Plain | dict[str, str], {"a": 1}, {"k": "v"}),
    "discriminated union": _of(
        Annotated[Cat | Dog, Field(discriminator="kind")],
        {"kind": "cat"},
        {"kind": "wolf"},
        {"kind": "dog", "name": "x"},
    ),
    "discriminator function": _of(
        Annotated[Annotated[Plain, Tag("p")] | Annotated[Empty, Tag("e")], Discriminator(_tag)],
        {"a": 1},
        {},
    ),
    "enum": _of(Color, "r", default=Color.BLUE),
    "integer enum": _of(Level, 1),
    "mixed enum": _of(Mixed, "w", 3),
    "Literal": _of(Literal["a", "b"], "a"),
    "Literal of one": _of(Literal["a"], "a"),
    "Literal of many types": _of(Literal["a", 1, True] | None, "a", 1, None),
    "recursive": (Tree, [{"name": "a", "children": [{"name": "b", "children": []}]}]),
    "recursive in two": (Left, [{}, {"right": {"left": {"right": None}}}]),
    "recursive root model": (
        RootModel[dict[str, int]],
        [{"a": 1}],
    ),
    "root model inside": _of(RootModel[list[Plain]], [{"a": 1}]),
    "generic": (Page[Plain], [{"items": [{"a": 1}], "next": {"items": []}}]),
    "nested classes": (Outer, [{"inner": {"x": 1}, "more": {"k": {"x": 2}}}]),
    "aliases": (Aliased, [{"aB": 1}, {"aB": 1, "C d": "x"}]),
    "alias choices": _of(int, 1, default=Field(validation_alias=AliasChoices("x", "y"))),
    "computed field": (Computed, [{"width": 3}]),
    "validators": (Validated, [{"a": 1, "b": 2}]),
    "validator before": _of(Annotated[int, BeforeValidator(int)], 1),
    "json_schema_extra": (Extra, [{"a": 1}]),
    "extra forbid": (Forbidding, [{"a": 1}]),
    "TypedDict": (Movie, [{"name": "x"}, {"name": "x", "year": 1}]),
    "TypedDict, all left out": _of(Options, {}, {"b": "x"}, {"a": 1, "b": "x"}),
    "NamedTuple": _of(Point, (1, 2.5)),
    "dataclass": (Standard, [{"a": 1}, {"a": 1, "b": [2]}]),
    "pydantic dataclass": (Checked, [{"a": 1}, {"a": 1, "b": {"k": 2}}]),
    "Decimal": _of(Decimal, Decimal("1.50")),
    "dates": _of(tuple[date, datetime, time, timedelta], (NOW.date(), NOW, time(1), timedelta(1))),
    "UUID": _of(UUID, UUID(int=7)),
    "bytes": _of(bytes, b"abc"),
    "url": _of(AnyUrl, "https://a.example/b"),
    "path": _of(Path, Path("a/b")),
    "Json": _of(dict[str, Json[Any]], {}),
    "float for an integer": _of(float, 1, 1.0),
}


# What structured outputs take, written down once more from their documentation.
_BY_TYPE = {
    "string": {"enum", "const"},
    "number": {"enum", "const"},
    "integer": {"enum", "const"},
    "boolean": {"enum", "const"},
    "null": {"const"},
    "array": {"items"},
    "object": {"properties", "required", "additionalProperties"},
}
_PYTHON: dict[str, Any] = {
    "string": str, "number": (int, float), "integer": int, "boolean": bool, "null": type(None),
    "array": list, "object": dict,
}  # fmt: skip


def _check(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Is a schema in the subset?"""
    said = {key: item for key, item in schema.items() if key not in ("title", "description")}
    if "$ref" in said:
        assert list(schema) == ["$ref"]
        assert said["$ref"].split("/")[:2] == ["#", "$defs"]
        assert said["$ref"].split("/")[2] in definitions
        return
    if "anyOf" in said:
        assert list(said) == ["anyOf"]
        assert said["anyOf"]
        for item in said["anyOf"]:
            _check(item, definitions)
        return
    kind = said.pop("type")
    assert set(said) <= _BY_TYPE[kind]
    for value in [*said.get("enum", []), *([said["const"]] if "const" in said else [])]:
        assert isinstance(value, _PYTHON[kind])
    if kind == "object":
        assert said["additionalProperties"] is False
        assert said["required"] == list(said["properties"])
        for item in said["properties"].values():
            _check(item, definitions)
    if kind == "array":
        _check(said["items"], definitions)


def _check_root(schema: dict[str, Any]) -> None:
    schema = dict(schema)
    definitions = schema.pop("$defs", {})
    assert schema["type"] == "object"
    for item in (schema, *definitions.values()):
        _check(item, definitions)


def _valid(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Is a value valid by a schema in the subset?"""
    if "$ref" in schema:
        return _valid(value, definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return any(_valid(value, item, definitions) for item in schema["anyOf"])
    kind = schema["type"]
    if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if kind == "array":
        return all(_valid(item, schema["items"], definitions) for item in value)
    if kind == "object":
        return value.keys() == schema["properties"].keys() and all(
            _valid(value[name], item, definitions) for name, item in schema["properties"].items()
        )
    return True


@pytest.mark.parametrize(("kind", "values"), KINDS.values(), ids=KINDS)
def test_every_kind_is_in_the_subset_and_comes_back(kind: Any, values: list[Any]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema()
    before = json.dumps(schema)
    found = strict_form(schema)
    assert found.schema is not None, found.obstacles
    _check_root(found.schema)
    assert values
    for item in values:
        value = adapter.validate_python(item)
        plain = adapter.dump_python(value, mode="json", by_alias=True)
        written = to_strict(plain, schema)
        assert _valid(written, found.schema, found.schema.get("$defs", {})), written
        read = from_strict(json.loads(json.dumps(written)), schema)
        assert adapter.validate_json(json.dumps(read)) == value
        assert (
            adapter.dump_python(adapter.validate_python(read), mode="json", by_alias=True) == plain
        )
    assert json.dumps(schema) == before
    assert strict_form(schema) == found


@pytest.mark.parametrize(("kind", "values"), KINDS.values(), ids=KINDS)
def test_what_is_left_out_comes_back_too(kind: Any, values: list[Any]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema()
    for item in values:
        value = adapter.validate_python(item)
        plain = adapter.dump_python(value, mode="json", by_alias=True, exclude_defaults=True)
        written = to_strict(plain, schema)
        strict = strict_form(schema).schema
        assert strict
        assert _valid(written, strict, strict.get("$defs", {})), written
        read = from_strict(written, schema)
        assert adapter.validate_python(read) == adapter.validate_python(plain)
