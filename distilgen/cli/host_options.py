"""What the commands share that talk to a host of fine-tuning: which one, as whom, about what."""

from __future__ import annotations

import functools
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import hosts, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.training.host import Host

STOPPED = 130
"""The exit code after Ctrl-C, as everywhere."""

_ID = re.compile(r"[^\s/?#%\\]+")

provider = click.option(
    "--provider",
    metavar="NAME",
    help="openai (the default), azure, nebius, or a profile in [tool.distilgen.providers.NAME].",
)
limit = click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="The first so many."
)
everything = click.option("--all", "everything", is_flag=True, help="All there are.")
poll = click.option(
    "--poll", type=click.FloatRange(min=0), default=10.0, show_default=True,
    help="With --follow: seconds between two looks.",
)  # fmt: skip
force = click.option("--force", is_flag=True, help="Replace the file, if there is one.")


def _checked(context: click.Context, option: click.Parameter, said: Any) -> Any:
    for name in said if isinstance(said, tuple) else (said,):
        if name is not None and not (_ID.fullmatch(name) and name.strip(".")):
            raise click.BadParameter(f"{name!r} is no id of a host", context, option)
    return said


job_id = click.argument("id_", metavar="ID", callback=_checked)
file_id = click.argument("id_", metavar="FILE_ID", callback=_checked)
file_ids = click.argument("ids", metavar="FILE_ID...", nargs=-1, required=True, callback=_checked)
validation_id = click.option(
    "--validation-id", metavar="FILE_ID", callback=_checked,
    help="A file on the host to validate with.",
)  # fmt: skip


def pairs(context: click.Context, option: click.Parameter, said: tuple[str, ...]) -> dict[str, str]:
    """The value of an option that has been given as KEY=VALUE, any number of times."""
    for item in said:
        if "=" not in item.lstrip("="):
            raise click.BadParameter(f"{item!r} is not KEY=VALUE", context, option)
    return dict(item.split("=", 1) for item in said)


def hosted(function: Callable[..., int]) -> Callable[..., int]:
    """The options that say which host is meant: the command gets `current`, the session, and
    `host`.
    """

    @functools.wraps(function)
    def command(*, provider: str | None, base_url: str | None, folder: Path, **given: Any) -> int:
        with options.session(folder) as current:
            host = hosts.host_of(current.project.config, provider, base_url)
            with host.client:
                return function(current=current, host=host, **given)

    made: Callable[..., int] = command
    for decorate in reversed((provider, options.base_url, options.project)):
        made = decorate(made)
    return made


@contextmanager
def coming_back(host: Host, command: str, goes_on: str) -> Iterator[None]:
    """While something is waited for. goes_on: what goes on when Ctrl-C ends that. command: by which
    one comes back to it, but for the options that lead to the host.
    """
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"{goes_on}; come back with: distilgen {command}{host.options}", err=True)
        raise click.exceptions.Exit(STOPPED) from None
