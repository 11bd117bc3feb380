"""Waiting for a job of a host, however long it takes and whatever happens on the way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from distilgen.errors import HostError
from distilgen.training.events import Events, last_error, line_of
from distilgen.training.provider import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.training.host import Host

_KNOWN = ("created", "pending", "validating_files", "queued", "running", "pausing", "resuming")
_PAUSED = "paused"


def job_of(answer: Any) -> Job:
    """A host's job as ours. Raises AttributeError, TypeError for what is none."""
    if not isinstance(answer.id, str) or not isinstance(answer.status, str):
        raise TypeError("it is no fine-tuning job")
    error, model = (getattr(answer, name, None) for name in ("error", "fine_tuned_model"))
    reason = getattr(error, "message", None) or getattr(error, "code", None) if error else None
    return Job(answer.id, answer.status, model, reason or "")


def look(host: Host, job: str) -> Any:
    """The host's job of an id, now. Raises HostError."""
    return host.ask(f"job {job}", lambda: _looked(host, job))


def follow(host: Host, job: Job, told: Callable[[str], None], pause: float) -> Job:
    """The job once it has ended. told: lines about its states and events. pause: seconds between
    two looks. Raises HostError for what no waiting helps.
    """
    events = Events(host, job.id)
    state = job.state

    def asking(what: str, call: Callable[[], Any]) -> Any:
        return host.outlast(what, call, told)

    looked = partial(_looked, host, job.id)
    while not job.ended:
        job = job_of(asking(f"job {job.id}", looked))
        if job.ended:
            for event in events.new(asking, whole=True):
                told(line_of(event))
            told(job.state)
            break
        if job.state != state:
            state = job.state
            told(_said(host, job))
        for event in events.new(asking):
            told(line_of(event))
        host.sleep(pause)
    return job


def reason(host: Host, job: Job) -> str:
    """Why a job failed, as far as the host says; empty where it does not."""
    if job.reason:
        return job.reason
    try:
        return last_error(host, job.id)
    except HostError:
        return ""


def _looked(host: Host, job: str) -> Any:
    answer = host.client.fine_tuning.jobs.retrieve(job)
    job_of(answer)
    return answer


def _said(host: Host, job: Job) -> str:
    if job.state == _PAUSED:
        return f"{job.state}: it goes on after `distilgen jobs resume {job.id}{host.options}`"
    if job.state in _KNOWN:
        return job.state
    return f"{job.state}: no state that is known here; waiting on"
