"""One file's facts, from its syntax tree: what its names are bound to, its classes and functions.

Facts are plain data. Expressions are kept as their source text; `resolve` parses the few it needs.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from distilgen.source.files import SourceFile

ParameterKind = Literal["positional_only", "plain", "variadic", "keyword_only", "keywords"]

_SKIP = re.compile(r"#\s*distilgen:\s*skip\b(?![\"'])")  # a quote ends a string, not a comment


@dataclass(frozen=True)
class Import:
    """What an imported name stands for: a module, or one of its attributes.

    level: leading dots of a relative import. name: the attribute; None for the module itself.
    """

    module: str
    level: int = 0
    name: str | None = None


@dataclass(frozen=True)
class Binding:
    """One statement that binds a name.

    expression: the assigned value or the type alias, as source text.
    typing_only: under `if TYPE_CHECKING`.
    """

    kind: Literal["import", "class", "function", "value"]
    line: int
    imported: Import | None = None
    defined: Class | None = None
    expression: str | None = None
    typing_only: bool = False


@dataclass(frozen=True)
class Class:
    """A class statement. scope: what its body binds."""

    qualname: str
    line: int
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    scope: Mapping[str, tuple[Binding, ...]]


@dataclass(frozen=True)
class Parameter:
    """A parameter as written. kind: as in `inspect`, lower case. default: its source text."""

    name: str
    kind: ParameterKind
    annotation: str | None
    default: str | None


@dataclass(frozen=True)
class Function:
    """A function statement.

    line: of the `def`. classes: the enclosing classes, outermost first. returns: the annotation's
    source text. docstring: cleaned of indentation. empty: it has no body but a docstring, `...`,
    `pass` or `raise NotImplementedError`. nested: it is defined inside a function.
    """

    name: str
    qualname: str
    line: int
    classes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    returns: str | None
    docstring: str | None
    decorators: tuple[str, ...]
    is_async: bool
    is_generator: bool
    empty: bool
    nested: bool
    typing_only: bool
    skipped: bool
    type_parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What one file says.

    exported: the names in `__all__` where it is a plain list. is_script: it has a main guard.
    """

    name: str
    path: Path
    is_package: bool
    scope: Mapping[str, tuple[Binding, ...]]
    stars: tuple[Import, ...]
    exported: tuple[str, ...] | None
    functions: tuple[Function, ...]
    is_script: bool = False

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        if self.name == "__init__":  # an import root, whose files stand in no package
            return ""
        return self.name if self.is_package else self.name.rpartition(".")[0]


def facts_of(source: SourceFile, name: str) -> Facts:
    """The facts of a file that is module `name`. Raises SourceError when it does not parse."""
    reader = _Reader(source)
    reader.block(source.tree.body, _Place(reader.scope))
    return Facts(
        name=name,
        path=source.path,
        is_package=source.path.stem == "__init__",
        scope={key: tuple(found) for key, found in reader.scope.items()},
        stars=tuple(reader.stars),
        exported=_exported(source.tree),
        functions=tuple(reader.functions),
        is_script=source.path.stem == "__main__"
        or any(_is_main_guard(s) for s in source.tree.body),
    )


@dataclass
class _Place:
    """Where a statement stands."""

    scope: dict[str, list[Binding]] | None  # None inside a function: its names are of no interest
    path: tuple[str, ...] = ()  # enclosing definitions, with "<locals>"
    classes: tuple[str, ...] = ()
    nested: bool = False
    typing_only: bool = False


@dataclass
class _Reader:
    source: SourceFile
    scope: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)

    def block(self, body: list[ast.stmt], place: _Place) -> None:
        for statement in body:
            self.statement(statement, place)

    def statement(self, node: ast.stmt, place: _Place) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.function(node, place)
            case ast.ClassDef():
                self.class_(node, place)
            case ast.Import() | ast.ImportFrom():
                self.imports(node, place)
            case ast.If():
                typing_only = place.typing_only or is_type_checking(node.test)
                self.block(node.body, _with(place, typing_only=typing_only))
                self.block(node.orelse, place)
            case ast.Assign():
                for target in node.targets:
                    self.assigned(target, node.value, node.lineno, place)
            case ast.AnnAssign() if node.value is not None:
                self.assigned(node.target, node.value, node.lineno, place)
            case ast.Try() | ast.TryStar():
                for part in (
                    node.body,
                    *(h.body for h in node.handlers),
                    node.orelse,
                    node.finalbody,
                ):
                    self.block(part, place)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.With() | ast.AsyncWith():
                self.block(node.body, place)
                self.block(getattr(node, "orelse", []), place)
            case ast.Match():
                for choice in node.cases:
                    self.block(choice.body, place)
            case _ if type(node).__name__ == "TypeAlias":  # PEP 695, Python 3.12
                self.alias(node, place)

    def bind(self, name: str, binding: Binding, place: _Place) -> None:
        if place.scope is not None:
            place.scope.setdefault(name, []).append(binding)

    def assigned(self, target: ast.expr, value: ast.expr, line: int, place: _Place) -> None:
        if isinstance(target, ast.Name):
            text = self.source.segment(value) if place.scope is not None else ""
            self.bind(
                target.id,
                Binding("value", line, expression=text, typing_only=place.typing_only),
                place,
            )
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                if isinstance(element, ast.Name):
                    self.bind(element.id, Binding("value", line), place)

    def alias(self, node: ast.stmt, place: _Place) -> None:
        name, value = getattr(node, "name", None), getattr(node, "value", None)
        if isinstance(name, ast.Name) and isinstance(value, ast.expr):
            self.assigned(name, value, node.lineno, place)

    def imports(self, node: ast.Import | ast.ImportFrom, place: _Place) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.partition(".")[0]
                imported = Import(alias.name if alias.asname else name)
            elif alias.name == "*":
                self.stars.append(Import(node.module or "", node.level))
                continue
            else:
                name = alias.asname or alias.name
                imported = Import(node.module or "", node.level, alias.name)
            self.bind(
                name,
                Binding("import", node.lineno, imported=imported, typing_only=place.typing_only),
                place,
            )

    def class_(self, node: ast.ClassDef, place: _Place) -> None:
        scope: dict[str, list[Binding]] = {}
        path = (*place.path, node.name)
        self.block(
            node.body,
            _Place(scope, path, (*place.classes, node.name), place.nested, place.typing_only),
        )
        defined = Class(
            qualname=".".join(path),
            line=node.lineno,
            bases=tuple(self.source.segment(base) for base in node.bases),
            decorators=tuple(self.source.segment(item) for item in node.decorator_list),
            scope={key: tuple(found) for key, found in scope.items()},
        )
        binding = Binding("class", node.lineno, defined=defined, typing_only=place.typing_only)
        self.bind(node.name, binding, place)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, place: _Place) -> None:
        self.bind(node.name, Binding("function", node.lineno), place)
        path = (*place.path, node.name)
        if node.returns is not None:
            self.functions.append(self._facts_of_function(node, path, place))
        self.block(node.body, _Place(None, (*path, "<locals>"), (), nested=True))

    def _facts_of_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, path: tuple[str, ...], place: _Place
    ) -> Function:
        segment = self.source.segment
        return Function(
            name=node.name,
            qualname=".".join(path),
            line=node.lineno,
            classes=place.classes,
            parameters=tuple(_parameters(node.args, segment)),
            returns=segment(node.returns) if node.returns else None,
            docstring=ast.get_docstring(node),
            decorators=tuple(segment(item) for item in node.decorator_list),
            is_async=isinstance(node, ast.AsyncFunctionDef),
            is_generator=_yields(node),
            empty=all(_says_nothing(statement) for statement in node.body),
            nested=place.nested,
            typing_only=place.typing_only,
            skipped=self._is_skipped(node),
            type_parameters=tuple(item.name for item in getattr(node, "type_params", ())),
        )

    def _is_skipped(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        start = self.source.line_start(node.lineno)
        first = node.body[0].lineno
        stop = self.source.line_start(max(first, node.lineno + 1))
        return _SKIP.search(self.source.text, start, stop) is not None


def _with(place: _Place, *, typing_only: bool) -> _Place:
    return _Place(place.scope, place.path, place.classes, place.nested, typing_only)


def _parameters(arguments: ast.arguments, text: Callable[[ast.expr], str]) -> Iterator[Parameter]:
    def one(argument: ast.arg, kind: ParameterKind, default: ast.expr | None) -> Parameter:
        annotation = text(argument.annotation) if argument.annotation else None
        return Parameter(argument.arg, kind, annotation, text(default) if default else None)

    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    for place, (argument, default) in enumerate(zip(plain, defaults, strict=True)):
        positional = place < len(arguments.posonlyargs)
        yield one(argument, "positional_only" if positional else "plain", default)
    if arguments.vararg:
        yield one(arguments.vararg, "variadic", None)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield one(argument, "keyword_only", default)
    if arguments.kwarg:
        yield one(arguments.kwarg, "keywords", None)


def is_type_checking(test: ast.expr) -> bool:
    """Is the condition `TYPE_CHECKING` or `typing.TYPE_CHECKING`?"""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _is_main_guard(node: ast.stmt) -> bool:
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare)):
        return False
    sides = [node.test.left, *node.test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)


def _exported(tree: ast.Module) -> tuple[str, ...] | None:
    exported: tuple[str, ...] | None = None
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                exported = _strings(value)
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                exported = _strings(value)
            case (
                ast.AugAssign(target=ast.Name(id="__all__"))
                | ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__"))))
            ):
                return None  # computed
    return exported


def _strings(node: ast.expr) -> tuple[str, ...] | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    items = [item.value for item in node.elts if isinstance(item, ast.Constant)]
    names = tuple(item for item in items if isinstance(item, str))
    return names if len(names) == len(node.elts) else None


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(node)
    return False


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass):
        return True
    if isinstance(node, ast.Expr):  # a docstring or `...`
        return isinstance(node.value, ast.Constant) and (
            node.value.value is ... or isinstance(node.value.value, str)
        )
    if isinstance(node, ast.Raise):
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return False
