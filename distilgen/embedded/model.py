"""The whole student: what it answers, and when it does not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from distilgen.embedded.call import ABSENT, ANSWER, Call
from distilgen.embedded.predictor import Predicted, Predictor, kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from distilgen.embedded.call import Path


class Answer(NamedTuple):
    """What a student says to a call. value: a JSON value, as the teacher's record would have it.
    confidence: that it is the teacher's, 0 to 1. why: it abstains, and for this reason; empty where
    it answers.
    """

    value: Any
    confidence: float
    why: str = ""


class Gate(Protocol):
    """Tells calls that are unlike those of the training."""

    kind: ClassVar[str]

    def refuses(self, call: Call) -> str:
        """What is new about a call; empty where nothing is. It raises nothing."""

    def check(self) -> None:
        """Raises ValueError, as predictors do."""


@kind
@dataclass(frozen=True)
class Model:
    """function: the teacher, `module:qualname`. contract: the fingerprint it was trained for.
    predictor: predicts the whole answer. gate: abstains from what is new. threshold: the least
    confidence that answers; above 1, nothing is answered. target: the agreement that the threshold
    is to keep. rows: it was trained on. made_by: distilgen and its version.
    """

    kind: ClassVar[str] = "student"
    function: str
    contract: str
    predictor: Predictor
    gate: Gate
    threshold: float
    target: float
    rows: int
    made_by: str

    def answer(self, arguments: Mapping[str, Any], least: float = 0.0) -> Answer:
        """The answer to a call. least: a confidence that is asked for besides its own threshold.
        It raises nothing: what is not like its training, it abstains from.
        """
        call = Call(arguments)
        new = self.gate.refuses(call)
        if new:
            return Answer(None, 0.0, f"knows no calls like this: {new}")
        value, confidence = self.predictor.predict(call)
        wanted = max(self.threshold, least)
        if confidence < wanted:
            why = f"is {confidence:.2%} sure of its answer, and {wanted:.2%} is the least"
            if self.threshold > 1:
                why = "answers no call, as its training could not show how often it is right"
            return Answer(value, confidence, why)
        return Answer(value, confidence)

    def check(self) -> None:
        """Raises ValueError for what is no student."""
        _check(self.predictor)
        if not hasattr(self.gate, "refuses"):
            raise ValueError("a student without a gate")


@kind
@dataclass(frozen=True)
class Fields:
    """An object, field by field. fields: predictors by key, in the order of the schema. seen: keys
    whose values the predictors of the keys in `later` look at, behind `ANSWER` and `path`.
    """

    kind: ClassVar[str] = "fields"
    fields: dict[str, Predictor]
    path: Path = ()
    seen: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    def predict(self, call: Call) -> Predicted:
        """The object, as sure as all its fields together. A field that is `ABSENT` is left out."""
        value, confidence = {}, 1.0
        for name, predictor in self._ordered:
            found, sure = predictor.predict(call)
            if found is not ABSENT:
                value[name] = found
            if name in self.seen:
                call.put((ANSWER, *self.path, name), found)
            confidence *= sure
        if self.later:
            value = {name: value[name] for name in self.fields if name in value}
        return Predicted(value, confidence)

    def check(self) -> None:
        """Raises ValueError for what is no predictor."""
        _check(*_parts(self.fields, dict))
        if not set(self.fields) >= {*self.seen, *self.later}:
            raise ValueError("an order of fields that there are not")

    @cached_property
    def _ordered(self) -> list[tuple[str, Predictor]]:
        first = [name for name in self.fields if name not in self.later]
        return [(name, self.fields[name]) for name in (*first, *self.later)]


@kind
@dataclass(frozen=True)
class Places:
    """A list of always the same length, place by place."""

    kind: ClassVar[str] = "places"
    places: tuple[Predictor, ...]

    def predict(self, call: Call) -> Predicted:
        """The list, as sure as all its items together."""
        value, confidence = [], 1.0
        for predictor in self.places:
            found, sure = predictor.predict(call)
            value.append(found)
            confidence *= sure
        return Predicted(value, confidence)

    def check(self) -> None:
        """Raises ValueError for what is no predictor."""
        _check(*_parts(self.places, tuple))


@kind
@dataclass(frozen=True)
class Maybe:
    """A value that may be missing. presence: says true where there is one. instead: what stands
    there otherwise, as JSON; empty where its key is missing, too.
    """

    kind: ClassVar[str] = "maybe"
    presence: Predictor
    inner: Predictor
    instead: str = "null"

    def predict(self, call: Call) -> Predicted:
        """The value, or what stands there instead, or `ABSENT`, as sure as both together."""
        there, sure = self.presence.predict(call)
        if not there:
            return Predicted(json.loads(self.instead) if self.instead else ABSENT, sure)
        value, confidence = self.inner.predict(call)
        return Predicted(value, sure * confidence)

    def check(self) -> None:
        """Raises ValueError for what is no predictor, and no JSON."""
        _check(self.presence, self.inner)
        json.loads(self.instead or "null")


@kind
@dataclass(frozen=True)
class Variants:
    """A value of one of several types. which: says the number of the type, as a text. variants:
    their predictors.
    """

    kind: ClassVar[str] = "variants"
    which: Predictor
    variants: tuple[Predictor, ...]

    def predict(self, call: Call) -> Predicted:
        """The value of the likeliest type, as sure as that and the value together."""
        name, sure = self.which.predict(call)
        chosen = self._by_name.get(name) if isinstance(name, str) else None
        if chosen is None:
            return Predicted(None, 0.0)
        value, confidence = chosen.predict(call)
        return Predicted(value, sure * confidence)

    def check(self) -> None:
        """Raises ValueError for what is no predictor."""
        _check(self.which, *_parts(self.variants, tuple))

    @cached_property
    def _by_name(self) -> dict[str, Predictor]:
        return {str(number): predictor for number, predictor in enumerate(self.variants)}


@kind
@dataclass(frozen=True)
class Unknown:
    """A field that cannot be learnt. why: in words."""

    kind: ClassVar[str] = "unknown"
    why: str

    def predict(self, call: Call) -> Predicted:  # noqa: ARG002 - it knows no call
        """Nothing."""
        return Predicted(None, 0.0)

    def check(self) -> None:
        """It may say anything."""


def _parts(several: Any, form: type[Any]) -> Iterable[Any]:
    if not isinstance(several, form):
        raise ValueError(f"parts that are no {form.__name__}")  # noqa: TRY004 - a damaged file
    return several.values() if isinstance(several, dict) else several


def _check(*predictors: Any) -> None:
    if not all(hasattr(item, "predict") for item in predictors):
        raise ValueError("a part without a predictor")
