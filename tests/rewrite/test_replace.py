"""One file: old or new, with its mode and its owner, behind its link."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import replace


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664])
def test_the_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "mail.py"
    path.write_bytes(b"old")
    path.chmod(mode)
    replace.replace_file(path, b"new")
    assert (path.read_bytes(), _mode(path)) == (b"new", mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_usual_mode(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        replace.replace_file(tmp_path / "a/new.py", b"")
    finally:
        os.umask(before)
    assert _mode(tmp_path / "a/new.py") == 0o666 & ~mask


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a file away")
def test_the_owner_is_kept_and_special_bits_with_it(tmp_path: Path) -> None:
    path = tmp_path / "mail.py"
    path.write_bytes(b"old")
    os.chown(path, 4711, 4712)
    path.chmod(0o2755)
    replace.replace_file(path, b"new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, _mode(path)) == (4711, 4712, 0o2755)


def test_an_owner_that_cannot_be_kept_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refused(path: Path, user: int, group: int) -> None:
        asked.append((user, group))
        raise PermissionError(1, "Operation not permitted", path)

    path = tmp_path / "mail.py"
    path.write_bytes(b"old")
    old = path.stat()
    values = list(old)
    values[stat.ST_UID], values[stat.ST_GID] = 4711, 4712
    monkeypatch.setattr(os, "chown", refused, raising=False)
    replace._like(os.stat_result(values), path)
    assert asked == [(4711, 4712), (-1, 4712)]
    assert _mode(path) == stat.S_IMODE(old.st_mode)


def test_a_link_stays_and_its_file_changes(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real/mail.py", tmp_path / "mail.py"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to("real/mail.py")
    replace.replace_file(link, b"new")
    assert link.readlink() == Path("real/mail.py")
    assert (target.read_bytes(), _mode(target)) == (b"new", 0o640)
    assert (_names(tmp_path), _names(target.parent)) == (["mail.py", "real"], ["mail.py"])


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "mail.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, name, full)
    with pytest.raises(OSError, match="No space left"):
        replace.replace_file(path, b"new")
    assert (path.read_bytes(), _names(tmp_path)) == (b"old", ["mail.py"])


def test_a_disk_that_takes_little_at_a_time_gets_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, rest: real(descriptor, rest[:3]))
    replace.replace_file(tmp_path / "mail.py", b"0123456789")
    assert (tmp_path / "mail.py").read_bytes() == b"0123456789"


def test_a_file_that_is_open_elsewhere_is_tried_again_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = os.replace, [PermissionError(13, "Access is denied")] * 3

    def busy(source: Path, target: Path) -> None:
        if left:
            raise left.pop()
        real(source, target)

    new, path, folder = tmp_path / "new", tmp_path / "mail.py", tmp_path / "a"
    new.write_bytes(b"new")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", busy)
        with pytest.raises(PermissionError):
            replace.rename(new, path)
        patch.setattr(os, "name", "nt")
        patch.setattr(time, "sleep", lambda _: None)
        patch.setattr(os, "open", lambda *_: pytest.fail("it opens no folder"))
        replace.rename(new, path)
        replace.sync([folder])
    assert path.read_bytes() == b"new"


def test_a_file_system_that_syncs_no_folders_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(error: OSError) -> None:
        def failing(_: int) -> None:
            raise error

        monkeypatch.setattr(os, "fsync", failing)

    fsync(OSError(22, "Invalid argument"))
    replace.sync([tmp_path, tmp_path / "gone"])
    fsync(OSError(5, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        replace.sync([tmp_path])


def test_empty_folders_go_up_to_the_top(tmp_path: Path) -> None:
    (tmp_path / "top/a/b/c").mkdir(parents=True)
    (tmp_path / "top/a/kept").touch()
    replace.prune(tmp_path / "top/a/b/c/gone", tmp_path / "top")
    assert _names(tmp_path / "top/a") == ["kept"]
    replace.prune(tmp_path, tmp_path / "top")
    (tmp_path / "top/a/kept").unlink()
    replace.prune(tmp_path / "top/a", tmp_path / "top")
    assert _names(tmp_path / "top") == []


def test_a_file_in_no_folder_yet_may_be_written_if_the_folder_above_may(tmp_path: Path) -> None:
    replace.refuse_unwritable(tmp_path / "a/b/c.py")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(SourceError, match="is in a read-only folder"):
            replace.refuse_unwritable(tmp_path / "a/b/c.py")
    finally:
        tmp_path.chmod(0o755)


KILLED = """
import os, signal, sys
from pathlib import Path
from distilgen.rewrite import replace

os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
replace.replace_file(Path(sys.argv[1]), b"new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_what_a_killed_process_leaves_is_swept_up_in_time(tmp_path: Path) -> None:
    path, other = tmp_path / "mail[1].py", tmp_path / ".other.py.x.distilgen"
    path.write_bytes(b"old")
    other.write_bytes(b"")
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob(".mail*")
    replace.replace_file(path, b"newer")  # it may be that of a process at work
    assert (path.read_bytes(), _names(tmp_path)) == (b"newer", [left.name, other.name, path.name])
    os.utime(left, (0, 0))
    replace.replace_file(path, b"new")
    assert (path.read_bytes(), _names(tmp_path)) == (b"new", [other.name, path.name])


def test_two_processes_replace_a_file_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "mail.py", replace.rename

    def rename(temporary: Path, target: Path) -> None:
        monkeypatch.setattr(replace, "rename", real)
        replace.replace_file(path, b"theirs")  # between our new file and its place
        real(temporary, target)

    monkeypatch.setattr(replace, "rename", rename)
    replace.replace_file(path, b"ours")
    assert (path.read_bytes(), _names(tmp_path)) == (b"ours", ["mail.py"])
