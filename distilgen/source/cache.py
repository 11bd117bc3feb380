"""What earlier scans found, file by file, under `.distilgen/cache`.

One SQLite file, which several processes may read and write at once. It only ever saves time: one
that is damaged, locked, of another version or on a disk that takes no more is done without.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TABLES = """
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE places (
    near TEXT, name TEXT, path TEXT, PRIMARY KEY (near, name)
) WITHOUT ROWID;
CREATE TABLE files (
    path TEXT PRIMARY KEY, signature TEXT, digest TEXT, rows TEXT, reads TEXT
) WITHOUT ROWID;
"""
_SECONDS = 2.0  # to wait for another process; the cache is not worth more


class Entry(NamedTuple):
    """What is known of a file.

    signature: of what the file system says of it. digest: of its bytes. rows: what was found in
    it, as JSON; None for a file that was only read for others.
    """

    signature: str
    digest: str
    rows: str | None


class Cache:
    """A cache, or nothing where there can be none: then it knows nothing and keeps nothing."""

    def __init__(self, path: Path, store: sqlite3.Connection | None) -> None:
        self._path = path
        self._store = store

    @classmethod
    def at(cls, folder: Path, key: str) -> Self:
        """The cache in a folder. key: what all of its content depends on; what was kept under
        another is dropped.
        """
        path = folder / "scan.sqlite"
        for attempt in range(2):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                ignore = folder / ".gitignore"
                if not ignore.exists():
                    ignore.write_text("*\n", "utf-8")
                return cls(path, _opened(path, key))
            except sqlite3.OperationalError:
                break  # locked, or the disk is full or read-only
            except sqlite3.DatabaseError:
                if attempt:
                    break
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)  # damaged
            except OSError:
                break
        return cls(path, None)

    def entries(self) -> dict[str, Entry]:
        """What is known, by path."""
        found = self._asked("SELECT path, signature, digest, rows FROM files")
        return {path: Entry(*rest) for path, *rest in found}

    def reads(self) -> dict[str, str]:
        """What was read for the rows of each file, as JSON, by path."""
        found = self._asked("SELECT path, reads FROM files WHERE reads != ''")
        return {path: text for path, text in found}  # noqa: C416 - for the types

    def places(self) -> list[tuple[str, str, str]]:
        """Which file each module was when it was looked for: near, name and path."""
        found = self._asked("SELECT near, name, path FROM places")
        return [(near, name, path) for near, name, path in found]

    def keep_places(self, places: Iterable[tuple[str, str, str]]) -> None:
        """Keep which file each module is."""
        self._change("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", places)

    def keep(self, entries: Iterable[tuple[str, str, str, str | None, str]]) -> None:
        """Keep entries: path, signature, digest, rows and reads."""
        self._change("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", entries)

    def sign(self, signatures: Iterable[tuple[str, str]]) -> None:
        """Note new signatures of files that are otherwise as they were, as (signature, path)."""
        self._change("UPDATE files SET signature = ? WHERE path = ?", signatures)

    def forget(self, paths: Iterable[str]) -> None:
        """Drop the entries of files that are gone."""
        self._change("DELETE FROM files WHERE path = ?", ((path,) for path in paths))

    def close(self) -> None:
        """Write what was kept."""
        if self._store is None:
            return
        with contextlib.suppress(sqlite3.Error):
            self._store.commit()
        self._store.close()
        self._store = None

    def _asked(self, query: str) -> list[tuple[str, ...]]:
        if self._store is None:
            return []
        try:
            return self._store.execute(query).fetchall()
        except sqlite3.Error:
            self._give_up()
            return []

    def _change(self, statement: str, rows: Iterable[tuple[str | None, ...]]) -> None:
        if self._store is None:
            return
        try:
            self._store.executemany(statement, rows)
        except sqlite3.Error:
            self._give_up()

    def _give_up(self) -> None:
        """After an error: nobody knows what is in it, so the next scan starts anew."""
        if self._store is not None:
            self._store.close()
            self._store = None


def _opened(path: Path, key: str) -> sqlite3.Connection:
    store = sqlite3.connect(path, timeout=_SECONDS)
    try:
        store.execute("PRAGMA synchronous = OFF")
        tables = store.execute("SELECT count(*) FROM sqlite_master WHERE name = 'state'").fetchone()
        kept = tables[0] and store.execute("SELECT value FROM state WHERE key = 'key'").fetchone()
        if not kept or kept[0] != key:
            store.executescript(
                "BEGIN IMMEDIATE; DROP TABLE IF EXISTS state; DROP TABLE IF EXISTS places;"
                f"DROP TABLE IF EXISTS files; {_TABLES}"
            )
            store.execute("INSERT INTO state VALUES ('key', ?)", (key,))
            store.commit()
    except BaseException:
        store.close()
        raise
    return store
