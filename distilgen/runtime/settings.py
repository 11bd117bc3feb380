"""What the environment and the program say about recording and dispatch.

Never a file in the working directory: a program must not change its ways with the folder that it
is started from. Environment and working directory are those of the moment when the first contract
decorates a function, or the first question is asked, so that a program may change both afterwards.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.errors import ConfigError
from distilgen.records.urls import FILES, SQL, absolute, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RECORDS = ".distilgen/records"
"""Where records go unless told otherwise: below the working directory."""

SPOOL = ".distilgen/spool"
"""Where records wait that go to another machine: below the working directory."""


MODES = ("record", "shadow", "canary", "fallback", "dispatch")
"""How calls are routed; see `rollout`."""


class Override(NamedTuple):
    """What an operator says of some functions. pattern: a glob of `module:qualname`, or of the
    qualified name. share: of the calls, where it was said.
    """

    pattern: str
    mode: str
    share: float | None


@dataclass(frozen=True)
class Settings:
    """What holds for this process; see `configure`. records: a URL, its paths absolute."""

    records: str = RECORDS
    spool: str = SPOOL
    flush_seconds: float = 5.0
    limit: int = 256 * 1024
    sample: float = 1.0
    sample_by: str = "call"
    budget: int | None = None
    nested: str = "all"
    redact: tuple[str, ...] = ()
    redact_names: tuple[str, ...] = ()
    redact_with: Callable[[str, str], Any] | None = None
    spans: bool = False
    report: bool = False
    client: Any = None
    async_client: Any = None
    timeout: float | None = None
    retries: int | None = None
    reasks: int | None = None
    mode: tuple[Override, ...] = ()
    guard: str | None = None
    cache: str | None = None
    cache_entries: int = 10_000
    cache_seconds: float = 86_400.0
    join: bool = False
    debug: bool = False


_NEEDED = ("records", "spool", "redact", "redact_names", "redact_with")
"""Without these right, nothing is recorded: no default would do."""

_SWITCHES: dict[Any, bool] = {
    **dict.fromkeys((True, "1", "true", "yes", "on"), True),
    **dict.fromkeys((False, "0", "false", "no", "off", ""), False),
}

_log = logging.getLogger("distilgen.runtime")
_wrong: dict[str, str] = {}
_said: tuple[dict[str, str], str] | None = None
_settings: Settings | None = None
_turn = 0


def take_environment() -> None:
    """Remember what the environment says, and the working directory, unless that was done."""
    global _said  # noqa: PLW0603 - one process, one environment
    if _said is None:
        try:
            folder = os.getcwd()  # noqa: PTH109 - Path() would ask for it again, later
        except OSError:  # it is gone
            folder = ""
        said = {key: value for key, value in os.environ.items() if key.startswith("DISTILGEN_")}
        _said = said, folder


def current() -> Settings:
    """What `configure` said, over what the environment says. What is wrong there is not heeded, and
    said once, here or by `check`.
    """
    global _settings  # noqa: PLW0603 - one process, one configuration
    if _settings is None:
        take_environment()
        said, _ = _said or ({}, "")
        read: dict[str, Any] = {}
        for name in Settings.__dataclass_fields__:
            variable = f"DISTILGEN_{name.upper()}"
            if said.get(variable):
                try:
                    read.update(_checked({name: said[variable]}, variable))
                except ConfigError as error:
                    _wrong[name] = str(error)
                    if name not in _NEEDED:
                        _log.warning("%s; the default holds", error)
        _settings = replace(_absolute(Settings()), **read)
    return _settings


def check() -> None:
    """Raises ConfigError where the environment is wrong about where records go, or what must not be
    in them: there is no default that would do.
    """
    current()
    for name in _NEEDED:
        if name in _wrong:
            raise ConfigError(_wrong[name])


def forget() -> None:
    """Know nothing again: neither the environment nor what `configure` said."""
    global _said, _settings  # noqa: PLW0603
    _said = _settings = None
    _wrong.clear()
    _count_up()


def configure(
    *,
    records: str | os.PathLike[str] | None = None,
    spool: str | os.PathLike[str] | None = None,
    flush_seconds: float | None = None,
    limit: int | None = None,
    sample: float | None = None,
    sample_by: str | None = None,
    budget: int | None = None,
    nested: str | None = None,
    redact: Sequence[str] | str | None = None,
    redact_names: Sequence[str] | str | None = None,
    redact_with: Callable[[str, str], Any] | None = None,
    spans: bool | None = None,
    report: bool | None = None,
    client: Any = None,
    async_client: Any = None,
    timeout: float | None = None,
    retries: int | None = None,
    reasks: int | None = None,
    mode: str | None = None,
    guard: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    cache_entries: int | None = None,
    cache_seconds: float | None = None,
    join: bool | None = None,
    debug: bool | None = None,
) -> None:
    """Say how calls are recorded, who answers them and how; None leaves a setting as it is.

    records: a folder or a URL, see `distilgen.records.urls`. spool: the folder where records wait
    for a place that is not a folder. flush_seconds: how long the end of the program may wait for
    them. limit: bytes of one record; larger arguments and results are left out, and their size is
    told. sample: the share of calls to record, 0 to 1. sample_by: `call`, or `arguments`: the same
    calls in every process. budget: records a minute of each function in a process. nested: `all`,
    or `outermost`: not those that a function makes to itself. redact: names of patterns, or `all`.
    redact_names: names of parameters and fields, `*` allowed. redact_with: gets the path and the
    text of each string, gives the text to record, or spans of it: start, end and label. spans: a
    span of OpenTelemetry for each call. report: a line on standard error when the program ends.
    client, async_client: an `openai.OpenAI` and an `openai.AsyncOpenAI` (or Azure's) to use instead
    of ours; questions in the background go through the first. timeout: seconds for an answer, all
    tries together. retries: how often a question is sent again that did not get through; the
    client's own number by default. reasks: how often an answer that is none is asked for again.
    mode: over what the decorators say: one of `MODES`, with a share of the calls where it takes one
    (`canary:5%`); for some functions only by `shop.mail:reply=record`; several with commas. guard:
    a file in which the processes of a machine share what they know of a student that does badly.
    cache: `memory` or `sqlite:///PATH`: answers that are kept, `cache_entries` of them for
    `cache_seconds`. join: equal calls that are made at once ask once. debug: print what is asked
    and answered.

    Wins over the environment, which says the same by `DISTILGEN_RECORDS` and so on. Raises
    ConfigError; then nothing is changed.
    """
    from distilgen.runtime import control, sinks  # noqa: PLC0415 - they import us

    global _settings  # noqa: PLW0603
    said = {key: value for key, value in locals().items() if key in Settings.__dataclass_fields__}
    given = {key: value for key, value in said.items() if value is not None}
    _settings = replace(current(), **_checked(given, "configure({}=…)"))
    for name in given:
        _wrong.pop(name, None)
    if not given.keys().isdisjoint(("records", "spool")):
        sinks.forget()
    _count_up()
    control.settle()


def turn() -> int:
    """Another number after each change of the settings."""
    return _turn


def _count_up() -> None:
    global _turn  # noqa: PLW0603
    _turn += 1


def is_disabled() -> bool:
    """Does `DISTILGEN_DISABLED` turn recording off? Asked when a module is imported."""
    try:
        return _switch(os.environ.get("DISTILGEN_DISABLED", ""), "DISTILGEN_DISABLED")
    except ConfigError:  # who says anything wants it off
        return True


def _checked(said: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Settings as they were said, as they are kept. origin: `{}` stands for the name. Raises
    ConfigError.
    """
    return {
        name: _READERS[name](value, origin.format(name)) if name in _READERS else value
        for name, value in said.items()
    }


def _switch(said: Any, origin: str) -> bool:
    known = _SWITCHES.get(said if isinstance(said, bool) else str(said).lower())
    if known is None:
        raise ConfigError(f"{origin}: {said!r} is neither 1 nor 0")
    return known


def _absolute(settings: Settings) -> Settings:
    return replace(
        settings, records=_url(settings.records, "records"), spool=_path(settings.spool, "spool")
    )


def _path(said: str | os.PathLike[str], origin: str) -> str:
    if not isinstance(said, str | os.PathLike):
        raise ConfigError(f"{origin}: {said!r} is no path")
    take_environment()
    return os.path.join(_said[1] if _said else "", os.fspath(said))  # noqa: PTH118 - text to text


def _url(said: str | os.PathLike[str], origin: str) -> str:
    if not isinstance(said, str | os.PathLike):
        raise ConfigError(f"{origin}: {said!r} is no folder and no URL")
    place = place_of(os.fspath(said), origin)
    if place.kind == FILES:
        return _path(place.rest, origin)
    return absolute(place.rest, _path("", origin)) if place.kind == SQL else os.fspath(said)


def _number(said: Any, origin: str, what: str, low: float, high: float = math.inf) -> float:
    """A number between two others, both included but for infinity. Raises ConfigError."""
    try:
        number = math.nan if isinstance(said, bool) else float(said)
    except (TypeError, ValueError):
        number = math.nan
    if not (low <= number <= high and number < math.inf):
        raise ConfigError(f"{origin}: {said!r} is no {what}")
    return number


def _seconds(said: Any, origin: str) -> float:
    return _number(said, origin, "number of seconds", 0)


def _timeout(said: Any, origin: str) -> float:
    return _number(said, origin, "number of seconds", 1e-9)


def _part(text: str, origin: str) -> float:
    """A share of calls: `10%`, `10 %` or 0.1. Raises ConfigError."""
    what = "share of calls: write 10% or 0.1"
    if text.strip().endswith("%"):
        return _number(text.strip()[:-1], origin, what, 0, 100) / 100
    share = _number(text, origin, what, 0, 1)
    if share and "." not in text:  # all, or one of a hundred?
        raise ConfigError(f"{origin}: {text!r} is no {what}")
    return share


def _natural(said: Any, origin: str) -> int:
    number = _number(said, origin, "whole number, 0 or more", 0)
    if number % 1:
        raise ConfigError(f"{origin}: {said!r} is no whole number, 0 or more")
    return int(number)


def _modes(said: Any, origin: str) -> tuple[Override, ...]:
    if isinstance(said, tuple):
        return said
    parts = [part.strip() for part in str(said).split(",") if part.strip()]
    if not origin.startswith("DISTILGEN_"):
        return tuple(_override(part, origin) for part in parts)
    found = []
    for part in parts:  # an operator is in a hurry: what is right holds, whatever else is wrong
        try:
            found.append(_override(part, origin))
        except ConfigError as error:
            _log.warning("%s; this part of it is not heeded", error)
    return tuple(found)


def _override(said: str, origin: str) -> Override:
    pattern, named, rest = said.rpartition("=")
    mode, colon, share = rest.strip().partition(":")
    mode = mode.strip().lower()
    if mode not in MODES:
        raise ConfigError(f"{origin}: {said!r}: {mode!r} is none of {', '.join(MODES)}")
    if colon and mode not in ("shadow", "canary", "fallback"):
        raise ConfigError(f"{origin}: {mode} takes no share")
    part = _part(share, origin) if colon else None
    return Override(pattern.strip() if named else "*", mode, part)


def _client(said: Any, origin: str) -> Any:
    """A client that asks in the way that the setting's name says. Raises ConfigError."""
    if not hasattr(getattr(getattr(said, "chat", None), "completions", None), "create"):
        raise ConfigError(f"{origin}: {said!r} is no client of openai's")
    openai = sys.modules.get("openai")
    other = "AsyncOpenAI" if "async" not in origin else "OpenAI"
    if openai is not None and isinstance(said, getattr(openai, other, ())):
        raise ConfigError(f"{origin}: an {other} is for the other setting")
    return said


def _guard(said: Any, origin: str) -> str:
    """A file, or as for `cache` and `records` its `sqlite:///` URL. Raises ConfigError."""
    if not isinstance(said, str | os.PathLike) or str(said).lower() in _SWITCHES:
        raise ConfigError(f"{origin}: {said!r} is no file")
    if "://" not in str(said):
        return _path(said, origin)
    from distilgen.runtime.cache import cache_path  # noqa: PLC0415 - seldom asked for

    return cache_path(str(said), origin, _path("", origin)) or ""


def _cache(said: Any, origin: str) -> str:
    if not isinstance(said, str | os.PathLike):
        raise ConfigError(f"{origin}: {said!r} is no cache; say memory or sqlite:///FILE")
    from distilgen.runtime.cache import MEMORY, cache_path  # noqa: PLC0415 - seldom asked for

    path = cache_path(os.fspath(said), origin, _path("", origin))
    return MEMORY if path is None else f"sqlite:///{path}"


def _share(said: Any, origin: str) -> float:
    return _number(said, origin, "share: a number from 0 to 1", 0, 1)


def _count(said: Any, origin: str) -> int:
    number = _number(said, origin, "whole number, 1 or more", 1)
    if number % 1:
        raise ConfigError(f"{origin}: {said!r} is no whole number, 1 or more")
    return int(number)


def _one_of(*words: str) -> Callable[[Any, str], str]:
    def read(said: Any, origin: str) -> str:
        if said not in words:
            raise ConfigError(f"{origin}: {said!r} is none of {', '.join(words)}")
        return str(said)

    return read


def _words(said: Sequence[str] | str, origin: str) -> tuple[str, ...]:
    parts = said.split(",") if isinstance(said, str) else said
    if not all(isinstance(part, str) for part in parts):
        raise ConfigError(f"{origin}: {said!r} are no words")
    return tuple(word for part in parts if (word := part.strip()))


def _patterns(said: Sequence[str] | str, origin: str) -> tuple[str, ...]:
    from distilgen.runtime import patterns  # noqa: PLC0415 - only where they are asked for

    return patterns.check(_words(said, origin), origin)


def _function(said: Any, origin: str) -> Callable[[str, str], Any]:
    """A callable, or in the environment `package.module:name`. Raises ConfigError."""
    if isinstance(said, str):
        import pkgutil  # noqa: PLC0415 - seldom asked for

        try:
            said = pkgutil.resolve_name(said)
        except Exception as error:
            raise ConfigError(f"{origin}: {said!r} cannot be imported: {error}") from error
    if not callable(said):
        raise ConfigError(f"{origin}: {said!r} cannot be called")
    return said  # type: ignore[no-any-return]


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "records": _url,
    "spool": _path,
    "flush_seconds": _seconds,
    "limit": _count,
    "sample": _share,
    "sample_by": _one_of("call", "arguments"),
    "budget": _count,
    "nested": _one_of("all", "outermost"),
    "redact": _patterns,
    "redact_names": _words,
    "redact_with": _function,
    "spans": _switch,
    "report": _switch,
    "timeout": _timeout,
    "retries": _natural,
    "reasks": _natural,
    "mode": _modes,
    "guard": _guard,
    "client": _client,
    "async_client": _client,
    "cache": _cache,
    "cache_entries": _count,
    "cache_seconds": _timeout,
    "join": _switch,
    "debug": _switch,
}
