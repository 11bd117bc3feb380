"""Normalisers: small steps from a value to another, by name, such as `lower`, `number`, `date_dmy`.

A step that does not apply to a value gives `ABSENT`. What a step reads out of a text as a number, a
date or a time is short; longer texts give `ABSENT` too, so that no odd text is slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from distilgen.embedded import dates
from distilgen.embedded.call import ABSENT

Step: TypeAlias = Callable[[Any], Any]

MOST_ITEMS = 10_000
"""Parts of a text, or items of a list, that a step looks at. It does not apply to more."""
_MOST_STEPS = 12
_LONGEST_STEP = 100  # characters
_MOST_NUMBER = 40  # characters of a number with its currency and unit
_WORD = re.compile(r"[^\W_]+")
_PUNCTUATION = " \t\r\n.,;:!?\"'`()[]{}<>*-_/\\|"
_MINUS = ("-", "\u2212")
_SCALES = {
    "k": 3, "tsd": 3, "thousand": 3, "m": 6, "mn": 6, "mio": 6, "million": 6, "b": 9, "bn": 9,
    "mrd": 9, "billion": 9,
}  # fmt: skip
_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty",
)  # fmt: skip
_NUMBER_OF_WORD = {word: number for number, word in enumerate(_WORDS)} | {"a": 1, "an": 1}


def steps(names: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps of these names. Raises ValueError: there is none of a name, or what it is given
    after `=` is not for it; or they are many, or long, as none are that a training finds.
    """
    if len(names) > _MOST_STEPS or any(len(name) > _LONGEST_STEP for name in names):
        raise ValueError("steps without an end")
    return tuple(_step(name) for name in names)


def run(value: Any, functions: tuple[Step, ...]) -> Any:
    """What the steps make of a value, one after the other; `ABSENT` where one does not apply."""
    for function in functions:
        value = function(value)
        if value is ABSENT:
            break
    return value


@lru_cache(maxsize=4096)
def _step(name: str) -> Step:
    if name in _PLAIN:
        return _PLAIN[name]
    word, equals, given = name.partition("=")
    if not equals or word not in _GIVEN:
        raise ValueError(f"there is no step {name!r}")
    return _GIVEN[word](given)


def _of_text(function: Callable[[str], Any]) -> Step:
    def step(value: Any) -> Any:
        return function(value) if isinstance(value, str) else ABSENT

    return step


def _of_number(function: Callable[[Any], Any]) -> Step:
    def step(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ABSENT
        try:
            return function(value)
        except (ArithmeticError, ValueError):
            return ABSENT

    return step


def _of_list(function: Callable[[list[Any]], Any]) -> Step:
    def step(value: Any) -> Any:
        try:
            return function(value) if isinstance(value, list) else ABSENT
        except (TypeError, ValueError, OverflowError):  # such as the largest of numbers and texts
            return ABSENT

    return step


def number(text: str, *, comma: bool = False, scaled: bool = False) -> Any:
    """The number in a text that holds one, with currency, unit and thousands as they come: 12 of
    `EUR 12`, 1234.5 of `$1,234.50`; with comma, of `1.234,50 €`; with scaled, 1500 of `1.5k`. An
    integer where no decimals are written.
    """
    if len(text) > _MOST_NUMBER:
        return ABSENT
    found = [place for place, char in enumerate(text) if "0" <= char <= "9"]
    if not found:
        return ABSENT
    first, last = found[0], found[-1] + 1
    head, body, tail = text[:first], text[first:last], text[last:].strip()
    mark, point = (".", ",") if comma else (",", ".")
    if head.endswith(point):
        head, body = head[:-1], "0." + body if not comma else "0," + body
    whole, dot, decimals = body.partition(point)
    groups = re.split(f"[{re.escape(mark)}'  \u202f_]", whole)
    if not all(re.fullmatch("[0-9]+", group) for group in (*groups, decimals or "0")):
        return ABSENT
    if any(len(group) != 3 for group in groups[1:]) or (len(groups) > 1 and len(groups[0]) > 3):
        return ABSENT
    digits = "".join(groups)
    value: Any = float(f"{digits}.{decimals}") if dot else int(digits)
    if scaled:
        power = _SCALES.get(tail.lower().rstrip("."))
        if power is None:
            return ABSENT
        value = round(value * 10**power, 6)
        value = int(value) if value == int(value) else value
    negative = any(sign in head for sign in _MINUS) or (head.endswith("(") and tail.startswith(")"))
    return -value if negative else value


def _either(text: str) -> Any:
    """The number of a text, by its marks: of two kinds, the last is the decimal one; one kind
    alone is that of thousands where three digits follow it, as `1,234` and `1.234.567`.
    """
    marks = [char for char in text if char in ",."]
    comma = bool(marks) and marks[-1] == ","
    if len(set(marks)) == 1 and marks[-1] == ",":
        value = number(text)
        return number(text, comma=True) if value is ABSENT else value
    if len(marks) > 1 and set(marks) == {"."}:
        return number(text, comma=True)
    return number(text, comma=comma)


def _percent(text: str) -> Any:
    value = number(text.replace("%", ""))
    return ABSENT if value is ABSENT else round(value / 100, 12)


def _of_word(text: str) -> Any:
    return _NUMBER_OF_WORD.get(text.strip().lower(), ABSENT) if len(text) < 12 else ABSENT


def _title(text: str) -> str:
    return " ".join(word.capitalize() for word in text.split(" "))


def _divided(value: Any) -> Any:
    return value / 100


def _part(*, last: bool, after: bool) -> Callable[[str], Step]:
    def given(sep: str) -> Step:
        if not sep:
            raise ValueError("a text has no parts without a separator")

        def step(text: str) -> str:
            head, found, tail = text.rpartition(sep) if last else text.partition(sep)
            if not found:
                return text
            return tail if after else head

        return _of_text(step)

    return given


def _split(sep: str) -> Step:
    def step(text: str) -> Any:
        parts = text.split(sep or None, MOST_ITEMS)
        return parts if len(parts) <= MOST_ITEMS else ABSENT

    return _of_text(step)


def _each(name: str) -> Step:
    inner = _step(name)

    def step(items: list[Any]) -> Any:
        if len(items) > MOST_ITEMS:
            return ABSENT
        made = [inner(item) for item in items]
        return ABSENT if any(item is ABSENT for item in made) else made

    return _of_list(step)


def _joined(sep: str) -> Step:
    def step(items: list[Any]) -> str:
        return sep.join(items)  # no texts: a TypeError

    return _of_list(step)


def _item(given: str) -> Step:
    place = int(given)

    def step(items: list[Any]) -> Any:
        return items[place] if -len(items) <= place < len(items) else ABSENT

    return _of_list(step)


def _small(given: str, most: int = 100_000) -> int:
    value = int(given)
    if not 0 <= value <= most:
        raise ValueError(f"{given} is no number of characters")
    return value


def _head(given: str) -> Step:
    most = _small(given)
    return _of_text(lambda text: text[:most])


def _tail(given: str) -> Step:
    most = _small(given)
    return _of_text(lambda text: text[len(text) - most :] if len(text) > most else text)


def _fixed(given: str) -> Step:
    form = f".{_small(given, 20)}f"
    return _of_number(lambda value: format(value, form))


def _padded(given: str) -> Step:
    form = f"0{_small(given, 40)}d"
    return _of_number(lambda value: format(value, form))


def _count(given: str) -> Step:
    if not given:
        raise ValueError("nothing can be counted")
    return _of_text(lambda text: text.count(given))


def _remainder(given: str) -> Step:
    by = int(given)
    if by <= 0:
        raise ValueError("no number is divided by 0")
    return _of_number(lambda value: value % by)


def _unique(items: list[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def _total(items: list[Any]) -> Any:
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in items):
        return ABSENT
    return sum(items)


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, str | list) else ABSENT


def _digit(given: str) -> Step:
    by = 10 ** _small(given, 30)
    return _of_number(lambda value: abs(value) // by % 10 if isinstance(value, int) else ABSENT)


def _digit_sum(value: Any) -> int:
    return sum(int(digit) for digit in str(abs(value)) if digit.isdigit())


_PLAIN: dict[str, Step] = {
    "strip": _of_text(str.strip),
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "title": _of_text(_title),
    "capitalize": _of_text(str.capitalize),
    "words": _of_text(lambda text: " ".join(text.split())),
    "solid": _of_text(lambda text: "".join(text.split())),
    "bare": _of_text(lambda text: text.strip(_PUNCTUATION)),
    "slug": _of_text(lambda text: "-".join(_WORD.findall(text)).lower()),
    "snake": _of_text(lambda text: "_".join(_WORD.findall(text)).lower()),
    "digits": _of_text(lambda text: "".join(filter(str.isdigit, text))),
    "alnum": _of_text(lambda text: "".join(_WORD.findall(text))),
    "initials": _of_text(lambda text: "".join(word[0] for word in text.split())),
    "reversed": lambda value: value[::-1] if isinstance(value, str | list) else ABSENT,
    "lines": _split("\n"),
    "number": _of_text(number),
    "number_comma": _of_text(lambda text: number(text, comma=True)),
    "number_either": _of_text(_either),
    "number_scaled": _of_text(lambda text: number(text, scaled=True)),
    "number_word": _of_text(_of_word),
    "percent": _of_text(_percent),
    "date_ymd": _of_text(lambda text: dates.date_of(text, "ymd")),
    "date_dmy": _of_text(lambda text: dates.date_of(text, "dmy")),
    "date_mdy": _of_text(lambda text: dates.date_of(text, "mdy")),
    "date_mixed": _of_text(lambda text: dates.date_of(text, "mdy" if "/" in text else "dmy")),
    "datetime_ymd": _of_text(lambda text: dates.datetime_of(text, "ymd")),
    "datetime_dmy": _of_text(lambda text: dates.datetime_of(text, "dmy")),
    "datetime_mdy": _of_text(lambda text: dates.datetime_of(text, "mdy")),
    "time": _of_text(dates.time_of),
    "day": _of_text(dates.day_of),
    "day_text": _of_number(dates.text_of_day),
    "text": _of_number(str),
    "thousands": _of_number(lambda value: f"{value:,}"),
    "hundredth": _of_number(_divided),
    "absolute": _of_number(abs),
    "digit_sum": _of_number(_digit_sum),
    "whole": _of_number(int),
    "not": lambda value: not value if isinstance(value, bool) else ABSENT,
    "flag": lambda value: int(value) if isinstance(value, bool) else ABSENT,
    "len": _length,
    "sum": _of_list(_total),
    "min": _of_list(min),
    "max": _of_list(max),
    "sorted": _of_list(sorted),
    "unique": _of_list(_unique),
    "filled": _of_list(lambda items: [item for item in items if item not in ("", None)]),
}

_GIVEN: dict[str, Callable[[str], Step]] = {
    "before": _part(last=False, after=False),
    "after": _part(last=False, after=True),
    "before_last": _part(last=True, after=False),
    "after_last": _part(last=True, after=True),
    "split": _split,
    "each": _each,
    "join": _joined,
    "item": _item,
    "head": _head,
    "tail": _tail,
    "fixed": _fixed,
    "padded": _padded,
    "count": _count,
    "remainder": _remainder,
    "digit": _digit,
}
