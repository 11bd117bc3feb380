"""`distilgen jobs`: fine-tuning jobs of a host; made, looked at, followed, paused and ended."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import host_options, host_tables, job_log, options
from distilgen.cli.host_options import coming_back, everything, hosted, job_id, limit
from distilgen.cli.host_tables import text
from distilgen.cli.job_creation import create_from_file, create_from_id
from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from distilgen.cli.options import Session
    from distilgen.training.host import Host

_PAGE = 100
_CANCELLED, _PAUSED = "cancelled", "paused"
_ENDED = ("succeeded", "failed", _CANCELLED)
_DONE = {"cancel": _CANCELLED, "pause": _PAUSED}


@click.group()
def command() -> None:
    """Look after the fine-tuning jobs of a host."""


for _command in (create_from_file, create_from_id, job_log.events, job_log.metrics):
    command.add_command(_command)


@command.command("list", short_help="The jobs, newest first.")
@limit
@everything
@click.option(
    "--state", "states", multiple=True, metavar="STATE",
    help="Only those in this state, such as running or succeeded. May be repeated.",
)  # fmt: skip
@click.option(
    "--metadata", multiple=True, callback=host_options.pairs, metavar="KEY=VALUE",
    help="Only those with this in their metadata. May be repeated.",
)  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on with each change until they have ended.")
@host_options.poll
@options.as_json
@hosted
def list_(
    current: Session, host: Host, limit: int, everything: bool, states: tuple[str, ...],
    metadata: Mapping[str, str], follow: bool, poll: float, as_json: bool,
) -> int:  # fmt: skip
    """List the fine-tuning jobs of a host, newest first: state, when it was created (UTC), how long
    it took, base model, and the model that it made or what went wrong. With --follow, a line for
    each change of a state until all of them have ended; with --json and --follow, a job a line.
    """

    def found() -> Iterator[Any]:
        api = host.client.fine_tuning.jobs
        asked: dict[str, Any] = {"limit": _PAGE} | ({"metadata": metadata} if metadata else {})
        for job in host.every("list of jobs", lambda: api.list(**asked)):
            has = getattr(job, "metadata", None) or {}
            # Hosts that know no filter list all of them.
            if metadata.items() <= dict(has).items() and (not states or _state(job) in states):
                yield job

    jobs, more = host_tables.cut(found(), None if everything else limit)
    if follow and as_json:
        for job in jobs:
            _print(job, as_json=as_json)
    else:
        host_tables.listing(
            jobs, host_tables.JOB_COLUMNS, host_tables.job_row, more=more, json_form=as_json,
            nothing="no such job" if states or metadata else "no jobs",
        )  # fmt: skip
    if follow:
        with coming_back(host, "jobs list --follow", "the jobs go on"):
            _follow(host, jobs, poll, as_json=as_json)
    return current.code()


def _follow(host: Host, jobs: list[dict[str, Any]], poll: float, *, as_json: bool) -> None:
    """Print each change of a job's state until all of them have ended. Raises HostError."""
    api = host.client.fine_tuning.jobs
    states = {str(job.get("id")): job.get("status") for job in jobs}
    while going := [id_ for id_, state in states.items() if state not in _ENDED]:
        host.sleep(poll)
        for id_ in going:
            look = functools.partial(lambda name: job_log.known(api.retrieve(name)), id_)
            job = host_tables.plain(host.outlast(f"job {id_}", look, host.told))
            if job.get("status") != states[id_]:
                states[id_] = job.get("status")
                _print(job, as_json=as_json)


def _print(job: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(host_tables.line_as_json(job))
    else:
        outcome = job.get("fine_tuned_model") or host_tables.reason(job)
        end = f": {text(outcome)}" if outcome else ""
        click.echo(f"job {text(job.get('id'))} is {text(job.get('status'))}{end}")
    sys.stdout.flush()  # whoever reads a pipe waits for it


def _state(job: Any) -> Any:
    return getattr(job, "status", None)


@command.command(short_help="One job.")
@job_id
@click.option("--follow", is_flag=True, help="Wait until it has ended, and say what happens.")
@host_options.poll
@options.as_json
@hosted
def show(current: Session, host: Host, id_: str, follow: bool, poll: float, as_json: bool) -> int:
    """Show all that the host says of a job. With --follow: its states and what it logs until it has
    ended, and then the job; exits 123 if that is without a model. Ctrl-C leaves the job running.
    """
    if follow:
        return job_log.followed(current, host, id_, poll, as_json=as_json)
    job_log.show(host, id_, as_json=as_json)
    return current.code()


@command.command(short_help="End a job.")
@job_id
@options.as_json
@hosted
def cancel(current: Session, host: Host, id_: str, as_json: bool) -> int:
    """End a job that has not ended. What it has trained so far is lost, but for checkpoints."""
    return _changed(current, host, id_, "cancel", as_json=as_json)


@command.command(short_help="Let a job wait.")
@job_id
@options.as_json
@hosted
def pause(current: Session, host: Host, id_: str, as_json: bool) -> int:
    """Let a running job wait until it is resumed, where the host can do so."""
    return _changed(current, host, id_, "pause", as_json=as_json)


@command.command(short_help="Let a job that waits go on.")
@job_id
@options.as_json
@hosted
def resume(current: Session, host: Host, id_: str, as_json: bool) -> int:
    """Let a paused job go on."""
    return _changed(current, host, id_, "resume", as_json=as_json)


def _changed(current: Session, host: Host, id_: str, verb: str, *, as_json: bool) -> int:
    """Do as a verb says, unless it has been done."""
    job = job_log.look(host, id_)
    state = text(job.get("status"))
    if state == _DONE.get(verb):
        click.echo(f"job {id_} is {state} already", err=True)
    elif state in _ENDED:
        raise TrainingError(f"job {id_} is {state}: there is nothing to {verb}")
    elif verb == "resume" and state != _PAUSED:
        raise TrainingError(f"job {id_} is {state}, and not paused: there is nothing to resume")
    else:
        job = _made_to(host, id_, verb, state)
        state = text(job.get("status"))
    click.echo(host_tables.as_json(job) if as_json else f"job {id_} is {state}")
    return current.code()


def _made_to(host: Host, id_: str, verb: str, state: str) -> dict[str, Any]:
    """The job after it was asked to do so, once. state: before that."""

    def changed() -> dict[str, Any] | None:
        job = job_log.look(host, id_)
        return job if text(job.get("status")) != state else None

    def change() -> dict[str, Any]:
        answer = getattr(host.client.fine_tuning.jobs, verb)(id_)
        return host_tables.plain(job_log.known(answer))

    return host.make(f"{verb} job {id_}", changed, change)


@command.command(short_help="The checkpoints of a job.")
@job_id
@options.as_json
@hosted
def checkpoints(current: Session, host: Host, id_: str, as_json: bool) -> int:
    """List the models that a job has kept on its way, first step first. Each can be dispatched to
    like the last one.
    """
    from distilgen.training import results  # noqa: PLC0415 - for --help

    found = [host_tables.plain(point) for point in results.checkpoints(host, id_)]
    names = dict.fromkeys(name for point in found for name in _metrics(point))
    host_tables.listing(
        found,
        ("step", *map(text, names), "created (UTC)", "model"),
        lambda point: (
            text(point.get("step_number")),
            *(host_tables.number(_metrics(point).get(name)) for name in names),
            host_tables.time_of(point.get("created_at")),
            text(point.get("fine_tuned_model_checkpoint")),
        ),
        json_form=as_json, nothing=f"job {id_} has no checkpoints",
    )  # fmt: skip
    return current.code()


def _metrics(point: Mapping[str, Any]) -> Mapping[str, Any]:
    found = point.get("metrics")
    return {k: v for k, v in found.items() if k != "step"} if isinstance(found, dict) else {}
