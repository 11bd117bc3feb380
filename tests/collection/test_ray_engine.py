"""Calls on a Ray cluster of two workers: the records are written here, whatever happens there."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from distilgen import cli
from distilgen.collection.engines import Manner
from distilgen.collection.feed import Feed
from distilgen.collection.ray_engine import RayEngine
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TEACHER = '''\
"""Squares."""

import os
import time

from pydantic import BaseModel


class Number(BaseModel):
    value: int


class Square(BaseModel):
    value: int
    process: int


class OddError(ValueError):
    pass


class WorseError(OddError):
    pass


def square(number: Number, folder: str) -> Square:
    """Square a number."""
    if number.value == 3:
        raise OddError("three")
    if number.value == 5:
        raise WorseError("five")
    if number.value == 7:
        os._exit(1)
    if number.value == 9:
        time.sleep(600)
    seen = os.path.join(folder, "eleven")
    if number.value == 11 and not os.path.exists(seen):
        open(seen, "w").close()
        raise WorseError("not yet")
    return Square(value=number.value**2, process=os.getpid())


async def cube(value: int) -> Square:
    """Cube a number."""
    return Square(value=value**3, process=os.getpid())
'''


@pytest.fixture
def project(write_tree: Callable[[Mapping[str, str | bytes]], Path]) -> Path:
    rows = "".join(f'{{"number": {{"value": {n}}}, "value": {n}}}\n' for n in range(40))
    return write_tree({"pyproject.toml": "", "src/squares.py": TEACHER, "in.jsonl": rows})


def _collect(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "distilgen", "collect", *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "error::ResourceWarning"}
    return subprocess.run(
        [*command, "--inputs", "in.jsonl", "--engine", "ray", "--concurrency", "2"],
        cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


def _records(folder: Path) -> list[dict[str, Any]]:
    (path,) = (folder / ".distilgen/records").glob("*.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_calls_are_made_by_workers_and_recorded_here(project: Path) -> None:
    done = _collect(
        project, "squares:square", "--set", f"folder={json.dumps(str(project))}",
        "--timeout", "4", "--retries", "1", "--retry-on", "WorseError",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    for said in (
        "in.jsonl:4: squares.OddError: three",
        "in.jsonl:6: squares.WorseError: five",
        "in.jsonl:8: distilgen.collection.ray_engine.WorkerDiedError: ",
        "in.jsonl:10: TimeoutError: no answer within 4 s",
        "squares:square: 36 calls returned; 4 failed",
    ):
        assert said in done.stderr
    records = _records(project)
    returned = [record for record in records if "result" in record]
    assert {r["arguments"]["number"]["value"] for r in returned} == {*range(40)} - {3, 5, 7, 9}
    assert all(r["result"]["value"] == r["arguments"]["number"]["value"] ** 2 for r in returned)
    errors = [record["error"] for record in records if "error" in record]
    assert sorted(error["message"] for error in errors) == ["five", "five", "not yet", "three"]
    processes = {record["result"]["process"] for record in returned}
    assert len(processes) >= 2
    assert os.getpid() not in processes


def test_an_async_function_on_a_cluster(project: Path) -> None:
    done = _collect(project, "squares:cube", "--limit", "12")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(record["result"]["value"] for record in _records(project)) == [
        number**3 for number in range(12)
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_scheduler_may_stop_it(project: Path) -> None:
    command = [sys.executable, "-m", "distilgen", "collect", "squares:square", "--inputs", "-"]
    options = ["--input-format", "jsonl", "--engine", "ray", "--concurrency", "1"]
    child = subprocess.Popen(
        [*command, *options], cwd=project, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8",
    )  # fmt: skip
    with child:
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.write('{"number": {"value": 1}, "folder": "."}\n')
        child.stdin.flush()
        while not list(project.glob(".distilgen/records/*.jsonl")):
            assert child.poll() is None
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        said = child.stderr.read()
        assert child.wait(60) == 143
    assert "1 call returned; records are in .distilgen/records; stopped;" in said


def test_an_address_without_the_engine(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["collect", "squares:cube", "--inputs", "in.jsonl", "--ray-address", "auto"]
    assert cli.run([*command, "--project", str(project)]) == 2
    assert "--ray-address is of --engine ray" in capsys.readouterr().err


def test_ray_is_asked_for_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"needs Ray: pip install \"distilgen\[ray\]\""):
        RayEngine(tmp_path, [tmp_path])


@pytest.mark.parametrize("ahead", ["", "ray://"])
def test_a_cluster_that_is_not_there_is_named_at_once(tmp_path: Path, ahead: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"{ahead}127.0.0.1:{bound.getsockname()[1]}"
        engine: Any = RayEngine(tmp_path, (), address)
        with pytest.raises(CollectError, match=f"Ray: {address} cannot be reached"):
            engine(None, Feed(iter(())), Manner(), None)
