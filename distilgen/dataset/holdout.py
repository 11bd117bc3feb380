"""Which side a call falls on: train, validation or test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

_DIGITS = 16


@dataclass(frozen=True)
class Holdout:
    """Shares of the distinct calls, 0 to 1, that train nothing."""

    validation: float = 0.1
    test: float = 0.1

    def split_of(self, digest: bytes) -> str:
        """The side of a call, by hexadecimal digits of a digest: equal ones are on one side."""
        place = digest[:_DIGITS]
        if place < self._test:
            return "test"
        return "validation" if place < self._both else "train"

    @cached_property
    def _test(self) -> bytes:
        return _digits(self.test)

    @cached_property
    def _both(self) -> bytes:
        return _digits(self.test + self.validation)


def _digits(share: float) -> bytes:
    """The least digest that is not among this share of all."""
    return f"{int(share * 16**_DIGITS):0{_DIGITS}x}".encode()
