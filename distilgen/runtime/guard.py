"""A circuit breaker for one function and model: when the student fails too often, or agrees with
the teacher too seldom, calls go to the teacher for a while.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
import uuid
import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from distilgen.agreement import quantile, wilson
from distilgen.runtime.sayings import say
from distilgen.runtime.shared_file import SharedFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")

State = Literal["closed", "open", "trying"]
"""closed: the student answers. open: the teacher does. trying: one call at a time is a probe."""

FEWEST = 20
"""Failures are counted against so many outcomes at least, and so many pairs are waited for: one
alone says little.
"""

LONGEST = 32
"""A pause grows to so many times its first length."""

RESTED = 10
"""After so many pauses without trouble, or `window` good outcomes, the next is a first one."""

_FRESH_S = 1.0
"""How old a copy of the shared state may be."""

_ROUNDING = 1e-9
"""0.29 * 100 is a little less than 29."""


@dataclass(frozen=True)
class Limits:
    """When calls go back to the teacher. min_agreement: the share of pairs in which student and
    teacher must agree, for sure; None: any. max_failures: the share of questions that may fail;
    None: all. window: how many outcomes and pairs count, the last ones. pause: seconds until the
    student is tried again. Raises ValueError.
    """

    min_agreement: float | None = None
    max_failures: float | None = 0.5
    window: int = 200
    pause: float = 60.0

    def __post_init__(self) -> None:
        if self.min_agreement is not None and not 0 <= self.min_agreement < 1:
            raise ValueError(
                f"min_agreement: {self.min_agreement!r} is no share from 0 to below 1, which no "
                "number of pairs could prove"
            )
        if self.max_failures is not None and not 0 <= self.max_failures <= 1:
            raise ValueError(f"max_failures: {self.max_failures!r} is no share from 0 to 1")
        if self.window < 1:
            raise ValueError(f"window: {self.window!r} is less than 1")
        if not 0 < self.pause < math.inf:
            raise ValueError(f"pause: {self.pause!r} is no number of seconds above 0")

    @property
    def proof(self) -> int:
        """How many pairs prove `min_agreement`, if all agree."""
        share = self.min_agreement
        if not share:
            return 1
        pairs = max(1, math.ceil(quantile() ** 2 * share / (1 - share)) - 1)
        while wilson(pairs, pairs)[0] < share:
            pairs += 1
        return pairs


class Guard:
    """Says whether the student may answer. Any thread may ask, and a signal handler; its state is
    this process's, or that of all which share a file. Events are logged here.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        shared: SharedState | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """name: of the function and model, for the log and in the file."""
        self.name = name
        self._limits = limits
        self._shared = shared
        self._clock = clock
        self._breaker = Breaker(limits)
        self._read = -math.inf
        self._who = uuid.uuid4().hex
        self._lock = threading.RLock()
        _guards.add(self)

    def admits(self) -> bool:
        """May the student answer the next call? If so, say what became of it: `asked`, or
        `gave_up`.
        """
        if self._shared is not None:
            self._refresh()
        breaker = self._breaker
        if not breaker.is_open:
            return True
        if not breaker.may_be_tried(self._clock()):
            return False
        return self._change(lambda now, breaker: breaker.admits(now, self._who))

    def asked(self, ok: bool) -> str:
        """The student answered, or failed. Returns the text of the event that this is, or "".

        While a probe of this process is out, this is taken for its outcome.
        """
        return self._said(self._change(lambda now, breaker: breaker.asked(now, self._who, ok)))

    def compared(self, agrees: bool) -> str:
        """Student and teacher answered the same call. Returns as `asked`."""
        return self._said(self._change(lambda now, breaker: breaker.compared(now, agrees)))

    def gave_up(self) -> None:
        """An admitted call has no outcome: another may be tried."""
        if self._breaker.prober == self._who:
            self._change(lambda _, breaker: breaker.gave_up(self._who))

    @property
    def state(self) -> State:
        """What holds now."""
        if self._shared is not None:
            self._refresh()
        return self._breaker.state(self._clock())

    @property
    def reason(self) -> str:
        """Why it opened; nothing while closed."""
        return self._breaker.reason

    @property
    def until(self) -> float:
        """When the pause is over, as `time.time`; 0 while closed."""
        return self._breaker.until

    def after_fork(self) -> None:
        """In the child: the parent's probe is not the child's."""
        self._lock = threading.RLock()
        self._breaker.gave_up(self._who)
        self._who = uuid.uuid4().hex

    def _refresh(self) -> None:
        if self._shared is None or 0 <= self._clock() - self._read < _FRESH_S:
            return
        self._read = self._clock()  # first: other threads need not wait
        found = self._shared.read(self.name, self._limits)
        if found is not None:
            self._breaker = found

    def _change(self, step: Callable[[float, Breaker], T]) -> T:
        """Take a step in the shared state, or in this process's where there is no other."""
        if self._shared is not None:
            changed = self._shared.change(self.name, self._limits, lambda b: step(self._clock(), b))
            if changed is not None:
                self._breaker, result = changed
                self._read = self._clock()
                return result
        with self._lock:
            return step(self._clock(), self._breaker)

    def _said(self, event: str) -> str:
        if event:
            level = logging.INFO if event.startswith("closed") else logging.WARNING
            say(level, "%s: %s", self.name, event)
        return event


class SharedState:
    """The states of guards in an SQLite file, for all processes of this machine. Where it cannot be
    used, each process goes on by itself, from what it knew last.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = SharedFile(path, _TABLE, "each process guards its own calls")

    def read(self, name: str, limits: Limits) -> Breaker | None:
        """The state of a guard; None: the file cannot be used now."""
        return self._file.run(partial(_read, name, limits))

    def change(
        self, name: str, limits: Limits, step: Callable[[Breaker], T]
    ) -> tuple[Breaker, T] | None:
        """Change the state of a guard while nobody else does: the state, and what `step` returned;
        None: the file cannot be used now.
        """
        return self._file.run(partial(_changed, name, limits, step))

    def close(self) -> None:
        """Share nothing from now on."""
        self._file.close()


_states: dict[str, SharedState] = {}


def state_at(path: str) -> SharedState:
    """The state in a file, one for all guards of this process."""
    return _states.setdefault(path, SharedState(path))


_TABLE = "CREATE TABLE IF NOT EXISTS distilgen_guards (name TEXT PRIMARY KEY, state TEXT NOT NULL)"
_FIND = "SELECT state FROM distilgen_guards WHERE name = ?"
_KEEP = "INSERT OR REPLACE INTO distilgen_guards (name, state) VALUES (?, ?)"


def _read(name: str, limits: Limits, connection: sqlite3.Connection) -> Breaker:
    found = connection.execute(_FIND, (name,)).fetchone()
    return Breaker(limits) if found is None else Breaker.loads(limits, found[0])


def _changed(
    name: str, limits: Limits, step: Callable[[Breaker], T], connection: sqlite3.Connection
) -> tuple[Breaker, T]:
    connection.execute("BEGIN IMMEDIATE")  # what fails closes the connection, and so undoes it
    breaker = _read(name, limits, connection)
    result = step(breaker)
    connection.execute(_KEEP, (name, breaker.dumps()))
    connection.execute("COMMIT")
    return breaker, result


class Window:
    """The last `size` of a row of good and bad things."""

    __slots__ = ("_bits", "_mask", "count", "size")

    def __init__(self, size: int, bits: int = 0, count: int = 0) -> None:
        self.size = size
        self.count = min(count, size)
        self._mask = (1 << size) - 1
        self._bits = bits & ((1 << self.count) - 1)

    def add(self, good: bool) -> None:
        self._bits = (self._bits << 1 | good) & self._mask
        if self.count < self.size:
            self.count += 1

    @property
    def good(self) -> int:
        return self._bits.bit_count()

    def dump(self) -> list[Any]:
        """As JSON."""
        return [f"{self._bits:x}", self.count]


class Breaker:
    """The rules, and nothing else: times are given, locks are the caller's."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.is_open = False
        self.reason = ""
        self.until = 0.0
        self.prober = ""
        self._proof = limits.proof
        self._fewest = min(FEWEST, limits.window)
        self._pause = 0.0
        self._probe_until = 0.0
        self._closed_at = 0.0
        self._good = 0
        self._empty()

    def state(self, now: float) -> State:
        if not self.is_open:
            return "closed"
        is_tried = not _is_ahead(self.until, now, self._pause) and not self._is_surely_bad()
        return "trying" if is_tried else "open"

    def may_be_tried(self, now: float) -> bool:
        """Is an open one's pause over, and no probe out?"""
        return not (
            _is_ahead(self.until, now, self._pause)
            or _is_ahead(self._probe_until, now, self.limits.pause)
        )

    def admits(self, now: float, who: str) -> bool:
        """May `who` ask the student?"""
        if not self.is_open:
            return True
        if not self.may_be_tried(now):
            return False
        if self._is_surely_bad():
            self._wait(now)
            return False
        self.prober, self._probe_until = who, now + self.limits.pause
        return True

    def asked(self, now: float, who: str, ok: bool) -> str:
        """The event, if `who` asked and got an answer or none."""
        if not self.is_open:
            self.outcomes.add(ok)
            self._good += ok
            return "" if ok else self._judge_failures(now)
        if self.prober != who:  # asked before it opened, or beside the teacher
            return ""
        if not ok:
            return self._open("the student failed again", now)
        if self._is_surely_bad():
            self._wait(now)
            return ""
        self.is_open, self.reason, self.until = False, "", 0.0
        self._closed_at, self._good = now, 0
        self.gave_up(who)
        self._empty()
        return "closed: the student answers again"

    def compared(self, now: float, agrees: bool) -> str:
        """The event, if a pair agrees or does not."""
        self.pairs.add(agrees)
        least = self.limits.min_agreement
        if self.is_open or least is None:
            return ""
        count, good = self.pairs.count, self.pairs.good
        low, high = wilson(good, count)
        # Of few pairs the lower bound is low, however they agree: until the window is full, only
        # what is surely under the limit counts, and that of some pairs at least.
        if count < self._fewest:
            return ""
        if (low if count == self.pairs.size else high) >= least:
            return ""
        reason = (
            f"{good} of {count} answers agree, {100 * good / count:.1f} % "
            f"({100 * low:.1f} % to {100 * high:.1f} %), under {100 * least:g} %"
        )
        return self._open(reason, now)

    def gave_up(self, who: str) -> None:
        """The probe of `who`, if it is out, has no outcome."""
        if self.prober == who:
            self.prober, self._probe_until = "", 0.0

    def dumps(self) -> str:
        """As JSON text."""
        kept = {name: getattr(self, name) for name in _KEPT}
        return json.dumps(
            {**kept, "outcomes": self.outcomes.dump(), "pairs": self.pairs.dump()},
            separators=(",", ":"),
        )

    @classmethod
    def loads(cls, limits: Limits, text: str) -> Breaker:
        """What `dumps` wrote, perhaps under other limits; a new one, if that is not what it is."""
        made = cls(limits)
        try:
            said = json.loads(text)
            kept = {name: type(getattr(made, name))(said[name]) for name in _KEPT}
            windows = [
                Window(known.size, int(bits, 16), count)
                for known, (bits, count) in (
                    (made.outcomes, said["outcomes"]),
                    (made.pairs, said["pairs"]),
                )
            ]
        except (KeyError, TypeError, ValueError):  # another version of ours wrote it
            return made
        made.outcomes, made.pairs = windows
        for name, value in kept.items():
            setattr(made, name, value)
        return made

    def _judge_failures(self, now: float) -> str:
        most, count = self.limits.max_failures, self.outcomes.count
        failed = count - self.outcomes.good
        if most is None or failed <= most * max(count, self._fewest) + _ROUNDING:
            return ""
        reason = f"the student failed {failed} of {count} calls, over {100 * most:g} %"
        return self._open(reason, now)

    def _is_surely_bad(self) -> bool:
        least, pairs = self.limits.min_agreement, self.pairs
        return least is not None and wilson(pairs.good, pairs.count)[1] < least

    def _open(self, reason: str, now: float) -> str:
        if not self.is_open and (
            self._good >= self.limits.window or now - self._closed_at >= RESTED * self._pause
        ):
            self._pause = 0.0
        self.is_open, self.reason = True, reason
        self._wait(now)
        return f"opened: {reason}; calls go to the teacher for {self._pause:g} s"

    def _wait(self, now: float) -> None:
        """A pause, twice as long as the one before."""
        first = self.limits.pause
        self._pause = min(2 * self._pause, LONGEST * first) or first
        self.until = now + self._pause
        self.prober, self._probe_until = "", 0.0
        self._empty()

    def _empty(self) -> None:
        self.outcomes = Window(self.limits.window)
        self.pairs = Window(max(self.limits.window, self._proof))


_KEPT = (
    "is_open", "reason", "until", "prober", "_pause", "_probe_until", "_closed_at", "_good",
)  # fmt: skip


def _is_ahead(moment: float, now: float, seconds: float) -> bool:
    """Is a moment that was set `seconds` ahead still to come? Not if it is twice as far: then the
    clock was set back.
    """
    return now < moment <= now + 2 * seconds


_guards: Final[weakref.WeakSet[Guard]] = weakref.WeakSet()


def _after_fork() -> None:
    for guard in list(_guards):
        guard.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
