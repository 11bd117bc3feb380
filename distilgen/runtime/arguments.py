"""Arguments in their canonical form: bound to names, defaults applied, typed JSON."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from distilgen.records.record import TOO_LARGE, UNSERIALIZABLE
from distilgen.runtime import sensitive
from distilgen.runtime.shape import Shape, aligned, read_once, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

ATOMS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
"""Types of which JSON has all that can be said."""

SAFE: set[type] = set(ATOMS)
"""The atoms, and the models found to hold nothing but what `to_json` writes as `canonical` does.

A value of one of these types, or a list of such, needs no more than `to_json(…,
inf_nan_mode="constants")`; but where that raises, or its text is `overlong`, or has a null that may
stand for a model's NaN, `canonical` knows better.
"""

LONGEST = 4_300
"""Digits of an integer that Python reads back from JSON: `sys.get_int_max_str_digits`."""

_BEYOND = 10**LONGEST
_OVERLONG = re.compile(rb"[0-9]{%d}" % (LONGEST + 1))
_MOST = 1_000

_known: dict[type, tuple[TypeAdapter[Any], Shape]] = {}


def canonical(arguments: Mapping[str, Any], *, limit: int | None = None) -> bytes:
    """Arguments as a JSON object, keys in the order given.

    A value that cannot be serialised becomes `{"$unserializable": "module.Type"}`, in the place
    where it stands where that can be told, else in the place of the whole argument. limit: bytes;
    see `fitted`. Raises NotRedactedError where a value is marked `Sensitive` or is a secret: such
    are for `Redacting.arguments`.
    """
    if all(
        (type(value) in SAFE and (limit is None or not exceeds(value, limit)))
        or (type(value) is list and SAFE.issuperset(map(type, value)))
        for value in arguments.values()
    ):
        try:
            text = to_json(arguments, inf_nan_mode="constants")
        except Exception:  # noqa: BLE001 - a lone surrogate, a circle: find it below
            text = b""
        told = b"null" not in text or ATOMS.issuperset(map(type, arguments.values()))
        if text and told and not overlong(text) and (limit is None or len(text) <= limit):
            return text
    lookout = sensitive.Lookout()
    token = sensitive.watcher.set(lookout)
    try:
        parts = {name: part(value, limit) for name, value in arguments.items()}
    finally:
        sensitive.watcher.reset(token)
    if lookout.met:
        raise sensitive.NotRedactedError("an argument is marked Sensitive, or holds a secret")
    return fitted(parts, limit)


def in_the_clear(arguments: Mapping[str, Any]) -> bytes:
    """As `canonical`, for a student that is asked: marked values as they are, secrets as asterisks.

    Not for what is kept.
    """
    return fitted({name: part(value) for name, value in arguments.items()}, None)


def part(value: Any, limit: int | None = None) -> bytes:
    """One argument as JSON; a marker where it has no form there, or where its length alone exceeds
    the limit. The watcher of the moment is told what is sensitive in it.
    """
    if exceeds(value, limit):
        return too_large(len(value) if isinstance(value, bytes) else len(_utf8(value)))
    try:
        text = _json(settled(value))
    except Exception:  # noqa: BLE001 - anybody's serialiser may raise anything: the value is marked
        return to_json(_marker(value))
    return text if not overlong(text) else to_json(_marker(value))


def fitted(parts: Mapping[str, bytes], limit: int | None) -> bytes:
    """The JSON object of these members. Where it is longer than the limit, `{"$too_large": bytes}`
    stands for the largest of them, and for the next, until it fits.
    """
    left = dict(parts)
    if limit is not None:
        names = {name: len(to_json(name)) + 2 for name in left}
        excess = sum(names.values()) + sum(map(len, left.values())) + 1 - limit
        for name in sorted(left, key=lambda name: len(left[name]), reverse=True):
            marker = too_large(len(left[name]))
            if excess <= 0 or len(marker) >= len(left[name]):
                break
            excess -= len(left[name]) - len(marker)
            left[name] = marker
    return b"{" + b",".join(to_json(name) + b":" + text for name, text in left.items()) + b"}"


def exceeds(value: Any, limit: int | None) -> bool:
    """Is it text, or bytes, that must be longer than the limit in any form?"""
    return limit is not None and type(value) in (str, bytes) and len(value) > limit


def overlong(text: bytes) -> bool:
    """May a JSON text hold an integer that Python does not read back?"""
    return len(text) > LONGEST and _OVERLONG.search(text) is not None and not _reads(text)


def unserializable(text: str) -> bool:
    """Does a canonical JSON text hold a marker?"""
    return f'"{UNSERIALIZABLE}":' in text


def settled(value: Any) -> Any:
    """The value, its sets as sorted lists, its iterators as markers: what a set's order is changes
    from process to process, and what an iterator gives belongs to the caller.

    The classes of values are asked, never the values: a `__class__` may lie, or raise.
    """
    kind = type(value)
    if kind is int:
        return value if -_BEYOND < value < _BEYOND else _marker(value)
    if kind in ATOMS:
        return value
    if issubclass(kind, set | frozenset):
        texts = (part(item) for item in value)
        return [json.loads(text) for text in sorted(texts)]
    if issubclass(kind, dict):
        return {_key(key): settled(item) for key, item in value.items()}
    if issubclass(kind, list | tuple | deque):
        marks = sensitive.marked_fields(kind) if hasattr(kind, "_fields") else {}
        if marks:
            names: tuple[str, ...] = getattr(kind, "_fields", ())
            return [_marked(marks.get(name), item) for name, item in zip(names, value, strict=True)]
        return [settled(item) for item in value]
    if hasattr(kind, "__next__"):
        return _marker(value)
    if issubclass(kind, Enum):
        return settled(value.value)
    if sensitive.is_secret(kind):
        by = sensitive.watcher.get()
        return by.secret(value) if by is not None else sensitive.MASK
    if hasattr(kind, "__pydantic_serializer__"):
        return _model(value)
    if issubclass(kind, PurePath):
        return str(value)
    if is_dataclass(kind):
        marks = sensitive.marked_fields(kind)
        return {
            field.name: _marked(marks.get(field.name), getattr(value, field.name))
            for field in fields(kind)
        }
    return value


def with_marks(marks: sensitive.Marks, value: Any) -> Any:
    """JSON data with what is marked replaced as the watcher of the moment wants it."""
    by = sensitive.watcher.get()
    if by is None or not marks:
        return value
    if marks.label:
        return by.hide(marks.label, value)
    if isinstance(value, list):
        return [with_marks(marks, item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: by.hide(marks.keys[key], item) if key in marks.keys else with_marks(marks, item)
        for key, item in value.items()
    }


def adapted(kind: type) -> tuple[TypeAdapter[Any], Shape]:
    """The adapter of a model's class and what its values may hold. Raises what Pydantic does."""
    if kind not in _known:
        if len(_known) >= _MOST:  # classes that are made by the call must not pile up
            _known.clear()
            SAFE.intersection_update(ATOMS)
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        _known[kind] = adapter, shape_of(adapter)
        if _known[kind][1].plain:
            SAFE.add(kind)
    return _known[kind]


def overruled_in(value: Any) -> bool:
    """Is there a model whose author writes a marked part? See `Shape.overruled`."""
    return any(
        adapted(type(item))[1].overruled
        for item in sensitive.inside([value])
        if sensitive.fields_of(type(item)) is not None
    )


def _model(value: Any) -> Any:
    """As `settled`, for a model or a dataclass of Pydantic's."""
    adapter, shape = adapted(type(value))
    if not (shape.sets or shape.open or shape.sensitive) and not (
        shape.floats and b"null" in _json(value)
    ):
        return value
    by = sensitive.watcher.get()
    if by is not None and (shape.sensitive or next(sensitive.found([value]), None)):
        if shape.overruled or (shape.open and overruled_in(value)):
            return by.hide(sensitive.Sensitive.label, json.loads(_json(value)))
        by.hide(sensitive.Sensitive.label, None)  # where it stands is told below, if it can be
    python = adapter.dump_python(value, by_alias=True, warnings=False)
    if shape.open and read_once(python):
        return _marker(value)
    secret = by.secret if by is not None else None
    return aligned(python, json.loads(_json(value)), secret, constants=True)


def _marked(marks: sensitive.Marks | None, value: Any) -> Any:
    if not marks or sensitive.watcher.get() is None:
        return settled(value)
    return with_marks(marks, json.loads(part(value)))


def _key(key: Any) -> Any:
    kind = type(key)
    if kind not in ATOMS and (hasattr(kind, "__pydantic_serializer__") or is_dataclass(kind)):
        raise TypeError("the text of its key would be its repr")
    return key


def _reads(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def too_large(size: int) -> bytes:
    """What stands for a value of so many bytes."""
    return to_json({TOO_LARGE: size})


def _json(value: Any) -> bytes:
    return to_json(value, inf_nan_mode="constants", bytes_mode="base64", fallback=_marker)


def _marker(value: Any) -> dict[str, str]:
    kind = type(value)
    return {UNSERIALIZABLE: f"{kind.__module__}.{kind.__qualname__}"}
