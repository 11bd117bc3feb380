"""What students are asked for here: a return type of each kind, and contracts for them."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - Pydantic evaluates the annotations
from dataclasses import replace
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from distilgen.runtime import Contract
from distilgen.tool import tool_of

Word = Annotated[str, Field(max_length=8)]


class Parcel(BaseModel):
    sku: Word
    count: int
    express: bool


class Mood(Enum):
    GLAD = "glad"
    CROSS = "cross"


class Order(BaseModel):
    mood: Mood
    parcels: list[Parcel] = Field(max_length=2)
    note: Word | None
    weight: float


class Refusal(BaseModel):
    kind: Literal["refusal"]
    code: Literal[1, 2, 3]


class Quote(BaseModel):
    kind: Literal["quote"]
    cents: int


class Meeting(BaseModel):
    day: dt.date
    who: Word


class Letter(BaseModel):
    subject: str
    body: str


SLOW = Annotated[str, Field(min_length=800, max_length=850)]
"""Takes a server half a second and more."""

RETURNS: dict[str, Any] = {
    "flat": Parcel,
    "nested": Order,
    "optional": Parcel | None,
    "list": Annotated[list[Refusal], Field(max_length=3)],
    "union": Annotated[Refusal | Quote, Field(discriminator="kind")],
    "int": int,
    "literal": Literal["yes", "no", "maybe"],
    "dict": dict[str, bool],
    "date": Meeting,  # a day that the calendar does not have fits the schema
    "free": Letter,  # strings without a bound
}


def contract_for(returns: Any, **changes: Any) -> Contract:
    """The contract of a function of one argument, `number`, as `distilgen` freezes it."""
    tool, wraps = tool_of("compose", TypeAdapter(returns).json_schema())
    made = Contract(
        function="shop.mail:compose",
        fingerprint="",
        system_prompt="Predict the results of compose.",
        user_message="{call}",
        tool=tool,
        inputs={"type": "object", "properties": {"number": {"type": "integer"}}},
        wraps_result=wraps,
    )
    return replace(made, fingerprint=made.digest(), **changes)


def is_of(returns: Any, value: Any) -> bool:
    """Is it a value of the type, with all that the type says of what is in it?"""
    adapter = TypeAdapter[Any](returns)
    adapter.validate_python(value, strict=True)
    return bool(adapter.validate_python(adapter.dump_python(value)) == value)
