"""Which records are asked for: by function, contract, time, source, mode, outcome, condition."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilgen.errors import UsageError
from distilgen.records.record import began_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.records.record import Record
    from distilgen.records.where import Where

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(rf"(\d+(?:\.\d+)?)([{''.join(_UNITS)}])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _any_function(name: str) -> bool:
    del name
    return True


@dataclass(frozen=True)
class Selection:
    """What a record must be; by default anything.

    named: of its function, `module:qualname`. contract: the first digits of its fingerprint.
    since, until: it began then or later, and before. source: who answered. mode: of its rollout.
    failed: it has an error or, where False, none. student_failed: its student gave no answer.
    unequal: it is a student's answer that is not the teacher's. where: it holds for it.
    """

    named: Callable[[str], bool] = _any_function
    contract: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    source: str | None = None
    mode: str | None = None
    failed: bool | None = None
    student_failed: bool = False
    unequal: bool = False
    where: Where | None = None

    @property
    def takes_all(self) -> bool:
        """Is nothing asked of a record?"""
        return self == Selection()

    def takes(self, record: Record) -> bool:
        """Is the record asked for?"""
        return (
            self.named(record.function)
            and record.contract.startswith(self.contract)
            and (self.source is None or record.source == self.source)
            and (self.mode is None or record.mode == self.mode)
            and (self.failed is None or (record.error is not None) is self.failed)
            and (not self.student_failed or record.student_error is not None)
            and (not self.unequal or record.agrees is False)
            and (self.since is self.until is None or self._in_time(record.at))
            and (self.where is None or self.where(record))
        )

    def _in_time(self, at: str) -> bool:
        began = began_at(at)
        return (
            began is not None
            and (self.since is None or began >= self.since)
            and (self.until is None or began < self.until)
        )


def moment(text: str, now: dt.datetime, *, end: bool = False) -> dt.datetime:
    """The time that a user means: ISO's date or time, in UTC unless it says another zone, or how
    long before now: `90s`, `30m`, `3h`, `7d`, `2w`. end: a date means the end of its day. Raises
    UsageError.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now - dt.timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        time = began_at(text)
        if time and end and _DAY.fullmatch(text):
            time += dt.timedelta(days=1)
    except OverflowError:
        time = None
    if time is None:
        raise UsageError(
            f"{text}: is no time; say 2026-11-03, 2026-11-03T14:00 (UTC), or 7d, 3h, 30m ago"
        )
    return time
