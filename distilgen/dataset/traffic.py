"""How often functions are called, and what a model in the teacher's place took: from records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.records.record import DISPATCH, TEACHER, began_at

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable

    from distilgen.dataset.prices import Price
    from distilgen.records.record import Record

_DAY_S = 86_400
_LEAST_S = 3_600  # the calls of a shorter time say nothing of a day


@dataclass
class Traffic:
    """The calls of a function. first, last: when the first and the last began. told: of the models
    that answer in the teacher's place, the calls that say their tokens; asked, answered: these.
    """

    calls: int = 0
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    told: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    @property
    def per_day(self) -> float | None:
        """Calls a day between the first and the last; None where that is less than an hour."""
        if self.first is None or self.last is None:
            return None
        seconds = (self.last - self.first).total_seconds()
        return self.calls * _DAY_S / seconds if seconds >= _LEAST_S else None

    def cost(self, prices: dict[str, Price]) -> float | None:
        """Mean USD of the calls that tell their tokens; None of none, or where a price lacks."""
        if not self.told or self.told.keys() - prices.keys():
            return None
        paid = sum(
            prices[model].of_call(self.asked[model], self.answered[model]) for model in self.told
        )
        return paid / self.told.total()

    def _add(self, record: Record, students: Collection[str]) -> None:
        rollout = record.rollout or {}
        if "of" in rollout:  # the same call as that one
            return
        self.calls += 1
        at = began_at(record.at)
        if at is not None:
            self.first = min(self.first or at, at)
            self.last = max(self.last or at, at)
        model = record.source
        is_teacher = model != TEACHER and record.mode == DISPATCH and model not in students
        if is_teacher and "input_tokens" in rollout:
            self.told[model] += 1
            self.asked[model] += rollout["input_tokens"]
            self.answered[model] += rollout.get("output_tokens", 0)


def count(
    records: Iterable[Record], functions: Collection[str], students: Collection[str]
) -> dict[str, Traffic]:
    """The calls of some functions, under any contract. students: models that are no teachers."""
    found = {function: Traffic() for function in functions}
    for record in records:
        if record.function in found:
            found[record.function]._add(record, students)  # noqa: SLF001 - its own module
    return found
