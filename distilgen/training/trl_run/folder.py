"""The folder of a run: what it was told, what it trains on, what it has told, what it made.

config.json       everything that decides what comes out
train.jsonl       the rows, as messages; validation.jsonl
events.jsonl      what happened, an object a line
log.txt           what the training process said
checkpoints/      where it goes on after an interruption
model/            the adapter, or the whole model; there when it is complete
result.json       the last that is written
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from distilgen.errors import TrainingError
from distilgen.rewrite.replace import replace_file, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPLETE = "distilgen.complete"
_PATIENCE_S = 5.0  # whoever only looks whether the run is held lets go at once


class Run:
    """A run's folder. path: absolute, for the training process works elsewhere."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.name = path.name
        self.config_file = self.path / "config.json"
        self.events_file = self.path / "events.jsonl"
        self.log_file = self.path / "log.txt"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model"

    def rows_file(self, split: str) -> Path:
        """The rows of `train` or `validation`."""
        return self.path / f"{split}.jsonl"

    def config(self) -> dict[str, Any] | None:
        """What it was told; None where there is no run. Raises TrainingError."""
        return self._json("config.json")

    def result(self) -> dict[str, Any] | None:
        """What came out; None before. Raises TrainingError."""
        return self._json("result.json")

    def write(self, name: str, content: Any) -> None:
        """Write one of its JSON files at once."""
        text = json.dumps(content, indent=2, ensure_ascii=False)
        replace_file(self.path / name, f"{text}\n".encode())

    def _json(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{path}: cannot be read ({error}); remove {self.path} to train anew"
            ) from error
        if not isinstance(found, dict):
            raise TrainingError(f"{path}: is no object; remove {self.path} to train anew")
        return found

    # Who trains it

    @contextmanager
    def held(self) -> Iterator[bool]:
        """For the training process: is it the only one? It lets go however it ends."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - training is rare

        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def is_held(self) -> bool:
        """Is a process training it?"""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - training is rare

        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    # What it tells

    def tell(self, event: str, **values: Any) -> None:
        """Append an event."""
        line = json.dumps({"event": event, "at": round(time.time(), 3), **values})
        with self.events_file.open("a+b") as file:
            if file.tell() and _last_byte(file) != b"\n":  # torn by a power cut
                file.write(b"\n")
            file.write(line.encode() + b"\n")

    def events(self, start: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The events from a place in the file on, and the place behind them. A line that is being
        written is left for the next time.
        """
        if not self.events_file.exists():
            return [], start
        with self.events_file.open("rb") as file:
            file.seek(start)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        return list(_objects(whole)), start + len(whole)

    def attempt(self) -> tuple[list[dict[str, Any]], int]:
        """The events since the run was last started, and the place behind them."""
        events, place = self.events()
        begun = [number for number, event in enumerate(events) if event["event"] == "started"]
        return events[begun[-1] :] if begun else [], place

    # Where it goes on

    def complete(self, step: int) -> None:
        """A checkpoint is written: make it durable, and say so."""
        folder = self.checkpoints / f"checkpoint-{step}"
        for path in folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        sync([folder])
        replace_file(folder / _COMPLETE, b"")

    def last_step(self) -> int:
        """The step of the last whole checkpoint; 0 where there is none."""
        return max((step for step, whole in self._steps().items() if whole), default=0)

    def checkpoint(self) -> Path | None:
        """The last whole checkpoint. Such as were half written go."""
        for step, whole in self._steps().items():
            if not whole:
                shutil.rmtree(self.checkpoints / f"checkpoint-{step}", ignore_errors=True)
        step = self.last_step()
        return self.checkpoints / f"checkpoint-{step}" if step else None

    def _steps(self) -> dict[int, bool]:
        """The steps that have a checkpoint, and whether it is whole."""
        folders = (path for path in self.checkpoints.glob("checkpoint-*") if path.is_dir())
        found = {path.name.partition("-")[2]: path for path in folders}
        return {
            int(step): (path / _COMPLETE).exists() for step, path in found.items() if step.isdigit()
        }


def near(path: Path | str) -> str:
    """A path as it is shown, and typed: from the working directory, where it is below that."""
    path, here = Path(path), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _objects(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event
