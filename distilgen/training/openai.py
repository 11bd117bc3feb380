"""Fine-tuning jobs on OpenAI, and on any host with its fine-tuning API."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError
from distilgen.rewrite.replace import replace_file
from distilgen.training.provider import Dataset, Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAST_ROWS = 10  # OpenAI refuses smaller training files
_CLOSED = "training_not_available"


@dataclass
class OpenAIProvider:
    """client: an `openai.OpenAI`. base_model: what is tuned. runs: the folder in which jobs are
    remembered by the content that they train on, so that running a command again finds its job.
    pause: seconds between two looks at a job.
    """

    client: Any
    base_model: str
    runs: Path
    suffix: str | None = None
    seed: int | None = None
    pause: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    name: str = field(default="openai", init=False)

    def create(self, dataset: Dataset) -> Job:
        """Upload the files and start a job; or come back to the one that was started for the same
        content, unless that failed or was cancelled.
        """
        if dataset.rows < LEAST_ROWS:
            raise TrainingError(
                f"{dataset.train}: {dataset.rows} rows, and the host wants at least {LEAST_ROWS}; "
                "record more calls, or build with --no-holdout"
            )
        run = self._run(dataset)
        if run.get("job"):
            job = self._look(run["job"])
            if not job.ended or job.state == "succeeded":
                return job
            run.pop("job")
        for key, path in (("training", dataset.train), ("validation", dataset.validation)):
            if path and key not in run:
                run[key] = self._upload(path)
                self._remember(dataset, run)
        job = self._start(dataset, run)
        self._remember(dataset, {**run, "job": job.id})
        return job

    def follow(self, job: Job, told: Callable[[str], None]) -> Job:
        """Wait until the job has ended. What the host logs is told, each line once."""
        seen: set[str] = set()
        while True:
            now = self._look(job.id)
            for event in reversed(self._events(job.id)):
                if event.id not in seen:
                    seen.add(event.id)
                    told(event.message)
            if now.ended:
                return now
            self.sleep(self.pause)

    def _start(self, dataset: Dataset, run: dict[str, str]) -> Job:
        options: dict[str, Any] = {
            "model": self.base_model,
            "training_file": run["training"],
            "method": {"type": "supervised", "supervised": {"hyperparameters": {}}},
            "metadata": {"contract": dataset.contract, "dataset": dataset.digest},
        }
        if "validation" in run:
            options["validation_file"] = run["validation"]
        if self.suffix is not None:
            options["suffix"] = self.suffix
        if self.seed is not None:
            options["seed"] = self.seed
        return _job(self._call("job", lambda: self.client.fine_tuning.jobs.create(**options)))

    def _look(self, job: str) -> Job:
        return _job(self._call("job", lambda: self.client.fine_tuning.jobs.retrieve(job)))

    def _events(self, job: str) -> list[Any]:
        """The last events, newest first."""
        page = self._call("events", lambda: self.client.fine_tuning.jobs.list_events(job))
        return list(page.data)

    def _upload(self, path: Path) -> str:
        def upload() -> Any:
            with path.open("rb") as file:
                return self.client.files.create(file=file, purpose="fine-tune")

        return str(self._call("upload", upload).id)

    def _call(self, what: str, call: Callable[[], Any]) -> Any:
        import openai  # noqa: PLC0415 - half a second, and only training needs it here

        try:
            return call()
        except openai.APIStatusError as error:
            if error.code == _CLOSED:
                raise TrainingError(
                    f"{self.client.base_url} takes no new fine-tuning jobs from this organisation "
                    f"({_CLOSED}); name another host with --base-url"
                ) from error
            said = error.body.get("message") if isinstance(error.body, dict) else None
            raise TrainingError(
                f"{what}: {self.client.base_url} answered {error.status_code}: {said or error}"
            ) from error
        except openai.OpenAIError as error:
            raise TrainingError(f"{what}: {self.client.base_url}: {error}") from error

    def _run(self, dataset: Dataset) -> dict[str, str]:
        path = self._path(dataset)
        try:
            found: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{path}: cannot be read ({error}); remove it to start anew"
            ) from error
        return found

    def _remember(self, dataset: Dataset, run: dict[str, str]) -> None:
        replace_file(self._path(dataset), (json.dumps(run, indent=2) + "\n").encode())

    def _path(self, dataset: Dataset) -> Path:
        return self.runs / f"{self.name}-{self.base_model}-{dataset.digest[:16]}.json".replace(
            "/", "_"
        )


def _job(job: Any) -> Job:
    error = job.error
    reason = getattr(error, "message", None) if error else None
    return Job(job.id, job.status, job.fine_tuned_model, reason or "")
