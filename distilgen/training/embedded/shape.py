"""What an answer's JSON schema says of its parts: objects, unions, lists, and values that may be
missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distilgen.contract import Contract

Schema = dict[str, Any]

_DEFS = "#/$defs/"
_SCALARS = ("string", "number", "integer", "boolean", "null")


@dataclass(frozen=True)
class Shape:
    """A part of the answer. schema: without a reference at its top. inside: the definitions that it
    is within.
    """

    schema: Schema
    definitions: Mapping[str, Schema]
    inside: frozenset[str] = frozenset()

    @classmethod
    def of(cls, contract: Contract) -> Shape:
        """The whole answer of a contract, as the function returns it."""
        from distilgen.contract import RESULT_KEY  # noqa: PLC0415 - a name

        parameters = dict(contract.tool["parameters"])
        definitions = parameters.get("$defs", {})
        whole = cls({}, definitions)
        schema = parameters["properties"][RESULT_KEY] if contract.wraps_result else parameters
        return whole.below(schema) or whole

    def below(self, schema: Schema) -> Shape | None:
        """A part within this one; None for a type that is within itself."""
        inside = self.inside
        while True:
            reference, alone = schema.get("$ref"), schema.get("allOf", ())
            if isinstance(reference, str) and reference.startswith(_DEFS):
                name = reference.removeprefix(_DEFS)
                if name in inside:
                    return None
                inside |= {name}
                target = self.definitions.get(name, {})
            elif len(alone) == 1:
                target = alone[0]
            else:
                return Shape(schema, self.definitions, inside)
            beside = {key: schema[key] for key in schema if key not in ("$ref", "allOf")}
            schema = {**target, **beside}

    @property
    def properties(self) -> Mapping[str, Schema]:
        """Of an object, its fields."""
        found: Mapping[str, Schema] = self.schema.get("properties", {})
        return found

    @property
    def places(self) -> Sequence[Schema]:
        """Of a tuple, its items."""
        found: Sequence[Schema] = self.schema.get("prefixItems", ())
        return found

    @property
    def alternatives(self) -> list[Schema]:
        """Of a union, its types but for null; else none."""
        several = self.schema.get("anyOf") or self.schema.get("oneOf") or []
        return [item for item in several if item.get("type") != "null"]

    @property
    def is_closed(self) -> bool:
        """Does the schema list its values?"""
        return any(key in self.schema for key in ("enum", "const")) or self.is_a("boolean")

    @property
    def leaf(self) -> Schema:
        """The schema as fitters see it: references resolved, a few levels deep."""
        return _resolved(self, self.schema, 4)

    def is_a(self, *names: str) -> bool:
        """Is it of one of these JSON types, and no other?"""
        return self.schema.get("type") in names

    @property
    def is_scalar(self) -> bool:
        """Is it no object and no list?"""
        parts = [self.below(item) for item in self.alternatives]
        if parts:
            return all(part is not None and part.is_scalar for part in parts)
        return self.is_closed or self.is_a(*_SCALARS)

    def variant_of(self, value: Any) -> int:
        """The first alternative that a value is valid for; -1 for none."""
        valid = (place for place, check in enumerate(self._checks) if check.is_valid(value))
        return next(valid, -1)

    @cached_property
    def _checks(self) -> list[Any]:
        import jsonschema_rs  # noqa: PLC0415 - few answers are unions

        return [
            jsonschema_rs.validator_for({**item, "$defs": dict(self.definitions)})
            for item in self.alternatives
        ]


def _resolved(shape: Shape, schema: Schema, deep: int) -> Schema:
    part = shape.below(schema)
    if part is None or not deep:
        return {}
    made = dict(part.schema)
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = _resolved(part, made[key], deep - 1)
    for key in ("anyOf", "oneOf", "prefixItems"):
        if key in made:
            made[key] = [_resolved(part, item, deep - 1) for item in made[key]]
    if "properties" in made:
        found = made["properties"]
        made["properties"] = {name: _resolved(part, found[name], deep - 1) for name in found}
    made.pop("$defs", None)
    return made
