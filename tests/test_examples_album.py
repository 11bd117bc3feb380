"""The album example: a big model's answers, a job on a host, its model, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from album import stand_in
from fine_tuning_server import FineTuningServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BIG, SMALL = "big-1", "small-1"
TUNED = f"ft:{SMALL}:acme::1"


@pytest.fixture
def host() -> Iterator[FineTuningServer]:
    with FineTuningServer() as server:
        server.answers[BIG] = stand_in.answer
        yield server


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The example, in a copy of all of them."""
    ignored = shutil.ignore_patterns("__pycache__", ".distilgen")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=ignored)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "examples/album/run.py", *arguments],
        cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


def models_asked(host: FineTuningServer) -> list[str]:
    """By the questions for a chat completion, in their order."""
    asked = zip(host.kinds, host.requests, strict=True)
    return [request.json()["model"] for kind, request in asked if kind == "chat.completions"]


def test_a_big_model_teaches_a_small_one(tmp_path: Path, host: FineTuningServer) -> None:
    done = run(
        tmp_path, "--model", BIG, "--base-model", SMALL, "--base-url", host.base_url, "--poll", "0"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    films = (ROOT / "examples/album/films.txt").read_text("utf-8").splitlines()
    assert len(films) == 13

    assert models_asked(host) == [BIG] * 13 + [TUNED] * 13
    assert host.kinds.count("files.create") == 1
    (job,) = host.jobs.values()
    assert job.state == "succeeded"
    created, last_look = host.kinds.index("jobs.create"), host.kinds.index("jobs.events")
    assert host.kinds.count("jobs.create") == 1
    assert created < host.kinds.index("jobs.retrieve") < last_look  # left, and come back to
    rows = rows_of(host, job.wanted["training_file"])
    assert sorted(
        json.loads(row["messages"][1]["content"])["movie_name"] for row in rows
    ) == sorted(films)
    copy = tmp_path / "build/demo/album"
    known = json.loads((copy / "distilgen.lock").read_text("utf-8"))["models"][TUNED]
    assert known["job"] == job.body["id"]

    said = [
        line for line in done.stdout.splitlines() if line.startswith(tuple(f"{f}: " for f in films))
    ]
    assert said[:13] == said[13:]
    assert len(said) == 26
    source = (ROOT / "examples/album/src/album.py").read_bytes()
    assert (copy / "src/album.py").read_bytes() == source
    assert not list(copy.rglob("*_distil.py"))


def rows_of(host: FineTuningServer, file: str) -> list[dict[str, Any]]:
    """What was uploaded."""
    return [json.loads(line) for line in host.files[file].content.decode().splitlines()]


def test_a_job_that_fails_ends_the_example(tmp_path: Path, host: FineTuningServer) -> None:
    host.life = ("validating_files", "failed")
    done = run(
        tmp_path, "--model", BIG, "--base-model", SMALL, "--base-url", host.base_url, "--poll", "0"
    )
    assert done.returncode == 1
    assert "row 3 is too long" in done.stdout
    assert models_asked(host) == [BIG] * 13
