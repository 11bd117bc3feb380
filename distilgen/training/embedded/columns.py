"""The columns of a function's arguments, by what its rows have and what its schema says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from distilgen.contract import canonical_json
from distilgen.embedded.call import EACH
from distilgen.training.embedded.fitter import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from distilgen.embedded.call import Call, Path

MOST: Final = 200
"""Columns of a function; of more, those that most rows have."""

_DEEPEST = 5
_ITEMS = 50  # of a list, that are looked at
_SELDOM = 0.02  # a share of rows below which a column is none


def of(calls: Sequence[Call], inputs_schema: Mapping[str, Any] | None) -> tuple[Column, ...]:
    """The columns, in the order of the first row that has them. A place that has values of several
    kinds has a column of each. inputs_schema: that of the contract; where it allows few values
    only, texts and numbers are categories.
    """
    seen: Counter[Column] = Counter()
    values: dict[Path, set[str]] = {}
    for call in calls:
        found: dict[Column, None] = {}
        for name, value in call.arguments.items():
            for path, item in _leaves(value, (name,)):
                kind = _kind(item)
                if kind:
                    found[Column(path, kind)] = None
                if kind in ("text", "number") and len(few := values.setdefault(path, set())) < 1000:
                    few.add(canonical_json(item))
        seen.update(found.keys())
    listed = {path for path, few in values.items() if few <= _listed(inputs_schema or {}, path)}
    enough = max(1, _SELDOM * len(calls))
    columns: dict[Column, None] = {}
    kept = {column for column, count in seen.most_common(MOST) if count >= enough}
    for column in seen:
        if column in kept:
            listed_kind = "category" if column.path in listed else column.kind
            columns[column if column.kind == "list" else Column(column.path, listed_kind)] = None
    return tuple(columns)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        if len(path) < _DEEPEST:
            for key, item in value.items():
                yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        yield path, value
        if len(path) < _DEEPEST and EACH not in path:
            for item in value[:_ITEMS]:
                yield from _leaves(item, (*path, EACH))
    else:
        yield path, value


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if value is None or isinstance(value, bool):
        return "category"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else ""


def _listed(schema: Mapping[str, Any], path: Path) -> set[str]:
    """The values that a schema lists for a place, as JSON; none where it lists none."""
    at = [schema]
    for key in path:
        at = [below for item in _branches(at, schema) for below in _below(item, key)]
    listed = set()
    for item in _branches(at, schema):
        allowed = [item["const"]] if "const" in item else item.get("enum", [])
        listed |= {canonical_json(value) for value in allowed}
    return listed


def _branches(at: list[Mapping[str, Any]], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Schemas with their references and alternatives."""
    found: list[Mapping[str, Any]] = []
    todo = list(at)
    while todo and len(found) < 1000:
        item = todo.pop()
        if not isinstance(item, dict) or any(item is other for other in found):
            continue
        found.append(item)
        for word in ("anyOf", "oneOf", "allOf"):
            todo += item.get(word, [])
        reference = item.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            todo.append(root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}))
    return found


def _below(schema: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    if key == EACH:
        yield schema.get("items", {})
        yield from schema.get("prefixItems", [])
        return
    yield schema.get("properties", {}).get(key, {})
    yield schema.get("additionalProperties", {})
