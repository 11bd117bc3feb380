"""What is remembered, for the command that is run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.errors import TrainingError
from distilgen.training.remembered import Note, beside

if TYPE_CHECKING:
    from pathlib import Path


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    note = Note(tmp_path / "jobs/a.json")
    assert note.read() == {}
    note.write({"job": "é"})
    assert note.read() == {"job": "é"}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b""])
def test_a_note_that_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"a\.json: .*; remove it, and see with `distilgen jo"):
        Note(path).read()


def test_a_place_that_takes_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    note = Note(tmp_path / "file/a.json")
    with pytest.raises(TrainingError, match=r"a\.json: cannot be written"):
        note.write({})
    with pytest.raises(TrainingError, match=r"a\.lock: cannot be written"), note.alone():
        pytest.fail("it is alone nowhere")


def test_one_at_a_time(tmp_path: Path) -> None:
    note = Note(tmp_path / "a.json")
    with note.alone():
        with pytest.raises(TrainingError, match="another command is at just this"), note.alone():
            pytest.fail("there are two")
        with Note(tmp_path / "b.json").alone():
            pass
    with note.alone():
        pass


def test_others(tmp_path: Path) -> None:
    note = Note(tmp_path / "a.json")
    assert list(beside(note)) == []
    note.write({"job": "1"})
    Note(tmp_path / "b.json").write({"job": "2"})
    (tmp_path / "c.json").write_bytes(b"{")
    assert list(beside(note)) == [{"job": "2"}]
