"""What distilgen has put into a module: its import, its decorators, its stubs.

Found in the syntax tree, not remembered, so that it is right after any edit of the user's.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from distilgen.source.slices import in_scope
from distilgen.source.walk import SIDECAR, sidecar_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distilgen.source.files import SourceFile

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
State = Literal["plain", "recorded", "dispatched"]

_RECORD = "record"
_DISPATCH = frozenset({"dispatch", "adispatch"})


@dataclass(frozen=True)
class Mark:
    """One function of ours. decorator: the node, when it is recorded; None when dispatched."""

    contract: str
    qualname: str
    function: FunctionNode
    decorator: ast.expr | None

    @property
    def state(self) -> State:
        """`recorded` or `dispatched`."""
        return "recorded" if self.decorator else "dispatched"


@dataclass
class Marks:
    """Everything of ours in a module. imports: statements that import the sidecar."""

    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    alias: str = ""
    functions: list[Mark] = field(default_factory=list)

    def at(self, line: int) -> Mark | None:
        """The mark on the function whose `def` is on `line`."""
        return next((mark for mark in self.functions if mark.function.lineno == line), None)


def sidecar_path(path: Path) -> Path:
    """The file of a file's sidecar."""
    return path.with_name(f"{sidecar_name(path)}.py")


def may_be_in(source: SourceFile) -> bool:
    """Is there anything to find? Most files need no tree to say no."""
    return "_distil" in source.text


def find(tree: ast.Module, path: Path) -> Marks:
    """What is ours in a module's tree."""
    marks = Marks()
    for node in in_scope(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if is_sidecar(node, alias, path):
                    marks.imports.append(node)
                    marks.alias = alias.asname or alias.name
    if marks.imports:
        for qualname, function in functions(tree):
            mark = _mark(function, qualname, marks.alias)
            if mark:
                marks.functions.append(mark)
    return marks


def foreign(tree: ast.Module, path: Path) -> tuple[str, int] | None:
    """(name, line) of the sidecar of another module that this one uses, as one does that was
    renamed or copied without its own.
    """
    for node in in_scope(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.name.rpartition(".")[2]
                if SIDECAR.fullmatch(f"{name}.py") and not is_sidecar(node, alias, path):
                    local = alias.asname or name
                    if any(_mark(function, "", local) for _, function in functions(tree)):
                        return name, node.lineno
    return None


def is_sidecar(node: ast.Import | ast.ImportFrom, alias: ast.alias, path: Path) -> bool:
    """Does one of the names of an import statement stand for the sidecar beside `path`?

    Its folder is named by a dot, or by a last part that is the folder's name; a script names none.
    """
    if isinstance(node, ast.ImportFrom):
        folder, name = node.module or "", alias.name
        beside = node.level == 1 and not folder
    else:
        folder, _, name = alias.name.rpartition(".")
        beside = not folder
        if folder and alias.asname is None:  # binds the package
            return False
    return name == sidecar_name(path) and (beside or folder.rpartition(".")[2] == path.parent.name)


def functions(tree: ast.Module) -> Iterator[tuple[str, FunctionNode]]:
    """Every function that is not inside another one, with its qualified name."""
    yield from _functions(tree.body, "")


def strip(tree: ast.Module, path: Path) -> None:
    """Take our import and our decorators out of a tree."""
    found = find(tree, path)
    for mark in found.functions:
        if mark.decorator:
            mark.function.decorator_list.remove(mark.decorator)
    _Strip(found.imports, path).visit(tree)


def docstring_and_rest(function: FunctionNode) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """(the docstring if there is one, the statements behind it)."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    return function.body[:has_docstring], function.body[has_docstring:]


def first_line(node: ast.stmt) -> int:
    """The line on which a statement starts, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)])


class _Strip(ast.NodeTransformer):
    def __init__(self, imports: list[ast.Import | ast.ImportFrom], path: Path) -> None:
        self.imports, self.path = imports, path

    def _import(self, node: ast.Import | ast.ImportFrom) -> ast.stmt | None:
        if node in self.imports:
            node.names = [item for item in node.names if not is_sidecar(node, item, self.path)]
        return node if node.names else None

    visit_Import = visit_ImportFrom = _import  # noqa: N815


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    for node in in_scope(body):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node


def _mark(function: FunctionNode, qualname: str, alias: str) -> Mark | None:
    for decorator in function.decorator_list:
        name = _contract(decorator, alias, frozenset({_RECORD}))
        if name:
            return Mark(name, qualname, function, decorator)
    for statement in docstring_and_rest(function)[1]:
        for node in ast.walk(statement):
            name = _contract(node.func, alias, _DISPATCH) if isinstance(node, ast.Call) else None
            if name:
                return Mark(name, qualname, function, None)
    return None


def _contract(node: ast.AST, alias: str, verbs: frozenset[str]) -> str | None:
    """`reply` for the expression `_mail_distil.reply.record`."""
    match node:
        case ast.Attribute(
            value=ast.Attribute(value=ast.Name(id=owner), attr=contract), attr=verb
        ) if owner == alias and verb in verbs:
            return contract
    return None
