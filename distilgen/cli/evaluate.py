"""`distilgen evaluate`: does the student answer as the teacher did?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from distilgen import lock
from distilgen.agreement import wilson
from distilgen.cli import options, report, serving
from distilgen.dataset.manifest import SPLITS
from distilgen.dataset.writers import suffix_of
from distilgen.errors import UsageError
from distilgen.evaluation import student

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("function", metavar="FUNCTION")
@click.option("--model", required=True, metavar="NAME", help="The student.")
@serving.provider
@options.base_url
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True)
@options.project
def command(
    function: str,
    model: str,
    provider: str | None,
    base_url: str | None,
    split: str,
    concurrency: int,
    folder: Path,
) -> int:
    """Ask a student the held-out calls of FUNCTION's dataset, and count the answers that are equal
    to the teacher's: whole and by field, with a 95 % confidence interval.
    """
    with options.session(folder) as current:
        root, config = current.project.root, current.project.config
        contract, dataset = options.dataset_of(current, function)
        path = dataset.folder / f"{split}.{suffix_of(dataset.format)}"
        if not path.exists():
            raise UsageError(
                f"{dataset.folder}: no {split} rows; build with a larger share, or name a --split"
            )
        client = options.openai_client(*serving.server_of(config, provider, base_url))
        problems: list[str] = []
        found = student.measure(
            contract, path, dataset.format, student.openai_student(client, model),
            problems.append, concurrency=concurrency,
        )  # fmt: skip
        low, high = found.interval
        rows = [
            ("whole answer", f"{found.share:.1%}", f"{low:.1%} to {high:.1%}", str(found.calls))
        ]
        for name, seen in found.fields_seen.items():
            low, high = wilson(found.fields[name], seen)
            share = found.fields[name] / seen
            rows.append((name, f"{share:.1%}", f"{low:.1%} to {high:.1%}", str(seen)))
        report.table(("field", "agreement", "95 % interval", "calls"), rows)
        if problems:
            said = report.counted(len(problems), "call")
            click.echo(f"{said} without an answer, the first: {problems[0]}", err=True)
        current.failed = bool(found.unasked)
        known = lock.read(root).models.get(model)
        if known and split == "test" and not found.unasked:
            with report.writing(current) as work:
                work.keep_model(model, replace(known, agreement=found.share))
        return current.code()
