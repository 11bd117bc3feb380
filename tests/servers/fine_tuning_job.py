"""The life of a fine-tuning job on the tests' host: its states, what it logs, what it leaves."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

LIFE = ("validating_files", "queued", "running", "succeeded")
ENDED = ("succeeded", "failed", "cancelled")
PAUSED = "paused"

_COLUMNS = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
_KEPT = 3  # checkpoints: as many as OpenAI keeps


@dataclass
class TuningJob:
    """One job. body: as the host shows it. wanted: what it was created with. to_come: the states
    that it has not been in. steps: of training, which are made each time that it runs. failure:
    its `error` should it fail. said: a message of level error that it then logs, if any. events:
    oldest first. checkpoints: those that are kept, newest first.
    """

    body: dict[str, Any]
    wanted: dict[str, Any]
    to_come: list[str]
    steps: int
    failure: dict[str, Any] | None
    said: str
    changed: float
    model: str
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    before: str = ""

    @property
    def state(self) -> str:
        """What it is in."""
        return str(self.body["status"])

    @property
    def ended(self) -> bool:
        """Will its state not change any more?"""
        return self.state in ENDED

    def advance(self, now: float) -> None:
        """Go on to the next state, unless it has ended or is paused."""
        if self.to_come and not self.ended and self.state != PAUSED:
            self._enter(self.to_come.pop(0), now)

    def pass_time(self, now: float, each: float) -> None:
        """Go on, where a state takes so many seconds."""
        while now >= self.changed + each and self.to_come and self.state not in (*ENDED, PAUSED):
            self._enter(self.to_come.pop(0), self.changed + each)

    def pause(self, now: float) -> None:
        """Stop where it is."""
        self.before = self.state
        self.body["status"], self.changed = PAUSED, now
        self.log("The job has been paused", now)

    def resume(self, now: float) -> None:
        """Go on with what was paused."""
        self.body["status"], self.changed = self.before, now
        self.log("The job has been resumed", now)

    def cancel(self, now: float) -> None:
        """End it."""
        self._enter("cancelled", now)

    def log(
        self,
        message: str,
        now: float,
        *,
        level: str = "info",
        kind: str = "message",
        data: dict[str, Any] | None = None,
    ) -> None:
        """Add an event. kind: message, metrics or moderation_checks."""
        self.events.append({
            "object": "fine_tuning.job.event",
            "id": f"ftevent-{self.body['id']}-{len(self.events) + 1}",
            "created_at": int(now),
            "level": level,
            "message": message,
            "type": kind,
            "data": data or {},
        })  # fmt: skip

    def result(self) -> bytes:
        """The result file: a line of metrics a step."""
        names = _COLUMNS.split(",")
        rows = [",".join(str(step.get(name, "")) for name in names) for step in self.metrics]
        return "\n".join([_COLUMNS, *rows, ""]).encode()

    def _enter(self, state: str, now: float) -> None:
        self.body["status"], self.changed = state, now
        if state == "running":
            self._run(now)
        elif state == "succeeded":
            self.log(
                "Moderation checks passed", now, kind="moderation_checks", data={"blocked": False}
            )
            self.log(f"New fine-tuned model created: {self.model}", now)
            self.log("The job has successfully completed", now)
            self.body["fine_tuned_model"] = self.model
            self.body["trained_tokens"] = 1000 * max(len(self.metrics), 1)
        elif state == "failed":
            self.body["error"] = self.failure
            if self.said:
                self.log(self.said, now, level="error")
        else:
            self.log(f"The job is now in state {state}", now)
        if state in ENDED:
            self.body["finished_at"] = int(now)

    def _run(self, now: float) -> None:
        if not self.metrics:
            self.log("Fine-tuning job started", now)
        total = self.steps * (1 + self.to_come.count("running")) + len(self.metrics)
        for _ in range(self.steps):
            step = len(self.metrics) + 1
            said: dict[str, Any] = {
                "step": step,
                "train_loss": round(2 / (step + 1), 4),
                "train_accuracy": round(step / (step + 1), 4),
            }
            if self.body["validation_file"]:
                said["valid_loss"] = round(2.1 / (step + 1), 4)
                said["valid_mean_token_accuracy"] = round(step / (step + 1.1), 4)
            self.metrics.append(said)
            message = f"Step {step}/{total}: training loss={said['train_loss']:.2f}"
            self.log(message, now, kind="metrics", data={**said, "total_steps": total})
            self._keep(step, said, now)

    def _keep(self, step: int, said: dict[str, Any], now: float) -> None:
        job = self.body["id"]
        shown = {
            "object": "fine_tuning.job.checkpoint",
            "id": f"ftckpt-{job}-{step}",
            "created_at": int(now),
            "fine_tuning_job_id": job,
            "fine_tuned_model_checkpoint": f"{self.model}:ckpt-step-{step}",
            "step_number": step,
            "metrics": {
                name: said[name] for name in said if name not in ("step", "train_accuracy")
            },
        }
        self.checkpoints = [shown, *self.checkpoints][:_KEPT]


def encoded(content: bytes) -> bytes:
    """A result file as some hosts send it: in base64."""
    return base64.b64encode(content)
