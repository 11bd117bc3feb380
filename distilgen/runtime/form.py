"""What the arguments of a function were in a call: the wrapper compares their types, and writes
what is as it was by a serialiser that is made for it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from distilgen.runtime.arguments import ATOMS, SAFE

if TYPE_CHECKING:
    from collections.abc import Mapping

Form = tuple[Any, ...]
"""For each argument the types that it may have, and for a list those of its items, else None. Last
what writes the arguments: `pydantic_core.to_json` where that is None.
"""

_LIST = frozenset({list})
_NONE: frozenset[type] = frozenset()


def none_of(count: int) -> Form:
    """A form that no arguments have."""
    return (*((_NONE, None) * count), None)


def form_of(given: Mapping[str, Any]) -> Form | None:
    """The form of arguments of types in `SAFE`, and lists of such; None for others."""
    kinds: list[tuple[str, frozenset[type], frozenset[type] | None]] = []
    for name, value in given.items():
        kind = type(value)
        if kind in ATOMS:
            kinds.append((name, ATOMS, None))
        elif kind in SAFE:
            kinds.append((name, frozenset({kind}), None))
        elif kind is not list or not (items := frozenset(map(type, value))) <= SAFE:
            return None
        else:
            kinds.append((name, _LIST, items if items - ATOMS else ATOMS))
    return _form(tuple(kinds))


@functools.lru_cache(maxsize=256)
def _form(kinds: tuple[tuple[str, frozenset[type], frozenset[type] | None], ...]) -> Form:
    flat = [part for _, *parts in kinds for part in parts]
    if all(kind is ATOMS for _, kind, _ in kinds):
        return (*flat, None)
    types = {name: _type(kind, items) for name, kind, items in kinds}
    made: Any = TypedDict("Arguments", types)  # type: ignore[misc]
    return (*flat, TypeAdapter(made).serializer.to_json)


def _type(kind: frozenset[type], items: frozenset[type] | None) -> Any:
    if kind is ATOMS:
        return Any
    if items is None:
        return next(iter(kind))
    return list[next(iter(items))] if len(items) == 1 else list  # type: ignore[misc]
