"""Students as command lines name them: by their names, or `latest`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from distilgen.embedded.names import PREFIX, file_name
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.lock import Lock
    from distilgen.project import Project

LATEST = "latest"
"""Stands for the model of a function that was trained last."""


def named(name: str, contract: Contract, known: Lock) -> str:
    """The name that is meant for a contract. Raises UsageError: nothing was trained for it."""
    if name != LATEST:
        return name
    found = known.latest(contract.function, contract.fingerprint)
    if found is None:
        raise UsageError(lack(contract, known))
    return found


def lack(contract: Contract, known: Lock) -> str:
    """Why `latest` names no model for a contract; empty where it does."""
    if known.latest(contract.function, contract.fingerprint) is not None:
        return ""
    other = known.latest(contract.function)
    message = f"--model latest: no model of {contract.function} that answers is in distilgen.lock"
    if other:
        message = (
            f"--model latest: {other} was trained for another contract of {contract.function} than "
            f"{contract.fingerprint[:12]}"
        )
    return f"{message}; run `distilgen train {contract.function}`"


def is_embedded(name: str | None) -> bool:
    """Does it name a student that runs inside the process?"""
    return name is not None and name.startswith(PREFIX)


def place_of(project: Project, name: str) -> Path:
    """Where the file of an embedded student belongs."""
    return project.root / project.config.students / file_name(name)


def file_of(project: Project, name: str) -> Path:
    """The file of an embedded student. Raises UsageError: it is not there."""
    path = place_of(project, name)
    if not path.is_file():
        raise UsageError(
            f"{name}: there is no file {project.relative(path)}; train it anew, or take it back "
            "from version control"
        )
    return path


def beside(sidecar_folder: Path, path: Path) -> str:
    """A student's file as a sidecar names it. Raises UsageError."""
    try:
        return os.path.relpath(path, sidecar_folder).replace(os.sep, "/")
    except ValueError as error:  # two drives of Windows
        raise UsageError(f"{path}: cannot be named from {sidecar_folder}: {error}") from error
