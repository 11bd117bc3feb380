"""Where the values of answers stand in a text, and how they are written there."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from distilgen.agreement import alike
from distilgen.embedded import normal
from distilgen.embedded.dates import named
from distilgen.embedded.spans import LONGEST, Tokens, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.exact import Source

_TEXTS: Final = (
    (), ("lower",), ("upper",), ("title",), ("capitalize",), ("words",), ("solid",), ("alnum",),
    ("alnum", "lower"), ("alnum", "upper"), ("digits",), ("slug",), ("snake",),
)  # fmt: skip
_DATES: Final = (
    ("date_ymd",), ("date_dmy",), ("date_mdy",), ("date_mixed",), ("datetime_ymd",),
    ("datetime_dmy",), ("datetime_mdy",), ("time",),
)  # fmt: skip
_NUMBERS: Final = (
    ("number",), ("number_comma",), ("number_either",), ("number", "hundredth"), ("percent",),
    ("number_scaled",), ("number_word",),
)  # fmt: skip
_DATE_OR_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d")
_LONGEST_VALUE: Final = 18  # tokens of a number or a date
_MOST: Final = 20  # places of one value in one text
_WORD_NUMBER: Final = re.compile("[A-Za-z]+")


@dataclass(frozen=True)
class Way:
    """How values are written. steps: of `normal`, from what is written to the value."""

    steps: tuple[str, ...]

    @property
    def short(self) -> bool:
        """Numbers and dates, written in few tokens."""
        return self.steps in _NUMBERS or self.steps in _DATES


def ways(targets: Sequence[Any]) -> list[Way]:
    """The ways in which such values may be written; simplest first."""
    if all(isinstance(target, str) for target in targets):
        made = [*_TEXTS]
        if all(_DATE_OR_TIME.match(target) for target in targets):
            made += _DATES
        return [Way(steps) for steps in made]
    if all(isinstance(t, int | float) and not isinstance(t, bool) for t in targets):
        return [Way(steps) for steps in _NUMBERS]
    return []


def of(source: Source, way: Way, call: Call, target: Any) -> tuple[tuple[int, int], ...]:
    """The places of a value in the text of a call, as first and last token."""

    def make() -> tuple[tuple[int, int], ...]:
        text = tokens_of(source, call)
        return () if text is None else tuple(_found(text, way, target))[:_MOST]

    if not isinstance(target, str | int | float):
        return ()
    return call.of(("places", source.path, way.steps, type(target), target), make)


def _found(text: Tokens, way: Way, target: Any) -> Iterator[tuple[int, int]]:
    if way.short:
        yield from _read(text, way, target)
    elif not target:
        return
    elif not way.steps:
        yield from _as_is(text, target, text.text)
    elif way.steps in (("lower",), ("upper",), ("title",), ("capitalize",)):
        run = normal.steps(way.steps)
        lower = text.text.lower()
        if len(lower) == len(text.text):
            for first, last in _as_is(text, target.lower(), lower):
                if normal.run(text.slice(first, last), run) == target:
                    yield first, last
    else:
        yield from _rewritten(text, way, target)


def _as_is(text: Tokens, target: str, within: str) -> Iterator[tuple[int, int]]:
    """Where a text has another between two borders of tokens."""
    starts = text.starts
    at = within.find(target)
    while at >= 0:
        first = bisect_left(starts, at)
        end = at + len(target)
        last = bisect_left(starts, end) - 1
        if (
            first < len(text.tokens)
            and starts[first] == at
            and first <= last < first + LONGEST
            and len(text.slice(first, last)) == len(target)
        ):
            yield first, last
        at = within.find(target, at + 1)


def _rewritten(text: Tokens, way: Way, target: str) -> Iterator[tuple[int, int]]:
    """Where a text has another with other spaces and marks."""
    run = normal.steps(way.steps)
    opening = target[0].lower()
    for first, token in enumerate(text.tokens):
        if token[0].lower() != opening:
            continue
        for last in range(first, min(first + LONGEST, len(text.tokens))):
            made = normal.run(text.slice(first, last), run)
            if made == target:
                yield first, last
                break
            if not isinstance(made, str) or len(made) > len(target):
                break


def _read(text: Tokens, way: Way, target: Any) -> Iterator[tuple[int, int]]:
    """Where a text has a number or a date, as short as it can be."""
    run = normal.steps(way.steps)
    begins = _begins(way, target)
    for first, token in enumerate(text.tokens):
        core = token.rstrip()
        if core == "-" and first + 1 < len(text.tokens):
            core = text.tokens[first + 1].rstrip() if target and str(target)[0] == "-" else ""
        elif str(target)[0] == "-" and isinstance(target, int | float):
            continue
        if not begins(core):
            continue
        for last in range(first, min(first + _LONGEST_VALUE, len(text.tokens))):
            if text.tokens[last][0] == "\n":
                break
            if alike(normal.run(text.slice(first, last), run), target):
                yield first, _whole(text, run, first, last, target)
                break


def _whole(text: Tokens, run: tuple[normal.Step, ...], first: int, last: int, target: Any) -> int:
    """The last token of a value. Numbers go on with zeros, `12.50` after `12.5`; so do times."""
    for further in (2, 1):
        end = last + further
        if end >= len(text.tokens) or not text.tokens[end][0].isdigit():
            continue
        close = text.tokens[end - 1] in (".", ",", ":") and not text.tokens[last][-1].isspace()
        if (further == 1 or close) and alike(normal.run(text.slice(first, end), run), target):
            return _whole(text, run, first, end, target)
    return last


def _begins(way: Way, target: Any) -> Any:
    """Tells of a token whether the value may begin with it."""
    if way.steps == ("number_word",):
        return lambda core: bool(_WORD_NUMBER.fullmatch(core))
    if isinstance(target, str):
        digits = {part.lstrip("0") or "0" for part in re.findall(r"\d+", target)}
        if target[4:5] == "-":
            digits |= {target[2:4], target[2:4].lstrip("0"), target[:10].replace("-", "")}
        hour = int(target[11:13] or 0) if len(target) > 10 else int(target[:2])
        digits.add(str(hour % 12 or 12))
        return lambda core: (core.lstrip("0") or "0") in digits if core.isdigit() else named(core)
    if way.steps == ("number", "hundredth") or way.steps in (("percent",), ("number_scaled",)):
        return lambda core: core.isdigit()
    written = re.sub(
        r"\D", "", format(abs(target), "f") if isinstance(target, float) else str(target)
    )
    written = written.lstrip("0")
    return lambda core: core.isdigit() and written.startswith(core.lstrip("0"))
