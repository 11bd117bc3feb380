"""A JSON schema in the strict subset of structured outputs, and what that could not hold.

The subset is OpenAI's: every object closed, every property required, few keywords, some limits.
See https://platform.openai.com/docs/guides/structured-outputs. Models that were fine-tuned
refuse bounds and formats besides. What is dropped here Pydantic still checks on the answer.
`strict_values` turns answers from one form into the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES, KEY, VALUE = "entries", "key", "value"
"""A dictionary, whose keys a closed object cannot name: `{"entries": [{"key": …, "value": …}]}`."""

_ANY = "AnyValue"
_DEFS = "#/$defs/"
_TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")
_KEPT = frozenset({"title", "description"})
_PROPERTIES, _LEVELS, _CHARACTERS, _ENUM_VALUES = 5_000, 10, 120_000, 1_000


@dataclass(frozen=True)
class Dropped:
    """A keyword that the strict schema has not. pointer: to the schema that has it, RFC 6901.

    Of a field, `required: false`: it can be null, which is another value than being left out.
    """

    pointer: str
    keyword: str
    value: Any


@dataclass(frozen=True)
class Strict:
    """schema: in the strict subset; None when it cannot be expressed, for these obstacles."""

    schema: dict[str, Any] | None
    dropped: tuple[Dropped, ...]
    obstacles: tuple[str, ...]


def strict_form(schema: dict[str, Any]) -> Strict:
    """The strict form of a schema as Pydantic gives it, such as a tool's `parameters`."""
    made = _Normaliser(schema.get("$defs", {}))
    root = made.schema({key: item for key, item in schema.items() if key != "$defs"}, "")
    while set(root) == {"$ref"}:
        root = made.definitions[root["$ref"].removeprefix(_DEFS)]
    if root.get("type") != "object":
        made.obstacles.append("/: the root is no object; wrap it in one")
    used = made.used(root)
    whole = {**({"$defs": used} if used else {}), **root}
    obstacles = made.obstacles or list(_over_limits(whole))
    dropped = {(item.pointer, item.keyword): item for item in made.dropped}
    return Strict(None if obstacles else whole, tuple(dropped.values()), tuple(obstacles))


@dataclass
class _Normaliser:
    given: dict[str, Any]
    definitions: dict[str, Any] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)

    def schema(self, given: Any, pointer: str) -> dict[str, Any]:
        if given is False:
            return self.obstacle(pointer, "nothing is valid here")
        if given is True:
            given = {}
        if "allOf" in given and len(given["allOf"]) == 1:  # how Pydantic 2.8 annotates a reference
            given = {**given["allOf"][0], **{k: v for k, v in given.items() if k != "allOf"}}
        beside = {key: item for key, item in given.items() if key in _KEPT}
        made, taken = self.body(given, pointer)
        for key, item in given.items():
            if key not in taken and key not in _KEPT:
                self.dropped.append(Dropped(pointer or "/", key, item))
        if "$ref" in made and beside:  # a reference stands alone
            made = {"anyOf": [made]}
        return {**beside, **made}

    def body(self, given: dict[str, Any], pointer: str) -> tuple[dict[str, Any], set[str]]:
        """(what says which values there are, the keywords that it took up)."""
        if "$ref" in given:
            return self.reference(given["$ref"], pointer), {"$ref"}
        if "allOf" in given:
            return self.obstacle(pointer, "allOf of several schemas"), {"allOf"}
        for keyword in ("anyOf", "oneOf"):
            if keyword in given:
                choices = [
                    self.schema(item, f"{pointer}/{keyword}/{place}")
                    for place, item in enumerate(given[keyword])
                ]
                return {"anyOf": _distinct(choices)}, {keyword}
        if "const" in given:
            return self.values([given["const"]], pointer, const=True), {"const", "type"}
        if "enum" in given:
            return self.values(given["enum"], pointer), {"enum", "type"}
        kind = given.get("type")
        if isinstance(kind, list):
            choices = [self.schema({**given, "type": one}, pointer) for one in kind]
            return {"anyOf": _distinct(choices)}, set(given)
        if kind == "object":
            return self.object(given, pointer)
        if kind == "array":
            return self.array(given, pointer)
        if kind in _TYPES:
            return {"type": kind}, {"type"}
        if kind is not None:
            return self.obstacle(pointer, f"the type {kind!r}"), {"type"}
        return self.anything(), set()

    def object(self, given: dict[str, Any], pointer: str) -> tuple[dict[str, Any], set[str]]:
        taken = {"type", "properties", "required"}
        more = given.get("additionalProperties", True)
        patterns = given.get("patternProperties", {})
        if "properties" not in given and more is not False:
            pair = _closed(
                {
                    KEY: self.key(given.get("propertyNames", {}), pointer),
                    VALUE: self.map_value(more, patterns, pointer),
                }
            )
            taken |= {"additionalProperties", "patternProperties", "propertyNames"}
            return _closed({ENTRIES: {"type": "array", "items": pair}}), taken
        required = set(given.get("required", ()))
        properties = {}
        for name, item in given.get("properties", {}).items():
            made = self.schema(item, f"{pointer}/properties/{_escaped(name)}")
            if name not in required:
                if not admits_null(item, self.given):
                    made = _nullable(made)
                elif isinstance(item, dict) and "default" not in item:
                    # Null is a value of its own: that the field may be left out is lost.
                    self.dropped.append(
                        Dropped(f"{pointer}/properties/{_escaped(name)}", "required", False)
                    )
            properties[name] = made
        if more is False:
            taken.add("additionalProperties")
        return _closed(properties), taken

    def key(self, given: dict[str, Any], pointer: str) -> dict[str, Any]:
        """The schema of a dictionary's keys, which are strings, be its type's integers."""
        target = self.given.get(given.get("$ref", "").removeprefix(_DEFS), given)
        if target.get("type", "string") != "string":
            return {"type": "string"}
        named = given if "$ref" in given else {"type": "string", **given}
        return self.schema(named, f"{pointer}/propertyNames")

    def map_value(self, more: Any, patterns: dict[str, Any], pointer: str) -> dict[str, Any]:
        """The schema of a dictionary's values."""
        choices = [
            self.schema(item, f"{pointer}/patternProperties/{_escaped(name)}")
            for name, item in patterns.items()
        ]
        if more is not True or not choices:
            choices.append(self.schema(more, f"{pointer}/additionalProperties"))
        return _either(choices)

    def array(self, given: dict[str, Any], pointer: str) -> tuple[dict[str, Any], set[str]]:
        choices = [
            self.schema(item, f"{pointer}/prefixItems/{place}")
            for place, item in enumerate(given.get("prefixItems", ()))
        ]
        items = given.get("items", not choices)
        if items is not False:
            choices.append(self.schema(items, f"{pointer}/items"))
        elif not choices:
            return self.obstacle(pointer, "a list that holds nothing"), {"type", "items"}
        return {"type": "array", "items": _either(choices)}, {"type", "items"}

    def reference(self, target: str, pointer: str) -> dict[str, Any]:
        name = target.removeprefix(_DEFS)
        if name not in self.given:
            return self.obstacle(pointer, f"a reference to {target}")
        if name not in self.definitions:
            self.definitions[name] = {}  # it may refer to itself
            self.definitions[name] = self.schema(self.given[name], f"/$defs/{_escaped(name)}")
        return {"$ref": target}

    def values(self, values: list[Any], pointer: str, *, const: bool = False) -> dict[str, Any]:
        """Constants; a schema has one type, so those of several become a choice."""
        groups: dict[str, list[Any]] = {}
        for value in values:
            groups.setdefault(type_of(value), []).append(value)
        if not groups or groups.keys() & {"object", "array"}:
            return self.obstacle(pointer, f"the enum {values}")
        if const:
            return {"type": type_of(values[0]), "const": values[0]}
        return _either(
            [
                {"type": "null"} if kind == "null" else {"type": kind, "enum": group}
                for kind, group in groups.items()
            ]
        )

    def anything(self) -> dict[str, Any]:
        """Any JSON value, its objects in the form of dictionaries."""
        if _ANY not in self.definitions:
            self_ = {"$ref": f"{_DEFS}{_ANY}"}
            pair = _closed({KEY: {"type": "string"}, VALUE: self_})
            self.definitions[_ANY] = {
                "anyOf": [
                    *({"type": kind} for kind in ("string", "number", "boolean", "null")),
                    {"type": "array", "items": self_},
                    _closed({ENTRIES: {"type": "array", "items": pair}}),
                ]
            }
        return {"$ref": f"{_DEFS}{_ANY}"}

    def obstacle(self, pointer: str, what: str) -> dict[str, Any]:
        self.obstacles.append(f"{pointer or '/'}: {what}")
        return {}

    def used(self, root: dict[str, Any]) -> dict[str, Any]:
        """The definitions that the root needs, in the order in which the given schema has them."""
        names: set[str] = set()
        todo: list[Any] = [root]
        while todo:
            item = todo.pop()
            if isinstance(item, dict):
                name = str(item.get("$ref", "")).removeprefix(_DEFS)
                if name in self.definitions and name not in names:
                    names.add(name)
                    todo.append(self.definitions[name])
                todo += item.values()
            elif isinstance(item, list):
                todo += item
        order = [*(name for name in self.given if name in names), *sorted(names - set(self.given))]
        return {name: self.definitions[name] for name in order}


def admits_null(
    schema: Any, definitions: dict[str, Any], seen: frozenset[str] = frozenset()
) -> bool:
    """Is null valid by a schema of Pydantic's?"""
    if not isinstance(schema, dict):
        return bool(schema)
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_DEFS)
        if name in seen or name not in definitions:
            return False
        return admits_null(definitions[name], definitions, seen | {name})
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return any(admits_null(item, definitions, seen) for item in schema[keyword])
    if "const" in schema:
        return schema["const"] is None
    if "enum" in schema:
        return None in schema["enum"]
    kinds = schema.get("type", "null")
    return "null" in (kinds if isinstance(kinds, list) else [kinds])


def type_of(value: Any) -> str:
    """The JSON type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
    return "object" if isinstance(value, dict) else "array"


def _over_limits(schema: dict[str, Any]) -> Iterator[str]:
    """Which of the host's limits a strict schema exceeds."""
    properties = characters = values = 0
    for item in _within(schema):
        names = [*item.get("properties", ()), *item.get("$defs", ())]
        constants = [*item.get("enum", ()), *([item["const"]] if "const" in item else [])]
        properties += len(item.get("properties", ()))
        values += len(item.get("enum", ()))
        characters += sum(len(str(text)) for text in (*names, *constants))
    levels = _levels(schema, schema.get("$defs", {}), frozenset())
    for count, most, what in (
        (properties, _PROPERTIES, "properties"),
        (levels, _LEVELS, "levels of objects and lists"),
        (characters, _CHARACTERS, "characters of names and constants"),
        (values, _ENUM_VALUES, "values of enums"),
    ):
        if count > most:
            yield f"/: {count:,} {what}, and the most is {most:,}"


def _within(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A strict schema and all schemas in it, those of its definitions too."""
    yield schema
    inner = [*schema.get("$defs", {}).values(), *schema.get("properties", {}).values()]
    inner += [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    for item in inner:
        yield from _within(item)


def _levels(schema: dict[str, Any], definitions: dict[str, Any], path: frozenset[str]) -> int:
    """How deep objects and lists stand in one another; what refers to itself counts once."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_DEFS)
        if name in path:
            return 0
        return _levels(definitions[name], definitions, path | {name})
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema["items"]] if "items" in schema else []
    own = 1 if schema.get("type") in ("object", "array") else 0
    return own + max((_levels(item, definitions, path) for item in inner), default=0)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema or null, what it says of itself outside."""
    beside = {key: item for key, item in schema.items() if key in _KEPT}
    inner = {key: item for key, item in schema.items() if key not in _KEPT}
    choices = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    return {**beside, "anyOf": [*choices, {"type": "null"}]}


def _either(choices: list[dict[str, Any]]) -> dict[str, Any]:
    distinct = _distinct(choices)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _distinct(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({json.dumps(item, sort_keys=True): item for item in choices}.values())


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
