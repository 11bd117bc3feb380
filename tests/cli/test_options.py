"""What the rewriting commands say, and on which files they work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

_BROKEN = "from shop.models import Email\ndef f() -> Email:\n  _distil(\n"

EACH = pytest.mark.parametrize(
    "command", ["instrument", "dispatch --model m", "restore"], ids=lambda text: text.split()[0]
)


@EACH
def test_all_is_the_project_from_any_folder_of_it(
    distilgen: Cli, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = distilgen.snapshot()
    distilgen("instrument", "src/")
    monkeypatch.chdir(distilgen.folder / "src")
    assert distilgen(*command.split(), "--all").code == 0
    assert ("_distil" in distilgen.read("src/shop/mail.py")) is (command != "restore")
    assert distilgen("restore", "--all").code == 0
    assert distilgen.snapshot() == before


@EACH
def test_paths_or_all(distilgen: Cli, command: str) -> None:
    before = distilgen.snapshot()
    ran = distilgen(*command.split())
    assert (ran.code, ran.out) == (2, "")
    assert "or the whole project by --all" in ran.err
    ran = distilgen(*command.split(), "--all", "src/")
    assert ran.code == 2
    assert "name no PATHS with it" in ran.err
    assert distilgen.snapshot() == before


@EACH
def test_quiet_says_nothing_but_what_went_wrong(distilgen: Cli, command: str) -> None:
    distilgen("instrument", "src/")
    ran = distilgen(*command.split(), "-q", "src/")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    (distilgen.folder / "src/shop/broken.py").write_text(_BROKEN)
    ran = distilgen(*command.split(), "-q", "src/")
    assert (ran.code, ran.out) == (123, "")
    assert ran.err.startswith("src/shop/broken.py:")


def test_quiet_shows_the_diff(distilgen: Cli) -> None:
    ran = distilgen("instrument", "-q", "--diff", "src/")
    assert ran.out.startswith("--- ")
    assert ran.err == ""


@pytest.mark.parametrize("command", ["instrument", "dispatch --model m"])
def test_verbose_names_what_is_left_alone(distilgen: Cli, command: str) -> None:
    path = distilgen.folder / "src/shop/mail.py"
    path.write_text(f"{path.read_text()}\n\ndef skipped() -> Email:  # distilgen: skip\n    ...\n")
    line = path.read_text().count("\n") - 1
    where = f"src/shop/mail.py:{line}: shop.mail:skipped: skipped: skipped by its comment\n"
    assert where not in distilgen(*command.split(), "--dry-run", "src/").err
    ran = distilgen(*command.split(), "-v", "src/")
    assert where in ran.err
    assert "; 1 skipped (skipped by its comment); " in ran.err


def test_quiet_and_verbose(distilgen: Cli) -> None:
    assert distilgen("instrument", "-q", "-v", "src/").code == 2


def test_a_body_without_its_function_is_kept_and_named(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "m", "src/")
    path = distilgen.folder / "src/shop/mail.py"
    path.write_text("import shop._mail_distil as _distil\n")
    ran = distilgen("restore", "src/")
    assert ran.code == 0
    assert ".distilgen/originals/src/shop/mail.py.json keeps the body of reply" in ran.err
    assert path.read_text() == ""
    assert (distilgen.folder / ".distilgen/originals/src/shop/mail.py.json").exists()


@pytest.mark.parametrize("command", ["instrument", "dispatch --model m"])
def test_what_is_left_out_by_now_is_checked_and_restored(distilgen: Cli, command: str) -> None:
    before = distilgen.read("src/shop/mail.py")
    distilgen(*command.split(), "src/")
    path = distilgen.folder / "pyproject.toml"
    path.write_text(f'{path.read_text()}\n[tool.distilgen]\nexclude = ["src/shop/mail.py"]\n')
    assert "1 function checked" in distilgen("check").err
    assert distilgen("restore", "--all").code == 0
    assert distilgen.read("src/shop/mail.py") == before


def test_restore_of_what_is_restored_is_no_mistake(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    for _ in range(2):
        assert distilgen("restore", "--only", "reply", "src").code == 0
    assert distilgen("restore", "--only", "shop.mail:reply", "src").code == 0
    ran = distilgen("restore", "--only", "replay", "src")
    assert ran.code == 2
    assert "did you mean reply" in ran.err


@pytest.mark.parametrize("command", ["instrument", "restore", "check", "scan"])
def test_a_link_to_itself_is_told(distilgen: Cli, command: str) -> None:
    path = distilgen.folder / "src/shop/loop.py"
    path.symlink_to(path.name)
    ran = distilgen(command, "src/shop/loop.py")
    assert ran.code == 123
    assert "src/shop/loop.py: " in ran.err
