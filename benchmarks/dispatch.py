"""What a dispatched call costs beside the bare SDK, and what the modes with a teacher add.

    python benchmarks/dispatch.py              the tables, with instructor from the registry
    python benchmarks/dispatch.py --no-peer    without

A loopback server in a process of its own answers every request at once with one prepared
completion; what it costs alone is measured with a bare socket. The contenders take turns in one
process, round by round, in the peer's own environment where it is asked for: the SDK's HTTP client
with prepared bytes, `chat.completions.create` with a prepared tool, `parse` with the model's class,
instructor's client, and ours, sync and async, one call at a time and 64 at once. Medians of
microseconds a call, of the clock and of this process's CPU time; ratios are to bare `create` of the
same kind in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import importlib.metadata
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
from pydantic import BaseModel, TypeAdapter

import distilgen
from distilgen.runtime import Contract, beside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from multiprocessing.connection import Connection

ROUNDS, CALLS = 31, 20
CROWDED_ROUNDS, CROWD, CROWDED_CALLS = 9, 64, 192
BATCHES, BATCH = 41, 100  # fewer than wait for students at most
SINGLES, WARM = 500, 5
BARE = "create, prepared tool"
OURS = "ours"


class Item(BaseModel):
    name: str
    quantity: int
    price: float


class Order(BaseModel):
    """An order that a customer placed by mail."""

    customer: str
    items: list[Item]
    note: str | None = None


ITEMS = [Item(name=f"item {n}", quantity=n + 1, price=n / 3) for n in range(3)]
ORDER = Order(customer="Ann", items=ITEMS, note="by Friday")
MAIL = "Dear shop, please send us what I have listed below, as quickly as you can. " * 8
SCHEMA = TypeAdapter(Order).json_schema()
KEY = "none"


def read_order(mail: str) -> Order:
    """Read an order from a customer's mail."""
    return ORDER.model_copy() if mail else ORDER


class Sidecar:
    """Where a stub finds its contract."""

    read_order: Contract


def stub(mail: str) -> Order:
    """Read an order from a customer's mail."""
    return Sidecar.read_order.dispatch(Order, mail=mail)


def contract(base_url: str) -> Contract:
    """A contract as a sidecar would hold it."""
    return Contract(
        function="benchmark:read_order",
        fingerprint="0" * 32,
        system_prompt="Predict the results of this function:\n\ndef read_order(mail: str) -> Order:"
        '\n    """Read an order from a customer\'s mail."""',
        user_message="{arguments}",
        tool={"name": "Order", "description": "An order.", "parameters": SCHEMA},
        inputs={"properties": {"mail": {"type": "string"}}},
        model="ft:bench",
        base_url=base_url,
    )


# The server


class Answering(asyncio.Protocol):
    """One connection: a prepared response for every request, whatever it asks."""

    def __init__(self, responses: Mapping[bytes, bytes]) -> None:
        self._responses = responses
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        """Asyncio's hook."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Asyncio's hook: the beginning of a request's path tells which response it gets."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, _, rest = head.partition(b"content-length:")
            size = end + 4 + int(rest.split(b"\r\n", 1)[0] or 0)
            if len(self._buffer) < size:
                return
            self._buffer = self._buffer[size:]
            self._transport.write(self._responses[head.split(b"/", 2)[1]])


def response(message: Mapping[str, Any]) -> bytes:
    """A chat completion over HTTP."""
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "ft:bench",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": None, "refusal": None, **message},
                    "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                    "logprobs": None,
                }
            ],
            "usage": {"prompt_tokens": 190, "completion_tokens": 60, "total_tokens": 250},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def serve(told: Connection) -> None:
    """Serve on a free port until the process is ended."""
    text = ORDER.model_dump_json()
    function = {"name": "Order", "arguments": text}
    call = {"id": "call_1", "type": "function", "function": function}
    responses = {b"tool": response({"tool_calls": [call]}), b"text": response({"content": text})}

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Answering(responses), "127.0.0.1", 0, backlog=256)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The port of a running server."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


# The contenders


def asked(of: Contract) -> dict[str, Any]:
    """What `create` gets."""
    return {"model": of.model, **of.request({"mail": MAIL})}


def http() -> Any:
    """The HTTP package that this version of the SDK uses."""
    module = openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]
    return importlib.import_module(module)


def sync_contenders(port: int, *, with_peer: bool) -> dict[str, Callable[[], object]]:
    """Functions of one call each."""
    tool, text = f"http://127.0.0.1:{port}/tool/v1", f"http://127.0.0.1:{port}/text/v1"
    ours = contract(tool)
    request = asked(ours)
    messages = request["messages"]
    package = http()
    limits = package.Limits(max_connections=1000, max_keepalive_connections=100)
    raw = package.Client(limits=limits)
    body = json.dumps(request).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    to_tool = openai.OpenAI(base_url=tool, api_key=KEY)
    to_text = openai.OpenAI(base_url=text, api_key=KEY)
    made = openai.pydantic_function_tool(Order)
    found: dict[str, Callable[[], object]] = {
        f"raw {package.__name__}": lambda: json.loads(
            raw.post(f"{tool}/chat/completions", content=body, headers=headers).content
        ),
        BARE: lambda: to_tool.chat.completions.create(**request),
        OURS: lambda: ours.dispatch(Order, mail=MAIL),
        "parse, tool of the class": lambda: to_tool.chat.completions.parse(
            model="ft:bench", messages=messages, tools=[made]
        ),
        "parse, response_format=class": lambda: to_text.chat.completions.parse(
            model="ft:bench", messages=messages, response_format=Order
        ),
    }
    if with_peer:
        import instructor  # type: ignore[import-not-found]  # in an environment of its own

        peer = instructor.from_openai(to_tool)
        found["instructor"] = lambda: peer.chat.completions.create(
            model="ft:bench", messages=messages, response_model=Order
        )
    return found


def async_contenders(port: int, *, with_peer: bool) -> dict[str, Callable[[], Awaitable[object]]]:
    """As `sync_contenders`, for the running event loop."""
    tool, text = f"http://127.0.0.1:{port}/tool/v1", f"http://127.0.0.1:{port}/text/v1"
    ours = contract(tool)
    request = asked(ours)
    messages = request["messages"]
    to_tool = openai.AsyncOpenAI(base_url=tool, api_key=KEY)
    to_text = openai.AsyncOpenAI(base_url=text, api_key=KEY)
    made = openai.pydantic_function_tool(Order)
    found: dict[str, Callable[[], Awaitable[object]]] = {
        BARE: lambda: to_tool.chat.completions.create(**request),
        OURS: lambda: ours.adispatch(Order, mail=MAIL),
        "parse, tool of the class": lambda: to_tool.chat.completions.parse(
            model="ft:bench", messages=messages, tools=[made]
        ),
        "parse, response_format=class": lambda: to_text.chat.completions.parse(
            model="ft:bench", messages=messages, response_format=Order
        ),
    }
    if with_peer:
        import instructor

        peer = instructor.from_openai(to_tool)
        found["instructor"] = lambda: peer.chat.completions.create(
            model="ft:bench", messages=messages, response_model=Order
        )
    return found


# Rounds

Times = dict[str, list[tuple[float, float]]]
"""Wall and CPU microseconds a call, by contender."""


@contextlib.contextmanager
def timed(times: list[tuple[float, float]], calls: int = 1) -> Iterator[None]:
    """Add what so many calls took."""
    start, cpu = time.perf_counter(), time.process_time()
    yield
    spent, wall = time.process_time() - cpu, time.perf_counter() - start
    times.append((wall / calls * 1e6, spent / calls * 1e6))


def one_by_one(calls: Mapping[str, Callable[[], object]]) -> Times:
    """Of each call."""
    times: Times = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(CALLS):
            call()
    for _ in range(ROUNDS):
        for name, call in calls.items():
            for _ in range(CALLS):
                with timed(times[name]):
                    call()
    return times


async def aone_by_one(calls: Mapping[str, Callable[[], Awaitable[object]]]) -> Times:
    """As `one_by_one`, awaited."""
    times: Times = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(CALLS):
            await call()
    for _ in range(ROUNDS):
        for name, call in calls.items():
            for _ in range(CALLS):
                with timed(times[name]):
                    await call()
    return times


def many_at_once(calls: Mapping[str, Callable[[], object]]) -> Times:
    """Of each round, with `CROWD` threads."""
    times: Times = {name: [] for name in calls}
    warm: Times = {name: [] for name in calls}
    with ThreadPoolExecutor(CROWD) as pool:
        for kept in (warm, *[times] * CROWDED_ROUNDS):
            for name, call in calls.items():
                with timed(kept[name], CROWDED_CALLS):
                    for done in [pool.submit(call) for _ in range(CROWDED_CALLS)]:
                        done.result()
    return times


async def amany_at_once(calls: Mapping[str, Callable[[], Awaitable[object]]]) -> Times:
    """As `many_at_once`, with `CROWD` tasks."""
    times: Times = {name: [] for name in calls}
    warm: Times = {name: [] for name in calls}

    async def work(call: Callable[[], Awaitable[object]]) -> None:
        for _ in range(CROWDED_CALLS // CROWD):
            await call()

    for kept in (warm, *[times] * CROWDED_ROUNDS):
        for name, call in calls.items():
            with timed(kept[name], CROWDED_CALLS):
                await asyncio.gather(*(work(call) for _ in range(CROWD)))
    return times


def floor(port: int) -> float:
    """Microseconds of a request and its response over a bare socket: the server's share."""
    body = json.dumps(asked(contract(""))).encode()
    head = f"POST /tool/v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    sent, times = head.encode() + body, []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(ROUNDS * CALLS):
            start = time.perf_counter()
            connection.sendall(sent)
            got = connection.recv(1 << 16)
            while not got.endswith(b"}}"):
                got += connection.recv(1 << 16)
            times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def show(title: str, times: Times, bare: str = BARE) -> None:
    """Print a table."""
    middle = {
        name: [statistics.median(column) for column in zip(*found, strict=True)]
        for name, found in times.items()
    }
    print(f"\n{title:34} {'wall µs':>9} {'p95':>9} {'ratio':>7} {'CPU µs':>9} {'ratio':>7}")
    for name, (wall, cpu) in middle.items():
        high = statistics.quantiles((one[0] for one in times[name]), n=20)[-1]
        ratios = wall / middle[bare][0], cpu / middle[bare][1]
        print(
            f"  {name:32} {wall:9.0f} {high:9.0f} {ratios[0]:7.2f} {cpu:9.0f} {ratios[1]:7.2f}",
            flush=True,
        )


def plain_calls(port: int, *, with_peer: bool) -> None:
    """Print what dispatched calls cost."""
    calls = sync_contenders(port, with_peer=with_peer)
    show("sync, one at a time", one_by_one(calls))
    show(f"sync, {CROWD} threads", many_at_once(calls))

    async def run() -> None:
        acalls = async_contenders(port, with_peer=with_peer)
        show("async, one at a time", await aone_by_one(acalls))
        show(f"async, {CROWD} tasks", await amany_at_once(acalls))

    asyncio.run(run())


# Modes with a teacher


def with_teachers(port: int, folder: Path) -> None:
    """Print what fallback costs where the student answers, and what shadow adds to the caller: CPU
    time of its thread, and wall time, in which students' threads take their turns.
    """
    distilgen.configure(records=folder)
    bound = contract(f"http://127.0.0.1:{port}/tool/v1")

    Sidecar.read_order = bound
    recorded = bound.record(stub)
    fallen = bound.fallback(read_order)
    calls: dict[str, Callable[[], object]] = {
        "dispatch": lambda: stub(MAIL),
        "dispatch, recorded": lambda: recorded(MAIL),
        "fallback, the student answers": lambda: fallen(MAIL),
    }
    show("sync, one at a time", one_by_one(calls), "dispatch, recorded")

    teachers = {
        "plain": read_order,
        "record": bound.record(read_order),
        "shadow, no call sampled": replace(bound, share=0.0).shadow(read_order),
        "shadow, every call sampled": replace(bound, share=1.0).shadow(read_order),
    }
    warm: list[Callable[[str], object]] = [
        bound.record(read_order),
        replace(bound, share=0.0).shadow(read_order),
    ]
    show_callers("the caller, a call now and then", teachers, warm, SINGLES, 1)
    show_callers(f"the caller, {BATCH} calls in a row", teachers, warm, BATCHES, BATCH)


def show_callers(
    title: str,
    teachers: Mapping[str, Callable[[str], object]],
    warm: list[Callable[[str], object]],
    rounds: int,
    batch: int,
) -> None:
    """Print what callers spend, where nothing is left to be done beside them when they begin."""
    times: Times = {name: [] for name in teachers}
    for _ in range(rounds):
        for name, teacher in teachers.items():
            for one in warm * WARM:  # students' work has taken the caches
                one(MAIL)
            start, cpu = time.perf_counter(), time.thread_time()
            for _ in range(batch):
                teacher(MAIL)
            spent, wall = time.thread_time() - cpu, time.perf_counter() - start
            times[name].append((wall / batch * 1e6, spent / batch * 1e6))
            beside.drain(60)
    middle = {name: statistics.median(cpu for _, cpu in found) for name, found in times.items()}
    print(f"\n{title:34} {'wall µs':>9} {'CPU µs':>9} {'+ plain':>9} {'+ record':>9}")
    for name, cpu in middle.items():
        wall = statistics.median(wall for wall, _ in times[name])
        added = cpu - middle["plain"], cpu - middle["record"]
        print(f"  {name:32} {wall:9.1f} {cpu:9.1f} {added[0]:9.1f} {added[1]:9.1f}", flush=True)


def in_peers_environment(folder: Path) -> int:
    """Run this program where instructor is installed, and nothing else of ours."""
    venv.create(folder / "peer", with_pip=True)
    python = folder / "peer" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "instructor"]
    if subprocess.run(install, check=False).returncode:
        print("no instructor from the registry: run with --no-peer", file=sys.stderr)
        return 1
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": str(here.parent)}
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
        os.environ["OPENAI_API_KEY"] = KEY
        packages = ["openai", http().__name__, "pydantic", *(["instructor"] if said.peer else [])]
        print(", ".join(f"{one} {importlib.metadata.version(one)}" for one in packages))
        with server() as port:
            print(f"the server alone, by a bare socket: {floor(port):.0f} µs")
            plain_calls(port, with_peer=said.peer)
            with_teachers(port, folder / "records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
