"""What every provider of training can do: take a dataset, return a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from distilgen.dataset import manifest
from distilgen.dataset.manifest import SPLITS
from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.contract import Contract


@dataclass(frozen=True)
class Dataset:
    """A built dataset. contract: whose it is, with answers in the form that its rows have. train,
    validation, test: its files. digest: SHA-256 of the training file. rows: of that file.
    group_by: the field whose values are not divided between them, such as `arguments.customer`;
    empty where only equal calls are not.
    """

    folder: Path
    contract: Contract
    format: str
    train: Path
    validation: Path | None
    test: Path | None
    digest: str
    rows: int
    group_by: str = ""


@dataclass(frozen=True)
class Job:
    """A piece of training. id: the host's, or the name of its folder among the runs. state: the
    provider's own word, an open set. model: once it succeeded. reason: why it did not.
    """

    id: str
    state: str
    model: str | None = None
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Will its state not change any more?"""
        return self.state in ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Trained:
    """What training made. name: as `distilgen.lock` and `--model` know it. place: its file or
    folder, where it is on this machine. report: lines for whoever trained it: how good it is, how
    it is served, what to do about its weak sides. following: the arguments of `distilgen` that may
    come next, a line each. answers: how it was taught to answer, where the dataset's rows need not
    tell. agreement, coverage: on the test rows, shares, where they were measured.
    """

    name: str
    place: Path | None = None
    report: tuple[str, ...] = ()
    following: tuple[str, ...] = ()
    answers: str | None = None
    agreement: float | None = None
    coverage: float | None = None


class Provider(Protocol):
    """Makes students of datasets. All methods raise TrainingError."""

    @property
    def name(self) -> str:
        """As `distilgen.lock` has it."""

    def create(self, dataset: Dataset) -> Job:
        """Start training, or come back to the job of the same content and settings."""

    def resume(self, dataset: Dataset, job: str) -> Job:
        """The job of an id, which trains on this dataset; where it was interrupted and can go on,
        it does.
        """

    def follow(self, job: Job, told: Callable[[str], None]) -> Job:
        """Wait until the job has ended, telling what happens, a line at a time."""

    def cancel(self, job: Job) -> Job:
        """End the job; what it was when it had ended before."""

    def result(self, job: Job) -> Trained:
        """What a job that succeeded made."""


def load(folder: Path, contract: Contract) -> Dataset:
    """The dataset of a contract, by its manifest. Raises DatasetError where there is none, and
    TrainingError where it belongs to another contract, or has no rows to train on.
    """
    said = manifest.read(folder)
    build = "run `distilgen dataset build`"
    if said.contract != contract.fingerprint:
        message = f"{folder}: was built for another contract, {said.contract[:12]}; {build}"
        raise TrainingError(message)
    train, validation, test = (said.files.get(name) for name in SPLITS)
    if train is None:
        raise TrainingError(f"{folder}: has no rows to train on; record more calls and {build}")
    for part in filter(None, (train, validation, test)):
        path = folder / part.file
        if not path.is_file() or path.stat().st_size != part.bytes:
            raise TrainingError(f"{path}: is not as it was built; {build}")
    return Dataset(
        folder,
        replace(contract, answers=said.answers),
        said.format,
        folder / train.file,
        folder / validation.file if validation else None,
        folder / test.file if test else None,
        train.sha256,
        train.rows,
        said.filters.get("group_by") or "",
    )
