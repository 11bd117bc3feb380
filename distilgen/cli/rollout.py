"""`distilgen rollout`: how calls are shared between teacher and student."""

from __future__ import annotations

import click

from distilgen.cli.rollout_set import set_
from distilgen.cli.rollout_status import status


@click.group()
def command() -> None:
    """See how a student does beside its teacher, and give it more or fewer of the calls."""


command.add_command(set_, "set")
command.add_command(status)
