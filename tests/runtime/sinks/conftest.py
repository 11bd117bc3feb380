"""What the tests of sinks share: records by number, sinks that are closed, servers on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import s3_server

from distilgen.runtime.settings import Settings
from distilgen.runtime.sinks import exits
from distilgen.runtime.sinks.spool import SpoolSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from postgres_server import PostgresServer

    from distilgen.contract import Contract
    from distilgen.records.store import Store
    from distilgen.runtime.sinks.sink import Sink

# What a program begins with that is run in a process of its own.
_PROGRAM = """
import json, logging, os, signal, sys, time
from distilgen.runtime.settings import Settings
from distilgen.runtime.sinks.spool import SpoolSink

logging.basicConfig(format="%(name)s %(levelname)s %(message)s", level=logging.WARNING)

def line(number, size=0):
    values = {
        "id": f"{os.getpid()}-{number:06}", "function": "shop.mail:compose", "contract": "c",
        "at": "2026-11-03T01:02:03.000004Z", "elapsed_ms": 1.5,
        "arguments": {"number": number, "text": "x" * size}, "result": 1, "source": "teacher",
    }
    return json.dumps(values).encode() + b"\\n"

sink = SpoolSink(Settings(records=sys.argv[1], spool=sys.argv[2], flush_seconds=float(sys.argv[3])))
"""


@pytest.fixture
def numbered(line: Callable[..., bytes]) -> Callable[..., list[bytes]]:
    """Makes the lines of as many records, numbered in their topic and their id."""

    def make(count: int, first: int = 0) -> list[bytes]:
        return [line(number, id=f"id-{number:06}") for number in range(first, first + count)]

    return make


@pytest.fixture
def sink_at(tmp_path: Path) -> Iterator[Callable[..., SpoolSink]]:
    """Opens a sink at a URL; all are closed in the end."""
    opened: list[SpoolSink] = []

    def make(url: str, spool: Path = tmp_path / "spool", seconds: float = 30) -> SpoolSink:
        sink = SpoolSink(Settings(records=url, spool=str(spool), flush_seconds=seconds))
        opened.append(sink)
        return sink

    yield make
    for sink in opened:
        end(sink)
    assert not exits._sinks


@pytest.fixture
def closed() -> Callable[[SpoolSink], None]:
    """Closes a sink and waits until its thread has let go of everything."""
    return end


def end(sink: SpoolSink) -> None:
    sink.close()
    thread = sink._shipper._thread
    if thread is not None:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def write_all(contract: Contract) -> Callable[[Sink, list[bytes]], None]:
    """Writes lines to a sink."""

    def write(sink: Sink, lines: list[bytes]) -> None:
        for line in lines:
            sink.write(line, contract)

    return write


@pytest.fixture
def topics() -> Callable[[Store], list[Any]]:
    """Reads what the records of a store are about, in its order."""

    def read(store: Store) -> list[Any]:
        return [json.loads(json.dumps(item.arguments))["topic"] for item in store.read()]  # type: ignore[union-attr]

    return read


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program that has a `sink` at the URL and makes records by `line(number)`."""

    def run(
        code: str, url: str, seconds: float = 30, *, path: str = ""
    ) -> subprocess.CompletedProcess[str]:
        name = tmp_path / "program.py"
        name.write_text(_PROGRAM + dedent(code), "utf-8")
        spool = path or str(tmp_path / "spool")
        return subprocess.run(
            [sys.executable, "-W", "error", name, url, spool, str(seconds)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="session")
def _s3() -> Iterator[s3_server.S3Server]:
    server = s3_server.the_server()
    yield server
    server.stop()


@pytest.fixture
def bucket(_s3: s3_server.S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new bucket; the environment says where it is."""
    for name, value in _s3.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{_s3.bucket()}/records"


@pytest.fixture(params=["sqlite", "postgresql", "local", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new place of each kind that outlives a process."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/database/records.db"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.database()
    if request.param == "local":
        return f"local://{tmp_path}/objects"
    place: str = request.getfixturevalue("bucket")
    return place


@pytest.fixture
def url_at_exit(url: str) -> str:
    """A place that a process can reach when its main thread has ended."""
    if url.startswith("s3:") and sys.version_info[:2] == (3, 12):
        pytest.skip("Python 3.12 starts no thread then, and the client of S3 needs some")
    return url
