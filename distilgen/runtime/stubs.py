"""What a stub does: it asks the student, and tells the record of the call, where there is one."""

from __future__ import annotations

import fnmatch
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from distilgen.errors import DispatchError
from distilgen.runtime import settings, student as students
from distilgen.runtime.call import Call
from distilgen.runtime.control import inside
from distilgen.runtime.failures import details
from distilgen.runtime.sayings import warn
from distilgen.runtime.student import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract
    from distilgen.runtime.settings import Override
    from distilgen.runtime.student import Asking, Student

_warned: set[str] = set()


async def ask(asking: Asking, student: Student, returns: Any, given: Mapping[str, Any]) -> Any:
    """The student's answer, a value of the type `returns`. Raises DispatchError."""
    asked = _begun(student)
    try:
        value = await students.ask(asking, student, returns, given, asked)
    except DispatchError as error:
        _tell(student, asked, error)
        raise
    _tell(student, asked)
    return value


def is_stub(contract: Contract, function: Callable[..., Any]) -> bool:
    """Is the function a stub that asks the student of the contract itself?"""
    code = getattr(function, "__code__", None)
    space = getattr(function, "__globals__", {})
    return code is not None and any(
        getattr(space.get(module), name, None) is contract
        for module, name in pairwise(code.co_names)
    )


def override_of(name: str) -> Override | None:
    """What an operator says of a function, `module:qualname`."""
    found = None
    qualname = name.rpartition(":")[2]
    said = settings.current().mode
    for item in sorted(said, key=lambda item: item.pattern != "*"):  # what names it, goes last
        if any(fnmatch.fnmatchcase(text, item.pattern) for text in (name, qualname)):
            found = item
    return found


def _warn_of_override(contract: Contract) -> None:
    """Say once that an operator's word on a stub is not heeded: there is no teacher."""
    found = override_of(contract.function)
    if found is not None and found.mode != "dispatch" and contract.function not in _warned:
        _warned.add(contract.function)
        warn(
            "%s: is a stub, so that its model answers, whatever DISTILGEN_MODE says; `distilgen "
            "rollout set %s --mode %s` puts its body back, if it ever had one",
            contract.function, contract.function, found.mode,
        )  # fmt: skip


def _begun(student: Student) -> Asked:
    contract = student.contract
    if contract.model is None:
        raise DispatchError(f"{contract.function}: no model; run `distilgen dispatch --model …`")
    if settings.current().mode:
        _warn_of_override(contract)
    return Asked(contract.model)


def _tell(student: Student, asked: Asked, error: DispatchError | None = None) -> None:
    """Say in the record of the call who answers it, and how."""
    call = inside.get()
    if type(call) is not Call or call.rollout or call.recorder.contract is not student.contract:
        return
    said = {"mode": "dispatch", **asked.members()}
    call.takes_part(said if error is None else said | {"error": details(error)}, asked.model)
