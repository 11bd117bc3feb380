"""`distilgen dataset`: training files from records."""

from __future__ import annotations

from pathlib import Path

import click

from distilgen import lock
from distilgen.cli import options, record_lines, report
from distilgen.cli.record_filter import say_malformed
from distilgen.dataset import build as building
from distilgen.errors import UsageError
from distilgen.rewrite import journal
from distilgen.rows import FORMATS

_share = click.FloatRange(0, 1, max_open=True)


@click.group()
def command() -> None:
    """Build training files from records."""


@command.command()
@click.argument("functions", nargs=-1, metavar="[FUNCTION]...")
@click.option(
    "--format", "format_name", type=click.Choice(list(FORMATS)), default="openai-tools",
    show_default=True, help="How a row looks.",
)  # fmt: skip
@click.option("--validation", type=_share, default=0.1, show_default=True, help="Share held out.")
@click.option("--test", type=_share, default=0.1, show_default=True, help="Share held out.")
@click.option("--no-holdout", is_flag=True, help="Train on everything: both shares are 0.")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the datasets; default: the configured one.",
)  # fmt: skip
@options.records
@options.project
def build(
    functions: tuple[str, ...],
    format_name: str,
    validation: float,
    test: float,
    no_holdout: bool,
    output: Path | None,
    records: str | None,
    folder: Path,
) -> int:
    """Build a dataset for each FUNCTION with records, default all: train.jsonl, validation.jsonl,
    test.jsonl and manifest.json in a folder named after it. Equal calls never fall on two sides.
    """
    if validation + test >= 1:
        raise UsageError("--validation and --test leave nothing to train on")
    holdout = building.Holdout(0, 0) if no_holdout else building.Holdout(validation, test)
    with options.session(folder) as current:
        project = current.project
        if output is None:
            output = project.root / project.config.datasets
            if output.is_relative_to(project.root / journal.STATE):
                journal.ignore_state(project.root / journal.STATE)
        outcome = building.build(
            options.records_store(current, records),
            options.chosen_contracts(current, functions),
            output,
            format_name=format_name,
            holdout=holdout,
            students=lock.read(project.root).models,
        )
        if outcome.malformed:
            say_malformed(current, len(outcome.malformed), outcome.malformed[0])
        for built in outcome.built:
            _tell(current, built)
        for name, count in sorted(outcome.unknown.items()) if not functions else ():
            said = f"{report.counted(count, 'record')}, but no contract of that name: left out"
            click.echo(f"{record_lines.printable(name)}: {said}", err=True)
        if not any(built.rows for built in outcome.built):
            click.echo("no rows: nothing to train on", err=True)
            current.failed = True
        return current.code()


def _tell(current: options.Session, built: building.Built) -> None:
    where = current.project.relative(built.folder.absolute())
    rows = ", ".join(
        f"{split} {built.rows[split]}" for split in building.SPLITS if built.rows[split]
    )
    click.echo(f"{built.contract.function}: {rows or 'no rows'} in {where}/")
    for reason, count in built.left_out.items():
        such = f" ({record_lines.printable(built.misfit)})" if reason == building.MISFIT else ""
        click.echo(f"  left out: {report.counted(count, 'record')} {reason}{such}")
    if built.conflicts:
        calls = report.counted(built.conflicts, "call")
        click.echo(f"  {calls} with more than one answer: all of them are in the rows")
