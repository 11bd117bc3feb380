"""The search for what holds for every row: a constant, a copy, a template, a table."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from distilgen.agreement import alike
from distilgen.embedded.call import EACH
from distilgen.embedded.exact import Constant, Copy, Source, Table, Template, key
from distilgen.training.embedded import sources, template

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field

LEAST: Final = 8
"""Rows of which a relation must hold, whatever they are."""

_BITS: Final = 20.0  # one in a million, that a relation holds by accident
_MOST_KEYS: Final = 5000  # of a table


def enough(targets: Sequence[Any], free: int, tried: int) -> bool:
    """Whether a relation that holds for all these targets holds by more than accident. free: rows
    that it takes to tell its numbers. tried: relations that were tried.

    By accident, a wrong relation meets a row as often as the most frequent target does at most; all
    rows, and one of `tried` relations, with a chance of one in a million.
    """
    rows = len(targets)
    if rows < LEAST:
        return False
    often = Counter(_text(target) for target in targets).most_common(1)[0][1] / rows
    bits = -math.log2(often) * (rows - free) if often < 1 else 0.0
    return bits >= _BITS + math.log2(max(1, tried))


def sureness(rows: int) -> float:
    """The confidence of a relation that held for all rows (Laplace's rule of succession)."""
    return (rows + 1) / (rows + 2)


@dataclass(frozen=True)
class ConstantFitter:
    """Fits a value that is always the same."""

    name: str = "constant"
    exact: bool = True

    def fit(
        self,
        calls: Sequence[Call],  # noqa: ARG002 - it looks at no call
        targets: Sequence[Any],
        field: Field,  # noqa: ARG002
    ) -> Predictor | None:
        """The value of all rows."""
        if len(targets) < LEAST or not all(alike(targets[0], target) for target in targets):
            return None
        return Constant(_text(targets[0]), sureness(len(targets)))


@dataclass(frozen=True)
class CopyFitter:
    """Fits a value of the arguments, as it is or by a few steps."""

    name: str = "copy"
    exact: bool = True

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """The simplest copy that holds for all rows."""
        for tried, source in enumerate(_copies(calls, targets, field), 1):
            if all(
                alike(source.value(call), target)
                for call, target in zip(calls, targets, strict=True)
            ):
                if enough(targets, 0, tried):
                    return Copy(source, sureness(len(targets)))
                return None
        return None


def _copies(calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Iterator[Source]:
    kinds = {type(target) for target in targets}
    if kinds <= {dict}:
        yield from map(Source, sources.objects(field.columns))
    elif kinds <= {list}:
        yield from sources.lists(field.columns, calls)
    elif kinds <= {int, float}:
        yield from sources.numbers(field.columns, calls)
    elif kinds <= {str}:
        yield from sources.texts(field.columns, calls)
        yield from _cut(targets, field)
    else:
        yield from (Source(path) for path in sources.paths(field.columns, "category", "text"))
        yield from (Source(path) for path in sources.paths(field.columns, "number"))
        yield from (Source(path, ("not",)) for path in sources.paths(field.columns, "category"))


def _cut(targets: Sequence[str], field: Field) -> Iterator[Source]:
    """Texts cut to a length."""
    longest = max(map(len, targets))
    for path in sources.paths(field.columns, "text"):
        if EACH not in path:
            for steps in ((), ("strip",), ("words",), ("lower",), ("upper",)):
                yield Source(path, (*steps, f"head={longest}"))
                yield Source(path, (*steps, f"tail={longest}"))
                yield Source(path, (*steps, f"head={longest}", "strip"))


@dataclass(frozen=True)
class TemplateFitter:
    """Fits a text of fixed pieces and of texts of the arguments."""

    name: str = "template"
    exact: bool = True

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """The template that holds for all rows."""
        if not all(isinstance(target, str) for target in targets):
            return None
        pieces = template.find(list(sources.texts(field.columns, calls)), calls, targets)
        made = [piece for piece in pieces or () if isinstance(piece, Source)]
        if not pieces or not made or not enough(targets, 0, 1000 * len(made)):
            return None
        return Template(tuple(pieces), sureness(len(targets)))


@dataclass(frozen=True)
class TableFitter:
    """Fits a value that one or two arguments tell, each combination seen several times."""

    name: str = "table"
    exact: bool = True

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """The table by the fewest combinations that holds for all rows."""
        flat = [
            Source(path)
            for path in sources.paths(field.columns, "category", "text", "number")
            if EACH not in path
        ]
        usable = [source for source in flat if _repeats(source, calls)]
        made = [_text(target) for target in targets]
        for size in (1, 2):
            best: tuple[int, Table] | None = None
            for chosen in combinations(usable[:30], size):
                table = _table(chosen, calls, made)
                if table and (best is None or len(table.rows) < best[0]):
                    best = len(table.rows), table
            if best and enough(targets, best[0], len(usable) ** size):
                return best[1]
        return None


def _repeats(source: Source, calls: Sequence[Call]) -> bool:
    most = len(calls) / 3
    seen: set[str] = set()
    for call in calls:
        seen.add(key((source,), call))
        if len(seen) > most or "" in seen:
            return False
    return len(seen) > 1


def _table(chosen: tuple[Source, ...], calls: Sequence[Call], made: list[str]) -> Table | None:
    by_key: dict[str, str] = {}
    for call, text in zip(calls, made, strict=True):
        if by_key.setdefault(key(chosen, call), text) != text or len(by_key) > _MOST_KEYS:
            return None
    if len(by_key) * 3 > len(calls):
        return None
    values = sorted(set(by_key.values()))
    place = {text: number for number, text in enumerate(values)}
    rows = {one: place[by_key[one]] for one in sorted(by_key)}
    return Table(chosen, rows, tuple(values), sureness(len(calls) - len(rows)))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
