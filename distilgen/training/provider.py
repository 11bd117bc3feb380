"""What every provider of training can do: take a dataset, return a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from distilgen.dataset.build import MANIFEST
from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.contract import Contract


@dataclass(frozen=True)
class Dataset:
    """A built dataset. train, validation: its files. digest: SHA-256 of the training file."""

    folder: Path
    contract: str
    format: str
    train: Path
    validation: Path | None
    digest: str
    rows: int


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
    """The dataset of a contract, by its manifest. Raises TrainingError when there is none, it
    belongs to another contract, or it has no rows to train on.
    """
    build = "run `distilgen dataset build`"
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        fingerprint, files = manifest["contract"], manifest["files"]
    except FileNotFoundError:
        raise TrainingError(f"{contract.function}: no dataset in {folder}; {build}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder / MANIFEST}: cannot be read ({error}); {build}") from error
    if fingerprint != contract.fingerprint:
        message = f"{folder}: was built for another contract, {fingerprint[:12]}; {build}"
        raise TrainingError(message)
    if "train" not in files:
        raise TrainingError(f"{folder}: has no rows to train on; record more calls and {build}")
    validation = folder / "validation.jsonl" if "validation" in files else None
    return Dataset(
        folder,
        fingerprint,
        manifest["format"],
        folder / "train.jsonl",
        validation,
        files["train"]["sha256"],
        files["train"]["rows"],
    )
