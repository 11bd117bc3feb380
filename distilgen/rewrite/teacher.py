"""What takes distilgen's edits out of a module again, wherever its author has moved them since."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from distilgen.rewrite import imports, marks, originals, record, stub, verify
from distilgen.rewrite.splice import splice
from distilgen.source import files
from distilgen.source.walk import module_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.rewrite.module import Module
    from distilgen.rewrite.splice import Edit
    from distilgen.source.files import SourceFile


def edits_of(module: Module, mark: marks.Mark) -> tuple[list[Edit], Path]:
    """What gives a function back, and the module that its contract was made for.

    Raises ValueError where its body is not there, or does not fit any more.
    """
    edits, origin = [], _origin(module, mark)
    if mark.stub:
        edit, origin = unstubbed(module, mark)
        edits.append(edit)
    if mark.decorator:
        edits.append(record.undecoration(module.source, mark.decorator))
    return edits, origin


def unstubbed(module: Module, mark: marks.Mark) -> tuple[Edit, Path]:
    """What gives a stub its body back, and the module that this was kept for. Raises ValueError as
    `edits_of`.
    """
    origin = _origin(module, mark)
    if mark.contract not in _bodies(module, origin):
        origin = _elsewhere(module, mark)
    contract = _own_contract(module, mark)
    if contract is None and origin != module.path:
        contract = module.archive.contracts(origin).get(mark.contract)
    absent = _absent(mark.function, contract.parameters if contract else ())
    if absent:
        place = place_of(module, origin)
        raise ValueError(
            f"its body, in {place}, needs {', '.join(absent)}, which it has not among its "
            "parameters any more; name them back, restore, and rename them then"
        )
    return stub.unstub(module.source, mark, _bodies(module, origin)[mark.contract]), origin


def imports_of(module: Module, left: Sequence[marks.Mark]) -> list[Edit]:
    """What takes the imports of sidecars out, but those that functions in `left` need."""
    needed = [mark.imported for mark in left]
    found = module.found
    gone = [item for item in found.imports if item not in needed]
    verify.unused(module.source, marks.Marks(gone, found.functions, found.strays))
    first = marks.first_use(module.source.tree, (m.function.lineno for m in found.all))
    return [imports.removal(module.source, item, first) for item in gone]


def alone(module: Module) -> SourceFile:
    """The module without anything of ours in it, but for stubs whose bodies are not there.

    Raises SourceError where the user's own code needs an import of ours, and ValueError.
    """
    edits, left = [], []
    for mark in module.found.all:
        try:
            edits += edits_of(module, mark)[0]
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


def _bodies(module: Module, origin: Path) -> dict[str, str]:
    """The removed bodies of the module, as it has them now, or of another."""
    return module.bodies if origin == module.path else module.archive.kept(origin).bodies


def _own_contract(module: Module, mark: marks.Mark) -> Contract | None:
    """A function's contract, where it is in the sidecar beside the module: by the name of that the
    module may import it from the folder that it was in.
    """
    imported = mark.imported
    name = marks.sidecar_path(module.path).stem
    names = (alias.name.rpartition(".")[2] for alias in imported.node.names)
    is_own = imported.own or (imported.sidecar is None and name in names)
    return module.contracts.get(mark.contract) if is_own else None


def holders(module: Module, mark: marks.Mark) -> list[Path]:
    """The other modules that a stub's body may have been kept for: that of the name that the
    contract has, where the sidecar was renamed with its module. Raises SourceError.
    """
    contract = _own_contract(module, mark)
    found = module.archive.holders(mark.contract, contract.function if contract else "")
    return [path for path in found if path != module.path]


def _elsewhere(module: Module, mark: marks.Mark) -> Path:
    """The only other module that a stub's body may have been kept for. Raises ValueError."""
    found = holders(module, mark)
    if len(found) == 1:
        return found[0]
    place = place_of(module, module.path)
    if found:
        others = ", ".join(place_of(module, path) for path in found)
        raise ValueError(f"which of the bodies of that name in {others} is its? Move it to {place}")
    raise ValueError(f"its body is not in {place}; take that file back from version control")


def _absent(function: marks.FunctionNode, parameters: Sequence[str]) -> list[str]:
    """The names of `parameters` that a function has no more."""
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return [name for name in parameters if name not in names]


def place_of(module: Module, path: Path) -> str:
    """The file that keeps the bodies of a module, as messages show it."""
    return originals.path_for(module.project, path).relative_to(module.project).as_posix()
