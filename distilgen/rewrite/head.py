"""The head of a module: blocks of imports, their sections, and the place of one import more.

The order is that of isort and of ruff with default settings, so that a head which they leave alone
is left alone afterwards, too: sections with a blank line between them (the future's, the standard
library's, others', the project's own, relative ones), `import` before `from` in each, names in
alphabetical order, an import with `as` in a statement of its own.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from distilgen.rewrite.marks import first_line
from distilgen.rewrite.splice import last_line, line_end, start_line
from distilgen.source import modules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from distilgen.source.files import SourceFile

ImportNode = ast.Import | ast.ImportFrom

_SURGERY = ("sys.path", "addsitedir")
"""What a statement says that changes where imports are looked for."""


class Place(NamedTuple):
    """Where a line goes: behind line `behind` (0 for the top), with so many blank lines before it
    and after it. Their number never depends on the blank lines that are there: what a module looks
    like afterwards says what it was before.
    """

    behind: int
    before: int = 0
    after: int = 0


@dataclass(frozen=True, eq=False)
class Head:
    """The top-level statements of a module.

    ours: an import of the sidecar, which is thought away with the lines of `gone`.
    """

    source: SourceFile
    ours: ImportNode | None = None
    gone: range = range(0)

    def place(self, wanted: ImportNode | None, first_use: int) -> Place:
        """Where `wanted` goes, so that it runs before the statement on line `first_use`, and behind
        what changes `sys.path`; None goes behind the block.
        """
        ahead = [node for node in self._body if first_line(node) < first_use]
        surgery = [place for place, node in enumerate(ahead) if self._is_surgery(node)]
        start = surgery[-1] + 1 if surgery else 0
        block = _first_block(ahead[start:])
        if block and wanted is None:
            return Place(self._behind(block[-1]))
        if block and wanted:
            return self._in_block(block, wanted)
        if surgery:
            return Place(self._behind(ahead[start - 1]), before=1)
        if ahead and is_docstring(ahead[0]):
            return Place(self._behind(ahead[0]), before=1)
        if not self._body:
            return Place(0)
        above = self._above(self._body[0])
        big = isinstance(self._body[0], ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        return Place(above, after=0 if above else 2 if big else 1)

    @cached_property
    def _body(self) -> list[ast.stmt]:
        return [node for node in self.source.tree.body if node is not self.ours]

    def _in_block(self, block: Sequence[ImportNode], wanted: ImportNode) -> Place:
        """In the section of its like, or behind the block, in a section of its own."""
        block = [node for node in block if not _is_future(node)] or block
        section = self._section(block, wanted)
        if not section:
            relative = next((node for node in block if getattr(node, "level", 0)), None)
            if relative:
                return Place(self._above(relative), after=1)
            return Place(self._behind(block[-1]), before=1)
        follower = next((node for node in section if _key(node) > _key(wanted)), None)
        if follower is None:
            return Place(self._behind(section[-1]))
        above = self._above(follower)
        return Place(above, after=int(self._has_comment_behind(above)))

    def _section(self, block: Sequence[ImportNode], wanted: ImportNode) -> Sequence[ImportNode]:
        """The imports among which `wanted` belongs; none where it is the first of its like."""
        if isinstance(wanted, ast.ImportFrom):
            return [node for node in block if isinstance(node, ast.ImportFrom) and node.level]
        tops = {top for node in block for top in _tops(node)}
        like = _likeness(wanted, self.source.path.parent, tops)
        return next((part for part in self._sections(block) if any(map(like, part))), [])

    def _sections(self, block: Sequence[ImportNode]) -> list[list[ImportNode]]:
        """The imports with no blank line between them, together."""
        sections: list[list[ImportNode]] = []
        for place, node in enumerate(block):
            between = range(block[place - 1].end_lineno or 0, node.lineno) if place else range(0)
            apart = place and (
                any(map(self._is_blank, self._standing(between))) or _is_future(block[place - 1])
            )
            if not place or apart:
                sections.append([])
            sections[-1].append(node)
        return sections

    def _behind(self, node: ast.stmt) -> int:
        """The last line of a statement and of those that share it."""
        last = 0
        for other in self._body[self._body.index(node) :]:
            if last and other.lineno > last:
                break
            last = last_line(self.source, other)
        return last

    def _above(self, node: ast.stmt) -> int:
        """The line above a statement, those that share its line, and the comments on top of it."""
        line = start_line(self.source, node)
        for other in reversed(self._body[: self._body.index(node)]):
            if last_line(self.source, other) < line:
                break
            line = start_line(self.source, other)
        above = list(self._standing(range(line - 1, 0, -1)))
        comments = list(takewhile(self._is_comment, above))
        if len(comments) == len(above):  # what a file starts with stays there
            comments = []
        return [*above, 0][len(comments)]

    def _has_comment_behind(self, line: int) -> bool:
        behind = range(line + 1, len(self.source.line_starts) + 1)
        first = next((n for n in behind if n not in self.gone), 0)
        return first > 0 and self._is_comment(first)

    def _is_surgery(self, node: ast.stmt) -> bool:
        if isinstance(node, ImportNode | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return False
        start = self.source.line_start(node.lineno)
        text = self.source.text[start : self.source.line_start((node.end_lineno or 0) + 1)]
        return any(word in text for word in _SURGERY)

    def _standing(self, lines: range) -> Sequence[int]:
        if not self.gone:
            return lines
        return [line for line in lines if line not in self.gone]

    def _is_blank(self, line: int) -> bool:
        return not self._text(line)

    def _is_comment(self, line: int) -> bool:
        return self._text(line).startswith("#")

    def _text(self, line: int) -> str:
        return self.source.text[self.source.line_start(line) : line_end(self.source, line)].strip()


def is_docstring(node: ast.stmt) -> bool:
    """Is it a statement of a string alone?"""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _first_block(body: Sequence[ast.stmt]) -> list[ImportNode]:
    """The first run of imports, one of more than the future's where there is one."""
    blocks: list[list[ImportNode]] = []
    inside = False
    for node in body:
        if isinstance(node, ImportNode):
            if not inside:
                blocks.append([])
            blocks[-1].append(node)
        inside = isinstance(node, ImportNode)
    return next((b for b in blocks if not all(map(_is_future, b))), blocks[0] if blocks else [])


def _is_future(node: ImportNode) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level


def _likeness(wanted: ast.Import, folder: Path, tops: set[str]) -> Callable[[ImportNode], bool]:
    """Tells whether an import belongs into the section of `wanted`, in a file of `folder` that
    imports `tops`.
    """
    own, dot, _ = wanted.names[0].name.partition(".")
    if dot:
        return lambda node: own in _tops(node)
    if _is_below_project(folder) and not any(_is_beside(top, folder) for top in tops):
        return lambda node: any(not modules.is_standard(top) for top in _tops(node))
    return lambda node: any(_is_beside(top, folder) for top in _tops(node))


def _is_below_project(folder: Path) -> bool:
    """Is it no import root of its own, so that tools take what is in it for others' modules?"""
    return not modules.is_root(folder) and any(map(modules.is_project, folder.parents))


def _is_beside(top: str, folder: Path) -> bool:
    if modules.is_standard(top):
        return False
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _tops(node: ImportNode) -> set[str]:
    """The first parts of the modules that a statement imports; none of a relative one."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return set() if node.level else {(node.module or "").partition(".")[0]}


def _key(node: ImportNode) -> tuple[int, bool, int, str, tuple[int, str]]:
    """What isort and ruff sort the statements of a section by."""
    name = node.names[0].name
    if isinstance(node, ast.Import):
        return 0, False, 0, name.lower(), (0, "")
    return 1, node.level > 0, -node.level, (node.module or "").lower(), member_key(name)


def member_key(name: str) -> tuple[int, str]:
    """What isort and ruff sort the names by that a statement imports from one module."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()
