"""Imports that went with the bodies that used them: what is kept of them, and how they come back.

They come back one after the other, from the top of the file to its bottom. So each one's line is
right where nobody has touched the file: everything above it is there again.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.rewrite import cuts
from distilgen.rewrite.head import Head, ImportNode, is_docstring
from distilgen.rewrite.splice import Edit, last_line, splice, start_line
from distilgen.source import files
from distilgen.source.slices import left_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from distilgen.rewrite.cuts import Cut
    from distilgen.source.files import SourceFile


_DECORATOR = re.compile(r"@\w+\.\w+\.record")
_NEWLINE = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class Pruned:
    """What went of an import statement. line: its first one, in the module with all its imports.
    names: those that it bound and that are away. removed: its lines, with the newlines. left: what
    stands in their place; empty where nothing does. before, after: the lines around them, that
    after them as it is without the other imports that went, and without a decorator of ours; None
    at the top and the bottom.
    """

    line: int
    names: tuple[str, ...]
    removed: str
    left: str
    before: str | None
    after: str | None


def records(source: SourceFile, found: Sequence[Cut]) -> tuple[Pruned, ...]:
    """What to keep of the cuts, in their order, that are made in a module with all its imports."""
    made = []
    for place, cut in enumerate(found):
        after = _after(source, cut.lines.stop)
        for behind, other in zip(found[place:], found[place + 1 :], strict=False):
            if other.lines.start != behind.lines.stop:
                break
            if other.left:
                after = _lines(other.left)[0]
                break
            after = _after(source, other.lines.stop)
        removed = cuts.lines_of(source, cut.lines)
        before = _line(source, cut.lines.start - 1)
        made.append(Pruned(cut.lines.start, cut.names, removed, cut.left, before, after))
    return tuple(made)


def back(source: SourceFile, pruned: Sequence[Pruned], names: Collection[str]) -> SourceFile:
    """The module with those of `names` back that it has not bound anew: where they were, or, where
    that place is no more, as near as can be. Raises ValueError, UnicodeEncodeError, SourceError.
    """
    missing = set(names) - left_bound(source.tree)
    for item in sorted(pruned, key=lambda item: item.line):
        away = [name for name in item.names if name in missing]
        if away:
            source = files.decode(splice(source, [_edit(source, item, away)]), source.path)
    return source


def _edit(source: SourceFile, item: Pruned, names: Collection[str]) -> Edit:
    """What brings names of a statement back."""
    wanted = cuts.without(item.removed, set(item.names) - set(names))
    if item.left:
        left = _lines(item.left)
        line = _only(source, lambda line: _has(source, line, left), item.line)
        if line:
            stop = source.line_start(line + len(left))
            return Edit(source.line_start(line), stop, wanted)
        node = _statement(item.removed, names)
        wanted = ast.unparse(node) + source.newline
        line = _behind_like(source, node)
        if line:
            return _insertion(source, line, wanted)
    bare = wanted.strip("\r\n") + source.newline
    line = _only(
        source,
        lambda line: (_line(source, line - 1), _after(source, line)) == (item.before, item.after),
        item.line,
    )
    if line:
        return _insertion(source, line, wanted)
    if item.before:
        line = _only(source, lambda line: _line(source, line - 1) == item.before)
    if item.after and not line:
        line = _only(source, lambda line: _after(source, line) == item.after)
    if line:
        return _insertion(source, line, bare)
    place = Head(source).place(None, len(source.line_starts) + 1)
    before, after = (source.newline * count for count in place[1:])
    return _insertion(source, place.behind + 1, f"{before}{bare}{after}")


def _insertion(source: SourceFile, line: int, text: str) -> Edit:
    """Lines above a line."""
    at = source.line_start(line)
    if at == len(source.text) and at and source.text[-1] not in "\r\n":
        text = source.newline + text
    elif at < len(source.text) and text[-1] not in "\r\n":
        text += source.newline
    return Edit(at, at, text)


def _only(source: SourceFile, fits: Callable[[int], bool], guess: int = 0) -> int:
    """The guessed line where it fits, else the only one that does; 0 for none. A line between
    statements it must be, behind those that have to come first.
    """
    found = [line for line in _between(source) if fits(line)]
    if guess in found:
        return guess
    return found[0] if len(found) == 1 else 0


def _between(source: SourceFile) -> Iterator[int]:
    """The lines above which a statement may be."""
    inside: set[int] = set()
    first = 1
    for place, node in enumerate(source.tree.body):
        last = last_line(source, node)
        inside.update(range(start_line(source, node) + 1, last + 1))
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if is_future or (not place and is_docstring(node)):
            first = last + 1
    return (line for line in range(first, len(source.line_starts) + 2) if line not in inside)


def _has(source: SourceFile, line: int, lines: Sequence[str]) -> bool:
    return all(_line(source, line + place) == text for place, text in enumerate(lines))


def _line(source: SourceFile, line: int) -> str | None:
    """A line without its newline; None for those that are not there."""
    if line < 1 or source.line_start(line) >= len(source.text):
        return None
    return cuts.lines_of(source, range(line, line + 1)).rstrip("\r\n")


def _after(source: SourceFile, line: int) -> str | None:
    """The line behind a place, a decorator of ours aside."""
    text = _line(source, line)
    while text is not None and _DECORATOR.fullmatch(text):
        line += 1
        text = _line(source, line)
    return text


def _lines(text: str) -> list[str]:
    return _NEWLINE.split(text.rstrip("\r\n"))


def _behind_like(source: SourceFile, wanted: ImportNode) -> int:
    """The line behind the only statement that imports from the same module; 0 for none."""
    if isinstance(wanted, ast.Import):
        return 0
    like = {
        last_line(source, node) + 1
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom)
        and (node.module, node.level) == (wanted.module, wanted.level)
    }
    return like.pop() if len(like) == 1 and not like.isdisjoint(_between(source)) else 0


def _statement(removed: str, names: Collection[str]) -> ImportNode:
    """A statement that imports nothing but some of the names that another imported."""
    node = files.parse(removed, Path("import")).body[0]
    assert isinstance(node, ImportNode)  # noqa: S101
    node.names = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in names]
    return node
