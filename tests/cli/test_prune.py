"""`dispatch --prune` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

MAIL = '''\
"""Mail."""

import json
import re
from textwrap import dedent, indent

from shop.models import Email


def reply(text: str) -> Email:
    """Answer a letter."""
    to = re.sub("[,!]", "", dedent(text).split()[0])
    return Email(to=json.loads(json.dumps(to)), urgent="!" in text)


def subject(text: str) -> str:
    return indent(text, "> ")
'''
LEFT = '''\
"""Mail."""

from textwrap import indent

import shop._mail_distil as _distil
from shop.models import Email


def reply(text: str) -> Email:
    """Answer a letter."""
    return _distil.reply.dispatch(Email, text=text)
'''


@pytest.fixture(autouse=True)
def mail(distilgen: Cli) -> None:
    """A body that is the only one to use some imports."""
    distilgen.write({"src/shop/mail.py": MAIL})


def test_pruned_and_restored(distilgen: Cli) -> None:
    before = distilgen.snapshot()
    ran = distilgen("dispatch", "--prune", "--model", "ft:m", "src/")
    assert (ran.code, ran.out) == (0, "dispatched: shop.mail:reply\n")
    assert ran.err == "1 function dispatched; 3 imports pruned; 4 files\n"
    assert distilgen.read("src/shop/mail.py").startswith(LEFT)
    assert distilgen("restore", "src/").code == 0
    assert distilgen.snapshot() == before


@pytest.mark.parametrize("first", ["instrument", "dispatch --model one"])
def test_after_another_command(distilgen: Cli, first: str) -> None:
    before = distilgen.snapshot()
    distilgen(*first.split(), "src/")
    assert "; 3 imports pruned; " in distilgen("dispatch", "--prune", "--model", "m", "src/").err
    assert distilgen.read("src/shop/mail.py").startswith(LEFT)
    assert distilgen("restore", "src/").code == 0
    assert distilgen.snapshot() == before


def test_a_second_run_changes_nothing(distilgen: Cli) -> None:
    distilgen("dispatch", "--prune", "--model", "m", "src/")
    once = distilgen.snapshot()
    for option in (["--prune"], []):
        ran = distilgen("dispatch", *option, "--model", "m", "--check", "src/")
        assert (ran.code, ran.err) == (0, "0 functions would be dispatched; 0 files\n")
        distilgen("dispatch", *option, "--model", "m", "src/")
        assert distilgen.snapshot() == once
    assert distilgen("check").code == 0


def test_another_model_changes_the_sidecar_alone(distilgen: Cli) -> None:
    distilgen("dispatch", "--prune", "--model", "one", "src/")
    before = distilgen.snapshot()
    distilgen("dispatch", "--prune", "--model", "two", "src/")
    after = distilgen.snapshot()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"distilgen.lock", "src/shop/_mail_distil.py"}


@pytest.mark.parametrize("option", ["--check", "--diff", "--dry-run"])
def test_looking_writes_nothing(distilgen: Cli, option: str) -> None:
    before = distilgen.snapshot()
    ran = distilgen("dispatch", "--prune", "--model", "m", option, "src/")
    assert "; 3 imports would be pruned; " in ran.err
    assert ("-import json\n" in ran.out) == (option == "--diff")
    assert distilgen.snapshot() == before


def test_other_files_of_the_project_have_their_say(distilgen: Cli) -> None:
    """Those that are excluded, too."""
    distilgen.write({
        "pyproject.toml": '[tool.distilgen]\ninclude = ["src"]\n',
        "tests/test_mail.py": "patch('shop.mail.json.loads')\n",
        "src/shop/post.py": "from shop.mail import re\n",
    })  # fmt: skip
    ran = distilgen("dispatch", "--prune", "--model", "m", "src/")
    assert "; 1 import pruned; " in ran.err
    text = distilgen.read("src/shop/mail.py")
    assert "import json\nimport re\nfrom textwrap import indent\n" in text


def test_a_pruned_module_can_be_imported(distilgen: Cli) -> None:
    distilgen("dispatch", "--prune", "--model", "m", "src/")
    code = "from shop import mail; print(mail.subject('x'), hasattr(mail, 'json'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=distilgen.folder,
        env={"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "> x False\n"


def test_linters_find_nothing_new(distilgen: Cli) -> None:
    distilgen("dispatch", "--prune", "--model", "m", "src/")
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F,I",
        "src/shop/mail.py",
    ]
    done = subprocess.run(
        command, cwd=distilgen.folder, capture_output=True, text=True, check=False
    )
    assert "F401" not in done.stdout
    assert "F821" not in done.stdout
