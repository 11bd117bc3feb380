"""What it costs to validate a training file, beside the least that reads and parses its lines.

    python benchmarks/validate.py                    a file of 1,000,000 rows for each format
    python benchmarks/validate.py --rows 100000      a smaller one
    python benchmarks/validate.py --formats openai-tools trl

Rows are made by the renderer that builds datasets, of a contract with a long prompt and a nested
answer. The floor reads the same file line by line and parses each line with pydantic_core, and does
nothing with it. Both run in processes of their own, whose peak memory is told; times are of the
processor, the least of three runs.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import BaseModel, Field
from pydantic_core import from_json

from distilgen.contract import Contract, canonical_json
from distilgen.dataset.validation import file
from distilgen.dataset.validation.profiles import PROFILES
from distilgen.rows import FORMATS
from distilgen.tool import tool_of

ROWS, RUNS = 1_000_000, 3
HOSTED = ("openai-tools", "openai-functions", "openai-json")


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
    prompt = "Predict the results of this function:\n\ndef read_order(letter: str) -> Order:\n"
    prompt += "    Read an order from a letter.\n" * 20
    return Contract(
        function="shop.orders:read_order",
        fingerprint="0" * 32,
        system_prompt=prompt,
        user_message="Return `{call}`",
        tool=tool,
        inputs={"type": "object", "properties": {"letter": {"type": "string"}}},
        wraps_result=wraps,
    )


def write(path: Path, format_name: str, rows: int) -> None:
    """A file of a format."""
    bound, render = contract(), FORMATS[format_name]
    with path.open("wb") as out:
        for number in range(rows):
            letter = f'Dear shop, order {number}: please send "it" soon!\n' * 4
            items = [{"name": f"n{i}", "quantity": i + 1, "price": 1.25 * i} for i in range(4)]
            answer = {"customer": f"Ann {number}", "urgent": number % 2 == 0, "items": items,
                      "remark": None}  # fmt: skip
            out.write(canonical_json(render(bound, {"letter": letter}, answer)).encode() + b"\n")


def floor(path: Path) -> int:
    """Read and parse."""
    count = 0
    with path.open("rb") as lines:
        for line in lines:
            from_json(line)
            count += 1
    return count


def ours(path: Path, format_name: str) -> int:
    """Validate, for a host where one takes the format, and against the contract."""
    given = file.Given(path.name, path, "train", format_name, contract())
    profile = PROFILES["openai"] if format_name in HOSTED else None
    looked = file.look(given, profile, None, 10)
    if looked.findings.errors:
        raise SystemExit(str(looked.findings.kept[:3]))
    return looked.rows


def measured(work: Callable[[], int], queue: "multiprocessing.Queue[tuple[float, int]]") -> None:
    """Seconds of the processor, and peak memory in KB."""
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def best(work: Callable[[], int]) -> tuple[float, float]:
    """(seconds, MB) of the quickest run."""
    spawn = multiprocessing.get_context("spawn")
    found = []
    for _ in range(RUNS):
        queue: multiprocessing.Queue[tuple[float, int]] = spawn.Queue()
        process = spawn.Process(target=measured, args=(work, queue))
        process.start()
        found.append(queue.get())
        process.join()
    seconds, memory = min(found)
    return seconds, memory / 1024


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=["openai-tools"])
    said = parser.parse_args()
    print(
        f"{'':18} {'rows':>10} {'MB':>7} {'floor MB/s':>11} {'ours MB/s':>10} {'/ floor':>8} "
        f"{'floor peak MB':>14} {'ours':>6}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in said.formats:
            path = Path(folder, "train.jsonl")
            write(path, name, said.rows)
            size = path.stat().st_size / 1e6
            least, floor_memory = best(partial(floor, path))
            seconds, memory = best(partial(ours, path, name))
            speeds = f"{size / least:11.0f} {size / seconds:10.0f} {seconds / least:8.2f}"
            peaks = f"{floor_memory:14.0f} {memory:6.0f}"
            print(f"{name:18} {said.rows:10,} {size:7.0f} {speeds} {peaks}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
