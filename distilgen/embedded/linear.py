"""Linear models: sums over the features of all columns, one for each of several scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from distilgen.embedded.predictor import kind

if TYPE_CHECKING:
    from array import array

    from distilgen.embedded.call import Call
    from distilgen.embedded.features import Block


@kind
@dataclass(frozen=True)
class Linear:
    """blocks: one or more for a column. bias: where each score starts."""

    kind: ClassVar[str] = "linear"
    blocks: tuple[Block, ...]
    bias: array[float]

    @property
    def width(self) -> int:
        """How many scores there are."""
        return len(self.bias)

    def scores(self, call: Call) -> list[float]:
        """A number for each of what is scored; the highest is the likeliest."""
        scores = list(self.bias)
        for block in self.blocks:
            sums = block.sums(call)
            if sums is not None:
                scores = [one + other for one, other in zip(scores, sums, strict=True)]
        return scores

    def check(self) -> None:
        """Raises ValueError for blocks of another width."""
        if any(block.width != len(self.bias) for block in self.blocks):
            raise ValueError("blocks of several widths")
