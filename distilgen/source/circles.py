"""Definitions in terms of each other: each is looked into once, and circles of them end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.source.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.source.names import Key
    from distilgen.source.reads import Known, Reads


@dataclass
class Circles:
    """The verdicts on definitions, by their keys.

    What leads back to a definition that is still open, at a depth of `_open`, is part of a circle:
    it is known in part until that is closed.
    """

    reads: Reads
    _known: Known[Verdict] = field(default_factory=dict)
    _open: dict[Key, int] = field(default_factory=dict)
    _partial: dict[Key, tuple[int, Verdict]] = field(default_factory=dict)
    _lowest: int = 0

    def is_known(self, key: Key) -> bool:
        """Is there a verdict already?"""
        return key in self._known

    def clear(self) -> None:
        """Forget what is open, which something has left that way."""
        self._open.clear()
        self._partial.clear()

    def once(self, key: Key, follow: Callable[[], Verdict], circle: str) -> Verdict:
        """The verdict on a definition: what `follow` returned when it was first asked for.

        circle: what to say of a definition that is nothing but itself.
        """
        if key in self._known:
            return self.reads.once(self._known, key, follow)
        if key in self._open:
            self._lowest = min(self._lowest, self._open[key])
            return Verdict("circle", circle)
        if key in self._partial:
            low, verdict = self._partial[key]
            self._lowest = min(self._lowest, low)
            return verdict
        depth = self._open[key] = len(self._open)
        around, self._lowest = self._lowest, depth + 1
        verdict, read = self.reads.of(follow)
        del self._open[key]
        if self._lowest >= depth:
            self._known[key] = (verdict.settled(), read)
            self._partial = {k: v for k, v in self._partial.items() if v[0] < depth}
            self._lowest = around
            return verdict
        for other, (low, part) in self._partial.items():
            if low >= depth:
                self._partial[other] = (self._lowest, part)
        self._partial[key] = (self._lowest, verdict)
        self._lowest = min(self._lowest, around)
        return verdict
