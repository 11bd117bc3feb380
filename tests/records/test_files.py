"""Reading records: good lines are records, and every other line says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import RecordError
from distilgen.records.files import FileStore, files_of, lines_of, read
from distilgen.records.record import Malformed, Record, items_of, line_of

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


def test_what_is_added_while_a_line_is_read_is_no_line(line: Line, store: Store) -> None:
    """Readers may see the half of a line that is just being written, and then the other half."""
    (path,) = store(line("a"), line("b")[:20]).iterdir()
    reading = lines_of(path)
    assert [next(reading).number, next(reading).text] == [1, line("b")[:20]]
    with path.open("ab") as file:
        file.write(line("b")[20:])
    assert list(reading) == []
    assert [item.number for item in lines_of(path)] == [1, 2]


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
        ({"at": 7}, "its at is no text"),
        ({"at": "yesterday"}, "its at is no time"),
        ({"at": "0001-01-01T00:00+14:00"}, "its at is no time"),
        ({"elapsed_ms": "1"}, "its elapsed_ms is no number"),
        ({"elapsed_ms": -1}, "its elapsed_ms is no duration"),
        ({"elapsed_ms": float("inf")}, "its elapsed_ms is no duration"),
        ({"elapsed_ms": float("nan")}, "its elapsed_ms is no duration"),
        ({"elapsed_ms": 10**400}, "its elapsed_ms is no duration"),
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
        ({"$redacted": "[AGE_1]"}, False),
        ("[AGE_1]", True),
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


def test_a_marked_result_makes_a_record_unusable(line: Line, store: Store) -> None:
    (item,) = read(store(line(result={"$too_large": 300_000})))
    assert isinstance(item, Record)
    assert not item.usable


def test_a_record_behind_a_torn_line_is_found(line: Line, store: Store) -> None:
    half = line("cut", result={"id": "no record"})[:-30]
    folder = store(line("a"), half + line("b"), half + half + line("c"), line("d"))
    items = list(read(folder))
    found = [item.arguments["topic"] for item in items if isinstance(item, Record)]
    assert found == ["a", "b", "c", "d"]
    one, two = (item for item in items if isinstance(item, Malformed))
    assert (one.line, one.torn, one.text) == (2, True, half)
    assert one.reason == "its writer was stopped in the middle; the record behind it is whole"
    assert (two.line, two.text) == (3, half + half)


def test_a_record_as_a_line_is_what_a_recorder_writes() -> None:
    values = {
        "id": "019b76da-a800-7000-8000-000000000000",
        "at": "2026-11-03T01:02:03.004Z",
        "function": "f:g",
        "contract": "c",
        "source": "teacher",
        "elapsed_ms": 0.01,
        "parent": "p",
        "trace_id": "t",
        "span_id": "s",
        "arguments": {"topic": "é"},
    }
    for outcome in ({"result": None}, {"result": [1.0]}, {"error": {"type": "E"}}):
        text = json.dumps(values | outcome, separators=(",", ":"), ensure_ascii=False)
        raw = text.encode() + b"\n"
        half = raw[:100]
        torn, record = items_of("", 1, half + raw)
        assert isinstance(torn, Malformed)
        assert isinstance(record, Record)
        assert line_of(record) == raw


def test_a_line_that_is_being_deleted_is_nothing(line: Line, store: Store) -> None:
    (item,) = read(store(b"#" + line("a")[1:], b" " * 80 + b"\n", line("b")))
    assert isinstance(item, Record)
    assert item.arguments == {"topic": "b"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"at": 7}, "its at is no text"),
        ({"elapsed_ms": "1"}, "its elapsed_ms is no number"),
        ({"elapsed_ms": True}, "its elapsed_ms is no number"),
        ({"error": "E"}, "its error is no JSON object"),
    ],
)
def test_what_a_record_also_says_has_its_type(
    change: dict[str, object], reason: str, line: Line, store: Store
) -> None:
    (item,) = read(store(line(**change)))
    assert isinstance(item, Malformed)
    assert item.reason == reason


def test_append_writes_a_new_file_for_the_owner_alone(line: Line, tmp_path: Path) -> None:
    kept = FileStore(tmp_path / "records")
    kept.append([line("a"), line("b")], "batch")
    kept.append([line("c")], "batch")
    kept.append([], "batch")
    one, two = files_of(kept.folder)
    assert (one.name, two.name) == ("records-000001.jsonl", "records-000002.jsonl")
    assert {path.stat().st_mode & 0o777 for path in (one, two)} == {0o600}
    assert len(list(kept.read())) == 3
    assert "records-*.jsonl" in (kept.folder / ".gitignore").read_text()
    assert not list(kept.folder.glob("*.distilgen"))


def test_delete_blanks_and_moves_nothing(line: Line, store: Store) -> None:
    folder = store(line("a"), line("b") + b"no record\n", line("c").rstrip(b"\n"))
    path = files_of(folder)[0]
    before = path.read_bytes()
    kept = FileStore(folder)
    assert kept.delete(lambda record: record.arguments["topic"] != "b") == 2
    after = path.read_bytes()
    assert len(after) == len(before)
    assert b'"a"' not in after
    assert [part.number for part in lines_of(path)] == [2, 3]
    b, none = kept.read()
    assert isinstance(b, Record)
    assert isinstance(none, Malformed)
    with path.open("ab") as file:  # a program that has it open goes on
        file.write(line("d"))
    assert [i.arguments["topic"] for i in kept.read() if isinstance(i, Record)] == ["b", "d"]
    assert kept.delete(lambda record: record.function == "other") == 0


def test_delete_leaves_the_torn_part_before_a_record(line: Line, store: Store) -> None:
    half = line("cut")[:50]
    kept = FileStore(store(half + line("a")))
    assert kept.delete(lambda _: True) == 1
    (item,) = kept.read()
    assert isinstance(item, Malformed)
    assert item.text.rstrip() == half


def test_what_a_stopped_deletion_has_left_goes_with_the_next(line: Line, store: Store) -> None:
    folder = store(b"#   " + line("a")[4:], line("b"))
    assert FileStore(folder).delete(lambda _: False) == 0
    assert b'"a"' not in files_of(folder)[0].read_bytes()


def test_what_cannot_be_read_is_a_record_error(line: Line, store: Store) -> None:
    folder = store(line("a"))
    items = FileStore(folder).read()
    files_of(folder)[0].rename(folder / "elsewhere")
    (folder / "records-000001.jsonl").symlink_to(folder / "loop")
    assert list(items) == []
    (folder / "elsewhere").rename(folder / "records-000002.jsonl")
    items = read(store(line("b")))
    next(items)
    files_of(folder)[1].unlink()
    with pytest.raises(RecordError, match="is gone since; run the command again"):
        list(items)
