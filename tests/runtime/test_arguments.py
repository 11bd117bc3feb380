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
import threading
import warnings
import weakref
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pydantic.dataclasses
import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model, field_serializer
from pydantic_core import to_json

from distilgen.runtime import arguments
from distilgen.runtime.arguments import (
    ATOMS,
    LONGEST,
    SAFE,
    canonical,
    in_the_clear,
    overlong,
    unserializable,
)
from distilgen.runtime.sensitive import NotRedactedError


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


class Measure(BaseModel):
    value: float
    note: str | None = None


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


class IntLike(int):
    pass


def deep(levels: int) -> list[Any]:
    """Lists in lists."""
    made: list[Any] = []
    for _ in range(levels):
        made = [made]
    return made


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
        (Point(1, {"b", "a"}, Size.SMALL), '{"x":1,"tags":["a","b"],"other":1}'),
        (Checked(1, {"b", "a"}), '{"x":1,"tags":["a","b"]}'),
        (
            Order(items=[], labels={"b", "a"}, more={"d", "c"}),  # type: ignore[call-arg]
            '{"items":[],"labels":["a","b"],"at":"never","more":["c","d"]}',
        ),
        (Anything(value=[{"b", "a"}]), '{"value":[["a","b"]]}'),
        (10**4299, str(10**4299)),
        (float("inf"), "Infinity"),
        (Anything(value=float("nan")), '{"value":NaN}'),
        (Measure(value=float("inf")), '{"value":Infinity,"note":null}'),
        (Measure(value=0.5), '{"value":0.5,"note":null}'),
        ({Size.SMALL: 1, Colour.RED: 2, None: 3, 1.5: 5}, '{"1":1,"red":2,"None":3,"1.5":5}'),
        ({(1, "a"): 1, dt.date(2026, 11, 3): 2}, '{"1,a":1,"2026-11-03":2}'),
        (IntLike(7), "7"),
        (deep(100), "[" * 101 + "]" * 101),
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


def self_holding() -> dict[str, Any]:
    tied: dict[str, Any] = {}
    tied["a"] = [tied]
    return tied


def circled() -> Point:
    point = Point(1)
    point.other = [point]
    return point


class Hashless:
    """Everything that may be asked of it raises, or never ends."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        return hash(self)

    def __repr__(self) -> str:
        return repr(self)

    def __getattr__(self, name: str) -> object:
        return getattr(self, name)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str = "its repr would be the key"


ITEM_KEY = Frozen()


class Array:
    """As arrays of numpy are: a sequence, but no list, and truth is ambiguous."""

    def __init__(self, values: list[int]) -> None:
        self.values = values

    def __getitem__(self, place: int) -> int:
        return self.values[place]

    def __len__(self) -> int:
        return len(self.values)

    def __eq__(self, other: object) -> Any:
        return Array([value == other for value in self.values])

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise ValueError("the truth value is ambiguous")


class Proxied:
    def __init__(self) -> None:
        self.x = 1


PROXIED = Proxied()


def dead_proxy() -> Any:
    gone = Proxied()
    return weakref.proxy(gone)


class Liar:
    """Says that it is a dict."""

    __class__: Any = dict


class RaisingClass:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no class")


@dataclass(init=False)
class Lazy:
    x: int

    def __getattribute__(self, name: str) -> Any:
        if name == "x":
            raise RuntimeError("not loaded")
        return object.__getattribute__(self, name)


class LyingDict(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class Recursive(BaseModel):
    x: int = 1

    @field_serializer("x")
    def _x(self, _: int) -> str:
        return self.model_dump_json()


class Wide(BaseModel):
    value: int


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


MARKED = {"$unserializable": ""}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (deep(10_000), MARKED),
        (Anything(value=deep(10_000)), MARKED),
        ({"a": deep(10_000)}, MARKED),
        (self_holding(), MARKED),
        (circled(), MARKED),
        (Hashless(), MARKED),
        ({ITEM_KEY: 1}, MARKED),
        (threading.Lock(), MARKED),
        (Array([1, 2]), MARKED),
        ([weakref.ref(Unruly)], [MARKED]),
        (weakref.proxy(PROXIED), MARKED),
        (dead_proxy(), MARKED),
        (Liar(), MARKED),
        (RaisingClass(), MARKED),
        (Mock(spec=dict), MARKED),
        (Lazy(), MARKED),
        ([1, Lazy()], MARKED),
        (LyingDict(a=1), MARKED),
        (Recursive(), MARKED),
        (Anything(value={"a": [10**5000]}), MARKED),
        (Wide(value=10**5000), MARKED),
        (10**4300, MARKED),
        (IntLike(10**4300), MARKED),
        (map(str, [1]), MARKED),
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
        *("deep lists", "deep lists in a model", "deep lists in a dict", "dict in itself"),
        *("dataclass in itself", "no hash", "model as key", "lock", "array", "weak reference"),
        *("weak proxy", "dead proxy", "lying class", "raising class", "mock", "raising property"),
        *("raising property in a list", "lying dict", "recursive serialiser"),
        *("huge integer deep in a model", "huge integer in a field", "4,301 digits"),
        *("4,301 digits of a subclass", "map"),
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


def test_leaving_the_program_is_not_ours_to_stop() -> None:
    # Pydantic itself makes a PydanticSerializationError of what a serialiser raises, whatever that
    # is; everywhere else it goes through.
    @dataclass(init=False)
    class Leaving:
        x: int

        def __getattribute__(self, name: str) -> Any:
            if name == "x":
                raise KeyboardInterrupt
            return object.__getattribute__(self, name)

    for value in (Leaving(), [Leaving()], {"a": Leaving()}):
        with pytest.raises(KeyboardInterrupt):
            canonical({"x": value})


# What the recorder's fast road may write by itself


class Flat(BaseModel):
    a: str = "é"
    b: bool = False
    c: list[int] = [1]
    d: dt.datetime | None = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
    e: Decimal = Decimal("1.10")
    f: dict[str, Item] = {"a": ITEM}


class Raw(BaseModel):
    a: bytes = b"\xff"


class Secretive(BaseModel):
    key: SecretStr = SecretStr("hunter2")


class Written(BaseModel):
    x: int = 1

    @field_serializer("x")
    def _x(self, x: int) -> int:
        return x


SAFE_VALUES = ["a", 1, 1.5, float("inf"), True, None, Flat(), ITEM, Wide(value=3), Flat(f={})]


@pytest.mark.parametrize("value", SAFE_VALUES, ids=repr)
def test_safe_types_are_written_alike(value: Any) -> None:
    canonical({"x": [value]})
    assert type(value) in SAFE
    for given in ({"x": value}, {"x": [value, value]}):
        assert to_json(given, inf_nan_mode="constants") == canonical(given)
        assert in_the_clear(given) == canonical(given)


@pytest.mark.parametrize(
    "value",
    [
        Order(items=[]),
        Anything(),
        Raw(),
        Written(),
        Raising(),
        Point(1),
        Colour.RED,
        Word("a"),
        b"",
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_not_safe(value: Any) -> None:
    canonical({"x": value})
    assert type(value) not in SAFE


def test_what_is_to_be_hidden_is_not_written() -> None:
    for value in (
        Secretive(),
        SecretStr("hunter2"),
        [{"a": Secretive()}],
        Anything(value=Secretive()),
    ):
        with pytest.raises(NotRedactedError):
            canonical({"x": value})
        assert b"hunter2" not in in_the_clear({"x": value})
    assert Secretive not in SAFE


def test_values_of_safe_types_that_are_not_as_declared() -> None:
    canonical({"x": Flat()})
    for odd, shown in (
        (Flat.model_construct(a=object()), MARKED),
        (Flat.model_construct(a={1}), [1]),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shape = _without_names(json.loads(canonical({"x": odd})))
        assert shape["x"]["a"] == shown


def test_what_the_fast_road_must_look_for() -> None:
    long = 10**LONGEST
    assert overlong(to_json([long], inf_nan_mode="constants"))
    assert not overlong(to_json([long - 1]))
    assert not overlong(to_json("7" * 2 * LONGEST))
    with pytest.raises(ValueError, match="surrogates"):
        to_json("\ud800")


def test_classes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "_MOST", 5)
    for number in range(20):
        canonical({"x": create_model(f"Model{number}", a=(int, 1))()})
    assert len(SAFE) <= len(ATOMS) + 5


# Size


@pytest.mark.parametrize(
    ("given", "limit", "shown"),
    [
        ({"a": "x" * 100, "b": 1}, 200, {"a": "x" * 100, "b": 1}),
        ({"a": "x" * 100, "b": 1}, 100, {"a": {"$too_large": 102}, "b": 1}),
        ({"a": "x" * 50, "b": "y" * 60}, 99, {"a": "x" * 50, "b": {"$too_large": 62}}),
        ({"a": "x" * 99, "b": "y" * 98}, 60, {"a": {"$too_large": 99}, "b": {"$too_large": 98}}),
        ({"a": ["é" * 50]}, 60, {"a": {"$too_large": 104}}),
        ({"a": "é" * 500}, 60, {"a": {"$too_large": 1000}}),
        ({"a": b"x" * 500, "b": object()}, 100, {"a": {"$too_large": 500}, "b": MARKED}),
        ({"a": 1, "b": 2}, 5, {"a": 1, "b": 2}),
    ],
)  # fmt: skip
def test_the_largest_arguments_are_left_out(given: Any, limit: int, shown: Any) -> None:
    assert _without_names(json.loads(canonical(given, limit=limit))) == shown


def test_a_limit_is_met_to_the_byte() -> None:
    given: dict[str, Any] = {"a": "x" * 100, "é": [1.5, "b"]}
    size = len(canonical(given))
    assert canonical(given, limit=size) == canonical(given)
    assert b"$too_large" in canonical(given, limit=size - 1)
    given["c"] = {1}
    size = len(canonical(given))
    assert canonical(given, limit=size) == canonical(given)
    assert len(canonical(given, limit=size - 1)) < size
