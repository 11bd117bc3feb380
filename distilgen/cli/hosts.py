"""Hosts with OpenAI's API: which one is meant, and the client that asks it."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

import click

from distilgen.cli import options
from distilgen.cli.record_lines import printable
from distilgen.config import OPENAI, unknown_provider
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from distilgen.config import Config, Provider
    from distilgen.training.host import Host

_URL = "name its URL with --base-url, or as base_url in [tool.distilgen.providers.{}]"


def profile_of(config: Config, name: str) -> Provider:
    """The profile of a name, of the project's or built in. Raises UsageError."""
    from distilgen.training.shapes import SHAPES  # noqa: PLC0415 - few commands need it

    found = config.profile(name)
    if found is None:
        raise UsageError(f"--provider: {unknown_provider(name, {*config.providers, *SHAPES})}")
    return found


def url_of(config: Config, name: str, base_url: str | None) -> str | None:
    """Where a profile's server is: base_url, which is said, or else as it says; None for the
    client's own. Raises UsageError where nobody says.
    """
    profile = profile_of(config, name)
    url = base_url or profile.base_url
    if url is None and profile.shape != OPENAI:
        raise UsageError(f"{name}: where is it? {_URL.format(name)}")
    return url


def usual_key(config: Config, name: str | None) -> str | None:
    """The variable with the key of a server that is said beside a profile, whose own key is another
    server's: that of its shape; None for the client's own.
    """
    from distilgen.training.shapes import SHAPES  # noqa: PLC0415 - few commands need it

    shape = OPENAI if name is None else profile_of(config, name).shape or OPENAI
    return None if shape == OPENAI else SHAPES[shape].api_key_env


def host_of(config: Config, provider: str | None, base_url: str | None) -> Host:
    """The host that is said: by its profile, by its URL, or both; else OpenAI. Raises UsageError,
    MissingCredentialsError.
    """
    from distilgen.training.host import Host  # noqa: PLC0415 - few commands need them
    from distilgen.training.shapes import SHAPES  # noqa: PLC0415

    name = OPENAI if provider is None else provider
    profile = profile_of(config, name)
    shape = SHAPES[profile.shape or OPENAI]
    url = url_of(config, name, base_url)
    key = None if base_url else profile.api_key_env
    client = options.openai_client(url, key or shape.api_key_env).with_options(max_retries=0)
    if url:  # whose they are, is OpenAI
        client.organization = client.project = None
    said = {"--provider": provider, "--base-url": base_url}
    leading = "".join(f" {option} {shlex.quote(value)}" for option, value in said.items() if value)
    return Host(name, shape, client, sleep=time.sleep, options=leading, told=_tell)


def _tell(line: str) -> None:
    click.echo(printable(line), err=True)
