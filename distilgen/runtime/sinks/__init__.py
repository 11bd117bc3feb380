"""Where records go: the sink of this process, by the URL that the settings name."""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import TYPE_CHECKING

from distilgen.records import urls
from distilgen.runtime import beside, settings

if TYPE_CHECKING:
    from distilgen.runtime.settings import Settings
    from distilgen.runtime.sinks.sink import Sink

_sink: Sink | None = None
_lock = threading.RLock()


def current() -> Sink:
    """The sink of this process. Raises ConfigError."""
    global _sink  # noqa: PLW0603 - one process, one sink
    if _sink is None:
        with _lock:
            if _sink is None:
                _sink = opened(settings.current())
    return _sink


def opened(said: Settings) -> Sink:
    """The sink that the settings name, before anything is written. Raises ConfigError."""
    place = urls.place_of(said.records, "records")
    if place.kind == urls.FILES:
        from distilgen.runtime.sinks.files import FileSink  # noqa: PLC0415 - one of several

        return FileSink(place.rest)
    if place.kind == urls.LOGGING:
        from distilgen.runtime.sinks.logs import LoggingSink  # noqa: PLC0415

        return LoggingSink(place.rest)
    if place.kind == urls.CALLABLE:
        from distilgen.runtime.sinks.calls import CallableSink  # noqa: PLC0415

        return CallableSink(place.rest)
    from distilgen.runtime.sinks.spool import SpoolSink  # noqa: PLC0415

    return SpoolSink(said)


def forget() -> None:
    """Close the sink; the next record asks the settings again."""
    global _sink
    with _lock:
        known, _sink = _sink, None
    if known is not None:
        known.close()


def flush(seconds: float | None = None) -> int:
    """Have the students answer what they are asked beside the program's own work, and bring what
    was recorded to its place, in at most so many seconds, or as many as the settings say; how many
    questions and records are still on their way.
    """
    if seconds is None:
        seconds = settings.current().flush_seconds
    ends = time.monotonic() + seconds
    left = beside.drain(seconds)
    seconds = max(ends - time.monotonic(), 0.0)
    return left + (0 if _sink is None else _sink.flush(seconds))


def _after_fork() -> None:
    # The parent may have held a lock in another thread.
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    if _sink is not None:
        _sink.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _end() -> None:
    beside.finish(settings.current().flush_seconds)
    forget()
