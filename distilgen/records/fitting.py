"""Does a JSON value fit a JSON schema? As far as structure goes: keys, types, choices.

What Pydantic also checks, such as formats and bounds, is not looked at; the program itself will.
"""

from __future__ import annotations

from typing import Any

_DEFS = "#/$defs/"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}


def misfit(schema: dict[str, Any], value: Any, place: str = "") -> str:
    """Where and why a value does not fit, such as `to.name is no string`; nothing where it does.

    place: what to call the value. What is nested too deeply to say fits.
    """
    try:
        return _misfit(schema, value, place or "it", schema.get("$defs", {}))
    except RecursionError:
        return ""


def _misfit(schema: Any, value: Any, place: str, defs: dict[str, Any]) -> str:
    if not isinstance(schema, dict):
        return f"{place} must not be there" if schema is False else ""
    if value is None and schema.get("nullable") is True:  # OpenAPI's word
        return ""
    if "$ref" in schema:
        wrong = _misfit(defs.get(schema["$ref"].removeprefix(_DEFS), {}), value, place, defs)
        if wrong:
            return wrong
    for inner in schema.get("allOf", ()):
        wrong = _misfit(inner, value, place, defs)
        if wrong:
            return wrong
    for key in ("anyOf", "oneOf"):
        found = [_misfit(inner, value, place, defs) for inner in schema.get(key, ())]
        if found and all(found):
            return found[0] if len(found) == 1 else f"{place} is none of what it may be"
    if "enum" in schema and value not in schema["enum"]:
        return f"{place} is none of its choices"
    if "const" in schema and value != schema["const"]:
        return f"{place} is not {schema['const']!r}"
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(_is_a(value, name) for name in names):
        return f"{place} is no {' or '.join(names)}"
    if isinstance(value, dict):
        return _of_object(schema, value, place, defs)
    return _of_array(schema, value, place, defs) if isinstance(value, list) else ""


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))


def _of_object(
    schema: dict[str, Any], value: dict[str, Any], place: str, defs: dict[str, Any]
) -> str:
    known = schema.get("properties", {})
    more = schema.get("additionalProperties", True) if "patternProperties" not in schema else True
    inside = "" if place == "it" else f"{place}."
    for name in schema.get("required", ()):
        if name not in value:
            return f"{inside}{name} is not there"
    for name, item in value.items():
        wrong = _misfit(known.get(name, more), item, f"{inside}{name}", defs)
        if wrong:
            return wrong
    return ""


def _of_array(schema: dict[str, Any], value: list[Any], place: str, defs: dict[str, Any]) -> str:
    ahead = schema.get("prefixItems", [])
    if ahead and len(value) < schema.get("minItems", 0):
        return f"{place} is too short"
    if ahead and len(value) > schema.get("maxItems", len(value)):
        return f"{place} is too long"
    for number, item in enumerate(value):
        inner = ahead[number] if number < len(ahead) else schema.get("items", True)
        wrong = _misfit(inner, item, f"{place}[{number}]", defs)
        if wrong:
            return wrong
    return ""
