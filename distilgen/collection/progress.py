"""What the user sees of a collection: a bar that grows, and at the end what went wrong."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from distilgen.collection.given import as_json
from distilgen.collection.mapping import OURS, TEXT
from distilgen.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.collection.feed import Ended
    from distilgen.collection.given import Given, Refused

FEW = 10
"""Inputs that went wrong, of which the end tells; there may be a file of all."""

_EVERY_S = 0.1
_LATELY_S = 30.0
_LONG = 300
_BAR = 20  # columns


class Progress:
    """Counts inputs, and keeps the first that went wrong; see `runner.Told`.

    total: how many inputs there are, where that is known. failures: a file of all that went wrong.
    hides: the typed values of an input must not be written down. is_shown: on a terminal. clock:
    seconds.
    """

    def __init__(
        self,
        total: int | None,
        failures: BinaryIO | None = None,
        *,
        hides: bool = False,
        is_shown: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.first: list[str] = []
        self.calls = self.failed = self.refusals = self._passed = 0
        self._failures, self._hides, self._is_shown, self._clock = failures, hides, is_shown, clock
        self._began = self._said = clock()
        self._lately: tuple[float, int] = (self._began, 0)
        self._earlier = self._lately

    def refused(self, refused: Refused) -> None:
        """An input cannot be run."""
        self.refusals += 1
        self._keep(f"{refused.origin}: {refused.reason}")
        if refused.arguments:
            error = {"type": "refused", "message": refused.reason}
            self._write(_raw(refused), refused.origin, error)
        self._show()

    def ended(self, ended: Ended) -> None:
        """A call was made."""
        self.calls += 1
        if ended.failure is not None:
            self.failed += 1
            given = ended.call.given
            self._keep(f"{given.origin}: {_line(str(ended.failure))}")
            error = {"type": ended.failure.type, "message": ended.failure.message}
            text = _raw(given) if self._hides else ended.call.text
            self._write(text, given.origin, error)
        self._show()

    def passed(self) -> None:
        """An input needs no call."""
        self._passed += 1
        self._show()

    def close(self) -> None:
        """Take the line away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def line(self) -> str:
        """Where the collection is: how many inputs, failures, calls a second and what is left;
        where the total is known, behind a bar.
        """
        now = self._clock()
        done = self.calls + self.refusals + self._passed
        parts = [f"{done:,}"]
        if self.total is not None:
            total = max(self.total, done, 1)
            bar = "#" * (_BAR * done // total)
            parts = [f"[{bar:.<{_BAR}}] {done:,}/{total:,}"]
        if self.failed or self.refusals:
            parts.append(f"{self.failed + self.refusals:,} failed")
        speed = self._speed(now, self.calls)
        if speed:
            parts.append(f"{speed:.1f} calls/s")
        left = (self.total or 0) - done
        if speed and left > 0:
            parts.append(f"{_duration(left / speed)} left")
        return "   ".join(parts)

    def _speed(self, now: float, calls: int) -> float:
        """Calls a second of late."""
        if now - self._lately[0] > _LATELY_S:
            self._earlier, self._lately = self._lately, (now, calls)
        since, before = self._earlier
        return (calls - before) / (now - since) if now > since else 0.0

    def _keep(self, text: str) -> None:
        if len(self.first) < FEW:
            self.first.append(text)

    def _write(self, arguments: bytes, origin: str, error: dict[str, Any]) -> None:
        if self._failures is None:
            return
        told = as_json({f"{OURS}origin": origin, f"{OURS}error": error})
        row = arguments[:-1] + (b"," if arguments != b"{}" else b"") + told[1:]
        try:
            self._failures.write(row + b"\n")
        except OSError as full:
            raise CollectError(
                f"--failures cannot be written: {full.strerror or full}; what was done stays done"
            ) from full

    def _show(self) -> None:
        if self._is_shown and self._clock() >= self._said:
            self._said = self._clock() + _EVERY_S
            room = shutil.get_terminal_size().columns - 1  # a line that is folded stays
            sys.stderr.write(f"\r{self.line()[:room]}\x1b[K")
            sys.stderr.flush()


def _raw(item: Given | Refused) -> bytes:
    """The values of an input as they were found, as a JSON object that can be an input again."""
    values = {k: v for k, v in item.arguments.items() if not k.startswith(OURS)}
    if item.is_text:
        values[TEXT] = True
    return as_json(values)


def _line(text: str) -> str:
    """A message on one line that is not too long."""
    whole = " ".join(text.split())
    return whole if len(whole) <= _LONG else f"{whole[:_LONG]}…"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
