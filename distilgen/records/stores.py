"""The store that a records URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilgen.errors import ConfigError, UsageError
from distilgen.records.files import CORRUPT, FileStore, files_of
from distilgen.records.urls import (
    FILES,
    LOGGING,
    OBJECTS,
    SQL,
    absolute,
    place_of,
    without_password,
)

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.records.store import Store


def open_store(url: str, origin: str, root: Path) -> Store:
    """The store at a URL. origin: where it was said, for the error. root: what a folder that is no
    absolute path is below. Raises ConfigError, also for what records can only be written to.
    """
    place = place_of(url, origin)
    if place.kind == FILES:
        return FileStore(root / place.rest)
    if place.kind == SQL:
        from distilgen.records.sql import SqlStore  # noqa: PLC0415 - SQLAlchemy, an extra

        return SqlStore(absolute(place.rest, str(root.absolute())))
    if place.kind == OBJECTS:
        from distilgen.records.objects import ObjectStore  # noqa: PLC0415 - fsspec, an extra

        return ObjectStore(url)
    kind = "logger" if place.kind == LOGGING else "callable"
    raise ConfigError(
        f"{origin}: {without_password(url)} is a {kind}: records go there and cannot be read back; "
        "name the place where they are kept by --records"
    )


def refuse_useless(store: Store, *, named: bool, may_come: bool) -> None:
    """Raises UsageError where records are looked for in what can hold none, or holds others' files.

    named: the user names the place, so that it must be there; unless, by may_come, records may be
    on their way to it.
    """
    from distilgen.records.sql import SqlStore  # noqa: PLC0415 - few commands need it

    if store.place.startswith("memory:"):
        raise UsageError(f"{store.place}: is the memory of another program, and cannot be read")
    if isinstance(store, SqlStore) and named and not may_come and store.is_missing():
        raise UsageError(f"{store.place}: there is no such file")
    if isinstance(store, FileStore):
        if store.folder.is_dir():
            if not may_come:
                _refuse_others(store)
        elif store.folder.exists():
            raise UsageError(
                f"{store.place}: is a file, not a folder; `distilgen records import` reads it"
            )
        elif named and not may_come:
            raise UsageError(f"{store.place}: there is no such folder")


def _refuse_others(store: FileStore) -> None:
    others = sorted(path.name for path in store.folder.glob("*.jsonl") if path.name != CORRUPT)
    if others and not files_of(store.folder):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise UsageError(
            f"{store.place}: has no records-*.jsonl, but {others[0]}{more}; "
            "`distilgen records import` reads such files"
        )
