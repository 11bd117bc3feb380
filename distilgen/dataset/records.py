"""Reading records: every line of a folder's files, the malformed ones told apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.runtime import arguments
from distilgen.runtime.sink import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One call. result: a JSON value; error: type and message of what was raised instead."""

    id: str
    function: str
    contract: str
    at: str
    elapsed_ms: float
    arguments: dict[str, Any]
    source: str
    result: Any = None
    error: dict[str, str] | None = None
    usable: bool = True
    """All of its arguments have a JSON form."""


@dataclass(frozen=True)
class Malformed:
    """A line that is no record. torn: it is the last of its file and lacks its newline."""

    path: Path
    line: int
    reason: str
    torn: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def files_of(folder: Path) -> list[Path]:
    """The record files of a folder, oldest first; none where there is no folder."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def read(folder: Path) -> Iterator[Record | Malformed]:
    """Every line of the folder's record files, one by one. Raises OSError."""
    for path in files_of(folder):
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _parse(path, number, line)


def _parse(path: Path, number: int, line: bytes) -> Record | Malformed:
    torn = not line.endswith(b"\n")
    try:
        text = line.decode()
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = (
            "the last line is torn: its writer was stopped" if torn else f"is no JSON ({error})"
        )
        return Malformed(path, number, reason, torn)
    if not isinstance(values, dict):
        return Malformed(path, number, "is no JSON object")
    texts = ("id", "function", "contract")
    absent = [key for key in (*texts, "arguments") if key not in values]
    if "result" not in values and "error" not in values:
        absent.append("result")
    if absent:
        return Malformed(path, number, f"has no {absent[0]}")
    odd = [key for key in texts if not isinstance(values[key], str)]
    if odd:
        return Malformed(path, number, f"its {odd[0]} is no text")
    if not isinstance(values["arguments"], dict):
        return Malformed(path, number, "its arguments are no JSON object")
    known = {key: values[key] for key in Record.__dataclass_fields__ if key in values}
    filled = {"at": "", "elapsed_ms": 0.0, "source": "", **known}
    return Record(**{**filled, "usable": not _marked(values["arguments"], text)})


def _marked(given: dict[str, Any], text: str) -> bool:
    return arguments.unserializable(text) and arguments.unserializable(
        json.dumps(given, separators=(",", ":"))
    )
