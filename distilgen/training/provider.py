"""What every provider of training can do: take a dataset, return a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from distilgen.dataset import manifest
from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.contract import Contract


@dataclass(frozen=True)
class Dataset:
    """A built dataset. train, validation: its files. digest: SHA-256 of the training file.
    answers: the form of the answers in its rows.
    """

    folder: Path
    contract: str
    format: str
    train: Path
    validation: Path | None
    digest: str
    rows: int
    answers: str


@dataclass(frozen=True)
class Job:
    """A fine-tuning job. state: the host's own word, an open set. model: once it succeeded."""

    id: str
    state: str
    model: str | None = None
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Will its state not change any more?"""
        return self.state in ("succeeded", "failed", "cancelled")


class Provider(Protocol):
    """Makes a student of a dataset."""

    name: str

    def create(self, dataset: Dataset) -> Job:
        """Start training, or find the job of the same content. Raises TrainingError."""

    def follow(self, job: Job, told: Callable[[str], None]) -> Job:
        """Wait until the job has ended, telling what happens. Raises TrainingError."""


def load(folder: Path, contract: Contract) -> Dataset:
    """The dataset of a contract, by its manifest. Raises DatasetError where there is none, and
    TrainingError where it belongs to another contract, or has no rows to train on.
    """
    said = manifest.read(folder)
    build = "run `distilgen dataset build`"
    if said.contract != contract.fingerprint:
        message = f"{folder}: was built for another contract, {said.contract[:12]}; {build}"
        raise TrainingError(message)
    train, validation = said.files.get("train"), said.files.get("validation")
    if train is None:
        raise TrainingError(f"{folder}: has no rows to train on; record more calls and {build}")
    for part in filter(None, (train, validation)):
        path = folder / part.file
        if not path.is_file() or path.stat().st_size != part.bytes:
            raise TrainingError(f"{path}: is not as it was built; {build}")
    return Dataset(
        folder,
        said.contract,
        said.format,
        folder / train.file,
        folder / validation.file if validation else None,
        train.sha256,
        train.rows,
        said.answers,
    )
