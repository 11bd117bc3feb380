"""What a Pydantic type may hold that JSON cannot say at once: sets, iterators, floats.

Serialising must not read an iterator that the caller is still to read, a set must come out in the
same order in every process, and NaN must not become null unseen. Most types can hold none of
these; theirs is the fast road.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from distilgen.contract import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import TypeAdapter

# Nodes of a core schema whose values are JSON's own, or hold nothing but what their children say.
_CLOSED = frozenset({
    *("none", "bool", "int", "float", "decimal", "str", "bytes", "literal", "enum", "uuid", "url"),
    *("multi-host-url", "date", "time", "datetime", "timedelta"),
    *("list", "tuple", "set", "frozenset", "dict", "typed-dict", "typed-dict-field"),
    *("model", "model-fields", "model-field", "dataclass", "dataclass-args", "dataclass-field"),
    *("default", "nullable", "union", "tagged-union", "definitions", "definition-ref"),
    *("function-after", "function-before", "function-wrap", "chain"),
    *("lax-or-strict", "json-or-python"),
})  # fmt: skip
_SEQUENCES = (list, tuple, set, frozenset, deque)


@dataclass(frozen=True)
class Shape:
    """sets, floats: there may be some. open: there may be anything. custom: somebody's function
    writes a part of it. one_way: why a value that was written cannot be read again, where that is
    so.
    """

    sets: bool
    floats: bool
    open: bool
    custom: bool = False
    one_way: str = ""


def shape_of(adapter: TypeAdapter[Any]) -> Shape:
    """What values of the adapter's type may hold."""
    kinds = set(_kinds(adapter.core_schema))
    opened = bool(kinds - _CLOSED)
    return Shape(
        sets=opened or bool(kinds & {"set", "frozenset"}),
        floats=opened or "float" in kinds,
        open=opened,
        custom=_is_custom(adapter.core_schema),
        one_way=next(_one_way(adapter.core_schema, {}), ""),
    )


def read_once(value: Any) -> bool:
    """Is it an iterator, or does it hold one? value: a dump in Pydantic's Python mode."""
    if hasattr(type(value), "__next__"):
        return True
    if isinstance(value, dict):
        return any(read_once(item) for item in value.values())
    return isinstance(value, _SEQUENCES) and any(read_once(item) for item in value)


def not_finite(value: Any) -> bool:
    """May it hold NaN or an infinity? value: a dump in Pydantic's Python mode."""
    text = to_json(value, fallback=str)
    return b"NaN" in text or b"Infinity" in text


def aligned(python: Any, parsed: Any) -> Any:
    """A parsed JSON dump with its sets sorted by their JSON texts; `python` is the same value
    dumped in Python mode, and tells which lists are sets.

    Raises ValueError where null stands for a float that JSON does not know.
    """
    if isinstance(parsed, dict):
        if not isinstance(python, dict) or len(python) != len(parsed):
            return parsed
        pairs = zip(python.values(), parsed.items(), strict=True)
        return {key: aligned(item, there) for item, (key, there) in pairs}
    if isinstance(parsed, list):
        if isinstance(python, set | frozenset):
            return sorted(parsed, key=canonical_json)
        if not isinstance(python, _SEQUENCES) or len(python) != len(parsed):
            return parsed
        return [aligned(item, there) for item, there in zip(python, parsed, strict=True)]
    if parsed is None and isinstance(python, float):
        raise ValueError(f"JSON has no {python}")
    return parsed


def _kinds(schema: Any) -> Iterator[str]:
    """The kind of every node of a core schema; `any` for fields that nobody declared."""
    if isinstance(schema, list | tuple):
        for item in schema:
            yield from _kinds(item)
    elif isinstance(schema, dict):
        kind = schema.get("type")
        if isinstance(kind, str):
            yield kind
        if "allow" in (schema.get("extra_behavior"), schema.get("extra_fields_behavior")):
            yield "any"
        for key, item in schema.items():
            if key not in ("metadata", "default", "expected"):
                yield from _kinds(item)


def _is_custom(schema: Any) -> bool:
    """Has a node of a core schema a serialiser that its author wrote?"""
    if isinstance(schema, list | tuple):
        return any(_is_custom(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    written = schema.get("serialization")
    if isinstance(written, dict) and str(written.get("type", "")).startswith("function-"):
        return True
    return any(_is_custom(schema[key]) for key in schema if key not in ("metadata", "default"))


def _one_way(schema: Any, config: dict[str, Any]) -> Iterator[str]:
    """Each field that is written under another name than it is read by, or not written at all."""
    if isinstance(schema, list | tuple):
        for item in schema:
            yield from _one_way(item, config)
    elif isinstance(schema, dict):
        config = schema.get("config") or config
        fields = schema.get("fields")
        if isinstance(fields, dict):
            fields = [{"name": name, **field} for name, field in fields.items()]
        for field in fields if isinstance(fields, list) else ():
            if isinstance(field, dict) and isinstance(field.get("name"), str):
                yield from _field_one_way(field, config)
        for key, item in schema.items():
            if key not in ("metadata", "default", "expected"):
                yield from _one_way(item, config)


def _field_one_way(field: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    name = field["name"]
    written, read = field.get("serialization_alias", name), name
    if config.get("validate_by_alias", True):
        read = field.get("validation_alias", name)
    if isinstance(read, list):  # choices or a path: the schema shows the first
        first = read[0] if isinstance(read[0], list) else read
        read = first[0] if len(first) == 1 else ".".join(map(str, first))
    if field.get("serialization_exclude") and field.get("schema", {}).get("type") != "default":
        yield f"the field {name} is required, and excluded when it is written"
    elif written != read:
        yield f"the field {name} is written as {written} and read as {read}"
