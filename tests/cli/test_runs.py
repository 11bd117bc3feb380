"""Runs as a user starts them: killed, two at once, over what another has left."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from distilgen import lock
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

COMMAND = (sys.executable, "-m", "distilgen")
MODULE = """\
from shop.models import Email


def f{number}(text: str) -> Email:
    # the teacher
    return Email(to=text, urgent=False)
"""


def _functions(distilgen: Cli) -> dict[str, str]:
    return {name: entry.state for name, entry in lock.read(distilgen.folder).functions.items()}


def _ours(folder: Path) -> list[Path]:
    """Temporary files and journals."""
    return [*folder.rglob(".*.distilgen"), *folder.rglob("journal.json*")]


def test_the_lock_ties_functions_to_contracts_and_models(distilgen: Cli) -> None:
    before = distilgen.snapshot()
    distilgen("instrument", "src")
    recorded = distilgen.read("distilgen.lock")
    entry = json.loads(recorded)["functions"]["shop.mail:reply"]
    assert (entry["state"], entry["model"]) == ("recorded", None)
    assert f'fingerprint="{entry["contract"]}"' in distilgen.read("src/shop/_mail_distil.py")
    distilgen("dispatch", "--model", "ft:m", "src")
    entry = json.loads(distilgen.read("distilgen.lock"))["functions"]["shop.mail:reply"]
    assert (entry["state"], entry["model"]) == ("dispatched", "ft:m")
    distilgen("restore", "src")
    assert distilgen.snapshot() == before
    distilgen("instrument", "src")
    assert distilgen.read("distilgen.lock") == recorded


def test_a_lock_with_models_stays(distilgen: Cli) -> None:
    models = lock.Lock({}, {"ft:m": lock.Model("f", "c", "openai", "d")})
    distilgen.write({"distilgen.lock": (models.render() or b"").decode()})
    before = distilgen.snapshot()
    distilgen("instrument", "src")
    assert distilgen.snapshot()["distilgen.lock"] != before["distilgen.lock"]
    distilgen("restore", "src")
    assert distilgen.snapshot() == before


def test_a_lock_that_misses_a_function_is_brought_up_to_date(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    (distilgen.folder / "distilgen.lock").unlink()
    assert distilgen("instrument", "--check", "src").code == 1
    ran = distilgen("instrument", "src")
    assert (ran.code, ran.out) == (0, "instrumented: file distilgen.lock\n")
    assert _functions(distilgen) == {"shop.mail:reply": "recorded"}
    assert distilgen("instrument", "--check", "src").code == 0


def test_a_merge_conflict_in_the_lock_is_named(distilgen: Cli) -> None:
    distilgen.write({"distilgen.lock": "{\n<<<<<<< HEAD\n"})
    before = distilgen.snapshot()
    ran = distilgen("instrument", "src")
    assert ran.code == 2
    assert "distilgen.lock:2: holds a merge conflict" in ran.err
    assert distilgen.snapshot() == before


@pytest.mark.parametrize("command", ["instrument", "dispatch --model m", "restore"])
@pytest.mark.parametrize("target", ["--all", "."])
def test_the_lock_forgets_functions_that_are_no_more(
    distilgen: Cli, command: str, target: str
) -> None:
    words = command.split()
    done = f"{words[0].removesuffix('e')}ed: file distilgen.lock\n"
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({f"src/shop/{name}.py": text for name in ("gone", "lost")})
    distilgen("instrument", "src")
    for name in ("gone.py", "_gone_distil.py", "_lost_distil.py"):
        (distilgen.folder / f"src/shop/{name}").unlink()
    distilgen.write({"src/shop/lost.py": ""})
    distilgen(*words, "src")
    rest = set() if command == "restore" else {"shop.mail:reply"}
    assert set(_functions(distilgen)) == {*rest, "shop.gone:reply", "shop.lost:reply"}
    assert '-    "shop.gone:reply": ' in distilgen(*words, "--diff", target).out
    ran = distilgen(*words, "--check", target)
    assert (ran.code, ran.out) == (1, f"would be {done}")
    if rest:
        assert distilgen(*words, "--check", "--only", "reply", target).code == 0
    ran = distilgen(*words, target)
    assert (ran.code, ran.out) == (0, done)
    assert "; 1 file\n" in ran.err
    assert set(_functions(distilgen)) == rest
    assert distilgen(*words, "--check", target).code == 0


SIDECAR = "src/shop/_mail_distil.py"
KEPT: dict[str, dict[str, str | None]] = {
    "its sidecar is there": {"src/shop/mail.py": None},
    "its function is there": {
        SIDECAR: None,
        "src/shop/mail.py": MODULE.replace("f{number}", "reply"),
    },
    "its module cannot be read": {SIDECAR: None, "src/shop/mail.py": "x = (\n"},
    "its sidecar cannot be read": {SIDECAR: "x = (\n", "src/shop/mail.py": ""},
}


@pytest.mark.parametrize("tree", KEPT.values(), ids=KEPT)
def test_the_lock_forgets_no_function_that_may_be_there(
    distilgen: Cli, tree: dict[str, str | None]
) -> None:
    distilgen("instrument", "src")
    for name in tree:
        (distilgen.folder / name).unlink()
    distilgen.write({name: text for name, text in tree.items() if text is not None})
    distilgen("restore", "--all")
    assert set(_functions(distilgen)) == {"shop.mail:reply"}


def _interrupted(distilgen: Cli, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Stops `instrument` before its first file is changed. Returns the files as they are then."""

    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal.Entry, "make", stopped)
        assert distilgen("instrument", "src").code == 130
    return distilgen.snapshot()


@pytest.mark.parametrize(
    "command",
    ["scan src", "check", "show shop.mail:reply", "instrument --diff src", "restore --dry-run src"],
)
def test_reading_commands_leave_an_interrupted_run_alone(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    before = _interrupted(distilgen, monkeypatch)
    ran = distilgen(*command.split())
    assert distilgen.snapshot() == before
    assert ("was interrupted" in ran.out) == (command == "check")


def test_check_says_that_a_run_was_interrupted(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(distilgen, monkeypatch)
    ran = distilgen("check")
    assert ran.code == 1
    assert "a run was interrupted, or is still at work" in ran.out
    ran = distilgen("instrument", "src")
    assert (ran.code, ran.out) == (0, "")
    assert "`distilgen instrument` was interrupted, and is finished: 3 files" in ran.err
    assert distilgen("check").code == 0
    assert not _ours(distilgen.folder)


def test_a_file_that_was_edited_since_is_named(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _interrupted(distilgen, monkeypatch)
    text = before["src/shop/mail.py"].decode().replace("the teacher", "a better teacher")
    distilgen.write({"src/shop/mail.py": text})
    ran = distilgen("restore", "src")
    assert ran.code == 123
    assert (
        "src/shop/mail.py: was edited after `distilgen instrument` was interrupted, and is left as "
        "it is; none of its module's files was changed; run `distilgen instrument` again"
    ) in ran.err
    assert distilgen.read("src/shop/mail.py") == text
    assert not _ours(distilgen.folder)


def test_a_damaged_journal_is_told(distilgen: Cli) -> None:
    distilgen.write({".distilgen/journal.json": "{"})
    ran = distilgen("instrument", "src")
    assert ran.code == 123
    assert "journal.json: cannot be read as a run's journal" in ran.err
    (distilgen.folder / ".distilgen/journal.json").unlink()
    assert distilgen("instrument", "src").code == 0


def test_two_runs_at_once_follow_each_other(distilgen: Cli) -> None:
    numbers = range(12)
    for number in numbers:
        distilgen.write({f"src/shop/m{number}.py": MODULE.format(number=number)})
    before = distilgen.snapshot()
    runs = [
        subprocess.Popen(
            (*COMMAND, *command), cwd=distilgen.folder, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for command in (("instrument", "src"), ("dispatch", "--model", "m", "src"))
    ]  # fmt: skip
    said = [process.communicate()[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    # Whoever came first: a dispatched function stays so.
    names = {f"shop.m{number}:f{number}" for number in numbers} | {"shop.mail:reply"}
    assert _functions(distilgen) == dict.fromkeys(names, "dispatched")
    assert sum("another run is at work" in text for text in said) <= 1
    assert distilgen("check").code == 0
    assert distilgen("restore", "src").code == 0
    assert distilgen.snapshot() == before


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_kill_at_random_moments_is_made_good(distilgen: Cli) -> None:
    """Where the kill falls is up to the machine; what must hold does not depend on it."""
    for number in range(12):
        distilgen.write({f"src/shop/m{number}.py": MODULE.format(number=number)})
    old = distilgen.snapshot()
    distilgen("dispatch", "--model", "m", "src")
    new = distilgen.snapshot()
    moments = random.Random(7)
    for command, first, last in (
        (("dispatch", "--model", "m", "src"), old, new),
        (("restore", "src"), new, old),
    ):
        for _ in range(4):
            distilgen("restore", "src")
            if first is new:
                distilgen("dispatch", "--model", "m", "src")
            process = subprocess.Popen(
                (*COMMAND, *command),
                cwd=distilgen.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _wait_until_it_writes(distilgen.folder, process)
            time.sleep(moments.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            process.wait()
            now = distilgen.snapshot()
            for name in first.keys() | last.keys():
                assert now.get(name) in (first.get(name), last.get(name)), name
            ran = distilgen(*command)
            assert ran.code == 0, ran.err
            assert distilgen.snapshot() == last
            assert not _ours(distilgen.folder)


def _wait_until_it_writes(folder: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not (folder / journal.FILE).exists():
        time.sleep(0.001)
