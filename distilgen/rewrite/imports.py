"""Where the import of a sidecar goes, how it is spelled, and how it is taken out."""

from __future__ import annotations

import ast
import re
import unicodedata
from dataclasses import dataclass
from itertools import chain, count, takewhile
from keyword import iskeyword
from typing import TYPE_CHECKING

from distilgen.rewrite import marks
from distilgen.rewrite.head import Head, ImportNode, member_key
from distilgen.rewrite.splice import Edit, kept_comment, span, splice
from distilgen.source import files
from distilgen.source.facts import Import
from distilgen.source.walk import sidecar_name

if TYPE_CHECKING:
    from distilgen.source.facts import Facts
    from distilgen.source.files import SourceFile


_ALIAS = "_distil"


def free_alias(text: str) -> str:
    """A name for the sidecar that a module does not use, and that classes do not mangle."""
    used = words(text)
    names = chain([_ALIAS], (f"{_ALIAS}_{number}" for number in count(2)))
    return next(name for name in names if name not in used)


def words(text: str) -> set[str]:
    """Everything in a text that could be a name, as Python reads names."""
    return set(re.findall(r"\w+", text if text.isascii() else unicodedata.normalize("NFKC", text)))


def insertion(source: SourceFile, facts: Facts, alias: str, first_use: int) -> Edit:
    """The import of the sidecar, in the module's first block of imports.

    first_use: the line before which it must have run.
    """
    wanted = of_neighbour(facts, ast.alias(sidecar_name(source.path), alias))
    return _placed(source, wanted, first_use)


def _placed(source: SourceFile, wanted: ImportNode, first_use: int) -> Edit:
    place = Head(source).place(wanted, first_use)
    at = source.line_start(place.behind + 1)
    newline = source.newline
    if (newline, source.text[at - 1 : at]) == ("\n", "\r") or (
        (newline, source.text[at : at + 1]) == ("\r", "\n")
    ):
        newline = "\r\n"  # what is no part of a newline of its own, beside what is half of one
    before, after = (newline * count for count in place[1:])
    return Edit(at, at, f"{before}{ast.unparse(wanted)}{newline}{after}")


@dataclass(frozen=True)
class Aside:
    """A module without the import of its sidecar. rank: how many statements that import nothing are
    ahead of the first use.
    """

    source: SourceFile
    node: ImportNode
    rank: int

    def again(self, source: SourceFile) -> SourceFile:
        """The module, with other imports by now, and the sidecar's in its place among them."""
        rest = [item for item in source.tree.body if not isinstance(item, ImportNode)]
        edit = _placed(source, self.node, marks.first_line(rest[self.rank]))
        return files.decode(splice(source, [edit]), source.path)


def aside(source: SourceFile, found: marks.Marks) -> Aside | None:
    """Set the import of a module's sidecar aside, so that other imports can change; None where it
    is not there, or not where and as an insertion has it.
    """
    own = [item for item in found.imports if item.own]
    if len(own) != 1 or not is_alone(source, own[0].node) or not found.all:
        return None
    first = marks.first_use(source.tree, (mark.function.lineno for mark in found.all))
    rest = [node for node in source.tree.body if not isinstance(node, ImportNode)]
    rank = sum(marks.first_line(node) < first for node in rest)
    bare = files.decode(splice(source, [removal(source, own[0], first)]), source.path)
    made = Aside(bare, own[0].node, rank)
    return made if made.again(bare).raw == source.raw else None


def is_alone(source: SourceFile, node: ImportNode) -> bool:
    """Does a statement at the top level import a sidecar, and nothing else?"""
    return len(node.names) == 1 and node in source.tree.body


def removal(source: SourceFile, imported: marks.SidecarImport, first_use: int) -> Edit:
    """Take the sidecar out of an import statement, and the statement where it imports no more.

    first_use: as for `insertion`. Blank lines that came with the import go with it; what its author
    says in a comment on its line stays.
    """
    node = imported.node
    if len(node.names) > 1:
        return _without(source, imported)
    start, stop = span(source, node)
    line, behind = source.line_start(node.lineno), source.line_start((node.end_lineno or 0) + 1)
    before, after = source.text[line:start], source.text[stop:behind]
    separator = after[: len(after) - len(after.lstrip(" \t\f;"))]
    if ";" in separator and after.strip(" \t\f;\r\n"):
        return Edit(start, stop + len(separator), "")
    if before.strip():
        return Edit(line + len(before.rstrip(" \t;")), stop, "")
    if node in source.tree.body:
        gone = _lines_with(source, node, first_use)
        line, behind = source.line_start(gone.start), source.line_start(gone.stop)
    return Edit(line, behind, kept_comment(before, after))


def _lines_with(source: SourceFile, node: ImportNode, first_use: int) -> range:
    """The lines of an import, with the blank lines that came with it: an insertion says which.

    Where functions were restored meanwhile, it may have been inserted for an earlier one.
    """
    own = range(node.lineno, (node.end_lineno or 0) + 1)
    compound = (item for item in source.tree.body if hasattr(item, "body"))
    others = (first for item in compound if (first := marks.first_line(item)) > node.lineno)
    for first in (first_use, *takewhile(first_use.__gt__, others)):
        for before, after in ((0, 0), (1, 0), (0, 2), (0, 1)):
            gone = range(own.start - before, own.stop + after)
            blank = (*range(gone.start, own.start), *range(own.stop, gone.stop))
            if gone.start and all(map(source.is_blank, blank)):
                place = Head(source, node, gone).place(node, first)
                if place == (gone.start - 1, before, after):
                    return gone
    return own


def of_neighbour(facts: Facts, neighbour: ast.alias) -> ImportNode:
    """As the module imports its neighbours: relatively, by full name, or as a script does."""
    imported = [item.imported for found in facts.scope.values() for item in found if item.imported]
    own = facts.name.partition(".")[0]
    relative = ast.ImportFrom(None, [neighbour], 1)
    if any(map(iskeyword, facts.package.split("."))):  # a folder that no statement can name
        return relative if any(item.level for item in imported) else ast.Import([neighbour])
    # Never `from package import`: sorting tools would break that into lines where it is long.
    absolute = ast.Import([ast.alias(f"{facts.package}.{neighbour.name}", neighbour.asname)])
    if any(item.level for item in imported):
        return absolute if facts.package and _is_amid(facts, neighbour.name) else relative
    if facts.package and any(item.module.partition(".")[0] == own for item in imported):
        return absolute
    if not (facts.is_package or _is_in_package(facts)):
        return ast.Import([neighbour])
    # A folder without `__init__.py` may be no package to those who import the module: pytest is so.
    whole = facts.is_package or (facts.folder / "__init__.py").is_file()
    return (
        relative if whole and (not facts.is_script or facts.path.stem == "__main__") else absolute
    )


def _is_amid(facts: Facts, name: str) -> bool:
    """Would the name stand among those of one `from . import`, which isort would part for it?"""
    keys = [
        member_key(bound)
        for bound, found in facts.scope.items()
        for item in found
        if item.imported == Import("", 1, bound) and not item.conditional
    ]
    return bool(keys) and min(keys) < member_key(name) < max(keys)


def _is_in_package(facts: Facts) -> bool:
    """Is the module imported by a dotted name? Its folder says so by an `__init__.py`, or by being
    below a source root; a folder of tests or scripts is no namespace package, unless a module
    in it or above it imports from it as one.
    """
    folder = facts.path.parent
    if not facts.package:
        return False
    root = folder.parents[facts.name.count(".") - 1]
    if (folder / "__init__.py").is_file() or root.name == "src":
        return True
    name = re.escape(facts.package)
    use = re.compile(rf"^\s*(?:from|import)\s+{name}\b".encode(), re.MULTILINE)
    return any(use.search(path.read_bytes()) for path in {*folder.glob("*.py"), *root.glob("*.py")})


def _without(source: SourceFile, imported: marks.SidecarImport) -> Edit:
    """Take the sidecar out of a statement that imports other names, too."""
    node = imported.node
    places = [(alias.asname or alias.name) == imported.name for alias in node.names]
    place = places.index(True)
    alias = node.names[place]
    start, stop = span(source, alias)
    line, behind = source.line_start(alias.lineno), source.line_start(alias.lineno + 1)
    before, after = source.text[line:start], source.text[stop:behind]
    rest = after.strip().removeprefix(",").strip()
    alone = not before.strip() and (not rest or rest.startswith("#"))
    if alone and source.text[span(source, node)[1] - 1] == ")":
        return Edit(line, behind, kept_comment(before, after))
    if place + 1 < len(node.names):
        return Edit(start, span(source, node.names[place + 1])[0], "")
    return Edit(span(source, node.names[place - 1])[1], stop, "")
