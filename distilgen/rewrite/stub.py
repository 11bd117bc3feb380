"""The second edit: the teacher's body makes place for a call of its student."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from distilgen import texts
from distilgen.rewrite.marks import docstring_and_rest, first_line
from distilgen.rewrite.splice import Edit
from distilgen.source import expressions
from distilgen.source.resolve import class_scope

if TYPE_CHECKING:
    import libcst

    from distilgen.rewrite.marks import FunctionNode
    from distilgen.source.facts import Binding, Facts
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed


def stub(source: SourceFile, function: FunctionNode, surveyed: Surveyed, contract: str) -> Edit:
    """Replace the body by a call of `contract`, an expression. Raises ValueError when it cannot be
    done with the names that the function sees.
    """
    start, stop = body_range(source, function)
    indent = _indent(source, function)
    arguments = [answer_type(surveyed), *(f"{name}={name}" for name in surveyed.arguments)]
    lines = texts.render(
        "stub.py.jinja",
        kind=_kind(surveyed),
        contract=contract,
        arguments=", ".join(arguments),
        imports=_local_imports(surveyed),
    ).splitlines()
    if source.text[start : start + 1] == ";":  # `def f(): """Doc."""; …`
        if any(line.endswith(":") for line in lines):
            raise ValueError("its docstring and body share a line")
        return Edit(start, stop, "; " + "; ".join(lines))
    return Edit(start, stop, "".join(f"{source.newline}{indent}{line}" for line in lines))


def unstub(source: SourceFile, function: FunctionNode, body: str) -> Edit:
    """Put the teacher's body back in the place of the stub's."""
    return Edit(*body_range(source, function), body)


def body_range(source: SourceFile, function: FunctionNode) -> tuple[int, int]:
    """Where a function's body stands in the text: from behind the line of its head or docstring
    to behind its last line, with the comments that belong to it.
    """
    docstring, statements = docstring_and_rest(function)
    if docstring:
        start = source.offset(docstring[0].end_lineno or 0, docstring[0].end_col_offset or 0)
        rest = source.text[start : _line_end(source, docstring[0].end_lineno or 0)]
        if rest.lstrip(" \t\f").startswith(";") and not statements:
            raise ValueError("its docstring ends with a semicolon")
        start += len(rest) - len(rest.lstrip(" \t\f"))
        if not rest.strip() or rest.lstrip(" \t\f").startswith("#"):
            start = _line_end(source, docstring[0].end_lineno or 0)
        elif source.text[start] != ";":
            raise ValueError("its docstring is continued on the next line")
    else:
        start = _behind_head(source, statements[0])
    last = function.end_lineno or 0
    stop = _line_end(source, last)
    while source.text[:stop].endswith("\\"):
        last += 1
        stop = _line_end(source, last)
    return start, max(stop, _end_of_comments(source, function, last))


def answer_type(surveyed: Surveyed) -> str:
    """The expression of the type that the student must answer with, as the author wrote it, but
    without the quotes that a string annotation has, and with the classes a method's body needs.
    """
    import libcst as cst  # noqa: PLC0415 - heavy, and needed by dispatch alone

    scope = _bound_in_class(surveyed)
    owner = ".".join(surveyed.function.classes)

    class Spell(cst.CSTTransformer):
        def visit_Subscript(self, node: cst.Subscript) -> bool:  # noqa: N802
            return _last_name(node.value) not in ("Literal", "Annotated")

        def leave_SimpleString(  # noqa: N802
            self, original_node: cst.SimpleString, updated_node: cst.SimpleString
        ) -> cst.BaseExpression:
            del original_node
            said = updated_node.evaluated_value
            return cst.parse_expression(said) if isinstance(said, str) else updated_node

        def leave_Name(  # noqa: N802
            self, original_node: cst.Name, updated_node: cst.Name
        ) -> cst.BaseExpression:
            del original_node
            if updated_node.value not in scope:
                return updated_node
            return cst.parse_expression(f"{owner}.{updated_node.value}")

    text = surveyed.function.returns or ""
    if surveyed.streams or "\n" in text or "#" in text or "Annotated" in text:
        text = surveyed.answer  # normalised, where the author's own spelling is not to be had
    expression = cst.parse_expression(text).visit(Spell())
    code = cst.Module([]).code_for_node(expression)  # type: ignore[arg-type]
    return f"list[{code}]" if surveyed.streams else code


def _kind(surveyed: Surveyed) -> str:
    async_ = "async" if surveyed.function.is_async else ""
    return f"{async_} {'generator' if surveyed.streams else ''}".strip()


def _last_name(node: libcst.BaseExpression) -> str:
    value = getattr(node, "attr", node)
    name = getattr(value, "value", "")
    return name if isinstance(name, str) else ""


def _names(surveyed: Surveyed) -> set[str]:
    tree = expressions.unquoted(expressions.parse(surveyed.answer))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _bound_in_class(surveyed: Surveyed) -> set[str]:
    """Names of the annotation that the class body binds, out of sight of the method's body."""
    scope = class_scope(surveyed.facts, surveyed.function.classes)
    return {
        name
        for name in _names(surveyed)
        if any(item.kind != "function" for item in scope.get(name, ()))
    }


def _local_imports(surveyed: Surveyed) -> list[str]:
    """Imports that the stub needs because the module makes them for type checkers only."""
    facts, lines = surveyed.facts, []
    parameters = {parameter.name for parameter in surveyed.function.parameters}
    for name in sorted(_names(surveyed)):
        if name in parameters:
            raise ValueError(f"its parameter {name} hides the type of that name")
        bindings = facts.scope.get(name, ())
        if bindings and all(item.typing_only for item in bindings):
            lines.append(_import_line(name, bindings[-1], facts))
    return lines


def _import_line(name: str, binding: Binding, facts: Facts) -> str:
    found = binding.imported
    if found is None:
        raise ValueError(f"{name} is defined under TYPE_CHECKING in {facts.name}")
    as_name = "" if (found.name or found.module) == name else f" as {name}"
    if found.name is None:
        return f"import {found.module}{as_name}"
    return f"from {'.' * found.level}{found.module} import {found.name}{as_name}"


def _line_end(source: SourceFile, line: int) -> int:
    """Offset of the end of a line, before its newline."""
    start, behind = source.line_start(line), source.line_start(line + 1)
    return start + len(source.text[start:behind].rstrip("\r\n"))


def _behind_head(source: SourceFile, first: ast.stmt) -> int:
    """Behind the line with the colon of a function without docstring."""
    line = first_line(first)
    start = source.line_start(line)
    before = source.text[start : source.offset(first.lineno, first.col_offset)]
    if line == first.lineno and before.strip():  # the body stands on the line of the colon
        head = before.rstrip(" \t\f")
        if not head.endswith(":"):
            raise ValueError("its body does not start behind the colon")
        return start + len(head)
    while line > 1:
        line -= 1
        text = source.text[source.line_start(line) : _line_end(source, line)].strip()
        if text and not text.startswith("#"):
            break
    end = _line_end(source, line)
    if source.text[:end].endswith("\\"):
        raise ValueError("its head is continued on the next line")
    return end


def _end_of_comments(source: SourceFile, function: FunctionNode, line: int) -> int:
    """The end of the last of the comment lines behind `line` that are indented as the body is."""
    depth, end = function.col_offset, 0
    for number in range(line + 1, len(source.line_starts) + 1):
        text = source.text[source.line_start(number) : _line_end(source, number)]
        bare = text.lstrip(" \t\f")
        if bare and not (bare.startswith("#") and len(text) - len(bare) > depth):
            break
        if bare:
            end = _line_end(source, number)
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
