"""What fits a predictor of one kind to a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distilgen.embedded.call import Call, Path
    from distilgen.embedded.predictor import Predictor


class Column(NamedTuple):
    """A place in the arguments where the training has values. kind: text, number, category (bool,
    enum, Literal, null), or list; of text, numbers and categories behind `EACH`, texts, numbers and
    categories.
    """

    path: Path
    kind: str


@dataclass(frozen=True)
class Field:
    """A field of the answer. path: keys from the whole answer. schema: its JSON schema, references
    resolved at the top. columns: of the arguments. seed: of all that is drawn.
    """

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    columns: tuple[Column, ...]
    seed: int


class Fitter(Protocol):
    """Fits one kind of predictor. name: in reports. exact: it holds for all rows or none, and needs
    no choice between it and statistics.
    """

    @property
    def name(self) -> str: ...

    @property
    def exact(self) -> bool: ...

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """A predictor of the targets, JSON values; None where this kind is not for them. The same
        rows in the same order give the same predictor.
        """
