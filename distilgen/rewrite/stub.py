"""The second edit: the teacher's body makes place for a call of its student."""

from __future__ import annotations

import ast
import io
import tokenize
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen import texts
from distilgen.errors import SourceError
from distilgen.rewrite.answer import answer_of, free
from distilgen.rewrite.indentation import margin, reindented
from distilgen.rewrite.marks import docstring_and_rest
from distilgen.rewrite.splice import Edit, is_for_tools, last_line, line_end, start_line
from distilgen.source import expressions
from distilgen.source.files import SourceFile, parse
from distilgen.source.reader import says_nothing

if TYPE_CHECKING:
    from distilgen.rewrite.marks import FunctionNode, Mark
    from distilgen.source.functions import Surveyed

_ITEM = "answer"
"""What the loop of an async generator's stub binds, where no parameter or type has that name."""


def stub(source: SourceFile, function: FunctionNode, surveyed: Surveyed, contract: str) -> Edit:
    """Replace the body by a call of `contract`, an expression. Raises ValueError when it cannot be
    done with the names that the function sees.
    """
    refuse_value_behind_items(surveyed)
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


def refuse_value_behind_items(surveyed: Surveyed) -> None:
    """Raises ValueError for a generator with a return value: `Generator[Item, None, str]`."""
    match expressions.unquoted(expressions.parse(surveyed.function.returns or "None")):
        case ast.Subscript(slice=ast.Tuple(elts=[_, _, last])) if surveyed.streams:
            if not (isinstance(last, ast.Constant) and last.value is None):
                message = "it returns a value behind its items, for which a student has no place"
                raise ValueError(message)


def unstub(source: SourceFile, mark: Mark, body: str) -> Edit:
    """Put the teacher's body back in the place of the stub's, indented as that is. Raises
    ValueError when the stub holds what we did not write.
    """
    function = mark.function
    docstring, statements = docstring_and_rest(function)
    call = _call(statements[-1]) if statements else None
    for place, statement in enumerate(statements, 1):
        last = place == len(statements)
        if call is None or not (_is_ours(call, mark) if last else _is_for(statement, call)):
            raise ValueError(
                f"line {statement.lineno} is not of the stub, and would be lost; move it elsewhere"
            )
    start, end = _body(source, function)
    _refuse_comments(source, start, line_end(source, end))
    if docstring:
        start, body = _with_docstring(source, docstring[0], start, body)
    wanted = margin(source, statements[0]) if statements else None
    back = body if wanted is None else reindented(body, wanted)
    return Edit(start, line_end(source, end), back)


def _refuse_comments(source: SourceFile, start: int, stop: int) -> None:
    """Raises ValueError for a comment of the user's in a stub; those that silence tools go."""
    if "#" not in source.text[start:stop]:
        return
    text = source.text[start:stop]
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(f"def f(): 0{text}").readline))
    except (tokenize.TokenError, SyntaxError):
        return
    first = bisect_right(source.line_starts, start)
    for token in tokens:
        if token.type == tokenize.COMMENT and not is_for_tools(token.string):
            line = first + token.start[0] - 1
            raise ValueError(f"the comment on line {line} would be lost; move it elsewhere")


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


def is_empty(body: str) -> bool:
    """Does a removed body do nothing?"""
    head = "async def f(): ''" if body.lstrip().startswith(";") else "async def f():"
    try:
        function = parse(f"{head}{body}", Path("body")).body[0]
    except SourceError:
        return True  # comments alone
    assert isinstance(function, ast.AsyncFunctionDef)  # noqa: S101 - it was written above
    return all(map(says_nothing, function.body))


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


def _kind(surveyed: Surveyed) -> str:
    async_ = "async" if surveyed.function.is_async else ""
    return f"{async_} {'generator' if surveyed.streams else ''}".strip()


def _call(node: ast.stmt) -> ast.Call | None:
    """What a stub's last statement calls, where it is of that shape."""
    match node:
        case (
            ast.Return(value=ast.Call() as call)
            | ast.Return(value=ast.Await(value=ast.Call() as call))
            | ast.Expr(value=ast.YieldFrom(value=ast.Call() as call))
        ):
            return call
        case ast.For(
            target=ast.Name(id=item),
            iter=ast.Await(value=ast.Call() as call),
            body=[ast.Expr(value=ast.Yield(value=ast.Name(id=given)))],
            orelse=[],
        ) if item == given:
            return call
    return None


def _is_ours(call: ast.Call, mark: Mark) -> bool:
    """Does it call the student with the type and the parameters, and nothing else?"""
    given = all(
        isinstance(item.value, ast.Name) and item.value.id == item.arg for item in call.keywords
    )
    return given and call.func is mark.stub and len(call.args) == 1


def _is_for(node: ast.stmt, call: ast.Call) -> bool:
    """Is it an import that the type in the call needs?"""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return False
    names = {item.id for item in ast.walk(call) if isinstance(item, ast.Name)}
    return all((i.asname or i.name.partition(".")[0]) in names for i in node.names)


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
