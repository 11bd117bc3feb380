"""Vacuum and delete put files in order and lose no line, whoever writes meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from distilgen.records import files
from distilgen.records.files import CORRUPT, FileStore, files_of
from distilgen.records.record import Record
from distilgen.records.vacuum import vacuum

if TYPE_CHECKING:
    from pathlib import Path

Line = Callable[..., bytes]
Store = Callable[..., "Path"]

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs flock")


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who holds a file keeps it from being replaced."""
    monkeypatch.setattr("distilgen.records.vacuum.SETTLED_S", 0.0)


def test_a_file_that_was_just_written_keeps_its_place(
    line: Line, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilgen.records.vacuum.SETTLED_S", 60.0)
    store(line("a"))
    store(line("b"))
    folder = store(line("c"))
    for path in files_of(folder)[:2]:
        os.utime(path, (0, 0))
    assert vacuum(folder).held == 1
    assert [path.name[-8:-6] for path in files_of(folder)] == ["01", "03"]
    assert topics(folder) == ["a", "b", "c"]


def topics(folder: Path) -> list[object]:
    return [i.arguments["topic"] for i in FileStore(folder).read() if isinstance(i, Record)]


def test_small_files_become_one_in_their_order(line: Line, store: Store) -> None:
    for number in range(250):
        folder = store(line(number), b"\n")
    (folder / "records-000007.jsonl").write_bytes(b"")
    done = vacuum(folder)
    (path,) = files_of(folder)
    assert path.name == "records-000001.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert topics(folder) == [n for n in range(250) if n != 6]
    assert b"\n\n" not in path.read_bytes()
    assert (done.files_before, done.files_after, done.held) == (250, 1, 0)
    assert done.size_after == path.stat().st_size < done.size_before
    before = path.stat()
    vacuum(folder)
    assert path.stat().st_ino == before.st_ino  # a second run changes nothing


def test_files_are_joined_up_to_the_size_of_a_full_one(
    line: Line, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FULL", len(line(0)) * 2)
    for number in range(5):
        folder = store(line(number))
    vacuum(folder)
    assert [path.stat().st_size // len(line(0)) for path in files_of(folder)] == [2, 2, 1]
    assert topics(folder) == [0, 1, 2, 3, 4]


def test_what_is_no_record_is_set_aside_with_its_place(line: Line, store: Store) -> None:
    half = line("cut")[:40]
    folder = store(line("a"), b"\xff no record\n", half + line("b"), half)
    store(b"?\n")
    done = vacuum(folder)
    assert done.corrupt == 4
    assert topics(folder) == ["a", "b"]
    assert all(isinstance(item, Record) for item in FileStore(folder).read())
    rows = [json.loads(row) for row in (folder / CORRUPT).read_bytes().splitlines()]
    assert [(row["file"][-20:], row["line"]) for row in rows] == [
        ("records-000001.jsonl", 2),
        ("records-000001.jsonl", 3),
        ("records-000001.jsonl", 4),
        ("records-000002.jsonl", 1),
    ]
    assert rows[0]["text"].encode("utf-8", "surrogateescape") == b"\xff no record"
    assert rows[0]["reason"].startswith("is no JSON")
    assert rows[1]["text"] == half.decode()
    assert (folder / CORRUPT).stat().st_mode & 0o777 == 0o600
    assert CORRUPT in (folder / ".gitignore").read_text()


def test_equal_lines_are_kept_once(line: Line, store: Store) -> None:
    folder = store(line("a"), line("b"), line("a"))
    store(line("b"), line("b", result={"subject": "another"}))
    done = vacuum(folder)
    assert done.duplicates == 2
    assert topics(folder) == ["a", "b", "b"]


def test_a_folder_of_nothing(line: Line, store: Store, tmp_path: Path) -> None:
    assert vacuum(tmp_path / "none").files_after == 0
    folder = store(line("a"))
    FileStore(folder).delete(lambda _: True)
    assert vacuum(folder).files_after == 0
    assert files_of(folder) == []


@POSIX
def test_a_file_that_is_held_keeps_its_place(line: Line, store: Store) -> None:
    folder = store(line("a"), b"?\n")
    store(line("b"), line("b"), line("torn")[:20])
    store(line("c"))
    held = files_of(folder)[1]
    with held.open("ab+") as writer:
        files.hold(writer.fileno())
        before = held.stat()
        done = vacuum(folder)
        assert (done.held, done.corrupt, done.duplicates) == (1, 1, 1)
        assert held.stat().st_ino == before.st_ino
        assert held.stat().st_size == before.st_size
        writer.write(line("torn")[20:])
    assert topics(folder) == ["a", "b", "torn", "c"]
    assert vacuum(folder).files_after == 1
    assert topics(folder) == ["a", "b", "torn", "c"]


# Appends as the sink does, opening the newest file again after every 50 lines.
_WRITER = """
import os, sys, time
from pathlib import Path
from distilgen.records.files import files_of, hold
folder, line = Path(sys.argv[1]), sys.argv[2]
def opened():
    while True:
        path = (files_of(folder) or [folder / "records-000001.jsonl"])[-1]
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        if hold(descriptor):
            return descriptor
        os.close(descriptor)
for number in range(1000):
    if number % 50 == 0:
        if number:
            os.close(descriptor)
        descriptor = opened()
    os.write(descriptor, line.replace("NUMBER", str(number)).encode() + b"\\n")
    time.sleep(0.0005)
"""


def _start(folder: Path, line: Line) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    text = line("NUMBER", id="NUMBER").decode().strip()
    return subprocess.Popen([sys.executable, "-c", _WRITER, str(folder), text])


@POSIX
@pytest.mark.parametrize("writers", [1, 2])
def test_no_line_is_lost_while_programs_write(line: Line, tmp_path: Path, writers: int) -> None:
    folder = tmp_path / "records"
    running = [_start(folder, line) for _ in range(writers)]
    while any(process.poll() is None for process in running):
        vacuum(folder)
        FileStore(folder).append([line("NUMBER", id="x")], "")
        FileStore(folder).delete(lambda record: record.id == "x")
    assert {process.returncode for process in running} == {0}
    vacuum(folder)
    assert set(topics(folder)) == {str(number) for number in range(1000)}
    assert all(isinstance(item, Record) for item in FileStore(folder).read())


def test_delete_loses_no_line_of_a_writer_that_holds_nothing(line: Line, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    process = _start(folder, line)
    kept = FileStore(folder)
    gone = 0
    while process.poll() is None:
        gone += kept.delete(lambda record: int(record.id) % 2 == 0)
    gone += kept.delete(lambda record: int(record.id) % 2 == 0)
    assert gone == 500
    assert topics(folder) == [str(number) for number in range(1, 1000, 2)]


def test_who_is_stopped_after_the_first_rename_has_lost_nothing(
    line: Line, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store(line("a"))
    store(line("b"))

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", stopped)
        with pytest.raises(KeyboardInterrupt):
            vacuum(folder)
    assert set(topics(folder)) == {"a", "b"}
    assert vacuum(folder).duplicates == 1
    assert topics(folder) == ["a", "b"]
