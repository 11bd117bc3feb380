"""Where code, sidecar and removed bodies no longer belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.errors import NoSchemaError, SchemaError
from distilgen.rewrite import marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.rewrite.module import Module
    from distilgen.source.functions import Surveyed


@dataclass(frozen=True)
class Finding:
    """One drift. command: what mends it."""

    path: Path
    line: int
    function: str
    message: str
    command: str


def findings(
    module: Module,
    functions: Sequence[Surveyed],
    freeze: Callable[[Surveyed], Contract],
    trained: Mapping[str, str],
    *,
    new: bool = False,
) -> Iterator[Finding]:
    """What is wrong with a module that distilgen has rewritten.

    freeze: the contract of a candidate as the code has it now. trained: for each known model, the
    fingerprint of the contract that it was trained for. new: report candidates that are plain.
    """
    by_line = {item.function.line: item for item in functions}
    sidecar = marks.sidecar_path(module.path)
    live = set()
    for mark in module.found.functions:
        live.add(mark.contract)
        line = mark.function.lineno
        frozen = module.contracts.get(mark.contract)
        if frozen is None:
            message = f"has no contract in {sidecar.name}"
            command = "dispatch --model" if mark.state == "dispatched" else "instrument"
            yield Finding(module.path, line, mark.qualname, message, f"distilgen {command}")
            continue
        yield from _of_contract(module, mark, frozen, by_line.get(line), freeze)
        if mark.state == "dispatched":
            yield from _of_stub(module, mark, frozen, trained)
    for name, contract in module.contracts.items():
        if name not in live:
            qualname = contract.function.rpartition(":")[2]
            again = next((f.function.line for f in functions if f.function.qualname == qualname), 0)
            message = (
                "lost its decorator" if again else f"is gone, but {sidecar.name} has its contract"
            )
            yield Finding(module.path, again or 1, qualname, message, "distilgen instrument")
    if new:
        for item in functions:
            fresh = item.is_candidate and not module.found.at(item.function.line)
            if fresh and _has_schema(item, freeze):
                message = f"is new: it returns {item.answer}, and nothing records it"
                line, qualname = item.function.line, item.function.qualname
                yield Finding(module.path, line, qualname, message, "distilgen instrument")


def _has_schema(surveyed: Surveyed, freeze: Callable[[Surveyed], Contract]) -> bool:
    """Could the function be instrumented?"""
    try:
        freeze(surveyed)
    except SchemaError:
        return False
    return True


def _of_contract(
    module: Module,
    mark: marks.Mark,
    frozen: Contract,
    surveyed: Surveyed | None,
    freeze: Callable[[Surveyed], Contract],
) -> Iterator[Finding]:
    line, qualname, path = mark.function.lineno, mark.qualname, module.path
    dispatched = mark.state == "dispatched"
    mend = (
        "distilgen restore, then instrument, train and dispatch again"
        if dispatched
        else "distilgen instrument"
    )
    if frozen.digest() != frozen.fingerprint:
        message = f"its contract in {marks.sidecar_path(path).name} was edited by hand"
        mend = "take the file back from version control" if dispatched else mend
        yield Finding(path, line, qualname, message, mend)
        return
    if surveyed is None or not surveyed.is_candidate:
        reason = surveyed.reason if surveyed else "has no return annotation"
        yield Finding(
            path, line, qualname, f"is no candidate any more: {reason}", "distilgen restore"
        )
        return
    try:
        fresh = freeze(surveyed)
    except NoSchemaError as error:
        message = f"is no candidate any more: {error}"
        yield Finding(path, line, qualname, message, "distilgen restore")
        return
    except SchemaError as error:
        yield Finding(
            path, line, qualname, f"cannot be compared: {error}", "distilgen check --python"
        )
        return
    changed = _difference(frozen, fresh, refreshable=not dispatched)
    if changed:
        yield Finding(path, line, qualname, f"its contract changed: {changed}", mend)


def _of_stub(
    module: Module, mark: marks.Mark, frozen: Contract, trained: Mapping[str, str]
) -> Iterator[Finding]:
    line, qualname, path = mark.function.lineno, mark.qualname, module.path
    known = trained.get(frozen.model or "")
    if frozen.model is None:
        yield Finding(
            path, line, qualname, "is a stub without a model", "distilgen dispatch --model"
        )
    elif known is not None and known != frozen.fingerprint:
        message = f"its model {frozen.model} was trained for another contract, {known[:12]}"
        yield Finding(path, line, qualname, message, "distilgen dispatch --model")
    if mark.contract not in module.bodies:
        message = "its body is not under .distilgen/originals"
        yield Finding(path, line, qualname, message, "take it back from version control")


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
