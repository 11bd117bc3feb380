"""Which files a walk finds, in which order."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.source.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from distilgen.errors import SourceError

    Write = Callable[[Mapping[str, str | bytes]], Path]


def _walk(
    targets: Iterable[Path], root: Path, without: tuple[str, ...] = ()
) -> tuple[list[str], list[SourceError]]:
    missing: list[SourceError] = []
    found = walk(
        targets,
        wanted=lambda path: os.path.basename(path) not in without,  # noqa: PTH119
        missing=missing.append,
    )
    return [Path(item.path).relative_to(root).as_posix() for item in found], missing


def test_walks_in_order_without_what_is_not_the_authors(write_tree: Write) -> None:
    kept = ["a.py", "pkg/__init__.py", "pkg/b.py", "z.py"]
    left = [
        "notes.txt",
        "stub.pyi",
        ".hidden/a.py",
        ".venv/lib/a.py",
        "venv/a.py",
        "build/a.py",
        "dist/a.py",
        "node_modules/a.py",
        "pkg/__pycache__/a.py",
        "lib/site-packages/a.py",
        "pkg/_b_distil.py",
    ]
    root = write_tree(dict.fromkeys([*reversed(kept), *left], ""))
    assert _walk([root], root) == (kept, [])


def test_a_package_may_be_called_as_what_tools_make(write_tree: Write) -> None:
    kept = ["src/build/__init__.py", "src/shop/__init__.py", "src/shop/dist/env/a.py"]
    left = [
        "build/__init__.py",
        "src/dist/a.py",
        "src/shop/venv/pyvenv.cfg",
        "src/shop/venv/__init__.py",
    ]
    root = write_tree(dict.fromkeys(["pyproject.toml", *kept, *left], ""))
    assert _walk([root], root) == (kept, [])


def test_takes_what_is_wanted_only(write_tree: Write) -> None:
    root = write_tree(dict.fromkeys(["a.py", "b.py", "old/c.py", "new/d.py"], ""))
    assert _walk([root], root, without=("b.py", "old"))[0] == ["a.py", "new/d.py"]
    assert _walk([root / "b.py"], root, without=("b.py",))[0] == []


def test_a_named_folder_is_entered_whatever_its_name(write_tree: Write) -> None:
    root = write_tree({"build/a.py": "", ".hidden/b.py": ""})
    assert _walk([root / "build", root / ".hidden"], root)[0] == ["build/a.py", ".hidden/b.py"]


def test_yields_each_file_once(write_tree: Write) -> None:
    root = write_tree({"pkg/a.py": "", "pkg/b.py": "", "other/c.py": ""})
    (root / "pkg" / "c.py").symlink_to("a.py")
    (root / "linked").symlink_to("pkg", target_is_directory=True)
    wanted = ["pkg/a.py", "pkg/b.py", "other/c.py"]
    assert _walk([root / "pkg", root / "pkg" / "b.py", root], root) == (wanted, [])


def test_tells_of_links_and_targets_that_lead_nowhere_and_goes_on(write_tree: Write) -> None:
    root = write_tree({"a.py": "", "c.py": ""})
    (root / "b.py").symlink_to("gone.py")
    found, missing = _walk([root / "typo", root], root)
    assert found == ["a.py", "c.py"]
    assert [(error.path, error.message) for error in missing] == [
        (root / "typo", "is not there (any more)"),
        (root / "b.py", "is a link to gone.py, which is not there"),
    ]


def test_a_link_in_a_circle_ends(write_tree: Write) -> None:
    root = write_tree({"pkg/a.py": ""})
    (root / "pkg" / "up").symlink_to(root, target_is_directory=True)
    (root / "loop.py").symlink_to("loop.py")
    found, missing = _walk([root], root)
    assert found == ["pkg/a.py"]
    assert [error.path for error in missing] == [root / "loop.py"]


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names are text there")
def test_a_name_that_is_no_text_is_told(write_tree: Write) -> None:
    root = write_tree({"a.py": ""})
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.py")).write_text("")
    found, told = _walk([root], root)
    assert found == ["a.py"]
    assert [str(error) for error in told] == [
        f"{root}/\\xff.py: has a name that is no text; rename it"
    ]
