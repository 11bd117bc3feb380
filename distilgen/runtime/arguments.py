"""Arguments in their canonical form: bound to names, defaults applied, typed JSON."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from distilgen.runtime.shape import Shape, aligned, read_once, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSERIALIZABLE = "$unserializable"
"""Key of the marker that stands for a value which has no JSON form; its value names the type."""

_ATOMS = frozenset({str, int, float, bool, type(None)})
_LONGEST = 14_000
"""Bits of an integer that Python reads back from JSON: `sys.get_int_max_str_digits`."""

_known: dict[type, tuple[TypeAdapter[Any], Shape]] = {}


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as a JSON object, keys in the order given.

    A value that cannot be serialised becomes `{"$unserializable": "module.Type"}`, in the place
    where it stands where that can be told, else in the place of the whole argument.
    """
    if all(type(value) in _ATOMS for value in arguments.values()) and not any(
        type(value) is int and value.bit_length() > _LONGEST for value in arguments.values()
    ):
        try:
            return to_json(arguments, inf_nan_mode="constants")
        except (ValueError, TypeError):  # a lone surrogate: find it below
            pass
    parts = [to_json(name) + b":" + _value(value) for name, value in arguments.items()]
    return b"{" + b",".join(parts) + b"}"


def unserializable(text: str) -> bool:
    """Does a canonical JSON text hold a marker?"""
    return f'"{UNSERIALIZABLE}":' in text


def settled(value: Any) -> Any:
    """The value, its sets as sorted lists, its iterators as markers: what a set's order is changes
    from process to process, and what an iterator gives belongs to the caller.
    """
    kind = type(value)
    if kind is int:
        return value if value.bit_length() <= _LONGEST else _marker(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, set | frozenset):
        texts = (_value(item) for item in value)
        return [json.loads(text) for text in sorted(texts)]
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, list | tuple | deque):
        return [settled(item) for item in value]
    if hasattr(kind, "__next__"):
        return _marker(value)
    if isinstance(value, Enum):
        return settled(value.value)
    if hasattr(kind, "__pydantic_serializer__"):
        return _model(value)
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(kind):
        return {field.name: settled(getattr(value, field.name)) for field in fields(value)}
    return value


def _model(value: Any) -> Any:
    """As `settled`, for a model or a dataclass of Pydantic's."""
    kind = type(value)
    if kind not in _known:
        adapter = TypeAdapter(kind)
        _known[kind] = adapter, shape_of(adapter)
    adapter, shape = _known[kind]
    if not (shape.sets or shape.open):
        return value
    python = adapter.dump_python(value, by_alias=True, warnings=False)
    if shape.open and read_once(python):
        return _marker(value)
    parsed = json.loads(_json(value))
    return aligned(python, parsed) if shape.sets else parsed


def _value(value: Any) -> bytes:
    try:
        return _json(settled(value))
    except Exception:  # noqa: BLE001 - anybody's serialiser may raise anything: the value is marked
        return to_json(_marker(value))


def _json(value: Any) -> bytes:
    return to_json(value, inf_nan_mode="constants", bytes_mode="base64", fallback=_marker)


def _marker(value: Any) -> dict[str, str]:
    kind = type(value)
    return {UNSERIALIZABLE: f"{kind.__module__}.{kind.__qualname__}"}
