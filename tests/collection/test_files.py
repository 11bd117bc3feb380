"""Files of inputs, good and bad."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from distilgen.collection.files import Row, files_of, rows_of, total_of
from distilgen.collection.given import Refused
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def rows(path: Path | str, input_format: str | None = None) -> list[tuple[Any, str]]:
    """(value or reason, what stands behind the file's name) of each row."""
    found = rows_of(files_of(str(path), input_format), input_format)
    return [
        (r.value if isinstance(r, Row) else r.reason, r.origin.removeprefix(str(path)))
        for r in found
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param(
            "a.jsonl", b'{"n":1}\n\n{"n":2}', [({"n": 1}, ":1"), ({"n": 2}, ":3")], id="jsonl"
        ),
        pytest.param("a.ndjson", b'5\n"x"\n', [(5, ":1"), ("x", ":2")], id="bare values"),
        pytest.param("a.jsonl", b'\xef\xbb\xbf{"n":1}\r\n', [({"n": 1}, ":1")], id="mark, CRLF"),
        pytest.param("a.json", b'[{"n":1}, 2]', [({"n": 1}, ":item 1"), (2, ":item 2")], id="json"),
        pytest.param("a.txt", b"one\r\n\r\n two \n", [("one", ":1"), (" two ", ":3")], id="text"),
        pytest.param(
            "a.csv",
            b'n,t\n1,"a\nb"\n2,c\n',
            [({"n": "1", "t": "a\nb"}, ":2"), ({"n": "2", "t": "c"}, ":4")],
            id="a cell of two lines",
        ),
        pytest.param(
            "a.csv",
            b'\xef\xbb\xbf n ,t\r\n1,"a ""b"""\r\n\r\n',
            [({"n": "1", "t": 'a "b"'}, ":2")],
            id="as Excel has it",
        ),
        pytest.param("a.tsv", b"n\tt\n1\ta,b\n", [({"n": "1", "t": "a,b"}, ":2")], id="tsv"),
        pytest.param(
            "a.csv",
            b"n,t\n1\n1,2,3\n4,5\n",
            [
                ("has 1 cell, and the header has 2", ":2"),
                ("has 3 cells, and the header has 2", ":3"),
                ({"n": "4", "t": "5"}, ":4"),
            ],
            id="rows of other lengths",
        ),
        pytest.param(
            "a.csv", b"n\n" + b"x" * 300_000, [({"n": "x" * 300_000}, ":2")], id="a huge cell"
        ),
        pytest.param("a.jsonl", b"", [], id="nothing"),
        pytest.param("a.csv", b"", [], id="no header"),
        pytest.param("a.json", b" \n", [], id="no JSON at all"),
    ],
)
def test_rows(tmp_path: Path, name: str, content: bytes, expected: list[Any]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert rows(path) == expected


def test_lines_that_are_no_json_are_told_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'x\n{"n":1}\n{"n":\n"\xff"\n' + b"[" * 100_000 + b"\n")
    found = rows(path)
    assert [place for _, place in found] == [":1", ":2", ":3", ":4", ":5"]
    assert found[0][0].startswith("is no JSON (Expecting value")
    assert found[1][0] == {"n": 1}
    assert found[3][0].startswith("is not UTF-8")
    assert found[4][0] == "is nested too deeply"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"n\ncaf\xe9\n", r"a\.csv:2: is not UTF-8 \(byte 0xe9\); save the file as UTF-8"),
        ("a.csv", "n\n1\n".encode("utf-16"), r"a\.csv: is UTF-16, not UTF-8"),
        ("a.csv", b"n\n1\n\0\0\n", r"a\.csv:3: is binary, not text"),
        ("a.jsonl", b"\x7fELF\0\0", r"a\.jsonl: is binary, not text"),
        ("a.csv", b'n\n"open\n', r"a\.csv:2: is no table of text .*is a quote never closed"),
        ("a.csv", b"n,n\n1,2\n", r"a\.csv:1: the header names n twice"),
        ("a.csv", b",\n1,2\n", r"a\.csv:1: the header names no column"),
        ("a.json", b'{"n":1}', r"a\.json: holds an object, not a list of inputs"),
        ("a.json", b"5", r"a\.json: holds one value, not a list"),
        ("a.json", b'{"n":1}\n{"n":2}\n', r"its lines are: say --input-format jsonl"),
        ("a.json", b"[1,", r"a\.json: is no JSON \(.*\)$"),
        ("a.json", b"[" * 100_000, r"a\.json: is nested too deeply"),
        ("a.txt", b"ok\n\xff\n", r"a\.txt:2: is not UTF-8"),
        ("a.parquet", b"PAR1", r"a\.parquet: is no Parquet file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CollectError, match=message):
        rows(path)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1, 2], "t": [["a"], None]}), path)
    assert rows(path) == [({"n": 1, "t": ["a"]}, ":row 1"), ({"n": 2, "t": None}, ":row 2")]
    assert total_of([path], None) == 2


def test_a_folder_is_all_of_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.txt", ".c.jsonl", "d.md"):
        (tmp_path / name).write_text("1\n", "utf-8")
    (tmp_path / "e.jsonl").mkdir()
    assert rows(tmp_path) == [("1", "/a.txt:1"), (1, "/b.jsonl:1")]
    assert total_of(files_of(str(tmp_path), None), None) == 2


def test_behind_a_file_that_cannot_be_read_the_next_follow(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"n\n1\n\0")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    (tmp_path / "c.txt").write_text("2\n", "utf-8")
    files = files_of(str(tmp_path), None)
    first, broken, table, last = rows_of(files, None, goes_on=True)
    assert (first, last) == (
        Row({"n": "1"}, str(tmp_path / "a.csv:2"), ("n",), True),
        Row("2", str(tmp_path / "c.txt:1")),
    )
    assert broken == Refused(str(tmp_path / "a.csv:3"), "is binary, not text")
    assert isinstance(table, Refused)
    assert table.reason.startswith("is no Parquet file")
    assert total_of(files, None, goes_on=True) == 4
    with pytest.raises(CollectError, match="is no Parquet file"):
        total_of(files, None)


def test_what_is_not_there_or_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file or folder"):
        files_of(str(tmp_path / "no.csv"), None)
    (tmp_path / "a.dat").write_text('{"n":1}\n', "utf-8")
    with pytest.raises(UsageError, match="say --input-format jsonl, json,"):
        files_of(str(tmp_path / "a.dat"), None)
    with pytest.raises(UsageError, match=r"has no file that ends in \.jsonl"):
        files_of(str(tmp_path), None)
    assert rows(tmp_path / "a.dat", "jsonl") == [({"n": 1}, ":1")]


def test_standard_input_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="say what comes in by --input-format"):
        files_of("-", None)
    with pytest.raises(UsageError, match="name a file"):
        files_of("-", "parquet")
    reading, writing = os.pipe()
    os.write(writing, b"n\n1\n")
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert list(rows_of(files_of("-", "csv"), "csv")) == [
            Row({"n": "1"}, "standard input:2", ("n",), True)
        ]
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        files_of("-", "csv")
    assert total_of([None], "csv") is None


def test_totals_are_those_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n\n2\n", "utf-8")
    (tmp_path / "b.jsonl").write_text("1\n2\n", "utf-8")
    assert total_of(files_of(str(tmp_path), None), None) == 4
    (tmp_path / "c.json").write_text("[1]", "utf-8")
    assert total_of(files_of(str(tmp_path), None), None) is None


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps({"n": 1}).encode() + b"\n" + b"broken\n" * 1_000)
    found = rows_of([path], None)
    assert isinstance(next(found), Row)
    assert isinstance(next(found), Refused)
