"""One file of a spool: who holds it, what is read of it, and how far it has arrived."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.runtime.sinks import segment
from distilgen.runtime.sinks.segment import Segment, position_of, segments_of, waiting_in

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Segment]:
    one = Segment.create(tmp_path)
    yield one
    one.release()


def test_only_one_holds_it(made: Segment) -> None:
    assert Segment.adopt(made.path) is None
    made.append(b"a\n")
    made.release()
    other = Segment.adopt(made.path)
    assert other is not None
    assert other.read(final=True).lines == [b"a\n"]
    other.delete()
    assert Segment.adopt(made.path) is None
    assert list(made.path.parent.iterdir()) == []


def test_lines_are_read_once_they_are_whole(made: Segment) -> None:
    assert made.read(final=False) == ([], 0, 0, True)
    made.append(b"a\nbb\nccc")
    assert made.read(final=False) == ([b"a\n", b"bb\n"], 0, 5, True)
    made.advance(5)
    assert made.read(final=False) == ([], 5, 5, True)
    assert not made.has_arrived()
    assert made.waiting() == waiting_in(made.path) == 1
    assert made.read(final=True) == ([b"ccc"], 5, 8, True)
    made.advance(8)
    assert made.has_arrived()
    assert made.waiting() == waiting_in(made.path) == 0
    assert waiting_in(made.path.with_name("gone.jsonl")) == 0


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("tail", [b"", b"torn", b"torn" * 10])
def test_batches_have_their_limits_and_an_end(
    made: Segment, monkeypatch: pytest.MonkeyPatch, final: bool, tail: bytes
) -> None:
    monkeypatch.setattr(segment, "BATCH_LINES", 3)
    monkeypatch.setattr(segment, "BATCH_BYTES", 10)
    lines = [b"%d\n" % number for number in range(8)] + [b"large" * 9 + b"\n", b"last\n"]
    for line in (*lines, tail):
        made.append(line)
    found = []
    for _ in range(30):
        batch = made.read(final=final)
        assert len(batch.lines) <= 3
        found += batch.lines
        made.advance(batch.end)
        if batch.ended:
            break
    assert batch.ended
    assert found == lines + ([tail] if final and tail else [])


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", 0), (b"half", 0), (b"%020d" % 4, 4), (b"%020d" % 99, 99)],
    ids=["empty", "no number", "a number", "more than there is, after a power failure"],
)
def test_a_position_says_how_far_it_has_arrived(
    made: Segment, content: bytes, expected: int
) -> None:
    made.append(b"abc\ndef\n")
    made.release()
    made.path.with_suffix(".position").write_bytes(content)
    assert position_of(made.path) == expected
    adopted = Segment.adopt(made.path)
    assert adopted is not None
    assert adopted.has_arrived() is (expected > 8)
    assert adopted.read(final=True).lines == [b"abc\n", b"def\n"][expected // 4 :]
    adopted.delete()


def test_a_full_one_is_spent(made: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "FULL", 10)
    assert not made.is_spent()
    made.append(b"123456789\n")
    assert made.is_spent()


@pytest.mark.skipif(sys.platform == "win32", reason="what is open cannot be deleted there")
def test_a_deleted_one_can_still_be_read(made: Segment) -> None:
    made.append(b"a\nb\n")
    made.path.unlink()
    assert made.is_deleted()
    assert made.is_spent()
    assert made.read(final=True).lines == [b"a\n", b"b\n"]
    made.advance(4)
    assert made.has_arrived()
    made.delete()


def test_segments_are_listed_oldest_first(tmp_path: Path) -> None:
    for name in ("2.jsonl", "1.jsonl", "set-aside.jsonl", "1.position", "destination.json"):
        (tmp_path / name).touch()
    assert [path.name for path in segments_of(tmp_path)] == ["1.jsonl", "2.jsonl"]
    assert segments_of(Path(tmp_path, "none")) == []
