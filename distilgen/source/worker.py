"""The schema of a type, by evaluating only the statements that it needs. Runs in its own process.

Project modules are never imported. Each is an empty module whose missing names are made on demand:
`__builtins__` of its namespace is a dictionary that, asked for a name that the module binds, first
executes the statements which bind it. Python itself asks for exactly what evaluation needs, so a
class brings its bases, its fields' types and their modules, and nothing else runs: no function that
is not called, no top-level call, no other alias of an import statement. Third-party modules are
imported for real.

Reads requests from standard input, one JSON object a line, and answers each with one line:
{"schema": …} or {"error": {"message": …, "hopeless": …, "path": …, "line": …}}. Standard library
and pydantic only, so that it runs under any project's interpreter.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import importlib.abc
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
from distilgen.source.facts import is_type_checking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec


class _Namespace(dict[str, Any]):
    """The builtins of one project module: the module's own names come first, made on demand."""

    def __init__(self, module: _ProjectModule) -> None:
        super().__init__(vars(builtins))
        self._module = module

    def __getitem__(self, name: str) -> Any:
        if self._module.binds(name):
            return self._module.make(name)
        try:
            return super().__getitem__(name)
        except KeyError:
            return self._module.make_starred(name)


class _ProjectModule(types.ModuleType):
    """A module of the project that executes its statements one by one, when a name needs them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._path = Path()
        self._flags = 0
        self._binders: dict[str, list[ast.stmt]] = {}
        self._stars: list[ast.ImportFrom] = []
        self._running: set[tuple[str, int]] = set()
        self._made: set[str] = set()

    def prepare(self, path: Path) -> None:
        """Read the file, execute nothing."""
        tree = ast.parse(path.read_bytes(), filename=str(path))
        self._path = path
        self._flags = _future_flags(tree)
        for statement in tree.body:
            for name in _bound(statement):
                self._binders.setdefault(name, []).append(statement)
            self._stars += _stars(statement)
        self.__dict__["__builtins__"] = _Namespace(self)

    def binds(self, name: str) -> bool:
        return name in self._binders

    def make(self, name: str) -> Any:
        """Execute, in order, what binds `name`. NameError when nothing does, or not yet."""
        if name not in self._made:
            for place, statement in enumerate(self._binders[name]):
                if (name, place) in self._running:
                    continue  # it needs itself: leave the name unbound, Pydantic tries again later
                self._running.add((name, place))
                try:
                    self._execute(statement, name)
                except NameError:
                    if name not in self.__dict__:
                        raise  # else a later statement, whose condition needs what is being made
                finally:
                    self._running.discard((name, place))
            if not any(running == name for running, _ in self._running):
                self._made.add(name)
        try:
            return self.__dict__[name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined", name=name) from None

    def make_starred(self, name: str) -> Any:
        """`name` from a star import. KeyError when no star import has it."""
        for star in reversed(self._stars):
            module = importlib.import_module(
                "." * star.level + (star.module or ""), self.__package__
            )
            if isinstance(module, _ProjectModule) and not module.may_have(name):
                continue
            exported = getattr(module, "__all__", None)
            if (name in exported if exported is not None else name[0] != "_") and hasattr(
                module, name
            ):
                return getattr(module, name)
        raise KeyError(name)

    def may_have(self, name: str) -> bool:
        return self.binds(name) or bool(self._stars)

    def _execute(self, statement: ast.stmt, name: str) -> None:
        for piece in _pieces(statement, name):
            tree = ast.Module([ast.fix_missing_locations(piece)], type_ignores=[])
            code = compile(tree, str(self._path), "exec", flags=self._flags, dont_inherit=True)
            _forget_types()
            exec(code, self.__dict__)  # noqa: S102 - evaluating the type is what this is for

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and not self.binds(name):
            raise AttributeError(name)
        if self.binds(name):
            return self.make(name)
        try:
            return self.make_starred(name)
        except KeyError:
            pass
        if self.binds("__getattr__"):
            return self.make("__getattr__")(name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the project's modules before any other finder does."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        del path, target
        if modules.is_standard(fullname):
            return None
        found = modules.find(fullname, self.roots)
        if found is None:
            return None
        inside = [str(found.parent)] if found.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, found, loader=self, submodule_search_locations=inside
        )

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _ProjectModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if isinstance(module, _ProjectModule) and module.__file__:
            module.prepare(Path(module.__file__))


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


def schema_of(request: dict[str, Any], finder: _Finder) -> dict[str, Any]:
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


def _load(name: str, path: Path, finder: _Finder) -> types.ModuleType:
    """The module of a file; of a script that no import would find, under its own folder."""
    if modules.find(name, finder.roots) != path:
        folder = path.parent
        if folder not in finder.roots:
            finder.roots.append(folder)
            importlib.invalidate_caches()
    module = importlib.import_module(name)
    if not isinstance(module, _ProjectModule):  # it has the name of one of Python's own
        module = _ProjectModule(name)
        module.__file__ = str(path)
        module.prepare(path)
    return module


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement binds or, once bound, completes."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            if getattr(node, "module", None) != "__future__":
                for alias in node.names:
                    yield alias.asname or alias.name.partition(".")[0]
        case ast.Assign():
            for target in node.targets:
                yield from _targets(target)
        case ast.AugAssign():
            yield from _targets(node.target)
        case ast.AnnAssign() if node.value is not None:
            yield from _targets(node.target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute))):
            if attribute in ("model_rebuild", "update_forward_refs"):
                yield name
        case ast.For() | ast.AsyncFor():
            yield from _targets(node.target)
        case _ if type(node).__name__ == "TypeAlias":
            yield from _targets(node.name)  # type: ignore[attr-defined]
    for body in _bodies(node):
        for inner in body:
            yield from _bound(inner)


def _targets(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name():
            yield node.id
        case ast.Tuple() | ast.List():
            for element in node.elts:
                yield from _targets(element)
        case ast.Starred():
            yield from _targets(node.value)
        case ast.Attribute(value=ast.Name(id=name)):
            yield name


def _bodies(node: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a compound statement that share its scope."""
    match node:
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
            return [node.body, node.orelse]
        case ast.With() | ast.AsyncWith():
            return [node.body]
        case ast.Try() | ast.TryStar():
            return [node.body, *(h.body for h in node.handlers), node.orelse, node.finalbody]
        case ast.Match():
            return [case.body for case in node.cases]
    return []


def _stars(node: ast.stmt) -> Iterator[ast.ImportFrom]:
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        yield node
    for body in _bodies(node):
        for inner in body:
            yield from _stars(inner)


def _pieces(node: ast.stmt, name: str) -> list[ast.stmt]:
    """What of a statement must run so that `name` is bound, and nothing that binds others only."""
    if name not in set(_bound(node)):
        return []
    match node:
        case ast.ImportFrom():
            kept = [alias for alias in node.names if (alias.asname or alias.name) == name]
            return [_copy(node, names=kept)]
        case ast.Import():
            kept = [a for a in node.names if (a.asname or a.name.partition(".")[0]) == name]
            return [_copy(node, names=kept)]
        case ast.If() if is_type_checking(node.test):
            # False when the program runs; its names are all that a type checker's import leaves us.
            return _block(node.orelse, name) or _block(node.body, name)
        case ast.If():
            return [_copy(node, body=_kept(node.body, name), orelse=_block(node.orelse, name))]
        case ast.With() | ast.AsyncWith():
            return [_copy(node, body=_kept(node.body, name))]
        case ast.Try() | ast.TryStar():
            handlers = [_copy(h, body=_kept(h.body, name)) for h in node.handlers]
            return [
                _copy(
                    node,
                    body=_kept(node.body, name),
                    handlers=handlers,
                    orelse=_block(node.orelse, name),
                    finalbody=_block(node.finalbody, name),
                )
            ]
    return [node]


def _block(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    return [piece for statement in body for piece in _pieces(statement, name)]


def _kept(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    return _block(body, name) or [ast.copy_location(ast.Pass(), body[0])]


def _copy(node: Any, **changes: Any) -> Any:
    fields = {key: getattr(node, key, None) for key in node._fields} | changes
    return ast.copy_location(type(node)(**fields), node)


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
        text = (
            f"needs the package {package}, which {sys.executable} does not have; install it there, "
            "or name the project's interpreter with --python"
        )
    else:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"error": {"message": text, "hopeless": _is_hopeless(error), **place}}


def _is_hopeless(error: BaseException) -> bool:
    """Does Pydantic say that the type has no schema, whatever is installed or mended?"""
    from pydantic import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError  # noqa: PLC0415

    return isinstance(error, PydanticInvalidForJsonSchema | PydanticSchemaGenerationError)


def _forget_types() -> None:
    """Empty the caches of `typing`, which hold types of other modules that are equal, not alike."""
    for clear in getattr(typing, "_cleanups", ()):
        clear()


def _keep_order() -> None:
    """Make `Literal` and `Union` unequal to themselves in another order.

    `typing` caches by equality: whichever of `Optional[Literal["a", "b"]]` and
    `Optional[Literal["b", "a"]]` is evaluated first is what both become, so that a schema would
    depend on what was evaluated before it.
    """

    def equal(self: Any, other: Any) -> bool:
        return type(self) is type(other) and _spelled(self) == _spelled(other)

    for name in ("_LiteralGenericAlias", "_UnionGenericAlias"):
        alias = getattr(typing, name, None)
        if isinstance(alias, type):
            alias.__eq__ = equal  # type: ignore[method-assign, assignment]


def _spelled(alias: Any) -> list[tuple[type, Any]]:
    return [(type(item), item) for item in alias.__args__]


def main() -> None:
    """Answer requests until standard input ends. Arguments: the project's import roots."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)  # what is evaluated may print or read
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(5000)
    _keep_order()
    finder = _Finder([Path(root) for root in sys.argv[1:]])
    sys.meta_path.insert(0, finder)
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
