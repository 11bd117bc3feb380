"""One module's way from its source to what distilgen makes of it, and back.

Text in, changes out: nothing is written here. Every result is verified before it is returned: it
compiles, without our nodes its tree is the original's, and taking our edits out again gives the
original's bytes. A module that fails is refused with the reason and stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file, imports, marks, originals, record, stub, verify
from distilgen.rewrite.splice import splice
from distilgen.source.walk import sidecar_name

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.rewrite.splice import Edit
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed


@dataclass(frozen=True)
class Change:
    """A file's bytes before and after; None where there is no file."""

    path: Path
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class Planned:
    """What a command would do to a module. changes: in the order in which a reader of the half
    done work still finds a program that runs. functions: those that change, by their names.
    """

    changes: tuple[Change, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """A module as it stands: its source, what of it is ours, its contracts and removed bodies."""

    project: Path
    source: SourceFile
    found: marks.Marks
    contracts: dict[str, Contract]
    bodies: dict[str, str]

    @property
    def path(self) -> Path:
        """The module's file."""
        return self.source.path

    def contract_of(self, line: int) -> Contract | None:
        """The frozen contract of the function whose `def` is on `line`."""
        mark = self.found.at(line)
        return self.contracts.get(mark.contract) if mark else None


def load(project: Path, source: SourceFile) -> Module:
    """A module with its sidecar and its removed bodies. Raises SourceError, also for a module that
    uses the sidecar of another.
    """
    touched = marks.may_be_in(source)
    strange = marks.foreign(source.tree, source.path) if touched else None
    if strange:
        name, line = strange
        message = (
            f"uses {name}, the sidecar of another module; if it was renamed, name it back, run "
            "`distilgen restore`, and rename it then"
        )
        raise SourceError(source.path, message, line=line)
    return Module(
        project,
        source,
        marks.find(source.tree, source.path) if touched else marks.Marks(),
        contracts_file.read(source.path),
        originals.read(project, source.path),
    )


def instrument(module: Module, wanted: Sequence[tuple[Surveyed, Contract]]) -> Planned:
    """Record every call of the wanted functions, and freeze their contracts anew.

    Dispatched functions are left alone, contract included: their model knows that one.
    """
    names, edits, changed = _Names(module), [], []
    contracts = _live_contracts(module)
    for surveyed, contract in wanted:
        node, mark = names.node(surveyed)
        if mark and mark.state == "dispatched":
            continue
        name = mark.contract if mark else names.new(surveyed.function.qualname)
        if mark is None:
            decorate = partial(record.decoration, module.source, node, f"{names.alias}.{name}")
            edits.append(_edit(module, node, decorate))
        if mark is None or contracts.get(name) != contract:
            changed.append(surveyed.name)
        contracts[name] = contract
    edits = [*names.import_edit(wanted, edits), *edits]
    after = _verified(module, edits, module.bodies)
    return _planned(module, after, contracts, module.bodies, changed)


def dispatch(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    *,
    model: str,
    base_url: str | None,
    trained_for: str | None,
    foreign: list[str],
    refused: Callable[[SourceError], None],
) -> Planned:
    """Replace the bodies of the wanted functions by calls of `model`.

    trained_for: the fingerprint of the contract that the model is known to belong to; functions
    with another one are left alone, and added to `foreign`. Those that no stub can stand for are
    left alone, and told to `refused`.
    """
    names, edits, changed = _Names(module), [], []
    contracts, bodies = _live_contracts(module), dict(module.bodies)
    for surveyed, contract in wanted:
        node, mark = names.node(surveyed)
        if trained_for not in (None, contract.fingerprint):
            foreign.append(surveyed.name)
            continue
        name = mark.contract if mark else names.new(surveyed.function.qualname)
        bound = replace(contract, model=model, base_url=base_url)
        if mark is None or mark.state == "recorded":
            try:
                edit = stub.stub(module.source, node, surveyed, f"{names.alias}.{name}")
            except ValueError as error:
                refused(_refusal(module, node, str(error)))
                continue
            if mark and mark.decorator:
                edits.append(record.undecoration(module.source, mark.decorator))
            edits.append(edit)
            bodies[name] = module.source.text[edit.start : edit.stop]
            changed.append(surveyed.name)
        elif contracts.get(name) != bound:
            changed.append(surveyed.name)
        contracts[name] = bound
    edits = [*names.import_edit(wanted, edits), *edits]
    after = _verified(module, edits, bodies)
    return _planned(module, after, contracts, bodies, changed)


def restore(
    module: Module, refused: Callable[[SourceError], None], only: Collection[str] | None = None
) -> Planned:
    """Give back the teachers: all of the module's, or those with the qualified names in `only`.

    refused: is told of stubs whose bodies are not there; they stay.
    """
    chosen = [m for m in module.found.functions if only is None or m.qualname in only]
    for mark in [m for m in chosen if not m.decorator and m.contract not in module.bodies]:
        chosen.remove(mark)
        place = originals.path_for(module.project, module.path).relative_to(module.project)
        message = f"its body is not in {place.as_posix()}; take that file back from version control"
        refused(_refusal(module, mark.function, message))
    left = [mark for mark in module.found.functions if mark not in chosen]
    edits = _restoring(module, chosen, last=not left)
    after = _spliced(module, edits)
    verify.edited(module.source, module.found, after)
    kept = {mark.contract for mark in left}
    planned = _planned(
        module,
        after,
        {name: contract for name, contract in module.contracts.items() if name in kept},
        {name: body for name, body in module.bodies.items() if name in kept},
        [name_of(module, mark) for mark in chosen],
    )
    return replace(planned, changes=tuple(reversed(planned.changes)))


def name_of(module: Module, mark: marks.Mark) -> str:
    """`module:qualname`, as the function's contract has it."""
    contract = module.contracts.get(mark.contract)
    return contract.function if contract else mark.qualname


class _Names:
    """What a module's edits refer to: functions, the sidecar's alias, the contracts' names."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._nodes = {node.lineno: node for _, node in marks.functions(module.source.tree)}
        self._live = {mark.contract for mark in module.found.functions}
        self._taken = self._live | set(module.contracts)
        self.alias = module.found.alias or imports.free_alias(
            module.source.tree, sidecar_name(module.path)
        )

    def node(self, surveyed: Surveyed) -> tuple[marks.FunctionNode, marks.Mark | None]:
        """A function's node, and its mark where it has one."""
        node = self._nodes[surveyed.function.line]
        return node, self._module.found.at(node.lineno)

    def new(self, qualname: str) -> str:
        """The name of a function's contract: the one that the sidecar kept, or a new one."""
        for name, contract in self._module.contracts.items():
            if name not in self._live and contract.function.rpartition(":")[2] == qualname:
                self._live.add(name)
                return name
        name = contracts_file.name_for(qualname, self._taken)
        self._taken.add(name)
        return name

    def import_edit(
        self, wanted: Sequence[tuple[Surveyed, Contract]], edits: Sequence[Edit]
    ) -> list[Edit]:
        """The import of the sidecar, where it is needed and not there."""
        if self._module.found.imports or not edits:
            return []
        first = _first_use(self._module.source.tree, {item.function.line for item, _ in wanted})
        return [imports.insertion(self._module.source, wanted[0][0].facts, self.alias, first)]


def _live_contracts(module: Module) -> dict[str, Contract]:
    """The sidecar's contracts that the module still uses."""
    live = {mark.contract for mark in module.found.functions}
    return {name: contract for name, contract in module.contracts.items() if name in live}


def _first_use(tree: ast.Module, lines: set[int]) -> int:
    """The line of the first top-level statement in which one of the functions stands."""
    for node in tree.body:
        first = marks.first_line(node)
        if any(first <= line <= (node.end_lineno or first) for line in lines):
            return first
    return 1


def _edit(module: Module, node: marks.FunctionNode, make: Callable[[], Edit]) -> Edit:
    """An edit of a function; what stands against it becomes a SourceError that names it."""
    try:
        return make()
    except ValueError as error:
        raise _refusal(module, node, str(error)) from error


def _refusal(module: Module, node: marks.FunctionNode, message: str) -> SourceError:
    return SourceError(module.path, message, line=node.lineno, function=node.name)


def _restoring(module: Module, chosen: Sequence[marks.Mark], *, last: bool) -> list[Edit]:
    """The edits that give the chosen functions back; the import goes with the last of them."""
    edits = []
    for mark in chosen:
        if mark.decorator:
            edits.append(record.undecoration(module.source, mark.decorator))
        else:
            body = module.bodies[mark.contract]
            back = partial(stub.unstub, module.source, mark.function, body)
            edits.append(_edit(module, mark.function, back))
    if last:
        verify.unused(module.source, module.found)
        edits += [imports.removal(module.source, node) for node in module.found.imports]
    return edits


def _spliced(module: Module, edits: Sequence[Edit]) -> bytes:
    try:
        return splice(module.source, edits)
    except (ValueError, UnicodeEncodeError) as error:
        raise SourceError(module.path, str(error)) from error


def _verified(module: Module, edits: Sequence[Edit], bodies: dict[str, str]) -> bytes:
    """The bytes after the edits, if they keep the promises."""
    after = _spliced(module, edits)
    if after != module.source.raw:
        source, found = verify.edited(module.source, module.found, after)
        edited = replace(module, source=source, found=found, bodies=bodies)
        if _teacher(edited) != _teacher(module):
            raise SourceError(
                module.path, "the edit could not be taken back exactly; left as it is"
            )
    return after


def _teacher(module: Module) -> bytes:
    """The bytes with everything of ours taken out."""
    return _spliced(module, _restoring(module, module.found.functions, last=True))


def _planned(
    module: Module,
    after: bytes,
    contracts: dict[str, Contract],
    bodies: dict[str, str],
    functions: Sequence[str],
) -> Planned:
    kept = originals.path_for(module.project, module.path)
    sidecar = marks.sidecar_path(module.path)
    wanted = [
        (kept, originals.render(module.project, module.path, bodies) if bodies else None),
        (sidecar, contracts_file.render(module.path, contracts) if contracts else None),
        (module.path, after),
    ]
    changes = [
        Change(path, path.read_bytes() if path.exists() else None, new) for path, new in wanted
    ]
    return Planned(tuple(c for c in changes if c.before != c.after), tuple(functions))
