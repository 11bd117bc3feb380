"""A folder of record files put in order: what is corrupt, there twice or deleted goes, small files
become one. Files that a program has open are put in order in their places, and joined another time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.records import files
from distilgen.records.record import Malformed
from distilgen.rewrite import replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distilgen.records.files import Line

SETTLED_S = 1.0
"""Seconds after which a file to which nothing was added is taken for one that nobody is just adding
to. Programs that hold their files need no such time; this is for those that do not.
"""

_TOGETHER = 100  # files that are open at once


@dataclass
class Vacuumed:
    """What was done. corrupt: lines that were set aside. duplicates: lines equal to an earlier one,
    which were removed. held: files that a program has open or has just
    written. size: bytes of the files.
    """

    corrupt: int = 0
    duplicates: int = 0
    held: int = 0
    files_before: int = 0
    files_after: int = 0
    size_before: int = 0
    size_after: int = 0


@dataclass
class _Group:
    """Files that become one, none of them open elsewhere. size: bytes of their lines."""

    opened: ExitStack = field(default_factory=ExitStack)
    paths: list[Path] = field(default_factory=list)
    size: int = 0


def vacuum(folder: Path) -> Vacuumed:
    """Put a folder in order. Raises RecordError; then nothing is lost, and it can be done again."""
    done = Vacuumed()
    with files.told(folder), files.alone(folder):
        done.files_before, done.size_before = _extent(folder)
        settled = _settled(folder)
        seen: set[bytes] = set()
        for path in files.files_of(folder):
            _clean(path, seen, done)
        count = -1
        while count != (count := len(files.files_of(folder))):
            done.held = _join(folder, settled)
        done.files_after, done.size_after = _extent(folder)
    return done


def _extent(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in files.files_of(folder)]
    return len(sizes), sum(sizes)


def _settled(folder: Path) -> dict[str, int]:
    """The sizes of the files to which nobody seems to be adding, by their names."""
    now = time.time()
    found = ((path.name, path.stat()) for path in files.files_of(folder))
    return {name: s.st_size for name, s in found if now - s.st_mtime >= SETTLED_S}


def _clean(path: Path, seen: set[bytes], done: Vacuumed) -> None:
    """Blank what is to go from a file, in its place."""
    found: list[Line] = []
    corrupt: list[Malformed] = []
    with path.open("r+b") as file:
        held = files.is_held(file.fileno())
        for line in files.lines_of(path):
            if line.is_deleted:
                found.append(line)
            for part, item in line.parts(str(path)):
                if isinstance(item, Malformed):
                    if held and not line.text.endswith(b"\n"):
                        continue  # it may be that its writer is still at it
                    corrupt.append(item)
                else:
                    digest = hashlib.sha256(part.text.strip()).digest()[:16]
                    if digest not in seen:
                        seen.add(digest)
                        continue
                    done.duplicates += 1
                found.append(part)
        set_aside(path.parent, corrupt)
        files.blank(path, found)
    done.corrupt += len(corrupt)


def set_aside(folder: Path, corrupt: Sequence[Malformed]) -> None:
    """Append lines to the folder's file of those that are no records, durably. Raises OSError."""
    if not corrupt:
        return
    folder.mkdir(parents=True, exist_ok=True)
    files.keep_out_of_git(folder)
    path = folder / files.CORRUPT
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "ab") as file:  # noqa: PTH123 - a descriptor
        for item in corrupt:
            row = {"file": item.place, "line": item.line, "reason": item.reason}
            # With surrogates for the bytes that are no UTF-8: they come back by the same name.
            row["text"] = item.text.rstrip(b"\n").decode("utf-8", "surrogateescape")
            file.write(json.dumps(row).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _join(folder: Path, settled: dict[str, int]) -> int:
    """Write neighbouring files as one, as far as nobody has them open; how many somebody has."""
    held = 0
    group = _Group()
    try:
        for path in files.files_of(folder):
            with ExitStack() as opened:
                file = opened.enter_context(path.open("r+b"))
                in_use = files.is_held(file.fileno())
                in_use = in_use or settled.get(path.name) != os.fstat(file.fileno()).st_size
                size = sum(len(line.text.rstrip(b"\n")) + 1 for line in files.lines_of(path))
                if in_use or group.size + size > files.FULL or len(group.paths) == _TOGETHER:
                    held += _write(group, settled)
                    group = _Group()
                if in_use:
                    held += 1
                    continue
                group.paths.append(path)
                group.size += size
                group.opened.push(opened.pop_all())
        held += _write(group, settled)
    finally:
        group.opened.close()
    return held


def _write(group: _Group, settled: dict[str, int]) -> int:
    """Replace the files by one; how many could not be."""
    with group.opened:
        if not group.paths:
            return 0
        first, *others = group.paths
        try:
            if group.size and (others or first.stat().st_size != group.size):
                _replace(first, group.paths)
                settled[first.name] = group.size
            for path in others if group.size else group.paths:
                path.unlink()
        except PermissionError:
            if os.name != "nt":  # there it says that somebody has the file open
                raise
            return len(group.paths)
        replace.sync([first.parent])
        return 0


def _replace(target: Path, paths: list[Path]) -> None:
    """Put the lines of some files into the first of them. Until the others are removed, theirs are
    there twice: whoever is stopped in between has lost nothing, and the next one removes them.
    """
    temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}.distilgen")
    try:
        files.stage(
            temporary,
            (line.text.rstrip(b"\n") + b"\n" for path in paths for line in files.lines_of(path)),
        )
        replace.rename(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
