"""The type that a stub asks for, as an expression that its body can evaluate.

An annotation sees names that the body does not: in quotes, under TYPE_CHECKING, in its class, and
those that a parameter hides. In their place stand other ways to the same types.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING

from distilgen.rewrite import imports
from distilgen.source import expressions
from distilgen.source.names import class_scope, is_field
from distilgen.source.slices import in_scope

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from distilgen.source.facts import Binding
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed

    Scope = Mapping[str, tuple[Binding, ...]]


@dataclass(frozen=True)
class Answer:
    """code: the expression. imports: the statements that must run before it, in order."""

    code: str
    imports: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """The names that its code uses."""
        return _names(expressions.parse(self.code))


def answer_of(source: SourceFile, surveyed: Surveyed) -> Answer:
    """The type that the student must answer with: as the author wrote it, where the body can see
    that, on one line and without the quotes of string annotations; of a generator a list of its
    items; the object's own class for Self. Raises ValueError when the body cannot see it at all.
    """
    seen = _Seen(source, surveyed)
    if surveyed.of_self:
        of_object = surveyed.owner != surveyed.receiver
        hidden = of_object and seen.hides("type")
        return Answer(f"{surveyed.receiver}.__class__" if hidden else surveyed.owner)
    node = expressions.parse(surveyed.answer)
    said = ast.dump(node)
    node = seen.visit(node)
    code = ast.unparse(node)
    if ast.dump(node) == said:
        code = _unquoted(surveyed.function.returns or "")
        if len(code.splitlines()) != 1 or ast.dump(expressions.parse(code)) != said:
            code = surveyed.answer  # an item of a stream, or quotes that cannot go one by one
    if surveyed.streams:
        code = f"{seen.builtin('list') if seen.hides('list') else 'list'}[{code}]"
    return Answer(code, tuple(sorted(seen.imports)))


def free(name: str, taken: Collection[str]) -> str:
    """A name that is not taken: this one, or this one with a number."""
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


@dataclass
class _Seen(ast.NodeTransformer):
    """Puts what a function's body sees in the place of what it does not. imports: what it takes."""

    source: SourceFile
    surveyed: Surveyed
    imports: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.facts, function = self.surveyed.facts, self.surveyed.function
        self.classes = function.classes
        self.within: Scope = class_scope(self.facts, self.classes)
        self.parameters = {parameter.name for parameter in function.parameters}
        self._said = _names(expressions.parse(self.surveyed.answer))
        self._taken = self.parameters | self._said
        self._called: dict[tuple[str, str], str] = {}
        self._open: set[str] = set()

    def hides(self, builtin: str) -> bool:
        """Does the name of something builtin mean something else in the body?"""
        return builtin in self.parameters or builtin in self.facts.scope

    def builtin(self, name: str) -> str:
        """Something builtin under another name."""
        return self._import(f"from builtins import {name}", name, name)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        text = ast.unparse(node)
        first = text.partition(".")[0]
        if first in self.parameters and not _types(self.within, first):
            # `import a.b` binds `a`, and under another name it binds `b`
            loaded = [name for name in self._loaded(first) if f"{text}.".startswith(f"{name}.")]
            if loaded:
                module = max(loaded, key=len)
                name = self._import(f"import {module}", f"_{module.rpartition('.')[2]}")
                return expressions.parse(name + text[len(module) :])
        self.generic_visit(node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        named = isinstance(node.value, ast.Name)
        self.generic_visit(node)
        if named and not isinstance(node.value, ast.Name | ast.Attribute):
            raise ValueError(f"{ast.unparse(node)} needs an alias that is there for type checkers")
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = node.id
        bindings: Sequence[Binding] = _types(self.within, name)
        if bindings and not all(item.typing_only for item in bindings):
            return self._in_class(name)
        bindings = bindings or self.facts.scope.get(name, ())
        if bindings and all(item.typing_only for item in bindings):
            return self._for_checkers(name, bindings[-1])
        return self._hidden(name) if name in self.parameters else node

    def _in_class(self, name: str) -> ast.expr:
        """`Outer.Inner` for what the class binds, out of sight of its methods."""
        first, *rest = self.classes
        if first.startswith("__") and not first.endswith("__"):
            raise ValueError(f"inside of {first} that name stands for another")
        owner = self._hidden(first) if first in self.parameters else ast.Name(first)
        return expressions.parse(".".join([ast.unparse(owner), *rest, name]))

    def _for_checkers(self, name: str, binding: Binding) -> ast.expr:
        """What is there for type checkers only: imported here, or what an alias says."""
        if binding.imported:
            return self._imported(name, binding)
        try:
            node = expressions.unquoted(expressions.parse(binding.expression or "..."))
        except expressions.BROKEN:
            node = ast.Constant(...)
        is_type = isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp)
        if not is_type or binding.type_parameters or name in self._open:
            raise ValueError(f"{name} is defined under TYPE_CHECKING in {self.facts.name}")
        within, self.within = self.within, self.within if _types(self.within, name) else {}
        self._open.add(name)
        self._said |= _names(node)
        self._taken |= self._said
        meant: ast.expr = self.visit(node)
        self._open.remove(name)
        self.within = within
        return meant

    def _hidden(self, name: str) -> ast.expr:
        """What a parameter hides, under another name."""
        bindings, facts = self.facts.scope.get(name, ()), self.facts
        if not bindings and hasattr(builtins, name):
            return ast.Name(self.builtin(name))
        if len(bindings) == 1 and not bindings[0].conditional:
            if bindings[0].imported:
                return self._imported(name, bindings[0])
            if not (facts.is_script or facts.is_package):  # or it might be run once more
                stem = facts.path.stem
                statement = ast.unparse(imports.of_neighbour(facts, ast.alias(stem)))
                return expressions.parse(f"{self._import(statement, f'_{stem}')}.{name}")
        raise ValueError(f"its parameter {name} hides the type of that name")

    def _imported(self, name: str, binding: Binding) -> ast.expr:
        found = binding.imported
        assert found is not None  # noqa: S101 - the callers have seen it
        if found.name is not None:
            statement = f"from {'.' * found.level}{found.module} import {found.name}"
            return ast.Name(self._import(statement, name, found.name))
        if found.module != name or name in self.parameters:
            return ast.Name(self._import(f"import {found.module}", name))
        # Every `import a.b` may load a module that the type needs.
        self.imports.update(f"import {module}" for module in self._loaded(name) or [name])
        return ast.Name(name)

    def _import(self, statement: str, name: str, bound: str = "") -> str:
        """What the body calls what a statement imports: `name`, or another where that is taken.

        bound: what the statement calls it by itself; empty where that is never wanted.
        """
        known = self._called.get((statement, name))
        if known is None:
            taken = name in self.parameters or (name in self._taken and name not in self._said)
            known = free(f"_{name}", self._taken) if taken else name
            self._called[statement, name] = known
            self._taken.add(known)
            self.imports.add(statement if known == bound else f"{statement} as {known}")
        return known

    def _loaded(self, name: str) -> list[str]:
        """The modules that statements of the kind `import name.more` load."""
        return sorted(
            {
                alias.name
                for node in in_scope(self.source.tree.body)
                if isinstance(node, ast.Import)
                for alias in node.names
                if alias.asname is None and alias.name.partition(".")[0] == name
            }
        )


def _types(scope: Scope, name: str) -> list[Binding]:
    """What binds a name in the body of a class, where annotations take it from there."""
    return [item for item in scope.get(name, ()) if not is_field(item, name)]


def _names(node: ast.expr) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}


def _unquoted(annotation: str) -> str:
    """The text of an annotation with its string annotations unquoted, and otherwise as its author
    spelled it: what the metadata of `Annotated` and the values of `Literal` say stays quoted.
    """
    import libcst as cst  # noqa: PLC0415 - heavy, and needed where there are quotes

    class Unquote(cst.CSTTransformer):
        def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> bool:
            del node
            return False

        def visit_Subscript(self, node: cst.Subscript) -> bool:
            name = node.value.attr if isinstance(node.value, cst.Attribute) else node.value
            return getattr(name, "value", "") not in ("Annotated", "Literal")

        def leave_SimpleString(
            self, original_node: cst.SimpleString, updated_node: cst.SimpleString
        ) -> cst.BaseExpression:
            del original_node
            said = updated_node.evaluated_value
            return cst.parse_expression(said) if isinstance(said, str) else updated_node

    if not {"'", '"'} & set(annotation):
        return annotation
    try:
        expression = cst.parse_module(annotation.strip()).visit(Unquote())
    except cst.ParserSyntaxError:
        return ""
    return expression.code
