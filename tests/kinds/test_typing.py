"""mypy and pyright accept what distilgen writes, wherever they accepted the original: the modules,
their sidecars, and what callers are promised (`post/use.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

STATES = ("original", "instrumented", "dispatched", "recorded stubs", "shared")


def test_mypy(states: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases"]
    for state in STATES:
        done = subprocess.run(
            [*command, "--cache-dir", str(tmp_path), "src"],
            cwd=states / state,
            env={**os.environ, "MYPYPATH": "src"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{state}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_pyright(states: Path, tmp_path: Path, mode: str) -> None:
    settings = {
        "include": [str(states / state / "src") for state in STATES],
        "executionEnvironments": [{"root": str(states / state / "src")} for state in STATES],
        "typeCheckingMode": mode,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(tmp_path)]
    done = subprocess.run(
        [*command, "--pythonpath", sys.executable], capture_output=True, text=True, check=False
    )
    said = json.loads(done.stdout)
    assert said["generalDiagnostics"] == [], done.stdout
    assert said["summary"]["filesAnalyzed"] == sum(
        1 for state in STATES for _ in (states / state / "src").rglob("*.py")
    )
