"""The end of the program: sinks get some seconds for what they have not brought to its place."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from distilgen.runtime import beside

if TYPE_CHECKING:
    from distilgen.runtime.sinks.spool import SpoolSink

_log = logging.getLogger("distilgen.runtime.sinks")
_sinks: dict[SpoolSink, int] = {}
"""And how many of their records had not arrived when they were flushed last."""

_is_registered = False
_spent = 0.0


def flush_at_exit(sink: SpoolSink) -> None:
    """Flush this one before the program ends."""
    global _is_registered  # noqa: PLW0603 - one process, one end
    if not _is_registered:
        _is_registered = True
        _register()
    _sinks[sink] = 0


def forget(sink: SpoolSink) -> None:
    """Do not flush it any more."""
    _sinks.pop(sink, None)


def _register() -> None:
    """Twice: when the main thread ends, and when all others have ended and no thread can be
    started any more.

    Clients of object stores resolve names in a pool of `concurrent.futures`, which takes no work
    once the main thread has ended: what runs then runs last registered first, so the pools' own
    module has to come before us. Where there is no such place, the second time has to do.
    """
    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        with contextlib.suppress(RuntimeError):  # the main thread has ended already
            import concurrent.futures.thread  # noqa: F401, PLC0415 - registers its end

            register(_flush)
    atexit.register(_flush_and_tell)


def _flush() -> None:
    global _spent  # noqa: PLW0603
    beside.drain(max((sink.seconds for sink in _sinks), default=0.0))  # it leaves records, too
    for sink, left in tuple(_sinks.items()):
        if sink.flush(0) > left:  # else there is nothing new, and the rest was tried
            start = time.monotonic()
            with contextlib.suppress(KeyboardInterrupt):  # who is in a hurry may go
                _sinks[sink] = sink.flush(max(0.0, sink.seconds - _spent))
            _spent += time.monotonic() - start


def _flush_and_tell() -> None:
    _flush()
    for sink in _sinks:
        if left := sink.flush(0):
            _log.warning("%s: %d records wait for the next start", sink.folder, left)
