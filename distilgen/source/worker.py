"""The schema of a type, by evaluating only the statements that it needs. Runs in its own process.

Project modules are never imported, see `ondemand`. Reads requests from standard input, one JSON
object a line, and answers each with one line: {"schema": …} or {"error": {"message": …,
"hopeless": …, "path": …, "line": …}}. Standard library and pydantic only, so that it runs under any
project's interpreter.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.source import modules
from distilgen.source.ondemand import Finder, Namespaces, ProjectModule, keep_order

if TYPE_CHECKING:
    from collections.abc import Sequence


class _ClassScope(dict[str, Any]):
    """Local names of an annotation that stands in a class body: what the class itself binds."""

    def __init__(self, owner: type) -> None:
        super().__init__()
        self._owner = owner

    def __missing__(self, name: str) -> Any:
        value = vars(self._owner)[name]  # KeyError: the module's own names come next
        if isinstance(value, types.FunctionType | classmethod | staticmethod | property):
            raise KeyError(name)
        return value


def schema_of(request: dict[str, Any], finder: Finder) -> dict[str, Any]:
    """The JSON schema of a request's type, by Pydantic.

    request: `module` and its `path`; `annotation`, source text; `classes`, the names of the classes
    that it stands in; `many`, true for a list of it.
    """
    from pydantic import TypeAdapter  # noqa: PLC0415 - after the standard streams are safe

    module = _load(request["module"], Path(request["path"]), finder)
    locals_: dict[str, Any] = {}
    if request["classes"]:
        owner: Any = module
        for name in request["classes"]:
            owner = getattr(owner, name)
        locals_ = _ClassScope(owner)
    code = compile(f"({request['annotation']}\n)", request["path"], "eval", dont_inherit=True)
    answer: Any = eval(code, vars(module), locals_)  # noqa: S307 - evaluating it is what this is for
    if request["many"]:
        answer = types.GenericAlias(list, answer)
    return TypeAdapter(answer).json_schema()


def _load(name: str, path: Path, finder: Finder) -> types.ModuleType:
    """The module of a file, be it a script that no import would find."""
    if modules.find(name, finder.roots) != path or not (path.parent / "__init__.py").exists():
        finder.visit(path.parent)  # a script finds the modules beside it
    found = modules.find(name, finder.roots) == path and importlib.import_module(name)
    if isinstance(found, ProjectModule):
        return found
    # Another has its name, one of Python's own or of a root, which others may yet import. Pydantic
    # looks for the names of a class's module in `sys.modules`, so it gets a name that none has.
    module = ProjectModule(f"{name}-script")
    sys.modules[module.__name__] = module
    module.__maker__.prepare(path)
    return module


def _failure(error: BaseException, roots: Sequence[Path]) -> dict[str, Any]:
    """What went wrong, in a line, and where in the project it did."""
    place: dict[str, Any] = {}
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = frame.f_code.co_filename
        if any(Path(path).is_relative_to(root) for root in roots):
            place = {"path": path, "line": line}
    text = str(error).strip().split("\n", 1)[0]
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if modules.find(package, roots) or modules.is_namespace(package, roots):
            text = f"the project has no module {error.name}"
        else:
            text = (
                f"needs the package {package}, which {sys.executable} does not have; install it "
                "there, or name the project's interpreter with --python"
            )
    else:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"error": {"message": text, "hopeless": _is_hopeless(error), **place}}


def _is_hopeless(error: BaseException) -> bool:
    """Does Pydantic say that the type has no schema, whatever is installed or mended?"""
    try:
        from pydantic import (  # noqa: PLC0415 - the interpreter may not have it
            PydanticInvalidForJsonSchema,
            PydanticSchemaGenerationError,
        )
    except ImportError:
        return False
    return isinstance(error, PydanticInvalidForJsonSchema | PydanticSchemaGenerationError)


def main() -> None:
    """Answer requests until standard input ends. Arguments: the project's import roots."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)  # what is evaluated may print or read
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(5000)
    keep_order()
    finder = Finder([Path(root) for root in sys.argv[1:]])
    sys.meta_path = [finder, *sys.meta_path, Namespaces(finder)]
    for line in requests:
        try:
            answer: dict[str, Any] = {"schema": schema_of(json.loads(line), finder)}
            text = json.dumps(answer)
        except KeyboardInterrupt:
            break
        except BaseException as error:  # noqa: BLE001 - whatever the project raises is an answer
            text = json.dumps(_failure(error, finder.roots))
        answers.write(text.encode() + b"\n")
        answers.flush()
    os._exit(0)  # threads and exit handlers of what was imported are not ours to wait for
