"""Answers from Pydantic's form into the strict one and back, by Pydantic's schema.

They differ where `strict` cannot keep the schema: a field may not be left out, so null stands for
one that is; a dictionary is a list of its entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.strict import ENTRIES, KEY, VALUE, admits_null, type_of

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFS = "#/$defs/"


def to_strict(value: Any, schema: dict[str, Any]) -> Any:
    """A JSON value that is valid by `schema`, as it is written by the strict form of that schema.

    A field that is left out is written as its default, else as null. Fields that the schema does
    not name cannot be written, and are left out. Raises ValueError when the value is not valid.
    """
    return _Turn(schema.get("$defs", {}), to=True).whole(value, schema)


def from_strict(value: Any, schema: dict[str, Any]) -> Any:
    """The JSON value that Pydantic is to validate, of an answer in the strict form.

    Null for a field that may be left out and may not be null leaves it out. An answer that is not
    in the strict form comes back as it is: Pydantic will say what is wrong with it.
    """
    try:
        return _Turn(schema.get("$defs", {}), to=False).whole(value, schema)
    except ValueError:
        return value


@dataclass(frozen=True)
class _Turn:
    """One direction. A union is turned by the first of its types that the value fits."""

    definitions: dict[str, Any]
    to: bool

    def whole(self, value: Any, schema: dict[str, Any]) -> Any:
        try:
            return self.turned(value, schema, exact=True)
        except ValueError:
            return self.turned(value, schema, exact=False)

    def turned(self, value: Any, schema: Any, *, exact: bool) -> Any:
        """exact: an object has no fields that the schema does not name."""
        if schema is True or not isinstance(schema, dict):
            return self.any(value)
        if "$ref" in schema:
            target = self.definitions[schema["$ref"].removeprefix(_DEFS)]
            return self.turned(value, target, exact=exact)
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in schema:
                return self.first(value, schema[keyword], exact=exact)
        if "const" in schema or "enum" in schema:
            constants = schema["enum"] if "enum" in schema else [schema["const"]]
            _refuse(
                not any(item == value and type_of(item) == type_of(value) for item in constants)
            )
            return value
        kind = schema.get("type")
        if isinstance(kind, list):
            return self.first(value, [{**schema, "type": one} for one in kind], exact=exact)
        if kind is None:
            return self.any(value)
        if kind == "object":
            return self.object(value, schema, exact=exact)
        if kind == "array":
            _refuse(not isinstance(value, list))
            before = schema.get("prefixItems", [])
            rest = schema.get("items", True)
            kinds = [*before, *[rest] * (len(value) - len(before))]
            return [
                self.turned(item, of, exact=exact) for item, of in zip(value, kinds, strict=False)
            ]
        found = type_of(value)
        whole = found == "number" and kind == "integer" and float(value).is_integer()
        _refuse(not (found == kind or whole or (found == "integer" and kind == "number")))
        return value

    def first(self, value: Any, choices: list[Any], *, exact: bool) -> Any:
        for strictly in (True,) if exact else (True, False):
            for choice in choices:
                try:
                    return self.turned(value, choice, exact=strictly)
                except ValueError:
                    continue
        raise ValueError

    def object(self, value: Any, schema: dict[str, Any], *, exact: bool) -> Any:
        _refuse(not isinstance(value, dict))
        if "properties" not in schema and schema.get("additionalProperties", True) is not False:
            more = [*schema.get("patternProperties", {}).values()]
            if "additionalProperties" in schema or not more:
                more.append(schema.get("additionalProperties", True))
            return self.entries(value, lambda item: self.first(item, more, exact=exact))
        properties: dict[str, Any] = schema.get("properties", {})
        required = schema.get("required", ())
        _refuse(any(name not in value for name in required))
        unknown = value.keys() - properties.keys()
        _refuse(bool(unknown) and (exact or not self.to))
        if self.to:
            return {name: self.written(value, name, item, exact=exact)
                    for name, item in properties.items()}  # fmt: skip
        return {
            name: self.turned(item, properties[name], exact=exact)
            for name, item in value.items()
            if item is not None
            or name in required
            or admits_null(properties[name], self.definitions)
        }

    def written(self, value: dict[str, Any], name: str, schema: Any, *, exact: bool) -> Any:
        if name in value:
            return self.turned(value[name], schema, exact=exact)
        default = schema.get("default") if isinstance(schema, dict) else None
        return None if default is None else self.turned(default, schema, exact=exact)

    def entries(self, value: Any, turn: Callable[[Any], Any]) -> Any:
        if self.to:
            return {ENTRIES: [{KEY: key, VALUE: turn(item)} for key, item in value.items()]}
        pairs = value.get(ENTRIES)
        _refuse(value.keys() != {ENTRIES} or not isinstance(pairs, list))
        _refuse(any(not isinstance(p, dict) or p.keys() != {KEY, VALUE} for p in pairs))
        _refuse(any(not isinstance(pair[KEY], str) for pair in pairs))
        return {pair[KEY]: turn(pair[VALUE]) for pair in pairs}

    def any(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.any(item) for item in value]
        return self.entries(value, self.any) if isinstance(value, dict) else value


def _refuse(wrong: bool) -> None:
    if wrong:
        raise ValueError("not valid by the schema")
