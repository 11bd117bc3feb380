"""The project's own interpreter."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from distilgen.collection.interpreter import is_this
from distilgen.errors import CollectError, ConfigError


def test_this_one_is_known_by_any_of_its_paths() -> None:
    assert is_this(sys.executable)
    assert is_this(os.path.relpath(sys.executable))
    folder = Path(sys.executable).parent
    assert is_this(str(folder / ".." / folder.name / Path(sys.executable).name))


def test_another_must_have_distilgen(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=sys.platform != "win32")
    windows = sys.platform == "win32"
    python = tmp_path / "venv" / ("Scripts/python.exe" if windows else "bin/python")
    with pytest.raises(CollectError, match=r"has no distilgen: .* -m pip install distilgen"):
        is_this(str(python))


def test_what_is_no_interpreter_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot run the interpreter"):
        is_this(str(tmp_path / "python"))
