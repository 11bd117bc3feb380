"""What an interrupted run has left is finished, and what somebody did since is not undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen import lock
from distilgen.errors import RunError, SourceError
from distilgen.lock import Function
from distilgen.rewrite import journal, recovery, run
from distilgen.rewrite.journal import Entry
from distilgen.rewrite.module import Change, Planned

if TYPE_CHECKING:
    from pathlib import Path


class Killed(BaseException):
    """What no handler of ours may take for an error."""


NAMES = ("_a_distil.py", "a.py", "b.py")


class Stopped:
    """A run over the modules a, with its sidecar, and b, stopped after `made` files."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch, made: int) -> None:
        self.project = project
        self.said: list[str] = []
        self.told: list[SourceError] = []
        for name in NAMES:
            (project / name).write_bytes(b"old")
        real, left = Entry.make, [None] * made

        def make(entry: Entry) -> None:
            if not left:
                raise Killed
            left.pop()
            real(entry)

        first, second, third = (Change(project / name, b"old", b"new") for name in NAMES)
        plans = [
            Planned((first, second), (), {"a:f": Function("c", "recorded")}),
            Planned((third,), (), {"b:f": Function("c", "recorded")}),
        ]
        with monkeypatch.context() as patch:
            patch.setattr(Entry, "make", make)
            with pytest.raises(Killed), run.opened(project, "instrument", print, print) as work:
                work.write(plans, print)

    def finish(self) -> None:
        """What the next run does first."""
        recovery.finish(self.project, self.said.append, self.told.append)

    def files(self) -> list[bytes]:
        """The files' contents; nothing of ours is beside them."""
        assert not list(self.project.rglob(".*.distilgen"))
        assert not (self.project / journal.FILE).exists()
        return [(self.project / name).read_bytes() for name in NAMES]

    def functions(self) -> list[str]:
        """What the lock names."""
        return sorted(lock.read(self.project).functions)


@pytest.mark.parametrize("made", [0, 1, 2, 3])
def test_it_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: int) -> None:
    stopped = Stopped(tmp_path, monkeypatch, made)
    stopped.finish()
    assert (stopped.files(), stopped.functions()) == ([b"new"] * 3, ["a:f", "b:f"])
    assert stopped.said == ["`distilgen instrument` was interrupted, and is finished: 4 files"]
    assert stopped.told == []
    stopped.finish()
    assert len(stopped.said) == 1


def test_a_run_that_was_still_preparing_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Stopped(tmp_path, monkeypatch, 0)
    path = tmp_path / journal.FILE
    path.write_text(path.read_text().replace('"committing"', '"preparing"'))
    stopped.finish()
    assert (stopped.files(), stopped.functions()) == ([b"old"] * 3, [])
    (said,) = stopped.said
    assert said.startswith("`distilgen instrument` was interrupted before it had changed a file;")


MINE = "was edited after `distilgen instrument` was interrupted, and is left as it is"
NONE = "; none of its module's files was changed"


@pytest.mark.parametrize(
    ("made", "edited", "files", "functions", "told"),
    [
        pytest.param(0, "a.py", b"old mine new", ["b:f"], MINE + NONE, id="none was made"),
        pytest.param(1, "a.py", b"new mine new", ["b:f"], MINE, id="the sidecar was made"),
        pytest.param(2, "a.py", b"new mine new", ["b:f"], MINE, id="it was made and then edited"),
        pytest.param(
            0, "_a_distil.py", b"mine old new", ["b:f"], MINE + NONE, id="the sidecar, none made"
        ),
        pytest.param(3, "b.py", b"new new mine", ["a:f"], MINE + NONE, id="the last one"),
    ],
)
def test_an_edit_since_is_not_undone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: int,
    edited: str,
    files: bytes,
    functions: list[str],
    told: str,
) -> None:
    stopped = Stopped(tmp_path, monkeypatch, made)
    (tmp_path / edited).write_bytes(b"mine")
    stopped.finish()
    assert (stopped.files(), stopped.functions()) == (files.split(), functions)
    (error,) = stopped.told
    assert error.path == tmp_path / edited
    assert error.message == f"{told}; run `distilgen instrument` again"


def test_what_was_prepared_may_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Stopped(tmp_path, monkeypatch, 0)
    for number, path in enumerate(sorted(tmp_path.glob(".*.distilgen"))):
        if number == 1:
            path.write_bytes(b"somebody's")
        if number == 2:
            path.unlink()
    stopped.finish()
    assert (stopped.files(), stopped.functions()) == ([b"old"] * 3, [])
    assert [error.path.name for error in stopped.told if not isinstance(error.path, str)] == [
        "a.py",
        "b.py",
    ]
    assert all("what was prepared is gone" in error.message for error in stopped.told)


def test_a_lock_that_was_merged_meanwhile_keeps_its_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Stopped(tmp_path, monkeypatch, 1)
    other = lock.Lock({"z:f": Function("c", "dispatched", "ft:m")})
    (tmp_path / lock.FILE).write_bytes(other.render() or b"")
    stopped.finish()
    assert stopped.functions() == ["a:f", "b:f", "z:f"]


def test_what_cannot_be_written_now_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Stopped(tmp_path, monkeypatch, 1)

    def refusing(entry: Entry) -> None:
        raise PermissionError(13, "Permission denied", str(entry.path))

    with monkeypatch.context() as patch:
        patch.setattr(Entry, "make", refusing)
        with pytest.raises(
            RunError, match=r"a\.py: cannot be written: Permission denied"
        ) as caught:
            stopped.finish()
    assert "is to be finished first" in str(caught.value)
    stopped.finish()
    assert stopped.files() == [b"new"] * 3


def test_a_damaged_journal_stops_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Stopped(tmp_path, monkeypatch, 1)
    (tmp_path / journal.FILE).write_text("{")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.py")}
    with pytest.raises(RunError, match="cannot be read"), run.opened(tmp_path, "x", print, print):
        pass
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.py")} == before


def test_a_run_finishes_the_other_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Stopped(tmp_path, monkeypatch, 1)
    with run.opened(tmp_path, "restore", stopped.said.append, stopped.told.append):
        assert stopped.files() == [b"new"] * 3
    assert len(stopped.said) == 1
