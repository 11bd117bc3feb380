"""Where a program says that a value is not to be recorded: `Sensitive`, and Pydantic's secrets.

    def book(ssn: Annotated[str, Sensitive("ssn")], guest: Guest) -> Booking: ...

A marked field looks like any other to the user's own code: what `model_dump` and
`model_json_schema` say is what they say without the mark. While a recorder serialises, `watcher`
holds who is told of each marked value, and what that one gives back is written in its place.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import typing
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

METADATA = "distilgen_sensitive"
"""Key in the metadata of a core schema: this node is marked."""

MASK = "**********"
"""What stands for a secret where nobody gives it a placeholder: Pydantic's own text."""

_LEAVES = frozenset({str, int, float, bool, type(None), bytes})
_MENTION = "Sensitive"
_KEPT = 1_000


class NotRedactedError(Exception):
    """A value that must be hidden came to where nothing is hidden; nothing was written."""


class Watcher(Protocol):
    """Who is told of marked values and secrets while they are serialised."""

    def hide(self, label: str, value: Any) -> Any:
        """What is written instead of a value. value: JSON data, or None in Pydantic's Python mode,
        where it is not known yet.
        """

    def secret(self, value: Any) -> str:
        """What is written instead of a `SecretStr` or its like."""


watcher: ContextVar[Watcher | None] = ContextVar("distilgen_watcher", default=None)


@contextmanager
def watched(by: Watcher | None) -> Iterator[None]:
    """Tell a watcher, or nobody, of each marked value that is serialised in this block."""
    token = watcher.set(by)
    try:
        yield
    finally:
        watcher.reset(token)


@dataclass
class Lookout:
    """A watcher that only says whether it met anything."""

    met: bool = False

    def hide(self, label: str, value: Any) -> Any:
        """See Watcher; the value itself, which is then not to be written."""
        del label
        self.met = True
        return value

    def secret(self, value: Any) -> str:
        """See Watcher."""
        del value
        self.met = True
        return MASK


def label_of(name: str) -> str:
    """A name as placeholders have it: capitals, digits, underscores; "" where nothing is left."""
    return re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_0123456789")


@dataclass(frozen=True, repr=False)
class Mark:
    """What stands in `Annotated`: `Sensitive`, or `Sensitive("ssn")` for placeholders `[SSN_1]`.

    Raises ValueError for a label without a letter.
    """

    label: str = "SENSITIVE"

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", label_of(self.label))
        if not self.label:
            raise ValueError("a label of Sensitive needs a letter")

    def __call__(self, label: str) -> Mark:
        """The mark whose placeholders bear a label of their own."""
        return Mark(label)

    def __repr__(self) -> str:
        return _MENTION if self.label == "SENSITIVE" else f"{_MENTION}({self.label!r})"

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Pydantic's hook: the type's schema, which tells the watcher when it is serialised."""
        from pydantic_core import core_schema  # noqa: PLC0415 - pydantic is loaded: it calls us

        inner = handler(source)
        written = core_schema.wrap_serializer_function_ser_schema(
            self._write, info_arg=True, schema=inner if "serialization" in inner else None
        )
        metadata = {**inner.get("metadata", {}), METADATA: self.label}
        return {**inner, "serialization": written, "metadata": metadata}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        """Pydantic's hook: the JSON schema is the one without the mark."""
        return handler(schema.get("serialization", {}).get("schema", schema))

    def _write(self, value: Any, handler: Callable[[Any], Any], info: Any) -> Any:
        by = watcher.get()
        if by is None:
            return handler(value)
        if info.mode != "json":
            return by.hide(self.label, None)
        return by.secret(value) if is_secret(type(value)) else by.hide(self.label, handler(value))


Sensitive = Mark()
"""In `Annotated`, for a parameter or a field: its value is replaced before a record is written."""


_secrets: dict[type, bool] = {}


def is_secret(kind: type) -> bool:
    """Does a type hide its value, as Pydantic's `SecretStr`, `SecretBytes` and `Secret` do?"""
    known = _secrets.get(kind)
    if known is None:  # to ask a model's class what it has not is slow
        if len(_secrets) >= _KEPT:  # classes that are made by the call must not pile up
            _secrets.clear()
        known = _secrets[kind] = callable(getattr(kind, "get_secret_value", None))
    return known


# Marks in annotations


@dataclass(frozen=True)
class Marks:
    """What an annotation says. label: the whole value is marked. keys: labels of the marked keys of
    TypedDicts in it.
    """

    label: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.label or self.keys)


def marks_in(hint: Any) -> Marks:
    """The marks in an evaluated annotation, or in the text of one that cannot be evaluated.

    A mark anywhere in it counts for the whole value: `list[Annotated[str, Sensitive]]`. Fields of
    classes are the business of their values.
    """
    keys: dict[str, str] = {}
    label = _label_in(hint, keys, set())
    return Marks(label, keys)


def _label_in(hint: Any, keys: dict[str, str], seen: set[int]) -> str:
    if isinstance(hint, str | typing.ForwardRef):
        return Sensitive.label if _MENTION in str(hint) else ""
    if id(hint) in seen:
        return ""
    seen.add(id(hint))
    for item in getattr(hint, "__metadata__", ()):
        if isinstance(item, Mark):
            return item.label
    if typing.is_typeddict(hint):
        for name, inner in hints_of(hint).items():
            label = _label_in(inner, keys, seen)
            if label:
                keys[name] = label
        return ""
    inside = [getattr(hint, name, None) for name in ("__origin__", "__value__", "__supertype__")]
    for inner in (*typing.get_args(hint), *inside):
        if typing.is_typeddict(inner) or not isinstance(inner, type | Mark | None):
            label = _label_in(inner, keys, seen)
            if label:
                return label
    return ""


def hints_of(owner: Any) -> dict[str, Any]:
    """The annotations of a function or a class, each evaluated by itself; one that cannot be, is
    imported for type checkers only say, as its text.
    """
    kinds = reversed(owner.__mro__) if isinstance(owner, type) else [owner]
    found: dict[str, Any] = {}
    for kind in kinds:
        names = vars(sys.modules.get(getattr(kind, "__module__", ""), None) or object)
        names = getattr(kind, "__globals__", names)
        for name, hint in _annotations(kind).items():
            found[name] = _evaluated(hint, dict(names), vars(kind))
    return found


def _annotations(owner: Any) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415

        return annotationlib.get_annotations(owner, format=annotationlib.Format.FORWARDREF)
    return (
        dict(vars(owner).get("__annotations__") or {})
        if isinstance(owner, type)
        else dict(getattr(owner, "__annotations__", None) or {})
    )


def _evaluated(hint: Any, names: dict[str, Any], local: Any) -> Any:
    def one() -> None: ...

    one.__annotations__ = {"hint": hint}
    try:
        return typing.get_type_hints(one, names, dict(local), include_extras=True)["hint"]
    except Exception:  # noqa: BLE001 - an annotation is any expression
        return hint if not isinstance(hint, typing.ForwardRef) else hint.__forward_arg__


_fields: dict[type, dict[str, Marks]] = {}


def marked_fields(kind: type) -> dict[str, Marks]:
    """The marks on the fields of a model, a dataclass or a named tuple, by the fields' names."""
    if kind not in _fields:
        if len(_fields) >= _KEPT:
            _fields.clear()
        declared = _declared(kind)
        _fields[kind] = {name: marks for name, hint in declared if (marks := marks_in(hint))}
    return _fields[kind]


def found(values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """The secrets in values, and what is marked in them by its class, with its label ("" for a
    secret), however it is going to be written. Raises what properties of theirs raise.
    """
    for value in inside(values):
        kind = type(value)
        if is_secret(kind):
            yield "", value
            continue
        marks = marked_fields(kind)
        if hasattr(kind, "_fields"):
            for name, item in zip(kind._fields, value, strict=False):
                yield from _said(marks.get(name), item)
        else:
            for name in marks:
                yield from _said(marks[name], getattr(value, name, None))


def inside(values: Iterable[Any]) -> Iterator[Any]:
    """The models, dataclasses, named tuples and secrets in values, each before what it holds."""
    seen: dict[int, Any] = {}
    left = [*values]
    while left:
        value = left.pop()
        kind = type(value)
        if kind in _LEAVES or id(value) in seen:
            continue
        seen[id(value)] = value
        if issubclass(kind, dict):
            left += dict.keys(value)
            left += dict.values(value)
        elif issubclass(kind, list | tuple | set | frozenset | deque):
            if hasattr(kind, "_fields"):
                yield value
            left += value
        elif is_secret(kind):
            yield value
        elif (names := _names(kind)) is not None:
            yield value
            left += (getattr(value, "__pydantic_extra__", None) or {}).values()
            left += [getattr(value, name, None) for name in names]


def fields_of(kind: Any) -> dict[str, Any] | None:
    """The fields of a model or of a dataclass of Pydantic's, as Pydantic knows them; else None."""
    if not hasattr(kind, "__pydantic_serializer__"):
        return None
    fields = getattr(kind, "__pydantic_fields__", None)
    if fields is None:  # models had none of that name before pydantic 2.10
        fields = getattr(kind, "model_fields", None)
    return fields if isinstance(fields, dict) else None


def _names(kind: Any) -> Iterable[str] | None:
    fields = fields_of(kind)
    if fields is None and dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return fields


def _said(marks: Marks | None, value: Any) -> Iterator[tuple[str, Any]]:
    if not marks:
        return
    if marks.label:
        yield marks.label, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _said(Marks(marks.keys.get(key, "")) or marks, item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _said(marks, item)


def _declared(kind: type) -> Iterator[tuple[str, Any]]:
    known = fields_of(kind)
    if known is not None:
        for name, info in known.items():
            mark = next((item for item in info.metadata if isinstance(item, Mark)), None)
            yield name, typing.Annotated[Any, mark] if mark else info.annotation
    elif dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        yield from hints_of(kind).items()
