"""Arguments have one JSON text, whatever they are made of and whichever process writes it."""

from __future__ import annotations

import datetime as dt
import enum
import io
import json
import os
import subprocess
import sys
import textwrap
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pydantic.dataclasses
import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from distilgen.runtime.arguments import canonical, unserializable


class Colour(enum.Enum):
    RED = "red"
    MIXED = frozenset({"b", "a"})


class Size(enum.IntEnum):
    SMALL = 1


class Item(BaseModel):
    sku: str = Field(alias="stockKeepingUnit")
    count: int = 1


class Order(BaseModel):
    model_config = ConfigDict(extra="allow")
    items: list[Item]
    labels: set[str] = set()
    at: dt.datetime | None = None

    @field_serializer("at", when_used="json")
    def _at(self, at: dt.datetime | None) -> str:
        return f"{at:%Y}" if at else "never"


class Secret(BaseModel):
    key: SecretStr


class Anything(BaseModel):
    value: Any = None


@dataclass
class Point:
    x: int
    tags: set[str] = field(default_factory=set)
    other: Any = None


@pydantic.dataclasses.dataclass
class Checked:
    x: int
    tags: set[str]


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - the old kind, too
ITEM = Item(stockKeepingUnit="a")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hé\n\u2028", '"hé\\n\u2028"'),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (10**400, str(10**400)),
        (True, "true"),
        (None, "null"),
        (b"\xff\x00", '"_wA="'),
        (Decimal("1.10"), '"1.10"'),
        (dt.date(2026, 11, 3), '"2026-11-03"'),
        (dt.datetime(2026, 11, 3, 1, 2, tzinfo=dt.UTC), '"2026-11-03T01:02:00Z"'),
        (dt.timedelta(days=1, seconds=2), '"P1DT2S"'),
        (PurePosixPath("a/b"), '"a/b"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Colour.RED, '"red"'),
        (Colour.MIXED, '["a","b"]'),
        (Size.SMALL, "1"),
        ((1, "a"), '[1,"a"]'),
        (Pair({2, 1}, []), "[[1,2],[]]"),
        (deque([{"b", "a"}]), '[["a","b"]]'),
        ({1: {"b", "a"}, "k": None}, '{"1":["a","b"],"k":null}'),
        (defaultdict(set, a={"b", "a"}), '{"a":["a","b"]}'),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        ({frozenset({2, 1}), frozenset()}, "[[1,2],[]]"),
        (ITEM, '{"stockKeepingUnit":"a","count":1}'),
        (Secret(key=SecretStr("hunter2")), '{"key":"**********"}'),
        (Point(1, {"b", "a"}, Size.SMALL), '{"x":1,"tags":["a","b"],"other":1}'),
        (Checked(1, {"b", "a"}), '{"x":1,"tags":["a","b"]}'),
        (
            Order(items=[], labels={"b", "a"}, more={"d", "c"}),  # type: ignore[call-arg]
            '{"items":[],"labels":["a","b"],"at":"never","more":["c","d"]}',
        ),
        (Anything(value=[{"b", "a"}]), '{"value":[["a","b"]]}'),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_has_one_text(value: object, text: str) -> None:
    assert canonical({"x": value}).decode() == f'{{"x":{text}}}'
    assert canonical({"x": [value]}).decode() == f'{{"x":[{text}]}}'
    assert not unserializable(text)
    json.loads(text)


class Unruly:
    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


class Raising(BaseModel):
    x: int = 1

    @field_serializer("x")
    def _x(self, _: int) -> int:
        raise LookupError("no x")


def endless() -> Any:
    yield from iter(int, 1)


def knot() -> list[Any]:
    """A list that holds itself."""
    tied: list[Any] = []
    tied.append(tied)
    return tied


def looped() -> Anything:
    model = Anything()
    model.value = model
    return model


MARKED = {"$unserializable": ""}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (object(), MARKED),
        ([1, object(), {"a": print}], [1, MARKED, {"a": MARKED}]),
        (Point(1, set(), object()), {"x": 1, "tags": [], "other": MARKED}),
        (Anything(value=object()), {"value": MARKED}),
        (Unruly(), MARKED),
        (Raising(), MARKED),
        (Item, MARKED),
        (Point, MARKED),
        ("\ud800", MARKED),
        ({"\ud800": 1}, MARKED),
        ({frozenset(): 1}, MARKED),
        (10**5000, MARKED),
        ([10**5000], [MARKED]),
        (knot(), MARKED),
        (looped(), MARKED),
        (endless(), MARKED),
        ([endless()], [MARKED]),
        (Anything(value=endless()), MARKED),
        (Anything(value=[endless()]), MARKED),
        (Point(1, set(), endless()), {"x": 1, "tags": [], "other": MARKED}),
        (io.BytesIO(b"a"), MARKED),
    ],
    ids=[
        *("object", "in a list", "in a dataclass", "in a model", "no repr", "raising serialiser"),
        *("class of a model", "class of a dataclass", "surrogate", "surrogate key", "set as key"),
        *("huge integer", "huge integer in a list", "list in itself", "model in itself"),
        *("iterator", "iterator in a list", "iterator in a model", "deep iterator in a model"),
        *("iterator in a dataclass", "file"),
    ],
)
def test_a_value_without_json_form_is_marked(value: object, shape: object) -> None:
    text = canonical({"before": 1, "x": value, "after": "ü"}).decode()
    assert unserializable(text)
    parsed = json.loads(text)
    assert _without_names(parsed) == {"before": 1, "x": shape, "after": "ü"}


def _without_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "" if key == "$unserializable" else _without_names(item)
            for key, item in value.items()
        }
    return [_without_names(item) for item in value] if isinstance(value, list) else value


def test_a_marker_names_the_type() -> None:
    assert json.loads(canonical({"x": Unruly()})) == {
        "x": {"$unserializable": f"{__name__}.Unruly"}
    }


def test_iterators_are_not_read() -> None:
    file, numbers = io.StringIO("a\nb"), iter([1, 2])
    canonical({"file": file, "model": Anything(value=numbers), "point": Point(1, other=numbers)})
    assert file.tell() == 0
    assert list(numbers) == [1, 2]


def test_text_that_looks_like_a_marker_is_none() -> None:
    assert not unserializable(canonical({"x": '{"$unserializable":"a"}'}).decode())


def test_keys_stand_in_the_order_given() -> None:
    assert canonical({"b": 1, "a": 2, "é": 3}) == '{"b":1,"a":2,"é":3}'.encode()
    assert canonical({}) == b"{}"


def test_every_process_writes_the_same_text() -> None:
    program = """
        from dataclasses import dataclass
        from typing import Any
        from pydantic import BaseModel
        from distilgen.runtime.arguments import canonical

        class Model(BaseModel):
            names: set[str]
            deep: dict[str, list[frozenset[str]]]
            any: Any

        @dataclass
        class Data:
            names: set[str]
            models: list[Model]

        names = {f"name-{number}" for number in range(50)}
        model = Model(names=names, deep={"a": [frozenset(names)]}, any=[names])
        print(canonical({"x": names, "y": [model], "z": Data(names, [model]), "n": {"m": names}}))
    """
    texts = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
