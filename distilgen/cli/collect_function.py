"""Which function `distilgen collect` means, and what contract another one has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from distilgen.cli import report
from distilgen.cli.options import Mode
from distilgen.errors import SourceError, UsageError
from distilgen.project import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.project import Project
    from distilgen.source.functions import Surveyed


def function(project: Project, name: str, *, quiet: bool) -> Surveyed:
    """The function that is meant: of `module:qualname`, its module alone is read. quiet: no
    progress. Raises UsageError.
    """
    found = project.function(name)[1] if ":" in name else _named(project, name, quiet=quiet)
    if found.reason:
        raise UsageError(f"{found.name}: cannot be recorded: {found.reason}")
    return found


def contract(project: Project, found: Surveyed) -> Contract:
    """The contract that a function's records have now: the frozen one, or that of the code."""
    from distilgen.rewrite import contracts_file  # noqa: PLC0415 - where a chain asks for it

    try:
        frozen = contracts_file.read(found.facts.path)
    except SourceError as error:
        project.told(error)
        frozen = {}
    known = {item.function: item for item in frozen.values()}
    return known.get(found.name) or project.freeze(found)


def _named(project: Project, name: str, *, quiet: bool) -> Surveyed:
    mode = Mode(diff=False, check=False, dry_run=False, quiet=quiet, verbose=False)
    # A survey tells of nothing until it has seen all files: those that may be meant are few.
    files = [path for path in report.progress(project.files([project.root]), mode)
             if _may_define(path, name)]  # fmt: skip
    found, known = _in(project, files, name) if files else ([], [])
    if not found:
        found, known = _in(project, [project.root], name)
    if not found:
        raise UsageError(f"{name}: {unknown(name, known)}")
    if len(found) > 1:
        several = ", ".join(item.name for item in found)
        raise UsageError(f"{name}: there are several: {several}")
    return found[0]


def _in(project: Project, paths: Iterable[Path], name: str) -> tuple[list[Surveyed], list[str]]:
    """(the functions of that name at or below some paths, the names of all)."""
    all_of_them = [item for surveys in project.survey(paths) for item in surveys.functions]
    found = [item for item in all_of_them if item.function.qualname == name]
    return found, [item.function.qualname for item in all_of_them]


def _may_define(path: Path, name: str) -> bool:
    """Does a file look as if it defined a function of that name?"""
    try:
        text = path.read_bytes()
    except OSError:  # as the survey will say
        return True
    last = name.rpartition(".")[2].encode()
    return re.search(rb"\bdef\s+" + re.escape(last) + rb"\b", text) is not None
