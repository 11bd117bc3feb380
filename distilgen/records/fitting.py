"""Does a JSON value fit a JSON schema? Asked of jsonschema-rs, which compiles a schema once.

Only that is asked in which JSON Schema and Pydantic agree, so that nothing which Pydantic accepts
is refused: types, keys, choices, bounds. Not formats, for Pydantic knows more of them; not patterns
and not the texts of keys, for there are several dialects; not that items differ, for a set takes
what is there twice; and of alternatives that several may fit. The program itself asks the rest.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import jsonschema_rs

_ROOT = "#"
_TYPES = frozenset({"object", "array", "string", "boolean", "number", "integer", "null"})
_ONE = frozenset({"items", "additionalProperties"})
_SEVERAL = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_COUNTS = frozenset({"minItems", "maxItems", "minProperties", "maxProperties"})
_LENGTHS = frozenset({"minLength", "maxLength"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})

MOST_FAULTS = 5
"""As many faults of one value are told, where all would be too many."""


class Schema:
    """A JSON schema, compiled. `$defs` stand at its root. Safe to share between threads.

    What cannot be told fits: what is nested too deeply, what is no JSON value, and anything where
    nothing in the schema is understood. NaN and the infinities, which JSON has not, count as null.
    """

    __slots__ = ("_is_valid", "_validator")

    def __init__(self, schema: Any) -> None:
        import jsonschema_rs  # noqa: PLC0415 - few commands need it

        try:
            asked = _asked(schema, schema)
            self._validator = jsonschema_rs.Draft202012Validator(asked, retriever=_nothing)
        except (ValueError, RecursionError):  # of references in a circle, or nested too deeply
            self._validator = jsonschema_rs.Draft202012Validator(True)
        self._is_valid = self._validator.is_valid

    def fits(self, value: Any) -> bool:
        """Does it fit?"""
        try:
            return self._is_valid(value)
        except (ValueError, RecursionError):
            return not self.misfit(value)

    def misfit(self, value: Any, place: str = "") -> str:
        """Where and why a value does not fit, such as `to.name is no string`; nothing where it
        does. place: what to call the value.
        """
        return next((" ".join(fault) for fault in self.faults(value, place)), "")

    def faults(self, value: Any, place: str = "", most: int = 1) -> list[tuple[str, str]]:
        """(Where, what is wrong there) of the first faults, each once. place: as above."""
        try:
            errors = itertools.islice(self._validator.iter_errors(value), most)
            return list(dict.fromkeys(_said(error, place) for error in errors))
        except UnicodeEncodeError:  # half of a character
            whole = json.dumps(value, ensure_ascii=False).encode(errors="replace")
            return self.faults(json.loads(whole), place, most)
        except (ValueError, RecursionError):
            return []


def _nothing(uri: str) -> Any:
    """What stands elsewhere is not fetched."""
    raise ValueError(uri)


def _asked(schema: Any, root: Any) -> Any:
    """The part of a schema that is asked."""
    if not isinstance(schema, Mapping):
        return schema is not False
    if schema.get("nullable") is True:  # OpenAPI's word
        inner = {key: item for key, item in schema.items() if key != "nullable"}
        return {"anyOf": [_asked(inner, root), {"type": "null"}]}
    asked: dict[str, Any] = {}
    for key, item in schema.items():
        if _is_asked(key, item, schema, root):
            if key in _ONE:
                item = _asked(item, root)  # noqa: PLW2901 - the part of it that is asked
            elif key in _SEVERAL:
                item = [_asked(inner, root) for inner in item]  # noqa: PLW2901
            elif key in _NAMED:
                item = {name: _asked(inner, root) for name, inner in item.items()}  # noqa: PLW2901
            if key == "oneOf":  # a discriminator chooses, where several fit
                asked.setdefault("allOf", []).append({"anyOf": item})
            elif key == "allOf":
                asked[key] = [*asked.get(key, []), *item]
            else:
                asked[key] = item
    return asked


def _is_asked(key: str, item: Any, schema: Mapping[str, Any], root: Any) -> bool:
    """Is a keyword one that is asked, and its value such as it must be?"""
    if key == "type":
        names = [item] if isinstance(item, str) else item
        return isinstance(names, list) and names != [] and all(n in _TYPES for n in names)
    if key == "additionalProperties":
        return isinstance(item, Mapping | bool) and "patternProperties" not in schema
    if key == "items":
        return isinstance(item, Mapping | bool)
    if key in _SEVERAL:
        return isinstance(item, list) and item != []
    if key in _NAMED:
        return isinstance(item, Mapping)
    if key == "required":
        return isinstance(item, list) and all(isinstance(name, str) for name in item)
    if key == "$ref":
        return isinstance(item, str) and _is_there(item, root)
    if key in _COUNTS or key in _LENGTHS:
        # A text of some format is counted in units of its own, such as bytes.
        return _is_count(item) and not (key in _LENGTHS and "format" in schema)
    if key in _BOUNDS:
        return _is_finite(item)
    if key == "multipleOf":  # of fractions, each checker rounds in its own way
        return _is_count(item) and item > 0
    return key == "const" or (key == "enum" and isinstance(item, list))


def _is_there(reference: str, root: Any) -> bool:
    """Is it a place in the schema itself?"""
    if reference != _ROOT and not reference.startswith("#/"):
        return False
    for name in reference.removeprefix(_ROOT).split("/")[1:]:
        key = name.replace("~1", "/").replace("~0", "~")
        if not (isinstance(root, Mapping) and key in root):
            return False
        root = root[key]
    return isinstance(root, Mapping | bool)


def _is_count(item: Any) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and item >= 0


def _is_finite(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)


def _said(found: jsonschema_rs.ValidationError, place: str) -> tuple[str, str]:
    """Where, and what is wrong there, in our words."""
    kind: Any = found.kind
    where = place_of(found.instance_path, place)
    match kind.name:
        case "type":
            return where, f"is no {_either(kind.types)}"
        case "required":
            return place_of([*found.instance_path, kind.property], place), "is not there"
        case "additionalProperties":
            unexpected = [*found.instance_path, min(kind.unexpected)]
            return place_of(unexpected, place), "must not be there"
        case "enum":
            return where, "is none of its choices"
        case "const":
            return where, f"is not {kind.expected_value!r}"
        case "anyOf":
            return _of_several(found, where, place)
        case "minLength" | "minItems" | "minProperties":
            return where, "is too short"
        case "maxLength" | "maxItems" | "maxProperties":
            return where, "is too long"
        case "minimum":
            return where, f"is less than {kind.limit}"
        case "maximum":
            return where, f"is more than {kind.limit}"
        case "exclusiveMinimum":
            return where, f"is not more than {kind.limit}"
        case "exclusiveMaximum":
            return where, f"is not less than {kind.limit}"
        case "multipleOf":
            return where, f"is no multiple of {kind.multiple_of}"
    return where, "must not be there"  # the schema that nothing fits


def _either(types: Iterable[str]) -> str:
    """`string or null`."""
    return " or ".join(sorted(set(types), key=lambda name: (name == "null", name)))


def _of_several(found: jsonschema_rs.ValidationError, where: str, place: str) -> tuple[str, str]:
    """Of alternatives: what is wrong in the only one that comes near."""
    kind: Any = found.kind
    near = [
        errors
        for errors in kind.context
        if errors and not any(_is_other(error, found) for error in errors)
    ]
    if len(near) == 1 or len(kind.context) == 1:
        return _said((near or kind.context)[0][0], place)
    firsts: list[Any] = [errors[0].kind for errors in kind.context if errors]
    if all(first.name == "type" for first in firsts) and not near:
        return where, f"is no {_either(name for first in firsts for name in first.types)}"
    return where, "is none of what it may be"


def _is_other(error: jsonschema_rs.ValidationError, whole: jsonschema_rs.ValidationError) -> bool:
    """Does an alternative ask for something of another type, or with another tag?"""
    if error.kind.name == "const":
        return len(error.instance_path) <= len(whole.instance_path) + 1
    return error.kind.name == "type" and error.instance_path == whole.instance_path


def place_of(path: Sequence[str | int], place: str = "") -> str:
    """A place in a value, such as `to.lines[2].name`. place: what the whole is called."""
    place = place or ("it" if path and isinstance(path[0], int) else "")
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return place + said if place else said.removeprefix(".") or "it"
