"""What a recorded call costs, beside the least that writing such a record can cost.

    python benchmarks/record.py

Interleaved rounds in one process, the median of each; microseconds a call. The floor is a static
prefix, one dump of a dictionary by pydantic_core, and one `os.write` to an open file.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel
from pydantic_core import to_json

import distilgen
from distilgen.runtime import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 15, 1000


class Product(BaseModel):
    a: int
    b: int
    result: int


class Item(BaseModel):
    name: str
    price: float
    tags: list[str]


class Order(BaseModel):
    customer: str
    items: list[Item]


def multiply(a: int, b: int) -> Product:
    return Product(a=a, b=b, result=a * b)


def order(customer: str, items: list[Item]) -> Order:
    return Order(customer=customer, items=items)


ITEMS = [Item(name=f"item {n}", price=n / 3, tags=["x", "y"]) for n in range(3)]


def contract(name: str, parameters: tuple[str, ...]) -> Contract:
    """A contract as a sidecar would hold it."""
    tool = {"name": name, "description": "", "parameters": {"type": "object"}}
    return Contract(
        function=f"benchmark:{name}",
        fingerprint="0" * 32,
        system_prompt="",
        user_message="{arguments}",
        tool=tool,
        inputs={"properties": {item: {} for item in parameters}},
    )


def floor(path: Path, function: Callable[..., BaseModel]) -> Callable[..., BaseModel]:
    """The function, and the least that writes its record."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    prefix = b'{"id":"00000000-0000-7000-8000-000000000000","function":"benchmark:f",'

    def called(*args: object) -> BaseModel:
        result = function(*args)
        os.write(descriptor, prefix + to_json({"arguments": args, "result": result}) + b"}\n")
        return result

    return called


def microseconds(function: Callable[..., object], args: tuple[object, ...]) -> float:
    """Per call, over one round."""
    start = time.perf_counter()
    for _ in range(CALLS):
        function(*args)
    return (time.perf_counter() - start) / CALLS * 1e6


def measure(folder: Path, name: str, function: Callable[..., BaseModel], *args: object) -> None:
    """Print a row for one function."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    variants: dict[str, Callable[..., object]] = {
        "plain": function,
        "floor": floor(folder / f"{name}.jsonl", function),
        "recorded": contract(name, names).record(function),
    }
    times: dict[str, list[float]] = {key: [] for key in variants}
    for _ in range(ROUNDS):
        for key, variant in variants.items():
            times[key].append(microseconds(variant, args))
    middle = {key: statistics.median(found) for key, found in times.items()}
    added, least = middle["recorded"] - middle["plain"], middle["floor"] - middle["plain"]
    print(f"{name:8} {middle['plain']:10.2f} {least:10.2f} {added:10.2f} {added / least:10.2f}")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        distilgen.configure(records=folder / "records")
        print(f"{'':8} {'plain µs':>10} {'floor +µs':>10} {'ours +µs':>10} {'ratio':>10}")
        measure(folder, "flat", multiply, 12, 34)
        measure(folder, "nested", order, "Ann", ITEMS)


if __name__ == "__main__":
    main()
