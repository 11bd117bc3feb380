"""What the return annotations of a package's functions are when the program runs.

Runs under the interpreter of the package's own environment: standard library and pydantic only.
Imports every module below a folder and prints, for every function object that was made, as JSON by
"path:line": {"holds": is a Pydantic type in it, "hint": its text, "schema" or "why" there is none}.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import enum
import faulthandler
import gc
import importlib
import inspect
import io
import json
import os
import sys
import types
import typing
import warnings
from collections import abc
from pathlib import Path
from typing import Any

_STREAMS = (
    abc.Iterator, abc.Generator, abc.Iterable, abc.AsyncIterator, abc.AsyncGenerator,
    abc.AsyncIterable,
)  # fmt: skip
_THROUGH = (*_STREAMS, abc.Awaitable, abc.Coroutine)


def main() -> None:
    _keep_order()
    folder, output = Path(sys.argv[1]).resolve(), sys.argv[2]
    faulthandler.enable()
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(folder))
    sys.argv = ["truth"]
    failed: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        _import(path, folder, failed)
    found: dict[str, Any] = {"failed": failed, "functions": {}}
    lines: dict[str, dict[int, int]] = {}
    for item in gc.get_objects():
        if type(item) is not types.FunctionType or "return" not in item.__annotations__:
            continue
        code = item.__code__
        file = code.co_filename
        if "<locals>" in item.__qualname__ or not file.startswith(f"{folder}{os.sep}"):
            continue
        if file not in lines:
            lines[file] = _lines_of_definitions(Path(file))
        line = lines[file].get(code.co_firstlineno)
        if line is None or item.__globals__.get("__file__") != file:
            continue
        key = f"{Path(file).relative_to(folder).as_posix()}:{line}"
        if key not in found["functions"]:
            found["functions"][key] = _truth(item)
    Path(output).write_text(json.dumps(found))
    os._exit(0)


def _keep_order() -> None:
    """Keep `Literal["a", "b"]` and `Literal["b", "a"]` apart in the caches of `typing`: else the
    first one that any module spells is what all others become, and the truth depends on the order
    of imports.
    """

    def equal(self: Any, other: Any) -> bool:
        mine = [(type(item), item) for item in self.__args__]
        return type(self) is type(other) and mine == [(type(i), i) for i in other.__args__]

    for name in ("_LiteralGenericAlias", "_UnionGenericAlias"):
        kind = getattr(typing, name, None)
        if isinstance(kind, type):
            kind.__eq__ = equal  # type: ignore[method-assign, assignment]


def _import(path: Path, folder: Path, failed: dict[str, str]) -> None:
    parts = list(path.relative_to(folder).with_suffix("").parts)
    if parts[-1] == "__main__" or not all(part.isidentifier() for part in parts):
        failed[str(path.relative_to(folder))] = "is a script"
        return
    if parts[-1] == "__init__":
        parts.pop()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(".".join(parts))
    except BaseException as error:  # noqa: BLE001 - whatever the package raises is the reason
        failed[str(path.relative_to(folder))] = f"{type(error).__name__}: {error}"[:200]


def _lines_of_definitions(path: Path) -> dict[int, int]:
    """The line of the `def` by the line that its code object starts on, a decorator's maybe."""
    return {
        min([node.lineno, *(item.lineno for item in node.decorator_list)]): node.lineno
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _truth(function: types.FunctionType) -> dict[str, Any]:
    from pydantic import TypeAdapter

    try:
        hint = _hint(function)
    except BaseException as error:  # noqa: BLE001
        return {"why": f"its hint cannot be evaluated: {type(error).__name__}: {error}"[:300]}
    answer: dict[str, Any] = {"hint": repr(hint)[:300]}
    _unknown.clear()
    try:
        hint = _with_owner(hint, function)
        answer["holds"] = holds(hint, {})
    except RecursionError:
        return {"why": "its hint has no end"}
    except Exception as error:  # noqa: BLE001 - stand-ins for packages raise what they like
        return {"why": f"its hint cannot be looked into: {type(error).__name__}"}
    if not answer["holds"]:
        return {"why": "a part of it cannot be evaluated"} if _unknown else answer
    generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    origin = typing.get_origin(hint)
    if generator and origin in _STREAMS and typing.get_args(hint):
        hint = list[typing.get_args(hint)[0]]  # type: ignore[misc]
    elif origin in (abc.Awaitable, abc.Coroutine) and typing.get_args(hint):
        hint = typing.get_args(hint)[-1]
    try:
        answer["schema"] = TypeAdapter(hint).json_schema()
        json.dumps(answer["schema"])
    except BaseException as error:  # noqa: BLE001
        answer.pop("schema", None)
        text = str(error).split("\n", 1)[0]
        answer["why"] = f"no schema at run time: {type(error).__name__}: {text}"[:300]
    return answer


def _hint(function: types.FunctionType) -> Any:
    """The return annotation, evaluated; names that only type checkers import are imported."""

    def promise() -> None: ...

    promise.__annotations__ = {"return": function.__annotations__["return"]}
    names = function.__globals__
    with contextlib.suppress(AttributeError):
        promise.__type_params__ = function.__type_params__  # type: ignore[attr-defined]
    try:
        return typing.get_type_hints(promise, names, include_extras=True)["return"]
    except (NameError, TypeError):
        known = {**_for_type_checkers(names), **names}
        return typing.get_type_hints(promise, known, _of_class(function), include_extras=True)[
            "return"
        ]


def _owner(function: types.FunctionType) -> Any:
    owner: Any = None
    for name in function.__qualname__.split(".")[:-1]:
        owner = getattr(owner, name, None) if owner else function.__globals__.get(name)
    return owner


def _with_owner(hint: Any, function: types.FunctionType) -> Any:
    """The hint with the class in the place of Self."""
    if hint is typing.Self:
        return _owner(function) or hint
    args = typing.get_args(hint)
    found = tuple(_with_owner(item, function) for item in args)
    if found == args:
        return hint
    if isinstance(hint, types.GenericAlias):
        return types.GenericAlias(typing.get_origin(hint), found)
    return hint.copy_with(found) if hasattr(hint, "copy_with") else typing.Union[found]  # noqa: UP007


def _of_class(function: types.FunctionType) -> dict[str, Any]:
    owner = _owner(function)
    made = vars(owner) if isinstance(owner, type) else {}
    return {key: value for key, value in made.items() if isinstance(value, type)}


_typing_only: dict[str, dict[str, Any]] = {}


def _for_type_checkers(names: dict[str, Any]) -> dict[str, Any]:
    path = names["__file__"]
    if path not in _typing_only:
        found: dict[str, Any] = {"__name__": names["__name__"], "__package__": names["__package__"]}
        for node in ast.walk(ast.parse(Path(path).read_bytes())):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                for inner in node.body:
                    with contextlib.suppress(Exception):
                        code = compile(ast.Module([inner], []), path, "exec")
                        exec(code, found)
        _typing_only[path] = found
    return _typing_only[path]


_unknown: list[Any] = []
"""What could not be evaluated since a hint was taken up."""


def holds(hint: Any, seen: dict[int, Any]) -> bool:
    """Is a Pydantic type in a type: itself, or a part of its values as its annotation tells?"""
    import pydantic

    if id(hint) in seen:
        return False
    seen[id(hint)] = hint  # kept, so that no other object gets its number
    if isinstance(hint, typing.ForwardRef):
        return holds(_evaluated(hint, _names_of(hint.__forward_module__ or "")), seen)
    if type(hint).__name__ == "TypeAliasType":  # of PEP 695
        return holds(_evaluated(hint.__value__, _names_of(hint.__module__)), seen)
    if isinstance(hint, typing.TypeVar):
        names = _names_of(hint.__module__)
        bounds = [*hint.__constraints__, hint.__bound__]
        return any(holds(_evaluated(item, names), seen) for item in bounds if item is not None)
    if hasattr(hint, "__supertype__"):  # NewType
        return holds(hint.__supertype__, seen)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return holds(args[0], seen)
    if origin is not None:
        if type(origin).__name__ == "TypeAliasType":
            return holds(_evaluated(origin.__value__, _names_of(origin.__module__)), seen) or any(
                holds(item, seen) for item in args
            )
        if origin is typing.Literal or origin is type or origin is abc.Callable:
            return False
        if getattr(origin, "__name__", getattr(origin, "_name", "")) in ("TypeGuard", "TypeIs"):
            return False
        if origin in _THROUGH:
            awaited = origin in (abc.Awaitable, abc.Coroutine)
            return bool(args) and holds(args[-1] if awaited else args[0], seen)
        if origin in (typing.Union, types.UnionType):
            return any(holds(item, seen) for item in args)
        if not isinstance(origin, type):
            return any(holds(item, seen) for item in args)
        if holds(origin, seen):
            return True
        if origin.__module__ in ("builtins", "collections", "collections.abc"):
            return any(holds(item, seen) for item in args)
        if dataclasses.is_dataclass(origin):
            return any(holds(item, seen) for item in args)
        return False
    if not isinstance(hint, type) or issubclass(hint, enum.Enum):
        return False
    if issubclass(hint, pydantic.BaseModel) or pydantic.dataclasses.is_pydantic_dataclass(hint):
        return True
    fields = type(hint).__name__ == "_TypedDictMeta" or dataclasses.is_dataclass(hint)
    if fields or (issubclass(hint, tuple) and hasattr(hint, "_fields")):
        return any(holds(item, seen) for item in _fields(hint))
    return False


def _fields(kind: type) -> list[Any]:
    """The types of the fields of a class, as far as they can be evaluated."""
    found: list[Any] = []
    for owner in kind.__mro__:
        known = _names_of(owner.__module__)
        annotations = vars(owner).get("__annotations__", {}).values()
        found += [_evaluated(annotation, known) for annotation in annotations]
    return found


def _names_of(module: str) -> dict[str, Any]:
    names = vars(sys.modules.get(module, types.ModuleType("none")))
    if not str(names.get("__file__", "")).endswith(".py"):
        return names
    return {**_for_type_checkers(names), **names}


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    def promise() -> None: ...

    promise.__annotations__ = {"return": annotation}
    try:
        return typing.get_type_hints(promise, names, include_extras=True)["return"]
    except Exception:  # noqa: BLE001 - whatever it raises
        _unknown.append(annotation)
        return None


if __name__ == "__main__":
    main()
