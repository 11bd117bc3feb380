"""Raw values become what the parameters want: Pydantic reads them by their annotations."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from distilgen.errors import CollectError, UsageError
from distilgen.runtime.sensitive import hints_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from distilgen.collection.given import Given

_FEW = 3
_LONG = 60


class MisfitError(ValueError):
    """Values that the parameters do not take; the message names each of them."""


@dataclass(frozen=True)
class Typed:
    """Reads the values of one function's parameters.

    parameters: by name, without `self` and `cls`. hints: their types, that of `*args` a list's and
    that of `**kwargs` a dictionary's. readers: of those that Pydantic can read. obstacles: why it
    cannot read the others.
    """

    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]
    readers: Mapping[str, TypeAdapter[Any]]
    obstacles: Mapping[str, str]

    @classmethod
    def of(cls, function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> Typed:
        """By the annotations of a function."""
        found = hints_of(inspect.unwrap(function))
        hints: dict[str, Any] = {}
        readers: dict[str, TypeAdapter[Any]] = {}
        obstacles: dict[str, str] = {}
        for name, parameter in parameters.items():
            hint = _whole(found.get(name, Any), parameter)
            if isinstance(hint, str):
                obstacles[name] = f"its type {hint} cannot be evaluated where the function stands"
                continue
            hints[name] = hint
            try:
                readers[name] = TypeAdapter(hint)
            except Exception as error:  # noqa: BLE001 - Pydantic's, or of anybody's class
                said = str(error).partition(". ")[0].partition("\n")[0] or type(error).__name__
                obstacles[name] = f"no input can become its type {told_type(hint)} ({said})"
        return cls(parameters, hints, readers, obstacles)

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters without which the function cannot be called."""
        return tuple(name for name, item in self.parameters.items() if is_required(item))

    def refuse(self, filled: Collection[str], constants: Mapping[str, Any]) -> None:
        """Raises CollectError for a parameter that inputs are to fill, and cannot; UsageError for a
        constant that its parameter does not take.
        """
        for name, value in constants.items():
            if name in self.readers:
                try:
                    self._read(self.parameters[name], value, is_text=False)
                except MisfitError as error:
                    raise UsageError(f"--set {error}") from error
        for name, why in self.obstacles.items():
            if name in filled or name in constants or name in self.required:
                raise CollectError(
                    f"parameter {name}: {why}; give it a default, or a type that Pydantic knows"
                )

    def values(self, given: Given) -> dict[str, Any]:
        """The values of all parameters, defaults applied, in the order of the signature. Raises
        MisfitError.
        """
        made: dict[str, Any] = {}
        wrong: list[str] = []
        for name, parameter in self.parameters.items():
            if name not in given.arguments:
                if is_required(parameter):
                    wrong.append(f"{name}: is missing")
                else:
                    made[name] = _default(parameter)
                continue
            try:
                made[name] = self._read(parameter, given.arguments[name], is_text=given.is_text)
            except MisfitError as error:
                wrong.append(str(error))
        if wrong:
            raise MisfitError("; ".join(wrong))
        return made

    def value(self, name: str, value: Any) -> Any:
        """The value of one parameter. Raises MisfitError."""
        return self._read(self.parameters[name], value, is_text=False)

    def _read(self, parameter: inspect.Parameter, value: Any, *, is_text: bool) -> Any:
        name = parameter.name
        reader = self.readers.get(name)
        if reader is None:
            raise MisfitError(f"{name}: {self.obstacles[name]}")
        try:
            return reader.validate_python(value)
        except ValidationError as error:
            first = error
        except Exception as error:
            raise MisfitError(f"{name}: {type(error).__name__}: {error}") from error
        if is_text and value == "":
            return self._empty(parameter, reader, first)
        try:
            if not isinstance(value, str):
                return reader.validate_json(to_json(value))  # dates in a strict model, say
            if is_text:
                return reader.validate_json(value)
        except ValidationError as error:
            is_json = value[:1] in ("[", "{") if isinstance(value, str) else True
            first = error if is_json else first
        except Exception:  # noqa: BLE001, S110 - no JSON: the first error says what is wrong
            pass
        raise MisfitError(_said(name, self.hints[name], value, first)) from first

    def _empty(
        self, parameter: inspect.Parameter, reader: TypeAdapter[Any], first: ValidationError
    ) -> Any:
        """What an empty cell means that is no text: None where that fits, or else the default."""
        try:
            return reader.validate_python(None)
        except Exception as error:
            if not is_required(parameter):
                return _default(parameter)
            name = parameter.name
            raise MisfitError(_said(name, self.hints[name], "", first)) from error


def is_required(parameter: inspect.Parameter) -> bool:
    """Can the function not be called without it?"""
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )


def _default(parameter: inspect.Parameter) -> Any:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return ()
    return {} if parameter.kind is parameter.VAR_KEYWORD else parameter.default


def _whole(hint: Any, parameter: inspect.Parameter) -> Any:
    """The type of all that a parameter collects."""
    if isinstance(hint, str) or parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    ):
        return hint
    return list[hint] if parameter.kind is parameter.VAR_POSITIONAL else dict[str, hint]


def _said(name: str, hint: Any, value: Any, error: ValidationError) -> str:
    """What is wrong with a value, on a line: the first few faults."""
    faults = error.errors(include_url=False, include_context=False)
    told = []
    for fault in faults[:_FEW]:
        place = ".".join([name, *(str(step) for step in fault["loc"])])
        told.append(f"{place}: {fault['msg'][:1].lower()}{fault['msg'][1:]}")
    more = f" and {len(faults) - _FEW} more" if len(faults) > _FEW else ""
    return f"{', '.join(told)}{more}; {_shown(value)} is no {told_type(hint)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def told_type(hint: Any) -> str:
    """A type as messages name it."""
    return (
        hint.__qualname__
        if isinstance(hint, type) and not hasattr(hint, "__args__")
        else str(hint).replace("typing.", "")
    )
