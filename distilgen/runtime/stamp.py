"""Who a record is and when its call began: an id that sorts by time, and a timestamp.

Both change with the millisecond, and making their texts costs more than writing a small record. So
they are made once a millisecond, for one function at a time, and the calls within it are told apart
by a counter: a UUID of version 7 whose 12 bits behind the time count, and whose 62 random bits are
new in every millisecond (RFC 9562, 6.2, method 1).
"""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MILLISECOND = 1_000_000
"""Nanoseconds."""

DIGITS = tuple(b"%03x" % number for number in range(4096))
"""What a count looks like in an id."""


class Stamp(NamedTuple):
    """The texts of one millisecond. since, until: its nanoseconds on `time.perf_counter_ns`.
    ahead, behind: what stands around a count's digits in a record. counted: gives the next.
    """

    since: int
    until: int
    ahead: bytes
    counted: Callable[[], int]
    behind: bytes

    def head(self) -> bytes:
        """The beginning of a record, up to its `elapsed_ms`. Raises IndexError when no count is
        left.
        """
        return self.ahead + DIGITS[self.counted()] + self.behind


NEVER = Stamp(0, 0, b"", itertools.count().__next__, b"")
"""The stamp of no time."""


def stamp(start: int, who: bytes) -> Stamp:
    """The stamp of the millisecond that holds `start`, nanoseconds on `time.perf_counter_ns`.

    who: the members that tell function, contract and source, as JSON without braces.
    """
    at = time.time_ns() - (time.perf_counter_ns() - start)
    millisecond, rest = divmod(at, MILLISECOND)
    seconds, thousandth = divmod(millisecond, 1000)
    told = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    clock = f"{millisecond:012x}"
    noise = int.from_bytes(os.urandom(10))
    random = f"{noise >> 16 & (1 << 62) - 1 | 1 << 63:016x}"
    return Stamp(
        start - rest,
        start - rest + MILLISECOND,
        f'{{"id":"{clock[:8]}-{clock[8:]}-7'.encode(),
        itertools.count(noise & 0x7FF).__next__,  # the first digits tell functions apart, mostly
        f'-{random[:4]}-{random[4:]}","at":"{told}.{thousandth:03}Z",'.encode() + who + b",",
    )
