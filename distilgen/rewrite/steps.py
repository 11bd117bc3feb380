"""The two steps that change a module: instrument, and route.

Every result is verified before it is returned: it compiles, without our nodes its tree is the
original's, and taking our edits out again gives the original's bytes. A function that fails is
refused with the reason, and so is a module where the reason lies in none of its functions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from distilgen.errors import SourceError
from distilgen.rewrite import (
    contracts_file,
    imports,
    marks,
    pruning,
    record,
    routes,
    stub,
    teacher,
    verify,
)
from distilgen.rewrite.module import Planned, planned, refusal, refuse_unbound, spliced
from distilgen.rewrite.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distilgen.contract import Contract
    from distilgen.rewrite.elsewhere import Elsewhere
    from distilgen.rewrite.module import Module
    from distilgen.rewrite.splice import Edit
    from distilgen.source.functions import Surveyed


class Wish(NamedTuple):
    """What is to become of a function. contract: with its settings."""

    surveyed: Surveyed
    contract: Contract
    route: Route


def instrument(
    module: Module,
    wanted: Sequence[tuple[Surveyed, Contract]],
    refused: Callable[[SourceError], None],
) -> Planned:
    """Record every call of the wanted functions, and freeze their contracts anew.

    Functions that have a student are left alone, contract included: it knows that one. refused: is
    told of functions that cannot be edited, and are left alone.
    """
    wishes = [Wish(surveyed, contract, Route("record")) for surveyed, contract in wanted]
    return _without_refused(module, wishes, refused, partial(_plan, module, refreshes=True))


def route(
    module: Module,
    wishes: Sequence[Wish],
    refused: Callable[[SourceError], None],
    *,
    elsewhere: Elsewhere | None = None,
) -> Planned:
    """Have the calls of functions go as is wished, wherever they go now.

    refused: is told of functions that cannot be edited, or whose calls cannot go so, and are left
    alone. elsewhere: with the bodies that stubs take the place of, imports go that only these used,
    and that this says no other file takes from the module; without it none goes.
    """
    plan = partial(_plan, module, elsewhere=elsewhere)
    return _without_refused(module, wishes, refused, plan)


def unfit(module: Module, wish: Wish) -> str:
    """Why the calls of a function cannot go as is wished; empty where they can."""
    surveyed = wish.surveyed
    mark, empty = module.found.at(surveyed.function.line), surveyed.function.empty
    if mark and mark.stub:
        body = module.bodies.get(mark.contract)
        empty = body is not None and stub.is_empty(body)
    try:
        routes.refuse(module.source, surveyed, wish.route.mode, empty=empty)
    except ValueError as error:
        return str(error)
    return ""


def _without_refused(
    module: Module,
    wishes: Sequence[Wish],
    refused: Callable[[SourceError], None],
    plan: Callable[[Sequence[Wish], Callable[[SourceError], None]], Planned],
) -> Planned:
    """The plan for the functions with which the module keeps its promises; the others are found by
    halves, and told. Raises SourceError where the reason lies in none of them.
    """
    if not wishes:
        return Planned((), ())
    refuse_unbound(module)
    _refuse_strays(module)
    told: list[SourceError] = []
    try:
        made = plan(wishes, told.append)
    except SourceError as error:
        if len(wishes) == 1:
            raise
        bad = list(_culprits(plan, wishes))
        good = [item for item in wishes if item not in bad]
        if not good:
            raise
        told.clear()
        made = plan(good, told.append)
        told += [
            SourceError(
                module.path,
                error.message,
                line=item.surveyed.function.line,
                function=item.surveyed.function.qualname,
            )
            for item in bad
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
    plan: Callable[[Sequence[Wish], Callable[[SourceError], None]], Planned],
    wishes: Sequence[Wish],
) -> Iterator[Wish]:
    """The functions for which a plan fails."""
    try:
        plan(wishes, lambda _: None)
    except SourceError:
        if len(wishes) == 1:
            yield from wishes
        else:
            half = len(wishes) // 2
            yield from _culprits(plan, wishes[:half])
            yield from _culprits(plan, wishes[half:])


def _plan(
    module: Module,
    wishes: Sequence[Wish],
    refused: Callable[[SourceError], None],
    *,
    refreshes: bool = False,
    elsewhere: Elsewhere | None = None,
) -> Planned:
    """refreshes: what has a student is left alone, and what has none keeps its settings."""
    module = _with_renamed_body(module)
    names, work, changed = _Names(module), _Work(module, refreshes), []
    contracts = _live_contracts(module)
    for wish in wishes:
        node, mark = names.node(wish.surveyed)
        copied = mark is not None and names.is_copy(mark)
        if refreshes and mark and mark.state != "recorded" and (mark.stub or not copied):
            continue
        name = mark.contract if mark and not copied else names.new(wish.surveyed.function.qualname)
        contract = wish.contract
        if refreshes and name in module.contracts:
            contract = _with_settings(contract, module.contracts[name])
        try:
            edited = work.edit(wish, node, mark, f"{names.alias}.{name}", copied=copied)
        except ValueError as error:
            refused(refusal(module, node, str(error)))
            continue
        if edited or contracts.get(name) != contract:
            changed.append(wish.surveyed.name)
        contracts[name] = contract
    bodies = work.bodies
    edits = [*names.import_edit(wishes, work.edits), *work.edits]
    after = _verified(module, edits, bodies)
    kept = pruning.Pruning(after.source.raw, module.imports)
    if work.back:
        kept = _with_imports(after, work.back)
    elif elsewhere:
        kept = pruning.away(after, [bodies[n] for n in work.stubs if n in bodies], elsewhere)
    made = planned(module, after.found, kept, _kept(after, contracts), bodies, changed)
    if bodies.keys() < module.bodies.keys():
        # What comes back is in the module before it leaves the removed bodies.
        removed, *rest = made.changes
        made = replace(made, changes=(*rest, removed))
    return made


def _with_settings(fresh: Contract, frozen: Contract) -> Contract:
    """A contract with the settings that the one before had; its model only if it is the same."""
    kept = {name: getattr(frozen, name) for name in contracts_file.SETTINGS}
    if fresh.fingerprint != frozen.fingerprint:
        del kept["model"]
    return replace(fresh, **kept)


def _with_imports(module: Module, bodies: Sequence[str]) -> pruning.Pruning:
    """The module with the imports that bodies need which are back."""
    try:
        return pruning.restored(module, bodies, module.bodies.values())
    except ValueError as error:
        raise SourceError(module.path, str(error)) from error


@dataclass
class _Work:
    """The edits of a module's functions. refreshes: they are recorded, whether or not they have a
    body. bodies: those that are removed then. stubs: of what was wished for, the contracts of those
    that are stubs then. back: the bodies that come back.
    """

    module: Module
    refreshes: bool
    edits: list[Edit] = field(default_factory=list)
    stubs: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    bodies: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = dict(self.module.bodies)

    def edit(
        self,
        wish: Wish,
        node: marks.FunctionNode,
        mark: marks.Mark | None,
        contract: str,
        *,
        copied: bool,
    ) -> bool:
        """Have the calls of a function go as is wished. Returns whether anything is edited. Raises
        ValueError, and has then added nothing.

        mark: what it is; copied: of another function, of which it is a copy. contract: an
        expression.
        """
        source, route = self.module.source, wish.route
        if copied and mark and mark.stub:
            message = f"is a copy of the stub that has the contract {mark.contract}; write its body"
            raise ValueError(message)
        name = contract.rpartition(".")[2]
        was_stub = mark is not None and mark.stub is not None
        reason = "" if self.refreshes else unfit(self.module, wish)
        if reason:
            raise ValueError(reason)
        if route.mode != "record":
            wish.contract.form()
        edits = list(self._decorator(node, mark, contract, route.verb, copied=copied))
        if route.is_stub and not was_stub:
            edit = stub.stub(source, node, wish.surveyed, contract)
            self.bodies[name] = source.text[edit.start : edit.stop]
            edits.append(edit)
        elif mark and mark.stub and not route.is_stub:
            edits.append(self._unstubbed(mark))
            self.back.append(self.bodies.pop(name))
        if route.is_stub:
            self.stubs.append(name)
        self.edits += edits
        return bool(edits)

    def _decorator(
        self,
        node: marks.FunctionNode,
        mark: marks.Mark | None,
        contract: str,
        verb: str,
        *,
        copied: bool,
    ) -> Iterator[Edit]:
        source, decorator = self.module.source, mark.decorator if mark else None
        if decorator and verb and not copied:
            if decorator.attr != verb:
                yield record.redecoration(source, decorator, verb)
            return
        if decorator:
            yield record.undecoration(source, decorator)
        if verb:
            yield record.decoration(source, node, contract, verb)

    def _unstubbed(self, mark: marks.Mark) -> Edit:
        edit, origin = teacher.unstubbed(self.module, mark)
        if origin != self.module.path:
            place = teacher.place_of(self.module, origin)
            raise ValueError(f"its body is in {place}; run `distilgen restore` first")
        return edit


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

    def import_edit(self, wishes: Sequence[Wish], edits: Sequence[Edit]) -> list[Edit]:
        """The import of the sidecar, where it is needed and is not there, or not ahead of the first
        of the functions.
        """
        source, found = self._module.source, self._module.found
        first = marks.first_use(source.tree, (wish.surveyed.function.line for wish in wishes))
        own = [item for item in found.imports if item.own]
        if not edits or any(item.node.lineno < first for item in own):
            return []
        inserted = imports.insertion(source, wishes[0].surveyed.facts, self.alias, first)
        if not own:
            return [inserted]
        once = marks.first_use(source.tree, (mark.function.lineno for mark in found.all))
        return [inserted, *(imports.removal(source, item, once) for item in own)]


def _live_contracts(module: Module) -> dict[str, Contract]:
    """The sidecar's contracts that the module still uses."""
    live = {mark.contract for mark in module.found.functions}
    return {name: contract for name, contract in module.contracts.items() if name in live}


def _kept(after: Module, contracts: dict[str, Contract]) -> dict[str, Contract]:
    """The contracts in the sidecar's order; with those of functions that lost their marks, and,
    while a function that may have been renamed has no contract, those without a function.
    """
    marked = {mark.qualname for mark in after.found.functions}
    there = {qualname for qualname, _ in marks.functions(after.source.tree)}
    renamed = not {mark.contract for mark in after.found.functions} <= set(contracts)
    kept = {}
    for name, contract in {**after.contracts, **contracts}.items():
        qualname = contract.function.rpartition(":")[2]
        lost = qualname not in marked if qualname in there else renamed
        if name in contracts or lost:
            kept[name] = contract
    return kept


def _with_renamed_body(module: Module) -> Module:
    """The module; where a function was renamed, and its contract with it, its body is, too."""
    was, now = module.renamed or ("", "")
    if was not in module.bodies or now in module.bodies:
        return module
    bodies = {now if name == was else name: body for name, body in module.bodies.items()}
    return replace(module, bodies=bodies)


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
            edits += teacher.edits_of(module, mark)[0]
        except ValueError:
            left.append(mark)  # its author wrote into it
    with suppress(SourceError):  # where its author's own code needs the import
        edits += teacher.imports_of(module, left)
    return spliced(module, edits)
