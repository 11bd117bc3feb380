"""Teachers that calculate: three-digit multiplication, shipping quotes, loan rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from student_tasks.task import NO_ANSWER, Task
from student_tasks.words import junk

if TYPE_CHECKING:
    from student_tasks.task import Draw, Row


class Factors(BaseModel):
    a: int
    b: int


class Product(BaseModel):
    a: int
    b: int
    result: int


def _multiplied(a: int, b: int) -> Row:
    return {"a": a, "b": b}, {"a": a, "b": b, "result": a * b}


def _no_factors(draw: Draw) -> Row:
    wrong: list[dict[str, Any]] = [
        {"a": junk(draw), "b": draw.randrange(100, 1000)},
        {"a": draw.randrange(100, 1000)},
        {},
        {"a": None, "b": None},
        {"a": [1, 2], "b": {"b": 3}},
        {"a": "12", "b": "13"},
        {"a": True, "b": 1e400},
    ]
    return draw.choice(wrong), NO_ANSWER


MULTIPLICATION = Task(
    "multiplication",
    "two integers of three digits; both, and their product",
    Factors,
    Product,
    lambda draw: _multiplied(draw.randrange(100, 1000), draw.randrange(100, 1000)),
    elsewhere={
        "longer": lambda draw: _multiplied(draw.randrange(10**9), draw.randrange(10**9)),
        "negative": lambda draw: _multiplied(-draw.randrange(1000), draw.randrange(-10, 10)),
        "no integers": _no_factors,
    },
)


Zone = Literal["local", "domestic", "europe", "world"]


class Parcel(BaseModel):
    weight_kg: float
    zone: Zone
    express: bool
    value: float


class Quote(BaseModel):
    price: float
    carrier: Literal["bike", "van", "post", "air", "freight"]
    days: int


_BANDS = (0.5, 2.0, 5.0, 10.0, 20.0, 31.5)
_PRICES = {
    "local": (3.2, 4.1, 5.4, 7.9, 11.5, 16.0),
    "domestic": (4.5, 5.5, 7.0, 10.5, 16.5, 22.9),
    "europe": (9.0, 14.0, 17.0, 23.0, 38.0, 55.5),
    "world": (14.0, 25.0, 42.0, 61.0, 98.0, 140.0),
}
_DAYS = {"local": 1, "domestic": 2, "europe": 4, "world": 9}


def _quoted(parcel: dict[str, Any]) -> Row:
    zone, weight = parcel["zone"], parcel["weight_kg"]
    if zone not in _PRICES or not 0 < weight <= _BANDS[-1]:
        return parcel, NO_ANSWER
    band = next(place for place, most in enumerate(_BANDS) if weight <= most)
    price = _PRICES[zone][band] * (1.6 if parcel["express"] else 1.0)
    if parcel["value"] > 500:
        price += 4.5
    if weight > 20.0:
        carrier = "freight"
    elif zone == "local":
        carrier = "bike" if weight <= 5.0 else "van"
    else:
        carrier = "air" if zone == "world" or (parcel["express"] and zone == "europe") else "post"
    days = math.ceil(_DAYS[zone] / (2 if parcel["express"] else 1)) + (weight > 20.0)
    return parcel, {"price": round(price, 2), "carrier": carrier, "days": days}


def _parcel(draw: Draw) -> dict[str, Any]:
    return {
        "weight_kg": round(min(31.49, draw.lognormvariate(1.2, 1.1)) + 0.01, 2),
        "zone": draw.choice(tuple(_PRICES)),
        "express": draw.happens(0.3),
        "value": round(draw.lognormvariate(5, 1.2), 2),
    }


SHIPPING = Task(
    "shipping",
    "weight, zone, express, value of a parcel; price, carrier and days, from tables",
    Parcel,
    Quote,
    lambda draw: _quoted(_parcel(draw)),
    elsewhere={
        "heavier": lambda draw: _quoted(
            _parcel(draw) | {"weight_kg": round(draw.uniform(32, 9000), 2)}
        ),
        "in gram": lambda draw: _quoted(
            _parcel(draw) | {"weight_kg": float(draw.randrange(50, 30000))}
        ),
        "other zones": lambda draw: _quoted(
            _parcel(draw) | {"zone": draw.choice(("moon", "EU", "", "Domestic", "asia", "zone 3"))}
        ),
        "negative": lambda draw: _quoted(_parcel(draw) | {"weight_kg": -draw.uniform(0, 30)}),
        "no numbers": lambda draw: (_parcel(draw) | {"weight_kg": junk(draw)}, NO_ANSWER),
    },
)


class Application(BaseModel):
    income: int
    debts: int
    amount: int
    years: int
    age: int
    employment: Literal["permanent", "temporary", "self-employed", "none"]
    history: Literal["good", "fair", "poor"] | None


class Decision(BaseModel):
    decision: Literal["approve", "refer", "reject"]
    reason: Literal["affordable", "age", "history", "income", "debts", "employment"]
    rate: float | None


def _decided(said: dict[str, Any]) -> Row:
    monthly = said["income"] / 12
    burden = (said["debts"] * 0.03 + said["amount"] / (said["years"] * 12)) / max(monthly, 1)
    if said["age"] < 18 or said["age"] + said["years"] > 75:
        made = ("reject", "age", None)
    elif said["history"] == "poor":
        made = ("reject", "history", None)
    elif burden > 0.45:
        made = ("reject", "debts" if said["debts"] > said["amount"] else "income", None)
    elif said["employment"] == "none":
        made = ("refer", "employment", None)
    elif said["history"] is None and said["amount"] > 10000:
        made = ("refer", "history", None)
    else:
        steady = said["employment"] == "permanent"
        made = ("approve", "affordable", (4.9 if steady else 6.4) + (burden > 0.3))
    return said, dict(zip(("decision", "reason", "rate"), made, strict=True))


def _application(draw: Draw) -> dict[str, Any]:
    return {
        "income": 100 * draw.randrange(120, 1200),
        "debts": 100 * draw.randrange(300) if draw.happens(0.6) else 0,
        "amount": 500 * draw.randrange(2, 100),
        "years": draw.randrange(1, 11),
        "age": draw.randrange(17, 80),
        "employment": draw.choice(("permanent", "permanent", "temporary", "self-employed", "none")),
        "history": draw.choice(("good", "good", "fair", "poor", None)),
    }


LOANS = Task(
    "loans",
    "an application for a loan; decision, reason and rate by rules, one of them on a ratio",
    Application,
    Decision,
    lambda draw: _decided(_application(draw)),
    elsewhere={
        "cents": lambda draw: _decided(
            {
                key: value * 100 if key in ("income", "debts", "amount") else value
                for key, value in _application(draw).items()
            }
        ),
        "companies": lambda draw: _decided(
            _application(draw)
            | {"income": draw.randrange(10**6, 10**9), "amount": draw.randrange(10**6, 10**9)}
        ),
        "months": lambda draw: _decided(_application(draw) | {"years": draw.randrange(24, 361)}),
        "other words": lambda draw: (
            _application(draw) | {"employment": draw.choice(("student", "retired", "x", ""))},
            NO_ANSWER,
        ),
        "no numbers": lambda draw: (_application(draw) | {"income": junk(draw)}, NO_ANSWER),
    },
)
