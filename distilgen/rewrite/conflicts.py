"""Merge conflicts in what distilgen writes, and in the modules that it has rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import originals
from distilgen.rewrite.finding import Finding, checkout, command
from distilgen.rewrite.marks import sidecar_path
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ENDS = ("<<<<<<< ", ">>>>>>> ")


def line_of(path: Path) -> int:
    """The first line of a conflict in a file; 0 for none, and for no file."""
    try:
        raw = path.read_bytes() if path.is_file() else b""
    except OSError:
        return 0  # whoever needs the file says so
    if not all(b"\n" + end.encode() in b"\n" + raw for end in _ENDS):
        return 0
    ahead = (b"\n" + raw).partition(b"\n" + _ENDS[0].encode())[0]
    return ahead.count(b"\n") + 1


def of_module(project: Path, path: Path) -> Iterator[Finding]:
    """The conflicts of a module, its sidecar and its removed bodies, which no command settles."""
    kept = originals.path_for(project, path)
    instrument = command("instrument", project, path)
    rows = (
        (path, "holds a merge conflict; settle it first", instrument),
        (sidecar_path(path), "holds a merge conflict; take either side", instrument),
        (
            kept,
            "holds a merge conflict; take the side that has the bodies of the module's stubs",
            checkout(project, kept),
        ),
    )
    for place, message, mend in rows:
        line = line_of(place)
        if line and not _parses(place):
            yield Finding("merge-conflict", place, line, "", message, mend)


def of_lock(path: Path) -> Iterator[Finding]:
    """The conflict in `distilgen.lock`."""
    line = line_of(path)
    if line:
        message = "holds a merge conflict; keep the entries of both sides, one for each name"
        yield Finding("merge-conflict", path, line, "", message, "distilgen check")


def _parses(path: Path) -> bool:
    """Are the markers text in a string, and no conflict?"""
    if path.suffix != ".py":
        return False
    try:
        return bool(files.read(path).tree)
    except SourceError:
        return False
