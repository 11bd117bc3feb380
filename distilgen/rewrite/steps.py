"""The two steps that change a module: instrument, dispatch.

Every result is verified before it is returned: it compiles, without our nodes its tree is the
original's, and taking our edits out again gives the original's bytes. A function that fails is
refused with the reason, and so is a module where the reason lies in none of its functions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file, imports, marks, pruning, record, stub, teacher, verify
from distilgen.rewrite.module import planned, refusal, spliced
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.contract import Contract
    from distilgen.rewrite.elsewhere import Elsewhere
    from distilgen.rewrite.module import Module, Planned
    from distilgen.rewrite.splice import Edit
    from distilgen.source.functions import Surveyed


def instrument(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    refused: Callable[[SourceError], None],
) -> Planned:
    """Record every call of the wanted functions, and freeze their contracts anew.

    Dispatched functions are left alone, contract included: their model knows that one. refused: is
    told of functions that cannot be edited, and are left alone.
    """
    return _without_refused(module, wanted, refused, partial(_instrument, module))


def dispatch(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    refused: Callable[[SourceError], None],
    *,
    model: str,
    base_url: str | None,
    elsewhere: Elsewhere | None = None,
) -> Planned:
    """Replace the bodies of the wanted functions by calls of `model`.

    refused: is told of functions that no stub can stand for, and are left alone. elsewhere: imports
    go, too, that only these bodies used, and that this says no other file takes from the module;
    without it none goes.
    """
    plan = partial(_dispatch, module, model=model, base_url=base_url, elsewhere=elsewhere)
    return _without_refused(module, wanted, refused, plan)


def _without_refused(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    refused: Callable[[SourceError], None],
    plan: Callable[[Sequence[tuple[Surveyed, Contract]]], Planned],
) -> Planned:
    """The plan for the functions that can be edited; the others are told one by one. Raises
    SourceError where the reason lies in none of them.
    """
    try:
        return plan(wanted)
    except SourceError as error:
        whole = error
    good = []
    bad = []
    for item in wanted:
        try:
            plan([item])
        except SourceError as error:
            line, name = item[0].function.line, item[0].function.qualname
            bad.append(SourceError(module.path, error.message, line=line, function=name))
        else:
            good.append(item)
    if not good:
        raise whole if len(bad) > 1 else bad[0]
    made = plan(good)
    for reason in bad:
        refused(reason)
    return made


def _instrument(module: Module, wanted: Sequence[tuple[Surveyed, Contract]]) -> Planned:
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
    kept = pruning.Pruning(after, module.imports)
    return planned(module, kept, contracts, module.bodies, changed)


def _dispatch(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    *,
    model: str,
    base_url: str | None,
    elsewhere: Elsewhere | None,
) -> Planned:
    names, edits, changed = _Names(module), [], []
    contracts, bodies = _live_contracts(module), dict(module.bodies)
    removed = []
    for surveyed, contract in wanted:
        node, mark = names.node(surveyed)
        name = mark.contract if mark else names.new(surveyed.function.qualname)
        bound = replace(contract, model=model, base_url=base_url)
        if mark is None or mark.state == "recorded":
            replaced = partial(stub.stub, module.source, node, surveyed, f"{names.alias}.{name}")
            edit = _edit(module, node, replaced)
            if mark and mark.decorator:
                edits.append(record.undecoration(module.source, mark.decorator))
            edits.append(edit)
            bodies[name] = module.source.text[edit.start : edit.stop]
            changed.append(surveyed.name)
        elif contracts.get(name) != bound:
            changed.append(surveyed.name)
        contracts[name] = bound
        removed.append(name)
    edits = [*names.import_edit(wanted, edits), *edits]
    after = _verified(module, edits, bodies)
    kept = pruning.Pruning(after, module.imports)
    if elsewhere:
        source = files.decode(after, module.path)
        stubs = replace(module, source=source, found=marks.find(source), bodies=bodies)
        kept = pruning.away(stubs, [bodies[n] for n in removed if n in bodies], elsewhere)
    return planned(module, kept, contracts, bodies, changed)


class _Names:
    """What a module's edits refer to: functions, the sidecar's alias, the contracts' names.

    Raises SourceError for a module that uses the sidecar of another.
    """

    def __init__(self, module: Module) -> None:
        for mark in module.found.strays:
            whose = mark.imported.sidecar.name if mark.imported.sidecar else mark.imported.name
            message = (
                f"uses {whose}, the sidecar of another module, as code does that was moved; run "
                "`distilgen restore` on this file first"
            )
            raise refusal(module, mark.function, message)
        self._module = module
        self._nodes = {node.lineno: node for _, node in marks.functions(module.source.tree)}
        self._live = {mark.contract for mark in module.found.functions}
        self._taken = self._live | set(module.contracts) | set(module.bodies)
        self.alias = module.found.alias or imports.free_alias(module.source.text)

    def node(self, surveyed: Surveyed) -> tuple[marks.FunctionNode, marks.Mark | None]:
        """A function's node, and its mark where it has one."""
        node = self._nodes[surveyed.function.line]
        return node, self._module.found.at(node.lineno)

    def new(self, qualname: str) -> str:
        """The name of a function's contract: the one that the sidecar kept, or a new one."""
        for name, contract in self._module.contracts.items():
            free = name not in self._live and name not in self._module.bodies
            if free and contract.function.rpartition(":")[2] == qualname:
                self._live.add(name)
                return name
        name = contracts_file.name_for(qualname, self._taken)
        self._taken.add(name)
        return name

    def import_edit(
        self, wanted: Sequence[tuple[Surveyed, Contract]], edits: Sequence[Edit]
    ) -> list[Edit]:
        """The import of the sidecar, where it is needed and not there."""
        if self._module.found.alias or not edits:
            return []
        first = marks.first_use(self._module.source.tree, (i.function.line for i, _ in wanted))
        return [imports.insertion(self._module.source, wanted[0][0].facts, self.alias, first)]


def _live_contracts(module: Module) -> dict[str, Contract]:
    """The sidecar's contracts that the module still uses."""
    live = {mark.contract for mark in module.found.functions}
    return {name: contract for name, contract in module.contracts.items() if name in live}


def _edit(module: Module, node: marks.FunctionNode, make: Callable[[], Edit]) -> Edit:
    """An edit of a function; what stands against it becomes a SourceError that names it."""
    try:
        return make()
    except ValueError as error:
        raise refusal(module, node, str(error)) from error


def _verified(module: Module, edits: Sequence[Edit], bodies: dict[str, str]) -> bytes:
    """The bytes after the edits, if they keep the promises."""
    after = spliced(module, edits)
    if after != module.source.raw:
        source, found = verify.edited(module.source, module.found, after)
        edited = replace(module, source=source, found=found, bodies=bodies)
        if _teacher(edited) != _teacher(module):
            raise SourceError(
                module.path, "the edit could not be taken back exactly; left as it is"
            )
    return after


def _teacher(module: Module) -> bytes:
    """The bytes with everything of ours taken out that can be."""
    edits, left = [], []
    for mark in module.found.functions:
        try:
            edits.append(teacher.edit_of(module, mark)[0])
        except ValueError:
            left.append(mark)  # its author wrote into it
    with suppress(SourceError):  # where its author's own code needs the import
        edits += teacher.imports_of(module, left)
    return spliced(module, edits)
