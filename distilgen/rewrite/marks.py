"""What distilgen has put into a module: its import, its decorators, its stubs.

Found in the syntax tree, not remembered, so that it is right after any edit of the user's.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from distilgen.source.slices import in_scope
from distilgen.source.walk import SIDECAR, sidecar_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from distilgen.lock import State
    from distilgen.source.files import SourceFile

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

_STATES: dict[str, State] = {
    "record": "recorded",
    "shadow": "shadow",
    "canary": "canary",
    "fallback": "fallback",
}
"""What a function is, by the verb of its decorator, where its body is its own."""

_DISPATCH = frozenset({"dispatch", "adispatch"})
_USED = re.compile(
    r"\b(_(?:\w+_)?distil(?:_\d+)?)[\s\\]*\.[\s\\]*\w+[\s\\]*\.[\s\\]*"
    rf"(?:{'|'.join(_STATES)}|a?dispatch)\b"
).findall
"""The names of which a text uses a sidecar, by the look of them."""


@dataclass(frozen=True)
class SidecarImport:
    """A statement that imports a sidecar. name: what the module calls it. sidecar: its file, where
    it could be found. own: it is the sidecar of this module, not of the one that code came from.
    """

    node: ast.Import | ast.ImportFrom
    name: str
    sidecar: Path | None
    own: bool


@dataclass(frozen=True)
class Mark:
    """One function of ours: decorated, a stub, or both.

    decorator: ours, `_distil.reply.canary`. stub: what the stub calls, `_distil.reply.dispatch`.
    """

    contract: str
    qualname: str
    function: FunctionNode
    imported: SidecarImport
    decorator: ast.Attribute | None
    stub: ast.Attribute | None

    @property
    def verb(self) -> str:
        """What the decorator does: `record`, for one; empty where there is none."""
        return self.decorator.attr if self.decorator else ""

    @property
    def state(self) -> State:
        """What is made of the function."""
        return "dispatched" if self.stub else _STATES[self.verb]

    @property
    def references(self) -> list[ast.Name]:
        """Where it names the sidecar."""
        return [_owner(node)[0] for node in (self.decorator, self.stub) if node]


class Unbound(NamedTuple):
    """A function that uses a sidecar by a name that nothing imports, as after a merge."""

    qualname: str
    function: FunctionNode
    name: str


@dataclass
class Marks:
    """Everything of ours in a module.

    functions: those whose contracts are in the module's own sidecar. strays: those of the sidecar
    of another module, as there are when a function was moved here or the module was renamed.
    unbound: those whose import is gone.
    """

    imports: list[SidecarImport] = field(default_factory=list)
    functions: list[Mark] = field(default_factory=list)
    strays: list[Mark] = field(default_factory=list)
    unbound: list[Unbound] = field(default_factory=list)

    @property
    def alias(self) -> str:
        """What the module calls its own sidecar; empty where it does not import it."""
        return next((item.name for item in self.imports if item.own), "")

    @property
    def all(self) -> list[Mark]:
        """The functions, those of other modules' sidecars too."""
        return self.functions + self.strays

    def at(self, line: int) -> Mark | None:
        """The mark on the function whose `def` is on `line`."""
        return next((mark for mark in self.functions if mark.function.lineno == line), None)


def sidecar_path(path: Path) -> Path:
    """The file of a file's sidecar."""
    return path.with_name(f"{sidecar_name(path)}.py")


def may_be_in(source: SourceFile) -> bool:
    """Is there anything to find? Most files need no tree to say no."""
    return "_distil" in source.text


def find(source: SourceFile) -> Marks:
    """What is ours in a module. Raises SourceError when it does not parse."""
    marks = Marks()
    if not may_be_in(source):
        return marks
    named = {item.name: item for item in _imports(source.tree, source.path)}
    if named:
        lines = _lines_with(source, named)
        for qualname, function in functions(source.tree):
            uses = bisect_right(lines, function.end_lineno or 0)
            uses -= bisect_left(lines, first_line(function))
            if uses:
                mark = _mark_of(function, qualname, named, uses)
                if mark:
                    (marks.functions if mark.imported.own else marks.strays).append(mark)
    used = [mark.imported for mark in marks.strays]
    marks.imports = [item for item in named.values() if item.own or item in used]
    marks.unbound = list(_unbound(source, {*_USED(source.text)} - set(named)))
    return marks


def missing_import(path: Path, name: str) -> str:
    """The line that imports a module's sidecar by a name, as a message proposes it."""
    package = "from . " if (path.parent / "__init__.py").exists() else ""
    return f"{package}import {sidecar_name(path)} as {name}"


def _unbound(source: SourceFile, names: Collection[str]) -> Iterator[Unbound]:
    """The functions with a decorator or a call of ours on one of the names."""
    if not names:
        return
    for qualname, function in functions(source.tree):
        found = _decorator(function, names) or _stub(function, names)
        if found:
            yield Unbound(qualname, function, _owner(found)[0].id)


def _imports(tree: ast.Module, path: Path) -> Iterator[SidecarImport]:
    for node in in_scope(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.name.rpartition(".")[2]
                if not SIDECAR.fullmatch(f"{name}.py"):
                    continue
                own = is_sidecar(node, alias, path)
                if own or isinstance(node, ast.ImportFrom) or alias.asname or "." not in alias.name:
                    file = sidecar_path(path) if own else _file(node, alias, path)
                    yield SidecarImport(node, alias.asname or name, file, own)


def _lines_with(source: SourceFile, names: Iterable[str]) -> list[int]:
    """The lines on which one of the names is followed by a dot."""
    uses = re.finditer(rf"\b(?:{'|'.join(names)})\b[\s\\]*\.", source.text)
    return [bisect_right(source.line_starts, found.start()) for found in uses]


def _file(node: ast.Import | ast.ImportFrom, alias: ast.alias, path: Path) -> Path | None:
    """The sidecar that one of the names of an import statement stands for, where it is there."""
    module = (
        node.module or "" if isinstance(node, ast.ImportFrom) else alias.name.rpartition(".")[0]
    )
    level = node.level if isinstance(node, ast.ImportFrom) else 0
    above = path.parents[level - 1 : level] if level else path.parents
    name = f"{alias.name.rpartition('.')[2]}.py"
    files = (folder.joinpath(*module.split("."), name) for folder in above)
    return next((file for file in files if file.is_file()), None)


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


def first_use(tree: ast.Module, lines: Iterable[int]) -> int:
    """The line of the first statement at the top level in which one of the lines is; 1 for none."""
    wanted = sorted(lines)
    for node in tree.body:
        first = first_line(node)
        if any(first <= line <= (node.end_lineno or first) for line in wanted):
            return first
    return 1


def docstring_and_rest(function: FunctionNode) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """(the docstring if there is one, the statements behind it)."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    return function.body[:has_docstring], function.body[has_docstring:]


def first_line(node: ast.stmt) -> int:
    """The line on which a statement starts, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)])


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    for node in in_scope(body):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node


def _mark_of(
    function: FunctionNode, qualname: str, named: Mapping[str, SidecarImport], uses: int
) -> Mark | None:
    """The mark of a function, in a module that imports sidecars by these names, and uses them so
    often in it.
    """
    decorator = _decorator(function, named)
    stub = None if decorator and uses == 1 else _stub(function, named)
    found = decorator or stub
    if found is None:
        return None
    name, contract = _owner(found)
    if stub and _owner(stub)[1] != contract:
        stub = None  # the author's own call of another's student
    return Mark(contract, qualname, function, named[name.id], decorator, stub)


def _decorator(function: FunctionNode, names: Collection[str]) -> ast.Attribute | None:
    """Our decorator on a function, where it has one."""
    found = (_use(node, names, _STATES) for node in function.decorator_list)
    return next(filter(None, found), None)


def _stub(function: FunctionNode, names: Collection[str]) -> ast.Attribute | None:
    """What a function calls of ours in its body, where it does."""
    calls = (
        node.func
        for statement in docstring_and_rest(function)[1]
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    )
    return next(filter(None, (_use(called, names, _DISPATCH) for called in calls)), None)


def _use(node: ast.expr, names: Collection[str], verbs: Collection[str]) -> ast.Attribute | None:
    """The node, if it is of the shape `_distil.reply.record`."""
    match node:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=name)), attr=verb):
            return node if name in names and verb in verbs else None
    return None


def _owner(node: ast.Attribute) -> tuple[ast.Name, str]:
    """(the name `_distil`, "reply") of `_distil.reply.record`."""
    contract = node.value
    assert isinstance(contract, ast.Attribute)  # noqa: S101 - `_use` has seen it
    assert isinstance(contract.value, ast.Name)  # noqa: S101 - as above
    return contract.value, contract.attr
