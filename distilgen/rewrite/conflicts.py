"""Merge conflicts in what distilgen writes, and in the modules that it has rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilgen import lock
from distilgen.errors import ConfigError, SourceError
from distilgen.rewrite import contracts_file, originals
from distilgen.rewrite.finding import Finding, checkout, command
from distilgen.rewrite.marks import sidecar_path
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.source.files import SourceFile

_JOINED = "its sides go together"
_ENDS = ("<<<<<<< ", ">>>>>>> ")


def _line_in(raw: bytes) -> int:
    """The first line of a conflict in a file's bytes; 0 for none."""
    if not all(b"\n" + end.encode() in b"\n" + raw for end in _ENDS):
        return 0
    ahead = (b"\n" + raw).partition(b"\n" + _ENDS[0].encode())[0]
    return ahead.count(b"\n") + 1


def of_module(project: Path, source: SourceFile) -> Iterator[Finding]:
    """The conflicts of a module, its sidecar and its removed bodies."""
    path = source.path
    kept = originals.path_for(project, path)
    rows: tuple[tuple[Path, str, Callable[[], object]], ...] = (
        (path, "settle it first", lambda: None),
        (sidecar_path(path), _JOINED, lambda: contracts_file.read(path)),
        (kept, _JOINED, lambda: originals.read(project, path)),
    )
    for place, what, read in rows:
        raw = source.raw if place == path else _bytes_of(place)
        line = _line_in(raw)
        if line and not _parses(place, raw):
            mend = command("instrument", project, path)
            try:
                read()
            except SourceError as error:
                message, mend = error.message, checkout(project, place)
            else:
                message = f"holds a merge conflict; {what}"
            yield Finding("merge-conflict", place, line, "", message, mend)


def of_lock(project: Path) -> Iterator[Finding]:
    """The conflict in `distilgen.lock`."""
    path = project / lock.FILE
    line = _line_in(_bytes_of(path))
    if line:
        message, mend = f"holds a merge conflict; {_JOINED}", "distilgen instrument --all"
        try:
            lock.read(project)
        except ConfigError:
            message = "holds a merge conflict; keep the entries of both sides, one for each name"
            mend = "distilgen check"
        yield Finding("merge-conflict", path, line, "", message, mend)


def _bytes_of(path: Path) -> bytes:
    """A file's bytes; none for no file, or one that cannot be read: whoever needs it says so."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parses(path: Path, raw: bytes) -> bool:
    """Are the markers text in a string, and no conflict?"""
    if path.suffix != ".py":
        return False
    try:
        return bool(files.decode(raw, path).tree)
    except SourceError:
        return False
