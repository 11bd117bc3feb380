"""The schema of a function's arguments: one JSON object, as the student finds them in a message."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json
from distilgen.schemas import settled, with_definitions
from distilgen.source import expressions
from distilgen.source.schema import Evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.source.facts import Parameter
    from distilgen.source.functions import Surveyed


def inputs_of(
    function: Surveyed, evaluated: Mapping[str, Evaluated], described: Mapping[str, str]
) -> dict[str, Any]:
    """The schema of the arguments, in signature order.

    evaluated: the schemas of the annotated parameters. described: what the docstring says of
    parameters; what an annotation says itself wins over it.
    """
    wanted = set(function.arguments)
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in function.function.parameters:
        name = parameter.name
        if name not in wanted:
            continue
        found = evaluated.get(name, Evaluated({}))
        schema = with_definitions(settled(found.schema or {}), definitions, name)
        if found.reason:
            schema["$comment"] = found.reason
        schema = _collected(parameter, schema)
        if name in described:
            schema.setdefault("description", described[name])
        if parameter.default is None and parameter.kind not in ("variadic", "keywords"):
            required.append(name)
        else:
            schema |= _default(parameter)
        properties[name] = schema
    return {
        **({"$defs": definitions} if definitions else {}),
        "properties": properties,
        **({"required": required} if required else {}),
        "type": "object",
    }


def _collected(parameter: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of all that `*args` and `**kwargs` collect; what is said of one is said of all."""
    if parameter.kind not in ("variadic", "keywords") or _is_unpacked(parameter.annotation):
        return schema
    beside: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "$comment") if key in schema
    }
    if parameter.kind == "variadic":
        return {"items": schema, "type": "array", **beside}
    return {**({"additionalProperties": schema} if schema else {}), "type": "object", **beside}


def _is_unpacked(annotation: str | None) -> bool:
    """Is the annotation that of the whole: `*args: *Ts`, `**kwargs: Unpack[Options]`?"""
    if annotation is None:
        return False
    try:
        node = expressions.unquoted(expressions.parse(annotation))
    except expressions.BROKEN:
        return False
    head = node.value if isinstance(node, ast.Subscript) else node
    return isinstance(node, ast.Starred) or expressions.last_name(head) == "Unpack"


def _default(parameter: Parameter) -> dict[str, Any]:
    """A default that is written out in the signature, and is JSON."""
    try:
        value = _listed(ast.literal_eval(parameter.default or ""))
        canonical_json(value).encode()
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return {}
    return {"default": value}


def _listed(value: Any) -> Any:
    """JSON data of a literal: tuples as lists. ValueError for what JSON has not."""
    match value:
        case list() | tuple():
            return [_listed(item) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _listed(item) for key, item in value.items()}
        case float() if value in (float("inf"), float("-inf")):  # 1e999
            raise ValueError
        case None | bool() | int() | float() | str():
            return value
    raise ValueError
