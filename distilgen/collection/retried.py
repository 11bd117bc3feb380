"""The exceptions after which a call is made again, as a user names their classes."""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from distilgen.collection.engines import told_class
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_NEAR = 0.8


def classes(names: Iterable[str], function: str) -> tuple[str, ...]:
    """Names as exceptions have them: of `package.Name` the module that it is really of; a bare name
    stays one, and is that of all classes that are called so. function: `module:qualname`, imported.
    Raises UsageError for what names no exception.
    """
    module = function.partition(":")[0]
    return tuple(_class(name, module) for name in names)


def _class(name: str, module: str) -> str:
    loaded = set(_loaded(Exception))
    if any(kind.__name__ == name for kind in loaded):
        return name
    found = _imported(name) or _member(sys.modules.get(module), name.split("."))
    if found is not None:
        return told_class(found)
    known = {kind.__name__ for kind in loaded if kind.__module__ in ("builtins", module)}
    near = get_close_matches(name, sorted(known), 1, _NEAR)
    raise UsageError(
        f"--retry-on {name}: names no exception of Python's own or of {module}"
        f"{f'; did you mean {near[0]}?' if near else ''}; name one of a package as "
        "package.Name: httpx.ReadTimeout"
    )


def _loaded(kind: type[Exception]) -> Iterator[type[Exception]]:
    """An exception and all that come from it, as far as they were imported."""
    yield kind
    for child in kind.__subclasses__():
        yield from _loaded(child)


def _imported(name: str) -> type[Exception] | None:
    """The exception `package.Name`, also `package.Class.Name`; the package is imported for it."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:end]))
        except Exception:  # noqa: BLE001, S112 - of whatever is no module, or cannot be imported
            continue
        return _member(module, parts[end:])
    return None


def _member(owner: Any, path: Iterable[str]) -> type[Exception] | None:
    """The exception that a module has by a name."""
    for part in path:
        owner = getattr(owner, part, None)
    return owner if isinstance(owner, type) and issubclass(owner, Exception) else None
