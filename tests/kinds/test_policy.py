"""What is rewritten and what is left alone, each with its reason; and all of it taken back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LEFT_ALONE = {
    "outer.<locals>.inner": "defined inside a function",
    "chosen": "skipped by its comment",
    "Desk.stamp": "abstract",
    "Stamping.stamp": "a member of a Protocol",
    "told": "under TYPE_CHECKING",
    "either": "returns the type variable M",
    "awaitable": "returns an awaitable that something else runs",
    "iterator": "returns an iterator that something else runs",
    "name": "returns str",
    "outer": "returns Callable[…]",
}


AGAIN = {
    "instrumented": "instrument",
    "dispatched": "dispatch --model small",
    "recorded stubs": "dispatch --model small --record",
    "shared": "instrument",
}


def distilgen(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "distilgen", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".py", ".toml", ".json")
    }


def test_reasons(states: Path) -> None:
    said = json.loads(distilgen(states / "original", "scan", "--all", "--format", "json"))
    found: list[dict[str, Any]] = said["functions"]
    alone = [item for item in found if item["function"].startswith("post.alone:")]
    reasons = {item["function"].partition(":")[2]: item["reason"] for item in alone}
    assert reasons == LEFT_ALONE  # of functions of one name the last
    assert [item["reason"] for item in alone if item["function"].endswith(":chosen")] == [
        *("an overload", "an overload", "skipped by its comment"),
    ]
    assert not [item for item in found if item["function"].startswith("post.excluded")]


@pytest.mark.parametrize("state", AGAIN)
def test_what_is_left_alone_is_not_touched(states: Path, state: str) -> None:
    for name in ("alone", "excluded", "models", "use", "__init__"):
        file = f"src/post/{name}.py"
        assert (states / state / file).read_bytes() == (states / "original" / file).read_bytes()
        assert not (states / state / f"src/post/_{name}_distil.py").exists()


@pytest.mark.parametrize("state", AGAIN)
def test_there_and_back(states: Path, state: str, tmp_path: Path) -> None:
    """A second run changes nothing, `check` is content, and restore gives every byte back."""
    folder = tmp_path / "project"
    shutil.copytree(states / state, folder)
    before = files(folder)
    distilgen(folder, *AGAIN[state].split(), "src")
    assert files(folder) == before
    distilgen(folder, "check")
    distilgen(folder, "restore", "src")
    assert files(folder) == files(states / "original")
