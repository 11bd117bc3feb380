"""A URL names one kind of place, and shows no password."""

from __future__ import annotations

import pytest

from distilgen.errors import ConfigError
from distilgen.records import urls
from distilgen.records.schemes import PROTOCOLS
from distilgen.records.urls import place_of, without_password


@pytest.mark.parametrize(
    ("url", "kind", "rest"),
    [
        ("records", urls.FILES, "records"),
        ("/a/b", urls.FILES, "/a/b"),
        ("file:a/b", urls.FILES, "a/b"),
        ("file:///a/b", urls.FILES, "/a/b"),
        ("file:/a/b", urls.FILES, "/a/b"),
        ("C:\\records", urls.FILES, "C:\\records"),
        ("file://localhost/a/b", urls.FILES, "/a/b"),
        ("~/a", urls.FILES, "/home/ann/a"),
        ("file:~/a", urls.FILES, "/home/ann/a"),
        ("./~a", urls.FILES, "./~a"),
        ("sqlite:///a.db", urls.SQL, "sqlite:///a.db"),
        ("sqlite:///~/a.db?timeout=1", urls.SQL, "sqlite:////home/ann/a.db?timeout=1"),
        ("sqlite+pysqlite:////a.db", urls.SQL, "sqlite+pysqlite:////a.db"),
        ("postgresql+psycopg://u@h/d", urls.SQL, "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg2://u@h/d", urls.SQL, "postgresql+psycopg2://u@h/d"),
        ("postgresql://", urls.SQL, "postgresql://"),
        ("postgresql://u:a/b:c@[::1]:5432/d", urls.SQL, "postgresql://u:a/b:c@[::1]:5432/d"),
        ("postgresql://[::1]/d", urls.SQL, "postgresql://[::1]/d"),
        ("s3://bucket/a", urls.OBJECTS, "s3://bucket/a"),
        ("memory://a", urls.OBJECTS, "memory://a"),
        ("local:///a", urls.OBJECTS, "local:///a"),
        ("simplecache::s3://bucket/a", urls.OBJECTS, "simplecache::s3://bucket/a"),
        ("logging:shop.records", urls.LOGGING, "shop.records"),
        ("logging:shop?rows=messages", urls.LOGGING, "shop?rows=messages"),
        ("shop.sinks:send", urls.CALLABLE, "shop.sinks:send"),
        ("shop.sinks:Sender.send", urls.CALLABLE, "shop.sinks:Sender.send"),
    ],
)
def test_a_url_names_a_place(
    url: str, kind: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert place_of(url, "test") == (kind, rest)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "names no place"),
        ("file:", "names no folder"),
        ("logging:", "names no logger"),
        ("logging:?rows=raw", "names no logger"),
        ("file://tmp/x", "names a host, tmp; say file:///tmp/x or file:tmp/x"),
        ("~nobody-of-that-name/x", "nobody here has such a home"),
        ("sqlite:records.db", "is no database URL; say sqlite:///records.db"),
        ("sqlite://records.db", "is no database URL; say sqlite:///records.db"),
        ("sqlite:/a/records.db", "is no database URL; say sqlite:////a/records.db"),
        ("sqlite://", "a database in memory keeps nothing"),
        ("sqlite:///:memory:", "a database in memory keeps nothing"),
        ("sqlite+aiosqlite:///a.db", "aiosqlite is for asyncio; say sqlite://"),
        ("sqlite+nothing:///a.db", "nothing here knows the driver nothing"),
        ("postgresql:d", "is no database URL; say postgresql://USER@HOST/DATABASE"),
        ("postgresql+asyncpg://h/d", "asyncpg is for asyncio; say postgresql://"),
        ("postgresql://u:word@h:port/d", r"postgresql://u:…@h:port/d: its port is no number"),
        ("postgres://h/d", "postgres: is spelled postgresql://"),
        ("carrier-pigeon:coop", "known are a folder, file:FOLDER"),
        ("ftp2://x", "nothing here knows ftp2://: ftp2://x names no place"),
        ("mongodb://u:word@h/d", "nothing here knows mongodb://: mongodb://u:…@h/d names no"),
        ("mysql+pymysql://h/d", "known are a folder, file:FOLDER"),
        ("simplecache::s4://x", "nothing here knows s4://"),
        ("s3://", "names no bucket; say s3://BUCKET/FOLDER"),
        ("s3:///a", "names no bucket"),
        ("s3:bucket/a", "say s3://bucket/a"),
        ("gs:bucket", "say gs://bucket"),
    ],
)
def test_what_names_none_is_told(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^test: .*{said}") as error:
        place_of(url, "test")
    assert "word" not in str(error.value)


def test_every_protocol_of_fsspec_is_known() -> None:
    registry = pytest.importorskip("fsspec.registry")
    assert set(registry.known_implementations) - {"asyncwrapper", "async_wrapper"} <= PROTOCOLS


def test_a_protocol_that_the_program_has_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setattr(fsspec, "available_protocols", lambda: ["pigeon"])
    assert place_of("pigeon://coop", "test").kind == urls.OBJECTS


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host/db", "postgresql://ann:…@host/db"),
        ("postgresql://ann:s@cr@t@host/db", "postgresql://ann:…@host/db"),
        ("postgresql://host/db?user=ann&password=x", "postgresql://host/db?user=ann&password=…"),
        ("postgresql://ann@corp:pa/ss@host/db", "postgresql://ann@corp:…@host/db"),
        ("postgresql://host/db?passwd=x", "postgresql://host/db?passwd=…"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("s3://bucket/a:b@c", "s3://bucket/a:b@c"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
