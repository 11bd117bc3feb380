"""What every edit must keep: the module compiles, and nothing of the user's has changed."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import marks
from distilgen.rewrite.marks import FunctionNode
from distilgen.rewrite.splice import start_line
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.source.files import SourceFile

_COMMENTS = re.compile(r"[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)")
"""A line of nothing but white space and a comment."""


def edited(source: SourceFile, found: marks.Marks, after: bytes) -> tuple[SourceFile, marks.Marks]:
    """The file as it is after an edit, and what of it is ours then.

    Raises SourceError when it would not compile, or when its syntax tree, without our nodes and
    without the bodies of the functions that are or were stubs, is another one. Where the texts of
    two statements are the same, so are their trees: trees are compared where texts differ.
    """
    path = source.path
    try:
        result = files.decode(after, path)
        now = marks.find(result)
        before, behind = _Side(source, found), _Side(result, now)
        _compile(before, behind)
        same = _are_same(before, before.body, behind, behind.body)
    except (SyntaxError, ValueError, SourceError, RecursionError, MemoryError) as error:
        message = f"would not compile after the edit ({error}); left as it is"
        raise SourceError(path, message) from error
    if not same:
        raise SourceError(path, "the edit would change more than it should; left as it is")
    return result, now


def unused(source: SourceFile, found: marks.Marks) -> None:
    """The imports of sidecars can go. Raises SourceError where the user's own code needs one."""
    ours = [name for mark in found.all for name in mark.references]
    names = {item.name for item in found.imports}
    words = re.findall(rf"\b(?:{'|'.join(names)})\b", source.text) if names else []
    if len(words) == len(found.imports) + len(ours):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in names and node not in ours:
            message = f"{node.id} is used here, and its import would go; take that out first"
            raise SourceError(source.path, message, line=node.lineno)


@dataclass(frozen=True, eq=False)
class _Side:
    """A module before or after an edit, and what of it is ours."""

    source: SourceFile
    found: marks.Marks

    @property
    def body(self) -> list[ast.stmt]:
        return self.source.tree.body

    @cached_property
    def _lines(self) -> list[int]:
        ours = [item.node.lineno for item in self.found.imports]
        return sorted(ours + [mark.function.lineno for mark in self.found.all])

    @cached_property
    def _marks(self) -> dict[FunctionNode, marks.Mark]:
        return {mark.function: mark for mark in self.found.all}

    @cached_property
    def _imports(self) -> list[ast.stmt]:
        return [item.node for item in self.found.imports]

    @property
    def functions(self) -> list[FunctionNode]:
        return [function for _, function in marks.functions(self.source.tree)]

    def mark(self, function: FunctionNode) -> marks.Mark | None:
        """What of a function is ours."""
        return self._marks.get(function)

    def is_stub(self, function: FunctionNode) -> bool:
        """Is it dispatched?"""
        mark = self.mark(function)
        return mark is not None and mark.stub is not None

    def touches(self, node: ast.stmt) -> bool:
        """Does a statement hold something of ours?"""
        place = bisect_left(self._lines, marks.first_line(node))
        return place < len(self._lines) and self._lines[place] <= (node.end_lineno or 0)

    def drops(self, node: ast.stmt) -> bool:
        """Is a statement nothing but an import of a sidecar?"""
        return node in self._imports and len(getattr(node, "names", ())) == 1

    def imported(self, node: ast.Import | ast.ImportFrom) -> list[tuple[str, str | None]]:
        """What a statement imports besides sidecars."""
        ours = {item.name for item in self.found.imports if item.node is node}
        return [(i.name, i.asname) for i in node.names if (i.asname or i.name) not in ours]

    def span(self, node: ast.stmt) -> tuple[int, int]:
        """Where a statement starts, decorators included, and ends."""
        start = self.source.offset(node.lineno, node.col_offset)
        if getattr(node, "decorator_list", []):
            start = self.source.line_start(start_line(self.source, node))
        return start, self.source.offset(node.end_lineno or 0, node.end_col_offset or 0)

    def text(self, node: ast.stmt) -> str:
        """A statement as it is written."""
        start, stop = self.span(node)
        return self.source.text[start:stop]

    def frame(self, node: ast.stmt, inner: Sequence[ast.stmt]) -> list[str]:
        """The text of a compound statement around those that are in it, but for comments."""
        start, stop = self.span(node)
        gaps = [""]
        for child in inner:
            first, last = self.span(child)
            gaps[-1] += self.source.text[start:first]
            if not self.drops(child):
                gaps.append("")
            start = last
        gaps[-1] += self.source.text[start:stop]
        return [" ".join(_COMMENTS.sub("", gap).replace(";", " ").split()) for gap in gaps]


def _are_same(
    before: _Side, ones: Sequence[ast.stmt], after: _Side, others: Sequence[ast.stmt]
) -> bool:
    pairs = zip_longest(
        (node for node in ones if not before.drops(node)),
        (node for node in others if not after.drops(node)),
    )
    return all(one and other and _is_same(before, one, after, other) for one, other in pairs)


def _is_same(before: _Side, one: ast.stmt, after: _Side, other: ast.stmt) -> bool:
    if not (before.touches(one) or after.touches(other)):
        return before.text(one) == after.text(other) or _dumped(one) == _dumped(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, FunctionNode) and isinstance(other, FunctionNode):
        return _is_same_function(before, one, after, other)
    if isinstance(one, ast.ImportFrom) and isinstance(other, ast.ImportFrom):
        place = (one.module, one.level) == (other.module, other.level)
        return place and before.imported(one) == after.imported(other)
    if isinstance(one, ast.Import) and isinstance(other, ast.Import):
        return before.imported(one) == after.imported(other)
    inner, others = list(_inner(one)), list(_inner(other))
    return before.frame(one, inner) == after.frame(other, others) and _are_same(
        before, inner, after, others
    )


def _is_same_function(before: _Side, one: FunctionNode, after: _Side, other: FunctionNode) -> bool:
    marked = before.mark(one), after.mark(other)
    heads = [_head(node, mark) for node, mark in zip((one, other), marked, strict=True)]
    (docstring, body), (docstring_then, body_then) = map(marks.docstring_and_rest, (one, other))
    if heads[0] != heads[1] or _dumped(*docstring) != _dumped(*docstring_then):
        return False
    if before.is_stub(one) or after.is_stub(other):
        return True
    texts = [map(side.text, part) for side, part in ((before, body), (after, body_then))]
    return list(texts[0]) == list(texts[1]) or _dumped(*body) == _dumped(*body_then)


def _head(function: FunctionNode, mark: marks.Mark | None) -> list[str]:
    """What a function is but for its body, without our decorator."""
    ours = mark.decorator if mark else None
    others = [node for node in function.decorator_list if node is not ours]
    parts = [function.args, *([function.returns] if function.returns else []), *others]
    return [function.name, _dumped(*getattr(function, "type_params", [])), *map(_dumped, parts)]


def _inner(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements that stand directly in a compound one, in their order."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from _inner(child)


def _dumped(*nodes: ast.AST) -> str:
    return "\n".join(map(ast.dump, nodes))


def _compile(before: _Side, after: _Side) -> None:
    """What of a module is ours, or stands in the place of what is or was: imports, stubs, bodies.
    Raises SyntaxError, ValueError.
    """
    changed: list[ast.stmt] = []
    for one, other in zip(before.functions, after.functions, strict=False):
        if before.is_stub(one) or after.is_stub(other):
            changed += [one, other]
    definitions = ast.ClassDef | FunctionNode
    rest = [node for node in after.body if not isinstance(node, definitions)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.Module([*rest, *changed], [])
        compile(tree, str(after.source.path), "exec", dont_inherit=True)
