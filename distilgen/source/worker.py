"""The schema of a type, by evaluating only the statements that it needs. Runs in its own process.

Project modules are never imported, see `ondemand`. Reads requests from standard input, one JSON
object a line, and answers each with one line: {"schema": …, "inputs": …} or {"error": {"message":
…, "hopeless": …, "path": …, "line": …}}. Standard library and pydantic only, so that it runs under
any project's interpreter.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import importlib.util
import json
import os
import sys
import traceback
import types
import typing
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.source import modules
from distilgen.source.ondemand import Finder, Last, ProjectModule, keep_order, name_home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST = 20_000
"""Characters of an argument's schema that a contract carries at most."""


_ANNOTATION = "<annotation>"
_LONG = 300  # characters of a message


class _ClassScope(dict[str, Any]):
    """Local names of an annotation that stands in a class body: what the class itself binds."""

    def __init__(self, owner: type) -> None:
        super().__init__()
        self._owner = owner
        self.used = False

    def __missing__(self, name: str) -> Any:
        value = vars(self._owner)[name]  # KeyError: the module's own names come next
        if isinstance(value, types.FunctionType | classmethod | staticmethod | property):
            raise KeyError(name)
        if hasattr(builtins, name) and not (isinstance(value, type) or typing.get_origin(value)):
            raise KeyError(name)  # a field with the name of a builtin type
        self.used = True
        return value


class Evaluator:
    """Answers requests, each about one function. A type is worked out once for its module."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._known: dict[tuple[Any, ...], dict[str, Any] | BaseException] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The JSON schemas, by Pydantic, of a function's answer and of its arguments: {"schema": …,
        "inputs": {name: {"schema": …} or {"reason": …}}}.

        request: `module` and its `path`; `annotation`, source text; `classes`, the names of the
        classes that it stands in; `many`, true for a list of it; `parameters`, name and annotation
        of each.
        """
        module = _load(request["module"], Path(request["path"]), self._finder)

        def schema(annotation: str, role: str) -> dict[str, Any]:
            return self._schema(module, request, annotation, role)

        answer = schema(request["annotation"], "many" if request["many"] else "answer")
        inputs: dict[str, Any] = {}
        for name, annotation in request["parameters"].items():
            try:
                inputs[name] = {"schema": schema(annotation, "argument")}
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a contract can do without it
                inputs[name] = {"reason": _reason(error, self._finder.roots)}
        return {"schema": answer, "inputs": inputs}

    def _schema(
        self, module: types.ModuleType, request: dict[str, Any], annotation: str, role: str
    ) -> dict[str, Any]:
        scope: _ClassScope | dict[str, Any] = {}
        if request["classes"]:
            owner: Any = module
            for name in request["classes"]:
                owner = getattr(owner, name)
            scope = _ClassScope(owner)
        text = annotation.removeprefix("*")
        code = compile(f"({text}\n)", _ANNOTATION, "eval", dont_inherit=True)
        kind: Any = eval(code, vars(module), scope)  # noqa: S307 - evaluating it is what this is for
        if _is_quoted(kind):
            kind = _unquoted(kind, vars(module), scope)
        if isinstance(kind, str):  # the name of an alias that is a string
            kind = eval(kind, vars(module), scope)  # noqa: S307 - as above
        name_home(kind, module.__name__)
        own = tuple(request["classes"]) if isinstance(scope, _ClassScope) and scope.used else ()
        key = (request["path"], own, annotation, role)
        if key not in self._known:
            try:
                self._known[key] = _json_schema(kind, role)
            except Exception as error:  # noqa: BLE001 - the same at the next question
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, BaseException):
            raise found
        return found


def _is_quoted(kind: Any) -> bool:
    """Is a type, or a part of it, still a string: an alias in quotes, `Form = "list[Item]"`?"""
    if isinstance(kind, str):
        return True
    parts = () if typing.get_origin(kind) is typing.Literal else typing.get_args(kind)
    metadata = getattr(kind, "__metadata__", ())
    return any(_is_quoted(part) for part in parts[: 1 if metadata else None])


def _unquoted(kind: Any, names: dict[str, Any], scope: dict[str, Any]) -> Any:
    def promise() -> None: ...

    promise.__annotations__ = {"return": kind}
    try:
        return typing.get_type_hints(promise, names, scope, include_extras=True)["return"]
    except NameError:
        return kind  # Pydantic knows more namespaces


def _json_schema(kind: Any, role: str) -> dict[str, Any]:
    """role: "answer"; "many", for a list of them; "argument", a part of a greater schema."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - after the standard streams are safe

    _keep_apart()
    if role == "answer":
        return TypeAdapter(kind).json_schema()
    if getattr(typing.get_origin(kind), "_name", "") == "Unpack":
        (kind,) = typing.get_args(kind)
    many: Any = types.GenericAlias(list, (kind,))
    schema = TypeAdapter(many).json_schema()
    if role == "many":
        return schema
    # As the items of a list, a model is a reference, which leaves room for what is said of the
    # argument beside what is said of the model.
    item: dict[str, Any] = schema.get("items", {})
    told = _told(kind)
    if told and "description" not in item:
        item = {**item, "description": told}
    if len(json.dumps(item)) + len(json.dumps(schema.get("$defs", {}))) > LONGEST:
        raise TooLongError
    return {**item, "$defs": schema["$defs"]} if "$defs" in schema else item


@functools.cache
def _keep_apart() -> None:
    """Give each use of a type that refers to itself a reference of its own.

    Pydantic hands out the one in the class's schema, and writes into it what `Annotated` says of
    the use: the description of one field would be that of all that are evaluated after it.
    """
    from pydantic._internal import _generate_schema as made  # noqa: PLC0415 - as above

    def apart(find: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(find)
        def found(*args: Any, **settings: Any) -> Any:
            schema = find(*args, **settings)
            if not isinstance(schema, dict) or schema.get("type") != "definition-ref":
                return schema
            return {**schema, "metadata": dict(schema.get("metadata", {}))}

        return found

    for name in _SCHEMAS:
        if find := getattr(made.GenerateSchema, name, None):
            setattr(made.GenerateSchema, name, apart(find))


_SCHEMAS = (
    "_generate_schema_inner", "_generate_schema_from_property",
    "_generate_schema_from_get_schema_method",
)  # fmt: skip
"""What makes the schema of a class, by the names that it has in versions of Pydantic."""


class TooLongError(Exception):
    """The schema of an argument is longer than a contract should carry."""

    def __str__(self) -> str:
        return f"its schema has over {LONGEST:,} characters"


def _told(kind: Any) -> str:
    """What `Annotated` says in words: `Doc("…")`, or a bare string."""
    for item in reversed(getattr(kind, "__metadata__", ())):
        text = getattr(item, "documentation", None) if type(item).__name__ == "Doc" else item
        if isinstance(text, str):
            return text
    return ""


def _load(name: str, path: Path, finder: Finder) -> types.ModuleType:
    """The module of a file, be it a script that no import would find."""
    is_below = modules.find(name, finder.roots) == path
    is_script = not is_below or not (path.parent / "__init__.py").exists()
    finder.visit(path.parent if is_script else None)  # a script finds the modules beside it
    found: Any = None
    if is_below or _origin(name) == path:
        found = importlib.import_module(name)
    if isinstance(found, ProjectModule) and found.__maker__.path == path:
        return found
    # Another has its name, one of Python's own or of a root, which others may yet import. Pydantic
    # looks for the names of a class's module in `sys.modules`, so it gets a name that none has.
    module = ProjectModule(f"{name}-script")
    sys.modules[module.__name__] = module
    module.__maker__.prepare(path)
    return module


def _origin(name: str) -> Path | None:
    """The file that an import of a name would execute."""
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(name)
        return Path(spec.origin) if spec and spec.origin else None
    return None


def _failure(error: BaseException, roots: Sequence[Path]) -> dict[str, Any]:
    """What went wrong, in a line, and where in the project it did."""
    place: dict[str, Any] = {}
    of_annotation = False
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = frame.f_code.co_filename
        if path == _ANNOTATION:
            of_annotation = True
        elif any(Path(path).is_relative_to(root) for root in roots):
            place, of_annotation = {"path": path, "line": line}, False
    text = str(error).strip().split("\n", 1)[0]
    if len(text) > _LONG:
        text = f"{text[:_LONG]}…"
    # `A[int]` of what takes nothing in brackets cannot be evaluated when the program runs, either.
    hopeless = _is_hopeless(error) or (of_annotation and isinstance(error, TypeError))
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if modules.find(package, roots) or modules.is_namespace(package, roots):
            text = f"the project has no module {error.name}"
        else:
            text = (
                f"needs the package {package}, which {sys.executable} does not have; install it "
                "there, or name the project's interpreter with --python"
            )
            place["package"] = package
    else:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"error": {"message": text, "hopeless": hopeless, **place}}


def _reason(error: BaseException, roots: Sequence[Path]) -> str:
    """Why an argument has no schema, in the same words on every machine."""
    if isinstance(error, TooLongError):
        return str(error)
    if _is_hopeless(error):
        return "its type has no JSON schema"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if not (modules.find(package, roots) or modules.is_namespace(package, roots)):
            return f"its type needs the package {package}"
    return f"its type cannot be evaluated: {type(error).__name__}"


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
    with contextlib.suppress(ImportError):  # whoever needs it will say so
        # The first model brings it, after which `pydantic.fields` is there without an import.
        import pydantic.fields  # noqa: F401, PLC0415
    finder = Finder([Path(root) for root in sys.argv[1:]])
    sys.meta_path = [finder, *sys.meta_path, Last(finder)]
    evaluator = Evaluator(finder)
    for line in requests:
        try:
            text = json.dumps(evaluator.answer(json.loads(line)))
        except KeyboardInterrupt:
            break
        except BaseException as error:  # noqa: BLE001 - whatever the project raises is an answer
            text = json.dumps(_failure(error, finder.roots))
        answers.write(text.encode() + b"\n")
        answers.flush()
    os._exit(0)  # threads and exit handlers of what was imported are not ours to wait for
