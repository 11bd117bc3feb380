"""Writing: old or new, never half, and never over another's edit."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import journal
from distilgen.rewrite.module import Change

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rewrite.conftest import Workbench


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_added_and_removed(tmp_path: Path) -> None:
    old, gone = tmp_path / "old.py", tmp_path / "gone.py"
    old.write_bytes(b"1\r\n")
    gone.write_bytes(b"")
    new = tmp_path / "a/b/new.py"
    journal.write(
        tmp_path,
        [Change(old, b"1\r\n", b"2\r\n"), Change(gone, b"", None), Change(new, None, b"3")],
    )
    assert (old.read_bytes(), new.read_bytes()) == (b"2\r\n", b"3")
    assert _names(tmp_path) == ["a", "old.py"]
    assert _names(new.parent) == ["new.py"]


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664])
def test_the_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "mail.py"
    path.write_bytes(b"old")
    path.chmod(mode)
    journal.write(tmp_path, [Change(path, b"old", b"new")])
    assert (path.read_bytes(), _mode(path)) == (b"new", mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_usual_mode(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        journal.write(tmp_path, [Change(tmp_path / "new.py", None, b"")])
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert _mode(tmp_path / "new.py") == 0o666 & ~mask


def test_a_link_stays_and_its_file_changes(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real/mail.py", tmp_path / "mail.py"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to("real/mail.py")
    journal.write(tmp_path, [Change(link, b"old", b"new")])
    assert link.readlink() == Path("real/mail.py")
    assert (target.read_bytes(), _mode(target)) == (b"new", 0o640)
    assert (_names(tmp_path), _names(target.parent)) == (["mail.py", "real"], ["mail.py"])


def _read_only(path: Path) -> None:
    path.chmod(0o444)


def _touched(path: Path) -> None:
    path.write_bytes(b"another's")


def _removed(path: Path) -> None:
    path.unlink()


def _in_read_only_folder(path: Path) -> None:
    path.parent.chmod(0o555)


def _linked_into_read_only_folder(path: Path) -> None:
    folder = path.parent.with_name("real")
    folder.mkdir()
    path.rename(folder / path.name)
    path.symlink_to(folder / path.name)
    folder.chmod(0o555)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "read-only": (_read_only, "is read-only; make it writable"),
    "changed since it was read": (_touched, "was changed by something else meanwhile"),
    "removed since it was read": (_removed, "was changed by something else meanwhile"),
    "in a read-only folder": (_in_read_only_folder, "is in a read-only folder"),
    "a link into a read-only folder": (_linked_into_read_only_folder, "is in a read-only folder"),
}


@pytest.mark.parametrize(("spoil", "reason"), REFUSED.values(), ids=REFUSED)
def test_one_refusal_stops_all(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    first, last = tmp_path / "first.py", tmp_path / "shop/last.py"
    last.parent.mkdir()
    first.write_bytes(b"old")
    last.write_bytes(b"old")
    spoil(last)
    kept = last.read_bytes() if last.exists() else None
    try:
        with pytest.raises(SourceError, match=reason) as caught:
            journal.write(
                tmp_path,
                [
                    Change(tmp_path / ".distilgen/originals/a.json", None, b"{}"),
                    Change(first, b"old", b"new"),
                    Change(last, b"old", b"new"),
                ],
            )
    finally:
        for folder in (last.parent, tmp_path / "real"):
            if folder.exists():
                folder.chmod(0o755)
    assert caught.value.path == last
    assert first.read_bytes() == b"old"
    assert (last.read_bytes() if last.exists() else None) == kept
    assert not (tmp_path / ".distilgen").exists()


def test_a_new_file_over_one_that_has_appeared_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "_mail_distil.py"
    path.write_bytes(b"another's")
    with pytest.raises(SourceError, match="meanwhile"):
        journal.write(tmp_path, [Change(path, None, b"ours")])
    assert path.read_bytes() == b"another's"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".distilgen").write_bytes(b"a file")
    path = tmp_path / ".distilgen/originals/a.json"
    with pytest.raises(SourceError) as caught:
        journal.write(tmp_path, [Change(path, None, b"{}")])
    assert caught.value.path == path


def test_records_are_kept_out_of_version_control(tmp_path: Path) -> None:
    path = tmp_path / ".distilgen/originals/shop/mail.py.json"
    journal.write(tmp_path, [Change(path, None, b"{}")])
    ignored = (tmp_path / ".distilgen/.gitignore").read_text("utf-8")
    assert {"*", "!originals/", "!.gitignore"} <= set(ignored.splitlines())
    (tmp_path / ".distilgen/.gitignore").write_text("mine\n")
    journal.write(tmp_path, [Change(path, b"{}", b"{ }")])
    assert (tmp_path / ".distilgen/.gitignore").read_text("utf-8") == "mine\n"


def test_nothing_is_made_for_a_file_outside_the_state(tmp_path: Path) -> None:
    journal.write(tmp_path, [Change(tmp_path / "a.py", None, b"")])
    assert _names(tmp_path) == ["a.py"]


def test_empty_folders_of_the_state_go_others_stay(tmp_path: Path) -> None:
    one, two = (
        tmp_path / ".distilgen/originals/a/b/c.json",
        tmp_path / ".distilgen/originals/d.json",
    )
    plain = tmp_path / "shop/_mail_distil.py"
    journal.write(tmp_path, [Change(path, None, b"") for path in (one, two, plain)])
    journal.write(tmp_path, [Change(path, b"", None) for path in (one, plain)])
    assert _names(tmp_path / ".distilgen/originals") == ["d.json"]
    assert _names(tmp_path) == [".distilgen", "shop"]


# -- a run that is killed ---------------------------------------------------------------------


class Killed(BaseException):
    """What no handler of ours may take for an error."""


def _kill(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> Callable[[], int]:
    """Makes the call number `at` of a function of `Path` the last one; returns how many it saw."""
    calls = 0
    real = getattr(Path, name)

    def counted(*arguments: object, **keywords: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Killed
        return real(*arguments, **keywords)

    monkeypatch.setattr(Path, name, counted)
    return lambda: calls


TEXT = "from shop.models import M\ndef f() -> M:\n    return M()\n"


def _snapshot(bench: Workbench) -> dict[Path, bytes]:
    paths = (bench.path, bench.sidecar, bench.originals)
    return {path: path.read_bytes() for path in paths if path.exists()}


def _stands(bench: Workbench, before: dict[Path, bytes], after: dict[Path, bytes]) -> None:
    """Every file is old or new, none is half or left over, and the module compiles."""
    for path in (bench.path, bench.sidecar, bench.originals):
        found = path.read_bytes() if path.exists() else None
        assert found in (before.get(path), after.get(path))
    assert not list(bench.project.rglob(".?*.distilgen"))
    compile(bench.raw, "mail.py", "exec", dont_inherit=True)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_dispatch_killed_before_a_file_is_there(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    bench.put(TEXT).run("instrument")
    before = _snapshot(bench)
    bench.run("dispatch")
    after = _snapshot(bench)
    bench.restore()
    bench.run("instrument")
    assert _snapshot(bench) == before
    with monkeypatch.context() as patch:
        calls = _kill(patch, "replace", at)
        with pytest.raises(Killed):
            bench.run("dispatch")
        assert calls() == at
    _stands(bench, before, after)
    assert all(mark.contract in bench.load().contracts for mark in bench.load().found.functions)
    bench.run("dispatch")
    assert _snapshot(bench) == after
    bench.restore()
    assert _snapshot(bench) == {bench.path: TEXT.encode()}


@pytest.mark.parametrize("at", [1, 2])
def test_instrument_killed_before_a_file_is_there(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = _snapshot(bench.put(TEXT))
    bench.run("instrument")
    after = _snapshot(bench)
    bench.restore()
    with monkeypatch.context() as patch:
        _kill(patch, "replace", at)
        with pytest.raises(Killed):
            bench.run("instrument")
    _stands(bench, before, after)
    bench.run("instrument")
    assert _snapshot(bench) == after


@pytest.mark.parametrize(("name", "at"), [("replace", 1), ("unlink", 1), ("unlink", 2)])
def test_restore_killed_before_a_file_is_there_or_gone(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, name: str, at: int
) -> None:
    after = _snapshot(bench.put(TEXT))
    bench.run("dispatch")
    before = _snapshot(bench)
    with monkeypatch.context() as patch:
        _kill(patch, name, at)
        with pytest.raises(Killed):
            bench.restore()
    _stands(bench, before, after)
    bench.restore()
    assert _snapshot(bench) == after


def test_a_full_disk_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device", descriptor)

    path = tmp_path / "mail.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match="cannot be written: No space left on device"):
        journal.write(tmp_path, [Change(path, b"old", b"new")])
    assert (path.read_bytes(), _names(tmp_path)) == (b"old", ["mail.py"])


KILLED = """
import os, signal, sys
from pathlib import Path
from distilgen.rewrite import journal

Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
journal.replace_file(Path(sys.argv[1]), b"new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_what_a_killed_process_leaves_is_swept_up(tmp_path: Path) -> None:
    path, other = tmp_path / "mail[1].py", tmp_path / ".other.py.x.distilgen"
    path.write_bytes(b"old")
    other.write_bytes(b"")
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (path.read_bytes(), len(_names(tmp_path))) == (b"old", 3)
    journal.write(tmp_path, [Change(path, b"old", b"new")])
    assert (path.read_bytes(), _names(tmp_path)) == (b"new", [other.name, path.name])
