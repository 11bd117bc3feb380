"""A chain: what one function answered becomes the inputs of the next.

A path leads into a record of the first function: `arguments.chunk`, `result.questions`, `id`; into
the element that becomes an input, `each` or `each.title`. A number is a place in a list, from 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.collection.given import Given, Refused, Source
from distilgen.errors import CollectError, UsageError
from distilgen.records.record import began_at

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from distilgen.collection.typed import Typed
    from distilgen.contract import Contract
    from distilgen.records.record import Record

RESULT, ARGUMENTS, ID, EACH = "result", "arguments", "id", "each"

_BEGINNINGS = (ARGUMENTS, RESULT, EACH, ID)
_SHOWN = 8  # names of a long list that a message holds


class _NowhereError(Exception):
    """A path leads nowhere; the message says where it ends, and what is there."""


class _Element(NamedTuple):
    """A value in a record. path: where."""

    path: str
    value: Any


@dataclass(frozen=True)
class Answers:
    """Those of some records that another function can take its inputs from: of the contract, a
    teacher's, with a result that is whole, and begun before a time: the calls that are made
    meanwhile may be of the same function.

    left_out: counts of the function's other records by reason, after an iteration.
    """

    records: Iterable[Record]
    contract: Contract
    before: dt.datetime
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Record]:
        self.left_out.clear()
        for record in self.records:
            if record.function == self.contract.function and not self._is_later(record):
                reason = self._useless(record)
                if reason:
                    self.left_out[reason] += 1
                else:
                    yield record

    def _useless(self, record: Record) -> str:
        if record.contract != self.contract.fingerprint:
            return "of another contract"
        if record.by_student:
            return "answered by a student"
        if record.error is not None:
            return "of a call that raised"
        return "" if record.usable else "without a value that could not be recorded"

    def _is_later(self, record: Record) -> bool:
        began = began_at(record.at)
        return began is not None and began >= self.before

    def why_none(self) -> str:
        """What to say where there are none."""
        name = self.contract.function
        others = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        there = f"; there are others: {others}" if others else ""
        return (
            f"no record of {name} to go on from{there}; collect it first: distilgen collect {name}"
        )


@dataclass(frozen=True)
class Chain:
    """Inputs for a function from records of another.

    typed: the parameters of the function. each: the path to the elements, each of which is an
    input; lists on the way and at its end are walked; "" for the whole result. into: the parameter
    that gets the element; "" for by itself: an object whose keys are all parameters gives each of
    them, anything else goes to the only parameter that nothing else fills. paths: of what other
    parameters get. constants: what some get in all calls. The rest gets the arguments of the same
    names.
    """

    typed: Typed
    each: str = ""
    into: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UsageError for a path that begins nowhere, or has a gap."""
        said = {f"--map {parameter}={path}": path for parameter, path in self.paths.items()}
        for option, path in {f"--each {self.each}": self.each or RESULT, **said}.items():
            if "" in path.split("."):
                raise UsageError(f"{option}: a name is missing between the dots, or behind them")
        if self.each and self.each.partition(".")[0] not in (RESULT, ARGUMENTS):
            raise UsageError(
                f"--each {self.each}: begins with neither {RESULT} nor {ARGUMENTS}; for example "
                "--each result.questions"
            )
        for parameter, path in self.paths.items():
            if path.partition(".")[0] not in _BEGINNINGS:
                raise UsageError(
                    f"--map {parameter}={path}: begins with none of {', '.join(_BEGINNINGS)}"
                )

    def source(self, answers: Answers, *, counted: bool) -> Source:
        """The inputs that the records give, as they are read; what lacks something is refused.
        counted: read them once more before, for a total. Raises CollectError, here or at the end,
        where none of them gave any.
        """
        total = sum(1 for _ in self._inputs(answers)) if counted else None
        return Source(self._inputs(answers), total)

    def _inputs(self, answers: Answers) -> Iterator[Given | Refused]:
        records = made = 0
        lacking = ""
        for record in answers:
            records += 1
            try:
                found = self._elements(record)
            except _NowhereError as error:
                found = []
                refused = Refused(f"record {record.id}", str(error), record.arguments)
                lacking = lacking or f"--each {self.each}: {error}"
                yield refused
            for element in found:
                item = self._input(record, element)
                if isinstance(item, Refused):
                    lacking = lacking or item.reason
                else:
                    made += 1
                yield item
        if not records:
            raise CollectError(answers.why_none())
        if not made:
            raise CollectError(lacking or f"--each {self.each}: is empty in all records")

    def _elements(self, record: Record) -> list[_Element]:
        if not self.each:
            return [_Element(RESULT, record.result)]
        return list(_walked(_Element("", _members(record)), self.each.split(".")))

    def _input(self, record: Record, element: _Element) -> Given | Refused:
        origin = f"record {record.id}: {element.path}"
        members = {**_members(record), EACH: element.value}
        mapped = dict(self.constants)
        for parameter, path in self.paths.items():
            try:
                mapped[parameter] = _at(members, path.split("."))
            except _NowhereError as error:
                return Refused(origin, f"--map {parameter}={path}: {error}", mapped)
        named = {
            name: value for name, value in record.arguments.items() if name in self.typed.parameters
        }
        return Given({**named, **self._spread(element.value, named, mapped), **mapped}, origin)

    def _spread(
        self, value: Any, named: Mapping[str, Any], mapped: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The element, by the parameters that it goes to. Raises UsageError."""
        parameters = self.typed.parameters
        if self.into:
            return {self.into: value}
        if isinstance(value, dict) and value and value.keys() <= parameters.keys():
            return value
        left = [name for name in parameters if name not in mapped]
        unnamed = [name for name in left if name not in named]
        choices = ([name for name in unnamed if name in self.typed.required], unnamed, left)
        few = next(filter(None, choices), [])
        if len(few) == 1:
            return {few[0]: value}
        if not (few or self.each):
            return {}
        what = self.each or "the result"
        if not few:
            raise UsageError(
                f"all parameters are filled, and none is left for {what}; name the one that gets "
                "it by --into"
            )
        raise UsageError(
            f"which parameter gets {what}? Say --into {' or --into '.join(few)}, and fill the "
            "others by --map PARAMETER=PATH"
        )


def _members(record: Record) -> dict[str, Any]:
    return {ARGUMENTS: record.arguments, RESULT: record.result, ID: record.id}


def _walked(element: _Element, path: Sequence[str]) -> Iterator[_Element]:
    """The elements that a path leads to: of each list on the way, and at its end, all."""
    if isinstance(element.value, list) and not (path and path[0].isdecimal()):
        for place, item in enumerate(element.value):
            yield from _walked(_Element(f"{element.path}[{place}]", item), path)
    elif path:
        value = _step(element.value, path[0], element.path)
        ahead = f"{element.path}." if element.path else ""
        yield from _walked(_Element(f"{ahead}{path[0]}", value), path[1:])
    else:
        yield element


def _at(value: Any, path: Sequence[str]) -> Any:
    """The value that a path leads to. Raises _NowhereError."""
    gone = ""
    for name in path:
        value = _step(value, name, gone)
        gone = f"{gone}.{name}" if gone else name
    return value


def _step(value: Any, name: str, gone: str) -> Any:
    """What a value has by a name. gone: the path to it. Raises _NowhereError."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        names = [str(key) for key in value]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        there = ", ".join(names[:_SHOWN]) + more if names else "nothing"
        raise _NowhereError(f"{gone} has no {name}; it has {there}")
    if isinstance(value, list):
        if name.isdecimal() and int(name) < len(value):
            return value[int(name)]
        raise _NowhereError(
            f"{gone} is a list of {len(value)}: it has no {name}, only places from 0 on"
        )
    raise _NowhereError(f"{gone} is {_kind_of(value)}: it has no {name}")


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a text"}
    return kinds[type(value)]
