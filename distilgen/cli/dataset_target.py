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

    Raises UsageError for a name that is neither, DatasetError where a dataset cannot be read.
    """
    place = current.project.root / current.project.config.datasets
    frozen = {contract.function: contract for contract in current.project.frozen()}
    folders: list[Path] = []
    for name in names:
        named = [c for f, c in frozen.items() if name in (f, f.rpartition(":")[2])]
        if named:
            folders += [place / manifest.folder_name(contract) for contract in named]
        elif Path(name).is_dir():
            folders.append(Path(name))
        else:
            raise UsageError(f"{name}: is neither a function with a contract nor a folder")
    if not names:
        folders = sorted(path.parent for path in place.glob(f"*/{manifest.NAME}"))
        if not folders:
            raise UsageError(f"{place}: has no dataset; run `distilgen dataset build`")
    return [_target(folder, frozen) for folder in dict.fromkeys(folders)]


def _target(folder: Path, frozen: dict[str, Contract]) -> Target:
    said = manifest.read(folder)
    contract = frozen.get(said.function)
    if contract is None or contract.fingerprint != said.contract:
        return Target(folder, said, None)
    return Target(folder, said, replace(contract, answers=said.answers))
