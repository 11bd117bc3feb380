"""What is remembered of uploads and jobs: a command that is run again comes back to them."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError
from distilgen.rewrite.replace import replace_file
from distilgen.runtime.sinks.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Note:
    """A small JSON file: what was begun, and what came of it."""

    path: Path

    def read(self) -> dict[str, Any]:
        """What it says; nothing where there is none. Raises TrainingError."""
        try:
            said = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(f"{self.path}: cannot be read ({error}); {self._advice}") from error
        if not isinstance(said, dict):
            raise TrainingError(f"{self.path}: is not as it was written; {self._advice}")
        return said

    def write(self, said: Mapping[str, Any]) -> None:
        """Say this from now on, durably. Raises TrainingError."""
        try:
            replace_file(self.path, (json.dumps(said, indent=2) + "\n").encode())
        except OSError as error:
            raise TrainingError(
                f"{self.path}: cannot be written ({error.strerror}); see to that, and run the "
                "command again: it finds what was begun"
            ) from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While this runs, no other process does what the note is about. Raises TrainingError."""
        place = self.path.with_suffix(".lock")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise TrainingError(f"{place}: cannot be written ({error.strerror})") from error
        try:
            if not try_lock(descriptor):
                raise TrainingError(
                    f"{place}: another command is at just this; wait until it is done, and run "
                    "this one again"
                )
            yield
        finally:
            os.close(descriptor)

    @property
    def _advice(self) -> str:
        return "remove it, and see with `distilgen jobs list` what the host has"


def beside(note: Note) -> Iterator[dict[str, Any]]:
    """What the other notes of its folder say. Those that cannot be read are passed over."""
    for path in sorted(note.path.parent.glob("*.json")):
        if path != note.path:
            with contextlib.suppress(TrainingError):
                yield Note(path).read()
