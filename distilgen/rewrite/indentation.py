"""The indentation of a function's body, when its function has moved in or out meanwhile."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.source.files import SourceFile, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = "def f():"
_NEWLINE = re.compile(r"[\r\n]")
_CONTINUED = re.compile(r"\\(?:\r\n|\r|\n)")


def margin(source: SourceFile, node: ast.stmt) -> str | None:
    """The white space before a statement; None where more is on its line."""
    start = source.line_start(node.lineno)
    before = source.text[start : source.offset(node.lineno, node.col_offset)]
    return None if before.strip() else before


def reindented(body: str, wanted: str) -> str:
    """A body, as it stands behind the head of its function, with `wanted` as its indentation.

    The lines of its strings stay as they are, and so does a body on the line of the head or of the
    docstring.
    """
    text = _HEAD + body
    try:
        statements = parse(text, Path("body"))
    except SourceError:
        return body
    source = SourceFile(Path("body"), b"", text, "utf-8")
    function = statements.body[0]
    first = getattr(function, "body", [function])[0]
    old = margin(source, first)
    ahead = _CONTINUED.sub("", text[: source.offset(first.lineno, first.col_offset)])
    if old is None or old == wanted or not _NEWLINE.search(ahead):
        return body
    inside = {line for lines in _string_lines(function) for line in lines}
    starts = [*source.line_starts, len(text)]
    lines = [text[start:stop] for start, stop in pairwise(starts)]
    for place, line in enumerate(lines):
        if place + 1 not in inside and line.startswith(old) and line.strip():
            lines[place] = wanted + line[len(old) :]
    return "".join(lines)[len(_HEAD) :]


def _string_lines(node: ast.AST) -> Iterator[range]:
    """The lines that start inside of a string."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield range(node.lineno + 1, (node.end_lineno or 0) + 1)
        return  # up to Python 3.11 what is in an f-string has places of its own
    for child in ast.iter_child_nodes(node):
        yield from _string_lines(child)
