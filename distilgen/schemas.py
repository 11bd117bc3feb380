"""JSON schemas as plain data: in one spelling, and several in one."""

from __future__ import annotations

import math
from typing import Any

_DEFS = "#/$defs/"
_DECIMAL = r"^(?!^[-+.]*$)[+-]?0*"
_DATA = frozenset({"default", "examples", "const", "enum"})  # their values are no schemas
_NAMED = frozenset({"properties", "patternProperties", "$defs"})  # their keys are no keywords


def settled(value: Any) -> Any:
    """The schema in one spelling, whichever version of Pydantic gave it.

    Without its infinities and NaNs, for which JSON has no word: they are defaults and bounds, which
    Pydantic knows without the student's help. With a reference as itself, which up to Pydantic 2.8
    was the only item of an `allOf`; a constant without the enum of it, which went with 2.10; any
    object without `additionalProperties: true`, which came with 2.11; a decimal without its
    pattern, which only 2.12 and 2.13 have.
    """
    if isinstance(value, list):
        return [settled(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"allOf": [{"$ref": str(target), **rest}]} if not rest:
            value = {"$ref": target, **{key: value[key] for key in value if key != "allOf"}}
        case {"const": constant, "enum": [only]} if only == constant:
            value = {key: value[key] for key in value if key != "enum"}
        case {"pattern": str(pattern), "type": "string"} if pattern.startswith(_DECIMAL):
            value = {key: value[key] for key in value if key != "pattern"}
        case {"additionalProperties": True, "type": "object"} if "properties" not in value:
            value = {key: value[key] for key in value if key != "additionalProperties"}
    return {
        key: _settled_below(key, item)
        for key, item in value.items()
        if not _is_infinite(item, deep=key in _DATA)
    }


def _settled_below(key: str, value: Any) -> Any:
    if key in _DATA:
        return value
    if key in _NAMED and isinstance(value, dict):
        return {name: settled(item) for name, item in value.items()}
    return settled(value)


def _is_infinite(value: Any, *, deep: bool) -> bool:
    if isinstance(value, list):
        return any(_is_infinite(item, deep=deep) for item in value)
    if isinstance(value, dict) and deep:
        return any(_is_infinite(item, deep=deep) for item in value.values())
    return isinstance(value, float) and not math.isfinite(value)


def with_definitions(schema: dict[str, Any], shared: dict[str, Any], suffix: str) -> dict[str, Any]:
    """The schema without its `$defs`, which join the shared ones. A definition whose name stands
    for another there gets a name of its own, with the suffix.
    """
    own: dict[str, Any] = schema.get("$defs", {})
    clash = {name for name, item in own.items() if name in shared and shared[name] != item}
    if clash:  # with those that refer to them, which do not say the same any more
        names = {f"{_DEFS}{name}": f"{_DEFS}{name}__{suffix}" for name in own}
        schema = _renamed(schema, names)
        own = {f"{name}__{suffix}": item for name, item in schema["$defs"].items()}
    shared.update(own)
    return {key: value for key, value in schema.items() if key != "$defs"}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """With other references: of `$ref`, and of a discriminator's mapping."""
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return names.get(value, value) if isinstance(value, str) else value


def rooted(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with a reference at its root followed: tools want `type: object` there."""
    if "$ref" not in schema or set(schema) - {"$ref", "$defs"}:
        return schema
    target = schema["$ref"].removeprefix(_DEFS)
    return {"$defs": schema["$defs"], **schema["$defs"][target]}
