"""Which module a file is, and which file a module is, as Python's import system would have it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_COMPILED = (".so", ".pyd")
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


def import_roots(project: Path, configured: Iterable[Path] = ()) -> tuple[Path, ...]:
    """The folders of a project that stand on `sys.path` when it runs: `src` and the project's own.

    configured: what the user named instead; then nothing is guessed.
    """
    chosen = tuple(configured)
    if chosen:
        return chosen
    source = project / "src"
    return (source, project) if source.is_dir() else (project,)


def name_in(package: Iterable[str], path: Path) -> str:
    """The dotted module name of a file of a package."""
    parts = [*package] if path.stem == "__init__" else [*package, path.stem]
    return ".".join(parts) or "__init__"


def package_of(folder: Path, roots: Iterable[Path]) -> tuple[tuple[str, ...], Path]:
    """(the names of the packages that a folder's files stand in, their import root).

    A folder with `__init__.py` belongs to its parent's package. Above the outermost one, folders
    below an import root are namespace packages, unless a nearer folder is a root by its look: it
    is called `src`, or a project file stands in it. An import root is itself no package, whatever
    stands in it: the name of a checkout's folder is no part of any module's name.
    """
    known = set(roots)
    parts: list[str] = []
    while folder not in known and folder.name.isidentifier() and (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    root = folder
    spaces: list[str] = []
    while not is_root(root, known):
        spaces.insert(0, root.name)
        if root.parent == root or not root.name.isidentifier():
            return tuple(parts), folder  # below no root: a script
        root = root.parent
    return (*spaces, *parts), root


def find(name: str, roots: Iterable[Path]) -> Path | None:
    """The file of module `name` under the first root that has it, or None.

    Namespace packages have no file. Built-in and compiled modules are not found, see `compiled_in`.
    """
    relative = _relative(name)
    for root in roots if relative else ():
        place = os.path.join(root, relative)  # noqa: PTH118 - strings, because many are asked for
        for path in (os.path.join(place, "__init__.py"), f"{place}.py"):  # noqa: PTH118
            if os.path.isfile(path):  # noqa: PTH113
                return Path(path)
    return None


def is_namespace(name: str, roots: Iterable[Path]) -> bool:
    """Is there a folder for `name`, without `__init__.py`, that may hold modules?"""
    relative = _relative(name)
    return bool(relative) and any(
        os.path.isdir(os.path.join(root, relative))  # noqa: PTH112, PTH118 - see `find`
        for root in roots
    )


def compiled_in(folder: str) -> frozenset[str]:
    """The names of the compiled modules in a folder; `__init__`, too, where there are but those and
    stubs for type checkers.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - see `find`
    except OSError:
        return frozenset()
    found = {name.partition(".")[0] for name in names if name.endswith(_COMPILED)}
    if found and all(name.endswith((*_COMPILED, ".pyi", ".typed")) for name in names):
        found.add("__init__")
    return frozenset(found)


def is_standard(name: str) -> bool:
    """Does the module belong to Python itself?"""
    return name.partition(".")[0] in sys.stdlib_module_names


def is_project(folder: Path) -> bool:
    """Does a project file stand in a folder?"""
    return any((folder / name).is_file() for name in _PROJECT_FILES)


def _relative(name: str) -> str:
    """The path of module `name` below its root, without suffix; empty for what is no name."""
    parts = name.split(".")
    return "" if "" in parts or "/" in name else name.replace(".", os.sep)


def is_root(folder: Path, known: Collection[Path] = ()) -> bool:
    """Do imports start in a folder? known: folders of which that is sure."""
    return folder in known or folder.name == "src" or is_project(folder)
