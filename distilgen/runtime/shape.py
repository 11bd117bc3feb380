"""What a Pydantic type may hold that JSON cannot say at once, or must not: sets, iterators, floats,
marked values and secrets.

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
from distilgen.runtime.sensitive import METADATA, Mark, is_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import TypeAdapter

_MARK, _SECRET, _CODE = "sensitive", "secret", "code"
"""The kinds, in `_kinds`, of nodes that are marked, and of secrets."""

# Nodes of a core schema whose values are JSON's own, or hold nothing but what their children say.
_CLOSED = frozenset({
    *("none", "bool", "int", "float", "decimal", "str", "bytes", "literal", "enum", "uuid", "url"),
    *("multi-host-url", "date", "time", "datetime", "timedelta"),
    *("list", "tuple", "set", "frozenset", "dict", "typed-dict", "typed-dict-field"),
    *("model", "model-fields", "model-field", "dataclass", "dataclass-args", "dataclass-field"),
    *("default", "nullable", "union", "tagged-union", "definitions", "definition-ref"),
    *("function-after", "function-before", "function-wrap", "chain"),
    *("lax-or-strict", "json-or-python"), _MARK, _SECRET, _CODE,
})  # fmt: skip
_INSIDE = {
    **dict.fromkeys(("list", "tuple", "set", "frozenset"), ("items_schema",)),
    "dict": ("keys_schema", "values_schema"),
}
"""Where the core schema of a container says what is in it."""

_SEQUENCES = (list, tuple, set, frozenset, deque)


@dataclass(frozen=True)
class Shape:
    """sets, floats, raw: there may be some; raw is bytes. open: there may be anything. custom:
    somebody's function writes a part of it. one_way: why a value that was written cannot be read
    again, where that is so. choices: Pydantic writes what is none of them without a word. pure: to
    read one runs nothing that somebody wrote. sensitive: a part is marked `Sensitive`, or is a
    secret. overruled: its author writes a marked part, so that nobody can say where that is.
    """

    sets: bool
    floats: bool
    open: bool
    custom: bool = False
    one_way: str = ""
    raw: bool = False
    sensitive: bool = False
    overruled: bool = False
    choices: bool = False
    pure: bool = False

    @property
    def plain(self) -> bool:
        """Does `to_json` write it as it is to be recorded, whatever it holds? But for floats that
        JSON does not know: they come out as null.
        """
        odd = self.sets or self.raw or self.open
        return not (odd or self.custom or self.sensitive)


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
        raw=opened or "bytes" in kinds,
        sensitive=bool(kinds & {_MARK, _SECRET}),
        overruled=_MARK in kinds and _is_overruled(adapter.core_schema),
        choices=bool(kinds & {"literal", "decimal"}),
        pure=not any(kind == _CODE or kind.startswith("function-") for kind in kinds),
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


def aligned(
    python: Any,
    parsed: Any,
    secret: Callable[[Any], Any] | None = None,
    *,
    constants: bool = False,
) -> Any:
    """A parsed JSON dump with its sets sorted by their JSON texts; `python` is the same value
    dumped in Python mode, and tells which lists are sets. secret: gives what stands for a secret,
    which Pydantic writes as asterisks.

    Where null stands for a float that JSON does not know, that float is put back with `constants`;
    without, ValueError is raised.
    """
    if secret is not None and is_secret(type(python)):
        return secret(python)
    if isinstance(parsed, dict):
        if not isinstance(python, dict) or len(python) != len(parsed):
            return parsed
        pairs = zip(python.values(), parsed.items(), strict=True)
        return {
            key: aligned(item, there, secret, constants=constants) for item, (key, there) in pairs
        }
    if isinstance(parsed, list):
        if isinstance(python, set | frozenset):
            return sorted(parsed, key=canonical_json)
        if not isinstance(python, _SEQUENCES) or len(python) != len(parsed):
            return parsed
        pairs = zip(python, parsed, strict=True)
        return [aligned(item, there, secret, constants=constants) for item, there in pairs]
    if parsed is None and isinstance(python, float):
        if constants:
            return python
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
        if any(key not in schema for key in _INSIDE.get(str(kind), ())):
            yield "any"  # which some versions of Pydantic do not say
        if schema.get("custom_init") or schema.get("post_init"):
            yield _CODE
        if _label(schema):
            yield _MARK
        if _is_of_secret(schema):
            yield _SECRET
        if "allow" in (schema.get("extra_behavior"), schema.get("extra_fields_behavior")):
            yield "any"
        for key, item in schema.items():
            if key not in ("metadata", "default", "expected"):
                yield from _kinds(item)


def _label(schema: dict[str, Any]) -> str:
    metadata = schema.get("metadata")
    return str(metadata.get(METADATA, "")) if isinstance(metadata, dict) else ""


def _is_of_secret(schema: dict[str, Any]) -> bool:
    """Does a node make a secret by its class, or write it by Pydantic's function?"""
    kind = schema.get("cls")
    function = schema.get("function")
    made = function.get("function") if isinstance(function, dict) else function
    ours = getattr(made, "__name__", "") in ("_serialize_secret", "_serialize_secret_field")
    return ours or any(isinstance(item, type) and is_secret(item) for item in (kind, made))


def _is_overruled(schema: Any) -> bool:
    """Is a marked node written by another function than the mark's?"""
    if isinstance(schema, list | tuple):
        return any(map(_is_overruled, schema))
    if not isinstance(schema, dict):
        return False
    written = schema.get("serialization")
    if isinstance(written, dict):
        by = getattr(written.get("function"), "__self__", None)
        if _label(schema) and not isinstance(by, Mark):
            return True
        plain = written.get("type") != "function-wrap"
        if plain and not _is_of_secret(written) and _MARK in _kinds(schema):
            return True
    return any(_is_overruled(schema[key]) for key in schema if key not in ("metadata", "default"))


def _is_custom(schema: Any) -> bool:
    """Has a node of a core schema a serialiser that its author wrote?"""
    if isinstance(schema, list | tuple):
        return any(_is_custom(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    written = schema.get("serialization")
    if isinstance(written, dict) and str(written.get("type", "")).startswith("function-"):
        by = getattr(written.get("function"), "__self__", None)
        if not isinstance(by, Mark):
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
