"""A module as the statements that bind its names: kept as text, and parsed again when one is asked
for, as the syntax trees of a whole project would fill the memory.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from distilgen.errors import SourceError
from distilgen.source import digests, files, mentions, slices
from distilgen.source.expressions import last_name
from distilgen.source.reader import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from distilgen.source.files import SourceFile
    from distilgen.source.mentions import Mention


class Piece(NamedTuple):
    """A statement of a module's top level. changes: what `slices.mark_changes` said of it, and of
    the statements in it, by their place in `slices.in_scope`.
    """

    text: str
    changes: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Slice:
    """What binds a name in a module. imports: (module, name in it or empty) of what it imports.
    alone: the statements, where they do nothing but import; else empty.
    """

    mentions: tuple[Mention, ...]
    imports: tuple[tuple[str, str], ...]
    alone: tuple[ast.stmt, ...]


@dataclass
class Unit:
    """A module of the project. near: the folder of the script that asked for it. binders: by each
    name the statements that bind it. stars: its star imports. filling: a digest of what fills its
    namespace; empty for nothing. strings: those in a module with a `__getattr__`.
    """

    name: str
    path: Path
    near: Path | None
    binders: dict[str, tuple[Piece, ...]]
    stars: tuple[ast.ImportFrom, ...]
    filling: str
    strings: tuple[str, ...]
    modules: dict[str, str | None] = field(default_factory=dict)
    _slices: dict[tuple[str, int], Slice] = field(default_factory=dict)
    _digests: dict[tuple[str, int], str] = field(default_factory=dict)

    def may_have(self, name: str) -> bool:
        """May it have a name?"""
        return name in self.binders or bool(self.stars or self.filling)

    def absolute(self, module: str, level: int) -> str:
        """The module that an import names; empty for what leads out of all packages."""
        if not level:
            return module
        packages = self.name.split(".")
        if self.name == "__init__":
            packages = []  # an import root that is a package
        elif self.path.stem != "__init__":
            packages.pop()
        if level > len(packages):
            return module
        return ".".join([*packages[: len(packages) - level + 1], *([module] if module else [])])

    def slice(self, name: str, use: int) -> Slice:
        """What binds a name."""
        key = (name, use)
        if key not in self._slices:
            found = _trimmed(self.binders[name], name, use)
            imported = tuple(self._imports(found, name))
            alone = bool(imported) and all(slices.is_import(item) for item in _leaves(found))
            self._slices[key] = Slice(mentions.of(found), imported, found if alone else ())
        return self._slices[key]

    def digest(self, name: str, use: int) -> str:
        """Of what binds a name, together with the imports that bring what it mentions."""
        key = (name, use)
        if key not in self._digests:
            mentioned = {mention.name for mention in self.slice(name, use).mentions}
            named = sorted(mentioned & self.binders.keys() - {name})
            brought = [part for item in named for part in self.slice(item, use).alone]
            whole = (*_trimmed(self.binders[name], name, use), *brought)
            self._digests[key] = digests.digest(whole)
        return self._digests[key]

    def own_names(self, classes: Sequence[str]) -> set[str]:
        """The names that the classes around a function bind, but for functions."""
        found: set[str] = set()
        body = [_parsed(piece) for name in classes[:1] for piece in self.binders.get(name, ())]
        for name in classes:
            inner = [
                n for n in slices.in_scope(body) if isinstance(n, ast.ClassDef) and n.name == name
            ]
            if not inner:
                return found
            body = inner[-1].body
            found = {
                bound
                for node in body
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                for bound in slices.bound(node)
            }
        return found

    def _imports(self, statements: Iterable[ast.stmt], name: str) -> Iterator[tuple[str, str]]:
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        top = alias.name.partition(".")[0]
                        if (alias.asname or top) == name:
                            yield (alias.name if alias.asname else top), ""
                elif isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            yield self.absolute(node.module or "", node.level), alias.name
                elif isinstance(node, ast.Call) and last_name(node.func) == "import_module":
                    text = getattr(node.args[0], "value", None) if node.args else None
                    if isinstance(text, str):
                        level = len(text) - len(text.lstrip("."))
                        yield self.absolute(text[level:], level), ""


def read(name: str, path: Path, near: Path | None, source: SourceFile | None = None) -> Unit | None:
    """A module of the project; None when it does not parse. source: its file, where it has been
    read.
    """
    try:
        source = source or files.read(path)
        tree = source.tree
    except SourceError:
        return None
    slices.mark_changes(tree)
    binders: dict[str, tuple[Piece, ...]] = {}
    end = 0
    for statement in tree.body:
        start, end = end, source.offset(statement.end_lineno or 0, statement.end_col_offset or 0)
        names = dict.fromkeys(slices.bound(statement))
        if names:
            piece = Piece(source.text[start:end].lstrip(_AHEAD), _changes(statement))
            for bound in names:
                binders[bound] = (*binders.get(bound, ()), piece)
    filling = slices.filling(tree)
    return Unit(
        name,
        path,
        near,
        binders,
        tuple(slices.stars(tree)),
        digests.digest(filling) if filling else "",
        tuple(_strings(tree)) if "__getattr__" in binders else (),
    )


_AHEAD = " \t\f\r\n\\;"
"""What may stand between statements; a comment may, too, and does no harm."""


def _changes(statement: ast.stmt) -> tuple[tuple[int, str], ...]:
    nodes = enumerate(slices.in_scope([statement]))
    return tuple((place, node.changes) for place, node in nodes if hasattr(node, "changes"))


@lru_cache(maxsize=100)
def _parsed(piece: Piece) -> ast.stmt:
    """The statement again, for those who only read it."""
    (statement,) = files.parse(piece.text, Path("piece")).body
    changes = dict(piece.changes)
    for place, node in enumerate(slices.in_scope([statement]) if changes else ()):
        if place in changes:
            node.changes = changes[place]  # type: ignore[attr-defined]
    return statement


@lru_cache(maxsize=100)
def _trimmed(found: tuple[Piece, ...], name: str, use: int) -> tuple[ast.stmt, ...]:
    """What of statements must run so that a name is bound, as `digests.trimmed`."""
    return tuple(
        digests.trimmed(part, use)
        for piece in found
        for part in slices.pieces(_parsed(piece), name)
    )


def _leaves(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The simple statements."""
    for node in slices.in_scope([*statements]):
        if not blocks_of(node) and not isinstance(node, ast.Pass):
            yield node


def _strings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
