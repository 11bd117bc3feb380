"""`distilgen dataset`: training files from records."""

from __future__ import annotations

import click

from distilgen.cli.dataset_build import build
from distilgen.cli.dataset_export import export
from distilgen.cli.dataset_plan import plan
from distilgen.cli.dataset_stats import stats
from distilgen.cli.dataset_validate import validate


@click.group()
def command() -> None:
    """Build training files from records; see what is wrong in them, and what training costs."""


command.add_command(build)
command.add_command(export)
command.add_command(plan)
command.add_command(stats)
command.add_command(validate)
