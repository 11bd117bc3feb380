"""What it costs to build a dataset and to validate it, beside the least that reads the same lines.

    python benchmarks/dataset.py                      1,000,000 records
    python benchmarks/dataset.py --records 100000     fewer
    python benchmarks/dataset.py --formats raw trl    other formats than openai-tools

Records are of a call that reads an order from a letter: 1 kB each, in files as a recorder leaves
them; rows have a prompt and a tool besides. A floor reads the same file line by line, parses each
line with pydantic_core (and with orjson) and does nothing with it. Each run is a process of its
own; seconds by the clock, the least of the rounds, in which the contenders take turns. Memory is
the peak of that process, and of all that it starts, added up.
"""

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson
from pydantic import BaseModel, Field
from pydantic_core import from_json

from distilgen.contract import Contract, canonical_json
from distilgen.dataset.build import Recipe, build
from distilgen.dataset.intake import Asked
from distilgen.dataset.manifest import folder_name
from distilgen.dataset.validation import file
from distilgen.dataset.validation.profiles import PROFILES
from distilgen.records.files import FULL, FileStore, files_of
from distilgen.rows import FORMATS
from distilgen.tool import tool_of

RECORDS, ROUNDS = 1_000_000, 3
JOBS = 2


class Item(BaseModel):
    """One thing that was ordered."""

    name: str = Field(description="What the customer calls it.")
    quantity: int = Field(ge=1, description="How many of it.")
    price: float = Field(ge=0, description="Of one of it, in euros.")


class Order(BaseModel):
    """What a customer ordered, as far as the letter says it."""

    customer: str = Field(description="The name under the letter.")
    urgent: bool = Field(description="Does the customer ask for it soon?")
    items: list[Item] = Field(description="In the order of the letter.")
    remark: str | None = Field(default=None, description="What else is said.")


def contract() -> Contract:
    """A contract as a sidecar has it."""
    tool, wraps = tool_of("read_order", Order.model_json_schema())
    prompt = "You answer in place of a Python function. Each message holds its arguments.\n"
    return Contract(
        function="shop.orders:read_order",
        fingerprint="0" * 32,
        system_prompt=prompt * 8,
        user_message="{arguments}",
        tool=tool,
        inputs={"type": "object", "properties": {"letter": {"type": "string"}}},
        wraps_result=wraps,
    )


def write(folder: Path, records: int) -> None:
    """Record files, one call in fifty made twice."""
    said = contract()
    head = f'"function":"{said.function}","contract":"{said.fingerprint}","source":"teacher"'
    number = size = 0
    out = None
    for count in range(records):
        call = count - 1 if count % 50 == 49 else count
        letter = f'Dear shop, this is order {call}: please send "it" soon, to {call % 977}!\n' * 6
        items = [{"name": f"n{i}", "quantity": i + 1, "price": 1.25 * i} for i in range(4)]
        answer = {"customer": f"Ann {call}", "urgent": call % 2 == 0, "items": items}
        line = (
            f'{{"id":"01932a7c-0000-7000-8000-{count:012x}",'
            f'"at":"2026-11-03T{count // 3600000 % 24:02}:{count // 60000 % 60:02}:'
            f'{count // 1000 % 60:02}.{count % 1000:03}Z",{head},"elapsed_ms":{count % 97}.5,'
            f'"arguments":{canonical_json({"letter": letter})},'
            f'"result":{canonical_json(answer | {"remark": None})}}}\n'
        ).encode()
        if out is None or size + len(line) > FULL:
            if out is not None:
                out.close()
            number, size = number + 1, 0
            out = (folder / f"records-{number:06}.jsonl").open("wb")
        out.write(line)
        size += len(line)
    if out is not None:
        out.close()


def floor(paths: list[Path], parse: Callable[[bytes], object]) -> None:
    """Read and parse."""
    for path in paths:
        with path.open("rb") as lines:
            for line in lines:
                parse(line)


def floors(paths: list[Path]) -> dict[str, tuple[Callable[[], None], int]]:
    """The least that can be had of files, by two parsers."""
    return {
        "read and parse, pydantic_core": (partial(floor, paths, from_json), 0),
        "read and parse, orjson": (partial(floor, paths, orjson.loads), 0),
    }


def built(records: Path, output: Path, format_name: str, jobs: int) -> None:
    """Build, as the command line does."""
    shutil.rmtree(output, ignore_errors=True)
    recipe = Recipe(format_name, jobs=jobs)
    build(FileStore(records), [contract()], output, Asked(), recipe)


def validated(path: Path, format_name: str) -> None:
    """Validate for OpenAI, where it takes the format, and against the contract."""
    given = file.Given(path.name, path, "train", format_name, contract())
    profile = PROFILES["openai"] if format_name.startswith("openai") else None
    looked = file.look(given, profile, None, 10)
    if looked.findings.errors:
        raise SystemExit(str(looked.findings.kept[:3]))


class Cost(NamedTuple):
    """Seconds, and peak memory in MB."""

    seconds: float
    memory: float


def _measured(work: Callable[[], None], jobs: int, queue: "multiprocessing.Queue[Cost]") -> None:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    queue.put(Cost(seconds, (own + jobs * largest) / 1024))


def measured(work: Callable[[], None], jobs: int = 0) -> Cost:
    """What some work costs in a process of its own, which starts so many more."""
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[Cost] = spawn.Queue()
    process = spawn.Process(target=_measured, args=(work, jobs, queue))
    process.start()
    cost = queue.get()
    process.join()
    return cost


def table(
    title: str, paths: list[Path], contenders: dict[str, tuple[Callable[[], None], int]]
) -> tuple[float, float]:
    """Print what the contenders cost, the first a floor. Returns its seconds, and the last's."""
    size = sum(path.stat().st_size for path in paths) / 1e6
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, (work, jobs) in contenders.items():
            costs[name].append(measured(work, jobs))
    first, *_, last = (min(found).seconds for found in costs.values())
    print(f"\n{title}: {size:,.0f} MB\n")
    print("| | s | MB/s | ratio | peak MB |\n|---|---|---|---|---|")
    for name, found in costs.items():
        seconds, memory = min(found)
        speed = f"{seconds:.1f} | {size / seconds:.0f} | {seconds / first:.2f}"
        print(f"| {name} | {speed} | {memory:.0f} |")
    sys.stdout.flush()
    return first, last


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=["openai-tools"])
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        records, output = Path(name, "records"), Path(name, "datasets")
        records.mkdir()
        write(records, said.records)
        for format_name in said.formats:
            builds = {
                f"build, {jobs} {'process' if jobs == 1 else 'processes'} read": (
                    partial(built, records, output, format_name, jobs),
                    jobs if jobs > 1 else 0,
                )
                for jobs in (1, JOBS)
            }
            paths = files_of(records)
            title = f"{said.records:,} records to {format_name}"
            floor_s, build_s = table(title, paths, {**floors(paths), **builds})
            train = output / folder_name(contract()) / "train.jsonl"
            work = partial(validated, train, format_name)
            contenders = floors([train])
            contenders["validate"] = (work, 0)
            more_s, validate_s = table(f"their {format_name}", [train], contenders)
            ratio = (build_s + validate_s) / (floor_s + more_s)
            print(f"\nbuild and validate, of both floors: {ratio:.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
