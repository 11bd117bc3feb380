"""The project `post_office`, which has every kind of function: as it is, recorded, dispatched."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

State = Literal["original", "instrumented", "dispatched", "recorded stubs", "shared"]

MODULES = ("models", "functions", "methods", "decorated")


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the project in each of its states, made by the commands."""
    folder = tmp_path_factory.mktemp("states")
    beside = "dispatch --model small src/post/{} --mode {}"
    for state, commands in {
        "original": ["scan"],
        "instrumented": ["instrument src"],
        "dispatched": ["dispatch --model small src"],
        "recorded stubs": ["dispatch --model small --record src"],
        "shared": [
            "dispatch --model small src",  # what can have no student beside it
            beside.format("functions.py", "shadow"),
            beside.format("methods.py", "canary"),
            beside.format("decorated.py", "fallback"),
        ],
    }.items():
        place = folder / state
        ours = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(__file__).parent / "post_office", place, ignore=ours)
        for command in commands:
            ran = [sys.executable, "-m", "distilgen", *command.split()]
            done = subprocess.run(ran, cwd=place, capture_output=True, text=True, check=False)
            some = "--mode" in command  # the others are refused, and stay stubs
            assert done.returncode in (0, 123 if some else 0), done.stderr
    return folder


@pytest.fixture
def load(states: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[State], Any]]:
    """Imports the project in one of its states, instead of the one before. Returns its modules,
    and its sidecars where it has them, as attributes.
    """
    path = list(sys.path)

    def load(state: State) -> Any:
        forget()
        source = states / state / "src"
        monkeypatch.setattr(sys, "path", [str(source), *path])
        importlib.invalidate_caches()
        sidecars = sorted(file.stem for file in (source / "post").glob("_*_distil.py"))
        names = [*MODULES, *sidecars]
        return SimpleNamespace(**{name: importlib.import_module(f"post.{name}") for name in names})

    yield load
    forget()


def forget() -> None:
    """Let nothing of the project be imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "post"]:
        del sys.modules[name]
