"""Which store a URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.errors import ConfigError, UsageError
from distilgen.records.files import FileStore
from distilgen.records.stores import open_store, refuse_useless
from distilgen.records.urls import absolute

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_are_below_the_root(tmp_path: Path) -> None:
    for url in ("kept", "file:kept", f"file://{tmp_path / 'kept'}"):
        store = open_store(url, "records", tmp_path)
        assert isinstance(store, FileStore)
        assert store.folder == tmp_path / "kept"
        assert store.place == str(tmp_path / "kept")


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("sqlite:///a/b.db", "sqlite:///ROOT/a/b.db"),
        ("sqlite+pysqlite:///b.db?x=1", "sqlite+pysqlite:///ROOT/b.db?x=1"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("sqlite:///./a//b.db", "sqlite:///ROOT/a/b.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("postgresql://host/a", "postgresql://host/a"),
        ("s3://bucket/a", "s3://bucket/a"),
    ],
)
def test_databases_in_files_are_below_the_root(url: str, whole: str, tmp_path: Path) -> None:
    assert absolute(url, str(tmp_path)) == whole.replace("ROOT", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("logging:shop", "--records: logging:shop is a logger: records go there and cannot be re"),
        ("shop.sinks:keep", "--records: shop.sinks:keep is a callable: records go there and cann"),
        ("redis:/x", "--records: redis:/x names no place for records"),
        ("", "--records: names no place for records"),
    ],
)
def test_places_that_cannot_be_read(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url, "--records", tmp_path)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("url", "files", "reason"),
    [
        ("kept", [], "there is no such folder"),
        ("sqlite:///kept.db", [], "there is no such file"),
        ("kept", ["kept"], "is a file, not a folder; `distilgen records import` reads it"),
        ("kept", ["kept/b.jsonl"], "has no records-*.jsonl, but b.jsonl; `distilgen records imp"),
        ("kept", ["kept/b.jsonl", "kept/a.jsonl"], "but a.jsonl and 1 more; `distilgen records"),
        ("kept", ["kept/corrupt.jsonl", "kept/x.txt"], ""),
        ("kept", ["kept/records-000001.jsonl", "kept/a.jsonl"], ""),
        ("memory://kept", [], "is the memory of another program"),
    ],
)
def test_places_where_no_records_can_be(
    url: str, files: list[str], reason: str, tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy")
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    store = open_store(url, "records", tmp_path)
    if not reason:
        refuse_useless(store, named=True, may_come=False)
        return
    with pytest.raises(UsageError) as caught:
        refuse_useless(store, named=True, may_come=False)
    assert reason in str(caught.value)
    always = "kept" in files or url.startswith("memory")
    for named, may_come in ((True, True), (False, True), (False, False)):
        if always or (files and not may_come):
            with pytest.raises(UsageError):
                refuse_useless(store, named=named, may_come=may_come)
        else:
            refuse_useless(store, named=named, may_come=may_come)


def test_other_stores(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("fsspec")
    for url in ("sqlite:///a.db", "memory://here"):
        store = open_store(url, "records", tmp_path)
        assert store.place
        assert list(store.read()) == []
