"""One file's replacement: written beside it, made durable, renamed over it. Old or new, never half.

A link is followed: the file behind it changes, the link stays.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import secrets
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from distilgen.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""The error numbers of a disk that takes no more."""

_ABANDONED_S = 60.0  # no process takes so long from a new file to its place
_TRIES = 20  # on Windows, of renaming over a file that another process is just reading


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` at once; the last of several processes wins. Siblings that a killed
    one has left go.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.distilgen"):
        with suppress(FileNotFoundError):  # its process has just put it in its place
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.distilgen")
    try:
        stage(target, temporary, content)
        rename(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync([target.parent])


def stage(target: Path, temporary: Path, content: bytes) -> None:
    """Write the new file that is to take the target's place: durable, with the target's mode and
    owner, or the usual ones. Raises OSError, also where there is a file of that name.
    """
    found = target.stat() if target.exists() else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600 if found else 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if found:
            _like(found, temporary)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(temporary: Path, target: Path) -> None:
    """Put a staged file in the target's place. Raises OSError."""
    for left in reversed(range(_TRIES)):
        try:
            os.replace(temporary, target)  # noqa: PTH105 - the call that is atomic, by its name
        except PermissionError:
            if os.name != "nt" or not left:
                raise
            time.sleep(0.05)  # a virus scanner or an editor has it open, for a moment
        else:
            return


def sync(folders: Iterable[Path]) -> None:
    """Make durable which names stand in some folders; those that are gone are passed over."""
    if os.name == "nt":  # it opens no folder, and keeps names by itself
        return
    for folder in folders:
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            except OSError as error:
                if error.errno != errno.EINVAL:  # a file system that cannot do so for folders
                    raise
            finally:
                os.close(descriptor)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it. Returns the folders in which names were added."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [place.parent for place in missing]


def prune(folder: Path, top: Path) -> None:
    """Remove folders that stand empty below `top`."""
    while folder != top and folder.is_relative_to(top):
        if folder.is_dir():
            if any(folder.iterdir()):
                return
            folder.rmdir()
        folder = folder.parent


def digest(path: Path) -> str | None:
    """The SHA-256 of a file's bytes; None where there is no file."""
    try:
        return digest_of(path.read_bytes())
    except FileNotFoundError:
        return None


def digest_of(content: bytes | None) -> str | None:
    """The SHA-256 of a content; None for none."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def refuse_unwritable(path: Path) -> None:
    """Raises SourceError for a file that may not be written, or whose folder may not."""
    if path.exists() and not _is_writable(path):
        raise SourceError(path, "is read-only; make it writable and run the command again")
    folder = path.resolve().parent  # a link is followed, and its target's folder holds the new file
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not _is_writable(folder):
        message = "is in a read-only folder; make it writable and run the command again"
        raise SourceError(path, message)


def _is_writable(path: Path) -> bool:
    # The superuser may write anything; a file that says "read only" means it for them too.
    marked = path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    return bool(marked) and os.access(path, os.W_OK)


def _like(old: os.stat_result, new: Path) -> None:
    """Give a file another one's owner and mode, in this order: a new owner costs special bits."""
    now = new.stat()
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (now.st_uid, now.st_gid):
        try:
            os.chown(new, old.st_uid, old.st_gid)
        except PermissionError:  # only the superuser may give a file away
            with suppress(PermissionError):
                os.chown(new, -1, old.st_gid)
    new.chmod(stat.S_IMODE(old.st_mode))
