"""Where code, sidecar and removed bodies no longer belong together."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from distilgen import lock
from distilgen.errors import MissingPackageError, NoSchemaError, SchemaError, SourceError
from distilgen.rewrite import contracts_file, marks, originals, teacher
from distilgen.rewrite.finding import Finding, checkout, command, routed, shown
from distilgen.rewrite.module import states_of
from distilgen.rewrite.routes import BESIDE, OF_BESIDE, route_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distilgen.contract import Contract
    from distilgen.rewrite.module import Module
    from distilgen.source.functions import Surveyed

_SHOWN = 3
"""Names that a message lists."""


@dataclass
class Code:
    """How a contract is held against the code.

    freeze: the contract of a candidate as the code has it now. refreeze: the same with the schemas
    that are frozen, and the packages that these need and are not here; evaluates nothing.
    by_source: for contracts of which only the source could be compared, how many, by the reason.
    """

    freeze: Callable[[Surveyed], Contract]
    refreeze: Callable[[Surveyed, Contract], tuple[Contract, frozenset[str]]]
    by_source: Counter[str] = field(default_factory=Counter)


def findings(
    module: Module,
    functions: Sequence[Surveyed],
    code: Code,
    trained: Mapping[str, str],
    locked: Mapping[str, lock.Function],
    *,
    new: bool = False,
) -> Iterator[Finding]:
    """What is wrong with a module that distilgen has rewritten.

    trained: for each known model, the fingerprint of the contract that it was trained for. locked:
    what the lock says of functions, by `module:qualname`. new: report candidates that are plain.
    """
    by_line = {item.function.line: item for item in functions}
    unbound = {item.function.lineno for item in module.found.unbound}
    live = set()
    for mark in module.found.functions:
        live.add(mark.contract)
        frozen = module.contracts.get(mark.contract)
        if frozen is None:
            yield _without_contract(
                module, mark, by_line.get(mark.function.lineno), trained, locked
            )
            continue
        surveyed = by_line.get(mark.function.lineno)
        yield from _of_contract(module, mark, frozen, surveyed, code, trained)
        if mark.state != "recorded":
            yield from _of_student(module, mark, frozen, trained, locked)
        if mark.stub and mark.contract not in module.bodies:
            yield _without_body(module, mark)
    yield from _of_imports(module)
    for name, contract in module.contracts.items():
        if name not in live:
            qualname = contract.function.rpartition(":")[2]
            found = [item for item in functions if item.function.qualname == qualname]
            lines = [item.function.line for item in found]
            # A function whose mark names another contract is told by that.
            if unbound.isdisjoint(lines) and not any(map(module.found.at, lines)):
                yield _without_mark(module, name, found[0] if found else None, trained, locked)
    if new:
        for item in functions:
            line, qualname = item.function.line, item.function.qualname
            fresh = item.is_candidate and not module.found.at(line) and line not in unbound
            if fresh and _has_schema(item, code):
                message = f"is new: it returns {item.answer}, and nothing records it"
                mend = command("instrument", module.project, module.path, qualname)
                yield Finding("new-candidate", module.path, line, qualname, message, mend)


def of_lock(module: Module, locked: Mapping[str, lock.Function]) -> Iterator[Finding]:
    """Where the lock says something else of a module's functions than its sidecar. locked: by
    `module:qualname`.
    """
    states = states_of(module.found, module.contracts)
    for mark in module.found.functions:
        contract = module.contracts.get(mark.contract)
        name = contract.function if contract else ""
        if contract and locked.get(name) != lock.renewed(locked.get(name), states[name]):
            said = f"something else than {marks.sidecar_path(module.path).name}"
            message = f"{lock.FILE} says {said if name in locked else 'nothing'} of it"
            mend = command("instrument", module.project, module.path, mark.qualname)
            line = mark.function.lineno
            yield Finding("lock-differs", module.path, line, mark.qualname, message, mend)


def since_frozen(frozen: Contract, read: Contract) -> str:
    """What of a function changed since its contract was frozen, in words; empty when nothing did.
    read: the contract with the schemas that are frozen, and all else as it is now.
    """
    changed = _difference(frozen, read, refreshable=False)
    if changed:
        return f"its contract changed: {changed}"
    return _sources_changed(frozen, read) if frozen.sources else ""


def _has_schema(surveyed: Surveyed, code: Code) -> bool:
    """Could the function be instrumented? Where its packages are not here, it may."""
    try:
        code.freeze(surveyed)
    except MissingPackageError:
        return True
    except SchemaError:
        return False
    return True


def _without_contract(
    module: Module,
    mark: marks.Mark,
    surveyed: Surveyed | None,
    trained: Mapping[str, str],
    locked: Mapping[str, lock.Function],
) -> Finding:
    sidecar = marks.sidecar_path(module.path)
    name = surveyed.name if surveyed else ""
    was_there = name in locked and all(c.function != name for c in module.contracts.values())
    mend = checkout(module.project, sidecar) if was_there else _frozen_anew(module, mark, trained)
    message = f"has no contract in {sidecar.name}"
    line = mark.function.lineno
    return Finding("contract-missing", module.path, line, mark.qualname, message, mend)


def _frozen_anew(module: Module, mark: marks.Mark, trained: Mapping[str, str]) -> str:
    """The command that gives a function a contract which it never had; if it was renamed, with the
    settings of what it was.
    """
    if mark.state == "recorded":
        return command("instrument", module.project, module.path, mark.qualname)
    settings, accepts = {"model": "NAME"}, False
    if module.renamed:
        frozen = module.contracts[module.renamed[0]]
        settings = {**settings, **contracts_file.options(frozen)}
        accepts = frozen.model in trained
    words = []
    for name, value in settings.items():
        if name not in OF_BESIDE or not mark.stub:
            words += [f"--{name.replace('_', '-')}", value]
    return _dispatched(module, mark, *words, accepts=accepts)


def _without_mark(
    module: Module,
    name: str,
    surveyed: Surveyed | None,
    trained: Mapping[str, str],
    locked: Mapping[str, lock.Function],
) -> Finding:
    """name: the contract's. surveyed: its function; None where there is none."""
    contract = module.contracts[name]
    qualname = contract.function.rpartition(":")[2]
    restore = command("restore", module.project, module.path, qualname)
    if not surveyed:
        message = f"is gone, but {marks.sidecar_path(module.path).name} has its contract"
        new = [mark for mark in module.found.functions if mark.contract not in module.contracts]
        mend = (
            _frozen_anew(module, new[0], trained)  # which takes the old one away, and not before
            if new
            else restore
        )
        return Finding("function-gone", module.path, 1, qualname, message, mend)
    mend = command("instrument", module.project, module.path, qualname)
    if not surveyed.is_candidate:
        mend = restore
    known = locked.get(contract.function)
    if surveyed.is_candidate and known and known.state in BESIDE and contract.model:
        share = contracts_file.options(contract).get("share")
        options = ["--share", share] if share else []
        mend = routed(contract.function, "--mode", known.state, *options)
    message = "lost its stub" if name in module.bodies else "lost its decorator"
    line = surveyed.function.line
    return Finding("decorator-lost", module.path, line, qualname, message, mend)


def _of_imports(module: Module) -> Iterator[Finding]:
    """Uses of sidecars that are not imported, or belong to other modules."""
    for qualname, function, name in module.found.unbound:
        message = f"uses {name}, which nothing imports any more"
        mend = f"put back the line `{marks.missing_import(module.path, name)}`"
        yield Finding("import-lost", module.path, function.lineno, qualname, message, mend)
    for mark in module.found.strays:
        whose = mark.imported.sidecar.name if mark.imported.sidecar else mark.imported.name
        message = f"uses {whose}, the sidecar of another module, as code does that was moved"
        mend = command("restore", module.project, module.path)
        mend = f"{mend} && {command('instrument', module.project, module.path)}"
        line = mark.function.lineno
        yield Finding("foreign-sidecar", module.path, line, mark.qualname, message, mend)


def _of_contract(
    module: Module,
    mark: marks.Mark,
    frozen: Contract,
    surveyed: Surveyed | None,
    code: Code,
    trained: Mapping[str, str],
) -> Iterator[Finding]:
    project, path, qualname = module.project, module.path, mark.qualname
    bound = mark.state != "recorded"

    def finding(kind: str, message: str, mend: str) -> Finding:
        return Finding(kind, path, mark.function.lineno, qualname, message, mend)

    restore = command("restore", project, path, qualname)
    refresh = _dispatched(module, mark) if bound else command("instrument", project, path, qualname)

    def changed_to(fresh: Contract, changed: str) -> Finding:
        message, mend = f"its contract changed: {changed}", refresh
        if bound and trained.get(frozen.model or "", fresh.fingerprint) != fresh.fingerprint:
            advice = "train anew" if frozen.student else "train anew, or accept this one"
            message += f" ({frozen.model} was trained for another; {advice})"
            mend = _dispatched(module, mark, accepts=True)
            if frozen.student:
                mend = f"{restore} && {command('instrument', project, path, qualname)}"
        return finding("contract-changed", message, mend)

    if frozen.digest() != frozen.fingerprint:
        sidecar = marks.sidecar_path(path)
        message = f"its contract in {sidecar.name} was edited by hand"
        yield finding("contract-edited", message, checkout(project, sidecar) if bound else refresh)
        return
    if surveyed is None or not surveyed.is_candidate:
        reason = surveyed.reason if surveyed else "has no return annotation"
        yield finding("no-candidate", f"is no candidate any more: {reason}", restore)
        return
    error, changed, fresh = None, "", frozen
    try:
        fresh = code.freeze(surveyed)
        changed = _difference(frozen, fresh, refreshable=not bound)
        if not changed:
            return
    except SchemaError as caught:
        error = caught
    read, absent = code.refreeze(surveyed, frozen)
    evaluated = error is None or isinstance(error, NoSchemaError)
    if evaluated and (not absent or _sources_changed(frozen, read)):
        if isinstance(error, NoSchemaError):
            yield finding("no-candidate", f"is no candidate any more: {error}", restore)
            return
        yield changed_to(fresh, changed)
        return
    # What evaluation says here depends on what is installed here: only the source can be compared.
    if not frozen.sources:
        message = f"cannot be compared, as its contract has no `sources`: {error or changed}"
        yield finding("not-comparable", message, refresh)
        return
    sources = _sources_changed(frozen, read)
    if sources:
        why = f": {error}" if error else f", without {', '.join(sorted(absent))}"
        message = f"{sources} since the contract was frozen, and cannot be evaluated here{why}"
        yield finding("source-changed", message, refresh)
        return
    changed = _difference(frozen, read, refreshable=not bound)
    if changed:
        yield changed_to(read, changed)
        return
    missing = sorted(
        absent | ({error.package} if isinstance(error, MissingPackageError) else set())
    )
    reason = f"no module {', '.join(missing)} here" if missing else "its type fails here"
    code.by_source[reason] += 1


def _sources_changed(frozen: Contract, read: Contract) -> str:
    """Which statements are not what they were, in words; empty when all are."""
    old, now = frozen.sources, read.sources
    names = [name for name in now if name in old and old[name] != now[name]]
    names += [name for name in (*old, *now) if (name in old) != (name in now)]
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more} changed"


def _dispatched(module: Module, mark: marks.Mark, *options: str, accepts: bool = False) -> str:
    """The command that freezes the contract of a function with a student anew, and changes nothing
    else but what the options say.
    """
    route = route_of(mark)
    mode = [] if route.is_stub else ["--mode", route.mode]
    words = [*mode, *options, *(["--accept-contract"] if accepts else [])]
    verb = " ".join(["dispatch", *map(quote, words)])
    return command(verb, module.project, module.path, mark.qualname)


def _of_student(
    module: Module,
    mark: marks.Mark,
    frozen: Contract,
    trained: Mapping[str, str],
    locked: Mapping[str, lock.Function],
) -> Iterator[Finding]:
    line, qualname, path = mark.function.lineno, mark.qualname, module.path
    known, entry = trained.get(frozen.model or ""), locked.get(frozen.function)
    if frozen.model is None:
        what = "a stub" if mark.stub else f"in {mark.state} mode"
        mend = _dispatched(module, mark, "--model", "NAME")
        yield Finding("model-missing", path, line, qualname, f"is {what} without a model", mend)
    elif frozen.student is not None and not (path.parent / frozen.student).is_file():
        place = Path(os.path.normpath(path.parent / frozen.student))
        message = f"the file of {frozen.model}, {shown(module.project, place)}, is not there"
        mend = checkout(module.project, place)
        yield Finding("student-missing", path, line, qualname, message, mend)
    elif known is not None and known != frozen.fingerprint:
        if entry and entry.accepts(frozen.fingerprint, frozen.model):
            return
        message = f"its model {frozen.model} was trained for another contract, {known[:12]}; "
        if frozen.student:
            message += "train it anew"
            mend = f"distilgen train {quote(frozen.function)}"
        else:
            message += "name one of this contract, or accept it"
            mend = _dispatched(module, mark, "--model", frozen.model, accepts=True)
        yield Finding("foreign-model", path, line, qualname, message, mend)


def _without_body(module: Module, mark: marks.Mark) -> Finding:
    project, path, qualname = module.project, module.path, mark.qualname
    kept = originals.path_for(project, path)
    message = "its body is not under .distilgen/originals"
    mend = checkout(project, kept)
    try:
        found = teacher.holders(module, mark)
    except SourceError:
        found = []
    if found:
        places = [teacher.place_of(module, other) for other in found]
        message = f"its body is in {' or '.join(places)}, of a module that was renamed or changed"
        mend = command("restore", project, path, qualname)
    if len(found) > 1:
        mend = f"move the right one to {shown(project, kept)}"
    return Finding("body-missing", path, mark.function.lineno, qualname, message, mend)


def _difference(frozen: Contract, fresh: Contract, *, refreshable: bool) -> str:
    """In words, what of the contract is not what it was; empty when nothing is.

    refreshable: it can be frozen anew at no cost. A student that has been trained keeps its
    contract, and of the arguments it was shown no more than the prompt.
    """
    parts = []
    if frozen.function != fresh.function:
        parts.append(f"it was {frozen.function}, and is {fresh.function}")
    if frozen.parameters != fresh.parameters:
        parts.append(f"the parameters were {', '.join(frozen.parameters) or 'none'}")
    elif frozen.system_prompt != fresh.system_prompt:
        parts.append("the system prompt (signature, docstring or template)")
    if frozen.user_message != fresh.user_message:
        parts.append("the user message's format")
    old, now = frozen.tool["parameters"], fresh.tool["parameters"]
    if old != now:
        before, after = set(old.get("properties", ())), set(now.get("properties", ()))
        fields = [f"-{name}" for name in sorted(before - after)]
        fields += [f"+{name}" for name in sorted(after - before)]
        parts.append(
            f"the schema of {fresh.tool['name']}{f' ({chr(32).join(fields)})' if fields else ''}"
        )
    elif frozen.tool != fresh.tool:
        parts.append("the tool's name or description")
    if refreshable and frozen.parameters == fresh.parameters:
        parts += _difference_of_inputs(frozen.inputs, fresh.inputs)
    return "; ".join(parts)


def _difference_of_inputs(frozen: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """As `_difference`, of the arguments' schemas. One that could not be evaluated, here or where
    it was frozen, says nothing: the type's package may not be installed.
    """
    old, now = frozen["properties"], fresh["properties"]
    known = [name for name in now if not ("$comment" in old[name] or "$comment" in now[name])]
    changed = [name for name in known if old[name] != now[name]]
    if changed:
        return [f"the schema of {', '.join(changed)}"]
    if len(known) == len(now) and frozen.get("$defs") != fresh.get("$defs"):
        return ["the schemas of the arguments"]
    return []
