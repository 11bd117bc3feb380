"""`distilgen train`: a dataset becomes a student."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from distilgen import lock
from distilgen.cli import host_options, options, report, trainers
from distilgen.cli.record_lines import printable
from distilgen.errors import TrainingError, UsageError
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.training.provider import Dataset, Job, Provider, Trained


@click.command()
@click.argument("function", metavar="FUNCTION")
@trainers.options
@click.option("--job", "job_id", metavar="ID", help="Come back to this job.")
@click.option(
    "--follow/--no-follow",
    default=True,
    help="Wait until the job has ended, or leave it to a host or trl; default: wait.",
)
@options.project
def command(
    function: str, said: trainers.Said, job_id: str | None, follow: bool, folder: Path
) -> int:
    """Train a student for FUNCTION on its dataset: the embedded one, or with --provider another.

    Running the command again comes back to the job. The student is written into distilgen.lock.
    """
    with options.session(folder) as current:
        root = current.project.root
        dataset = options.dataset_of(current, function)
        journal.ignore_state(root / journal.STATE)
        provider = trainers.provider_of(current, said)
        if not follow and provider.name == trainers.STUDENT:
            raise UsageError(
                "--no-follow: the embedded student is trained by this command itself; leave it out"
            )
        name = dataset.contract.function
        job = provider.resume(dataset, job_id) if job_id else provider.create(dataset)
        _say(f"{name}: job {job.id} is {job.state}")
        if not follow and not job.ended:
            return current.code()
        job = _followed(provider, job)
        trained = provider.result(job)
        with report.writing(current) as work:
            known = lock.read(root).models.get(trained.name)
            work.keep_model(trained.name, _model(dataset, provider, job, trained, known))
        for line in trained.report:
            _say(line)
        _say(f"{name}: {trained.name}")
        for line in trained.following or (f"evaluate {name} --model {trained.name}",):
            click.echo(f"next: distilgen {line}", err=True)
        return current.code()


def _model(
    dataset: Dataset, provider: Provider, job: Job, trained: Trained, known: lock.Model | None
) -> lock.Model:
    """What the lock is to say of a model. known: what it says, which stays where it is the same."""
    made = lock.Model(
        dataset.contract.function,
        dataset.contract.fingerprint,
        provider.name,
        dataset.digest,
        job.id,
        answers=trained.answers or dataset.contract.answers,
        agreement=trained.agreement,
        coverage=trained.coverage,
        at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    if known is None:
        return made
    same = replace(made, agreement=known.agreement, coverage=known.coverage, at=known.at)
    return same if same == known else made


def _followed(provider: Provider, job: Job) -> Job:
    try:
        job = provider.follow(job, _say)
    except KeyboardInterrupt:
        is_here = provider.name in (trainers.STUDENT, trainers.TRL)
        now = "has stopped" if is_here else "goes on"
        click.echo(f"job {job.id} {now}; come back to it with: {_again(job)}", err=True)
        raise click.exceptions.Exit(host_options.STOPPED) from None
    if job.state != "succeeded" or not job.model:
        raise TrainingError(f"job {job.id} {job.state}: {job.reason or 'the host gave no reason'}")
    return job


def _say(text: str) -> None:
    """Print what hosts say, without what would steer a terminal."""
    click.echo("\n".join(map(printable, text.split("\n"))))


def _again(job: Job) -> str:
    """The command line that comes back to a job: this one, with its id."""
    context = click.get_current_context()
    said = ["distilgen", "train", context.params["function"]]
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not isinstance(option, click.Option) or name == "job_id" or not given:
            continue
        value = context.params[name]
        values = value if option.multiple else (value,)
        said += [part for one in values for part in _option(option, one)]
    return shlex.join([*said, "--job", job.id])


def _option(option: click.Option, value: object) -> list[str]:
    if option.is_flag:
        return [option.opts[-1]] if value else option.secondary_opts[-1:]
    is_whole = isinstance(value, float) and value.is_integer()
    return [option.opts[-1], f"{value:.0f}" if is_whole else str(value)]
