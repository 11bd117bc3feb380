"""Which kind of predictor a field gets: an exact relation, or what agrees best on rows that it has
not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from distilgen.agreement import alike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field, Fitter

ROWS = 1_200
"""Rows that a choice looks at; of more, the first: their order is that of no order."""

_FOLDS = 3
_ONCE = 300  # rows from which one part is held out, and not each in its turn


@dataclass(frozen=True)
class Choice:
    """What a field got. predictor: None, nothing is for it. fitter: its name. exact: the relation
    holds for all rows. agreement: the share of rows held out for the choice that it answers as the
    teacher; 1 for what is exact, None where there was no choice.
    """

    predictor: Predictor | None
    fitter: str = ""
    exact: bool = False
    agreement: float | None = None


def ladder() -> tuple[Fitter, ...]:
    """Every fitter, in the order in which they are preferred."""
    from distilgen.training.embedded import (  # noqa: PLC0415 - they fit by it
        closed,
        exact,
        formula,
        labels,
        regression,
        spans,
    )

    return (
        exact.ConstantFitter(),
        exact.CopyFitter(),
        exact.TemplateFitter(),
        formula.FormulaFitter(),
        exact.TableFitter(),
        regression.RegressionFitter(),
        labels.LabelsFitter(),
        closed.ClosedFitter(),
        spans.SpanFitter(),
        spans.SpanListFitter(),
    )


def choose(
    calls: Sequence[Call], targets: Sequence[Any], field: Field, fitters: Sequence[Fitter]
) -> Choice:
    """The predictor of a field, fitted on all rows. fitters: in the order in which they are
    preferred, the simplest first: a later one must agree in clearly more rows.
    """
    for fitter in fitters:
        if fitter.exact:
            made = fitter.fit(calls, targets, field)
            if made is not None:
                return Choice(made, fitter.name, exact=True, agreement=1.0)
    fitted = [
        (fitter, made)
        for fitter in fitters
        if not fitter.exact and (made := fitter.fit(calls, targets, field)) is not None
    ]
    if not fitted:
        return Choice(None)
    if len(fitted) == 1:
        return Choice(fitted[0][1], fitted[0][0].name)
    held_out = _held_out(len(calls[:ROWS]))
    tried = [_right(calls, targets, field, fitter, held_out) for fitter, _ in fitted]
    best = 0
    for place, right in enumerate(tried):
        if is_better(right, tried[best]):
            best = place
    fitter, predictor = fitted[best]
    return Choice(predictor, fitter.name, agreement=sum(tried[best]) / len(tried[best]))


def agreement(
    calls: Sequence[Call], targets: Sequence[Any], field: Field, fitters: Sequence[Fitter],
    chosen: Choice,
) -> float:  # fmt: skip
    """The share of held-out rows that what was chosen answers as the teacher; 0 for nothing."""
    if chosen.agreement is not None:
        return chosen.agreement
    for fitter in fitters:
        if fitter.name == chosen.fitter:
            right = _right(calls, targets, field, fitter, _held_out(len(calls[:ROWS]))[:1])
            return sum(right) / len(right)
    return 0.0


def _right(
    calls: Sequence[Call], targets: Sequence[Any], field: Field, fitter: Fitter,
    held_out: Sequence[tuple[int, int]],
) -> list[bool]:  # fmt: skip
    """Is a fitter right of rows that it was not fitted to, in slices of the first `ROWS`?"""
    calls, targets = calls[:ROWS], targets[:ROWS]
    right: list[bool] = []
    for low, high in held_out:
        predictor = fitter.fit(
            [*calls[:low], *calls[high:]], [*targets[:low], *targets[high:]], field
        )
        right += [
            predictor is not None and alike(predictor.predict(call).value, target)
            for call, target in zip(calls[low:high], targets[low:high], strict=True)
        ]
    return right


def _held_out(rows: int) -> list[tuple[int, int]]:
    """Slices of the rows: the first of three, or all of them."""
    bounds = [rows * part // _FOLDS for part in range(_FOLDS + 1)]
    parts = list(pairwise(bounds))
    return parts[:1] if rows >= _ONCE else parts


def is_better(one: Sequence[bool], other: Sequence[bool]) -> bool:
    """Is one right in clearly more rows? By more than one standard deviation of what would be if
    the rows in which they differ fell by chance.
    """
    gained = sum(mine and not theirs for mine, theirs in zip(one, other, strict=True))
    lost = sum(theirs and not mine for mine, theirs in zip(one, other, strict=True))
    return gained - lost > math.sqrt(gained + lost)
