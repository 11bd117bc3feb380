"""LoRA, or training of all weights, by TRL and PEFT, on a model in a folder of this machine."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError, UsageError
from distilgen.rewrite.replace import digest
from distilgen.training.provider import Dataset, Job, Trained
from distilgen.training.trl_run import (
    checkpoint,
    conversations,
    explained,
    process,
    progress,
    serving,
)
from distilgen.training.trl_run.folder import Run, near
from distilgen.training.trl_run.settings import Settings, taught

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from distilgen.contract import Contract

_LAYOUT = 1  # of what decides a run's name
_DIGITS = 8
_AGAIN = "the same command goes on from"


@dataclass
class TrlProvider:
    """base_model: the folder of what is tuned; None where only runs are come back to. runs: the
    folder of all runs. processes: how many train, one a GPU; None for as many as there are GPUs.
    say: takes a line of what is about to happen.

    The process that trains goes on when this one ends; what it does is in the run's folder.
    """

    base_model: Path | None
    runs: Path
    settings: Settings = field(default_factory=Settings)
    processes: int | None = None
    say: Callable[[str], None] = print
    pause: float = 0.2
    name: str = field(default="trl", init=False)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)
    _logs: dict[str, int] = field(default_factory=dict, init=False)

    def create(self, dataset: Dataset) -> Job:
        """Start to train, or go on from the last checkpoint; come back to what is trained already
        with the same rows, model and settings.
        """
        if self.base_model is None:
            raise UsageError("which model is to be tuned? Name its folder with --base-model")
        base = checkpoint.opened(self.base_model)
        config = self._config(dataset, base)
        run = Run(self.runs / _name(base.folder, config))
        known = run.config()
        if known is None:
            config["packages"] = process.versions()
            known = self._prepared(run, dataset, config)
        return self._started(run, known)

    def resume(self, dataset: Dataset, job: str) -> Job:
        """The run of a name, which trains a student of the same contract."""
        run = Run(self.runs / job) if Path(job).name == job and job.startswith("trl-") else None
        config = run.config() if run else None
        if run is None or config is None:
            runs = sorted(path.parent.name for path in self.runs.glob("trl-*/config.json"))
            known = f"there are: {', '.join(runs)}" if runs else "there is none"
            raise TrainingError(f"{job}: is no run of trl; {known}")
        if config["contract"] != dataset.contract.fingerprint:
            raise TrainingError(
                f"{job}: trains for another contract, {config['contract'][:12]}, of "
                f"{config['function']}"
            )
        if config["dataset"] != dataset.digest:
            raise TrainingError(
                f"{job}: trains on another build of the dataset; leave --job out to train on "
                "this one"
            )
        return self._started(run, config)

    def follow(self, job: Job, told: Callable[[str], None]) -> Job:
        """Wait until the process has ended. KeyboardInterrupt ends it, with a checkpoint, and is
        raised again.
        """
        run = Run(self.runs / job.id)
        if job.ended:
            return job
        lines = progress.Lines()
        events, place = run.attempt()
        try:
            while True:
                lives = self._lives(run)
                more, place = run.events(place)
                for line in lines.of([*events, *more]):
                    told(line)
                if not lives:
                    break
                events = []
                time.sleep(self.pause)
        except KeyboardInterrupt:
            told("stopping after this step; Ctrl-C again stops at once")
            process.stop(run, self._processes.get(run.name))
            told(self._job(run, stopped=True).reason)
            raise
        return self._job(run)

    def cancel(self, job: Job) -> Job:
        """End the process; what is trained already stays."""
        if job.ended:
            return job
        run = Run(self.runs / job.id)
        process.stop(run, self._processes.get(run.name))
        now = self._job(run, stopped=True)
        return now if now.ended else Job(run.name, "cancelled", reason=now.reason)

    def result(self, job: Job) -> Trained:
        """The adapter or model, how it went, and how it is served."""
        run = Run(self.runs / job.id)
        config, result = run.config(), run.result()
        if config is None or result is None:
            raise TrainingError(f"{job.id}: has not ended; {_AGAIN} where it was")
        if not run.model.is_dir():
            raise TrainingError(
                f"{near(run.model)}: is gone; remove {near(run.path)} and run the command again to "
                "train anew"
            )
        what = "model" if config["settings"]["method"] == "full" else "adapter"
        report = (
            *progress.result(config, result),
            f"{what}: {near(run.model)}",
            f"serve it: {serving.command(config, run.model)}",
            *serving.advice(config),
        )
        return Trained(
            config["model"],
            run.model,
            report,
            serving.following(config),
            answers=config["answers"],
        )

    def _config(self, dataset: Dataset, base: checkpoint.Checkpoint) -> dict[str, Any]:
        """All that decides what comes out."""
        contract, settings = self._taught(dataset), self.settings.said()
        settings["own_call"] = self.settings.own_call and contract.calls_tool
        return {
            "function": contract.function,
            "contract": contract.fingerprint,
            "answers": contract.answers,
            "dataset": dataset.digest,
            "validation": digest(dataset.validation) if dataset.validation else None,
            "base_model": str(base.folder.resolve()),
            "base_digest": base.digest,
            "tools": conversations.tools(contract),
            "settings": settings,
        }

    def _taught(self, dataset: Dataset) -> Contract:
        return taught(dataset.contract, dataset.format, self.settings.answers)

    def _prepared(self, run: Run, dataset: Dataset, config: dict[str, Any]) -> dict[str, Any]:
        """A new run's folder; its config, which makes it one, comes last."""
        run.path.mkdir(parents=True, exist_ok=True)
        rows, contract = {}, self._taught(dataset)
        for split, source in (("train", dataset.train), ("validation", dataset.validation)):
            if source:
                target = run.rows_file(split)
                rows[split] = conversations.write(
                    dataset, contract, source, target, own_call=config["settings"]["own_call"]
                )
        module, _, function = dataset.contract.function.partition(":")
        name = re.sub(r"[^\w.-]", "", f"{module.rpartition('.')[2]}-{function}")
        config = {
            "model": f"{name}-{run.name[-_DIGITS:]}",
            **config,
            "rows": rows,
            "python": platform.python_version(),
        }
        run.write("config.json", config)
        return config

    def _started(self, run: Run, config: dict[str, Any]) -> Job:
        job = self._job(run)
        if job.state in ("succeeded", "running"):
            return job
        now = process.versions()
        changed = [
            f"{name} {was} → {now[name]}"
            for name, was in config["packages"].items()
            if now.get(name, was) != was
        ]
        words = process.command(run, self._shared(config))
        for line in progress.config(config, run):
            self.say(line)
        if changed:
            self.say(f"packages have changed since it began: {', '.join(changed)}")
        step = run.last_step()
        if step:
            self.say(f"goes on from step {step}")
        self.say(f"$ {process.shown(words)}")
        run.tell("started", step=step, command=words)
        self._logs[run.name] = run.log_file.stat().st_size if run.log_file.exists() else 0
        self._processes[run.name] = process.start(run, words)
        return Job(run.name, "running")

    def _shared(self, config: dict[str, Any]) -> int:
        """How many processes train, among whom a step's rows can be shared."""
        rows, there = config["settings"]["batch_size"], process.gpus()
        if self.processes is None:
            return next(count for count in range(max(there, 1), 0, -1) if rows % count == 0)
        if there and self.processes > there:
            raise UsageError(f"--processes {self.processes}: PyTorch sees {there} GPUs")
        if rows % self.processes:
            raise UsageError(
                f"--batch-size {rows} cannot be shared by {self.processes} processes; say a "
                "multiple"
            )
        return self.processes

    def _lives(self, run: Run) -> bool:
        own = self._processes.get(run.name)
        return (own is not None and own.poll() is None) or run.is_held()

    def _job(self, run: Run, *, stopped: bool = False) -> Job:
        """What has become of a run. stopped: we have ended its process."""
        config = run.config()
        if run.result() and config:
            return Job(run.name, "succeeded", config["model"])
        if self._lives(run):
            return Job(run.name, "running")
        own = self._processes.get(run.name)
        code = own.poll() if own else None
        events, _ = run.attempt()
        failed = [event["reason"] for event in events if event["event"] == "failed"]
        if failed:
            return Job(run.name, "failed", reason=failed[-1])
        if not (stopped or code in (None, *process.STOPPED)):
            reason = explained.reason(run.log_file, self._logs[run.name], code)
            return Job(run.name, "failed", reason=reason)
        step = run.last_step()
        return Job(
            run.name, "interrupted", reason=f"{_AGAIN} {f'step {step}' if step else 'the start'}"
        )


def _name(folder: Path, config: dict[str, Any]) -> str:
    """A run's name; where the model's folder lies does not change it."""
    decides = {key: value for key, value in config.items() if key != "base_model"}
    text = json.dumps([_LAYOUT, decides], sort_keys=True)
    short = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    base = re.sub(r"[^\w.-]", "-", folder.resolve().name)[:40]
    return f"trl-{base}-{short}"
