"""`conflicts.jsonl` in a dataset's folder: the calls that had several answers, one a line.

    {"arguments": …, "answers": [{"result": …, "records": 3, "last": "ID"}, …], "taken": 0}

`taken` is the place of the answer that became a row; null where none did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from distilgen.contract import canonical_json

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.dataset.answers import Conflict

NAME = "conflicts.jsonl"


class Report:
    """The files of all functions while they are written. folder: where they stand meanwhile. The
    conflicts of a function come one after another. Raises OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = -1
        self._file: BinaryIO | None = None

    def add(self, number: int, conflict: Conflict) -> None:
        """Write a conflict of a function."""
        if number != self._number or self._file is None:
            self.close()
            self._number = number
            self._file = self.path(number).open("wb")
        answers = [
            {"result": result, "records": records, "last": name}
            for result, records, name in conflict.answers
        ]
        said = {"arguments": conflict.arguments, "answers": answers, "taken": conflict.taken}
        self._file.write(canonical_json(said).encode() + b"\n")

    def path(self, number: int) -> Path:
        """The file of a function, where it has conflicts."""
        return self._folder / f"{number}-{NAME}"

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None
