"""Branches that were rewritten apart, and merged by git."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

WHO = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def _git(distilgen: Cli, *words: str, code: int = 0) -> None:
    command = ["git", *WHO, *words]
    done = subprocess.run(command, cwd=distilgen.folder, capture_output=True, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)


def _commit(distilgen: Cli, message: str) -> None:
    _git(distilgen, "add", "--all")
    _git(distilgen, "commit", "--message", message)


@pytest.fixture
def two(distilgen: Cli) -> Cli:
    """A repository with a module of two functions."""
    text = distilgen.read("src/shop/mail.py")
    function = '\n\ndef other(text: str) -> Email:\n    """Other."""\n    return reply(text)\n'
    distilgen.write({"src/shop/mail.py": text + function})
    _git(distilgen, "init", "--initial-branch", "main")
    _commit(distilgen, "the program")
    return distilgen


@pytest.mark.parametrize("command", ["instrument", "dispatch --model m"])
def test_two_branches_with_a_function_each(two: Cli, command: str) -> None:
    before = two.read("src/shop/mail.py")
    for name in ("reply", "other"):
        _git(two, "switch", "--create", name, "main")
        assert two(*command.split(), "--only", name, "src").code == 0
        _commit(two, name)
    _git(two, "merge", "reply", code=1)
    mail = two.read("src/shop/mail.py")
    if "<<<<<<<" in mail:  # both have put the import there; the module is its author's to settle
        pytest.fail("git did not merge the module by itself")
    ran = two("check")
    assert ran.code == 1
    assert "holds a merge conflict; its sides go together" in ran.out
    assert two("instrument", "--all").code == 0
    assert two("check").code == 0
    assert "<<<<<<<" not in "".join(two.read(name) for name in ("distilgen.lock",))
    _commit(two, "merged")
    assert two("restore", "--all").code == 0
    assert two.read("src/shop/mail.py") == before
