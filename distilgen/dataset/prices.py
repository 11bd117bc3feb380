"""What models cost: the user's own prices, and behind them a small table with its dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

Day: TypeAlias = str
Rate: TypeAlias = float

OLD_DAYS = 90
"""A price that was said so long ago is to be looked up again."""


@dataclass(frozen=True)
class Price:
    """`[tool.distilgen.prices."MODEL"]`: what a model costs, in USD per million tokens.

    input: of questions. output: of answers. as_of: the day on which that was so. training: of the
    tokens that it is trained with, each time they are; None where nobody says. source: who says so.
    """

    input: Rate
    output: Rate
    as_of: Day = ""
    training: Rate | None = None
    source: str = ""

    def of_call(self, input_tokens: float, output_tokens: float) -> float:
        """What a call of so many tokens costs, in USD."""
        return (input_tokens * self.input + output_tokens * self.output) / 1_000_000

    def is_old(self, today: dt.date) -> bool:
        """Is it to be looked up again? Also where it does not say its day."""
        try:
            return (today - type(today).fromisoformat(self.as_of)).days > OLD_DAYS
        except ValueError:
            return True


_LIST = "OpenAI's list prices (https://developers.openai.com/api/docs/pricing)"
_TUNED = "OpenAI's list prices of fine-tuned models (https://platform.openai.com/docs/pricing)"

BUILT_IN: Mapping[str, Price] = {
    "gpt-4.1": Price(2.00, 8.00, "2026-06-21", source=_LIST),
    "gpt-4.1-mini": Price(0.40, 1.60, "2026-06-21", source=_LIST),
    "gpt-4.1-nano": Price(0.10, 0.40, "2026-03-01", source=_LIST),
    "gpt-4o": Price(2.50, 10.00, "2026-03-01", source=_LIST),
    "gpt-4o-mini": Price(0.15, 0.60, "2026-03-01", source=_LIST),
    "gpt-5": Price(1.25, 10.00, "2026-03-01", source=_LIST),
    "gpt-5-mini": Price(0.25, 2.00, "2026-03-01", source=_LIST),
    "gpt-5-nano": Price(0.05, 0.40, "2026-03-01", source=_LIST),
    "ft:gpt-4.1": Price(3.00, 12.00, "2025-06-30", 25.00, _TUNED),
    "ft:gpt-4.1-mini": Price(0.80, 3.20, "2025-06-30", 5.00, _TUNED),
    "ft:gpt-4.1-nano": Price(0.20, 0.80, "2025-06-30", 1.50, _TUNED),
    "ft:gpt-4o": Price(3.75, 15.00, "2025-06-30", 25.00, _TUNED),
    "ft:gpt-4o-mini": Price(0.30, 1.20, "2025-06-30", 3.00, _TUNED),
}
"""OpenAI's, by the name of a model without its day; of a fine-tuned one, by that of its base. Of
other hosts none was to be had with a date.
"""

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def price_of(model: str, own: Mapping[str, Price]) -> Price | None:
    """What a model costs. own: the user's, by names or globs of these; a name wins, then the first
    glob that matches. Then `BUILT_IN`; None where nobody says.
    """
    found = (price for name, price in own.items() if fnmatchcase(model, name))
    return own.get(model) or next(found, None) or BUILT_IN.get(_plain(model))


@dataclass(frozen=True)
class Prices:
    """The prices that count for a host. own: the user's. built_in: does the host take those that
    are built in?
    """

    own: Mapping[str, Price]
    built_in: bool

    def of(self, model: str) -> Price | None:
        """What a model costs there; None where nobody says."""
        found = price_of(model, self.own)
        known = any(found is price for price in BUILT_IN.values())
        return found if self.built_in or not known else None

    def of_student(self, base: str) -> Price | None:
        """What a student costs that has this base: where the host has no price of its own for
        tuned models, as much as the base.
        """
        if base.startswith("ft:"):
            return self.of(base)
        return self.of(f"ft:{base}:student") or (None if self.built_in else self.of(base))

    def of_training(self, base: str) -> Price | None:
        """The price that says what training a student with this base costs."""
        found = (self.of_student(base), self.of(base))
        return next((price for price in found if price and price.training is not None), None)


def _plain(model: str) -> str:
    """Its name without day, and a fine-tuned one's without what its owner calls it."""
    tuned, base = model.startswith("ft:"), model.removeprefix("ft:").partition(":")[0]
    return ("ft:" if tuned else "") + _DATED.sub("", base)
