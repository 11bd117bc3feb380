"""Fields of an answer as columns, for the predictors of other fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json
from distilgen.embedded.call import ANSWER, EACH
from distilgen.training.embedded.fitter import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distilgen.embedded.call import Path

_MOST = 50  # values that a category has
_NULLS = (
    0.05  # share of rows that have no value: of many values, others look at whether there is one
)


def columns(targets: Sequence[Mapping[str, Any]], path: Path) -> dict[str, list[Column]]:
    """The columns of each field of an object that every row has: of numbers, of few values, of
    values that may be missing, and of lists of these. path: of the object in the answer. A field
    that is none of them is not there.
    """
    found: dict[str, list[Column]] = {}
    for name in targets[0]:
        if all(name in item for item in targets):
            place = (ANSWER, *path, name)
            values = [item[name] for item in targets]
            if all(isinstance(value, list) for value in values):
                kinds = _kinds([item for value in values for item in value])
                made = [Column((*place, EACH), kind) for kind in kinds]
                made += [Column(place, "list")] if made else []
            else:
                made = [Column(place, kind) for kind in _kinds(values)]
            if made:
                found[name] = made
    return found


def _kinds(values: Sequence[Any]) -> list[str]:
    numbers = [
        value
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]
    others = [value for value in values if isinstance(value, str | bool) or value is None]
    if len(numbers) + len(others) < len(values):
        return []
    few = len({canonical_json(value) for value in others}) <= _MOST
    if not few and sum(value is None for value in others) < _NULLS * len(values):
        return []
    return ["category"] * bool(others) + ["number"] * bool(numbers)
