"""Is a schema in the strict subset of structured outputs?

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilgen.dataset.validation.lines import below

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORBIDDEN = frozenset({
    "allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf",
    "patternProperties", "prefixItems", "propertyNames", "unevaluatedProperties", "contains",
})  # fmt: skip
_NOT_TUNED = frozenset({
    "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "multipleOf",
    "minItems", "maxItems",
})  # fmt: skip
"""What models that were fine-tuned refuse besides."""

_PROPERTIES, _LEVELS, _CHARACTERS, _ENUM_VALUES = 5_000, 10, 120_000, 1_000
_DEFS = "#/$defs/"


def obstacles(schema: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """(path, message) of what the subset has not. place: the path of the schema."""
    if schema.get("type") != "object":
        yield place, "its root is no object"
    properties = characters = values = 0
    for path, item in _within(schema, place):
        for key in sorted(item.keys() & (_FORBIDDEN | _NOT_TUNED)):
            who = "" if key in _FORBIDDEN else " for a model that was fine-tuned"
            yield path, f"{key} is not allowed{who}"
        own = item.get("properties")
        names = list(own) if isinstance(own, dict) else []
        if item.get("type") == "object" or names:
            if item.get("additionalProperties") is not False:
                yield path, "its additionalProperties is not false"
            required = item.get("required")
            left = set(names) - set(required if isinstance(required, list) else ())
            if left:
                yield path, f"{min(left)} is not required"
        choices = item.get("enum")
        choices = choices if isinstance(choices, list) else []
        properties += len(names)
        values += len(choices)
        texts = [*names, *choices, *([item["const"]] if "const" in item else [])]
        characters += sum(len(str(text)) for text in texts)
    for count, most, what in (
        (properties, _PROPERTIES, "properties"),
        (_levels(schema, schema, frozenset()), _LEVELS, "levels of objects and lists"),
        (characters, _CHARACTERS, "characters of names and constants"),
        (values, _ENUM_VALUES, "values of enums"),
    ):
        if count > most:
            yield place, f"has {count:,} {what}, and the most is {most:,}"


def _within(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, schema) of it and all in it."""
    waiting: list[tuple[str, Any]] = [(place, schema)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, dict):
            yield path, item
            waiting += _inner(item, path)


def _inner(schema: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key in ("$defs", "properties"):
        named = schema.get(key)
        if isinstance(named, dict):
            for name, item in named.items():
                yield below(below(path, key), name), item
    for key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        several = schema.get(key)
        if isinstance(several, list):
            for number, item in enumerate(several):
                yield f"{path}.{key}[{number}]", item
    for key in ("items", "additionalProperties", "not"):
        if key in schema:
            yield f"{path}.{key}", schema[key]


def _levels(schema: Any, root: dict[str, Any], path: frozenset[str]) -> int:
    """How deep objects and lists stand in one another; what refers to itself counts once."""
    if not isinstance(schema, dict):
        return 0
    name = schema.get("$ref")
    if isinstance(name, str):
        target = root.get("$defs", {}).get(name.removeprefix(_DEFS))
        return 0 if name in path else _levels(target, root, path | {name})
    own = 1 if schema.get("type") in ("object", "array") else 0
    inner = (item for where, item in _inner(schema, "") if not where.startswith('["$defs"]'))
    return own + max((_levels(item, root, path) for item in inner), default=0)
