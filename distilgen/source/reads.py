"""What was read to find something out, so that it is looked for again only when that changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Set as AbstractSet

T = TypeVar("T")
Known = dict[Any, tuple[T, "AbstractSet[Read]"]]
"""Things that were found out, each with what was read for it."""


class Read(NamedTuple):
    """One thing that was read.

    kind: what name `name` is bound to in file `where`; or which file or folder module `name` is,
    `where` being the folder of the importing file, or empty.
    """

    kind: Literal["name", "module"]
    where: str
    name: str


@dataclass
class Reads:
    """Collects what is read while something is found out, nested as deep as it goes."""

    _open: list[set[Read]] = field(default_factory=lambda: [set()])

    def add(self, kind: Literal["name", "module"], where: str, name: str) -> None:
        """Note that something was read."""
        self._open[-1].add(Read(kind, where, name))

    def of(self, find: Callable[[], T]) -> tuple[T, AbstractSet[Read]]:
        """(what `find` returns, all that was read for it)."""
        self._open.append(set())
        try:
            found = find()
        finally:
            read = self._open.pop()
        self._open[-1] |= read
        return found, read

    def once(self, known: Known[T], key: Hashable, find: Callable[[], T]) -> T:
        """What `find` returned when `key` was first asked for."""
        if key not in known:
            known[key] = self.of(find)
            return known[key][0]
        return self.again(known[key])

    def again(self, known: tuple[T, AbstractSet[Read]]) -> T:
        """What was found out before, with what was read for it."""
        found, read = known
        self._open[-1] |= read
        return found
