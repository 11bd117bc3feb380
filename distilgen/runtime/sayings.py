"""What is said in the log of the runtime: never at the cost of the call that it is said of."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

_log = logging.getLogger("distilgen.runtime")


def warn(message: str, *args: Any) -> None:
    """Log a warning; what a handler raises stays here."""
    say(logging.WARNING, message, *args)


def say(level: int, message: str, *args: Any) -> None:
    """Log something; what a handler raises stays here."""
    with contextlib.suppress(Exception):
        _log.log(level, message, *args)
