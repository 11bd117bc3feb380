"""What is left of modules and functions that are gone: generated files, entries of the lock."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file, marks, originals
from distilgen.rewrite.finding import Finding, shown
from distilgen.rewrite.marks import sidecar_path
from distilgen.source import files
from distilgen.source.modules import find
from distilgen.source.walk import SIDECAR, module_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from pathlib import Path


def of_folders(project: Path, folders: Iterable[Path], used: Container[Path]) -> Iterator[Finding]:
    """The sidecars in some folders, and the removed bodies of their modules, that are left of
    modules which were deleted. used: modules whose sidecars others need, as they were renamed.
    """
    for module in _with_sidecars(folders):
        if module not in used:
            yield from _of_module(project, module)


def functions_gone(
    names: Iterable[str], roots: Sequence[Path], paths: Iterable[Path]
) -> tuple[str, ...]:
    """Which functions, of these `module:qualname`, neither a module has any more nor a sidecar.

    roots: the project's import roots. paths: its files. None, where a file that may know one of
    them cannot be read.
    """
    lost = {name for name in names if not _is_there(name, roots)}
    try:
        for module in _with_sidecars({path.parent for path in paths}) if lost else ():
            lost -= {contract.function for contract in contracts_file.read(module).values()}
    except SourceError:
        return ()
    return tuple(sorted(lost))


def _is_there(name: str, roots: Sequence[Path]) -> bool:
    module, _, qualname = name.partition(":")
    path = find(module, roots)
    if path is None:
        return False
    try:
        return qualname in dict(marks.functions(files.read(path).tree))
    except SourceError:
        return True  # it may be


def _with_sidecars(folders: Iterable[Path]) -> Iterator[Path]:
    """The modules, there or gone, whose sidecars are in some folders."""
    for folder in sorted(set(folders)):
        for sidecar in sorted(folder.glob("_*_distil.py")):
            if SIDECAR.fullmatch(sidecar.name):
                yield module_of(sidecar)


def _of_module(project: Path, module: Path) -> Iterator[Finding]:
    if module.exists():
        return
    for path in (sidecar_path(module), originals.path_for(project, module)):
        if path.exists():
            message = f"belongs to {module.name}, which is gone; take it back, if it was renamed"
            mend = f"git rm {shlex.quote(shown(project, path))}"
            yield Finding("module-gone", path, 1, "", message, mend)
