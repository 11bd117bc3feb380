"""A run: alone, all or nothing for each module, and never over another's edit."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen import lock
from distilgen.errors import ConfigError, RunError, SourceError
from distilgen.lock import Function, Lock, Model
from distilgen.rewrite import journal, run
from distilgen.rewrite.journal import Entry
from distilgen.rewrite.module import Change, Planned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RECORDED = Function("c", "recorded")


class Writer:
    """A project, what is written into it, and what was said of that."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.refused: list[SourceError] = []
        self.said: list[str] = []

    def put(self, name: str, content: bytes = b"old") -> Path:
        """Write a file as its author would."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def change(
        self, name: str, before: bytes | None = b"old", after: bytes | None = b"new"
    ) -> Change:
        """A change of a file."""
        return Change(self.project / name, before, after)

    def write(self, *groups: list[Change]) -> Sequence[Planned]:
        """Carry out changes, module by module; module number n has the function `m<n>:f`."""
        plans = [
            Planned(tuple(changes), (), {f"m{number}:f": RECORDED})
            for number, changes in enumerate(groups)
        ]
        with run.opened(self.project, "test", self.said.append, self.refused.append) as work:
            return work.write(plans, self.refused.append).plans

    def files(self) -> dict[str, bytes]:
        """What there is, without what git ignores of ours."""
        return {
            path.relative_to(self.project).as_posix(): path.read_bytes()
            for path in sorted(self.project.rglob("*"))
            if path.is_file() and path.name not in (".gitignore", "run.lock", lock.FILE)
        }

    def functions(self) -> set[str]:
        """What the lock names."""
        return set(lock.read(self.project).functions)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    (tmp_path / "project").mkdir()
    return Writer(tmp_path / "project")


def test_files_are_replaced_added_and_removed(writer: Writer) -> None:
    writer.put("old.py", b"1\r\n")
    writer.put("gone.py", b"")
    done = writer.write(
        [writer.change("old.py", b"1\r\n", b"2\r\n"), writer.change("gone.py", b"", None)],
        [writer.change("a/b/new.py", None, b"3")],
    )
    assert len(done) == 2
    assert writer.files() == {"a/b/new.py": b"3", "old.py": b"2\r\n"}
    assert (writer.functions(), writer.refused, writer.said) == ({"m0:f", "m1:f"}, [], [])


def test_nothing_to_do_writes_nothing(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(writer.write([])) == 1
    before = (writer.project / lock.FILE).stat()
    monkeypatch.setattr(journal, "write", lambda *_: pytest.fail("there is nothing to write"))
    assert len(writer.write([])) == 1
    assert (writer.project / lock.FILE).stat().st_mtime_ns == before.st_mtime_ns


def test_a_link_stays_and_its_file_changes(writer: Writer) -> None:
    target = writer.put("real/mail.py")
    (writer.project / "mail.py").symlink_to("real/mail.py")
    writer.write([writer.change("mail.py")])
    assert (writer.project / "mail.py").readlink() == Path("real/mail.py")
    assert target.read_bytes() == b"new"
    assert set(writer.files()) == {"mail.py", "real/mail.py"}


def test_a_link_out_of_the_project_is_refused(writer: Writer) -> None:
    other = writer.project.parent / "other.py"
    other.write_bytes(b"old")
    (writer.project / "mail.py").symlink_to(other)
    assert writer.write([writer.change("mail.py")]) == []
    assert "is a link to" in writer.refused[0].message
    assert "outside the project" in writer.refused[0].message
    assert other.read_bytes() == b"old"


def test_the_state_may_lie_elsewhere(writer: Writer) -> None:
    elsewhere = writer.project.parent / "disk"
    elsewhere.mkdir()
    (writer.project / ".distilgen").symlink_to(elsewhere)
    name = ".distilgen/originals/shop/mail.py.json"
    writer.write([writer.change(name, None, b"{}")])
    assert (elsewhere / "originals/shop/mail.py.json").read_bytes() == b"{}"
    writer.write([writer.change(name, b"{}", None)])
    assert sorted(path.name for path in elsewhere.iterdir()) == [".gitignore", "run.lock"]
    assert writer.refused == []


def test_empty_folders_of_the_state_go_others_stay(writer: Writer) -> None:
    names = (".distilgen/originals/a/b/c.json", ".distilgen/originals/d.json", "shop/_m_distil.py")
    writer.write([writer.change(name, None, b"") for name in names])
    writer.write([writer.change(name, b"", None) for name in (names[0], names[2])])
    assert [path.name for path in (writer.project / ".distilgen/originals").iterdir()] == ["d.json"]
    assert (writer.project / "shop").is_dir()


# -- refused before anything is written ---------------------------------------------------------


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
def test_one_file_stops_its_module_and_no_other(
    writer: Writer, spoil: Callable[[Path], None], reason: str
) -> None:
    for name in ("first.py", "shop/last.py", "other.py"):
        writer.put(name)
    last = writer.project / "shop/last.py"
    spoil(last)
    kept = last.read_bytes() if last.exists() else None
    try:
        done = writer.write(
            [
                writer.change(".distilgen/originals/a.json", None, b"{}"),
                writer.change("first.py"),
                writer.change("shop/last.py"),
            ],
            [writer.change("other.py")],
        )
    finally:
        for folder in (last.parent, writer.project / "real"):
            if folder.exists():
                folder.chmod(0o755)
    (error,) = writer.refused
    assert (error.path, reason in error.message) == (last, True)
    assert (last.read_bytes() if last.exists() else None) == kept
    files = writer.files()
    assert (files["first.py"], files["other.py"]) == (b"old", b"new")
    assert not (writer.project / ".distilgen/originals").exists()
    assert [set(plan.states) for plan in done] == [{"m1:f"}]
    assert writer.functions() == {"m1:f"}


def test_a_new_file_over_one_that_has_appeared_is_refused(writer: Writer) -> None:
    writer.put("_mail_distil.py", b"another's")
    assert writer.write([writer.change("_mail_distil.py", None, b"ours")]) == []
    assert writer.files() == {"_mail_distil.py": b"another's"}
    assert not (writer.project / lock.FILE).exists()


def test_a_lock_that_cannot_be_read_or_written_stops_all(writer: Writer) -> None:
    writer.put("mail.py")
    path = writer.put(lock.FILE, b"<<<<<<< HEAD\n")
    with pytest.raises(ConfigError, match=r"distilgen.lock:1: holds a merge conflict"):
        writer.write([writer.change("mail.py")])
    path.write_bytes(Lock({"m0:f": RECORDED}).render() or b"")
    path.chmod(0o444)
    assert len(writer.write([writer.change("mail.py")])) == 1  # there is nothing to write in it
    with pytest.raises(SourceError, match="is read-only"):
        writer.write([], [writer.change("mail.py", b"new", b"newer")])
    assert writer.files() == {"mail.py": b"new"}


@pytest.mark.parametrize("name", [".distilgen", ".distilgen/run.lock", ".distilgen/.gitignore"])
def test_a_state_that_cannot_be_written_is_told(writer: Writer, name: str) -> None:
    if name == ".distilgen":
        writer.put(name)
    else:
        (writer.project / name / "a folder").mkdir(parents=True)
    if name.endswith(".gitignore"):
        (writer.project / ".distilgen/journal.json.new/a folder").mkdir(parents=True)
    with pytest.raises(RunError, match="cannot be written"):
        writer.write([writer.change("new.py", None, b"")])
    assert not (writer.project / "new.py").exists()


# -- changed while the run writes ---------------------------------------------------------------


@contextmanager
def _before_making(
    monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[Path], None]
) -> Iterator[None]:
    """Something happens to a file after everything is prepared, just before it is changed."""
    real = Entry.status
    acted: list[Entry] = []

    def status(entry: Entry) -> str:
        if entry.path.name == name and not acted:
            acted.append(entry)
            act(entry.path)
        return real(entry)

    with monkeypatch.context() as patch:
        patch.setattr(Entry, "status", status)
        yield


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_edit_just_before_a_file_is_replaced_is_not_lost(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    names = [".distilgen/originals/a.json", "_a_distil.py", "a.py"]
    for name in (*names[1:], "other.py"):
        writer.put(name)
    if number == 0:
        writer.put(names[0])
    first = writer.change(names[0], b"old" if number == 0 else None)
    before = writer.files()
    with _before_making(monkeypatch, Path(names[number]).name, _touched):
        done = writer.write(
            [first, writer.change(names[1]), writer.change(names[2])],
            [writer.change("other.py")],
        )
    assert [error.path for error in writer.refused] == [writer.project / names[number]]
    assert "was changed by something else meanwhile" in writer.refused[0].message
    assert writer.files() == {**before, names[number]: b"another's", "other.py": b"new"}
    assert ([set(plan.states) for plan in done], writer.functions()) == ([{"m1:f"}], {"m1:f"})


def test_what_was_made_and_edited_at_once_is_not_taken_back(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.put("a.py")
    writer.put("b.py")

    def both(path: Path) -> None:
        path.write_bytes(b"another's")
        path.with_name("a.py").write_bytes(b"another's, too")

    with _before_making(monkeypatch, "b.py", both):
        writer.write([writer.change("a.py"), writer.change("b.py")])
    assert writer.files() == {"a.py": b"another's, too", "b.py": b"another's"}


def test_a_lock_that_was_edited_just_before_is_not_lost(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.put("a.py")
    mine = Lock({}, {"ft:m": Model("f", "c", "openai", "d")}).render() or b""

    def merged(path: Path) -> None:
        path.write_bytes(mine)

    with (
        _before_making(monkeypatch, lock.FILE, merged),
        pytest.raises(SourceError, match="changed meanwhile"),
    ):
        writer.write([writer.change("a.py")])
    assert lock.read(writer.project).functions == {}
    writer.write([])  # finishes the other
    found = lock.read(writer.project)
    assert (set(found.functions), set(found.models)) == ({"m0:f"}, {"ft:m"})
    assert writer.said == ["`distilgen test` was interrupted, and is finished: 2 files"]


# -- an error while the run writes --------------------------------------------------------------


@pytest.mark.parametrize("name", ["write", "fsync"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_full_disk_changes_nothing(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, name: str, nth: int
) -> None:
    writer.write([])  # or making the state would fail
    for module in ("a.py", "b.py", "c.py"):
        writer.put(module)
    before, real, calls = writer.files(), getattr(os, name), 0

    def full(*arguments: object) -> object:
        nonlocal calls
        calls += sys._getframe(1).f_code.co_name != "acquire"
        if calls >= nth:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, full)
        with pytest.raises((RunError, SourceError), match="No space left on device"):
            writer.write(*([writer.change(module)] for module in ("a.py", "b.py", "c.py")))
    after = writer.files()
    assert {n: after[n] for n in before} == before
    writer.write()
    assert writer.files() == before


def test_a_file_that_cannot_be_staged_stops_its_module_alone(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b/b.py", "c.py"):
        writer.put(name)
    real = os.open

    def refusing(path: Path, *rest: int) -> int:
        if Path(path).parent.name == "b" and str(path).endswith(".distilgen"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        writer.write([writer.change("a.py"), writer.change("b/b.py")], [writer.change("c.py")])
    assert [error.message for error in writer.refused] == ["cannot be written: Permission denied"]
    assert writer.files() == {"a.py": b"old", "b/b.py": b"old", "c.py": b"new"}


def test_a_rename_that_fails_is_taken_back(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "b.py", "c.py"):
        writer.put(name)
    real = os.replace

    def refusing(source: Path, target: Path) -> None:
        if Path(target).name == "b.py":
            raise PermissionError(13, "Permission denied", target)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refusing)
        writer.write(
            [writer.change("new.py", None), writer.change("a.py"), writer.change("b.py")],
            [writer.change("c.py")],
        )
    assert [error.message for error in writer.refused] == ["cannot be written: Permission denied"]
    assert writer.files() == {"a.py": b"old", "b.py": b"old", "c.py": b"new"}


def test_what_can_be_neither_made_nor_taken_back_is_left_to_the_next_run(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b.py", "c.py"):
        writer.put(name)
    real, left = os.replace, [1]

    def refusing(source: Path, target: Path) -> None:
        if Path(target).suffix == ".py" and not left:
            raise PermissionError(13, "Permission denied", target)
        if Path(target).suffix == ".py":
            left.pop()
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refusing)
        with pytest.raises(RunError, match="the next run finishes this one"):
            writer.write([writer.change("a.py"), writer.change("b.py")], [writer.change("c.py")])
    writer.write()
    assert writer.files() == {"a.py": b"new", "b.py": b"new", "c.py": b"new"}
    assert writer.functions() == {"m0:f", "m1:f"}


def test_a_model_is_kept_beside_the_functions(writer: Writer) -> None:
    writer.write([])
    model = Model("m0:f", "c", "openai", "d")
    with run.opened(writer.project, "train", writer.said.append, writer.refused.append) as work:
        work.keep_model("ft:m", model)
    assert lock.read(writer.project) == Lock({"m0:f": RECORDED}, {"ft:m": model})
    writer.write([], [])
    assert lock.read(writer.project).models == {"ft:m": model}


# -- two at once --------------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from distilgen.rewrite import run

with run.opened(Path(sys.argv[1]), "test", print, print):
    print("at work", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(writer: Writer) -> Iterator[subprocess.Popen[str]]:
    """Another process at work in the project until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(writer.project)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "at work\n"
        yield process
        process.communicate()


def test_the_second_run_gives_up_in_the_end(
    writer: Writer, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.2)
    with pytest.raises(RunError, match=f"still at work in this project .process {holder.pid}."):
        writer.write([])
    (said,) = writer.said
    assert said.startswith(f"another run is at work in this project (process {holder.pid})")


def test_the_second_run_waits(writer: Writer, holder: subprocess.Popen[str]) -> None:
    path, waited = writer.put("a.py"), []

    def said(message: str) -> None:
        waited.append(message)
        assert holder.stdin
        holder.stdin.write("\n")
        holder.stdin.flush()

    with run.opened(writer.project, "test", said, writer.refused.append) as work:
        work.write([Planned((writer.change("a.py"),), ())], writer.refused.append)
    assert (len(waited), path.read_bytes()) == (1, b"new")


def test_git_ignores_the_state_of_whoever_is_at_work(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.1)
    real = journal.ignore_state

    def ignored(folder: Path) -> None:
        monkeypatch.setattr(journal, "ignore_state", lambda _: pytest.fail("it is not its turn"))
        with pytest.raises(RunError, match="still at work"):
            writer.write([])
        real(folder)

    monkeypatch.setattr(journal, "ignore_state", ignored)
    assert len(writer.write([])) == 1
    assert (writer.project / ".distilgen/.gitignore").exists()


def test_a_turn_that_cannot_be_begun_is_given_back(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "ignore_state", full)
        with pytest.raises(RunError, match="cannot be written: No space left"):
            writer.write([])
    assert len(writer.write([])) == 1


def test_a_run_says_what_became_of_the_lock(writer: Writer) -> None:
    path = writer.put("a.py")
    plans = [Planned((writer.change("a.py"),), (), {"a:f": RECORDED})]
    would = run.would(writer.project, plans)
    assert (would.plans, path.read_bytes()) == (plans, b"old")
    with run.opened(writer.project, "test", print, print) as work:
        assert work.write(plans, print) == would
    assert would.lock == Change(
        writer.project / lock.FILE, None, (writer.project / lock.FILE).read_bytes()
    )
    with run.opened(writer.project, "test", print, print) as work:
        assert work.write([Planned((), (), {"a:f": RECORDED})], print).lock is None


def test_a_run_that_was_killed_holds_nobody_up(
    writer: Writer, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    assert len(writer.write([])) == 1
    assert writer.said == []
