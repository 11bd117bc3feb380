"""Rows become inputs: which column is which parameter's."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from distilgen.collection.files import Row, shown
from distilgen.collection.given import Given, Refused
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from distilgen.collection.typed import Typed

OURS = "$"
"""What keys begin with that we wrote ourselves, beside the inputs of calls that failed."""

TEXT = f"{OURS}text"
"""The key that says of such an input that its values are cells of a table of text."""


_MOST = 1_000  # names of unused keys that are kept, however many there are
_TOLD = 10  # lines of them


@dataclass
class _Unused:
    """A key that nobody wants. first: where it stood first. rows: how many had it."""

    first: str
    rows: int = 1


@dataclass
class Columns:
    """Finds the parameters' values in rows.

    typed: the parameters. columns: what `--map` says: the column of a parameter that is not called
    like it. constants: what `--set` says. note: is told once of a table's columns that nobody
    wants; of keys of single objects `unused` tells, when all were read.
    """

    typed: Typed
    columns: Mapping[str, str]
    constants: Mapping[str, Any]
    note: Callable[[str], None]
    _seen: tuple[str, ...] | None = None
    _unused: set[str] = field(default_factory=set)
    _is_first: bool = True
    _keys: dict[str, _Unused] = field(default_factory=dict)

    def inputs(self, rows: Iterable[Row | Refused]) -> Iterator[Given | Refused]:
        """The inputs that rows are. Raises CollectError where none of a file could be one."""
        for row in rows:
            yield row if isinstance(row, Refused) else self._input(row)

    def _input(self, row: Row) -> Given | Refused:
        if not isinstance(row.value, dict):
            return self._bare(row)
        if row.columns is not None and row.columns is not self._seen:
            self._look_at(row, row.columns, row.columns)
            self._seen = row.columns
        elif row.columns is None and self._is_first:
            self._look_at(row, tuple(row.value), ())
        self._is_first = False
        if row.columns is None:
            self._count(row)
        values = dict(self.constants)
        is_text = row.is_text or row.value.get(TEXT) is True
        reason = ""
        for name in self.typed.parameters:
            column = self.columns.get(name, name)
            if name not in values and column in row.value:
                values[name] = row.value[column]
            elif name in self.columns:
                reason = reason or f"has no {column}, which {name} is to be"
        if reason:
            return Refused(row.origin, reason, values, is_text)
        return Given(values, row.origin, is_text)

    def unused(self) -> Iterator[str]:
        """The keys of objects that no parameter has got, with the first row that had them; those
        that always stood together on one line.
        """
        together: dict[tuple[str, int], list[str]] = {}
        for name, key in self._keys.items():
            together.setdefault((key.first, key.rows), []).append(name)
        for (first, rows), names in islice(together.items(), _TOLD):
            where = f"in {first}" if rows == 1 else f"in {rows:,} rows, first in {first}"
            yield f"not used: {'key' if len(names) == 1 else 'keys'} {shown(names)} {where}"
        if len(together) > _TOLD:
            yield "not used: other keys, too"

    def _count(self, row: Row) -> None:
        """Remember the keys of an object that nobody wants."""
        for name in row.value:
            if name in self._names or name.startswith(OURS):
                continue
            if name in self._keys:
                self._keys[name].rows += 1
            elif len(self._keys) < _MOST:
                self._keys[name] = _Unused(row.origin)

    @cached_property
    def _wanted(self) -> dict[str, str]:
        """The columns of the parameters that have no constant."""
        return {
            name: self.columns.get(name, name)
            for name in self.typed.parameters
            if name not in self.constants
        }

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._wanted.values())

    def _look_at(self, row: Row, there: tuple[str, ...], table: tuple[str, ...]) -> None:
        """Is anything here what the function wants? table: the columns that all rows have."""
        wanted = self._wanted
        missing = [
            name
            for name, column in wanted.items()
            if column not in there and (name in self.typed.required or name in self.columns)
        ]
        none = wanted and there and not self._names & set(there)
        absent = [f"{name}={self.columns[name]}" for name in missing if name in self.columns]
        if absent and (table or none):
            column = absent[0].partition("=")[2]
            raise CollectError(
                f"{row.origin}: --map {absent[0]}: there is no column {column}; the columns are: "
                f"{shown(there)}"
            )
        if missing and (table or none):
            raise CollectError(
                f"{row.origin}: there is no column for {shown(missing)}; the columns are: "
                f"{shown(there)}; the parameters are: {shown(self.typed.parameters)}. Name the "
                "column of a parameter by --map PARAMETER=COLUMN, or its value by --set"
            )
        if not table:
            return
        unused = [n for n in there if n not in self._names and not n.startswith(OURS) and n]
        fresh = [name for name in unused if name not in self._unused]
        if fresh:
            self._unused.update(fresh)
            self.note(f"not used: {'column' if len(fresh) == 1 else 'columns'} {shown(fresh)}")

    def _bare(self, row: Row) -> Given | Refused:
        """The input that a bare value is. Raises CollectError where no parameter is the one for it,
        unless there were objects before.
        """
        left = [name for name in self.typed.parameters if name not in self.constants]
        required = [name for name in left if name in self.typed.required]
        only = required if len(required) == 1 else left
        if len(only) == 1:
            return Given({**self.constants, only[0]: row.value}, row.origin, row.is_text)
        if not self._is_first:
            return Refused(row.origin, "is no object")
        if not left:
            raise CollectError(f"{row.origin}: is a value, and no parameter is left for it")
        raise CollectError(
            f"{row.origin}: is a bare value, and the parameters are {shown(left)}: write objects, "
            "or leave one by --set PARAMETER=JSON"
        )


def pairs(option: str, said: Iterable[str]) -> dict[str, str]:
    """`NAME=TEXT`, as often as it was said. Raises UsageError."""
    found: dict[str, str] = {}
    for text in said:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value:
            raise UsageError(f"{option} {text}: say {option} PARAMETER=…")
        if name.strip() in found:
            raise UsageError(f"{option} {name.strip()}: is said twice")
        found[name.strip()] = value
    return found


def constants(said: Iterable[str]) -> dict[str, Any]:
    """What `--set` says: JSON where it is JSON, else text. Raises UsageError."""
    import json  # noqa: PLC0415 - seldom said

    found: dict[str, Any] = {}
    for name, text in pairs("--set", said).items():
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text
    return found
