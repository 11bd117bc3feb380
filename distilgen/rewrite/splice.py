"""Edits at offsets of a file's text; every byte outside them stays as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable

    from distilgen.source.files import SourceFile


_TO_TOOLS = re.compile(
    r"#\s*(?:type:|noqa\b|pyright:|mypy:|pyrefly:|ty:|pylint:|ruff:|isort:|fmt:|nosec\b|pragma:)"
).match


@dataclass(frozen=True)
class Edit:
    """Replace `text[start:stop]` by `replacement`; an insertion where start is stop."""

    start: int
    stop: int
    replacement: str


def splice(source: SourceFile, edits: Iterable[Edit]) -> bytes:
    """The file's bytes with the edits made. Edits must not overlap; insertions at one place stay in
    the order in which they are given.

    Pieces of the original are encoded by themselves and compared with the original's bytes, so
    that an encoding with a state cannot change what lies between two edits. Raises ValueError when
    one would.
    """
    text, at, done = source.text, 0, 0
    bom = len(source.raw) - len(text.encode(source.encoding))
    raw, made = source.raw[bom:], [source.raw[:bom]]
    for edit in sorted(edits, key=lambda item: (item.start, item.stop)):
        if edit.start < at:
            raise ValueError("edits overlap")
        for piece, replacement in (
            (text[at : edit.start], None),
            (text[edit.start : edit.stop], edit.replacement),
        ):
            encoded = piece.encode(source.encoding)
            if raw[done : done + len(encoded)] != encoded:
                raise ValueError(f"cannot be edited in its encoding, {source.encoding}")
            done += len(encoded)
            made.append(encoded if replacement is None else replacement.encode(source.encoding))
        at = edit.stop
    rest = text[at:].encode(source.encoding)
    if raw[done:] != rest:
        raise ValueError(f"cannot be edited in its encoding, {source.encoding}")
    return b"".join([*made, rest])


def span(source: SourceFile, node: ast.alias | ast.stmt | ast.expr) -> tuple[int, int]:
    """Where a node starts and ends in the text."""
    return (
        source.offset(node.lineno, node.col_offset),
        source.offset(node.end_lineno or 0, node.end_col_offset or 0),
    )


def line_end(source: SourceFile, line: int) -> int:
    """Offset of the end of a line, before its newline."""
    start, behind = source.line_start(line), source.line_start(line + 1)
    return start + len(source.text[start:behind].rstrip("\r\n"))


def start_line(source: SourceFile, node: ast.stmt) -> int:
    """The line on which a statement starts, that of the `@` of its first decorator included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    if not decorators:
        return node.lineno
    line = min(item.lineno for item in decorators)  # brackets may have opened further up
    while line > 1 and not source.text[source.line_start(line) :].lstrip(" \t\f").startswith("@"):
        line -= 1
    return line


def last_line(source: SourceFile, node: ast.stmt) -> int:
    """The line on which a statement ends, with the lines that a backslash behind it adds."""
    line = node.end_lineno or 0
    rest = source.text[source.offset(line, node.end_col_offset or 0) : line_end(source, line)]
    while rest.endswith("\\") and "#" not in rest:  # a comment may end so, and adds none
        line += 1
        rest = source.text[source.line_start(line) : line_end(source, line)]
    return line


def kept_comment(before: str, after: str) -> str:
    """What stays of a line that goes: its author's comment, on a line of its own. before, after:
    the line's text around what is ours.
    """
    comment = after[after.find("#") :] if "#" in after else ""
    return "" if not comment or is_for_tools(comment) else f"{before}{comment}"


def is_for_tools(comment: str) -> bool:
    """Does a comment speak to a type checker, a linter or a sorter, of the line that it is on?"""
    return _TO_TOOLS(comment) is not None
