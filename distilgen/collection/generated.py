"""Inputs that nobody has written: Hypothesis makes them from the types of the parameters."""

from __future__ import annotations

import inspect
import json
import tempfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from distilgen.collection.done import Done
from distilgen.collection.given import Given, Source, as_json
from distilgen.collection.typed import MisfitError, Typed, is_required, told_type
from distilgen.errors import CollectError
from distilgen.records.record import UNSERIALIZABLE, marked, marker_in
from distilgen.runtime import arguments
from distilgen.runtime.sensitive import NotRedactedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FIRST, _MOST = 20, 400  # made at a time: more and more
_TRIED = 20  # of one parameter, to see that records can hold them
_BARREN = 5
"""Batches without a new input, after which there are no more to be found."""


def source(
    typed: Typed, count: int, seed: int, constants: Mapping[str, Any], note: Callable[[str], None]
) -> Source:
    """So many different inputs, the same ones for a seed. constants: values of parameters that are
    not to be made. note: is told where there are not so many. Raises CollectError for a parameter
    whose values cannot be made, and where Hypothesis is not installed.
    """
    try:
        import hypothesis  # noqa: PLC0415, F401 - an extra
    except ImportError as error:
        raise CollectError(
            '--generate needs a package: pip install "distilgen[generate]"'
        ) from error
    from distilgen.collection.strategies import Unmakeable, strategy  # noqa: PLC0415 - as above

    typed.refuse((), constants)
    strategies = {}
    for name, hint in typed.hints.items():
        if name in constants:
            continue
        try:
            strategies[name] = strategy(hint)
            drawn = _draw({name: strategies[name]}, _TRIED, seed)
            fits = [_fits(typed, name, values[name]) for values in drawn]
        except Exception as error:
            if not is_required(typed.parameters[name]):
                strategies.pop(name, None)
                continue
            why = str(error) if isinstance(error, Unmakeable) else _why(error)
            raise CollectError(
                f"parameter {name}: no value of its type can be made: {why}; give it one by "
                f"--set {name}=JSON"
            ) from error
        if any(fits):
            if not all(fits):
                keeps = partial(_fits, typed, name)
                strategies[name] = strategies[name].filter(keeps)
            continue
        parameter = typed.parameters[name]
        if is_required(parameter) or not _has_record(parameter.default):
            raise CollectError(
                f"parameter {name}: no record can hold a value of its type {told_type(hint)}: "
                "it has no JSON form; give it a default that has one, or collect a function that "
                "fills it"
            )
        del strategies[name]
    return Source(_Generated(typed, strategies, count, seed, constants, note), count)


@dataclass(frozen=True)
class _Generated:
    typed: Typed
    strategies: Mapping[str, Any]
    count: int
    seed: int
    constants: Mapping[str, Any]
    note: Callable[[str], None]

    def __iter__(self) -> Iterator[Given]:
        met = Done()
        count = barren = batch = 0
        while barren < _BARREN:
            before = count
            size = min(_FIRST << batch, _MOST)
            for values in _draw(self.strategies, size, self.seed * 1_000_003 + batch):
                given = {**self.constants, **values}
                try:
                    made = self.typed.values(Given(given, ""))
                except MisfitError:  # of a rule that no type says
                    continue
                if met.meets(_key(made, given)):
                    count += 1
                    yield Given(given, f"generated {count}")
                    if count == self.count:
                        return
            barren = barren + 1 if count == before else 0
            batch += 1
        if not count:
            raise CollectError(
                "none of the inputs that were made of the types fits: a validator wants what no "
                "type says; use --inputs"
            )
        some = "input" if count == 1 else "different inputs"
        self.note(f"only {count} {some} could be made of {self.count}")


def _key(made: Mapping[str, Any], given: Mapping[str, Any]) -> bytes:
    """What tells inputs apart: their record, or what they are made of, where that is secret."""
    try:
        return arguments.canonical(made)
    except NotRedactedError:
        return as_json(given)


def _fits(typed: Typed, name: str, value: Any) -> bool:
    """Can a record hold what a parameter makes of a value?"""
    try:
        return _has_record(typed.value(name, value))
    except MisfitError:  # of which each input tells
        return True


def _has_record(value: Any) -> bool:
    if value is inspect.Parameter.empty:
        return True
    try:
        text = arguments.canonical({"value": value})
    except NotRedactedError:
        return True
    return not (marked(text.decode()) and marker_in(json.loads(text)) == UNSERIALIZABLE)


def _draw(strategies: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
    """So many sets of values, or fewer. Raises what Hypothesis does."""
    from hypothesis import (  # noqa: PLC0415 - an extra
        HealthCheck,
        Phase,
        configuration,
        given,
        seed as seeded,
        settings,
        strategies as st,
    )

    found: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seeded(seed)
    @given(st.fixed_dictionaries(dict(strategies)))
    def keep(values: dict[str, Any]) -> None:
        found.append(values)

    with tempfile.TemporaryDirectory() as folder:  # it leaves what it knows of letters in a folder
        configuration.set_hypothesis_home_dir(folder)
        try:
            keep()
        finally:
            configuration.set_hypothesis_home_dir(None)
    return found


def _why(error: Exception) -> str:
    from hypothesis.errors import Unsatisfiable  # noqa: PLC0415 - an extra

    if isinstance(error, Unsatisfiable):
        return "none of those that were tried keeps its rules"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
