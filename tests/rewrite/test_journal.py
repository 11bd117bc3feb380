"""The journal: what was written is read, and nothing else is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import RunError
from distilgen.lock import Function
from distilgen.rewrite import journal
from distilgen.rewrite.journal import Entry, Group, Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "0123abcd"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "shop").mkdir(parents=True)
    journal.ignore_state(folder / journal.STATE)
    return folder


def _entry(project: Path, name: str, number: int = 0) -> Entry:
    path = project / name
    return Entry(path, journal.beside(path, TOKEN, str(number)), "b" * 64, None)


def _journal(project: Path, *names: str) -> Journal:
    entries = tuple(_entry(project, name, number) for number, name in enumerate(names))
    states = {"shop.mail:reply": Function("f", "recorded")}
    return Journal("instrument", TOKEN, (Group(entries, states, ("shop.mail:old",)),))


@pytest.mark.parametrize("committing", [False, True])
def test_what_was_written_is_read(project: Path, committing: bool) -> None:
    names = ("shop/mail.py", ".distilgen/originals/shop/mail.py.json")
    found = _journal(project, *names)
    written = Journal(found.command, found.token, found.groups, committing)
    journal.write(project, written)
    assert journal.read(project) == written
    assert str(project) not in (project / journal.FILE).read_text()
    journal.remove(project)
    assert journal.read(project) is None
    assert sorted(path.name for path in (project / journal.STATE).iterdir()) == [".gitignore"]


def test_the_state_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "disk").mkdir()
    project = tmp_path / "project"
    (project / journal.STATE).symlink_to(tmp_path / "disk")
    entry = _entry(tmp_path / "disk", "originals/a.py.json")
    written = Journal("dispatch", TOKEN, (Group((entry,)),))
    journal.write(project, written)
    assert journal.read(project) == written


def _set(*keys: Any) -> Callable[[Any], None]:
    *places, last, value = keys

    def change(content: Any) -> None:
        for place in places:
            content = content[place]
        content[last] = value

    return change


_ENTRY = ("groups", 0, "entries", 0)
DAMAGED = {
    "another version": _set("version", 2),
    "no token": _set("token", "*"),
    "no phase": _set("phase", "thinking"),
    "no groups": _set("groups", None),
    "a group that is none": _set("groups", [3]),
    "a state with too much": _set("groups", 0, "states", {"f": {"colour": "red"}}),
    "a digest that is none": _set(*_ENTRY, "before", 7),
    "a path that is none": _set(*_ENTRY, "path", None),
    "a path above": _set(*_ENTRY, "path", "../other.py"),
    "a path from the root": _set(*_ENTRY, "path", "/etc/passwd"),
    "a path behind a link": _set(*_ENTRY, "path", "outside/other.py"),
    "the project": _set(*_ENTRY, "path", "."),
    "a path of git's": _set(*_ENTRY, "path", ".git/config"),
    "another temporary file": _set(*_ENTRY, "temporary", "models.py"),
    "a temporary file elsewhere": _set(*_ENTRY, "temporary", f"../.{TOKEN}.0.distilgen"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_journal_is_told(project: Path, damage: Callable[[Any], None]) -> None:
    (project.parent / "elsewhere").mkdir()
    (project / "outside").symlink_to(project.parent / "elsewhere")
    journal.write(project, _journal(project, "shop/mail.py"))
    content = json.loads((project / journal.FILE).read_text())
    damage(content)
    (project / journal.FILE).write_text(json.dumps(content))
    with pytest.raises(RunError, match="cannot be read as a run's journal") as caught:
        journal.read(project)
    assert "remove this one, and run the command again" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_told(project: Path, content: bytes) -> None:
    (project / journal.FILE).write_bytes(content)
    with pytest.raises(RunError, match="cannot be read as a run's journal"):
        journal.read(project)


def test_an_interrupted_run_is_seen_without_a_write(project: Path) -> None:
    assert journal.interrupted(project) == ""
    journal.write(project, _journal(project, "shop/mail.py"))
    before = sorted(project.rglob("*"))
    assert "was interrupted" in journal.interrupted(project)
    assert sorted(project.rglob("*")) == before


def test_names_stay_short(project: Path) -> None:
    name = journal.beside(project / f"{'m' * 252}.py", TOKEN, "12345").name
    assert name == f".{TOKEN}.12345.distilgen"


def test_records_are_kept_out_of_version_control(project: Path) -> None:
    ignore = project / ".distilgen/.gitignore"
    assert {"*", "!originals/", "!.gitignore"} <= set(ignore.read_text("utf-8").splitlines())
    ignore.write_text("mine\n")
    journal.ignore_state(project / journal.STATE)
    assert ignore.read_text("utf-8") == "mine\n"
