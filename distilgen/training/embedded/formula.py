"""The search for a formula that gives the numbers of all rows without error.

Terms are chosen by orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, 1993), then by
least squares over all of the first and second degree; coefficients are rounded to the simplest
fractions within their error; and what comes of it counts only if it computes every row.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations_with_replacement, islice, permutations
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from distilgen.agreement import alike
from distilgen.embedded.call import EACH
from distilgen.embedded.exact import Cases, Source, key
from distilgen.embedded.formula import Formula, Pair
from distilgen.training.embedded import sources
from distilgen.training.embedded.exact import LEAST, enough, sureness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field

Number: TypeAlias = Source | Pair
Term: TypeAlias = tuple[tuple[int, int], ...]

_MOST_ROWS: Final = 500  # that a formula is looked for in, before all are asked
_LOOKED_AT: Final = 250  # rows that terms are chosen by
_MOST_SOURCES: Final = 20
_MOST_TERMS: Final = 1200
_MOST_CHOSEN: Final = 7  # terms of a formula that is looked for term by term
_STARTS: Final = 4  # terms that it may begin with
_ROWS_A_TERM: Final = 3
_MOST_DIGITS: Final = 6  # decimals that a function rounds to
_CONSTANTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 24, 26, 60, 97, 100, 360, 365, 1000)
_MOST_CASES: Final = 12
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]{1,6}")
_MOST_WRITTEN: Final = 15  # characters, or a float would not have all digits
_DIRECT: Final = (
    (), ("number",), ("number_comma",), ("number_scaled",), ("number_word",), ("percent",),
    ("day",), ("flag",), ("sum",), ("len",),
)  # fmt: skip


@dataclass(frozen=True)
class _Way:
    """How a formula's numbers are rounded. digits: of the grid they lie on. shift: from the grid
    to the middle of what is rounded to it. loose: the grid's step, 0 for what is exact.
    """

    finish: str
    digits: int
    shift: float
    loose: float
    modes: tuple[str, ...]


@dataclass(frozen=True)
class FormulaFitter:
    """Fits a number, or a date, that is computed from numbers and dates."""

    name: str = "formula"
    exact: bool = True

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        """The formula with the fewest terms that was found to hold for all rows; one for each case
        of an argument, where there is none for all.
        """
        if len(targets) < LEAST:
            return None
        wanted, after = _numbers(targets)
        if wanted is None:
            return None
        few = range(0, len(calls), -(-len(calls) // _MOST_ROWS))
        found = self._found([calls[row] for row in few], [wanted[row] for row in few], after, field)
        if found is None:
            return None
        every = zip(calls, targets, strict=True)
        return found if all(alike(found.predict(call)[0], item) for call, item in every) else None

    def _found(
        self, calls: Sequence[Call], wanted: Sequence[Any], after: tuple[str, ...], field: Field
    ) -> Predictor | None:
        usable = _usable(calls, wanted, field)
        direct = [column for column in usable if _direct(column[0])]
        for columns in (direct, usable) if len(direct) < len(usable) else (usable,):
            found = _find(columns, list(range(len(calls))), wanted, after) or _by_case(
                columns, calls, wanted, after, field
            )
            if found:
                return found
        return None


Column: TypeAlias = tuple[Number, list[Any]]


def _numbers(targets: Sequence[Any]) -> tuple[list[Any] | None, tuple[str, ...]]:
    """The numbers to be computed, and the steps that make targets of them."""
    if all(_is_number(target) for target in targets):
        return [_plain(target) for target in targets], ()
    if all(isinstance(target, str) and _DECIMAL.fullmatch(target) for target in targets):
        digits = {len(target.partition(".")[2]) for target in targets}  # as Pydantic's Decimal is
        if len(digits) == 1 and max(map(len, targets)) <= _MOST_WRITTEN:
            return [float(target) for target in targets], (f"fixed={digits.pop()}",)
    if all(isinstance(target, str) and len(target) == 10 for target in targets):
        days = [Source(("",), ("day",))._run[0](target) for target in targets]  # noqa: SLF001
        if all(isinstance(day, int) for day in days):
            return days, ("day_text",)
    return None, ()


def _plain(value: Any) -> Any:
    """An integer where a number is one: JSON does not tell 2 from 2.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _direct(source: Number) -> bool:
    """Numbers and dates as they are given, and the sums and lengths of lists: what most formulas
    are made of. With all that can be computed of them besides, more than one formula may hold.
    """
    if isinstance(source, Pair):
        return source.operation == "dot"
    return source.steps in _DIRECT and (EACH not in source.path or source.steps != ("len",))


def _usable(calls: Sequence[Call], wanted: Sequence[Any], field: Field) -> list[Column]:
    """Numbers that every row has, and that differ; simplest first."""
    found: dict[tuple[Any, ...], Number] = {}
    candidates: list[Number] = list(sources.numbers(field.columns, calls))
    lists = [path for path in sources.paths(field.columns, "number") if EACH in path]
    candidates += [
        Pair("dot", Source(one), Source(other))
        for one, other in combinations_with_replacement(lists, 2)
    ]
    for source in sorted(candidates, key=lambda source: not _direct(source)):
        values = _values(source, calls)
        if values is not None and len(found) < _MOST_SOURCES:
            found.setdefault(tuple(values), source)
    columns = [(source, list(values)) for values, source in found.items()]
    columns += list(_divided(columns, calls, wanted))
    return columns[: 2 * _MOST_SOURCES]


def _values(source: Number, calls: Sequence[Call]) -> list[Any] | None:
    values = []
    for call in calls:
        value = call.of(source, lambda: source.value(call))  # noqa: B023 - called at once
        if not _is_number(value):
            return None
        values.append(_plain(value))
    return values if min(values) != max(values) else None


def _divided(
    columns: Sequence[Column], calls: Sequence[Call], wanted: Sequence[Any]
) -> Iterator[Column]:
    """Quotients and remainders of integers, where the answers are integers."""
    whole = [
        (source, values)
        for source, values in columns[:8]
        if isinstance(source, Source) and all(isinstance(value, int) for value in values)
    ]
    if not all(isinstance(value, int) for value in wanted):
        return
    for source, _ in whole:
        for by in dict.fromkeys((*_CONSTANTS, max(wanted) + 1)):
            if by > max(wanted):
                rest = Source(source.path, (*source.steps, f"remainder={by}"))
                values = _values(rest, calls)
                if values == list(wanted):
                    yield rest, values
    for (left, _), (right, _) in permutations(whole, 2):
        for operation in ("//", "%"):
            pair = Pair(operation, left, right)
            values = _values(pair, calls)
            if values is not None:
                yield pair, values


def _find(
    usable: Sequence[Column], rows: list[int], wanted: Sequence[Any], after: tuple[str, ...]
) -> Formula | None:
    """The formula of these rows."""
    if not usable or len(rows) < LEAST:
        return None
    targets = [wanted[row] for row in rows]
    if min(targets) == max(targets):
        same = Fraction(repr(targets[0]))
        one = ((same.numerator, same.denominator),)
        return Formula((), ((),), one, "float", "none", 0, after, sureness(len(rows)))
    columns = [(source, [values[row] for row in rows]) for source, values in usable]
    columns = [column for column in columns if min(column[1]) != max(column[1])]
    search = _Search(columns, targets, after)
    return search.formula()


def _by_case(
    usable: Sequence[Column],
    calls: Sequence[Call],
    wanted: Sequence[Any],
    after: tuple[str, ...],
    field: Field,
) -> Cases | None:
    """A formula for each value of an argument that has few."""
    for path in sources.paths(field.columns, "category", "text", "number"):
        if EACH in path:
            continue
        chosen = (Source(path),)
        groups: dict[str, list[int]] = {}
        for row, call in enumerate(calls):
            groups.setdefault(key(chosen, call), []).append(row)
            if len(groups) > _MOST_CASES:
                break
        if "" in groups or not 1 < len(groups) <= _MOST_CASES:
            continue
        if min(map(len, groups.values())) < LEAST:
            continue
        cases: dict[str, Predictor] = {}
        for name in sorted(groups):
            found = _find(usable, groups[name], wanted, after)
            if found is None:
                break
            cases[name] = found
        else:
            return Cases(chosen, cases)
    return None


class _Search:
    """One search: columns of numbers, the numbers wanted."""

    def __init__(
        self, columns: Sequence[Column], targets: list[Any], after: tuple[str, ...]
    ) -> None:
        import numpy as np  # noqa: PLC0415 - heavy, an extra

        self.sources = [source for source, _ in columns]
        self.values = [values for _, values in columns]
        self.targets = targets
        self.after = after
        step = max(1, len(targets) // _LOOKED_AT)
        self.at = range(0, len(targets), step)
        self.terms = list(islice(_terms(columns), _MOST_TERMS))
        self.looked_at = np.array(
            [[float(values[row]) for values in self.values] for row in self.at]
        ).reshape(len(self.at), -1)
        self.wanted = np.array([float(targets[row]) for row in self.at])
        self.pool = np.stack([self._column(term) for term in self.terms], axis=1)
        self.tried = 0

    def formula(self) -> Formula | None:
        """The first that computes every row, of the ways to round and of the ways to choose terms,
        the simplest first.
        """
        found: list[Formula] = []
        for way in _ways(self.targets, self.values):
            for chosen in self._choices(way):
                made = self._checked(chosen, way)
                if made is not None:
                    found.append(made)
                    break
            if found and way.finish == "none":
                break
        return min(found, key=_length, default=None)

    def _column(self, term: Term) -> Any:
        import numpy as np  # noqa: PLC0415

        made = np.ones(len(self.at))
        for place, power in term:
            made = made * self.looked_at[:, place] ** float(power)
        return made

    def _choices(self, way: _Way) -> Iterator[list[int]]:
        """Terms, as places in the pool, whose best combination is near all numbers."""
        scale = float(abs(self.wanted).max())
        near = 0.8 * way.loose + 1e-8 * scale  # least squares do not keep the largest one smallest
        seen: set[tuple[int, ...]] = set()
        for path in self._paths:
            chosen = next((tuple(terms) for terms, off in path if off <= near), ())
            if chosen and chosen not in seen:
                seen.add(chosen)
                yield list(chosen)

    @cached_property
    def _paths(self) -> list[list[tuple[list[int], float]]]:
        """Terms, more and more of them, and how far their best combination is off at most. How
        numbers are rounded does not matter here: a constant is always among the terms.
        """
        import numpy as np  # noqa: PLC0415

        scale = np.abs(self.pool).max(axis=0)
        pool = self.pool / np.where(scale > 0, scale, 1.0)
        centred = pool - pool.mean(axis=0)
        norms = np.linalg.norm(centred, axis=0)
        norms[norms < 1e-9 * math.sqrt(len(self.wanted))] = np.inf
        exact = 1e-8 * float(np.abs(self.wanted).max())
        first = _strengths(centred, norms, self.wanted)
        paths = []
        for start in np.argsort(-first, kind="stable")[:_STARTS]:
            chosen = [0] if start == 0 else [0, int(start)]
            path = []
            while len(chosen) <= min(_MOST_CHOSEN, len(self.targets) // _ROWS_A_TERM):
                residual = self._residual(pool[:, chosen])
                path.append((chosen, float(np.abs(residual).max())))
                if path[-1][1] <= exact:
                    break
                strengths = _strengths(centred, norms, residual)
                strengths[chosen] = -1
                chosen = [*chosen, int(np.argmax(strengths))]
            paths.append(path)
        for degree in (1, 2):
            every = [n for n, term in enumerate(self.terms) if _degree(term) <= degree]
            if len(every) * _ROWS_A_TERM <= len(self.wanted):
                off = float(np.abs(self._residual(pool[:, every])).max())
                paths.append([(every, off)])
        return paths

    def _residual(self, columns: Any) -> Any:
        import numpy as np  # noqa: PLC0415

        solution, *_ = np.linalg.lstsq(columns, self.wanted, rcond=1e-12)
        return self.wanted - columns @ solution

    def _checked(self, chosen: list[int], way: _Way) -> Formula | None:
        """The formula of these terms with simple coefficients, if it computes every row."""
        snapped = self._snapped(chosen, way)
        if not snapped or not enough(self.targets, len(snapped), 100 * len(self.terms)):
            return None
        used = sorted({place for term, _ in snapped for place, _ in term})
        new = {place: number for number, place in enumerate(used)}
        terms = tuple(tuple((new[p], power) for p, power in term) for term, _ in snapped)
        sure = sureness(len(self.targets))
        for mode in _modes(way, [coefficient for _, coefficient in snapped]):
            made = Formula(
                tuple(self.sources[place] for place in used),
                terms,
                tuple((c.numerator, c.denominator) for _, c in snapped),
                mode,
                way.finish,
                way.digits,
                self.after,
                sure,
            )
            values = [self.values[place] for place in used]
            if self._holds(made, values):
                return made
        return None

    def _holds(self, made: Formula, values: list[list[Any]]) -> bool:
        try:
            return all(
                alike(made.compute([column[row] for column in values]), target)
                for row, target in enumerate(self.targets)
            )
        except (ArithmeticError, ValueError):
            return False

    def _snapped(self, chosen: list[int], way: _Way) -> list[tuple[Term, Fraction]]:
        """Terms with the simplest coefficients within their errors, one after the other, the
        surest first; the others are solved again each time. Terms that need none are left out.
        """
        import numpy as np  # noqa: PLC0415

        left = list(chosen)
        wanted = self.wanted + way.shift
        spread = max(way.loose / math.sqrt(12), 1e-10 * float(np.abs(self.wanted).max()))
        done: list[tuple[Term, Fraction]] = []
        while left:
            columns = self.pool[:, left]
            scale = np.abs(columns).max(axis=0)
            scaled = columns / scale
            solution, *_ = np.linalg.lstsq(scaled, wanted, rcond=1e-13)
            inverse = np.linalg.pinv(scaled.T @ scaled, rcond=1e-15)
            errors = 4 * spread * np.sqrt(np.maximum(np.diag(inverse), 0)) / scale
            solution = solution / scale
            surest = int(np.argmin(errors / np.maximum(np.abs(solution), errors)))
            value, error = float(solution[surest]), float(errors[surest])
            if not math.isfinite(value) or not math.isfinite(error):
                return []
            simple = _simplest(value, error)
            place = left.pop(surest)
            if simple:
                done.append((self.terms[place], simple))
            wanted = wanted - float(simple) * self.pool[:, place]
        return sorted(done, key=lambda item: (_degree(item[0]) == 0, self.terms.index(item[0])))


def _strengths(centred: Any, norms: Any, wanted: Any) -> Any:
    """How much of what is wanted each term explains; terms of a lower degree come first, so that
    of equals the first is the simplest.
    """
    import numpy as np  # noqa: PLC0415

    return np.round(np.abs(centred.T @ (wanted - wanted.mean())) / norms, 9)


def _terms(columns: Sequence[Column]) -> Iterator[Term]:
    """Products of columns: none, one, quotients, two, three."""
    yield ()
    count = len(columns)
    for place in range(count):
        yield ((place, 1),)
    few = min(count, _MOST_SOURCES)
    for one, other in combinations_with_replacement(range(few), 2):
        yield ((one, 2),) if one == other else ((one, 1), (other, 1))
    divisors = [place for place in range(min(count, 10)) if all(columns[place][1])]
    for below in divisors:
        for above in range(min(count, 10)):
            if above != below:
                yield ((above, 1), (below, -1))
    for chosen in combinations_with_replacement(range(min(count, 7)), 3):
        yield tuple((place, chosen.count(place)) for place in dict.fromkeys(chosen))


def _length(made: Formula) -> int:
    """How much it takes to write a formula down."""
    numbers = sum(len(f"{above}{below}") for above, below in made.coefficients)
    return numbers + 3 * sum(map(len, made.terms)) + 3 * len(made.terms)


def _degree(term: Term) -> int:
    return sum(abs(power) for _, power in term)


def _ways(targets: Sequence[Any], values: Sequence[Sequence[Any]]) -> Iterator[_Way]:
    """The ways in which such numbers may have been rounded."""
    whole = all(isinstance(target, int) for target in targets)
    from_whole = all(isinstance(value, int) for column in values for value in column)
    if whole and from_whole:
        yield _Way("none", 0, 0.0, 0.0, ("whole",))
    digits = 0 if whole else max(_decimals(target) for target in targets)
    if not whole:
        yield _Way("none", 0, 0.0, 0.0, ("float", "ratio", "even"))
    if digits > _MOST_DIGITS:
        return
    step = 10.0**-digits
    yield _Way("round", digits, 0.0, step, ("float", "ratio", "even", "up"))
    yield _Way("floor", digits, step / 2, step, ("float", "ratio", "even"))
    yield _Way("ceil", digits, -step / 2, step, ("float", "ratio", "even"))


def _modes(way: _Way, coefficients: Sequence[Fraction]) -> tuple[str, ...]:
    """How the numbers may have been computed, the likeliest first: `x * 1.19`, but `x / 60`."""
    if all(math.gcd(10**9, one.denominator) == one.denominator for one in coefficients):
        return way.modes
    return tuple(sorted(way.modes, key=lambda mode: mode != "ratio"))


def _decimals(value: float) -> int:
    text = repr(value)
    if "e" in text or isinstance(value, int):
        return 0 if isinstance(value, int) else 99
    return len(text.partition(".")[2])


def _simplest(value: float, error: float) -> Fraction:
    """The simplest fraction within an error of a value: 0, one with few decimals, or one with a
    small denominator.
    """
    if abs(value) <= error:
        return Fraction(0)
    error = max(error, 1e-11 * abs(value))
    decimal = next(
        (
            Fraction(f"{value:.{n}f}")
            for n in range(10)
            if abs(float(f"{value:.{n}f}") - value) <= error
        ),
        None,
    )
    most = 1
    while most < 10**6:
        near = Fraction(value).limit_denominator(most)
        if abs(float(near) - value) <= error:
            if decimal is None or near.denominator * 3 < decimal.denominator:
                return near
            break
        most *= 2
    return decimal if decimal is not None else Fraction(value).limit_denominator(10**9)
