"""Predictors that hold for every row of their training: a constant, a copy, a template, a table,
and one predictor for each case.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from distilgen.embedded import normal
from distilgen.embedded.call import ABSENT
from distilgen.embedded.predictor import Predicted, Predictor, kind

if TYPE_CHECKING:
    from distilgen.embedded.call import Call, Path

NOTHING = Predicted(None, 0.0)
"""What a predictor says of a call that it is not for."""


@kind
@dataclass(frozen=True)
class Source:
    """A value of the arguments, or what steps of `normal` make of it."""

    kind: ClassVar[str] = "source"
    path: Path
    steps: tuple[str, ...] = ()

    @cached_property
    def _run(self) -> tuple[normal.Step, ...]:
        return normal.steps(self.steps)

    def value(self, call: Call) -> Any:
        """The value, or `ABSENT`."""
        value = call.at(self.path)
        if value is ABSENT or not self.steps:
            return value
        return normal.run(value, self._run)

    def check(self) -> None:
        """Raises ValueError for no path, and a step that there is not."""
        if not self.path or not all(isinstance(key, str) for key in self.path):
            raise ValueError("a source without a path")
        normal.steps(self.steps)


@kind
@dataclass(frozen=True)
class Constant:
    """Always the same. text: the value as JSON."""

    kind: ClassVar[str] = "constant"
    text: str
    sure: float

    def predict(self, call: Call) -> Predicted:  # noqa: ARG002 - the same for all
        """The value."""
        return Predicted(json.loads(self.text), self.sure)

    def check(self) -> None:
        """Raises ValueError for a text that is no JSON."""
        json.loads(self.text)


@kind
@dataclass(frozen=True)
class Copy:
    """A value of the arguments."""

    kind: ClassVar[str] = "copy"
    source: Source
    sure: float

    def predict(self, call: Call) -> Predicted:
        """The value."""
        value = self.source.value(call)
        return NOTHING if value is ABSENT else Predicted(value, self.sure)

    def check(self) -> None:
        """Raises ValueError for no source."""
        check_sources(self.source)


@kind
@dataclass(frozen=True)
class Template:
    """A text of fixed pieces and of texts that are made of the arguments."""

    kind: ClassVar[str] = "template"
    pieces: tuple[str | Source, ...]
    sure: float

    def predict(self, call: Call) -> Predicted:
        """The text."""
        made = []
        for piece in self.pieces:
            value = piece if isinstance(piece, str) else piece.value(call)
            if not isinstance(value, str):
                return NOTHING
            made.append(value)
        return Predicted("".join(made), self.sure)

    def check(self) -> None:
        """Raises ValueError for a piece that is neither."""
        check_sources(*(piece for piece in self.pieces if not isinstance(piece, str)))


@kind
@dataclass(frozen=True)
class Table:
    """A value for each combination of some arguments that was seen. rows: places in values, by the
    arguments as `key` writes them. values: as JSON.
    """

    kind: ClassVar[str] = "table"
    sources: tuple[Source, ...]
    rows: dict[str, int]
    values: tuple[str, ...]
    sure: float

    def predict(self, call: Call) -> Predicted:
        """The value, nothing for a combination that is new."""
        place = self.rows.get(key(self.sources, call))
        return NOTHING if place is None else Predicted(json.loads(self.values[place]), self.sure)

    def check(self) -> None:
        """Raises ValueError for a place that there is not."""
        check_sources(*self.sources)
        if not all(0 <= at < len(self.values) for at in self.rows.values()):
            raise ValueError("a table that points beyond its values")
        for value in self.values:
            json.loads(value)


@kind
@dataclass(frozen=True)
class Cases:
    """A predictor for each value of some arguments that was seen, as `key` writes them."""

    kind: ClassVar[str] = "cases"
    sources: tuple[Source, ...]
    cases: dict[str, Predictor]

    def predict(self, call: Call) -> Predicted:
        """What the predictor of the case says, nothing for a case that is new."""
        predictor = self.cases.get(key(self.sources, call))
        return NOTHING if predictor is None else predictor.predict(call)

    def check(self) -> None:
        """Raises ValueError for no predictor."""
        check_sources(*self.sources)
        if not all(hasattr(item, "predict") for item in self.cases.values()):
            raise ValueError("a case without a predictor")


def check_sources(*values: object) -> None:
    """Raises ValueError where one is no source."""
    if not all(isinstance(value, Source) for value in values):
        raise ValueError("no source, where one is to be")


def key(sources: tuple[Source, ...], call: Call) -> str:
    """Values of a call as one text, the same for equal scalars of the same type; empty where one of
    them is missing, long, or no scalar.
    """
    made = []
    for source in sources:
        value = source.value(call)
        if isinstance(value, str):
            if len(value) > 200:
                return ""
            made.append("'" + value)
        elif value is None or isinstance(value, bool | int | float):
            made.append(repr(value))
        else:
            return ""
    return "\x1f".join(made)
