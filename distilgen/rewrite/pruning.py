"""Which imports go with the bodies that used them, and what a module is without them.

The way there and back is one: all imports back, then those cut that are to be away. So a module
looks the same whichever of its functions was dispatched first, and whichever was restored.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import cuts, imports, marks, teacher
from distilgen.rewrite.head import ImportNode
from distilgen.rewrite.pruned import back, records
from distilgen.rewrite.splice import splice
from distilgen.source import files, mentions
from distilgen.source.slices import left_bound
from distilgen.source.walk import SIDECAR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from distilgen.rewrite.module import Module
    from distilgen.rewrite.pruned import Pruned
    from distilgen.source.files import SourceFile

    Elsewhere = Callable[[Path, Collection[str]], set[str]]
    """Those of some names of a module that other files of the project may take from it."""


@dataclass(frozen=True)
class Pruning:
    """A module after imports went, or came back. raw: its bytes. kept: of the imports that are away
    now. names: those that went.
    """

    raw: bytes
    kept: tuple[Pruned, ...]
    names: tuple[str, ...] = ()


def away(module: Module, bodies: Iterable[str], elsewhere: Elsewhere) -> Pruning:
    """Without the imports that only these removed bodies used. One that could not come back exactly
    stays.
    """
    old = _away(module)
    found = _unneeded(module, used_by(bodies), elsewhere)
    wanted = found - old
    done = _verified(module, old | wanted) if wanted else None
    if wanted and done is None:
        taken: set[str] = set()
        for name in sorted(wanted):
            tried = _verified(module, old | taken | {name})
            if tried:
                done = tried
                taken.add(name)
        wanted = taken
    if done is None:
        return Pruning(module.source.raw, module.imports)
    return replace(done, names=tuple(sorted(wanted)))


def restored(
    module: Module, bodies: Iterable[str], left: Iterable[str], foreign: Sequence[Pruned] = ()
) -> Pruning:
    """With the imports back that restored bodies need. left: the bodies that are still removed,
    whose imports stay away. foreign: what went from the modules that bodies came from.

    Raises SourceError, and ValueError where the encoding has no place for them.
    """
    needed, old = used_by(bodies), _away(module)
    stay = (old & used_by(left)) - needed
    pool = (*module.imports, *foreign)
    coming = needed.intersection(name for item in pool for name in item.names)
    if not coming and stay == {name for item in module.imports for name in item.names}:
        return Pruning(module.source.raw, module.imports)
    done = _rebuilt(module, coming | stay, stay, foreign)
    if not _is_same(module.source, files.decode(done.raw, module.path), coming):
        message = "the removed imports cannot be put back; left as it is"
        raise SourceError(module.path, message)
    return done


def used_by(bodies: Iterable[str]) -> set[str]:
    """The names that removed bodies mention, in annotations that are strings, too."""
    found: set[str] = set()
    for body in bodies:
        head = "def f(): 0" if body.lstrip().startswith(";") else "def f():"
        try:
            tree = files.parse(f"{head}{body}", Path("body"))
        except SourceError:
            continue  # comments alone
        found.update(item.name for item in mentions.of([tree]))
    return found


def _away(module: Module) -> set[str]:
    """The names that went, but for those that the author has bound anew."""
    return {name for item in module.imports for name in item.names} - left_bound(module.source.tree)


def _unneeded(module: Module, used: set[str], elsewhere: Elsewhere) -> set[str]:
    """The names that can be cut and that nobody mentions then, here or in other files."""
    names = cuts.names_in(module.source) & used
    if names:
        names -= elsewhere(module.path, names)
    if not names:
        return names
    aside = imports.aside(module.source, module.found)
    source = aside.source if aside else module.source
    names &= cuts.names_in(source)
    while names:
        said = names & imports.words(_cut(source, names).text)
        if not said:
            break
        names -= said
    return names


def _verified(module: Module, names: set[str]) -> Pruning | None:
    """The module without some names, where all of them come back exactly."""
    try:
        done = _rebuilt(module, names, names)
        after = files.decode(done.raw, module.path)
        if not _is_same(module.source, after, names):
            return None
        cut = replace(module, source=after, found=marks.find(after), imports=done.kept)
        return done if _original(cut).raw == _original(module).raw else None
    except (SourceError, ValueError):
        return None


def _original(module: Module) -> SourceFile:
    return back(teacher.alone(module), module.imports, _away(module))


def _rebuilt(
    module: Module,
    coming: Collection[str],
    names: Collection[str],
    foreign: Sequence[Pruned] = (),
) -> Pruning:
    """The module when the names that are `coming` are back, and `names` are cut."""
    aside = imports.aside(module.source, module.found)
    whole = back(aside.source if aside else module.source, module.imports, coming)
    whole = back(whole, foreign, coming)
    full = aside.again(whole) if aside else whole
    if not names:
        return Pruning(full.raw, ())
    cut = _cut(whole, names)
    original = teacher.alone(replace(module, source=full, found=marks.find(full)))
    kept = records(original, cuts.cuts(original, names))
    return Pruning((aside.again(cut) if aside else cut).raw, kept)


def _cut(source: SourceFile, names: Collection[str]) -> SourceFile:
    edits = cuts.edits(source, cuts.cuts(source, names))
    return files.decode(splice(source, edits), source.path)


def _is_same(before: SourceFile, after: SourceFile, names: Collection[str]) -> bool:
    """Does a module compile, and is it the same but for imports of sidecars and some names?"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(after.raw, str(after.path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return (
        before.encoding == after.encoding
        and ast.get_docstring(before.tree) == ast.get_docstring(after.tree)
        and list(_rest(before, names)) == list(_rest(after, names))
    )


def _rest(source: SourceFile, names: Collection[str]) -> Iterator[str]:
    """The statements without imports of sidecars and some names, each import for itself."""
    for node in source.tree.body:
        if not isinstance(node, ImportNode):
            yield ast.dump(node)
            continue
        module = (node.module, node.level) if isinstance(node, ast.ImportFrom) else None
        for alias in node.names:
            ours = SIDECAR.fullmatch(f"{alias.name.rpartition('.')[2]}.py")
            if not ours and (alias.asname or alias.name.partition(".")[0]) not in names:
                yield f"{module} {ast.dump(alias)}"
