"""What a scan says of a file and its functions: plain data, which a cache can keep."""

from __future__ import annotations

import json
from typing import NamedTuple


class Row(NamedTuple):
    """A function with a return annotation.

    returns: the annotation, on one line. reason: why it is no candidate; empty for a candidate.
    near: it returns a Pydantic type, or may.
    """

    qualname: str
    line: int
    returns: str
    reason: str
    near: bool


class Overview(NamedTuple):
    """A file. module: its dotted name, where there are rows. everything: rows holds all functions,
    not only those that return a Pydantic type, or may. marked: distilgen may have rewritten it.
    """

    path: str
    module: str
    rows: tuple[Row, ...] = ()
    everything: bool = False
    marked: bool = False

    def near(self) -> Overview:
        """Without the functions that return no Pydantic type."""
        if not self.everything:
            return self
        return self._replace(rows=tuple(r for r in self.rows if r.near), everything=False)

    def to_json(self) -> str:
        """As text; none for most files, in which there is nothing."""
        if not (self.rows or self.everything or self.marked):
            return ""
        return json.dumps([self.module, self.everything, self.marked, self.rows])

    @classmethod
    def from_json(cls, path: str, text: str) -> Overview:
        """From the text of a file's overview. Raises ValueError, TypeError."""
        if not text:
            return cls(path, "")
        module, everything, marked, rows = json.loads(text)
        return cls(path, module, tuple(Row(*row) for row in rows), everything, marked)
