"""Fine-tuning jobs on OpenAI, and on any host with its fine-tuning API."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from distilgen.errors import HostError, TrainingError, UsageError
from distilgen.training import following, results
from distilgen.training.following import job_of, look
from distilgen.training.provider import Dataset, Job, Trained
from distilgen.training.remembered import Note, beside
from distilgen.training.shapes import Wishes, question
from distilgen.training.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.training.host import Host

_ROWS = ("openai-tools", "openai-functions", "openai-json")
"""Formats whose rows hosts with OpenAI's API take."""

_ID = re.compile(r"[^\s/?#%\\]+")
_NAMED = ("model", "training_file")
_PAGE = 100  # jobs of one request, at most
_UNLISTED = (400, 403, 404, 405, 501)
"""How a host answers that lists no jobs."""


@dataclass
class OpenAIProvider:
    """host: who trains. wishes: how; None where jobs are only come back to. runs: the folder in
    which uploads and jobs are remembered by their content. pause: seconds between two looks at a
    job.
    """

    host: Host
    wishes: Wishes | None
    runs: Path
    pause: float = 10.0
    _dataset: Dataset | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The host's."""
        return self.host.name

    def create(self, dataset: Dataset) -> Job:
        """Upload the files and start a job; or come back to the one that was started for the same
        content and settings, here or elsewhere, unless that failed or was cancelled.
        """
        self._dataset = dataset
        if self.wishes is None:
            raise UsageError("which model is to be tuned? Name it with --base-model")
        self._refuse(dataset)
        said = {name: value for name, value in asdict(self.wishes).items() if value is not None}
        settings = _digest(said)
        metadata = {**self._metadata(dataset), "settings": settings}
        asked = question(self.host.shape, self.wishes, metadata)
        name = _digest(self.host.account, metadata)
        note = Note(self.runs / "jobs" / f"{name}.json")
        with note.alone():
            return self._known(note, asked) or self._started(dataset, note, asked)

    def resume(self, dataset: Dataset, job: str) -> Job:
        """The job of an id. Raises TrainingError for one of another contract or dataset."""
        self._dataset = dataset
        if not _ID.fullmatch(job) or not job.strip("."):
            raise UsageError(f"--job: {job!r} is no id of a host")
        answer = look(self.host, job)
        ours, theirs = self._metadata(dataset), _pairs(answer)
        for name, value in ours.items():
            there = str(theirs.get(name, value))
            if there != value:
                raise TrainingError(
                    f"job {job}: is for another {name}, {there[:12]} and not {value[:12]}; "
                    "run the command without --job to train on this one"
                )
        return self._explained(job_of(answer))

    def follow(self, job: Job, told: Callable[[str], None]) -> Job:
        """Wait until the job has ended; its states, and what the host logs, are told once each."""
        job = following.follow(self.host, job, told, self.pause)
        return self._explained(job)

    def cancel(self, job: Job) -> Job:
        """End the job; what it was when it had ended before."""
        if job.ended:
            return job
        what, api = f"cancel job {job.id}", self.host.client.fine_tuning.jobs
        return job_of(self.host.ask(what, lambda: api.cancel(job.id)))

    def result(self, job: Job) -> Trained:
        """The tuned model. Its metrics are fetched, its checkpoints are told."""
        name = job.model or ""
        answer = look(self.host, job.id)
        files = list(getattr(answer, "result_files", None) or ())
        report = tuple(results.fetched(self.host, job.id, files, self.runs))
        if self.host.shape.deployed:
            report += _deployment(name)
        following_lines: tuple[str, ...] = ()
        if self._dataset is not None:
            function = self._dataset.contract.function
            said = f"--model {shlex.quote(name)}{self.host.options}"
            following_lines = (
                f"evaluate {function} {said}",
                f"dispatch {said} --only {function} --all",
            )
        return Trained(name, report=report, following=following_lines)

    def _refuse(self, dataset: Dataset) -> None:
        """Raises TrainingError for what the host would refuse."""
        if dataset.format not in _ROWS:
            raise TrainingError(
                f"{dataset.folder}: its rows are of the format {dataset.format}, and hosts take "
                f"{', '.join(_ROWS)}; run `distilgen dataset build --format {_ROWS[0]}`"
            )
        least = self.host.shape.files.rows
        if dataset.rows < least:
            raise TrainingError(
                f"{dataset.train}: {dataset.rows} rows, and the host wants at least {least}; "
                "record more calls, or build with --no-holdout"
            )

    def _metadata(self, dataset: Dataset) -> dict[str, str]:
        """By what a job is known on the host."""
        return {"contract": dataset.contract.fingerprint, "dataset": dataset.digest}

    def _known(self, note: Note, asked: dict[str, Any]) -> Job | None:
        """The job that was made before, unless it came to nothing."""
        said = note.read()
        if said.get("job"):
            try:
                job = job_of(look(self.host, said["job"]))
            except HostError as error:
                if error.status != 404:
                    raise
                return None
            return job if _is_worth(job) else None
        if "asked" in said:  # by a command that never knew what came of it
            try:
                return self._found(note, said["asked"])
            except HostError as error:
                if error.status not in _UNLISTED:
                    raise
                raise TrainingError(
                    f"a job was asked for, {self.host.name} lists none, and nobody knows whether "
                    f"it was made: look there; come back to it by --job ID, or, where there is "
                    f"none, remove {note.path}"
                ) from error
        try:
            return self._found(note, asked) if "metadata" in asked else None
        except HostError as error:
            if error.status not in _UNLISTED:
                raise
            return None

    def _started(self, dataset: Dataset, note: Note, asked: dict[str, Any]) -> Job:
        uploads = Uploads(self.host, self.runs / "files")
        asked = {**asked, "training_file": uploads.file(dataset.train).id}
        if dataset.validation is not None:
            asked["validation_file"] = uploads.file(dataset.validation).id
        note.write({"asked": asked})
        api = self.host.client.fine_tuning.jobs
        rest = {name: value for name, value in asked.items() if name not in _NAMED}
        named = {name: asked[name] for name in _NAMED}
        job = self.host.make(
            f"job on {asked['model']}",
            lambda: self._found(note, asked),
            lambda: job_of(api.create(**named, extra_body=rest)),
        )
        note.write({"asked": asked, "job": job.id})
        return job

    def _found(self, note: Note, asked: dict[str, Any]) -> Job | None:
        """The newest job on the host that was asked for so, unless it came to nothing: by its
        metadata, or, on hosts that keep none, by its training file.
        """
        api = self.host.client.fine_tuning.jobs
        pairs = asked.get("metadata") or {}
        more = {"metadata": pairs} if pairs else {}
        others = {said.get("job") for said in beside(note)}  # on the same file, perhaps
        listed = self.host.every("list of jobs", lambda: api.list(limit=_PAGE, **more))
        for answer in listed:
            theirs = _pairs(answer)
            if theirs:
                is_it = bool(pairs) and all(theirs.get(n) == value for n, value in pairs.items())
            else:
                file = asked.get("training_file")
                is_it = file is not None and getattr(answer, "training_file", None) == file
                is_it = is_it and answer.id not in others
            if is_it and _is_worth(job := job_of(answer)):
                return job
        return None

    def _explained(self, job: Job) -> Job:
        """A job that has ended, with its model, or why it has none, as far as the host says."""
        if job.state == "failed":
            return replace(job, reason=following.reason(self.host, job))
        if job.state == "succeeded" and not job.model:
            model = results.last_checkpoint(self.host, job.id)
            return replace(job, model=model, reason="" if model else "the host names no model")
        return job


def _is_worth(job: Job) -> bool:
    """Is it one to come back to?"""
    return job.state not in ("failed", "cancelled")


def _pairs(answer: Any) -> dict[str, str]:
    pairs = getattr(answer, "metadata", None)
    return pairs if isinstance(pairs, dict) else {}


def _digest(*said: Any) -> str:
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _deployment(model: str) -> tuple[str, ...]:
    """What is to be done on Azure before the model answers."""
    deploy = (
        "az cognitiveservices account deployment create --resource-group GROUP --name RESOURCE "
        f"--deployment-name {model} --model-name {model} --model-version 1 --model-format OpenAI "
        "--sku-name Standard --sku-capacity 1"
    )
    return (
        "the model answers once it is deployed; under its own name, it is what the lock knows:",
        f"  {deploy}",
    )
