"""The same contracts, byte for byte, on every Python; the same fingerprints by every Pydantic.

The expected texts are under `golden/`. Written there by one Python and one Pydantic, they are
compared by whichever runs the tests. `python tests/test_determinism.py` writes them anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pydantic
import pytest

from distilgen.project import Project
from distilgen.rewrite import contracts_file

GOLDEN = Path(__file__).parent / "golden"
OLD = ("2.7.", "2.8.")
"""Pydantic up to there has no schema for `complex`, the type of one argument."""


def frozen(folder: Path) -> bytes:
    """The sidecar of the module with functions of every kind."""
    (folder / "pyproject.toml").touch()
    (folder / "kinds.py").write_bytes((GOLDEN / "kinds.txt").read_bytes())

    def told(error: Exception) -> None:
        raise error

    with Project.at(folder, told, sys.executable) as project:
        (surveys,) = project.survey([folder / "kinds.py"])
        functions = [item for item in surveys.functions if item.is_candidate]
        contracts = {item.function.name: project.freeze(item) for item in functions}
    return contracts_file.render(folder / "kinds.py", contracts)


def fingerprints(sidecar: str) -> dict[str, str]:
    """The fingerprint of each function, in the order of the sidecar."""
    lines = [line.strip() for line in sidecar.split("\n") if line.startswith("    f")]
    return dict(zip(lines[::2], lines[1::2], strict=True))


def test_fingerprints(tmp_path: Path) -> None:
    golden = (GOLDEN / "contracts.txt").read_text("utf-8")
    assert fingerprints(frozen(tmp_path).decode()) == fingerprints(golden)


@pytest.mark.skipif(pydantic.VERSION.startswith(OLD), reason="schemas of an older Pydantic")
def test_bytes(tmp_path: Path) -> None:
    assert frozen(tmp_path).decode() == (GOLDEN / "contracts.txt").read_text("utf-8")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_hash_seed(seed: str) -> None:
    command = [sys.executable, __file__, "--print"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    golden = (GOLDEN / "contracts.txt").read_text("utf-8")
    assert fingerprints(done.stdout.decode()) == fingerprints(golden)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        made = frozen(Path(name))
    if "--print" in sys.argv:
        sys.stdout.buffer.write(made)
    else:
        (GOLDEN / "contracts.txt").write_bytes(made)
