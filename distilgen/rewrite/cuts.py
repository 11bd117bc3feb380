"""Names cut out of import statements, and the lines of those that import nothing any more.

Only statements that stand at the top level, on lines of their own and ahead of all definitions, are
touched: their lines are the same whether bodies are there or not. What is left of a module has the
blank lines that sorting and formatting tools want.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite.head import ImportNode
from distilgen.rewrite.splice import Edit, span, splice
from distilgen.source import files
from distilgen.source.files import SourceFile
from distilgen.source.slices import in_scope
from distilgen.source.walk import SIDECAR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

_KEPT = re.compile(r"#[^\r\n]*\b(?:noqa|pylint)\b", re.IGNORECASE)
"""A comment by which an author keeps an import that seems to be unused."""


@dataclass(frozen=True)
class Cut:
    """What goes of an import statement. lines: its own, and blank lines that are too many without
    it. left: what takes their place; nothing where all its names go. names: those that go.
    """

    lines: range
    left: str
    names: tuple[str, ...]


def names_in(source: SourceFile) -> set[str]:
    """The names that could be cut out of a module."""
    found = (_name(alias) for node in _statements(source) for alias in node.names)
    return {name for name in found if name}


def cuts(source: SourceFile, names: Collection[str]) -> list[Cut]:
    """What goes where imports of `names` go, in the order of the file. A statement that cannot be
    cut stays as it is.
    """
    found, whole = [], []
    for node in _statements(source):
        gone = [alias for alias in node.names if _name(alias) in names]
        if gone and len(gone) == len(node.names):
            whole.append(node)
        elif gone:
            left = _without(source, node, gone)
            if left is not None:
                found.append(Cut(_lines(node), left, _names(gone)))
    return sorted([*found, *_with_blank_lines(source, whole)], key=lambda cut: cut.lines.start)


def edits(source: SourceFile, found: Sequence[Cut]) -> list[Edit]:
    """What makes the cuts."""
    return [
        Edit(source.line_start(cut.lines.start), source.line_start(cut.lines.stop), cut.left)
        for cut in found
    ]


def without(statement: str, names: Collection[str]) -> str:
    """An import statement, a text, when some of its names are cut out."""
    source = SourceFile(Path("import"), statement.encode(), statement, "utf-8")
    return splice(source, edits(source, cuts(source, names))).decode()


def lines_of(source: SourceFile, lines: range) -> str:
    """The text of some lines."""
    return source.text[source.line_start(lines.start) : source.line_start(lines.stop)]


def _statements(source: SourceFile) -> Iterator[ImportNode]:
    definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in source.tree.body:
        if any(isinstance(inner, definition) for inner in in_scope([node])):
            break
        if isinstance(node, ImportNode) and not _is_special(node) and _is_alone(source, node):
            yield node


def _is_special(node: ImportNode) -> bool:
    """Does it import more than names, or the sidecar?"""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level:
        return True
    last = (alias.name.rpartition(".")[2] for alias in node.names)
    return any(name == "*" or SIDECAR.fullmatch(f"{name}.py") for name in last)


def _is_alone(source: SourceFile, node: ImportNode) -> bool:
    """Has it its lines for itself, and no comment that keeps it?"""
    start, stop = span(source, node)
    lines = _lines(node)
    text = lines_of(source, lines)
    before = source.text[source.line_start(lines.start) : start]
    after = source.text[stop : source.line_start(lines.stop)].strip()
    above = lines_of(source, range(lines.start - 1, lines.start)) if lines.start > 1 else ""
    return (
        not before.strip()
        and (not after or after.startswith("#"))
        and not above.rstrip("\r\n").endswith("\\")
        and not _KEPT.search(text)
    )


def _name(alias: ast.alias) -> str:
    """What an import binds; empty for `x as x`, by which authors hand on what they import."""
    if alias.asname:
        return alias.asname if alias.asname != alias.name else ""
    return alias.name.partition(".")[0]


def _names(aliases: Sequence[ast.alias]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_name, aliases)))


def _lines(node: ImportNode) -> range:
    return range(node.lineno, (node.end_lineno or 0) + 1)


def _without(source: SourceFile, node: ImportNode, gone: Sequence[ast.alias]) -> str | None:
    """The lines of a statement when some of its names go; None where that cannot be done."""
    start, stop = (source.line_start(line) for line in (node.lineno, (node.end_lineno or 0) + 1))
    left = [(alias.name, alias.asname) for alias in node.names if alias not in gone]
    for spans in (_by_lines(source, node, gone), _by_runs(source, node.names, gone)):
        made, at = [], start
        for first, last in spans:
            made.append(source.text[at:first])
            at = last
        text = "".join([*made, source.text[at:stop]])
        try:
            body = files.parse(text, source.path).body
        except SourceError:
            continue
        kept = [
            (a.name, a.asname) for item in body if isinstance(item, ImportNode) for a in item.names
        ]
        if len(body) == 1 and kept == left:
            return text
    return None


def _by_lines(
    source: SourceFile, node: ImportNode, gone: Sequence[ast.alias]
) -> list[tuple[int, int]]:
    """What to take out of a statement in parentheses whose names stand on lines: these as a whole
    where they can go, so that the layout of the others stays. Nothing where it cannot be so.
    """
    found = []
    for line in dict.fromkeys(alias.lineno for alias in gone):
        row = [alias for alias in node.names if alias.lineno == line]
        if any(alias in gone for alias in row) and not all(alias in gone for alias in row):
            found += _by_runs(source, row, gone)
            continue
        start, stop = source.line_start(line), source.line_start(line + 1)
        before = source.text[start : span(source, row[0])[0]].strip()
        after = source.text[span(source, row[-1])[1] : stop].strip().removeprefix(",").strip()
        if before or not (not after or after.startswith("#")):
            return []
        found.append((start, stop))
    return found


def _by_runs(
    source: SourceFile, names: Sequence[ast.alias], gone: Sequence[ast.alias]
) -> list[tuple[int, int]]:
    """What to take out of a list of names, of which some stay: names with the commas behind them,
    the last ones with those before them.
    """
    found, first = [], None
    for place, alias in enumerate(names):
        if alias in gone:
            first = place if first is None else first
        elif first is not None:
            found.append((span(source, names[first])[0], span(source, alias)[0]))
            first = None
    if first:
        found.append((span(source, names[first - 1])[1], span(source, names[-1])[1]))
    return found


def _with_blank_lines(source: SourceFile, nodes: Sequence[ImportNode]) -> Iterator[Cut]:
    """The cuts of whole statements. Of the blank lines before, between and after those that follow
    each other the longest run stays; none does at the top and the bottom of the file.
    """
    taken = {node.lineno: _lines(node) for node in nodes}
    owner = {line: node.lineno for node in nodes for line in _lines(node)}
    end = len(source.line_starts) - (source.line_starts[-1] == len(source.text))

    def is_in(line: int) -> bool:
        return 0 < line <= end and (line in owner or not _strip(source, line))

    for region in _regions(sorted(owner), is_in):
        runs = _runs([line for line in region if line not in owner])
        outer = region.start == 1 or region.stop > end
        kept = None if outer else max(runs, key=len, default=None)
        for run in runs:
            above, below = owner.get(run.start - 1), owner.get(run.stop)
            if run == kept:
                continue
            if above is not None:
                taken[above] = range(taken[above].start, run.stop)
            elif below is not None:
                taken[below] = range(run.start, taken[below].stop)
    for node in nodes:
        yield Cut(taken[node.lineno], "", _names(node.names))


def _regions(lines: Sequence[int], is_in: Callable[[int], bool]) -> Iterator[range]:
    """The lines around some lines, as far as `is_in` says, each region once."""
    done = 0
    for line in lines:
        if line < done:
            continue
        start = line
        while is_in(start - 1):
            start -= 1
        done = line
        while is_in(done):
            done += 1
        yield range(start, done)


def _runs(lines: Sequence[int]) -> list[range]:
    """Numbers that follow each other, together."""
    found: list[range] = []
    for line in lines:
        if found and found[-1].stop == line:
            found[-1] = range(found[-1].start, line + 1)
        else:
            found.append(range(line, line + 1))
    return found


def _strip(source: SourceFile, line: int) -> str:
    return lines_of(source, range(line, line + 1)).strip(" \t\r\n")
