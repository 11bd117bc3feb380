"""What a recorded call costs, beside the least that writing its record can cost, and a peer.

    python benchmarks/record.py              the table, with instructor from the registry
    python benchmarks/record.py --no-peer    without

Rounds of the variants take turns in one process, in the peer's own environment where it is asked
for; medians, in microseconds a call. The floor is a static prefix, one dump by pydantic_core and
one `os.write` to an open file, for the same row. Then: what is left of it where recording is off,
memory over a million calls, threads and processes that share a folder, and what the import costs.
"""

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

import distilgen
from distilgen.records.files import read
from distilgen.records.record import Malformed
from distilgen.runtime import Contract

ROUNDS, CALLS = 31, 1000
PEER_CALLS = 50
MILLION = 1_000_000
PROCESSES, THREADS, EACH = 4, 8, 3125  # 100,000 records


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


def multiply(a: int, b: int) -> Product:  # annotations are no text: the peer refuses text
    """Multiply two numbers."""
    return Product(a=a, b=b, result=a * b)


def order(customer: str, items: list[Item]) -> Order:
    """Make an order."""
    return Order(customer=customer, items=items)


ITEMS = [Item(name=f"item {n}", price=n / 3, tags=["x", "y"]) for n in range(3)]
CASES: tuple[tuple[str, Callable[..., BaseModel], tuple[Any, ...]], ...] = (
    ("flat", multiply, (12, 34)),
    ("nested", order, ("Ann", ITEMS)),
)


def names_of(function: Callable[..., object]) -> tuple[str, ...]:
    """The names of a function's parameters."""
    code = function.__code__
    return tuple(code.co_varnames[: code.co_argcount])


def contract(function: Callable[..., object]) -> Contract:
    """A contract as a sidecar would hold it."""
    name = function.__name__
    return Contract(
        function=f"benchmark:{name}",
        fingerprint="0" * 32,
        system_prompt="",
        user_message="{arguments}",
        tool={"name": name, "description": "", "parameters": {"type": "object"}},
        inputs={"properties": {item: {} for item in names_of(function)}},
    )


def floor(path: Path, function: Callable[..., BaseModel]) -> Callable[..., BaseModel]:
    """The function, and the least that writes its record."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    names = names_of(function)
    prefix = (
        b'{"id":"01a1ffb5-739a-7000-b5d4-550c972c59db","at":"2026-11-21T20:04:04.122Z",'
        b'"function":"benchmark:%b","contract":"%b","source":"teacher","elapsed_ms":0.001,"call":'
        % (function.__name__.encode(), b"0" * 32)
    )

    def called(*args: object) -> BaseModel:
        result = function(*args)
        call = {"arguments": dict(zip(names, args, strict=True)), "result": result}
        os.write(descriptor, prefix + to_json(call) + b"}\n")
        return result

    return called


def peer(path: Path, function: Callable[..., BaseModel]) -> Callable[..., BaseModel]:
    """instructor's decorator, writing to a file by the standard library's handler."""
    import instructor  # type: ignore[import-not-found]  # in an environment of its own

    logging.getLogger().setLevel(logging.INFO)
    instructions = instructor.Instructions(
        name=f"peer.{path.stem}", log_handlers=[logging.FileHandler(path)]
    )
    recorded: Callable[..., BaseModel] = instructions.distil(function)
    return recorded


def microseconds(
    function: Callable[..., object], args: tuple[object, ...], calls: int = CALLS
) -> float:
    """Per call, over one round."""
    start = time.perf_counter()
    for _ in range(calls):
        function(*args)
    return (time.perf_counter() - start) / calls * 1e6


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """As a program that was started with DISTILGEN_DISABLED=1."""
    os.environ["DISTILGEN_DISABLED"] = "1"
    yield
    del os.environ["DISTILGEN_DISABLED"]


def calls(folder: Path, *, with_peer: bool) -> None:
    """Print what calls cost."""
    print(
        f"{'':8} {'plain µs':>9} {'floor +':>9} {'ours +':>9} {'/ floor':>8} "
        f"{'disabled +':>11} {'paused +':>9} {'instructor +':>13} {'/ ours':>8}"
    )
    for name, function, args in CASES:
        with disabled():
            off = contract(function).record(function)
        variants: dict[str, Callable[..., object]] = {
            "plain": function,
            "floor": floor(folder / f"{name}.jsonl", function),
            "ours": contract(function).record(function),
            "disabled": off,
            "paused": contract(function).record(function),
        }
        if with_peer:
            variants["peer"] = peer(folder / f"{name}-peer.jsonl", function)
        times: dict[str, list[float]] = {key: [] for key in variants}
        for _ in range(ROUNDS):
            for key, variant in variants.items():
                with distilgen.recording(key != "paused"):
                    count = PEER_CALLS if key == "peer" else CALLS
                    times[key].append(microseconds(variant, args, count))
        middle = {key: statistics.median(found) for key, found in times.items()}
        added = {key: found - middle["plain"] for key, found in middle.items()}
        row = (
            f"{name:8} {middle['plain']:9.2f} {added['floor']:9.2f} {added['ours']:9.2f} "
            f"{added['ours'] / added['floor']:8.2f} {added['disabled']:11.2f} "
            f"{added['paused']:9.2f}"
        )
        if with_peer:
            row += f" {added['peer']:13.1f} {added['peer'] / added['ours']:8.0f}"
        print(row, flush=True)


def memory() -> None:
    """Print what a million calls leave behind."""
    recorded = contract(multiply).record(multiply)
    for _ in range(CALLS):
        recorded(1, 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(MILLION):
        recorded(number, number)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\npeak memory after {MILLION:,} calls: {grown / 1024:+.1f} MB")


def work(folder: str, process: int) -> None:
    """The calls of one process."""
    distilgen.configure(records=folder)
    recorded = contract(multiply).record(multiply)

    def call(thread: int) -> None:
        for number in range(EACH):
            recorded(process * THREADS + thread, number)

    threads = [threading.Thread(target=call, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def crowd(folder: Path) -> None:
    """Print what becomes of the records of many threads in several processes."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=work, args=(str(folder), n)) for n in range(PROCESSES)]
    start = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - start
    found = list(read(folder))
    torn = sum(isinstance(item, Malformed) for item in found)
    told = [item for item in found if not isinstance(item, Malformed)]
    made = len({json.dumps(item.arguments) for item in told})
    ids = len({item.id for item in told})
    wanted = PROCESSES * THREADS * EACH
    print(
        f"{PROCESSES} processes of {THREADS} threads, {wanted:,} records in {seconds:.1f} s, "
        f"start-up included: {wanted - made} lost, {torn} torn, {len(told) - ids} ids twice"
    )


def imports(folder: Path) -> None:
    """Print what the runtime's import costs over pydantic's, and that of recording."""
    times: dict[str, list[float]] = {}
    programs = {
        "pydantic": "import pydantic; pydantic.BaseModel; pydantic.TypeAdapter",
        "runtime": "import pydantic; pydantic.BaseModel; pydantic.TypeAdapter; "
        "import distilgen.runtime",
        "recorder": "import pydantic; pydantic.BaseModel; pydantic.TypeAdapter; "
        "import distilgen.runtime.recorder",
    }
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(folder)}
    for _ in range(15):
        for name, program in programs.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", program], env=environment, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            times.setdefault(name, []).append(spent * 1000)
    least = {name: min(found) for name, found in times.items()}
    print(
        f"import, CPU-ms: pydantic {least['pydantic']:.0f}, distilgen.runtime "
        f"{least['runtime'] - least['pydantic']:+.0f}, with the recorder "
        f"{least['recorder'] - least['pydantic']:+.0f}"
    )


def in_peers_environment(folder: Path) -> int:
    """Run this program where instructor is installed, and nothing else of ours."""
    venv.create(folder / "peer", with_pip=True)
    python = folder / "peer" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "instructor"]
    if subprocess.run(install, check=False).returncode:
        print("no instructor from the registry: run with --no-peer", file=sys.stderr)
        return 1
    here = Path(__file__).resolve().parent
    path = os.pathsep.join(str(item) for item in (here.parent, here))
    environment = {**os.environ, "PYTHONPATH": path, "OPENAI_API_KEY": "none"}
    return subprocess.run([python, __file__, "--peer"], env=environment, check=False).returncode


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not said.no_peer and not said.peer:
            return in_peers_environment(folder)
        distilgen.configure(records=folder / "records")
        calls(folder, with_peer=said.peer)
        memory()
        crowd(folder / "crowd")
        imports(folder / "compiled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
