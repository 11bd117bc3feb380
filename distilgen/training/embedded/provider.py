"""The embedded student as a provider of training: on this machine, without key or network."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen import __version__
from distilgen.embedded import file, names
from distilgen.errors import TrainingError
from distilgen.rewrite.replace import digest, digest_of, replace_file
from distilgen.training.embedded import report, rows, student
from distilgen.training.provider import Dataset, Job, Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from distilgen.training.embedded.fitter import Fitter

_SUCCEEDED, _CANCELLED, _READY = "succeeded", "cancelled", "ready"


@dataclass
class StudentProvider:
    """students: the folder of the students' files, which are committed. runs: the folder in which
    trainings are remembered, by what they learn from and how. target: the agreement on what is
    answered, a share. fitters: what may answer a field; None for all that there are.
    """

    students: Path
    runs: Path
    target: float = student.TARGET
    seed: int = 0
    fitters: Sequence[Fitter] | None = None
    name: str = field(default="student", init=False)
    _datasets: dict[str, Dataset] = field(default_factory=dict, init=False)

    def create(self, dataset: Dataset) -> Job:
        """The training of this content with these settings: `ready` to be followed, for it goes on
        only while it is; or `succeeded`, where it was trained before.
        """
        _refuse_missing()
        name = self._name(dataset)
        self._datasets[name] = dataset
        run = self._run(name)
        if run.get("state") == _SUCCEEDED and self._is_there(run):
            return Job(name, _SUCCEEDED, run["model"])
        return Job(name, _READY)

    def resume(self, dataset: Dataset, job: str) -> Job:
        """As `create`: it goes on with the first part that is not done."""
        name = self._name(dataset)
        if job != name:
            raise TrainingError(
                f"{job}: trains on another dataset, or with other settings; this would be {name}: "
                "run the command without --job"
            )
        return self.create(dataset)

    def follow(self, job: Job, told: Callable[[str], None]) -> Job:
        """Train, telling how far it is."""
        if job.ended:
            return job
        dataset = self._datasets[job.id]
        try:
            return self._trained(job, dataset, told)
        except MemoryError as error:
            raise TrainingError(
                f"{dataset.folder}: {dataset.rows:,} rows are more than this machine's memory "
                "takes; build a smaller dataset"
            ) from error

    def cancel(self, job: Job) -> Job:
        """Forget what the training has done so far."""
        if job.ended:
            return job
        for path in (self.runs / job.id).glob("fold-*.json"):
            path.unlink(missing_ok=True)
        self._remember(job.id, {"state": _CANCELLED})
        return Job(job.id, _CANCELLED)

    def result(self, job: Job) -> Trained:
        """The student, and what is to be said of it."""
        run = self._run(job.id)
        if run.get("state") != _SUCCEEDED or not self._is_there(run):
            raise TrainingError(f"job {job.id} made no student; run the command again")
        name = str(run["model"])
        following = (
            (f"dispatch --all --only {run['function']} --mode fallback --model {name}",)
            if run["answers"]
            else (f"collect {run['function']}",)
        )
        return Trained(
            name,
            self.students / names.file_name(name),
            tuple(run["report"]),
            following,
            agreement=run["agreement"],
            coverage=run["coverage"],
        )

    def _trained(self, job: Job, dataset: Dataset, told: Callable[[str], None]) -> Job:
        from threadpoolctl import (  # type: ignore[import-untyped]  # noqa: PLC0415 - scikit-learn's
            threadpool_limits,
        )

        from distilgen.training.embedded import choice  # noqa: PLC0415 - its fitters load it

        found = rows.read(dataset)
        said = f"{len(found.pool):,} calls to learn from, {len(found.test):,} for the test"
        told(f"{said}, {found.unread:,} left out" if found.unread else said)
        with threadpool_limits(limits=1):  # sums of several threads differ from run to run
            made = student.train(
                dataset.contract,
                found,
                choice.ladder() if self.fitters is None else self.fitters,
                target=self.target,
                seed=self.seed,
                told=told,
                memory=_Folder(self.runs / job.id),
            )
        raw = file.dump(made.model)
        name = names.name_of(made.model, raw)
        replace_file(self.students / names.file_name(name), raw)
        agreement, coverage = report.measured(made)
        run = {
            "state": _SUCCEEDED,
            "model": name,
            "sha256": digest_of(raw),
            "function": made.model.function,
            "answers": made.calibration.answers,
            "report": report.lines(made),
            "agreement": agreement,
            "coverage": coverage,
        }
        self._remember(job.id, run)
        return Job(job.id, _SUCCEEDED, name)

    def _name(self, dataset: Dataset) -> str:
        """Of a job: by what it learns from, how, and by which program."""
        files = (dataset.train, dataset.validation, dataset.test)
        parts = [
            dataset.contract.fingerprint, dataset.format, repr(self.target), repr(self.seed),
            __version__, importlib.metadata.version("scikit-learn"),
            *(digest(path) or "" if path else "" for path in files),
        ]  # fmt: skip
        return "student-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def _is_there(self, run: dict[str, Any]) -> bool:
        return bool(digest(self.students / names.file_name(run["model"])) == run["sha256"])

    def _run(self, name: str) -> dict[str, Any]:
        found = _Folder(self.runs / name).get("run")
        return found if isinstance(found, dict) else {}

    def _remember(self, name: str, run: dict[str, Any]) -> None:
        _Folder(self.runs / name).put("run", run)


@dataclass(frozen=True)
class _Folder:
    """JSON values by name, a file each. What cannot be read is not there: it is made again."""

    path: Path

    def get(self, name: str) -> Any:
        try:
            return json.loads((self.path / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return None

    def put(self, name: str, value: Any) -> None:
        path = self.path / f"{name}.json"
        try:
            replace_file(path, (json.dumps(value) + "\n").encode())
        except OSError as error:
            raise TrainingError(f"{path}: cannot be written: {error.strerror}") from error


def _refuse_missing() -> None:
    for package in ("sklearn", "scipy", "numpy"):
        if importlib.util.find_spec(package) is None:
            raise TrainingError(
                f'to train an embedded student takes {package}: pip install "distilgen[student]"'
            )
