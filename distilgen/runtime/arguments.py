"""Arguments in their canonical form: bound to names, defaults applied, typed JSON."""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSERIALIZABLE = "$unserializable"
"""Key of the marker that stands for a value which has no JSON form; its value names the type."""

_ATOMS = frozenset({str, int, float, bool, type(None)})

_with_sets: dict[Any, bool] = {}


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as a JSON object, keys in the order given.

    A value that cannot be serialised becomes `{"$unserializable": "module.Type"}`, in the place
    where it stands where that can be told, else in the place of the whole argument.
    """
    if all(type(value) in _ATOMS for value in arguments.values()):
        try:
            return to_json(arguments, inf_nan_mode="constants")
        except (ValueError, TypeError):  # a lone surrogate: find it below
            pass
    parts = [to_json(name) + b":" + _value(value) for name, value in arguments.items()]
    return b"{" + b",".join(parts) + b"}"


def unserializable(text: str) -> bool:
    """Does a canonical JSON text hold a marker?"""
    return f'"{UNSERIALIZABLE}":' in text


def _value(value: Any) -> bytes:
    try:
        return to_json(
            _ordered(value), inf_nan_mode="constants", bytes_mode="base64", fallback=_marker
        )
    except Exception:  # noqa: BLE001 - anybody's serialiser may raise anything: the value is marked
        return to_json(_marker(value))


def _marker(value: Any) -> dict[str, str]:
    kind = type(value)
    return {UNSERIALIZABLE: f"{kind.__module__}.{kind.__qualname__}"}


def _ordered(value: Any) -> Any:
    """The value with its sets as sorted lists: their own order changes from run to run."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, set | frozenset):
        texts = (_value(item) for item in value)
        return [json.loads(text) for text in sorted(texts)]
    if kind is dict:
        return {key: _ordered(item) for key, item in value.items()}
    if kind in (list, tuple):
        return [_ordered(item) for item in value]
    if (isinstance(value, BaseModel) or is_dataclass(value)) and _holds_sets(kind):
        return _ordered(TypeAdapter(kind).dump_python(value, by_alias=True))
    return value


def _holds_sets(kind: Any) -> bool:
    """Does the schema of a model or dataclass know a set?"""
    if kind not in _with_sets:
        try:
            schema = TypeAdapter(kind).json_schema()
        except Exception:  # noqa: BLE001 - a type without a schema is dumped as it is
            schema = {}
        _with_sets[kind] = '"uniqueItems": true' in json.dumps(schema)
    return _with_sets[kind]
