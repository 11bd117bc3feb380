"""Values of the arguments, and what simple steps make of them, that an answer may be made of:
simplest first.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import TYPE_CHECKING, Any, Final

from distilgen.embedded.call import ABSENT, EACH
from distilgen.embedded.exact import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.embedded.call import Call, Path
    from distilgen.training.embedded.fitter import Column

_CASES: Final = ((), ("lower",), ("upper",), ("title",), ("capitalize",), ("slug",), ("snake",),
                 ("solid",))  # fmt: skip
_SEPARATORS: Final = (
    "\n", "\t", ", ", ": ", " - ", " / ", " | ", " ", ",", ";", ":", "@", "/", "\\", "-", "_", ".",
    "|", "=", "#", "?", "&", "(", ")", "[", "]", "+", "~",
)  # fmt: skip
_JOINS: Final = (", ", ",", " ", "\n", "; ", ";", "-", "/", " / ", "|", "", " and ", " & ")
_DATES: Final = (
    "date_ymd", "date_dmy", "date_mdy", "datetime_ymd", "datetime_dmy", "datetime_mdy", "time",
)  # fmt: skip
_NUMBERS: Final = ("number", "number_comma", "number_scaled", "percent", "number_word")
_LOOKED_AT: Final = 30  # rows, for what separators they have
_SELDOM_LOOKED_AT: Final = 300  # rows, for what separators a few of them have
_SELDOM: Final = 0.01  # share of rows
_CUTS: Final = ("before", "after", "before_last", "after_last")
_SHORT: Final = 60  # characters of a text that numbers are made of
_LONGEST: Final = 100_000  # characters of a text that is taken apart


def paths(columns: Sequence[Column], *kinds: str) -> list[Path]:
    """The places of the columns of these kinds, each once."""
    return list(dict.fromkeys(column.path for column in columns if column.kind in kinds))


def objects(columns: Sequence[Column]) -> list[Path]:
    """The places of objects around the columns."""
    found: dict[Path, None] = {}
    for column in columns:
        for end in range(1, len(column.path)):
            if EACH not in column.path[:end] and column.path[end] != EACH:
                found[column.path[:end]] = None
    return list(found)


def texts(columns: Sequence[Column], calls: Sequence[Call]) -> Iterator[Source]:
    """Texts, parts of texts, and numbers as texts."""
    single = [path for path in paths(columns, "text", "category") if EACH not in path]
    numbers = [path for path in paths(columns, "number", "category") if EACH not in path]
    lists = [*paths(columns, "list"), *(p for p in paths(columns, "text") if EACH in p)]
    kinds = {path: _types(path, calls) for path in (*single, *numbers, *lists)}
    single = [path for path in single if str in kinds[path]]
    numbers = [path for path in numbers if kinds[path] & {int, float}]
    for path in single:
        yield Source(path)
    for path in numbers:
        for step in ("text", "fixed=2", "fixed=1", "fixed=0", "thousands"):
            yield Source(path, (step,))
        for width in range(2, 11):
            yield Source(path, (f"padded={width}",))
    for path in lists:
        yield from (Source(path, (f"join={sep}",)) for sep in _JOINS)
        yield Source(path, ("len", "text"))
        for place in (0, -1):
            yield from (Source(path, (f"item={place}", *case)) for case in _CASES)
    for path in single:
        yield from (Source(path, steps) for steps in _of_text(path, calls))


def _of_text(path: Path, calls: Sequence[Call]) -> Iterator[tuple[str, ...]]:
    parts: list[tuple[str, ...]] = [(), ("strip",), ("words",), ("bare",)]
    parts += [("digits",), ("alnum",), ("initials",)]
    for separator in separators(path, calls[:_LOOKED_AT]):
        for word in ("before", "after", "before_last", "after_last"):
            parts += [(f"{word}={separator}",), (f"{word}={separator}", "strip")]
        for place in (1, 2, 3, 4, -2):
            parts.append((f"split={separator}", f"item={place}"))
            parts.append((f"split={separator}", f"item={place}", "strip"))
    for part, case in product(parts, _CASES):
        if part or case:
            yield (*part, *case)
    for step in _DATES:
        yield (step,)
    # what stands between two separators, either of which may be missing
    some = separators(path, calls[:_SELDOM_LOOKED_AT], _SELDOM)
    for first, second in permutations(some, 2):
        for one, other in product(_CUTS, _CUTS):
            yield f"{one}={first}", f"{other}={second}"
    yield from ((f"{cut}={separator}",) for separator in some for cut in _CUTS)


def separators(path: Path, calls: Sequence[Call], share: float = 0.5) -> list[str]:
    """Those that more than such a share of the texts at a place have."""
    found = [call.at(path) for call in calls]
    seen = [value[:_LONGEST] for value in found if isinstance(value, str)]
    return [one for one in _SEPARATORS if sum(one in text for text in seen) > share * len(seen)]


def lists(columns: Sequence[Column], calls: Sequence[Call]) -> Iterator[Source]:
    """Lists, and texts taken apart."""
    for path in [*paths(columns, "list"), *(p for p in _all(columns) if EACH in p)]:
        yield Source(path)
        for steps in (("unique",), ("sorted",), ("reversed",), ("unique", "sorted"), ("filled",)):
            yield Source(path, steps)
        for each in ("lower", "strip", "upper", "title", "slug", "number", "text", "date_ymd",
                     "date_dmy", "date_mdy", "len"):  # fmt: skip
            yield Source(path, (f"each={each}",))
            yield Source(path, (f"each={each}", "unique"))
            yield Source(path, (f"each={each}", "unique", "sorted"))
    for path in paths(columns, "text"):
        if EACH in path:
            continue
        for separator in ("", *separators(path, calls[:_LOOKED_AT])):
            split = f"split={separator}"
            for rest in (
                (), ("each=strip",), ("each=strip", "filled"), ("each=strip", "each=lower"),
                ("each=lower",), ("each=upper",), ("each=number",), ("each=strip", "unique"),
                ("each=strip", "sorted"),
                ("each=strip", "filled", "each=lower", "unique", "sorted"),
            ):  # fmt: skip
                yield Source(path, (split, *rest))


def numbers(columns: Sequence[Column], calls: Sequence[Call]) -> Iterator[Source]:
    """Numbers, texts read as numbers, lengths and sums."""
    flat = [path for path in _all(columns) if EACH not in path]
    kinds = {path: _types(path, calls) for path in flat}
    for path in flat:
        if kinds[path] & {int, float}:
            yield Source(path)
    for path in flat:
        if bool in kinds[path]:
            yield Source(path, ("flag",))
        if str in kinds[path] and _are_short(path, calls):
            yield from (Source(path, (step,)) for step in _NUMBERS)
            yield Source(path, ("day",))
    for path in [*paths(columns, "list"), *(p for p in _all(columns) if EACH in p)]:
        yield from (Source(path, (step,)) for step in ("len", "sum", "min", "max"))
        yield from (Source(path, (f"item={place}",)) for place in (0, -1))
        yield Source(path, ("unique", "len"))
    for path in flat:
        if str in kinds[path]:
            yield Source(path, ("len",))
            yield Source(path, ("split=", "len"))
        if str in kinds[path] and _are_short(path, calls):
            yield Source(path, ("digits", "len"))
            for separator in separators(path, calls[:_LOOKED_AT]):
                yield Source(path, (f"count={separator}",))
                if separator in (":", "-", "/", "x", ",", " "):
                    for place in (0, 1, 2):
                        yield Source(path, (f"split={separator}", f"item={place}", "number"))
        if int in kinds[path]:
            yield Source(path, ("digit_sum",))
            yield from (Source(path, (f"digit={place}",)) for place in range(6))
            yield Source(path, ("absolute",))
        if float in kinds[path]:
            yield Source(path, ("whole",))


def _are_short(path: Path, calls: Sequence[Call]) -> bool:
    """Are the texts at a place what numbers are read from? Not prose."""
    found = [call.at(path) for call in calls[:_LOOKED_AT]]
    return all(len(value) <= _SHORT for value in found if isinstance(value, str))


def _all(columns: Sequence[Column]) -> list[Path]:
    return paths(columns, "text", "number", "category")


def _types(path: Path, calls: Sequence[Call]) -> set[type[Any]]:
    return {type(value) for call in calls[:_LOOKED_AT] if (value := call.at(path)) is not ABSENT}
