"""Modules of a project that are not imported: their names are made when they are asked for.

Each module is empty at first. `__builtins__` of its namespace is a dictionary that, asked for a
name that the module binds, first executes the statements which bind it. Python itself asks for
exactly what evaluation needs, so a class brings its bases, its fields' types and their modules, and
nothing else runs: no function that is not called, no top-level call, no other alias of an import
statement. Third-party modules are imported for real.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
import types
import typing
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.source import known, modules, slices

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Namespace(dict[str, Any]):
    """The builtins of one project module: the module's own names come first, made on demand."""

    def __init__(self, maker: _Maker) -> None:
        super().__init__(vars(builtins) | {"__import__": maker.import_})
        self._maker = maker

    def __getitem__(self, name: str) -> Any:
        if self._maker.binds(name):
            return self._maker.make(name)
        if name in self and not self._maker.may_bring(name):
            return super().__getitem__(name)
        try:
            return self._maker.make_starred(name)
        except KeyError:
            return super().__getitem__(name)


class _Maker:
    """Executes the statements of a module of the project one by one, when a name needs them."""

    def __init__(self, module: types.ModuleType) -> None:
        self.path = Path()
        self._module = module
        self._names = vars(module)
        self._flags = 0
        self._binders: dict[str, list[ast.stmt]] = {}
        self._stars: list[ast.ImportFrom] = []
        self._filling: list[ast.stmt] = []
        self._running: set[tuple[str, int]] = set()
        self._made: set[str] = set()
        self._waiting: dict[str, list[tuple[str, int]]] = {}  # binders, by the name that they lack
        self._done: set[int] = set()  # statements that ran as a whole, by identity

    def prepare(self, path: Path) -> None:
        """Read the file, execute nothing."""
        tree = ast.parse(path.read_bytes(), filename=str(path))
        self.path = path
        self._flags = slices.future_flags(tree)
        slices.mark_changes(tree)
        for statement in tree.body:
            for name in slices.bound(statement):
                self._binders.setdefault(name, []).append(statement)
        self._stars = slices.stars(tree)
        self._filling = slices.filling(tree)
        self._names["__builtins__"] = _Namespace(self)
        for statement in tree.body:
            if slices.is_typing_import(statement):
                self._run(statement)

    def binds(self, name: str) -> bool:
        return name in self._binders

    def make(self, name: str) -> Any:
        """Execute, in order, what binds `name`. NameError when nothing does, or not yet."""
        if name not in self._made:
            binders = self._binders[name]
            done = [place for place, item in enumerate(binders) if id(item) in self._done]
            for place in range(done[-1] + 1 if done else 0, len(binders)):
                if (name, place) in self._running:
                    continue  # it needs itself: leave the name unbound, Pydantic tries again later
                try:
                    self._bind(name, place)
                except NameError as error:
                    if name not in self._names:
                        raise  # else a later statement, which needs what is being made
                    self._waiting.setdefault(str(error.name), []).append((name, place))
            if not self.is_making(name):
                self._made.add(name)
                self._resume(name)
        try:
            return self._names[name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined", name=name) from None

    def _bind(self, name: str, place: int) -> None:
        self._running.add((name, place))
        try:
            self._execute(self._binders[name][place], name)
        finally:
            self._running.discard((name, place))

    def _resume(self, name: str) -> None:
        """Execute the statements that gave up for want of a name which is there now, unless another
        has bound theirs since.
        """
        for other, place in self._waiting.pop(name, ()):
            later = self._binders[other][place + 1 :]
            if not any(id(item) in self._done and not _completes(item) for item in later):
                with contextlib.suppress(NameError):
                    self._bind(other, place)

    def is_making(self, name: str) -> bool:
        return any(running == name for running, _ in self._running)

    def make_starred(self, name: str) -> Any:
        """`name` from a star import. KeyError when no star import has it."""
        for star in reversed(self._stars):
            module = importlib.import_module(self._absolute(star.module or "", star.level))
            if isinstance(module, ProjectModule) and not module.__maker__.may_have(name):
                continue
            exported = getattr(module, "__all__", None)
            if name in exported if exported is not None else name[0] != "_":
                try:
                    return getattr(module, name)
                except AttributeError:
                    continue
                except NameError as error:
                    if error.name != name:
                        raise  # else the module is about to ask us for it
        self.fill()
        return self._names[name]

    def may_bring(self, name: str) -> bool:
        """May a star import from the project hide one of Python's own names?"""
        stars, self._stars = self._stars, []  # a circle of them ends here
        try:
            for star in stars:
                module = self._absolute(star.module or "", star.level)
                found = importlib.util.find_spec(module) if module else None
                if found and isinstance(found.loader, Finder):
                    maker = importlib.import_module(module).__maker__
                    if maker.binds(name) or maker.may_bring(name):
                        return True
        finally:
            self._stars = stars
        return False

    def may_have(self, name: str) -> bool:
        return self.binds(name) or name in self._names or bool(self._stars or self._filling)

    def fill(self) -> None:
        """Execute, once, what fills the namespace in a way that nobody can read: then any statement
        of the module may matter, and any of those that it imports from the project.
        """
        filling, self._filling = self._filling, []
        for statement in filling:
            self._run(statement)
            for name in slices.bound(statement) if slices.is_import(statement) else ():
                module = self._names.get(name)
                if isinstance(module, ProjectModule):
                    module.__maker__.fill()

    def _execute(self, statement: ast.stmt, name: str) -> None:
        for piece in slices.pieces(statement, name):
            self._run(piece)
            if piece is statement:
                self._done.add(id(statement))

    def _run(self, statement: ast.stmt) -> None:
        slices.without_recording(statement)
        tree = ast.Module([ast.fix_missing_locations(statement)], type_ignores=[])
        code = compile(tree, str(self.path), "exec", flags=self._flags, dont_inherit=True)
        _forget_types()
        exec(code, self._names)  # noqa: S102 - evaluating the type is what this is for
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for name in slices.bound(statement):
                name_home(self._names.get(name), self._module.__name__)

    def import_(
        self, name: str, globals_: Any = None, locals_: Any = None, names: Any = (), level: int = 0
    ) -> Any:
        """`__import__`, to which an import root may be a package, as it is to some projects."""
        if not level or level <= len(self._packages()):
            return builtins.__import__(name, globals_, locals_, names, level)
        absolute = self._absolute(name, level)
        if absolute:
            return importlib.import_module(absolute)
        return types.SimpleNamespace(**{item: importlib.import_module(item) for item in names})

    def _packages(self) -> list[str]:
        package = self._module.__package__
        return package.split(".") if package and self._module.__name__ != "__init__" else []

    def _absolute(self, name: str, level: int) -> str:
        packages = self._packages()
        if level == len(packages) + 1:
            return name
        return importlib.util.resolve_name("." * level + name, ".".join(packages))


class ProjectModule(types.ModuleType):
    """A module of the project. It has no attributes but its own: any name may be one of those."""

    __maker__: _Maker

    def __init__(self, name: str) -> None:
        super().__init__(name)
        vars(self)["__maker__"] = _Maker(self)

    def __getattr__(self, name: str) -> Any:
        maker = self.__maker__
        if name.startswith("__") and name.endswith("__") and not maker.binds(name):
            raise AttributeError(name)
        if maker.binds(name) and not (maker.is_making(name) and self._has_submodule(name)):
            return maker.make(name)
        try:
            found = maker.make_starred(name)
        except KeyError:
            pass
        else:
            if isinstance(found, types.ModuleType) and self._has_submodule(name):
                return importlib.import_module(f"{self.__name__}.{name}")
            return found
        if maker.binds("__getattr__"):
            return maker.make("__getattr__")(name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)

    def _has_submodule(self, name: str) -> bool:
        """Is `from . import name` in the package itself to import one?"""
        folders = [Path(folder) for folder in vars(self).get("__path__", ())]
        return modules.find(name, folders) is not None


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the project's modules before any other finder does.

    beside: the folder of the script in question, which no import root holds.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self.beside: Path | None = None

    def visit(self, folder: Path | None) -> None:
        """Let the modules beside a script be found, and forget those beside the last one."""
        if folder == self.beside:
            return
        self.beside = folder
        for name, module in list(sys.modules.items()):
            if (
                isinstance(module, ProjectModule)
                and modules.find(name, self.roots) != module.__maker__.path
            ):
                del sys.modules[name]

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        del path, target
        top = fullname.partition(".")[0]
        if modules.is_standard(top) and (
            top in known.LOADED or not modules.find(top, self.roots[:1])
        ):
            return None  # else the project's stands before Python's own on `sys.path`
        return self.spec(fullname, self.roots)

    def spec(self, fullname: str, roots: Sequence[Path]) -> ModuleSpec | None:
        found = modules.find(fullname, roots)
        if found is None:
            return None
        inside = [str(found.parent)] if found.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, found, loader=self, submodule_search_locations=inside
        )

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return ProjectModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if isinstance(module, ProjectModule) and module.__file__:
            module.__maker__.prepare(Path(module.__file__))


class Last(importlib.abc.MetaPathFinder):
    """Finds, after every other finder, the project's namespace packages and what stands beside a
    script: of a file in a folder without `__init__.py` nobody knows which of the two it is.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        del path, target
        beside = [self._finder.beside] if self._finder.beside else []
        roots = [*self._finder.roots, *beside]
        if not modules.is_namespace(fullname, roots):
            return self._finder.spec(fullname, beside)
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [
            str(root.joinpath(*fullname.split("."))) for root in roots
        ]
        return spec


def _completes(statement: ast.stmt) -> bool:
    """Does it complete what has a name, and not bind the name anew?"""
    return isinstance(statement, ast.Expr)


def _forget_types() -> None:
    """Empty the caches of `typing`, which hold types of other modules that are equal, not alike."""
    for clear in getattr(typing, "_cleanups", ()):
        clear()


def name_home(alias: Any, module: str) -> None:
    """Tell the names in quotes that an alias holds, `Dict[str, "Item"]`, where they were written:
    whoever uses the alias may stand in a module that has no such name.
    """
    for item in getattr(alias, "__args__", ()) if typing.get_origin(alias) else ():
        if isinstance(item, typing.ForwardRef):
            if item.__forward_module__ is None:
                item.__forward_module__ = module
        else:
            name_home(item, module)


def keep_order() -> None:
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
