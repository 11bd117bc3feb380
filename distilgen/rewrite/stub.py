"""The second edit: the teacher's body makes place for a call of its student."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen import texts
from distilgen.errors import SourceError
from distilgen.rewrite.answer import answer_of, free
from distilgen.rewrite.indentation import margin, reindented
from distilgen.rewrite.marks import docstring_and_rest
from distilgen.rewrite.splice import Edit, last_line, line_end, start_line
from distilgen.source import expressions
from distilgen.source.files import SourceFile, parse

if TYPE_CHECKING:
    from distilgen.rewrite.marks import FunctionNode
    from distilgen.source.functions import Surveyed

_ITEM = "answer"
"""What the loop of an async generator's stub binds, where no parameter or type has that name."""


def stub(source: SourceFile, function: FunctionNode, surveyed: Surveyed, contract: str) -> Edit:
    """Replace the body by a call of `contract`, an expression. Raises ValueError when it cannot be
    done with the names that the function sees.
    """
    if _returns_behind_items(surveyed):
        raise ValueError("it returns a value behind its items, for which a student has no place")
    answer = answer_of(source, surveyed)
    lines = texts.render(
        "stub.py.jinja",
        kind=_kind(surveyed),
        contract=contract,
        arguments=", ".join([answer.code, *(f"{name}={name}" for name in surveyed.arguments)]),
        imports=answer.imports,
        item=free(_ITEM, answer.names.union(surveyed.arguments, [surveyed.receiver])),
    ).splitlines()
    start, last = _body(source, function)
    stop = max(line_end(source, last), _end_of_comments(source, function, last))
    docstring = docstring_and_rest(function)[0]
    if docstring and _on_line_of_head(source, docstring[0]):
        if not any(line.endswith(":") for line in lines):
            return Edit(start, stop, "; " + "; ".join(lines))
        # No loop can follow it on its line, so that it goes with the body, and starts the stub.
        start, before = _behind_head(source, docstring[0]), start
        lines.insert(0, source.text[start:before].strip(" \t\f\\\r\n"))
    indent = _indent(source, function)
    return Edit(start, stop, "".join(f"{source.newline}{indent}{line}" for line in lines))


def unstub(source: SourceFile, function: FunctionNode, body: str) -> Edit:
    """Put the teacher's body back in the place of the stub's, indented as that is. Raises
    ValueError when the stub holds what we did not write.
    """
    docstring, statements = docstring_and_rest(function)
    for place, statement in enumerate(statements, 1):
        if not (_is_call(statement) if place == len(statements) else _is_import(statement)):
            raise ValueError(
                f"line {statement.lineno} is not of the stub, and would be lost; move it elsewhere"
            )
    start, last = _body(source, function)
    if docstring:
        start, body = _with_docstring(source, docstring[0], start, body)
    wanted = margin(source, statements[0]) if statements else None
    back = body if wanted is None else reindented(body, wanted)
    return Edit(start, line_end(source, last), back)


def _with_docstring(
    source: SourceFile, docstring: ast.stmt, start: int, body: str
) -> tuple[int, str]:
    """(where a body goes that belongs behind a docstring, the body), where `start` is right for one
    on lines of its own. Raises ValueError where more is in its way than we have written.
    """
    line = docstring.end_lineno or 0
    behind = source.offset(line, docstring.end_col_offset or 0)
    first = body.lstrip(" \t\f")[:1]
    if first in (";", "\\") and source.text[behind:start].strip(" \t\f"):
        raise ValueError(
            f"its body goes on in line {line}, behind the docstring, and so does a comment; move "
            "that elsewhere"
        )
    if first in ("", ";", "\\", "#", "\r", "\n"):
        return start, body
    # It stood on the line of the head, and went with the body: it is taken from the stub again.
    before = source.offset(docstring.lineno, docstring.col_offset)
    start = _behind_head(source, docstring)
    if source.text[start:before].strip():
        raise ValueError(
            f"a comment before line {docstring.lineno} would be lost; move it elsewhere"
        )
    kept = _docstring_of(body)
    if kept is None:
        raise ValueError("its body has no place behind a docstring; take the docstring out")
    return start, body[: kept.start] + source.text[before:behind] + body[kept.stop :]


def _docstring_of(body: str) -> slice | None:
    """Where in a body that starts on the line of its head the docstring is."""
    text = f"async def f():{body}"
    try:
        read = SourceFile(Path("body"), b"", text, "utf-8")
        function = parse(text, Path("body")).body[0]
    except SourceError:
        return None
    assert isinstance(function, ast.AsyncFunctionDef)  # noqa: S101 - it was written above
    for node in docstring_and_rest(function)[0]:
        start = read.offset(node.lineno, node.col_offset)
        stop = read.offset(node.end_lineno or 0, node.end_col_offset or 0)
        return slice(start - len(text) + len(body), stop - len(text) + len(body))
    return None


def _returns_behind_items(surveyed: Surveyed) -> bool:
    """Is it annotated as a generator with a return value: `Generator[Item, None, str]`?"""
    match expressions.unquoted(expressions.parse(surveyed.function.returns or "None")):
        case ast.Subscript(slice=ast.Tuple(elts=[_, _, last])) if surveyed.streams:
            return not (isinstance(last, ast.Constant) and last.value is None)
    return False


def _kind(surveyed: Surveyed) -> str:
    async_ = "async" if surveyed.function.is_async else ""
    return f"{async_} {'generator' if surveyed.streams else ''}".strip()


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
        return start
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
    line = start_line(source, first)
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
    before = margin(source, function.body[0])
    if before is not None and len(before) > len(head):
        return before
    return head + ("\t" if head.endswith("\t") else "    ")
