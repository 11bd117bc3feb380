"""The calls that an embedded student learns from, in an order that their content gives."""

from __future__ import annotations

import hashlib
import heapq
import json
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from distilgen.dataset import reading
from distilgen.errors import TrainingError
from distilgen.records.where import ABSENT, Path as FieldPath
from distilgen.rows import call_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from distilgen.training.provider import Dataset

MOST = 10_000
"""Calls that are learnt from. Of more, these many are drawn, by their content."""

MOST_TEXT = 12_000_000
"""Characters of arguments, as JSON, that are learnt from. Of calls with long texts fewer are drawn:
their words take far more memory.
"""

LEAST = 10
"""Calls without which nothing is learnt."""


@dataclass(frozen=True)
class Row:
    """A call of the teacher. arguments: JSON values by parameter. result: a JSON value. group:
    names the arguments; equal ones have the same. together: names what is not to be divided into
    several folds.
    """

    arguments: dict[str, Any]
    result: Any
    group: str
    together: str

    @property
    def key(self) -> tuple[str, str]:
        """Where it stands among others, whatever the order in which they came."""
        return self.group, _text(self.result)


@dataclass(frozen=True)
class Rows:
    """pool: to learn and calibrate from, those of training and validation. test: for the report.
    given: how many calls the pool was drawn from. unread: rows whose arguments cannot be told.
    """

    pool: tuple[Row, ...]
    test: tuple[Row, ...]
    given: int
    unread: int = 0


def read(dataset: Dataset) -> Rows:
    """The calls of a dataset, whatever its format. Raises DatasetError for a file that cannot be
    read, and TrainingError where fewer than `LEAST` rows tell their arguments.
    """
    unread: list[str] = []
    by = _field(dataset.group_by)
    pool, given = _distinct(
        (
            call
            for path in (dataset.train, dataset.validation)
            if path
            for call in _calls(dataset, path, unread)
        ),
        by,
    )
    if len(pool) < LEAST:
        if unread:
            raise TrainingError(
                f"{unread[0]}; {len(unread):,} rows do not tell their calls, and {len(pool):,} do: "
                "a student learns from at least "
                f"{LEAST}; run `distilgen dataset build` without a prompt of your own, or "
                "with --format raw"
            )
        raise TrainingError(
            f"{dataset.folder}: holds {len(pool)} different calls to learn from, and {LEAST} are "
            "the least (some hundreds are usual); record more, and run `distilgen dataset build`"
        )
    if len({row.together for row in pool}) < 2:
        raise TrainingError(
            f"{dataset.folder}: all calls to learn from have the same {dataset.group_by}, and "
            "nobody can tell how good a student is for others; run `distilgen dataset build` "
            "without --group-by"
        )
    seen = {row.group for row in pool}
    test, _ = _distinct(_calls(dataset, dataset.test, unread), by) if dataset.test else ([], 0)
    return Rows(
        _drawn(pool),
        tuple(row for row in test if row.group not in seen),
        given,
        len(unread),
    )


def of(calls: Iterable[tuple[dict[str, Any], Any]], group_by: str = "") -> tuple[Row, ...]:
    """Calls, pairs of arguments and result, as the rows of a dataset with them."""
    return _drawn(_distinct(calls, _field(group_by))[0])


def folds(rows: Sequence[Row], count: int) -> list[list[int]]:
    """The places of the rows in `count` parts, of about the same size where their groups are. Rows
    with the same arguments are in the same part, and rows that belong together.
    """
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row.together, []).append(place)
    parts: list[list[int]] = [[] for _ in range(count)]
    for number, group in enumerate(sorted(groups)):
        parts[number % count] += groups[group]
    return [part for part in parts if part]


def _drawn(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The first rows, as many as are learnt from."""
    sizes = accumulate(len(_text(row.arguments)) for row in rows[:MOST])
    return tuple(rows[: max(LEAST, bisect_right(list(sizes), MOST_TEXT))])


def _calls(dataset: Dataset, path: Path, unread: list[str]) -> Iterable[tuple[dict[str, Any], Any]]:
    name = "raw" if dataset.format in reading.TABLES else dataset.format
    for number, row in reading.rows(path, dataset.format, dataset.contract):
        try:
            yield call_of(name, dataset.contract, row)
        except ValueError as error:
            unread.append(f"{path}:{number}: {error}")


def _field(group_by: str) -> Callable[[dict[str, Any], Any], str] | None:
    """What tells the group of a call, by its arguments and result; None where each is alone."""
    if group_by.partition(".")[0] not in ("arguments", "result"):
        return None  # such as a time: no row has it
    path = FieldPath(group_by, "group_by")

    def group(arguments: dict[str, Any], result: Any) -> str:
        said: Any = SimpleNamespace(arguments=arguments, result=result, error=None)
        value = path(said)
        return "" if value is ABSENT or value is None else _text(value)

    return group


def _distinct(
    calls: Iterable[tuple[dict[str, Any], Any]],
    by: Callable[[dict[str, Any], Any], str] | None = None,
) -> tuple[list[Row], int]:
    """Calls, each once, in the order of their keys, and how many there were. Of very many, those
    that come first in it.
    """
    kept: dict[tuple[str, str], Row] = {}
    passed_over = 0
    for arguments, result in calls:
        text = json.dumps(arguments, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        row = Row(arguments, result, digest, (by(arguments, result) if by else "") or digest)
        kept[row.key] = row
        if len(kept) > 4 * MOST:
            passed_over += len(kept) - 2 * MOST
            kept = {key: kept[key] for key in heapq.nsmallest(2 * MOST, kept)}
    return [kept[key] for key in sorted(kept)], len(kept) + passed_over


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
