"""Generated files whose module is gone."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from distilgen.rewrite import originals
from distilgen.rewrite.finding import Finding, shown
from distilgen.rewrite.marks import sidecar_path
from distilgen.source.walk import SIDECAR, module_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path


def of_folders(project: Path, folders: Iterable[Path], used: Container[Path]) -> Iterator[Finding]:
    """The sidecars in some folders, and the removed bodies of their modules, that are left of
    modules which were deleted. used: sidecars that other modules need: theirs were renamed.
    """
    for folder in sorted(set(folders)):
        for sidecar in sorted(folder.glob("_*_distil.py")):
            if SIDECAR.fullmatch(sidecar.name) and sidecar not in used:
                yield from _of_module(project, module_of(sidecar))


def _of_module(project: Path, module: Path) -> Iterator[Finding]:
    if module.exists():
        return
    for path in (sidecar_path(module), originals.path_for(project, module)):
        if path.exists():
            message = f"belongs to {module.name}, which is gone; take it back, if it was renamed"
            mend = f"git rm {shlex.quote(shown(project, path))}"
            yield Finding("module-gone", path, 1, "", message, mend)
