"""`distilgen evaluate`: does the student answer as the teacher did?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from distilgen import lock
from distilgen.agreement import wilson
from distilgen.cli import options, report, serving, students
from distilgen.dataset.manifest import SPLITS
from distilgen.dataset.writers import suffix_of
from distilgen.errors import UsageError
from distilgen.evaluation import student

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@click.command()
@click.argument("function", metavar="FUNCTION")
@click.option(
    "--model", required=True, metavar="NAME", help="The student, or latest: whom `train` made last."
)
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
        dataset = options.dataset_of(current, function)
        contract, known = dataset.contract, lock.read(root)
        model = students.named(model, contract, known)
        path = dataset.folder / f"{split}.{suffix_of(dataset.format)}"
        if not path.exists():
            raise UsageError(
                f"{dataset.folder}: no {split} rows; build with a larger share, or name a --split"
            )
        problems: list[str] = []
        if students.is_embedded(model):
            if provider or base_url:
                raise UsageError(f"{model} runs here: it takes no --provider and no --base-url")
            ask: Callable[[Any], Any] = student.embedded(
                contract, students.file_of(current.project, model)
            )
            rows, at_once = student.asked_by_arguments(contract, path, dataset.format), 1
        else:
            client = options.openai_client(*serving.server_of(config, provider, base_url))
            taught = known.models[model].answers if model in known.models else contract.answers
            ask = student.hosted(replace(contract, answers=taught), client, model)
            rows, at_once = student.asked_by_messages(contract, path, dataset.format), concurrency
        found = student.measure(rows, ask, problems.append, concurrency=at_once)
        low, high = found.interval
        table = [
            (
                "whole answer",
                f"{found.share:.1%}" if found.calls else "-",
                f"{low:.1%} to {high:.1%}",
                str(found.calls),
            )
        ]
        for name, seen in found.fields_seen.items():
            low, high = wilson(found.fields[name], seen)
            share = found.fields[name] / seen
            table.append((name, f"{share:.1%}", f"{low:.1%} to {high:.1%}", str(seen)))
        report.table(("field", "agreement", "95 % interval", "calls"), table)
        if found.abstained:
            click.echo(
                f"answered {found.coverage:.1%} of the calls; the others are unlike what it knows, "
                "or it was not sure enough"
            )
        if problems:
            said = report.counted(len(problems), "call")
            click.echo(f"{said} without an answer, the first: {problems[0]}", err=True)
        current.failed = bool(found.unasked)
        entry = known.models.get(model)
        if entry and split == "test" and not found.unasked:
            with report.writing(current) as work:
                work.keep_model(
                    model,
                    replace(
                        entry,
                        agreement=found.share,
                        coverage=found.coverage if students.is_embedded(model) else None,
                    ),
                )
        return current.code()
