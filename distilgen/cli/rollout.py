"""`distilgen rollout`: how calls are shared between teacher and student."""

from __future__ import annotations

import click


@click.group()
def command() -> None:
    """See how a student does beside its teacher, and give it more or fewer of the calls."""
