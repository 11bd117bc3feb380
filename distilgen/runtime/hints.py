"""What a function says that it returns, evaluated as the running program would."""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from typing import Any

STREAMS = (Iterator, Generator, Iterable, AsyncIterator, AsyncGenerator, AsyncIterable)


def return_hint(function: Callable[..., Any]) -> Any:
    """The return annotation, evaluated; those of parameters may name what is not there. None where
    there is none. Raises anything: it may name what is there for type checkers only.
    """
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415

        annotations = annotationlib.get_annotations(
            function, format=annotationlib.Format.FORWARDREF
        )
    else:
        annotations = function.__annotations__

    if "return" not in annotations:
        return None

    def promise() -> None: ...

    promise.__annotations__ = {"return": annotations["return"]}
    names = getattr(function, "__globals__", {})
    return typing.get_type_hints(promise, globalns=names, include_extras=True)["return"]


def item_of(hint: Any) -> Any:
    """What a generator with this return type yields; None where that is not said."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) in STREAMS else None


def of_owner(hint: Any, owner: Any) -> Any:
    """A type with a class in the place of `Self`."""
    if hint is typing.Self:
        return owner
    args = typing.get_args(hint)
    if not args or typing.get_origin(hint) is typing.Literal:
        return hint
    made = tuple(of_owner(arg, owner) for arg in args)
    if made == args:
        return hint
    if isinstance(hint, types.UnionType):
        return functools.reduce(operator.or_, made)
    if typing.get_origin(hint) is typing.Annotated:
        return typing.Annotated[(made[0], *hint.__metadata__)]
    if hasattr(hint, "copy_with"):
        return hint.copy_with(made)
    return typing.get_origin(hint)[made]
