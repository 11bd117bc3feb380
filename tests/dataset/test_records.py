"""Reading records: good lines are records, and every other line says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from distilgen.dataset.records import Malformed, Record, files_of, read

if TYPE_CHECKING:
    from pathlib import Path

Line = Callable[..., bytes]
Store = Callable[..., "Path"]


def test_a_line_is_a_record(line: Line, store: Store) -> None:
    folder = store(line("é"), line("b", result=None, error={"type": "E", "message": "m"}))
    good, failed = read(folder)
    assert isinstance(good, Record)
    assert isinstance(failed, Record)
    assert good.arguments == {"topic": "é"}
    assert good.result == {"subject": "é"}
    assert good.at == "2026-11-03T01:02:03.000004Z"
    assert (good.elapsed_ms, good.source, good.usable) == (1.5, "teacher", True)
    assert failed.error == {"type": "E", "message": "m"}


def test_files_are_read_in_the_order_of_their_numbers(line: Line, tmp_path: Path) -> None:
    for number in (1000000, 999999, 2):
        (tmp_path / f"records-{number:06}.jsonl").write_bytes(line(number))
    (tmp_path / "records-1.jsonl").write_bytes(line("not ours"))
    (tmp_path / "records-000003.jsonl").mkdir()
    (tmp_path / ".gitignore").write_bytes(b"*")
    found = [item.arguments["topic"] for item in read(tmp_path) if isinstance(item, Record)]
    assert found == [2, 999999, 1000000]


def test_no_folder_no_records(tmp_path: Path) -> None:
    assert files_of(tmp_path / "none") == []
    assert list(read(tmp_path / "none")) == []


def test_a_record_may_lack_what_no_row_needs(line: Line, store: Store) -> None:
    (item,) = read(store(line(at=None, elapsed_ms=None, source=None, usable=False, more=1)))
    assert isinstance(item, Record)
    assert (item.at, item.elapsed_ms, item.source, item.usable) == ("", 0.0, "", True)


def test_a_result_may_be_null(line: Line, store: Store) -> None:
    (item,) = read(store(line().replace(b'{"subject": "a"}', b"null")))
    assert isinstance(item, Record)
    assert item.result is None
    assert item.error is None


def test_a_torn_last_line_is_told_from_a_broken_one(line: Line, store: Store) -> None:
    half = line()[:40]
    store(line(), half + b"\n", b"\n", line(), half)
    folder = store(line())
    one, broken, two, torn, three = read(folder)
    assert all(isinstance(item, Record) for item in (one, two, three))
    assert isinstance(broken, Malformed)
    assert (broken.line, broken.torn) == (2, False)
    assert str(broken).startswith(f"{folder / 'records-000001.jsonl'}:2: is no JSON (")
    assert isinstance(torn, Malformed)
    assert (torn.line, torn.torn) == (5, True)
    assert torn.reason == "the last line is torn: its writer was stopped"


def test_a_whole_last_line_without_its_newline_is_a_record(line: Line, store: Store) -> None:
    (item,) = read(store(line().rstrip()))
    assert isinstance(item, Record)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[1]\n", "is no JSON object"),
        (b"7", "is no JSON object"),
        (b"\xff\n", "is no JSON ("),
        (b"[" * 100_000 + b"\n", "is no JSON ("),
        (b'{"id":%s}\n' % (b"1" * 5000), "is no JSON ("),
        (b'{"id":"1"}\n', "has no function"),
        (b'{"id":"1","function":"f","contract":"c","arguments":{}}\n', "has no result"),
    ],
    ids=["list", "number", "bytes", "deep", "huge integer", "no function", "no result"],
)
def test_a_line_that_is_no_record(text: bytes, reason: str, store: Store) -> None:
    (item,) = read(store(text))
    assert isinstance(item, Malformed)
    assert item.reason.startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"arguments": [1]}, "its arguments are no JSON object"),
        ({"function": ["f"]}, "its function is no text"),
        ({"contract": 7}, "its contract is no text"),
    ],
)
def test_a_record_of_other_types(
    change: dict[str, object], reason: str, line: Line, store: Store
) -> None:
    (item,) = read(store(line(**change)))
    assert isinstance(item, Malformed)
    assert item.reason == reason


@pytest.mark.parametrize(
    ("topic", "usable"),
    [
        ({"$unserializable": "m.T"}, False),
        ([{"deep": [{"$unserializable": "m.T"}]}], False),
        ('{"$unserializable":"m.T"}', True),
        ("$unserializable", True),
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_marked_argument_makes_a_record_unusable(
    topic: object, usable: bool, separators: tuple[str, str], line: Line, store: Store
) -> None:
    text = json.dumps(json.loads(line(topic, result={})), separators=separators)
    (item,) = read(store(text.encode() + b"\n"))
    assert isinstance(item, Record)
    assert item.usable is usable


def test_a_marker_in_the_result_does_not_concern_the_arguments(line: Line, store: Store) -> None:
    text = line(result={"$unserializable": "m.T"}).replace(b'": "', b'":"')
    (item,) = read(store(text))
    assert isinstance(item, Record)
    assert item.usable
