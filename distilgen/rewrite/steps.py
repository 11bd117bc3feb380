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
from distilgen.rewrite.module import Planned, planned, refusal, refuse_unbound, spliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distilgen.contract import Contract
    from distilgen.rewrite.elsewhere import Elsewhere
    from distilgen.rewrite.module import Module
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
    plan: Callable[[Sequence[tuple[Surveyed, Contract]], Callable[[SourceError], None]], Planned],
) -> Planned:
    """The plan for the functions with which the module keeps its promises; the others are found by
    halves, and told. Raises SourceError where the reason lies in none of them.
    """
    if not wanted:
        return Planned((), ())
    refuse_unbound(module)
    _refuse_strays(module)
    told: list[SourceError] = []
    try:
        made = plan(wanted, told.append)
    except SourceError as error:
        if len(wanted) == 1:
            raise
        bad = list(_culprits(plan, wanted))
        good = [item for item in wanted if item not in bad]
        if not good:
            raise
        told.clear()
        made = plan(good, told.append)
        told += [
            SourceError(
                module.path, error.message, line=item.function.line, function=item.function.qualname
            )
            for item, _ in bad
        ]
    for reason in told:
        refused(reason)
    return made


def _refuse_strays(module: Module) -> None:
    for mark in module.found.strays:
        whose = mark.imported.sidecar.name if mark.imported.sidecar else mark.imported.name
        message = (
            f"uses {whose}, the sidecar of another module, as code does that was moved; run "
            "`distilgen restore` on this file first"
        )
        raise refusal(module, mark.function, message)


def _culprits(
    plan: Callable[[Sequence[tuple[Surveyed, Contract]], Callable[[SourceError], None]], Planned],
    wanted: Sequence[tuple[Surveyed, Contract]],
) -> Iterator[tuple[Surveyed, Contract]]:
    """The functions for which a plan fails."""
    try:
        plan(wanted, lambda _: None)
    except SourceError:
        if len(wanted) == 1:
            yield from wanted
        else:
            half = len(wanted) // 2
            yield from _culprits(plan, wanted[:half])
            yield from _culprits(plan, wanted[half:])


def _instrument(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    refused: Callable[[SourceError], None],
) -> Planned:
    names, edits, changed = _Names(module), [], []
    contracts = _live_contracts(module)
    for surveyed, contract in wanted:
        node, mark = names.node(surveyed)
        if mark and mark.state == "dispatched":
            continue
        copied = mark is not None and names.is_copy(mark)
        name = mark.contract if mark and not copied else names.new(surveyed.function.qualname)
        if copied and mark and mark.decorator:
            edits.append(record.undecoration(module.source, mark.decorator))
        if mark is None or copied:
            try:
                edit = record.decoration(module.source, node, f"{names.alias}.{name}")
            except ValueError as error:
                refused(refusal(module, node, str(error)))
                continue
            edits.append(edit)
        if mark is None or copied or contracts.get(name) != contract:
            changed.append(surveyed.name)
        contracts[name] = contract
    edits = [*names.import_edit(wanted, edits), *edits]
    edited = _verified(module, edits, module.bodies)
    kept = pruning.Pruning(edited.source.raw, module.imports)
    return planned(module, kept, contracts, module.bodies, changed)


def _dispatch(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    refused: Callable[[SourceError], None],
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
        copied = mark is not None and names.is_copy(mark)
        if copied and mark and mark.state == "dispatched":
            message = f"is a copy of the stub that has the contract {mark.contract}; write its body"
            refused(refusal(module, node, message))
            continue
        name = mark.contract if mark and not copied else names.new(surveyed.function.qualname)
        bound = replace(contract, model=model, base_url=base_url)
        if mark is None or mark.state == "recorded":
            try:
                edit = stub.stub(module.source, node, surveyed, f"{names.alias}.{name}")
            except ValueError as error:
                refused(refusal(module, node, str(error)))
                continue
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
    edited = _verified(module, edits, bodies)
    kept = pruning.Pruning(edited.source.raw, module.imports)
    if elsewhere:
        kept = pruning.away(edited, [bodies[n] for n in removed if n in bodies], elsewhere)
    return planned(module, kept, contracts, bodies, changed)


class _Names:
    """What a module's edits refer to: functions, the sidecar's alias, the contracts' names."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._nodes = {node.lineno: node for _, node in marks.functions(module.source.tree)}
        self._live = {mark.contract for mark in module.found.functions}
        self._taken = self._live | set(module.contracts) | set(module.bodies)
        self.alias = module.found.alias or imports.free_alias(module.source.text)

    def node(self, surveyed: Surveyed) -> tuple[marks.FunctionNode, marks.Mark | None]:
        """A function's node, and its mark where it has one."""
        node = self._nodes[surveyed.function.line]
        return node, self._module.found.at(node.lineno)

    def is_copy(self, mark: marks.Mark) -> bool:
        """Does another function have the mark's contract, and the better right to it?"""
        same = [item for item in self._module.found.functions if item.contract == mark.contract]
        frozen = self._module.contracts.get(mark.contract)
        named = frozen.function.rpartition(":")[2] if frozen else ""
        return mark is not next((item for item in same if item.qualname == named), same[0])

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
        """The import of the sidecar, where it is needed and is not there, or not ahead of the first
        of the functions.
        """
        source, found = self._module.source, self._module.found
        first = marks.first_use(source.tree, (i.function.line for i, _ in wanted))
        own = [item for item in found.imports if item.own]
        if not edits or any(item.node.lineno < first for item in own):
            return []
        inserted = imports.insertion(source, wanted[0][0].facts, self.alias, first)
        if not own:
            return [inserted]
        once = marks.first_use(source.tree, (mark.function.lineno for mark in found.all))
        return [inserted, *(imports.removal(source, item, once) for item in own)]


def _live_contracts(module: Module) -> dict[str, Contract]:
    """The sidecar's contracts that the module still uses."""
    live = {mark.contract for mark in module.found.functions}
    return {name: contract for name, contract in module.contracts.items() if name in live}


def _verified(module: Module, edits: Sequence[Edit], bodies: dict[str, str]) -> Module:
    """The module after the edits, if they keep the promises."""
    after = spliced(module, edits)
    if after == module.source.raw:
        return replace(module, bodies=bodies)
    source, found = verify.edited(module.source, module.found, after)
    for mark in found.functions:
        if mark.decorator and mark.function.lineno < mark.imported.node.lineno:
            raise refusal(module, mark.function, "would run before the import of its sidecar")
    edited = replace(module, source=source, found=found, bodies=bodies)
    if _teacher(edited) != _teacher(module):
        raise SourceError(module.path, "the edit could not be taken back exactly; left as it is")
    return edited


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
