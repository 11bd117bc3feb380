"""What the environment and the program say about recording and dispatch.

Never a file in the working directory: a program must not change its ways with the folder that it
is started from.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any

from distilgen.errors import ConfigError

RECORDS = ".distilgen/records"
"""Where records go unless told otherwise: below the working directory at the first record."""

_SCHEME = "file:"


@dataclass(frozen=True)
class Settings:
    """records: a folder. client, async_client: the user's own `openai` clients. timeout: seconds
    for one answer of a student.
    """

    records: str = RECORDS
    client: Any = None
    async_client: Any = None
    timeout: float = 30.0


_settings: Settings | None = None


def current() -> Settings:
    """What `configure` said, over what the environment says. Raises ConfigError."""
    global _settings  # noqa: PLW0603 - one process, one configuration
    if _settings is None:
        _settings = _from_environment()
    return _settings


def configure(
    *,
    records: str | os.PathLike[str] | None = None,
    client: Any = None,
    async_client: Any = None,
    timeout: float | None = None,
) -> None:
    """Say where records go and who carries dispatched calls; None leaves a setting as it is.

    records: a folder, or `file:` and a folder. client, async_client: an `openai.OpenAI` and an
    `openai.AsyncOpenAI` (or Azure's) to use instead of ours. timeout: seconds for one answer.
    Wins over `DISTILGEN_RECORDS` and `DISTILGEN_TIMEOUT`. Raises ConfigError.
    """
    from distilgen.runtime import sink  # noqa: PLC0415 - it imports us

    global _settings  # noqa: PLW0603
    said = {
        "records": None
        if records is None
        else folder_of(os.fspath(records), "configure(records=…)"),
        "client": client,
        "async_client": async_client,
        "timeout": None if timeout is None else _seconds(timeout, "configure(timeout=…)"),
    }
    _settings = replace(
        current(), **{key: value for key, value in said.items() if value is not None}
    )
    if records is not None:
        sink.forget()


def is_disabled() -> bool:
    """Does `DISTILGEN_DISABLED` turn recording off? Asked when a module is imported."""
    return os.environ.get("DISTILGEN_DISABLED", "") not in ("", "0")


def folder_of(url: str, origin: str) -> str:
    """The folder that a records URL names. Raises ConfigError for a sink that there is not."""
    if url.startswith(_SCHEME):
        rest = url.removeprefix(_SCHEME)
        url = "/" + rest.lstrip("/") if rest.startswith("///") else rest.removeprefix("//")
        if not url:
            raise ConfigError(f"{origin}: {_SCHEME} names no folder")
        return url
    scheme, colon, _ = url.partition(":")
    if colon and len(scheme) > 1:  # one letter is a Windows drive
        raise ConfigError(
            f"{origin}: there is no sink {scheme}:; name a folder, or file: and a folder"
        )
    return url


def _from_environment() -> Settings:
    url = os.environ.get("DISTILGEN_RECORDS")
    seconds = os.environ.get("DISTILGEN_TIMEOUT")
    settings = Settings()
    if url:
        settings = replace(settings, records=folder_of(url, "DISTILGEN_RECORDS"))
    if seconds:
        settings = replace(settings, timeout=_seconds(seconds, "DISTILGEN_TIMEOUT"))
    return settings


def _seconds(said: str | float, origin: str) -> float:
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise ConfigError(f"{origin}: {said!r} is no number of seconds")
    return seconds
