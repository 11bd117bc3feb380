"""The columns of a contract's calls, by its schemas; a call in cells, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY
from distilgen.strict import type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distilgen.contract import Contract

    Fits = Callable[[Any, str], bool]

STRING, INTEGER, NUMBER, BOOLEAN, JSON = "string", "integer", "number", "boolean", "json"
_DEFS = "#/$defs/"
_ABSENT = object()


@dataclass(frozen=True)
class Column:
    """kind: of its values; JSON where they are JSON texts. null: are there values that are null?
    required: has each object a value for it? key: in the object.
    """

    name: str
    kind: str
    null: bool = False
    required: bool = False
    key: str = ""

    @property
    def optional(self) -> bool:
        """May its cell be empty?"""
        return self.null or not self.required or self.kind == JSON


class Columns:
    """The columns of a contract's calls. A cell is None, a text, a number or a truth value."""

    def __init__(self, contract: Contract) -> None:
        answer = contract.tool["parameters"]
        self._arguments = _of_object("arguments", contract.inputs)
        self._wraps = contract.wraps_result
        if self._wraps:
            kind, null = _kind(answer["properties"][RESULT_KEY], answer)
            self._result: tuple[Column, ...] = (Column("result", kind, null, required=True),)
            rest = [Column("arguments", JSON)]
        else:
            self._result = _of_object("result", answer)
            rest = [Column("arguments", JSON), Column("result", JSON)]
        self._all = (*self._arguments, *self._result, *rest)

    def __iter__(self) -> Iterator[Column]:
        return iter(self._all)

    def cells(self, arguments: Mapping[str, Any], result: Any, fits: Fits) -> list[Any]:
        """A call's cells. fits: can a column of a kind hold a value, exactly?

        Raises ValueError for what is no JSON, and for a result that is no object and that its
        column cannot hold.
        """
        known, whole = _cells(self._arguments, arguments, fits)
        if self._wraps:
            (column,) = self._result
            cell, exact = _cell(column, result, fits)
            if not exact:
                raise ValueError(f"its result is no {column.kind} that a column can hold")
            return [*known, cell, whole]
        fields, rest = _cells(self._result, result, fits)
        return [*known, *fields, whole, rest]

    def call(self, cells: Sequence[Any]) -> tuple[dict[str, Any], Any]:
        """(arguments, result) of a call's cells. Raises ValueError, which names the column."""
        ahead = len(self._arguments)
        behind = ahead + len(self._result)
        arguments = _object(self._arguments, cells[:ahead], cells[behind], self._all[behind])
        if self._wraps:
            return arguments, _value(self._result[0], cells[ahead])
        return arguments, _object(self._result, cells[ahead:behind], cells[-1], self._all[-1])


def _of_object(prefix: str, schema: Mapping[str, Any]) -> tuple[Column, ...]:
    required = schema.get("required", ())
    return tuple(
        Column(f"{prefix}.{name}", *_kind(item, schema), required=name in required, key=name)
        for name, item in schema.get("properties", {}).items()
    )


def _cells(columns: Sequence[Column], value: Any, fits: Fits) -> tuple[list[Any], str | None]:
    """(cells of an object's columns, the whole as a JSON text if they cannot say it)."""
    known = value if isinstance(value, dict) else {}
    made = [_cell(column, known.get(column.key, _ABSENT), fits) for column in columns]
    is_said = known is value and all(exact for _, exact in made)
    is_said = is_said and list(known) == [c.key for c in columns if c.key in known]
    return [cell for cell, _ in made], None if is_said else _json(value)


def _cell(column: Column, value: Any, fits: Fits) -> tuple[Any, bool]:
    """(a value's cell, whether it says the value exactly)."""
    if value is _ABSENT:  # an empty cell of a column with nulls is null
        return None, not column.required and (column.kind == JSON or not column.null)
    if column.kind == JSON:
        return _json(value), True
    if value is None:
        return None, column.null
    exact = fits(value, column.kind)
    return value if exact else None, exact


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _object(columns: Sequence[Column], cells: Sequence[Any], whole: Any, last: Column) -> Any:
    if whole is not None:
        return _value(last, whole)
    made = {}
    for column, cell in zip(columns, cells, strict=True):
        if cell is not None or column.null:
            made[column.key] = _value(column, cell)
        elif column.required:
            raise ValueError(f"column {column.name} is empty")
    return made


def _value(column: Column, cell: Any) -> Any:
    if column.kind != JSON or cell is None:
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"column {column.name}: {cell[:40]!r} is no JSON") from error


def _kind(schema: Any, root: Mapping[str, Any]) -> tuple[str, bool]:
    """(kind of a schema's values, whether null is one)."""
    types = _types(schema, root, ())
    null = "null" in types
    rest = types - {"null"}
    (only,) = rest if len(rest) == 1 else (JSON,)
    return (only, null) if only in (STRING, INTEGER, NUMBER, BOOLEAN) else (JSON, False)


def _types(schema: Any, root: Mapping[str, Any], seen: tuple[str, ...]) -> set[str]:
    """The types of a schema's values; `any` for one of which it cannot be told."""
    if not isinstance(schema, dict) or schema.get("nullable") is True:
        return {"any"}
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_DEFS)
        if name in seen:
            return {"any"}
        return _types(root.get("$defs", {}).get(name), root, (*seen, name))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return set().union(*(_types(item, root, seen) for item in schema[keyword]))
    if "enum" in schema or "const" in schema:
        return {type_of(item) for item in schema.get("enum", [schema.get("const")])}
    kinds = schema.get("type", "any")
    return {kinds} if isinstance(kinds, str) else set(kinds)
