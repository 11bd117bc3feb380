"""Records become entries: what is left of a call for its row, and what decides on its place.

An entry is a line of columns, divided by tabs, so that sorted entries bring equal calls together:

    number   of the function, by its name, six digits
    call     SHA-256 of the arguments, 32 hexadecimal digits
    at, id   of the record: equal calls stand in the order in which they were made
    group    SHA-256 of what is not to be divided between splits, 32 digits; empty for the call
    arguments, result   as canonical JSON
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.records.files import texts_of
from distilgen.records.fitting import Schema
from distilgen.records.record import (
    REDACTED,
    TOO_LARGE,
    UNSERIALIZABLE,
    Malformed,
    Record,
    began_at,
    items_of,
    marker_in,
)
from distilgen.records.selection import Selection
from distilgen.records.where import ABSENT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset.sorting import Sorter
    from distilgen.records.store import Store
    from distilgen.records.where import Path as FieldPath

HEAD = 6 + 1 + 32
"""Bytes of an entry that are equal in equal calls."""

OLDER, STUDENTS, FAILED, HALF, NOT_A_NUMBER, MISFIT, UNASKED = (
    "of an older contract",
    "answered by the student",
    "of a call without a result",
    "with half of a character, which nothing can send",
    "with a number that is infinite, or none",
    "whose result does not fit the contract",
    "not asked for",
)
ABSENT_VALUE = {
    UNSERIALIZABLE: "that has no JSON form",
    TOO_LARGE: "that was too large to record",
    REDACTED: "that was redacted",
}
_DOLLAR, _MARK = ord("$"), b'"$'  # a marker's; the one is found in a tenth of the other's time
_AT = 24  # characters of a time as recorders write it, 2026-11-03T01:02:03.004Z


@dataclass(frozen=True)
class Asked:
    """Which records are taken. selection: what they must be. accepted: beginnings of fingerprints
    of older contracts whose records are taken, too. students: models that were trained in the
    project: what they answered teaches nobody. group_by: what is not to be divided between splits;
    None for the arguments. seed: of the digests.
    """

    selection: Selection = field(default_factory=Selection)
    accepted: tuple[str, ...] = ()
    students: Collection[str] = ()
    group_by: FieldPath | None = None
    seed: int = 0


@dataclass
class Tally:
    """What became of one function's records. taken: how many became entries. left_out: counts by
    reason. older: counts by the fingerprints of older contracts, of accepted ones too. misfit:
    where and why the first result that does not fit the contract does not.
    """

    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    older: Counter[str] = field(default_factory=Counter)
    misfit: str = ""

    def add(self, other: Tally) -> None:
        """Count what another has counted, after this one."""
        self.taken += other.taken
        self.left_out += other.left_out
        self.older += other.older
        self.misfit = self.misfit or other.misfit

    @property
    def records(self) -> int:
        """How many there were."""
        return self.taken + self.left_out.total()


@dataclass
class Found:
    """All that was read. tallies: by function. malformed: lines that are no records, of which
    `first` is one. unknown: counts by function, where no contract has it.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    malformed: int = 0
    first: Malformed | None = None
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        """Count what another has found, in what comes after this."""
        for function, tally in other.tallies.items():
            self.tallies.setdefault(function, Tally()).add(tally)
        self.malformed += other.malformed
        self.first = self.first or other.first
        self.unknown += other.unknown


class Intake:
    """Takes records and gives their entries to a sorter.

    contracts: those of the functions that a dataset is built of, in the order of their numbers.
    """

    def __init__(self, contracts: Sequence[Contract], asked: Asked, sorter: Sorter) -> None:
        self.found = Found()
        self._add = sorter.add
        self._asked = asked
        self._seed = b"" if asked.seed == 0 else f"\0{asked.seed}".encode()
        self._plain = asked.selection.takes_all and asked.group_by is None
        self._contracts = {c.function: (number, c) for number, c in enumerate(contracts)}
        self._sides: dict[str, _Side] = {}

    def store(self, store: Store) -> None:
        """Take all of a store. Raises RecordError, OSError."""
        for item in store.read():
            self._item(item)

    def file(self, path: Path) -> None:
        """Take the records of a file. Raises RecordError, OSError."""
        values = self._values
        for number, text in enumerate(texts_of(path), 1):
            try:
                said = from_json(text, allow_inf_nan=False)
            except ValueError:
                said = None
            if (
                type(said) is dict
                and _is_ordinary(said)
                and not (_DOLLAR in text and _MARK in text)
            ):
                values(said)
            else:
                for item in items_of(str(path), number, text):
                    self._item(item)

    def _item(self, item: Record | Malformed) -> None:
        if isinstance(item, Record):
            self._values(vars(item), item)
        else:
            self.found.malformed += 1
            self.found.first = self.found.first or item

    def _values(self, values: Mapping[str, Any], record: Record | None = None) -> None:
        """Take a record, by its members, and as such where it is not an ordinary one."""
        function = values["function"]
        side = self._sides.get(function)
        if side is None:
            if function not in self._contracts:
                self.found.unknown[function] += 1
                return
            self.found.tallies[function] = tally = Tally()
            side = self._sides[function] = _Side(*self._contracts[function], tally)
        reason = self._entry(side, values, record)
        if reason:
            side.tally.left_out[reason] += 1
        else:
            side.tally.taken += 1

    def _entry(self, side: _Side, values: Mapping[str, Any], record: Record | None) -> str:
        """Make the entry of a record. Returns why there can be none, or nothing."""
        asked = self._asked
        if not self._plain:
            record = record or Record(**{k: values[k] for k in _FIELDS if k in values})
            if not asked.selection.takes(record):
                return UNASKED
        if values["source"] in asked.students:
            return STUDENTS
        fingerprint = values["contract"]
        is_older = fingerprint != side.fingerprint
        if is_older:
            side.tally.older[fingerprint] += 1
            if not fingerprint.startswith(asked.accepted):
                return OLDER
        reason = _unfit(record) if record else ""
        if reason:
            return reason
        arguments, result = values["arguments"], values.get("result")
        if tuple(arguments) != side.parameters:
            arguments, reason = side.fitted(arguments, older=is_older)
            if reason:
                return reason
        wrong = side.misfit(result)
        if not wrong:
            try:
                if side.is_strict:
                    side.contract.answer(result)
                given, answered = canonical(arguments), canonical(result)
            except UnicodeError:
                return HALF
            except OverflowError:
                return NOT_A_NUMBER
            except ValueError as error:  # the strict form has no place for it
                wrong = str(error)
        if wrong:
            side.tally.misfit = side.tally.misfit or f"record {values['id']}: {wrong}"
            return MISFIT
        group = ""
        if record is not None and asked.group_by is not None:
            value = asked.group_by(record)
            if value is not ABSENT and value is not None:  # no trace_id is none in common
                group = self._digest(canonical(value))
        at, name = values["at"], values["id"]
        at = at[:-1] if len(at) == _AT and at[-1] == "Z" else _settled(at)
        if not (name.isascii() and name.isprintable()):
            name = name.encode(errors="surrogatepass").hex()
        # Equal arguments are one call, in whatever order a mapping among them has its keys.
        called = given if _KINDS.issuperset(map(type, arguments.values())) else _ordered(arguments)
        head = f"{side.number}\t{self._digest(called)}\t{at}\t{name}\t{group}\t"
        self._add(b"".join((head.encode(), given, b"\t", answered, b"\n")))
        return ""

    def _digest(self, text: bytes) -> str:
        return hashlib.sha256(text + self._seed).hexdigest()[:32]


class _Side:
    """A contract, and what is asked of each of its records."""

    def __init__(self, number: int, contract: Contract, tally: Tally) -> None:
        self.number = f"{number:06}"
        self.contract = contract
        self.fingerprint = contract.fingerprint
        self.is_strict = contract.is_strict
        self.parameters = contract.parameters
        self.tally = tally
        self._schema = Schema(dict(contract.tool["parameters"]))
        self._fits = self._schema.fits
        self._wraps = contract.wraps_result

    def misfit(self, result: Any) -> str:
        """Where and why a result does not fit the contract; nothing where it does."""
        answer = {RESULT_KEY: result} if self._wraps else result
        return "" if self._fits(answer) else self._schema.misfit(answer)

    def fitted(self, given: Mapping[str, Any], *, older: bool) -> tuple[dict[str, Any], str]:
        """The arguments as the contract has them now: those with defaults filled in; of an older
        contract, without those that it has no more. And why that cannot be done, or nothing.
        """
        properties = self.contract.inputs["properties"]
        unknown = [name for name in given if name not in properties]
        if unknown and not older:
            return {}, f"with an argument {unknown[0]} that the contract has not"
        arguments = {}
        for name, schema in properties.items():
            if name in given:
                arguments[name] = given[name]
            elif "default" in schema:
                arguments[name] = schema["default"]
            else:
                return {}, f"without the argument {name}"
        return arguments, ""


_FIELDS = tuple(Record.__dataclass_fields__)
_ALWAYS = ("id", "at", "function", "contract", "source", "elapsed_ms")
_ORDINARY = {
    (*_ALWAYS, *parent, *trace, "arguments", "result")
    for parent in ((), ("parent",))
    for trace in ((), ("trace_id", "span_id"))
}
"""The members of a call that returned and had no student, as recorders write it."""


def _is_ordinary(values: Mapping[str, Any]) -> bool:
    """Is each member what it should be? Of all other records, `record.items_of` knows more."""
    if tuple(values) not in _ORDINARY:
        return False
    elapsed, at = values["elapsed_ms"], values["at"]
    if not (
        type(values["id"]) is str
        and type(values["function"]) is str
        and type(values["contract"]) is str
        and type(values["source"]) is str
        and type(values["arguments"]) is dict
        and type(at) is str
        and len(at) == _AT
        and type(elapsed) is float
        and 0 <= elapsed < 1e300
    ):
        return False
    try:
        dt.datetime.fromisoformat(at)
    except ValueError:
        return False
    return True


def _unfit(record: Record) -> str:
    """Why no row can be made of a record, whatever the contract; nothing where one can."""
    if record.by_student:
        return STUDENTS
    if record.error is not None:
        return FAILED
    if not record.usable:
        marker = marker_in(record.arguments)
        where = "an argument" if marker else "a result"
        return f"with {where} {ABSENT_VALUE[marker or marker_in(record.result)]}"
    return ""


def _settled(at: str) -> str:
    """A time in UTC, in a form in which texts sort as times do; nothing where there is none."""
    time = began_at(at)
    return "" if time is None else f"{time:%Y-%m-%dT%H:%M:%S.%f}"


def canonical(value: Any) -> bytes:
    """`contract.canonical_json` of a JSON value, in UTF-8, in a quarter of its time.

    Raises UnicodeError for half of a character, OverflowError for a number that JSON has not.
    """
    try:
        text: bytes = to_json(value)
    except PydanticSerializationError:
        return canonical_json(value).encode()
    kinds = {*map(type, value.values())} if type(value) is dict else _SOME
    # Numbers below 0.0001 are written in two ways, and those that are none as names. Each search
    # is written out: a loop over them takes thrice the time.
    if not kinds <= _NO_FRACTION and (
        _WRITES_OTHERWISE
        or b"e-" in text
        or b"0.0000" in text
        or b"NaN" in text
        or b"Infinity" in text
    ):
        try:
            return _ENCODER.encode(value).encode()
        except ValueError as error:
            raise OverflowError from error
    return text


def _ordered(value: Any) -> bytes:
    return _SORTING.encode(value).encode()


_KINDS = frozenset({str, int, bool, float, type(None)})
_SORTING = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_WRITES_OTHERWISE = to_json(1e16) != b"1e+16"  # as pydantic-core did until 2.41
_NO_FRACTION = {str, int, bool, type(None)}
_SOME = {float}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
