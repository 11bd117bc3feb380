"""Records in objects: a batch each, replaced by its name, read in the order of names."""

from __future__ import annotations

import socket
import sys
import time
import uuid
from typing import TYPE_CHECKING

import pytest
import s3_server

from distilgen.errors import ConfigError, RecordError
from distilgen.records import objects
from distilgen.records.objects import ObjectStore
from distilgen.records.record import Malformed, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Line = Callable[..., bytes]


@pytest.fixture(scope="session")
def s3() -> Iterator[s3_server.S3Server]:
    server = s3_server.the_server()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "local", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/records"
    if request.param == "local":
        return f"local://{tmp_path}/new/folder"
    server: s3_server.S3Server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{server.bucket()}/records/"


def topics(url: str) -> list[object]:
    return [item.arguments["topic"] for item in ObjectStore(url).read() if isinstance(item, Record)]


def test_batches_are_read_by_their_names(url: str, line: Line) -> None:
    store = ObjectStore(url)
    assert list(store.read()) == []
    store.append([line(3), line(4)], "b")
    store.append([line(1), line(2)], "a")
    assert topics(url) == [1, 2, 3, 4]


def test_a_record_says_all_that_it_said(url: str, line: Line) -> None:
    told = {"mode": "shadow", "model": "ft:é", "ms": 1.5, "agrees": True}
    ObjectStore(url).append([line(1, rollout=told)], "a")
    (item,) = ObjectStore(url).read()
    assert isinstance(item, Record)
    assert item.rollout == told


def test_a_batch_replaces_the_one_of_its_name(url: str, line: Line) -> None:
    store = ObjectStore(url)
    store.append([line(1)], "a")
    store.append([line(1), line(2)], "a")
    assert topics(url) == [1, 2]


def test_records_are_deleted(url: str, line: Line) -> None:
    store = ObjectStore(url)
    store.append([line(1), line(3)], "a")
    store.append([line(2), b"[]\n", line(3)], "b")
    store.append([line(4)], "c")
    assert store.delete(lambda record: record.arguments["topic"] % 2 == 1) == 3
    assert topics(url) == [2, 4]
    assert len(list(store.read())) == 3
    assert len(store._paths()) == 2
    assert store.delete(lambda _: False) == 0


def test_what_is_no_record_is_told(url: str, line: Line) -> None:
    store = ObjectStore(url)
    store.append([line(1), b"[]\n", b"\n", line(2)[:40]], "a")
    _, broken, torn = store.read()
    assert isinstance(broken, Malformed)
    assert str(broken).endswith("a.jsonl:2: is no JSON object")
    assert isinstance(torn, Malformed)
    assert (torn.line, torn.torn) == (4, True)


def test_what_is_no_record_is_set_aside(url: str, line: Line) -> None:
    store = ObjectStore(url)
    store.append([line(1), b"[]\n", line(2)[:40] + line(3)], "a")
    store.append([line(4)], "b")
    store.append([b"?\n"], "c")
    kept: list[Malformed] = []
    assert store.set_aside(kept.extend) == 3
    assert [(item.line, item.text) for item in kept] == [
        (2, b"[]\n"), (3, line(2)[:40]), (1, b"?\n"),
    ]  # fmt: skip
    assert [type(item) for item in store.read()] == [Record] * 3
    assert topics(url) == [1, 3, 4]
    assert len(store._paths()) == 2


def test_a_record_behind_a_torn_line_is_deleted(url: str, line: Line) -> None:
    store = ObjectStore(url)
    store.append([line(2)[:40] + line(3), line(4)], "a")
    assert store.delete(lambda record: record.arguments["topic"] == 3) == 1
    assert topics(url) == [4]
    assert len(list(store.read())) == 2


def test_other_objects_are_let_be(tmp_path: Path, line: Line) -> None:
    (tmp_path / "README").write_text("hello")
    (tmp_path / "half.jsonl.part").write_text("{")
    store = ObjectStore(f"local://{tmp_path}")
    store.append([line(1)], "a")
    assert [item.arguments for item in store.read() if isinstance(item, Record)] == [{"topic": 1}]
    assert store.delete(lambda _: True) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README", "half.jsonl.part"]


def test_a_place_that_cannot_be_reached_is_named(
    s3: s3_server.S3Server, monkeypatch: pytest.MonkeyPatch, line: Line, tmp_path: Path
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    store = ObjectStore("s3://there-is-no-such-bucket/records")
    with pytest.raises(RecordError, match=r"s3://there-is-no-such-bucket/records: .*bucket"):
        store.append([line()], "a")
    with pytest.raises(RecordError, match=r"s3://there-is-no-such-bucket/records: .*bucket"):
        list(store.read())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="file"):
        ObjectStore(f"local://{tmp_path}/file").append([line()], "a")


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=99) as server:
        yield server.getsockname()[1]


def test_a_server_that_does_not_answer_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(objects, "READ_S", 0.5)
    began = time.monotonic()
    with pytest.raises(RecordError, match=r"s3://b/records: .*[Tt]ime"):
        list(ObjectStore("s3://b/records").read())
    assert time.monotonic() - began < 10


def test_what_the_users_configuration_says_of_s3_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 60, "a": 1}})
    (asked,) = objects._options(fsspec, "simplecache::s3://b/x").values()
    assert asked["config_kwargs"] == {
        "connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 0}, "a": 1,
    }  # fmt: skip


def test_a_server_that_refuses_is_not_empty() -> None:
    pytest.importorskip("aiohttp")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{one.getsockname()[1]}/records"
    with pytest.raises(RecordError, match="records: ClientConnectorError"):
        list(ObjectStore(url).read())


@pytest.mark.parametrize(
    ("package", "url", "reason"),
    [
        ("fsspec", "memory://x", 'fsspec is not installed: pip install "distilgen[objects]"'),
        ("fsspec", "s3://b/x", 'fsspec is not installed: pip install "distilgen[s3]"'),
        ("fsspec", "simplecache::s3://b/x", 'pip install "distilgen[s3]"'),
        ("s3fs", "s3://b/x", 'pip install "distilgen[s3]"'),
    ],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, package: str, url: str, reason: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    if package == "s3fs":
        from fsspec.registry import _registry  # type: ignore[import-untyped]

        monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(ConfigError) as error:
        ObjectStore(url)
    assert str(error.value).startswith(f"{url}: ")
    assert str(error.value).endswith(reason)


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere://x: .*nowhere"):
        ObjectStore("nowhere://x")
