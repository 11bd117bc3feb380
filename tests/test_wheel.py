"""The wheel, as a user gets it: built from the sdist, installed elsewhere, used there."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

SOURCE = """\
from pydantic import BaseModel


class Answer(BaseModel):
    text: str


def ask(question: str) -> Answer:
    return Answer(text=question)
"""


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network: what builds it is installed with the tests."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=ROOT)
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_the_templates_and_the_type_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"distilgen/py.typed", "distilgen/cli/__init__.py"} <= names
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "templates").rglob("*.jinja")}
    assert {f"distilgen/{name}" for name in ours} <= names
    assert not {name for name in names if name.startswith(("tests", "examples", "templates"))}


def test_wheel_works_outside_the_tree(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / Path(sys.executable).name
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    _run(*pip, "--no-deps", "--no-index", wheel, cwd=tmp_path)
    site = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))",
                     cwd=tmp_path).strip())  # fmt: skip
    # Its dependencies are those of this environment: a path, whose own .pth files are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    where = _run(python, "-c", "import distilgen; print(distilgen.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(home)

    project = tmp_path / "project"
    project.mkdir()
    (project / "ask.py").write_bytes(SOURCE.encode())
    (project / "pyproject.toml").touch()
    command = scripts / "distilgen"
    assert "instrument" in _run(command, "--help", cwd=project)
    assert "instrumented: ask:ask" in _run(command, "instrument", ".", cwd=project)
    said = _run(python, "-c", "from ask import ask; print(ask('why?'))", cwd=project)
    assert said == "text='why?'\n"
    assert list((project / ".distilgen/records").glob("*.jsonl"))
    assert "dispatched: ask:ask" in _run(command, "dispatch", "--model", "m", ".", cwd=project)
    assert "restored: ask:ask" in _run(command, "restore", ".", cwd=project)
    assert (project / "ask.py").read_bytes() == SOURCE.encode()
