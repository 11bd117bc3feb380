"""Which statements of a module bind a name, and what of them must run for it."""

from __future__ import annotations
import __future__

import ast
from typing import TYPE_CHECKING, Any

from distilgen.source.expressions import last_name
from distilgen.source.reader import blocks_of, is_type_checking

if TYPE_CHECKING:
    from collections.abc import Iterator


def without_recording(statement: ast.stmt) -> None:
    """Take our decorators out: they change no type, and their sidecar may be out of date."""
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.decorator_list = [item for item in node.decorator_list if not is_ours(item)]


def is_ours(decorator: ast.expr) -> bool:
    """Does a decorator record calls, by a sidecar of ours?"""
    match decorator:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=sidecar)), attr="record"):
            return sidecar.startswith("_") and "_distil" in sidecar
    return False


def is_typing_import(node: ast.stmt) -> bool:
    """Does a statement import from the modules whose names `dataclasses` looks for in the
    namespace of a class, where its annotations are strings: ClassVar, InitVar, KW_ONLY?
    """
    names = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    return bool(names) and all(name in _TYPING_MODULES for name in names)


_TYPING_MODULES = frozenset({"dataclasses", "typing", "typing_extensions"})


def future_flags(tree: ast.Module) -> int:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


_CHANGES = frozenset({
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "remove",
    "reverse", "setdefault", "sort", "update",
})  # fmt: skip
_CONTAINERS = frozenset({"Counter", "OrderedDict", "defaultdict", "deque", "dict", "list", "set"})


def mark_changes(tree: ast.Module) -> None:
    """Give each statement that changes a list, dictionary or set of the module a field `changes`
    with its name: by itself, by a decorator or by a base class of the module that registers what
    it is given. Of other objects nobody knows what a changing statement would do besides.
    """
    statements = list(in_scope(tree.body))
    containers = {
        target.id
        for node in statements
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _is_container(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    registers: dict[str, str] = {}
    for node in statements:
        changed = _changed(node, containers)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            used = [*node.decorator_list, *getattr(node, "bases", ())]
            heads = (item.func if isinstance(item, ast.Call) else item for item in used)
            changed = next((registers[n] for n in map(last_name, heads) if n in registers), "")
            if changed and isinstance(node, ast.ClassDef):
                registers[node.name] = changed
            elif kept := _registered_in(node, containers):
                registers[node.name] = kept
        if changed:
            node.changes = changed  # type: ignore[attr-defined]


def _changed(node: ast.AST, containers: set[str]) -> str:
    """The container that a statement changes; empty for none."""
    match node:
        case (
            ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))])
            | ast.AugAssign(target=ast.Subscript(value=ast.Name(id=name)))
        ) if name in containers:
            return name
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute))
        ) if name in containers and attribute in _CHANGES:
            return name
    return ""


def _registered_in(node: ast.FunctionDef | ast.ClassDef, containers: set[str]) -> str:
    """The container that a function changes, or a class for each of its subclasses."""
    body: list[ast.stmt] = node.body
    if isinstance(node, ast.ClassDef):
        body = [
            item
            for item in node.body
            if isinstance(item, ast.FunctionDef) and item.name == "__init_subclass__"
        ]
    found = (_changed(item, containers) for part in body for item in ast.walk(part))
    return next((name for name in found if name), "")


def _is_container(node: ast.expr) -> bool:
    while isinstance(node, ast.BinOp):  # a long sum leans to the left, deeper than Python recurses
        if _is_container(node.right):
            return True
        node = node.left
    if isinstance(node, ast.Call):
        return last_name(node.func) in _CONTAINERS | {"copy", "deepcopy"}
    kinds = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    return isinstance(node, kinds)


_COMPLETE = frozenset({"rebuild_dataclass", "set_pydantic_config"})
"""Functions that complete the class they are given: Pydantic's, and that of generated clients."""


def bound(node: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement binds or, once bound, completes."""
    if hasattr(node, "changes"):
        yield node.changes
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
        case ast.Expr(value=ast.Call(func=func, args=[ast.Name(id=name), *_])):
            if last_name(func) in _COMPLETE:
                yield name
        case ast.For() | ast.AsyncFor():
            yield from _targets(node.target)
        case _ if type(node).__name__ == "TypeAlias":
            yield from _targets(node.name)  # type: ignore[attr-defined]
    for body in blocks_of(node):
        for inner in body:
            yield from bound(inner)


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


def in_scope(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of the compound statements in it, not of definitions."""
    for node in body:
        yield node
        for inner in blocks_of(node):
            yield from in_scope(inner)


def left_bound(tree: ast.Module) -> set[str]:
    """The names that a module's own scope has when it has run: every way to bind one there, but for
    what only a type checker imports, and for the name in `except … as`, which ends with its block.
    """
    found: set[str] = set()
    todo: list[ast.AST] = [*tree.body]
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Lambda():
                pass
            case ast.If() if is_type_checking(node.test):
                todo += node.orelse
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                walrus = (part for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
                found |= {part.target.id for part in walrus}
            case ast.alias():
                found.add(node.asname or node.name.partition(".")[0])
            case ast.AnnAssign(value=None):
                pass
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
                todo += ast.iter_child_nodes(node)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
                todo += ast.iter_child_nodes(node)
            case _:
                todo += ast.iter_child_nodes(node)
    return found


def stars(tree: ast.Module) -> list[ast.ImportFrom]:
    """The star imports of a module."""
    return [
        node
        for node in in_scope(tree.body)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]


def is_import(node: ast.stmt) -> bool:
    """Is it an import statement?"""
    return isinstance(node, ast.Import | ast.ImportFrom)


def filling(tree: ast.Module) -> list[ast.stmt]:
    """What of a module must run if it hands its namespace to a function, which may bind names
    there: `build(DESCRIPTOR, globals())`, as code that protobuf generates does. Else nothing.
    """
    spaces = {"globals", "vars", "locals"}
    found: list[ast.stmt] = []
    fills = False
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=called))):
                if called in spaces:
                    spaces.add(name)
            case ast.Expr(value=ast.Call(args=given)):
                names = (part for item in given for part in ast.walk(item))
                if not any(isinstance(part, ast.Name) and part.id in spaces for part in names):
                    continue  # it does something else, which is not ours to do
                fills = True
        if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            found.append(node)
    return found if fills else []


def pieces(node: ast.stmt, name: str) -> list[ast.stmt]:
    """What of a statement must run so that `name` is bound, and nothing that binds others only."""
    if name not in set(bound(node)):
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
                    body=_tried(node.body, name),
                    handlers=handlers,
                    orelse=_block(node.orelse, name),
                    finalbody=_block(node.finalbody, name),
                )
            ]
    return [node]


def _block(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    return [piece for statement in body for piece in pieces(statement, name)]


def _kept(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    return _block(body, name) or [ast.copy_location(ast.Pass(), body[0])]


def _tried(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    """The block of a `try`: where an import fails, its handlers bind the name."""
    kept = [[item] if is_import(item) else pieces(item, name) for item in body]
    return [piece for part in kept for piece in part] or _kept(body, name)


def _copy(node: Any, **changes: Any) -> Any:
    fields = {key: getattr(node, key, None) for key in node._fields} | changes
    return ast.copy_location(type(node)(**fields), node)
