"""Code that nobody wrote for a test: the standard library's and that of what is installed."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import corpus
from roundtrip import STEPS

if TYPE_CHECKING:
    import pytest


def test_two_hundred_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stdlib, installed = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    targets = []
    for folder, path in corpus.sample([stdlib, installed], 200):
        target = tmp_path / path.relative_to(folder)
        targets.append(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        for parent in path.relative_to(folder).parents:
            if (folder / parent / "__init__.py").exists():
                (tmp_path / parent / "__init__.py").touch()
    (tmp_path / "pyproject.toml").touch()
    tally = corpus.run(tmp_path, targets, every=True)
    corpus.report(tally)
    assert tally.problems == [], capsys.readouterr().out
    assert tally.files == len(targets)
    assert tally.modules > 100
    for step in STEPS:
        assert tally.trip.restored[step] == tally.trip.changed[step] > 100
        assert tally.trip.taken[step] >= 0.95 * tally.trip.functions, capsys.readouterr().out
