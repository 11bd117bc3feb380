"""The hooks as a user has them: pre-commit installs this repository in an environment of its own,
in which a project's packages are not, and runs at each commit. Offline.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ("distilgen", "templates", "pyproject.toml", "README.md", "LICENSE",
          ".pre-commit-hooks.yaml")  # fmt: skip

CONFIG = """\
repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: {hook}
        verbose: true
"""
TABLE = """\
from acme import Column
from pydantic import BaseModel


class Row(BaseModel):
    id: int = Column()
"""
STORE = '''\
from shop.table import Row


def find(id: int) -> Row:
    """Find a row."""
    return Row(id=id)
'''


@dataclass(frozen=True)
class Hooks:
    """Our repository at a revision, and the environment that installs it without a network."""

    repository: Path
    revision: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Repository:
    """A user's repository. packages: where the project's own packages are."""

    folder: Path
    environment: Mapping[str, str]
    packages: Path

    def run(self, *command: str, code: int | None = 0, **more: str) -> str:
        """What a command said, both streams together."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout
        return done.stdout

    def distilgen(self, *arguments: str) -> str:
        """Our command, run where the project's packages are."""
        return self.run(
            sys.executable, "-m", "distilgen", *arguments, PYTHONPATH=str(self.packages)
        )

    def write(self, tree: Mapping[str, str]) -> None:
        """Write files."""
        for name, text in tree.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="\n")

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file as its author would."""
        text = (self.folder / name).read_text("utf-8")
        assert text.count(old) == 1
        self.write({name: text.replace(old, new)})

    def commit(self, *, code: int = 0) -> str:
        """Commit everything; the hook runs."""
        self.run("git", "add", "--all")
        return self.run("git", "commit", "--message", "it", code=code)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    """What pre-commit builds is kept for the tests of this file."""
    base = tmp_path_factory.mktemp("hooks")
    installed, dependencies = Path(sysconfig.get_path("purelib")), base / "dependencies"
    dependencies.mkdir()
    for item in installed.iterdir():  # all but this project itself, which is to be installed
        if "distilgen" not in item.name and item.suffix != ".pth":
            (dependencies / item.name).symlink_to(item)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "PRE_COMMIT_HOME": str(base / "home"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # that is how pip spells it: the option's value is false
        "PYTHONPATH": str(dependencies),
        "VIRTUALENV_NO_DOWNLOAD": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "a@b.c" for who in ("AUTHOR", "COMMITTER")},
    }
    environment.pop("VIRTUAL_ENV", None)
    repository = Repository(base / "distilgen", environment, dependencies)
    for name in SOURCE:
        target = repository.folder / name
        target.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    repository.run("git", "init", "--quiet", "--initial-branch=main")
    repository.commit()
    revision = repository.run("git", "rev-parse", "HEAD").strip()
    return Hooks(repository.folder, revision, environment)


@pytest.fixture
def started(hooks: Hooks, tmp_path: Path) -> Callable[[str, Mapping[str, str]], Repository]:
    """Makes a repository with files and a hook, in which everything is committed."""

    def start(hook: str, tree: Mapping[str, str]) -> Repository:
        packages = tmp_path / "packages"
        packages.mkdir()
        (packages / "acme.py").write_text("def Column():\n    return 0\n", "utf-8")
        made = Repository(tmp_path / "project", hooks.environment, packages)
        config = CONFIG.format(repository=hooks.repository, revision=hooks.revision, hook=hook)
        made.write({"pyproject.toml": "", ".pre-commit-config.yaml": config, **tree})
        made.run("git", "init", "--quiet", "--initial-branch=main")
        made.commit()
        made.run(sys.executable, "-m", "pre_commit", "install")
        return made

    return start


@pytest.fixture
def shop(started: Callable[[str, Mapping[str, str]], Repository]) -> Repository:
    """A project that is instrumented, with a package that the hook does not have."""
    made = started(
        "distilgen-check",
        {"src/shop/__init__.py": "", "src/shop/table.py": TABLE, "src/shop/store.py": STORE},
    )
    made.distilgen("instrument", "src")
    said = made.commit()
    assert "1 compared by source: no module acme here; 0 findings" in said
    return made


def test_check_stops_a_drifted_function(shop: Repository) -> None:
    shop.edit("src/shop/store.py", "Find a row.", "Find it.")
    said = shop.commit(code=1)
    (found,) = [line for line in said.splitlines() if line.startswith("src/shop/store.py")]
    message, _, mend = found.partition("; mend: distilgen ")
    assert message.endswith(
        ": find: its contract changed: the system prompt (signature, docstring or template)"
    )
    shop.distilgen(*mend.split())
    shop.commit()
    assert shop.run("git", "status", "--porcelain") == ""


def test_check_stops_a_drifted_model_in_another_file(shop: Repository) -> None:
    shop.edit("src/shop/table.py", "id: int", "id: str")
    said = shop.commit(code=1)
    assert "find: shop.table:Row changed since the contract was frozen" in said
    shop.distilgen("instrument", "src/shop/store.py")
    shop.commit()


def test_check_stops_a_module_that_was_deleted_along_with_a_change(shop: Repository) -> None:
    (shop.folder / "src/shop/store.py").unlink()
    shop.write({"src/shop/other.py": "x = 1\n"})
    said = shop.commit(code=1)
    assert "src/shop/_store_distil.py:1: belongs to store.py, which is gone" in said
    shop.run("git", "rm", "--quiet", "src/shop/_store_distil.py")
    shop.commit()


def test_instrument_records_a_new_function(
    started: Callable[[str, Mapping[str, str]], Repository],
) -> None:
    made = started("distilgen-instrument", {"shop.py": "", "shop.pyi": "", "other.py": ""})
    text = TABLE.replace("from acme import Column\n", "").replace(" = Column()", "")
    made.write({"shop.py": text + STORE.partition("\n")[2], "shop.pyi": "x: int\n"})
    said = made.commit(code=1)
    assert "instrumented: shop:find" in said
    assert (made.folder / "_shop_distil.py").exists()
    made.commit()
    assert made.run("git", "status", "--porcelain") == ""
