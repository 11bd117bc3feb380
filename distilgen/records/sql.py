"""Records in a table of a database, through SQLAlchemy: SQLite or PostgreSQL."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.errors import ConfigError, RecordError
from distilgen.records.record import Malformed, Record, parse
from distilgen.records.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import sqlalchemy as sa

TABLE = "distilgen_records"
"""Columns: `id` (the key), `function`, `contract`, `at`, `source`; `line`: the record's JSON."""

_PAGE = 500
_LONGEST_KEY = 1000
_CONNECT_SECONDS = 10


class SqlStore:
    """A table, made when it is needed. A connection lasts for one call: none is stale after a
    restart of the database or a fork.
    """

    def __init__(self, url: str) -> None:
        """Raises ConfigError for a URL that names no database, or whose package is missing."""
        self.place = without_password(url)
        self._engine, self._table = _opened(url, self.place)
        self._is_made = False

    def append(self, lines: Sequence[bytes], name: str) -> None:
        """See `Store.append`. Ids are the key: what is there already is not added again."""
        del name
        # In one order everywhere, or two that send the same records could wait for each other.
        rows = sorted((_row(self.place, line) for line in lines), key=lambda row: row["id"])
        with _said_here(self.place):
            self._make()
            self._is_made = False  # unless all goes well: somebody may have dropped it
            with self._engine.begin() as connection:
                connection.execute(self._insert(), rows)
            self._is_made = True

    def read(self) -> Iterator[Record | Malformed]:
        """See `Store.read`; by the time of the call. In pages: neither many records nor a lock
        are held while somebody looks at one.
        """
        number = 0
        for page in self._pages():
            for _, _, line in page:
                number += 1
                yield parse(self.place, number, line.encode() + b"\n")

    def delete(self, wanted: Callable[[Record], bool]) -> int:
        """See `Store.delete`; a page at a time."""
        count = 0
        for page in self._pages():
            keys = []
            for key, _, line in page:
                item = parse(self.place, 1, line.encode() + b"\n")
                if isinstance(item, Record) and wanted(item):
                    keys.append(key)
            count += self._remove(keys)
        return count

    def set_aside(self, keep: Callable[[Sequence[Malformed]], None]) -> int:
        """Remove what is no record, after `keep` took it, a page at a time; how many rows were."""
        count = number = 0
        for page in self._pages():
            corrupt = {}
            for key, _, line in page:
                number += 1
                item = parse(self.place, number, line.encode() + b"\n")
                if isinstance(item, Malformed):
                    corrupt[key] = item
            keep(list(corrupt.values()))
            count += self._remove(list(corrupt))
        return count

    def _remove(self, keys: Sequence[str]) -> int:
        if not keys:
            return 0
        with _said_here(self.place), self._engine.begin() as connection:
            gone = connection.execute(self._table.delete().where(self._table.c.id.in_(keys)))
        return int(gone.rowcount)

    def _pages(self) -> Iterator[Sequence[Any]]:
        import sqlalchemy as sa  # noqa: PLC0415 - an extra

        columns = self._table.c
        ordered = (
            sa.select(columns.id, columns.at, columns.line)
            .order_by(columns.at, columns.id)
            .limit(_PAGE)
        )
        query = ordered
        with _said_here(self.place):
            if not self._is_there():
                return
            with self._engine.connect() as connection:
                while page := connection.execute(query).all():
                    connection.commit()
                    yield page
                    key, at, _ = page[-1]
                    query = ordered.where(sa.tuple_(columns.at, columns.id) > sa.tuple_(at, key))

    def _is_there(self) -> bool:
        import sqlalchemy as sa  # noqa: PLC0415

        if self.is_missing():
            return False  # to connect would make an empty one
        return sa.inspect(self._engine).has_table(TABLE)

    def is_missing(self) -> bool:
        """Is the file not there that the database is in?"""
        return self._engine.dialect.name == "sqlite" and not self._file.exists()

    @property
    def _file(self) -> Path:
        return Path(str(self._engine.url.database))

    def _make(self) -> None:
        import sqlalchemy as sa  # noqa: PLC0415

        if self._is_made:
            return
        if self._engine.dialect.name == "sqlite":
            self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._table.metadata.create_all(self._engine)
        except sa.exc.DBAPIError:  # another process makes it just now
            if not sa.inspect(self._engine).has_table(TABLE):
                raise

    def _insert(self) -> Any:
        if self._engine.dialect.name == "sqlite":
            from sqlalchemy.dialects.sqlite import insert as of_sqlite  # noqa: PLC0415

            return of_sqlite(self._table).on_conflict_do_nothing(index_elements=["id"])
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415

        return insert(self._table).on_conflict_do_nothing(index_elements=["id"])


def _opened(url: str, place: str) -> tuple[sa.Engine, sa.Table]:
    try:
        import sqlalchemy as sa  # noqa: PLC0415
    except ImportError as error:
        raise _missing(place, error) from error
    try:
        target = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"{place}: {error}") from None
    except ValueError:  # it would say what it takes for the port: perhaps half of a password
        raise ConfigError(f"{place}: its port is no number") from None
    if target.drivername == "postgresql":
        target = target.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {}
    dialect = target.get_backend_name()
    if dialect == "sqlite":
        if target.database in (None, "", ":memory:"):
            raise ConfigError(f"{place}: a database in memory keeps nothing; name a file")
        options["timeout"] = _CONNECT_SECONDS
    elif target.drivername.startswith("postgresql+psycopg"):
        options["connect_timeout"] = _CONNECT_SECONDS
    given = {name: value for name, value in options.items() if name not in target.query}
    try:
        engine = sa.create_engine(
            target, poolclass=sa.NullPool, connect_args=given, hide_parameters=True
        )
    except ImportError as error:
        raise _missing(place, error) from error
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"{place}: {error}") from error
    return engine, _table()


def _missing(place: str, error: ImportError) -> ConfigError:
    ours = error.name in ("sqlalchemy", "psycopg")
    advice = (
        'pip install "distilgen[sql]"'
        if ours
        else f'install it, or say {place.partition("+")[0]}://… and pip install "distilgen[sql]"'
    )
    return ConfigError(f"{place}: {error.name} is not installed: {advice}")


def _table() -> sa.Table:
    import sqlalchemy as sa  # noqa: PLC0415

    texts = ("function", "contract", "at", "source", "line")
    return sa.Table(
        TABLE,
        sa.MetaData(),
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Index(f"ix_{TABLE}_at", "at", "id"),
        sa.Index(f"ix_{TABLE}_contract", "contract", "at"),
        sa.Index(f"ix_{TABLE}_function", "function", "at"),
    )


def _row(place: str, line: bytes) -> dict[str, str]:
    record = parse(place, 1, line)
    if isinstance(record, Malformed):
        raise RecordError(str(record))
    columns = {name: _key(getattr(record, name)) for name in ("id", "function", "contract")}
    return {
        **columns,
        "at": _key(record.at),
        "source": _key(record.source),
        "line": line.decode().rstrip("\n"),
    }


def _key(text: str) -> str:
    """The text, or its digest where it is one that a database cannot keep or cannot index."""
    if text.isprintable() and len(text) <= _LONGEST_KEY:
        return text
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@contextlib.contextmanager
def _said_here(place: str) -> Iterator[None]:
    """What the database says becomes a RecordError, with neither the statement nor its values."""
    import sqlalchemy as sa  # noqa: PLC0415

    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise RecordError(f"{place}: {' '.join(str(cause).split())}") from error
    except OSError as error:
        raise RecordError(f"{place}: {error}") from error
