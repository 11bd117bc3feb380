"""Records in a table: added once, read in their order, deleted; SQLite and PostgreSQL alike."""

from __future__ import annotations

import sqlite3
import sys
import threading
from typing import TYPE_CHECKING

import postgres_server
import pytest
import sqlalchemy as sa

from distilgen.errors import ConfigError, RecordError
from distilgen.records.record import Malformed, Record
from distilgen.records.sql import TABLE, SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from postgres_server import PostgresServer

    Line = Callable[..., bytes]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/folder/records.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def timed(line: Line) -> Callable[[int], bytes]:
    """Makes the line of a record by its number; the later ones have the smaller ids."""

    def make(number: int) -> bytes:
        return line(number, id=f"id-{9999 - number}", at=f"2026-11-03T00:00:00.{number:06}Z")

    return make


def topics(store: SqlStore) -> list[object]:
    return [item.arguments["topic"] for item in store.read() if isinstance(item, Record)]


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def test_records_are_read_by_time(url: str, timed: Callable[[int], bytes]) -> None:
    store = SqlStore(url)
    numbers = list(range(1203))
    store.append([timed(number) for number in reversed(numbers)], "batch")
    assert topics(store) == numbers
    assert topics(SqlStore(url)) == numbers


def test_a_record_that_is_there_is_not_added_again(url: str, timed: Callable[[int], bytes]) -> None:
    store = SqlStore(url)
    store.append([timed(1), timed(2), timed(2)], "one")
    SqlStore(url).append([timed(3), timed(2), timed(1)], "two")
    assert topics(store) == [1, 2, 3]


def test_the_line_is_kept_as_it_is(url: str, line: Line) -> None:
    odd = line('é \\u0000 \ud800 "quoted" 100%s :name', rollout={"mode": "shadow"})
    SqlStore(url).append([odd], "batch")
    ((text,),) = execute(url, f"SELECT line FROM {TABLE}")
    assert str(text).encode() + b"\n" == odd
    about = execute(url, f"SELECT id, function, at, source FROM {TABLE}")
    assert about == [
        (
            "01932a7c-0000-7000-8000-000000000000",
            "shop.mail:compose",
            "2026-11-03T01:02:03.000004Z",
            "teacher",
        )
    ]


@pytest.mark.parametrize("key", ["\0", "\ud800", "x" * 5000], ids=["NUL", "surrogate", "long"])
def test_what_no_database_takes_for_a_key_has_its_digest_there(
    url: str, line: Line, key: str
) -> None:
    store = SqlStore(url)
    store.append([line(1, id=key, function=key, source=key)], "one")
    store.append([line(1, id=key), line(2, id=key + "2")], "two")
    assert sorted(item.id for item in store.read() if isinstance(item, Record)) == [key, key + "2"]


def test_records_are_deleted(url: str, timed: Callable[[int], bytes]) -> None:
    store = SqlStore(url)
    store.append([timed(number) for number in range(1100)], "batch")
    assert store.delete(lambda record: record.arguments["topic"] % 2 == 1) == 550
    assert topics(store) == list(range(0, 1100, 2))
    assert store.delete(lambda _: False) == 0


def test_what_is_no_record_is_told_and_kept(url: str, timed: Callable[[int], bytes]) -> None:
    store = SqlStore(url)
    store.append([timed(1)], "batch")
    execute(url, f"INSERT INTO {TABLE} VALUES ('x', 'f', 'c', '', 's', '[]')")
    broken, good = store.read()
    assert isinstance(broken, Malformed)
    assert str(broken) == f"{store.place}:1: is no JSON object"
    assert isinstance(good, Record)
    assert store.delete(lambda _: True) == 1
    assert len(list(store.read())) == 1
    with pytest.raises(RecordError, match="is no JSON object"):
        store.append([b"[]\n"], "batch")


def test_what_is_no_record_is_set_aside(url: str, timed: Callable[[int], bytes]) -> None:
    store = SqlStore(url)
    assert store.set_aside(lambda _: None) == 0
    store.append([timed(number) for number in range(600)], "batch")
    execute(url, f"INSERT INTO {TABLE} VALUES ('x', 'f', 'c', '', 's', '[]')")
    execute(url, f"INSERT INTO {TABLE} VALUES ('y', 'f', 'c', '9', 's', 'é')")

    def refuse(items: Sequence[Malformed]) -> None:
        raise OSError(f"disk full: {len(items)}")

    with pytest.raises(OSError, match="disk full: 1"):
        store.set_aside(refuse)
    kept: list[Malformed] = []
    assert store.set_aside(kept.extend) == 2
    assert [(item.line, item.text) for item in kept] == [(1, b"[]\n"), (602, "é\n".encode())]
    assert topics(store) == list(range(600))
    assert store.set_aside(kept.extend) == 0


def test_a_table_that_was_dropped_is_made_again(url: str, line: Line) -> None:
    store = SqlStore(url)
    store.append([line(1)], "one")
    execute(url, f"DROP TABLE {TABLE}")
    with pytest.raises(RecordError, match=TABLE):
        store.append([line(1)], "one")
    store.append([line(1)], "one")
    assert topics(store) == [1]


def test_nothing_is_made_by_reading(url: str, tmp_path: Path) -> None:
    store = SqlStore(url)
    assert list(store.read()) == []
    assert store.delete(lambda _: True) == 0
    assert not (tmp_path / "new").exists()


def test_many_may_begin_at_once(url: str, line: Line) -> None:
    begin = threading.Barrier(6)
    errors: list[Exception] = []

    def work(worker: int) -> None:
        store = SqlStore(url)
        begin.wait()
        try:
            for number in range(5):
                # Half of them are those of the others, in another order.
                lines = [line(n, id=f"shared-{n}") for n in range(number, 20)][
                    :: 1 - worker % 2 * 2
                ]
                store.append([*lines, line(0, id=f"{worker}-{number}")], "batch")
        except Exception as error:  # noqa: BLE001 - the assertion is below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(topics(SqlStore(url))) == 20 + 30


def test_records_may_be_added_while_others_are_read(
    url: str, timed: Callable[[int], bytes]
) -> None:
    store = SqlStore(url)
    store.append([timed(number) for number in range(600)], "one")
    reading = store.read()
    next(reading)
    SqlStore(url).append([timed(600)], "two")
    assert len(list(reading)) == 600


def test_an_unreachable_database_is_named_without_its_password(
    postgres: PostgresServer, tmp_path: Path, line: Line
) -> None:
    wrong = postgres.url().replace(postgres_server.PASSWORD, "wrong-word")
    store = SqlStore(wrong)
    for use in (lambda: store.append([line()], "batch"), lambda: list(store.read())):
        with pytest.raises(RecordError, match="password authentication failed") as error:
            use()
        assert str(error.value).startswith(f"postgresql://postgres:…@127.0.0.1:{postgres.port}/")
        assert "wrong-word" not in str(error.value)
        assert "\n" not in str(error.value)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="file"):
        SqlStore(f"sqlite:///{tmp_path}/file/records.db").append([line()], "batch")
    (tmp_path / "other.db").write_text("no database, " * 100)
    with pytest.raises(RecordError, match=r"other.db: file is not a database"):
        SqlStore(f"sqlite:///{tmp_path}/other.db").append([line()], "batch")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://", "a database in memory keeps nothing"),
        ("sqlite:///:memory:", "a database in memory keeps nothing"),
        ("postgresql://u:word@h:port/d", "postgresql://u:…@h:port/d: its port is no number"),
        ("sqlite+nothing:///x.db", "sqlite+nothing:///x.db: Can't load plugin"),
    ],
)
def test_other_urls_are_refused(url: str, reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        SqlStore(url)
    assert reason in str(error.value)
    assert "word" not in str(error.value)


@pytest.mark.parametrize("package", ["sqlalchemy", "psycopg"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r'is not installed: pip install "distilgen\[sql\]"'):
        SqlStore("postgresql://u@h/d")


def test_a_driver_of_the_users_choice_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(ConfigError) as error:
        SqlStore("postgresql+psycopg2://u:word@h/d")
    assert str(error.value) == (
        "postgresql+psycopg2://u:…@h/d: psycopg2 is not installed: install it, or say "
        'postgresql://… and pip install "distilgen[sql]"'
    )


def test_it_is_a_database_like_any_other(tmp_path: Path, line: Line) -> None:
    SqlStore(f"sqlite:///{tmp_path}/records.db").append([line()], "batch")
    connection = sqlite3.connect(tmp_path / "records.db")
    (found,) = connection.execute(
        f"SELECT contract, json_extract(line, '$.elapsed_ms') FROM {TABLE}"
    )
    connection.close()
    assert found[1] == 1.5
