"""`distilgen train`: a dataset becomes a student."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.cli import options, report, serving
from distilgen.errors import TrainingError
from distilgen.rewrite import journal
from distilgen.training.openai import OpenAIProvider

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.training.provider import Job, Provider


@click.command()
@click.argument("function", metavar="FUNCTION")
@click.option("--base-model", required=True, metavar="NAME", help="The model to tune.")
@serving.provider
@options.base_url
@click.option("--suffix", metavar="TEXT", help="Part of the tuned model's name.")
@click.option("--seed", type=int, help="Makes a job repeatable where the host can.")
@click.option(
    "--poll", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds."
)
@click.option("--no-follow", is_flag=True, help="Start the job, and leave it to itself.")
@options.project
def command(
    function: str,
    base_model: str,
    provider: str | None,
    base_url: str | None,
    suffix: str | None,
    seed: int | None,
    poll: float,
    no_follow: bool,
    folder: Path,
) -> int:
    """Train a student for FUNCTION on its dataset, with a host's fine-tuning API. Running the
    command again comes back to the job. The tuned model is written into distilgen.lock.
    """
    with options.session(folder) as current:
        root, config = current.project.root, current.project.config
        contract, dataset = options.dataset_of(current, function)
        journal.ignore_state(root / journal.STATE)
        host = OpenAIProvider(
            options.openai_client(*serving.server_of(config, provider, base_url)),
            base_model,
            root / journal.STATE / "runs",
            suffix=suffix,
            seed=seed,
            pause=poll,
        )
        job = host.create(dataset)
        click.echo(f"{contract.function}: job {job.id} is {job.state}")
        if no_follow:
            return current.code()
        job = _followed(host, job)
        model = lock.Model(
            contract.function,
            contract.fingerprint,
            provider or (None if base_url else config.dispatch.provider) or host.name,
            dataset.digest,
            job.id,
            answers=contract.answers,
        )
        with report.writing(current) as work:
            work.keep_model(job.model or "", model)
        click.echo(f"{contract.function}: {job.model}")
        click.echo(f"next: distilgen evaluate {contract.function} --model {job.model}", err=True)
        return current.code()


def _followed(provider: Provider, job: Job) -> Job:
    try:
        job = provider.follow(job, click.echo)
    except KeyboardInterrupt:
        click.echo(f"job {job.id} goes on; run the command again to come back to it", err=True)
        raise click.Abort from None
    if job.state != "succeeded" or not job.model:
        raise TrainingError(f"job {job.id} {job.state}: {job.reason or 'the host gave no reason'}")
    return job
