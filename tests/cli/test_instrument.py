"""instrument, restore and dispatch as a user types them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

INSTRUMENTED = """\
import shop._mail_distil as _distil
from shop.models import Email


@_distil.reply.record
def reply(text: str) -> Email:
"""


def test_instrument_then_restore_gives_the_bytes_back(distilgen: Cli) -> None:
    before = distilgen.snapshot()
    ran = distilgen("instrument", "src/")
    assert (ran.code, ran.out) == (0, "instrumented: shop.mail:reply\n")
    assert INSTRUMENTED in distilgen.read("src/shop/mail.py")
    assert distilgen("restore", "src/").code == 0
    assert distilgen.snapshot() == before


def test_second_run_changes_nothing(distilgen: Cli) -> None:
    distilgen("instrument", "src/")
    once = distilgen.snapshot()
    ran = distilgen("instrument", "src/")
    assert (ran.code, ran.out) == (0, "")
    assert distilgen.snapshot() == once


@pytest.mark.parametrize("command", ["instrument", "dispatch --model m"])
@pytest.mark.parametrize(("option", "code"), [("--check", 1), ("--diff", 0), ("--dry-run", 0)])
def test_looking_writes_nothing(distilgen: Cli, command: str, option: str, code: int) -> None:
    before = distilgen.snapshot()
    assert distilgen(*command.split(), option, "src/").code == code
    assert distilgen.snapshot() == before


def test_diff_is_what_patch_makes_of_it(distilgen: Cli) -> None:
    ran = distilgen("instrument", "--diff", "src/")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "apply", "-"], input=ran.out.encode(), check=True)
    patched = distilgen.snapshot()
    assert distilgen("instrument", "--check", "src/").code == 0
    assert INSTRUMENTED.encode() in patched["src/shop/mail.py"]


def test_diff_of_odd_lines_and_encodings_applies(distilgen: Cli) -> None:
    source = (
        "# -*- coding: latin-1 -*-\n\x0c# caf\xe9 \x0b\r\nfrom shop.models import Email\r\n\n\n"
    )
    source += "def ask() -> Email:\n    return Email(to='\xe9', urgent=False)"
    (distilgen.folder / "src/shop/odd.py").write_bytes(source.encode("latin-1"))
    command = [sys.executable, "-m", "distilgen", "instrument", "--diff", "src/shop/odd.py"]
    diff = subprocess.run(command, capture_output=True, check=True).stdout
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "apply", "-"], input=diff, check=True)
    assert distilgen("instrument", "--check", "src/shop/odd.py").code == 0


def test_dispatch_leaves_a_thin_stub(distilgen: Cli) -> None:
    before = distilgen.snapshot()
    distilgen("instrument", "src/")
    ran = distilgen("dispatch", "--model", "ft:m", "--base-url", "http://127.0.0.1:1/v1", "src/")
    assert (ran.code, ran.out) == (0, "dispatched: shop.mail:reply\n")
    stub = '    """Answer a letter."""\n    return _distil.reply.dispatch(Email, text=text)\n'
    assert f"\n\ndef reply(text: str) -> Email:\n{stub}\n\n" in distilgen.read("src/shop/mail.py")
    assert 'model="ft:m"' in distilgen.read("src/shop/_mail_distil.py")
    assert "# the teacher" in distilgen.read(".distilgen/originals/src/shop/mail.py.json")
    assert distilgen("restore", "src/").code == 0
    assert distilgen.snapshot() == before


def test_new_model_changes_the_sidecar_and_the_lock(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "one", "src/")
    before = distilgen.snapshot()
    distilgen("dispatch", "--model", "two", "src/")
    after = distilgen.snapshot()
    assert {name for name in after if after[name] != before[name]} == {
        "distilgen.lock",
        "src/shop/_mail_distil.py",
    }


def test_dispatch_takes_the_configured_model(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": '[tool.distilgen.dispatch]\nmodel = "house"\n'})
    assert distilgen("dispatch", "src/").code == 0
    assert 'model="house"' in distilgen.read("src/shop/_mail_distil.py")


def test_dispatch_without_a_model_says_so(distilgen: Cli) -> None:
    ran = distilgen("dispatch", "src/")
    assert ran.code == 2
    assert "--model" in ran.err


def test_only_takes_names_and_globs(distilgen: Cli) -> None:
    more = "\n\nasync def forward(text: str) -> Email:\n    return reply(text)\n"
    distilgen.write({"src/shop/mail.py": distilgen.read("src/shop/mail.py") + more})
    assert distilgen("instrument", "--only", "shop.mail:fo*", "src/").out == (
        "instrumented: shop.mail:forward\n"
    )
    assert distilgen("instrument", "src/").out == "instrumented: shop.mail:reply\n"
    assert distilgen("restore", "--only", "reply", "src/").out == "restored: shop.mail:reply\n"
    assert distilgen.read("src/shop/mail.py").count("@_distil") == 1


def test_only_of_restore_goes_by_the_module_too(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/post.py": text})
    distilgen("instrument", "src/")
    before = distilgen.snapshot()
    ran = distilgen("restore", "--only", "shop.pots:reply", "src/")
    assert ran.code == 2
    assert "no such function; did you mean shop.post:reply" in ran.err
    assert distilgen.snapshot() == before
    ran = distilgen("restore", "--only", "shop.post:*", "src/")
    assert (ran.code, ran.out) == (0, "restored: shop.post:reply\n")
    assert distilgen.read("src/shop/post.py") == text
    assert distilgen.read("src/shop/mail.py") == before["src/shop/mail.py"].decode()
    assert distilgen("restore", "src/").out == "restored: shop.mail:reply\n"


def test_a_restored_function_is_named_as_it_is_called_now(distilgen: Cli) -> None:
    distilgen("instrument", "src/")
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/post.py": text.replace("def reply", "def answer")})
    (distilgen.folder / "src/shop/mail.py").unlink()
    ran = distilgen("restore", "--only", "shop.post:answer", "src/")
    assert (ran.code, ran.out) == (0, "restored: shop.post:answer\n")


def test_a_program_runs_as_before_and_leaves_records(distilgen: Cli) -> None:
    distilgen("instrument", "src/")
    code = "from shop.mail import reply; print(reply('Ann, come!'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=distilgen.folder,
        env={"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "to='Ann,' urgent=True\n"
    record = distilgen.read(".distilgen/records/records-000001.jsonl")
    assert '"arguments":{"text":"Ann, come!"},"result":{"to":"Ann,","urgent":true}' in record


def test_llm_function_without_a_body(distilgen: Cli) -> None:
    source = "from shop.models import Email\n\n\ndef ask(text: str) -> Email: ...\n"
    distilgen.write({"src/shop/mail.py": source})
    distilgen("dispatch", "--model", "m", "src/")
    assert distilgen.read("src/shop/mail.py").endswith(
        "def ask(text: str) -> Email:\n    return _distil.ask.dispatch(Email, text=text)\n"
    )
    distilgen("restore", "src/")
    assert distilgen.read("src/shop/mail.py") == source


def test_excluded_and_not_included_files_are_left(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": '[tool.distilgen]\nexclude = ["src/shop/ma*.py"]\n'})
    assert distilgen("instrument", "src/shop/mail.py").out == ""
    distilgen.write({"pyproject.toml": '[tool.distilgen]\ninclude = ["lib"]\n'})
    assert distilgen("instrument", "src").out == ""


def test_stubs_for_type_checkers_are_left(distilgen: Cli) -> None:
    distilgen.write({"src/shop/mail.pyi": distilgen.read("src/shop/mail.py")})
    before = distilgen.read("src/shop/mail.pyi")
    ran = distilgen("instrument", "src/shop/mail.pyi", "src/shop/mail.py")
    assert ran.out == "instrumented: shop.mail:reply\n"
    assert distilgen.read("src/shop/mail.pyi") == before


@pytest.mark.parametrize("command", ["instrument", "dispatch --model m"])
def test_a_restore_that_was_stopped_is_finished_by_the_next(distilgen: Cli, command: str) -> None:
    """The module is written first: what it leaves is a sidecar that nobody imports."""
    before = distilgen.snapshot()
    distilgen(*command.split(), "src")
    distilgen.write({"src/shop/mail.py": before["src/shop/mail.py"].decode()})
    assert distilgen("check").code == 1
    assert distilgen("restore", "src").code == 0
    assert distilgen.snapshot() == before
    assert distilgen("check").code == 0
