"""The second edit: the teacher's body makes place for a call of its student."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from distilgen import texts
from distilgen.rewrite.marks import docstring_and_rest, first_line
from distilgen.rewrite.splice import Edit, last_line, line_end
from distilgen.source import expressions
from distilgen.source.names import class_scope
from distilgen.source.slices import in_scope

if TYPE_CHECKING:
    from distilgen.rewrite.marks import FunctionNode
    from distilgen.source.facts import Binding, Facts
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed

_ITEM = "answer"
"""The name that the loop of an asynchronous generator's stub binds."""


def stub(source: SourceFile, function: FunctionNode, surveyed: Surveyed, contract: str) -> Edit:
    """Replace the body by a call of `contract`, an expression. Raises ValueError when it cannot be
    done with the names that the function sees.
    """
    if _returns_behind_items(surveyed):
        raise ValueError("it returns a value behind its items, for which a student has no place")
    start, last = _body(source, function)
    stop = max(line_end(source, last), _end_of_comments(source, function, last))
    answer = answer_type(surveyed)
    lines = texts.render(
        "stub.py.jinja",
        kind=_kind(surveyed),
        contract=contract,
        arguments=", ".join([answer, *(f"{name}={name}" for name in surveyed.arguments)]),
        imports=_local_imports(source, surveyed, _names(answer)),
    ).splitlines()
    first = function.body[0]
    if docstring_and_rest(function)[0] and _on_line_of_head(source, first):
        if any(line.endswith(":") for line in lines):
            raise ValueError("its docstring is on the line of the def, where no loop can be")
        return Edit(start, stop, "; " + "; ".join(lines))
    indent = _indent(source, function)
    return Edit(start, stop, "".join(f"{source.newline}{indent}{line}" for line in lines))


def unstub(source: SourceFile, function: FunctionNode, body: str) -> Edit:
    """Put the teacher's body back in the place of the stub's. Raises ValueError when the stub
    holds what we did not write.
    """
    statements = docstring_and_rest(function)[1]
    for place, statement in enumerate(statements, 1):
        if not (_is_call(statement) if place == len(statements) else _is_import(statement)):
            raise ValueError(
                f"line {statement.lineno} is not of the stub, and would be lost; move it elsewhere"
            )
    start, last = _body(source, function)
    return Edit(start, line_end(source, last), body)


def answer_type(surveyed: Surveyed) -> str:
    """The expression of the type that the student must answer with: as the author wrote it, but
    without the quotes that a string annotation has, on one line, and with the class before the
    names that a method's body does not see; the object's own class for Self. Raises ValueError
    when it cannot see one at all.
    """
    if surveyed.of_self:
        return surveyed.owner
    node, written = expressions.parse(surveyed.answer), surveyed.function.returns or ""
    hidden = _bound_in_class(surveyed)
    if hidden:
        code = ast.unparse(_Qualify(".".join(surveyed.function.classes), hidden).visit(node))
    else:
        code = _unquoted(written)
        if len(code.splitlines()) != 1 or not _same(expressions.parse(code), node):
            code = surveyed.answer  # an item of a stream, or quotes that cannot go one by one
    for parameter in surveyed.function.parameters:
        if parameter.name in _names(code):
            raise ValueError(f"its parameter {parameter.name} hides the type of that name")
    if surveyed.streams and surveyed.function.is_async and _ITEM in _names(code):
        raise ValueError(f"its stub needs the name {_ITEM}, which its type has")
    return f"list[{code}]" if surveyed.streams else code


class _Qualify(ast.NodeTransformer):
    """Puts an owner before names."""

    def __init__(self, owner: str, names: set[str]) -> None:
        self.owner, self.names = owner, names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return expressions.parse(f"{self.owner}.{node.id}") if node.id in self.names else node


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


def _returns_behind_items(surveyed: Surveyed) -> bool:
    """Is it annotated as a generator with a return value: `Generator[Item, None, str]`?"""
    match expressions.unquoted(expressions.parse(surveyed.function.returns or "None")):
        case ast.Subscript(slice=ast.Tuple(elts=[_, _, last])) if surveyed.streams:
            return not (isinstance(last, ast.Constant) and last.value is None)
    return False


def _kind(surveyed: Surveyed) -> str:
    async_ = "async" if surveyed.function.is_async else ""
    return f"{async_} {'generator' if surveyed.streams else ''}".strip()


def _names(code: str) -> set[str]:
    return {node.id for node in ast.walk(expressions.parse(code)) if isinstance(node, ast.Name)}


def _same(one: ast.expr, other: ast.expr) -> bool:
    return ast.dump(one) == ast.dump(other)


def _bound_in_class(surveyed: Surveyed) -> set[str]:
    """Names of the annotation that the class body binds, out of sight of the method's body."""
    scope = class_scope(surveyed.facts, surveyed.function.classes)
    bound = set()
    for name in _names(surveyed.answer):
        bindings = [item for item in scope.get(name, ()) if item.kind != "function"]
        if bindings and all(item.typing_only for item in bindings):
            raise ValueError(f"{name} is bound under TYPE_CHECKING in its class")
        if bindings:
            bound.add(name)
    return bound


def _local_imports(source: SourceFile, surveyed: Surveyed, names: set[str]) -> list[str]:
    """Imports that the stub needs because the module makes them for type checkers only."""
    facts, lines = surveyed.facts, []
    for name in sorted(names):
        bindings = facts.scope.get(name, ())
        if bindings and all(item.typing_only for item in bindings):
            lines += _import_lines(source, name, bindings[-1], facts)
    return lines


def _import_lines(source: SourceFile, name: str, binding: Binding, facts: Facts) -> list[str]:
    found = binding.imported
    if found is None:
        raise ValueError(f"{name} is defined under TYPE_CHECKING in {facts.name}")
    if found.name is not None:
        as_name = "" if found.name == name else f" as {name}"
        return [f"from {'.' * found.level}{found.module} import {found.name}{as_name}"]
    if found.module != name:
        return [f"import {found.module} as {name}"]
    # `import a.b` binds `a`, and every such statement may load a module that the type needs.
    loaded = {
        alias.name
        for node in in_scope(source.tree.body)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname is None and alias.name.partition(".")[0] == name
    }
    return [f"import {module}" for module in sorted(loaded)] or [f"import {name}"]


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _is_call(node: ast.stmt) -> bool:
    """Is it of the shape of a stub's last statement?"""
    match node:
        case (
            ast.Return(value=ast.Call() | ast.Await(value=ast.Call()))
            | ast.Expr(value=ast.YieldFrom(value=ast.Call()))
            | ast.For(
                iter=ast.Await(value=ast.Call()),
                body=[ast.Expr(value=ast.Yield(value=ast.Name()))],
                orelse=[],
            )
        ):
            return True
    return False


def _body(source: SourceFile, function: FunctionNode) -> tuple[int, int]:
    """(offset behind the head or the docstring, the last line) of a function's body."""
    docstring, statements = docstring_and_rest(function)
    start = (
        _behind_docstring(source, docstring[0])
        if docstring
        else _behind_head(source, statements[0])
    )
    return start, last_line(source, function)


def _behind_docstring(source: SourceFile, node: ast.stmt) -> int:
    """Behind the docstring's line, or behind itself where more stands on that line."""
    line = node.end_lineno or 0
    start, stop = source.offset(line, node.end_col_offset or 0), line_end(source, line)
    rest = source.text[start:stop].lstrip(" \t\f")
    if rest.startswith("\\"):
        raise ValueError("its docstring is continued on the next line")
    if rest.startswith(";"):
        return stop - len(rest)
    return start if _on_line_of_head(source, node) else stop


def _on_line_of_head(source: SourceFile, first: ast.stmt) -> bool:
    """Does the body start on the line of the colon?"""
    start = source.line_start(first.lineno)
    before = source.text[start : source.offset(first.lineno, first.col_offset)]
    return bool(before.strip())


def _behind_head(source: SourceFile, first: ast.stmt) -> int:
    """Behind the colon of a function without docstring, and the comment on its line."""
    line = first_line(first)
    if line == first.lineno and _on_line_of_head(source, first):
        before = source.text[: source.offset(line, first.col_offset)].rstrip(" \t\f")
        if not before.endswith(":"):
            raise ValueError("its body does not start behind the colon")
        return len(before)
    while line > 1:
        line -= 1
        text = source.text[source.line_start(line) : line_end(source, line)].strip()
        if text and text != "\\" and not text.startswith("#"):
            break
    end = line_end(source, line)
    head = source.text[:end].removesuffix("\\").rstrip(" \t\f")
    return len(head) if head.endswith(":") else end


def _end_of_comments(source: SourceFile, function: FunctionNode, line: int) -> int:
    """The end of the last of the comment lines behind `line` that are indented as the body is."""
    depth, end = function.col_offset, 0
    for number in range(line + 1, len(source.line_starts) + 1):
        text = source.text[source.line_start(number) : line_end(source, number)]
        bare = text.lstrip(" \t\f")
        if bare and not (bare.startswith("#") and len(text) - len(bare) > depth):
            break
        if bare:
            end = line_end(source, number)
    return end


def _indent(source: SourceFile, function: FunctionNode) -> str:
    head = source.text[
        source.line_start(function.lineno) : source.offset(function.lineno, function.col_offset)
    ]
    first = function.body[0]
    before = source.text[
        source.line_start(first.lineno) : source.offset(first.lineno, first.col_offset)
    ]
    if not before.strip() and len(before) > len(head):
        return before
    return head + ("\t" if head.endswith("\t") else "    ")
