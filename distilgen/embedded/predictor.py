"""What answers one field of an answer, and the closed list of the kinds of it.

Predictors are frozen dataclasses of plain data: None, numbers, texts, tuples and dictionaries of
these, `array.array`, and other predictors. So a file holds them, and to load it runs no code but
that of the kinds listed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from distilgen.embedded.call import Call


class Predicted(NamedTuple):
    """A field's answer. value: a JSON value. confidence: that it is the teacher's, 0 to 1."""

    value: Any
    confidence: float


class Predictor(Protocol):
    """Answers a field. kind: names it in files and reports."""

    kind: ClassVar[str]

    def predict(self, call: Call) -> Predicted:
        """The field's answer to a call, of any shape: what it cannot answer has confidence 0. It
        raises nothing.
        """

    def check(self) -> None:
        """Raises ValueError where its data do not belong together, such as an index beyond an
        array: files may be damaged.
        """


_KINDS: dict[str, type[Any]] = {}
Kind = TypeVar("Kind", bound=type[Any])


def kind(cls: Kind) -> Kind:
    """Enter a predictor, or a part of one, in the list of kinds."""
    if cls.kind in _KINDS:
        raise ValueError(f"there is a {cls.kind} already")
    _KINDS[cls.kind] = cls
    return cls


def kind_named(name: str) -> type[Any]:
    """Raises ValueError: no such kind."""
    if name not in _KINDS:
        raise ValueError(f"a predictor of the kind {name!r} is not known here")
    return _KINDS[name]
