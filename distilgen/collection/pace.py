"""When the next call may be made: a rate, and the time before another try."""

from __future__ import annotations

import math
import random
import re
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|sec|m|min|h|hour|d|day)\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_FIRST_S, _MOST_S = 1.0, 60.0
_LEAST = 1 / (366 * 86_400)  # calls a second: one a year

_random = random.Random()  # noqa: S311 - ours, or the program's own seed would change


def rate_of(text: str) -> float:
    """Calls a second: of `10/s`, `600/m`, `5000/h`. Raises ValueError."""
    found = _RATE.fullmatch(text)
    rate = float(found[1]) / _SECONDS[found[2][0]] if found else 0.0
    if not _LEAST <= rate < math.inf:
        raise ValueError(f"{text!r} is no rate: say 10/s, 600/m or 5000/h")
    return rate


class Pace:
    """Spaces calls evenly, whoever makes them: never more than `rate` of them begin in a second.
    rate: None for no limit. clock: seconds.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._clock = clock
        self._next = clock()
        self._turn = threading.Lock()

    def due(self) -> float:
        """Take the next place, and say how many seconds it is away."""
        if not self._gap:
            return 0.0
        with self._turn:
            now = self._clock()
            place = max(self._next, now)
            self._next = place + self._gap
            return place - now


def before_retry(tries: int) -> float:
    """Seconds to wait after so many tries: twice as many each time, up to a minute; a random part
    less, so that calls that failed together do not come back together.
    """
    pause = _FIRST_S * float(2 ** min(tries - 1, 10))
    return min(pause, _MOST_S) * _random.uniform(0.5, 1.0)
