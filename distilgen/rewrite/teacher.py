"""What takes distilgen's edits out of a module again, wherever its author has moved them since."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file, imports, marks, originals, record, stub, verify
from distilgen.rewrite.splice import splice
from distilgen.source import files
from distilgen.source.walk import module_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distilgen.rewrite.module import Module
    from distilgen.rewrite.splice import Edit
    from distilgen.source.files import SourceFile


def edit_of(module: Module, mark: marks.Mark) -> tuple[Edit, Path]:
    """What gives a function back, and the module that its contract was made for.

    Raises ValueError where its body is not there, or does not fit any more.
    """
    origin = _origin(module, mark)
    if mark.decorator:
        return record.undecoration(module.source, mark.decorator), origin
    bodies = module.bodies if origin == module.path else originals.read(module.project, origin)
    if mark.contract not in bodies:
        origin, bodies = _elsewhere(module, mark)
    contract = (module.contracts if origin == module.path else contracts_file.read(origin)).get(
        mark.contract
    )
    absent = _absent(mark.function, contract.parameters if contract else ())
    if absent:
        place = place_of(module, origin)
        raise ValueError(
            f"its body, in {place}, needs {', '.join(absent)}, which it has not among its "
            "parameters any more; name them back, restore, and rename them then"
        )
    return stub.unstub(module.source, mark.function, bodies[mark.contract]), origin


def imports_of(module: Module, left: Sequence[marks.Mark]) -> list[Edit]:
    """What takes the imports of sidecars out, but those that functions in `left` need."""
    needed = [mark.imported for mark in left]
    found = module.found
    gone = [item for item in found.imports if item not in needed]
    verify.unused(module.source, marks.Marks(gone, found.functions, found.strays))
    first = marks.first_use(module.source.tree, (m.function.lineno for m in found.all))
    return [imports.removal(module.source, item.node, first) for item in gone]


def alone(module: Module) -> SourceFile:
    """The module without anything of ours in it, but for stubs whose bodies are not there.

    Raises SourceError where the user's own code needs an import of ours, and ValueError.
    """
    edits, left = [], []
    for mark in module.found.all:
        try:
            edits.append(edit_of(module, mark)[0])
        except ValueError:
            left.append(mark)
    edits += imports_of(module, left)
    return files.decode(splice(module.source, edits), module.path)


def _origin(module: Module, mark: marks.Mark) -> Path:
    """The file of the module whose sidecar a function uses."""
    sidecar = mark.imported.sidecar
    if mark.imported.own or sidecar is None:
        return module.path
    return module_of(sidecar)


def _elsewhere(module: Module, mark: marks.Mark) -> tuple[Path, dict[str, str]]:
    """(the module, its bodies) that a stub's body was kept for: the only one that has a body of
    that name and no such stub any more. Raises ValueError.
    """
    found = []
    for path, bodies in originals.read_all(module.project):
        if path != module.path and mark.contract in bodies and not _is_live(path, mark.contract):
            found.append((path, bodies))
    if len(found) == 1:
        return found[0]
    place = place_of(module, module.path)
    if found:
        others = ", ".join(place_of(module, path) for path, _ in found)
        raise ValueError(f"which of the bodies of that name in {others} is its? Move it to {place}")
    raise ValueError(f"its body is not in {place}; take that file back from version control")


def _is_live(path: Path, contract: str) -> bool:
    """Is there a stub of that contract in a module?"""
    try:
        found = marks.find(files.read(path)).functions if path.exists() else []
    except SourceError:
        return True  # who knows
    return any(mark.contract == contract and not mark.decorator for mark in found)


def _absent(function: marks.FunctionNode, parameters: Sequence[str]) -> list[str]:
    """The names of `parameters` that a function has no more."""
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return [name for name in parameters if name not in names]


def place_of(module: Module, path: Path) -> str:
    """The file that keeps the bodies of a module, as messages show it."""
    return originals.path_for(module.project, path).relative_to(module.project).as_posix()
