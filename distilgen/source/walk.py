"""Which source files there are below some folders."""

from __future__ import annotations

import os
import re
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from distilgen.errors import SourceError
from distilgen.source.modules import is_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Wanted = Callable[[str], bool]
    Missing = Callable[[SourceError], None]

NEVER = frozenset({"__pycache__", "__pypackages__", "node_modules", "site-packages"})
"""Folders that no walk enters, besides those whose name starts with a dot."""

MADE = frozenset({"build", "dist", "env", "venv"})
"""Folders that tools make, though an author may call a package so."""

SIDECAR = re.compile(r"_.+_distil\.py")
"""What the names of generated sidecar files look like."""


def sidecar_name(path: Path) -> str:
    """The module name of a file's sidecar: `_mail_distil` for `mail.py`."""
    return f"_{path.stem}_distil"


def module_of(sidecar: Path) -> Path:
    """The file of the module that a sidecar belongs to."""
    return sidecar.with_name(f"{sidecar.stem[1 : -len('_distil')]}.py")


_NAME = attrgetter("name")


class Found(NamedTuple):
    """A file. path: as it was reached, links not followed. stat: of the file itself."""

    path: str
    stat: os.stat_result


def walk(targets: Iterable[Path], *, wanted: Wanted, missing: Missing) -> Iterator[Found]:
    """Every wanted Python file at or below the targets, each once, in sorted order.

    wanted: tells of the path of a file or folder whether the configuration takes it.
    missing: is told of targets and links that lead nowhere; the walk goes on.
    Stubs for type checkers, `.pyi`, hold no code and are passed over, even when they are targets.
    Links to folders are not entered; a link to a file stands for the file, unless that was seen.
    """
    seen: set[str] = set()
    for target in targets:
        shown, real = str(target), os.path.realpath(target)
        for found, link in _below(shown, wanted, missing):
            name = found.path
            if link:
                name = os.path.realpath(name)
            elif shown != real:
                name = real + name[len(shown) :]
            if not name.isascii() and not _is_text(name):
                readable = os.fsencode(name).decode("utf-8", "backslashreplace")
                missing(SourceError(readable, "has a name that is no text; rename it"))
            elif name not in seen:
                seen.add(name)
                yield found


def _is_text(name: str) -> bool:
    """Can a name be written down? One with bytes that are no UTF-8 cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _below(target: str, wanted: Wanted, missing: Missing) -> Iterator[tuple[Found, bool]]:
    """(what is at or below a target, is it a link?), in order."""
    path = Path(target)
    if path.is_dir():
        yield from _within(target, wanted, missing)
    elif not path.is_file():
        missing(SourceError(path, _why_unreadable(path)))
    elif path.suffix != ".pyi" and wanted(target) and not SIDECAR.fullmatch(path.name):
        yield Found(target, path.stat()), True


def _within(target: str, wanted: Wanted, missing: Missing) -> Iterator[tuple[Found, bool]]:
    todo = _listed(target, missing)
    while todo:
        entry = todo.pop()
        name, path = entry.name, entry.path
        if entry.is_dir(follow_symlinks=False):
            if name in NEVER or name[0] == "." or (name in MADE and _is_made(path)):
                continue
            if wanted(path):
                todo += _listed(path, missing)
        elif (
            name.endswith(".py")
            and not (name[0] == "_" and SIDECAR.fullmatch(name))
            and wanted(path)
        ):
            try:
                if entry.is_file():
                    yield Found(path, entry.stat()), entry.is_symlink()
                    continue
                lost = not entry.is_dir()
            except OSError:
                lost = True  # it went since it was listed, or is a link in a circle
            if lost:
                missing(SourceError(Path(path), _why_unreadable(Path(path))))


def _is_made(path: str) -> bool:
    """Did a tool make a folder with such a name: an environment, or one that lies beside a
    project's file or in no package?
    """
    folder = Path(path)
    if (folder / "pyvenv.cfg").exists() or is_project(folder.parent):
        return True
    for place in (folder, *folder.parents):
        if (place / "__init__.py").is_file():
            return False
        if is_project(place):
            break
    return True


def _listed(folder: str, missing: Missing) -> list[os.DirEntry[str]]:
    """What is in a folder, the last first."""
    try:
        with os.scandir(folder) as listing:
            return sorted(listing, key=_NAME, reverse=True)
    except OSError as error:
        missing(SourceError(folder, error.strerror or "lost"))
        return []


def _why_unreadable(path: Path) -> str:
    from distilgen.source.files import why_unreadable  # noqa: PLC0415 - seldom needed

    return why_unreadable(path, None)
