"""What stands twice: told by hashes of 8 bytes, and then looked up in the file."""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST = 32_000_000
"""As many rows are remembered: 256 MB."""

_SHARES = 256


class Hashes:
    """Of what stands in a file, in the order of nothing."""

    def __init__(self) -> None:
        self._shares = [array("q") for _ in range(_SHARES)]
        self._appends = [share.append for share in self._shares]

    def add(self, keys: Iterable[bytes | int]) -> None:
        """Remember some."""
        appends = self._appends
        for key in keys:
            value = hash(key)
            appends[value & 255](value)

    def join(self, other: Hashes) -> None:
        """Remember those of another, too."""
        for share, more in zip(self._shares, other._shares, strict=True):
            share.extend(more)

    def any_repeated(self) -> bool:
        """Is one there twice?"""
        return any(len(set(share)) < len(share) for share in self._shares)

    def repeated(self) -> set[int]:
        """Those that are there twice."""
        found: set[int] = set()
        for share in self._shares:
            if len(distinct := set(share)) < len(share):
                seen: set[int] = set()
                for value in share:
                    if value in seen:
                        found.add(value)
                    seen.add(value)
                del distinct
        return found

    def shared(self, other: Hashes) -> set[int]:
        """Those that both have."""
        found: set[int] = set()
        for one, two in zip(self._shares, other._shares, strict=True):
            found |= set(one).intersection(two)
        return found


class Answered:
    """What was answered to questions. Exact."""

    def __init__(self) -> None:
        self._first: dict[bytes, tuple[int, bytes]] = {}

    def otherwise(self, question: bytes, answer: bytes, number: int) -> int | None:
        """The number of the line where a question was asked first, if that has another answer."""
        told = _digest(answer)
        first, known = self._first.setdefault(_digest(question), (number, told))
        return None if known == told else first


class Seen:
    """What came by already, of that with some hashes. Exact."""

    def __init__(self, hashes: set[int]) -> None:
        self._hashes = hashes
        self._lines: dict[bytes, int] = {}

    def wants(self, key: bytes | int) -> bool:
        """Is it to be remembered? key: what was given to `Hashes`."""
        return hash(key) in self._hashes

    def earlier(self, content: bytes, number: int) -> int | None:
        """The number of the line where it stood first; None at its first time."""
        first = self._lines.setdefault(_digest(content), number)
        return None if first == number else first

    def of(self, content: bytes) -> int | None:
        """Where it stood, if it did; it is not remembered."""
        return self._lines.get(_digest(content))


def numbered(batches: Iterable[list[bytes]]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1."""
    number = 0
    for lines in batches:
        for line in lines:
            number += 1
            yield number, line


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
