"""Inputs that Hypothesis makes from the types of the parameters."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired
from uuid import UUID

import pytest
from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    FutureDate,
    FutureDatetime,
    HttpUrl,
    Json,
    NaiveDatetime,
    PastDate,
    PastDatetime,
    RootModel,
    SecretStr,
    field_validator,
)
from typing_extensions import TypedDict

from distilgen.collection.generated import source
from distilgen.collection.given import Given
from distilgen.collection.typed import Typed
from distilgen.errors import CollectError
from distilgen.runtime.arguments import canonical


class Size(enum.Enum):
    BIG = "big"
    SMALL = 2


class Held(BaseModel):
    call: Callable[[int], int]


class Line(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    amount: int = Field(gt=0, le=100)
    price: Decimal = Field(ge=0, max_digits=8, decimal_places=2)
    rate: float = Field(default=0.5, ge=0, lt=1)
    note: str | None = None


class Order(BaseModel):
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$", alias="theCode")
    size: Size
    at: dt.datetime
    lines: list[Line] = Field(min_length=1, max_length=3)
    level: Literal["low", "high"] = "low"
    parent: Order | None = None


class Even(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def is_even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("is odd")
        return n


class Tags(RootModel[list[str]]):
    pass


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Plain:
    a: int
    b: list[str]


class Keys(TypedDict):
    a: int
    b: NotRequired[str]


class Exact(BaseModel):
    model_config = {"strict": True}

    tags: tuple[str, ...]
    when: dt.date
    size: Size


class Odd:
    def __init__(self, value: Any) -> None: ...


class Nothing(BaseModel):
    n: int = Field(gt=5, lt=3)


class Holder(BaseModel):
    model_config = {"arbitrary_types_allowed": True}

    odd: Any
    when: Sequence[dt.date]


def typed(annotation: Any) -> Typed:
    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": annotation}
    return Typed.of(function, inspect.signature(function).parameters)


def made(annotation: Any, count: int = 20, seed: int = 0, **constants: Any) -> list[Any]:
    reader = typed(annotation)
    found = source(reader, count, seed, constants, lambda _: None)
    assert found.total == count
    return [reader.values(item)["x"] for item in found.inputs if isinstance(item, Given)]


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        str,
        float,
        Decimal,
        bytes,
        dt.date,
        dt.datetime,
        dt.timedelta,
        UUID,
        Path,
        SecretStr,
        HttpUrl,
        AwareDatetime,
        NaiveDatetime,
        PastDatetime,
        FutureDatetime,
        PastDate,
        FutureDate,
        Json[list[int]],
        Any,
        Line,
        Order,
        Even,
        Tags,
        Point,
        Plain,
        Keys,
        Exact,
        Holder,
        list[Line],
        set[str],
        tuple[int, ...],
        tuple[int, str],
        dict[str, int],
        Size | int,
        Annotated[int, Field(ge=10, le=1_000, multiple_of=5)],
        Annotated[str, Field(min_length=3, max_length=4)],
        Annotated[float, Field(gt=0, lt=10)],
        Annotated[dt.date, Field(ge=dt.date(2026, 1, 1))],
        Annotated[list[int], Field(min_length=2, max_length=3)],
    ],
)
def test_types(annotation: Any) -> None:
    values = made(annotation)
    assert len(values) == 20
    if annotation is not SecretStr:
        assert len({canonical({"x": value}) for value in values}) == 20


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second, other = (made(Order, 30, seed) for seed in (1, 1, 2))
    assert first == second != other
    assert made(Order, 10, 1) == first[:10]


def test_rules_hold() -> None:
    orders = made(Order, 50)
    assert {order.size for order in orders} == set(Size)
    assert all(1 <= len(order.lines) <= 3 for order in orders)
    assert all(line.amount > 0 for order in orders for line in order.lines)
    assert all(order.code.isascii() for order in orders)


def test_where_there_are_not_so_many_it_says_so() -> None:
    notes: list[str] = []
    found = source(typed(bool), 100, 0, {}, notes.append)
    assert len(list(found.inputs)) == 2
    assert notes == ["only 2 different inputs could be made of 100"]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Odd, "parameter x: no input can become its type"),
        (Nothing, "parameter x: no value of its type can be made: "),
    ],
)
def test_what_cannot_be_made_names_parameter_and_reason(annotation: Any, message: str) -> None:
    with pytest.raises(CollectError, match=message):
        made(annotation)


def test_values_that_no_record_can_hold_are_refused_at_once() -> None:
    for annotation in (Callable[[int], int], Held):
        with pytest.raises(CollectError, match="parameter x: no record can hold a value of"):
            made(annotation)
    assert all(isinstance(value, int) for value in made(Callable[[int], int] | int))

    def kept(n: int, call: Callable[[int], int] | None) -> None: ...
    def held(n: int, call: Callable[[int], int] = abs) -> None: ...

    reader = Typed.of(kept, inspect.signature(kept).parameters)
    found = list(source(reader, 3, 0, {}, lambda _: None).inputs)
    assert [i.arguments["call"] for i in found if isinstance(i, Given)] == [None] * 3
    with pytest.raises(CollectError, match="parameter call: no record can hold"):
        source(Typed.of(held, inspect.signature(held).parameters), 3, 0, {}, lambda _: None)


def test_constants_are_not_made() -> None:
    def function(x: int, y: Nothing, z: Odd = Odd(1)) -> None: ...  # noqa: B008

    function.__annotations__ = {"x": int, "y": Nothing, "z": Odd}
    reader = Typed.of(function, inspect.signature(function).parameters)
    with pytest.raises(CollectError, match="--set y=JSON"):
        source(reader, 3, 0, {}, lambda _: None)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made(Order, 10)
    assert not list(tmp_path.iterdir())


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(CollectError, match=r'pip install "distilgen\[generate\]"'):
        made(int)
