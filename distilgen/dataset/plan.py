"""What training on a dataset costs, and from how many calls on that pays."""

from __future__ import annotations

import heapq
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilgen.dataset.reading import as_trained, result_of, rows
from distilgen.dataset.spread import Spread
from distilgen.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset.prices import Price
    from distilgen.dataset.tokens import Counter

LONGEST = 3
"""As many of the longest rows are named."""

LOCAL_EPOCHS = 3
"""Source: `num_train_epochs` of transformers' TrainingArguments, which TRL's SFTConfig inherits."""

PER_CORE = 2.0e10
"""Parameters times tokens that a CPU core trains in a second, with most parameters frozen.

Measured in November 2026 with torch 2.13 on one core of a server, of Llama models whose query
weights alone were trained, rows of 256 tokens, 8 at a time: 1.3e10 with 1.3 M parameters, 2.4e10
with 22 M, 2.7e10 with 59 M.
"""


@dataclass(frozen=True)
class Size:
    """A split. billed: its tokens, of rows that are longer than the limit only as many as that.
    answers: those of the answers. cut: rows over the limit. median, p95: tokens of a row; right
    within 1 % beyond `spread.EXACT` rows. longest: number and tokens of rows, longest first.
    """

    rows: int
    tokens: int
    billed: int
    answers: int
    cut: int
    median: int
    p95: int
    longest: tuple[tuple[int, int], ...]

    @property
    def asked_of_call(self) -> float:
        """Mean tokens of a call without its answer."""
        return (self.tokens - self.answers) / self.rows if self.rows else 0.0

    @property
    def answered_of_call(self) -> float:
        """Mean tokens of an answer."""
        return self.answers / self.rows if self.rows else 0.0


def measure(
    path: Path, format_name: str, contract: Contract | None, counter: Counter, limit: int | None
) -> Size:
    """Count a split's tokens, row by row. limit: of tokens a row. Raises DatasetError."""
    spread = Spread()
    billed = answers = cut = 0
    longest: list[tuple[int, int]] = []
    for number, row in rows(path, format_name, contract):
        try:
            seen = as_trained(format_name, contract, row)
            if contract is not None:
                result_of(format_name, contract, row)
        except ValueError as error:
            raise DatasetError(
                f"{path}:{number}: {error}; run `distilgen dataset validate`"
            ) from error
        tokens = counter.of_row(seen)
        answers += counter.of_answer(seen)
        spread.add(tokens)
        cut += limit is not None and tokens > limit
        billed += tokens if limit is None else min(tokens, limit)
        heapq.heappush(longest, (tokens, -number))
        if len(longest) > LONGEST:
            heapq.heappop(longest)
    if not spread.count:
        return Size(0, 0, 0, 0, 0, 0, 0, ())
    named = tuple((-number, tokens) for tokens, number in sorted(longest, reverse=True))
    return Size(
        spread.count, round(spread.total), billed, answers, cut,
        round(spread.quantile(0.5)), round(spread.quantile(0.95)), named,
    )  # fmt: skip


def epochs_of(count: int) -> int:
    """How often a host goes through so many training rows, at least 1, when nobody says.

    Source: OpenAI's cookbook, "Data preparation and analysis for chat model fine-tuning": 3, but
    for less than 100 rows in all, or more than 25,000. A host may decide otherwise.
    """
    if count * 3 < 100:
        return min(25, 100 // count)
    if count * 3 > 25_000:
        return max(1, 25_000 // count)
    return 3


_PARAMETERS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([mb])(?![a-z0-9])", re.IGNORECASE)
_FACTORS = {"m": 1e6, "b": 1e9}


def parameters_of(model: str) -> float | None:
    """The number of parameters that a model's name says: `Qwen2.5-0.5B-Instruct`; None for none."""
    found = _PARAMETERS.search(model.rpartition("/")[2].replace("_", "-"))
    return float(found[1]) * _FACTORS[found[2].lower()] if found else None


@dataclass(frozen=True)
class Teacher:
    """What the teacher is known to cost. call: USD; None where nobody says. how: who says so."""

    call: float | None = None
    how: str = ""


@dataclass(frozen=True)
class Plan:
    """Training on a dataset. epochs: by_rule, where the user does not say. billed: tokens in all.
    training, student, teacher: USD for all of the training and for a call; None where nobody says.
    seconds: of training on this machine; None where it is not trained here, or nobody knows.
    calls_per_day: None where nobody knows.
    """

    epochs: int
    by_rule: bool
    billed: int
    training: float | None = None
    seconds: float | None = None
    student: float | None = None
    teacher: float | None = None
    calls_per_day: float | None = None

    @property
    def saving(self) -> float | None:
        """USD that a call costs less, or more where it is negative."""
        if self.teacher is None or self.student is None:
            return None
        return self.teacher - self.student

    @property
    def break_even(self) -> int | None:
        """The calls after which the training is paid; None where that is never, or not known."""
        if self.training is None or self.saving is None or self.saving <= 0:
            return None
        # what floats add to a whole number is no call more
        return math.ceil(round(self.training / self.saving, 6))

    @property
    def days(self) -> float | None:
        """The days until then."""
        if self.break_even is None or not self.calls_per_day:
            return None
        return self.break_even / self.calls_per_day


def hosted(
    size: Size,
    *,
    price: Price | None,
    rate: float | None,
    epochs: int | None = None,
    teacher: float | None = None,
    calls_per_day: float | None = None,
) -> Plan:
    """Training on a host. size: of the training split, which has rows. price: of the student's
    calls. rate: USD per million tokens of training. epochs: as the user says.
    """
    times = epochs or epochs_of(size.rows)
    billed = size.billed * times
    return Plan(
        epochs=times,
        by_rule=epochs is None,
        billed=billed,
        training=None if rate is None else billed * rate / 1_000_000,
        student=price.of_call(size.asked_of_call, size.answered_of_call) if price else None,
        teacher=teacher,
        calls_per_day=calls_per_day,
    )


def local(
    size: Size,
    *,
    tokens_per_second: float | None,
    price: Price | None,
    epochs: int | None = None,
    teacher: float | None = None,
    calls_per_day: float | None = None,
) -> Plan:
    """Training on a machine of one's own, which takes time and no money. price: of the student's
    calls, where the user says one; else they are free.
    """
    times = epochs or LOCAL_EPOCHS
    billed = size.billed * times
    return Plan(
        epochs=times,
        by_rule=epochs is None,
        billed=billed,
        training=0.0,
        seconds=billed / tokens_per_second if tokens_per_second else None,
        student=price.of_call(size.asked_of_call, size.answered_of_call) if price else 0.0,
        teacher=teacher,
        calls_per_day=calls_per_day,
    )
