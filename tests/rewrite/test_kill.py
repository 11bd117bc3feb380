"""A run that is killed, at every call by which it changes anything on the disk in turn."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Literal

import pytest

from distilgen import lock
from distilgen.rewrite import journal, marks, module, restoration, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.errors import SourceError
    from tests.rewrite.conftest import Workbench

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can be copied here")

Command = Literal["instrument", "dispatch", "restore"]
Files = dict[str, bytes]

CALLS = (
    "chmod", "chown", "fsync", "link", "mkdir", "open", "remove", "rename", "replace", "rmdir",
    "symlink", "truncate", "unlink", "write",
)  # fmt: skip
_KILLED, _DONE, _FAILED = 99, 0, 1

MODULES = {
    "shop/mail.py": (
        '"""Mail."""\nfrom shop.models import M\n\n\ndef f(a: int) -> M:\n    return M(x=a)\n'
    ),
    "shop/sub/post.py": (
        "from shop.models import N\r\n\r\ndef g() -> N:\r\n    return N()\r\n\r\n"
        "def h() -> N:\r\n    return N()\r\n"
    ),
    "shop/tail.py": "from shop.models import M\ndef t() -> M: return M()",
}


@pytest.fixture(autouse=True)
def patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process, unlike a machine without power, loses nothing for want of a sync: it is
    counted, and not waited for.
    """
    monkeypatch.setattr(os, "fsync", lambda _: None)


def _refuse(error: SourceError) -> None:
    raise error


def _fork(act: Callable[[], None]) -> int:
    """The exit status of a copy of this process in which `act` is called."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads do not matter to it
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        act()
    except BaseException:  # noqa: BLE001 - it must not go on as a test
        os._exit(_FAILED)
    os._exit(_DONE)


def _kill_at(nth: int) -> None:
    """Makes the call number `nth` the last of this process. It is not made, but for half of what
    was to be written.
    """
    seen = 0

    def counted(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **keywords: object) -> object:
            nonlocal seen
            seen += 1
            if seen == nth:
                if name == "write":
                    descriptor, content = arguments
                    real(descriptor, memoryview(content)[: len(content) // 2])  # type: ignore[arg-type]
                os._exit(_KILLED)
            return real(*arguments, **keywords)

        setattr(os, name, call)

    for name in CALLS:
        if hasattr(os, name):
            counted(name)


class Shop:
    """A package with several modules, and the commands on all of them at once."""

    def __init__(self, bench: Workbench) -> None:
        self.project = bench.project
        self.benches = [bench.at(name).put(text) for name, text in MODULES.items()]
        (self.project / "shop/sub/__init__.py").touch()

    def plans(self, command: Command) -> Iterator[module.Planned]:
        """What a command would do."""
        for bench in self.benches:
            if command == "restore":
                yield restoration.restore(bench.load(), bench.name, _refuse)
            else:
                yield bench.plan(command)

    def run(self, command: Command) -> list[str]:
        """Do it, after what another run has left. Returns what was said."""
        said: list[str] = []
        with run.opened(self.project, command, said.append, _refuse) as work:
            work.write(list(self.plans(command)), _refuse)
        return said

    def files(self) -> Files:
        """Every file but those that stay with a run's folder."""
        top = self.project / journal.STATE
        return {
            path.relative_to(self.project).as_posix(): path.read_bytes()
            for path in self.project.rglob("*")
            if path.is_file() and path not in (top / ".gitignore", top / "run.lock")
        }

    def reset(self, files: Files) -> None:
        """Have these files again, and nothing else of ours."""
        for name in self.files().keys() - files.keys():
            (self.project / name).unlink()
        for name, content in files.items():
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def stands(self, old: Files, new: Files) -> None:
        """After a kill: every file is old or new, and each module a program that runs."""
        now = self.files()
        for name in old.keys() | new.keys():
            assert now.get(name) in (old.get(name), new.get(name)), name
        for name in now.keys() - old.keys() - new.keys():
            ours = name.endswith(".distilgen") or name.startswith(".distilgen/")
            assert ours, name
        for bench in self.benches:
            loaded = bench.load()
            compile(bench.raw, str(bench.path), "exec", dont_inherit=True)
            for mark in loaded.found.functions:
                assert mark.contract in loaded.contracts
                assert mark.decorator or mark.contract in loaded.bodies


@pytest.mark.parametrize(
    ("earlier", "command"),
    [
        ([], "instrument"),
        ([], "dispatch"),
        (["instrument"], "dispatch"),
        (["instrument"], "restore"),
        (["instrument", "dispatch"], "restore"),
    ],
)
def test_a_kill_at_any_call_leaves_old_or_new_and_the_next_run_finishes(
    bench: Workbench, earlier: list[Command], command: Command
) -> None:
    shop = Shop(bench)
    for step in earlier:
        shop.run(step)
    old = shop.files()
    shop.run(command)
    new = shop.files()
    assert new != old
    assert bool(lock.read(shop.project).functions) == (command != "restore")
    kills, finished = 0, 0
    while True:
        shop.reset(old)

        def act(nth: int = kills + 1) -> None:
            _kill_at(nth)
            shop.run(command)

        status = _fork(act)
        if status == _DONE:
            break
        assert status == _KILLED
        kills += 1
        shop.stands(old, new)
        said = shop.run(command)
        assert all("was interrupted" in line for line in said)
        finished += any("is finished" in line for line in said)
        assert shop.files() == new, f"after a kill at call {kills}"
        assert not list(shop.project.rglob(".*.distilgen"))
    assert shop.files() == new
    files = sum(old.get(name) != new.get(name) for name in old.keys() | new.keys())
    assert finished >= files
    assert kills > 4 * files
    assert not _empty_folders(shop.project / journal.STATE)


def _empty_folders(top: Path) -> list[Path]:
    return [path for path in top.rglob("*") if path.is_dir() and not any(path.iterdir())]


@pytest.mark.parametrize("second", [1, 4, 9, 16, 25])
def test_a_recovery_that_is_killed_is_finished_by_the_next(bench: Workbench, second: int) -> None:
    shop = Shop(bench)
    old = shop.files()
    shop.run("instrument")
    new = shop.files()
    first = 0
    while True:
        first += 7
        shop.reset(old)

        def act(nth: int) -> None:
            _kill_at(nth)
            shop.run("instrument")

        if _fork(lambda nth=first: act(nth)) == _DONE:  # type: ignore[misc]
            break
        assert _fork(lambda: act(second)) in (_KILLED, _DONE)
        shop.stands(old, new)
        shop.run("instrument")
        assert shop.files() == new
    assert marks.sidecar_path(shop.benches[0].path).exists()
