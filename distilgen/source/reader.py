"""Reads a file's facts off its syntax tree."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.source.facts import Binding, Class, Facts, Function, Import, Parameter, ParameterKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distilgen.source.files import SourceFile

_WITH_FIELDS = frozenset({"NamedTuple", "TypedDict"})
SKIP = re.compile(r"#\s*distilgen:\s*skip\b(?![\"'])")  # a quote ends a string, not a comment


def facts_of(source: SourceFile, name: str, *, lean: bool = False) -> Facts:
    """The facts of a file that is module `name`. Raises SourceError when it does not parse.

    lean: without docstrings, annotations and defaults of parameters, and what an outline may leave
    out.
    """
    reader = Reader(source, lean=lean)
    reader.block(source.tree.body, Place(reader.scope))
    exported, also = exported_by(source.tree.body) if "__all__" in source.text else (None, ())
    return Facts(
        name=name,
        path=source.path,
        is_package=source.path.stem == "__init__",
        scope={key: tuple(found) for key, found in reader.scope.items()},
        stars=tuple(reader.stars),
        exported=exported,
        exported_too=also,
        functions=tuple(reader.functions),
        is_script=source.path.stem == "__main__" or any(is_main_guard(s) for s in source.tree.body),
    )


@dataclass
class Place:
    """Where a statement stands."""

    scope: dict[str, list[Binding]] | None  # None inside a function: its names are of no interest
    path: tuple[str, ...] = ()  # enclosing definitions, with "<locals>"
    classes: tuple[str, ...] = ()
    nested: bool = False
    typing_only: bool = False
    conditional: bool = False


# What most of a module is: it binds nothing.
_SILENT = frozenset({ast.Expr, ast.Pass, ast.Return, ast.Raise, ast.Assert, ast.Delete})


@dataclass
class Reader:
    """Reads statements. scope, stars, functions: what they said.

    source: the text that they were parsed from. before: lines of the file ahead of it.
    """

    source: SourceFile
    lean: bool
    before: int = 0
    scope: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    with_fields: set[str] = field(default_factory=set)

    def block(self, body: list[ast.stmt], place: Place) -> None:
        for statement in body:
            if type(statement) not in _SILENT:
                self.statement(statement, place)

    def statement(self, node: ast.stmt, place: Place) -> None:
        match node:
            case ast.AnnAssign():  # first, because classes of data consist of them
                if node.value is not None:
                    self.assigned(node.target, node.value, node.lineno + self.before, place)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.function(node, place)
            case ast.ClassDef():
                self.class_(node, place)
            case ast.Import() | ast.ImportFrom():
                self.imports(node, place)
            case ast.If():
                typing_only = place.typing_only or is_type_checking(node.test)
                self.block(node.body, _maybe(place, typing_only=typing_only))
                self.block(node.orelse, _maybe(place))
            case ast.Assign():
                for target in node.targets:
                    self.assigned(target, node.value, node.lineno + self.before, place)
            case ast.Try() | ast.TryStar():
                for part in (
                    node.body,
                    *(h.body for h in node.handlers),
                    node.orelse,
                    node.finalbody,
                ):
                    self.block(part, _maybe(place))
            case ast.For() | ast.AsyncFor() | ast.While() | ast.With() | ast.AsyncWith():
                self.block(node.body, _maybe(place))
                self.block(getattr(node, "orelse", []), _maybe(place))
            case ast.Match():
                for choice in node.cases:
                    self.block(choice.body, _maybe(place))
            case _ if type(node).__name__ == "TypeAlias":  # PEP 695, Python 3.12
                self.alias(node, place)

    def bind(self, name: str, binding: Binding, place: Place) -> None:
        if place.scope is not None:
            place.scope.setdefault(name, []).append(binding)

    def assigned(
        self,
        target: ast.expr,
        value: ast.expr,
        line: int,
        place: Place,
        parameters: tuple[str, ...] = (),
    ) -> None:
        if isinstance(target, ast.Name):
            text = self.source.segment(value) if place.scope is not None else ""
            binding = Binding(
                "value", line, None, None, text, place.typing_only, place.conditional, parameters
            )
            self.bind(target.id, binding, place)
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                if isinstance(element, ast.Name):
                    self.bind(element.id, Binding("value", line), place)

    def alias(self, node: ast.stmt, place: Place) -> None:
        name, value = getattr(node, "name", None), getattr(node, "value", None)
        if isinstance(name, ast.Name) and isinstance(value, ast.expr):
            self.assigned(name, value, node.lineno + self.before, place, _type_parameters(node))

    def imports(self, node: ast.Import | ast.ImportFrom, place: Place) -> None:
        module = getattr(node, "module", None) or ""
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.partition(".")[0]
                imported = Import(alias.name if alias.asname else name)
            elif alias.name == "*":
                self.stars.append(Import(module, node.level))
                continue
            else:
                name = alias.asname or alias.name
                imported = Import(module, node.level, alias.name)
            if place.scope is not None:
                line, only = node.lineno + self.before, place.typing_only
                binding = Binding("import", line, imported, None, None, only, place.conditional)
                place.scope.setdefault(name, []).append(binding)

    def class_(self, node: ast.ClassDef, place: Place) -> None:
        scope: dict[str, list[Binding]] = {}
        path = (*place.path, node.name)
        self.block(
            node.body,
            Place(scope, path, (*place.classes, node.name), place.nested, place.typing_only),
        )
        bases = tuple(self.source.segment(base) for base in node.bases)
        decorators = tuple(self.source.segment(item) for item in node.decorator_list)
        keeps = has_fields(node.name, bases, decorators, self.with_fields)
        defined = Class(
            qualname=".".join(path),
            line=node.lineno + self.before,
            bases=bases,
            decorators=decorators,
            scope={key: tuple(found) for key, found in scope.items()},
            fields=tuple(self.fields_in(node.body)) if keeps else (),
            type_parameters=_type_parameters(node),
            bounds=self._bounds(node),
        )
        binding = Binding(
            "class",
            node.lineno + self.before,
            defined=defined,
            typing_only=place.typing_only,
            conditional=place.conditional,
        )
        self.bind(node.name, binding, place)

    def fields_in(self, body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
        """(name, annotation) of the fields in the body of a class."""
        for statement in body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                    yield name, self.source.segment(annotation)

    def _bounds(self, node: ast.stmt) -> tuple[str, ...]:
        bounds = [getattr(item, "bound", None) for item in getattr(node, "type_params", ())]
        return tuple(self.source.segment(bound) if bound else "" for bound in bounds)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, place: Place) -> None:
        lost = self.lean and place.conditional and node.name != "__getattr__"
        if not lost:  # an outline may have left it out
            makes = _imported_for(node) if node.name == "__getattr__" and not place.path else None
            binding = Binding(
                "function",
                node.lineno + self.before,
                expression=makes,
                conditional=place.conditional,
            )
            self.bind(node.name, binding, place)
        path = (*place.path, node.name)
        if node.returns is not None:
            self.functions.append(self._facts_of_function(node, path, place))
        if any(type(statement) not in _SILENT for statement in node.body):
            self.block(node.body, Place(None, (*path, "<locals>"), (), nested=True))

    def _facts_of_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, path: tuple[str, ...], place: Place
    ) -> Function:
        segment = self.source.segment
        return Function(
            name=node.name,
            qualname=".".join(path),
            line=node.lineno + self.before,
            classes=place.classes,
            parameters=tuple(_parameters(node.args, _nothing if self.lean else segment)),
            returns=segment(node.returns) if node.returns else None,
            docstring=None if self.lean else ast.get_docstring(node),
            decorators=tuple(segment(item) for item in node.decorator_list),
            is_async=isinstance(node, ast.AsyncFunctionDef),
            is_generator="yield" in self.source.text and _yields(node),
            empty=all(says_nothing(statement) for statement in node.body),
            nested=place.nested,
            typing_only=place.typing_only,
            skipped=self._is_skipped(node),
            type_parameters=_type_parameters(node),
            bounds=self._bounds(node),
        )

    def _is_skipped(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        start = self.source.line_start(node.lineno)
        first = node.body[0].lineno
        stop = self.source.line_start(max(first, node.lineno + 1))
        return SKIP.search(self.source.text, start, stop) is not None


def has_fields(
    name: str, bases: tuple[str, ...], decorators: tuple[str, ...], known: set[str]
) -> bool:
    """Is a class a dataclass, NamedTuple or TypedDict? Of models nobody asks what is in them.

    known: the names of those that were found in the file, to which this one is added.
    """
    heads = {base.partition("[")[0].strip().rpartition(".")[2] for base in bases}
    found = (
        not heads.isdisjoint(_WITH_FIELDS)
        or not heads.isdisjoint(known)
        or any(text.partition("(")[0].strip().endswith("dataclass") for text in decorators)
    )
    if found:
        known.add(name)
    return found


def _maybe(place: Place, *, typing_only: bool | None = None) -> Place:
    """The same place in a block that may not run."""
    only = place.typing_only if typing_only is None else typing_only
    return Place(place.scope, place.path, place.classes, place.nested, only, conditional=True)


def _imported_for(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """What a module's `__getattr__` imports for which name, as the table that other modules have
    instead: {"Item": (".models", "Item")} for `if name == "Item": from .models import Item; return
    Item`.
    """
    asked = node.args.args[0].arg if node.args.args else ""
    table: dict[str, tuple[str, str]] = {}
    for inner in ast.walk(node):
        match inner:
            case ast.If(
                test=ast.Compare(
                    left=ast.Name(id=left),
                    ops=[ast.Eq()],
                    comparators=[ast.Constant(value=str(name))],
                ),
                body=body,
            ) if left == asked:
                imported = {
                    alias.asname or alias.name: ("." * item.level + (item.module or ""), alias.name)
                    for item in body
                    if isinstance(item, ast.ImportFrom)
                    for alias in item.names
                }
                match body[-1]:
                    case ast.Return(value=ast.Name(id=given)) if given in imported:
                        table[name] = imported[given]
    return repr(table) if table else None


def _type_parameters(node: ast.stmt) -> tuple[str, ...]:
    """Of PEP 695, Python 3.12."""
    return tuple(item.name for item in getattr(node, "type_params", ()))


def _nothing(node: ast.expr) -> None:
    del node


def _parameters(
    arguments: ast.arguments, text: Callable[[ast.expr], str | None]
) -> Iterator[Parameter]:
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


def is_main_guard(node: ast.stmt) -> bool:
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare)):
        return False
    sides = [node.test.left, *node.test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)


def exported_by(body: list[ast.stmt]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """(the names in `__all__`, those that are written in it where it is computed). Of what a block
    adds to it that may not run, the names count.
    """
    exported: tuple[str, ...] | None = None
    written: list[str] = []
    computed = False
    for node, sure in _of_module(body):
        more: tuple[str, ...] | None = None
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                more = _strings(value)
                if sure:
                    exported, computed = (), more is None
            case ast.AugAssign(target=ast.Name(id="__all__"), op=ast.Add(), value=value):
                more = _strings(value)
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="__all__"), attr=attr), args=given
                ) as value
            ):
                if attr == "extend" and len(given) == 1:
                    more = _strings(given[0])
                elif attr == "append":
                    more = _strings(ast.List(given))
            case _:
                continue
        computed = computed or exported is None or more is None
        exported = (*(exported or ()), *(more or ()))
        written += (
            item.value
            for item in ast.walk(value)
            if isinstance(item, ast.Constant) and isinstance(item.value, str)
        )
    return (None, tuple(written)) if computed or exported is None else (exported, ())


def _of_module(body: list[ast.stmt], *, sure: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements of a module and of its blocks, in order: does each run in any case?"""
    for node in body:
        yield node, sure
        for inner in blocks_of(node):
            yield from _of_module(inner, sure=False)


def blocks_of(node: ast.stmt) -> list[list[ast.stmt]]:
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


def _strings(node: ast.expr) -> tuple[str, ...] | None:
    """The strings in a plain list, or in a sum of such."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _strings(node.left), _strings(node.right)
        return None if left is None or right is None else (*left, *right)
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


def says_nothing(node: ast.stmt) -> bool:
    """Is it a statement of a body that is none: a docstring, `...`, `pass`, NotImplementedError?"""
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
