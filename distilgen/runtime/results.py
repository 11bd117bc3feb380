"""Results as JSON: what a function returned, or one item of what it yields, by its return type."""

from __future__ import annotations

import json
import logging
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from distilgen.records.record import marked
from distilgen.runtime import arguments
from distilgen.runtime.hints import item_of, return_hint
from distilgen.runtime.shape import Shape, aligned, not_finite, read_once, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("distilgen.runtime")

_EXACT = {
    "int": "type({0}) is int",
    "str": "type({0}) is str",
    "bool": "type({0}) is bool",
    "none": "{0} is None",
    "float": "(type({0}) is float and {0} - {0} == 0.0)",  # neither NaN nor an infinity
}
"""Core schemas of fields whose value can be told at a glance to be of the declared type."""

_HALF = arguments.LONGEST // 2

_MOST = 12
"""Fields that are told so; beyond, Pydantic's own check is as fast."""


class Results:
    """Writes the results of one function.

    dump: a result as JSON that validates against the contract's schema; raises anything.
    kind: a class whose instances `write` writes as `dump` does, but where it writes null, which may
    stand for anything, or where there are `choices`. None where there is no such class.
    typed: adapter and shape of the return type, where it can be evaluated. wary: may a result hold
    what is marked `Sensitive`, or a secret?
    exact: does `pydantic_core.to_json` write an instance just so? None where it may not.
    """

    def __init__(self, function: Callable[..., Any], name: str, *, streams: bool) -> None:
        self.dump: Callable[[Any], bytes] = _as_it_is
        self.kind: type | None = None
        self.write: Callable[..., bytes] | None = None
        self.choices = False
        self.exact: Callable[[Any], bool] | None = None
        self.typed: tuple[TypeAdapter[Any], Shape] | None = None
        self.wary = True
        try:
            hint = return_hint(function)
            if streams:
                hint = item_of(hint)
            if hint is None:
                return
            adapter: TypeAdapter[Any] = TypeAdapter(hint)
            shape = shape_of(adapter)
        except Exception:  # noqa: BLE001 - imported for type checkers only, or not defined yet
            return
        if shape.one_way:
            _log.warning("%s: no student can learn it: %s", name, shape.one_way)
        self.typed = adapter, shape
        self.wary = shape.open or shape.custom or shape.sensitive
        plain = not (self.wary or shape.one_way or shape.sets)
        plain = plain and not hasattr(hint, "__next__")
        self.dump = _dump_of(adapter, shape, hint)
        if plain:
            self.kind = hint if isinstance(hint, type) else typing.get_origin(hint)
            self.write, self.choices = adapter.serializer.to_json, shape.choices
            self.exact = _exactness(hint, adapter.core_schema)


def _as_it_is(value: Any) -> bytes:
    if hasattr(type(value), "__next__"):
        raise TypeError(f"{type(value).__qualname__} can be read only once")
    serializer = getattr(type(value), "__pydantic_serializer__", None)
    if serializer is not None:  # of a model: it knows what is computed, and not read back
        return _read(serializer.to_json(value, by_alias=True, round_trip=True, warnings="error"))
    text = to_json(arguments.settled(value), round_trip=True)
    if marked(text.decode()):
        raise TypeError("it holds a value that has no JSON form")
    return _read(text)


def _dump_of(adapter: TypeAdapter[Any], shape: Shape, hint: Any) -> Callable[[Any], bytes]:
    def dump(value: Any) -> bytes:
        if hasattr(type(value), "__next__"):
            raise TypeError(f"{type(value).__qualname__} can be read only once")
        if shape.one_way:
            raise TypeError(shape.one_way)
        if shape.open:
            python = adapter.dump_python(value, by_alias=True, round_trip=True, warnings="error")
            if read_once(python):
                raise TypeError("it holds an iterator, which can be read only once")
        text = adapter.dump_json(value, by_alias=True, round_trip=True, warnings="error")
        if shape.sets or (shape.floats and b"null" in text):
            python = adapter.dump_python(value, by_alias=True, round_trip=True)
            if shape.sets or not_finite(python):
                text = to_json(aligned(python, json.loads(text)))
        text = _read(text)
        if shape.custom or shape.pure:  # Pydantic writes what is no such thing without a word
            adapter.validate_json(text)
        elif isinstance(hint, type) and not isinstance(value, hint):
            raise TypeError(f"{type(value).__qualname__} is no {hint.__qualname__}")
        return text

    return dump


def is_overlong(text: bytes) -> bool:
    """Does a JSON text hold an integer that Python does not read back?"""
    if len(text) <= arguments.LONGEST:
        return False
    starts = range(0, len(text), _HALF)  # one of these parts has nothing but its digits
    return any(text[start : start + _HALF].isdigit() for start in starts) and (
        arguments.overlong(text)
    )


def _read(text: bytes) -> bytes:
    if is_overlong(text):
        raise ValueError(f"it holds an integer of more than {arguments.LONGEST} digits")
    return text


def _exactness(hint: Any, schema: Any) -> Callable[[Any], bool] | None:
    """Pydantic's check costs a microsecond; that of a small flat model a tenth of it."""
    if not (isinstance(hint, type) and issubclass(hint, BaseModel)) or schema["type"] != "model":
        return None
    inner = schema["schema"]
    if inner["type"] != "model-fields" or inner.get("computed_fields") or schema.get("root_model"):
        return None
    if schema.get("serialization") or inner.get("serialization") or len(inner["fields"]) > _MOST:
        return None
    tests = []
    for name, field in inner["fields"].items():
        test = _test(field["schema"], f"values[{name!r}]")
        odd = {key for key in field if key.startswith("serialization")} - {"serialization_alias"}
        if test is None or odd or field.get("serialization_alias", name) != name:
            return None
        tests.append(test)
    text = " and ".join(["type(value) is hint", f"len(values) == {len(tests)}", *tests])
    scope: dict[str, Any] = {"hint": hint}
    exec(f"def exact(value):\n    values = value.__dict__\n    return {text}", scope)  # noqa: S102 - of names quoted by repr
    return scope["exact"]  # type: ignore[no-any-return]


def _test(schema: Any, value: str) -> str | None:
    if schema.get("serialization"):
        return None
    match schema["type"]:
        case "default":
            return _test(schema["schema"], value)
        case "nullable":
            test = _test(schema["schema"], value)
            return test and f"({value} is None or {test})"
        case kind if kind in _EXACT:
            return _EXACT[kind].format(value)
    return None
