"""The datasets that a command works on: those of functions, or of folders that the user names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.dataset import manifest
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.cli.options import Session
    from distilgen.contract import Contract

_BUILD = "run `distilgen dataset build`"


@dataclass(frozen=True)
class Target:
    """A built dataset. contract: of its function as it is frozen now, with answers as the rows have
    them; None where that is no more, or has another fingerprint than the one that the rows were
    rendered with.
    """

    folder: Path
    manifest: manifest.Manifest
    contract: Contract | None

    def path(self, split: str) -> Path | None:
        """The file of a split; None where it has no rows."""
        part = self.manifest.files.get(split)
        return self.folder / part.file if part else None


def targets(current: Session, names: Sequence[str]) -> list[Target]:
    """The datasets of the named functions or folders; of none named, all that the project has.

    A folder that is none itself may hold some: then all of these. Raises UsageError for a name that
    is neither, and where there is no dataset, DatasetError where one cannot be read.
    """
    place = current.project.root / current.project.config.datasets
    frozen = {contract.function: contract for contract in current.project.frozen()}
    folders: list[Path] = []
    for name in names:
        named = [c for f, c in frozen.items() if name in (f, f.rpartition(":")[2])]
        if named:
            folders += [_built(place / manifest.folder_name(c), c.function) for c in named]
        elif Path(name).is_dir():
            folders += _within(Path(name))
        else:
            raise UsageError(f"{name}: is neither a function with a contract nor a folder")
    if not names:
        folders = _datasets(place)
        if not folders:
            raise UsageError(f"{place}: has no dataset; {_BUILD}")
    return [_target(folder, frozen) for folder in dict.fromkeys(folders)]


def loose_files(folder: Path) -> list[Path]:
    """The files of rows in a folder that neither is a dataset nor holds some."""
    if (folder / manifest.NAME).is_file() or _datasets(folder):
        return []
    return sorted(path for path in folder.glob("*.jsonl") if path.is_file())


def _built(folder: Path, function: str) -> Path:
    if not (folder / manifest.NAME).is_file():
        raise UsageError(f"{function}: has no dataset in {folder}; {_BUILD}")
    return folder


def _within(folder: Path) -> list[Path]:
    """The folder itself, or the datasets that it holds."""
    if (folder / manifest.NAME).is_file():
        return [folder]
    found = _datasets(folder)
    if found:
        return found
    files = loose_files(folder)
    if files:
        names = ", ".join(path.name for path in files[:3])
        more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
        raise UsageError(
            f"{folder}: is no dataset: it has {names}{more}, and no {manifest.NAME}; `distilgen "
            f"dataset validate` looks at such files, for the rest {_BUILD}"
        )
    raise UsageError(f"{folder}: there is no dataset; {_BUILD}")


def _datasets(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{manifest.NAME}"))


def _target(folder: Path, frozen: dict[str, Contract]) -> Target:
    said = manifest.read(folder)
    contract = frozen.get(said.function)
    if contract is None or contract.fingerprint != said.contract:
        return Target(folder, said, None)
    return Target(folder, said, replace(contract, answers=said.answers))
