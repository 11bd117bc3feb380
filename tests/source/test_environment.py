"""Where an interpreter finds packages: editable installs, which no folder of it holds."""

from __future__ import annotations

import os
import sys
import venv
from typing import TYPE_CHECKING

from distilgen.source.environment import packages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

    Write = Callable[[Mapping[str, str | bytes]], Path]


def _finder(**mapping: Path) -> str:
    """What setuptools writes for an editable install, in so far as it matters here."""
    table = {name: str(place) for name, place in mapping.items()}
    return f"import sys\nMAPPING: dict[str, str] = {table!r}\nNAMESPACES: dict = {{}}\n"


def test_finds_editable_installs_of_another_interpreter(write_tree: Write) -> None:
    root = write_tree({"lib/src/acme/__init__.py": "", "one/__init__.py": "", "far/two.py": ""})
    venv.create(root / "venv", with_pip=False)
    site = next((root / "venv/lib").glob("python*/site-packages"))
    (site / "far.pth").write_text(f"{root / 'far'}\n")
    assert packages_of(str(root / "venv/bin/python"), root / "cache")[-2:] == (site, root / "far")

    name = "__editable___acme_1_0_finder.py"
    (site / name).write_text(_finder(acme=root / "lib/src/acme", renamed=root / "one"))
    os.utime(site, (1, 1))  # as an install would, whatever the clock's grain
    found = packages_of(str(root / "venv/bin/python"), root / "cache")
    assert found[-3:] == (site, root / "far", root / "lib/src")


def test_finds_those_of_its_own(write_tree: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree({"lib/acme/sub/__init__.py": "", "site/__editable___broken_finder.py": "("})
    finder = _finder(**{"acme.sub": root / "lib/acme/sub"})
    (root / "site/__editable___acme_2_0_finder.py").write_text(finder)
    monkeypatch.setattr(sys, "path", [*sys.path, str(root / "site")])
    assert packages_of(sys.executable, root / "cache")[-2:] == (root / "site", root / "lib")
