"""Hypothesis's strategies for types as Pydantic reads them: what makes values of a type."""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections import abc
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pydantic
from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_json
from typing_extensions import is_typeddict

if TYPE_CHECKING:
    from collections.abc import Iterable

_JSON: Any = pydantic.Json  # to mypy a type, and when it runs a class
_MOST = 8  # items where nothing says how many
_SEQUENCES = (list, abc.Sequence, abc.Collection, abc.Iterable, abc.MutableSequence)
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_BOUNDED = (int, float, Decimal, dt.date, dt.datetime, dt.time, dt.timedelta)


class Unmakeable(Exception):  # noqa: N818 - it is caught where it is raised for
    """No value of a type can be made; the message names the type."""


def strategy(hint: Any) -> Any:
    """A strategy that gives values which Pydantic takes for a type, as Python's or as JSON; each
    has been validated. Raises Unmakeable.
    """
    made = _Maker().of(hint, [])
    adapter: TypeAdapter[Any] = TypeAdapter(hint)

    def fits(value: Any) -> bool:
        try:
            adapter.validate_python(value)
        except ValidationError:
            return not isinstance(value, str) and fits_as_json(value)
        return True

    def fits_as_json(value: Any) -> bool:
        try:
            adapter.validate_json(to_json(value))  # a list where a strict model wants a tuple
        except ValueError:
            return False
        return True

    return made.filter(fits)


class _Maker:
    """Makes strategies; a model that holds itself is met again on the way."""

    def __init__(self) -> None:
        self._known: dict[type, Any] = {}

    def of(self, hint: Any, rules: Iterable[Any]) -> Any:
        """A strategy of a type, under the rules that `Annotated` or a field says."""
        from hypothesis import strategies as st  # noqa: PLC0415 - an extra

        said = _limits(rules)
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any or hint is object:
            return st.text() | st.integers() | st.booleans() | st.none()
        if hint is None or hint is type(None):
            return st.none()
        if origin is typing.Annotated and any(isinstance(arg, _JSON) for arg in args[1:]):
            return self.of(args[0], ()).map(lambda value: to_json(value).decode())
        if origin is typing.Annotated:
            return self.of(args[0], [*args[1:], *rules])
        if hasattr(hint, "__value__"):  # `type Name = …`
            return self.of(hint.__value__, rules)
        if origin in (typing.Union, types.UnionType):
            return st.one_of([self.of(arg, rules) for arg in args])
        if origin is typing.Literal:
            return st.sampled_from(args)
        if origin in (*_SEQUENCES, *_SETS, *_MAPPINGS, tuple) or hint in (list, set, dict, tuple):
            return self._collection(origin or hint, args, said)
        if isinstance(hint, type):
            return self._simple(hint, said)
        if isinstance(hint, typing.NewType):
            return self.of(hint.__supertype__, rules)
        return self._other(hint)

    def _collection(self, kind: Any, args: tuple[Any, ...], said: dict[str, Any]) -> Any:
        from hypothesis import strategies as st  # noqa: PLC0415 - an extra

        least = said.get("min_length") or 0
        most = said.get("max_length")
        sizes: dict[str, Any] = {
            "min_size": least,
            "max_size": least + _MOST if most is None else most,
        }
        if kind in _MAPPINGS:
            key, value = args or (str, Any)
            return st.dictionaries(self.of(key, ()), self.of(value, ()), **sizes)
        if kind is tuple and args and args[-1] is not ...:
            return st.tuples(*(self.of(arg, ()) for arg in args))
        # Of sets, too: what is to be an item of one may come as a dictionary.
        return st.lists(self.of(args[0] if args else Any, ()), **sizes)

    def _simple(self, kind: type, said: dict[str, Any]) -> Any:
        from hypothesis import strategies as st  # noqa: PLC0415 - an extra

        if issubclass(kind, Enum):
            return st.sampled_from(list(kind))
        if kind is bool:
            return st.booleans()
        if issubclass(kind, BaseModel) or is_dataclass(kind) or is_typeddict(kind):
            return self._model(kind)
        if kind in (str, SecretStr):
            return _texts(said)
        if kind in (bytes, SecretBytes):
            # Of letters: a record holds bytes as text.
            return _texts(said).map(str.encode)
        if issubclass(kind, PurePath):
            return _texts({"min_length": 1})
        if kind in _BOUNDED:
            return _numbers(kind, said)
        return self._other(kind)

    def _model(self, kind: type) -> Any:
        from hypothesis import strategies as st  # noqa: PLC0415 - an extra

        if kind not in self._known:
            self._known[kind] = st.deferred(lambda: self._known[kind])
            try:
                self._known[kind] = self._members(kind)
            except Unmakeable as error:
                raise Unmakeable(f"{kind.__qualname__}: {error}") from error
        return self._known[kind]

    def _members(self, kind: type) -> Any:
        """Objects by alias, as Pydantic reads them."""
        from hypothesis import strategies as st  # noqa: PLC0415 - an extra

        needed: dict[str, Any] = {}
        optional: dict[str, Any] = {}
        if issubclass(kind, BaseModel) and "root" in kind.model_fields:
            field = kind.model_fields["root"]
            return self.of(field.annotation, field.metadata)
        for name, hint, rules, is_needed in _fields_of(kind):
            try:
                made = self.of(hint, rules)
            except Unmakeable as error:
                if is_needed:
                    raise Unmakeable(f"{name}: {error}") from error
                continue
            (needed if is_needed else optional)[name] = made
        return st.fixed_dictionaries(needed, optional=optional)

    def _other(self, hint: Any) -> Any:
        """What Hypothesis itself knows of a type."""
        from hypothesis import strategies as st  # noqa: PLC0415 - an extra
        from hypothesis.errors import InvalidArgument, ResolutionFailed  # noqa: PLC0415

        made = _times().get(hint)
        if made is not None:
            return made
        kind = getattr(hint, "__name__", "")
        if kind == "EmailStr":
            return st.emails()
        if kind.endswith("Url"):
            from hypothesis.provisional import urls  # noqa: PLC0415 - an extra

            return urls()
        try:
            made = st.from_type(hint)
            made.validate()
        except (InvalidArgument, ResolutionFailed, TypeError, NameError) as error:
            raise Unmakeable(f"Hypothesis makes no {getattr(hint, '__name__', hint)}") from error
        return made


def _fields_of(kind: type) -> Iterable[tuple[str, Any, list[Any], bool]]:
    """(the key, the type, the rules, must it be there) of each member."""
    if issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            alias = field.validation_alias or field.alias
            key = alias if isinstance(alias, str) else name
            yield key, field.annotation, field.metadata, field.is_required()
        return
    hints = typing.get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        needed: frozenset[str] = kind.__required_keys__  # type: ignore[attr-defined]
        for name, hint in hints.items():
            is_marked = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
            yield name, typing.get_args(hint)[0] if is_marked else hint, [], name in needed
        return
    for item in fields(kind):  # type: ignore[arg-type]
        if item.init:
            default: Any = item.default
            rules = default.metadata if isinstance(default, FieldInfo) else []
            is_needed = default is MISSING and item.default_factory is MISSING
            is_needed = is_needed or (isinstance(default, FieldInfo) and default.is_required())
            yield item.name, hints[item.name], rules, is_needed


def _limits(rules: Iterable[Any]) -> dict[str, Any]:
    """Bounds, lengths and patterns, by Pydantic's names for them."""
    said: dict[str, Any] = {}
    for rule in rules:
        if isinstance(rule, FieldInfo):
            said |= _limits(rule.metadata)
            continue
        for name in ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern"):
            value = getattr(rule, name, None)
            if value is not None:
                said[name] = value
    return said


def _texts(said: dict[str, Any]) -> Any:
    from hypothesis import strategies as st  # noqa: PLC0415 - an extra

    least, most = said.get("min_length") or 0, said.get("max_length")
    if "pattern" in said:
        pattern = getattr(said["pattern"], "pattern", said["pattern"])
        plain = st.characters(codec="ascii") if pattern.isascii() else None
        found = st.from_regex(pattern, alphabet=plain)
        return found.filter(lambda text: least <= len(text) and (most is None or len(text) <= most))
    return st.text(min_size=least, max_size=most)


def _times() -> dict[Any, Any]:
    """Pydantic's own dates and times. What is to be past or to come is so by any clock: the same
    seed makes the same ones.
    """
    from hypothesis import strategies as st  # noqa: PLC0415 - an extra

    past, to_come = dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1)  # noqa: DTZ001 - of no zone
    return {
        pydantic.AwareDatetime: st.datetimes(timezones=st.just(dt.UTC)),
        pydantic.NaiveDatetime: st.datetimes(),
        pydantic.PastDatetime: st.datetimes(max_value=past),
        pydantic.FutureDatetime: st.datetimes(min_value=to_come),
        pydantic.PastDate: st.dates(max_value=past.date()),
        pydantic.FutureDate: st.dates(min_value=to_come.date()),
    }


def _numbers(kind: type, said: dict[str, Any]) -> Any:
    """Numbers and times between bounds; bounds that are excluded are left to the validation."""
    from hypothesis import strategies as st  # noqa: PLC0415 - an extra

    least, most = said.get("ge", said.get("gt")), said.get("le", said.get("lt"))
    if kind is int:
        step = said.get("multiple_of")
        least = None if least is None else int(least) + ("gt" in said)
        most = None if most is None else int(most) - ("lt" in said)
        if step:
            low = None if least is None else -(-least // step)
            return st.integers(low, None if most is None else most // step).map(lambda n: n * step)
        return st.integers(least, most)
    if kind is float:
        return st.floats(
            None if least is None else float(least),
            None if most is None else float(most),
            allow_nan=False,
            allow_infinity=False,
        )
    bounds = {"min_value": least, "max_value": most}
    if kind is Decimal:
        places = said.get("decimal_places", 2)
        return st.decimals(allow_nan=False, allow_infinity=False, places=places, **bounds)
    bounds = {name: value for name, value in bounds.items() if value is not None}
    made: dict[type, Any] = {
        dt.date: st.dates,
        dt.datetime: st.datetimes,
        dt.time: st.times,
        dt.timedelta: st.timedeltas,
    }
    return made[kind](**bounds)
