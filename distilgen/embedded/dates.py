"""Dates and times out of short texts, in the ways that people and programs write them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from distilgen.embedded.call import ABSENT

_MOST = 48  # characters of a date and a time
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+")
_CLOCK = re.compile(
    r"(?<![0-9])([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6})[0-9]{0,3})?)?"
    r"(?:\s?([AaPp])\.?[Mm]\b\.?)?(?:\s?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero",
            "feb february februar février febrero",
            "mar march märz mär mars marzo",
            "apr april avril abril",
            "may mai mayo",
            "jun june juni juin junio",
            "jul july juli juillet julio",
            "aug august août agosto",
            "sep sept september septembre septiembre",
            "oct october okt oktober octobre octubre",
            "nov november novembre noviembre",
            "dec december dez dezember décembre diciembre",
        ),
        1,
    )
    for name in names.split()
}
_SILENT = frozenset({
    "st", "nd", "rd", "th", "of", "the", "de", "del", "le", "el", "den", "der", "on", "at", "um",
    "t", "mon", "monday", "tue", "tues", "tuesday", "wed", "wednesday", "thu", "thur", "thurs",
    "thursday", "fri", "friday", "sat", "saturday", "sun", "sunday", "mo", "di", "mi", "do", "fr",
    "sa", "so", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag",
    "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche", "lunes", "martes",
    "miércoles", "jueves", "viernes", "sábado", "domingo",
})  # fmt: skip


def date_of(text: str, order: str) -> Any:
    """The date in a text as `2024-03-09`, `ABSENT` where it holds none. order: `ymd`, `dmy` or
    `mdy`, of numbers without a month's name.
    """
    found = _date(text, order)
    return ABSENT if found is None else found.isoformat()


def datetime_of(text: str, order: str) -> Any:
    """Date and time in a text as pydantic writes them, `2024-03-09T17:30:00`, with `Z` or an offset
    where one is written; `ABSENT` where it does not hold both.
    """
    date, clock = _date(text, order), _clock(_CLOCK.search(text[:_MOST]))
    return ABSENT if date is None or clock is ABSENT else f"{date.isoformat()}T{clock}"


def time_of(text: str) -> Any:
    """The time that a text is, `17:30:00` of `5:30 pm`, or `ABSENT`."""
    return ABSENT if len(text) > _MOST else _clock(_CLOCK.fullmatch(text.strip()))


def _clock(found: re.Match[str] | None) -> Any:
    if found is None:
        return ABSENT
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= 12:
            return ABSENT
        hour = hour % 12 + (12 if found[5] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return ABSENT
    fraction = f".{found[4]:0<6}" if found[4] and int(found[4]) else ""
    zone = found[6] or ""
    if zone in ("Z", "UTC", "GMT") or re.fullmatch(r"[+-]00:?00", zone):
        zone = "Z"
    elif zone:
        zone = f"{zone[:3]}:{zone[-2:]}"
    return f"{hour:02}:{minute:02}:{second:02}{fraction}{zone}"


def day_of(text: str) -> Any:
    """The number of a day, whose date begins a text as `2024-03-09`: the 1st of January 1 is 1."""
    try:
        return dt.date.fromisoformat(text[:10]).toordinal() if len(text) >= 10 else ABSENT
    except ValueError:
        return ABSENT


def text_of_day(number: Any) -> Any:
    """The date of a day's number, as `2024-03-09`. Raises ValueError and OverflowError."""
    return dt.date.fromordinal(number).isoformat() if isinstance(number, int) else ABSENT


def _date(text: str, order: str) -> dt.date | None:
    if len(text) > _MOST:
        return None
    clock = _CLOCK.search(text)
    pieces = _PIECE.findall(text[: clock.start()] + " " + text[clock.end() :] if clock else text)
    numbers, month = [], 0
    for piece in pieces:
        if piece.isdigit():
            numbers.append(piece)
        elif (named := _MONTHS.get(piece.lower())) and not month:
            month = named
        elif piece.lower() not in _SILENT:
            return None
    if not month and len(numbers) == 1 and len(numbers[0]) == 8:
        joined = numbers[0]
        numbers = [joined[:4], joined[4:6], joined[6:]]
    parts = _parts(numbers, month, order)
    if parts is None:
        return None
    try:
        return dt.date(*parts)
    except ValueError:
        return None


def _parts(numbers: list[str], month: int, order: str) -> tuple[int, int, int] | None:
    """Year, month and day."""
    if len(numbers) != (2 if month else 3) or any(len(number) > 4 for number in numbers):
        return None
    if len(numbers[0]) == 4:
        order = "ymd"
    elif order == "ymd" and len(numbers[-1]) == 4:
        return None
    if month:
        order = order.replace("m", "")
    by = dict(zip(order, numbers, strict=True))
    if len(by["y"]) not in (2, 4) or len(by["d"]) > 2:
        return None
    year = int(by["y"])
    if len(by["y"]) == 2:  # as POSIX has it, strptime's %y
        year += 1900 if year >= 69 else 2000
    return year, month or int(by["m"]), int(by["d"])


def named(word: str) -> bool:
    """Whether a word is a month's name."""
    return word.lower() in _MONTHS
