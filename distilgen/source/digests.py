"""What statements say, whichever way they are laid out: trimmed to what can decide a schema, and
as a digest that is the same on every Python.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from typing import TYPE_CHECKING, Any

from distilgen.source.expressions import head, last_name
from distilgen.source.slices import is_ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOOKED, PASSED, CALLED = range(3)
"""How a name is used while a type is evaluated: kept for later, as a validator is; named; called.
What is used more counts for more: see `trimmed`."""

LENGTH = 8
"""Hexadecimal digits of a digest: what it is compared with is the same code of another day."""

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores", "str"})
_VALIDATORS = frozenset({
    "field_validator", "model_validator", "field_serializer", "model_serializer", "validator",
    "root_validator", "computed_field", "property", "cached_property",
})  # fmt: skip
_ASKED = frozenset({
    "__get_pydantic_core_schema__", "__get_pydantic_json_schema__", "__get_validators__",
    "__modify_schema__", "__init_subclass__", "__pydantic_init_subclass__",
    "__pydantic_on_complete__", "__class_getitem__", "__set_name__", "__prepare__",
    "model_json_schema", "model_parametrized_name", "json_schema_extra", "schema_extra",
    "alias_generator", "field_title_generator", "model_title_generator",
})  # fmt: skip
"""Methods that making a schema may call, though no instance is made."""

_ENUMS = ("Enum", "Flag")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def digest(statements: Iterable[ast.stmt]) -> str:
    """A name for what statements say: positions, comments, layout and version do not count."""
    found = hashlib.sha256()
    for statement in statements:
        for token in _tokens(statement):
            found.update(token.encode())
            found.update(b"\0")
    return found.hexdigest()[:LENGTH]


def trimmed(statement: ast.stmt, use: int) -> ast.stmt:
    """A statement without the bodies of functions that do not run when a type is evaluated, and
    without our decorators.

    use: how its names are used. A function's body runs unless it is but HOOKED; methods of a class
    run where it is CALLED, else those alone that Pydantic and Python ask for schemas, and what the
    class itself and those mention.
    """
    result: ast.stmt = _Trim(use).visit(statement)
    return result


class _Trim(ast.NodeTransformer):
    """Copies what it changes: other digests are made of the same nodes."""

    def __init__(self, use: int) -> None:
        self._use = use

    def generic_visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr):
            return node
        changes: dict[str, Any] = {}
        for name, old in ast.iter_fields(node):
            if isinstance(old, list):
                new = [self.visit(item) if isinstance(item, ast.AST) else item for item in old]
                if any(a is not b for a, b in zip(old, new, strict=True)):
                    changes[name] = new
        return _copy(node, **changes) if changes else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return _function(node, runs=self._use > HOOKED)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return _function(node, runs=self._use > HOOKED)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        return _class(node, self._use)


def _function(node: _Function, *, runs: bool) -> ast.stmt:
    decorators = [item for item in node.decorator_list if not is_ours(item)]
    if runs:
        same = len(decorators) == len(node.decorator_list)
        kept: ast.stmt = node if same else _copy(node, decorator_list=decorators)
        return kept
    # Its annotations and defaults may be evaluated, and decide nothing.
    nothing = ast.arguments([], [], None, [], [], None, [])
    fields = {"args": nothing, "returns": None, "type_params": [], "body": [ast.Pass()]}
    trimmed_to: ast.stmt = _copy(node, decorator_list=decorators, **fields)
    return trimmed_to


def _class(node: ast.ClassDef, use: int) -> ast.stmt:
    bases = [last_name(head(base)) for base in node.bases]
    everything = use == CALLED or node.name == "Config"
    makes = any(name.endswith(_ENUMS) for name in bases)

    def runs(item: _Function) -> bool:
        name = item.name
        if everything or name in _ASKED:
            return True
        if any(last_name(head(decorator)) in _VALIDATORS for decorator in item.decorator_list):
            return False
        return makes and name.startswith("_") and name.endswith("_")

    methods = [item for item in node.body if isinstance(item, _Function)]
    kept = {id(item) for item in methods if runs(item)}
    while True:
        body = [
            _function(item, runs=id(item) in kept)
            if isinstance(item, _Function)
            else trimmed(item, use)
            for item in node.body
        ]
        said = {name for item in body for name in _words(item)}
        more = {
            id(item)
            for item in methods
            if item.name in said
            and not any(last_name(head(one)) in _VALIDATORS for one in item.decorator_list)
        } - kept
        if not more:
            result: ast.stmt = _copy(node, body=body)
            return result
        kept |= more


def _words(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name | ast.Attribute):
            yield last_name(node)


def _copy(node: Any, **changes: Any) -> Any:
    fields = {key: getattr(node, key, None) for key in node._fields}
    fields |= {key: value for key, value in changes.items() if key in fields}
    return ast.copy_location(type(node)(**fields), node)


def _tokens(root: ast.AST) -> Iterator[str]:
    """The tree as text, of what all Pythons agree on: what a field has by default is left out, as
    are fields that came later and are empty.
    """
    todo: list[Any] = [root]
    while todo:  # not by recursion: a sum of a thousand strings is that deep
        item = todo.pop()
        match item:
            case str():
                yield item
            case ast.Constant():
                yield _constant(item.value)
            case ast.AST():
                parts: list[Any] = [f"{type(item).__name__}("]
                for name in item._fields:
                    value = getattr(item, name, None)
                    if value is None or value == [] or name in _SKIPPED:
                        continue
                    parts.append(f"{name}=")
                    parts += _field(item, name, value)
                todo += reversed([*parts, ")"])
            case _:
                yield f"{type(item).__name__} {item!a}"


def _field(node: ast.AST, name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value if isinstance(value, ast.AST) else f"{type(value).__name__} {value!a}"]
    if isinstance(node, ast.JoinedStr):  # Python 3.12.0 puts empty strings in
        value = [v for v in value if not (isinstance(v, ast.Constant) and v.value == "")]
    if name == "body" and isinstance(node, ast.ClassDef):
        first = value[0]
        text = getattr(getattr(first, "value", None), "value", None)
        if isinstance(first, ast.Expr) and isinstance(text, str):
            return ["[", _constant(inspect.cleandoc(text)), *value[1:], "]"]
    return ["[", *(item if isinstance(item, ast.AST) else f"{item!a}" for item in value), "]"]


def _constant(value: object) -> str:
    # In hexadecimal, as the digits of a decimal number are limited; ASCII, as what else can be
    # printed depends on the version.
    text = hex(value) if type(value) is int else ascii(value)
    return f"{type(value).__name__} {text}"
