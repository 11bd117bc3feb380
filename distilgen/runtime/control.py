"""Which calls are recorded: what the program says at a place, and how many of them; and what became
of them.
"""

from __future__ import annotations

import threading
import time
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from distilgen.records.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.runtime.settings import Settings


class WithheldError(Exception):
    """A record could not be redacted: it is not written."""


class Off:
    """Nothing is recorded here. call: the recorded call that this is in, if any."""

    def __init__(self, call: Any) -> None:
        self.call = call


inside: Final[ContextVar[Any]] = ContextVar("distilgen", default=None)
"""The recorded call that the running code is in, an `Off`, or None."""


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Record calls inside of this block, or do not; blocks may be nested.

    It holds for this thread, or this asyncio task and those that it starts. A thread that is
    started inside records as it would anywhere.
    """
    before = inside.get()
    call = before.call if isinstance(before, Off) else before
    inside.set(call if on else Off(call))
    try:
        yield
    finally:
        inside.set(before)


@dataclass(frozen=True)
class Counts:
    """What became of one function's calls in this process. recorded: they left a record, in a file
    or in the spool. lost: they should have, and `why` says why the last did not. withheld: of them,
    those that could not be redacted. unsampled: the settings did not want them. asked: questions to
    the student; failed: of them, those without an answer. agreed, disagreed: those that the teacher
    answered, too. unasked: there was too much to ask already.
    """

    recorded: int = 0
    lost: int = 0
    withheld: int = 0
    unsampled: int = 0
    why: str = ""
    asked: int = 0
    failed: int = 0
    agreed: int = 0
    disagreed: int = 0
    unasked: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Both together; the reason is the first one's, where it has any."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        added: list[Any] = [one or two if isinstance(one, str) else one + two for one, two in pairs]
        return Counts(*added)


class Counting(Protocol):
    """A recorder, as it is known here."""

    def counts(self) -> Counts:
        """What became of its calls."""

    def settle(self) -> None:
        """Ask the settings and the sink again: they changed, or the process did."""

    def forget(self) -> None:
        """Count from nought."""

    @property
    def name(self) -> str:
        """Its function, `module:qualname`."""


recorders: Final[weakref.WeakSet[Counting]] = weakref.WeakSet()
"""Those of this process; students, too, count what they are asked."""


def all_recorders() -> list[Counting]:
    """Those of this process, while other threads may import more."""
    while True:
        try:
            return list(recorders)
        except RuntimeError:  # one has just come
            continue


def counters() -> dict[str, Counts]:
    """What became of the calls of each function of this process, by `module:qualname`."""
    found: dict[str, Counts] = {}
    for recorder in sorted(all_recorders(), key=lambda one: one.name):
        found[recorder.name] = found.get(recorder.name, Counts()) + recorder.counts()
    return found


def summary(place: str, waiting: int) -> str:
    """What became of all calls, on a line. place: the URL of where records go. waiting: how many of
    them are not there yet.
    """
    counts = counters()
    recorded = sum(one.recorded for one in counts.values())
    lost = {name: one for name, one in counts.items() if one.lost}
    functions = sum(one.recorded > 0 for one in counts.values())
    text = f"distilgen: {_counted(recorded, 'call')} of {_counted(functions, 'function')} recorded"
    text += f" in {without_password(place)}"
    unsampled = sum(one.unsampled for one in counts.values())
    if unsampled:
        text += f", {_counted(unsampled, 'call')} not sampled"
    if waiting:
        text += f", {waiting} of them still in the spool"
    for name, one in lost.items():
        text += f"; {_counted(one.lost, 'call')} of {name} lost: {one.why}"
    return text


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def settle() -> None:
    """Every recorder asks the settings and the sink again at its next call."""
    for recorder in all_recorders():
        recorder.settle()


def place_of(text: bytes, purpose: bytes) -> float:
    """Where arguments stand among all that there may be, from 0 to 1: the same in any process.
    purpose: shares of different purposes are of different calls.
    """
    import hashlib  # noqa: PLC0415 - most programs take every call

    digest = hashlib.blake2b(text, digest_size=8, person=purpose).digest()
    return int.from_bytes(digest) / 2**64


class Sampler:
    """Takes a share of one function's calls, and at most so many a minute, as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self.rate = settings.sample
        self.by_arguments = settings.sample_by == "arguments"
        self.budget = settings.budget
        self._lock = threading.RLock()  # a signal handler may call the function, too
        import random  # noqa: PLC0415 - most programs take every call

        self._random = random.Random()  # noqa: S311 - ours, or the program's own seed would change
        self._minute = 0.0
        self._taken = 0

    def takes(self) -> bool:
        """Is the next call one to record, as far as can be told before its arguments are?"""
        if not self.by_arguments and self.rate < 1 and self._random.random() >= self.rate:
            return False
        if self.budget is None or self.by_arguments:
            return True
        return self._affords()

    def takes_arguments(self, text: bytes) -> bool:
        """The same for a call with these arguments: equal ones are all taken, in any process, or
        none is.
        """
        if not self.by_arguments:
            return True
        return place_of(text, b"sample") < self.rate and (self.budget is None or self._affords())

    def _affords(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if not self._minute <= now < self._minute + 60:
                self._minute, self._taken = now, 0
            self._taken += 1
            return self.budget is None or self._taken <= self.budget
