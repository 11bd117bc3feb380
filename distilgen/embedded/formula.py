"""Numbers that are computed: polynomials with rational coefficients, and how they are rounded.

Integers are exact at any size. With decimals, `float` and `ratio` compute as a Python function
would, and `even` and `up` compute with the decimals that are written, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from distilgen.embedded import normal
from distilgen.embedded.call import ABSENT
from distilgen.embedded.exact import NOTHING, Source, check_sources
from distilgen.embedded.predictor import Predicted, kind

if TYPE_CHECKING:
    from distilgen.embedded.call import Call

MODES: Final = ("whole", "float", "ratio", "even", "up")
FINISHES: Final = ("none", "round", "floor", "ceil", "trunc")
_MOST_BITS = 14_000  # of an integer: Python writes none of more digits as text
_MOST_POWER = 4
_MOST_FACTORS = 8  # of a term
_MOST_TERMS = 100
_MOST_COEFFICIENT = 10**40


@kind
@dataclass(frozen=True)
class Pair:
    """A number of two values. operation: `//` or `%` of two numbers, `dot` (the sum of products,
    item by item) of two lists.
    """

    kind: ClassVar[str] = "pair"
    operation: str
    left: Source
    right: Source

    def value(self, call: Call) -> Any:
        """The number, or `ABSENT`."""
        left, right = self.left.value(call), self.right.value(call)
        if self.operation == "dot":
            return dot(left, right)
        if not (_is_number(left) and _is_number(right)) or not right:
            return ABSENT
        try:
            return left // right if self.operation == "//" else left % right
        except ArithmeticError:  # an integer that is no float
            return ABSENT

    def check(self) -> None:
        """Raises ValueError for another operation."""
        if self.operation not in ("//", "%", "dot"):
            raise ValueError(f"there is no operation {self.operation!r}")
        check_sources(self.left, self.right)


def dot(left: Any, right: Any) -> Any:
    """The sum of products of two lists of numbers, `ABSENT` of anything else."""
    if not (isinstance(left, list) and isinstance(right, list)) or len(left) != len(right):
        return ABSENT
    if not all(map(_is_number, left)) or not all(map(_is_number, right)):
        return ABSENT
    try:
        return sum(one * other for one, other in zip(left, right, strict=True))
    except ArithmeticError:  # an integer that is no float
        return ABSENT


@kind
@dataclass(frozen=True)
class Formula:
    """terms: each a product of sources to a power, as (place in sources, power). coefficients: of
    the terms, as (numerator, denominator). mode: how it is computed; `whole` gives an integer.
    finish: how it is rounded, to that many digits. after: steps of `normal` on the number.
    """

    kind: ClassVar[str] = "formula"
    sources: tuple[Source | Pair, ...]
    terms: tuple[tuple[tuple[int, int], ...], ...]
    coefficients: tuple[tuple[int, int], ...]
    mode: str
    finish: str
    digits: int
    after: tuple[str, ...]
    sure: float

    @cached_property
    def _run(self) -> tuple[normal.Step, ...]:
        return normal.steps(self.after)

    @cached_property
    def _common(self) -> tuple[int, tuple[int, ...]]:
        """A denominator for all coefficients, and their numerators above it."""
        common = math.lcm(*(below for _, below in self.coefficients))
        return common, tuple(above * (common // below) for above, below in self.coefficients)

    @cached_property
    def _divides(self) -> bool:
        """An integer of quotients."""
        powers = (power for term in self.terms for _, power in term)
        return self.mode == "whole" and any(power < 0 for power in powers)

    def predict(self, call: Call) -> Predicted:
        """The number."""
        values = []
        for source in self.sources:
            value = source.value(call)
            if not _is_number(value) or value != value or value in (math.inf, -math.inf):  # noqa: PLR0124
                return NOTHING
            if _is_long(value):
                return NOTHING
            values.append(value)
        try:
            value = self.compute(values)
        except (ArithmeticError, ValueError):
            return NOTHING
        if value is not ABSENT and self.after:
            value = normal.run(value, self._run)
        return NOTHING if value is ABSENT or _is_long(value) else Predicted(value, self.sure)

    def compute(self, values: list[Any]) -> Any:
        """The number of these values of the sources, `ABSENT` where an integer is asked for and it
        is none. Raises ArithmeticError and ValueError.
        """
        if self.mode in ("even", "up") or self._divides:
            values = [_fraction(value) for value in values]
        elif self.mode == "whole" and not _whole(values):
            return ABSENT
        products = [_product(term, values) for term in self.terms]
        if self.mode == "float":
            total: Any = 0
            for (above, below), product in zip(self.coefficients, products, strict=True):
                total += (above if below == 1 else above / below) * product
            return _finished(total, self.finish, self.digits)
        common, numerators = self._common
        total = (
            sum(map(int.__mul__, numerators, products))
            if _whole(products)
            else sum(above * product for above, product in zip(numerators, products, strict=True))
        )
        if self.mode == "ratio":
            return _finished(total / common if common != 1 else total, self.finish, self.digits)
        total = Fraction(total, common) if common != 1 else total
        if self.mode == "up":
            return _number(_half_up(total, self.digits))
        done = _finished(total, self.finish, self.digits)
        if self.mode == "whole":
            return int(done) if done == int(done) else ABSENT
        return _number(done)

    def check(self) -> None:
        """Raises ValueError for terms of sources that there are not, and unknown words."""
        if self.mode not in MODES or self.finish not in FINISHES:
            raise ValueError(f"there is no formula of {self.mode!r} and {self.finish!r}")
        check_sources(*(source for source in self.sources if not isinstance(source, Pair)))
        if len(self.terms) != len(self.coefficients) or len(self.terms) > _MOST_TERMS:
            raise ValueError("terms without coefficients, or too many")
        for term in self.terms:
            if len(term) > _MOST_FACTORS:
                raise ValueError("a term of too many factors")
            for place, power in term:
                if not 0 <= place < len(self.sources) or not 0 < abs(power) <= _MOST_POWER:
                    raise ValueError("a term of a source that there is not")
        for above, below in self.coefficients:
            if not 0 < below <= _MOST_COEFFICIENT or abs(above) > _MOST_COEFFICIENT:
                raise ValueError("a coefficient that is no fraction")
        if abs(self.digits) > 30:
            raise ValueError("digits beyond a number's")
        normal.steps(self.after)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > _MOST_BITS


def _whole(values: list[Any]) -> bool:
    return all(type(value) is int for value in values)


def _fraction(value: float) -> Fraction:
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def _product(term: tuple[tuple[int, int], ...], values: list[Any]) -> Any:
    product: Any = 1
    for place, power in term:
        for _ in range(abs(power)):
            product = product * values[place] if power > 0 else product / values[place]
    return product


def _finished(value: Any, finish: str, digits: int) -> Any:
    match finish:
        case "round":
            return round(value, digits) if digits else round(value)
        case "floor":
            return math.floor(value * 10**digits) / 10**digits if digits else math.floor(value)
        case "ceil":
            return math.ceil(value * 10**digits) / 10**digits if digits else math.ceil(value)
        case "trunc":
            return math.trunc(value * 10**digits) / 10**digits if digits else math.trunc(value)
    return value


def _half_up(value: Any, digits: int) -> Fraction:
    """Rounded as one learns it at school, away from zero."""
    scaled = Fraction(value) * 10**digits
    whole = math.floor(abs(scaled) + Fraction(1, 2))
    return Fraction(whole if scaled >= 0 else -whole) / Fraction(10) ** digits


def _number(value: Any) -> Any:
    """A fraction as a JSON number."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value
