"""The contract as rewritten modules use it: it can decorate a teacher, and ask a student."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from distilgen import contract
from distilgen.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    # PEP 747: `Email | None` is a type, but no class. Type checkers that do not know of it take
    # what the stub must return for T, or the class.
    from typing_extensions import TypeForm

    from distilgen.runtime.student import Student

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Contract(contract.Contract):
    """A contract in a generated sidecar; see `distilgen.contract.Contract` for its fields.

    folder: that of the sidecar, by which the file of an embedded student is found.
    """

    folder: Path | None = field(init=False, default=None, compare=False)

    def __post_init__(self) -> None:
        if self.student is not None:  # only then it is needed
            made_by = sys._getframe(2).f_globals.get("__file__")  # noqa: SLF001 - that of the sidecar
            object.__setattr__(self, "folder", Path(made_by).absolute().parent if made_by else None)

    def record(self, function: F) -> F:
        """Decorate the teacher: every call leaves a record, and nothing else changes. Where the
        contract has a model, an operator may say otherwise, see `distilgen.runtime.rollout`.

        Returns the function itself when `DISTILGEN_DISABLED` is set.
        """
        return self._decorated(function, "record")

    def shadow(self, function: F) -> F:
        """Decorate the teacher: for a share of its calls the student is asked, too, while nobody
        waits for it, and its answer is compared with the teacher's. Else as `record`.
        """
        return self._decorated(function, "shadow")

    def canary(self, function: F) -> F:
        """Decorate the teacher: the student answers a share of the calls, equal ones always or
        never; where it fails, the teacher answers. Else as `record`.
        """
        return self._decorated(function, "canary")

    def fallback(self, function: F) -> F:
        """Decorate the teacher: the student answers, and where it fails, the teacher. Else as
        `record`.
        """
        return self._decorated(function, "fallback")

    @overload
    def dispatch(self, returns: type[T], /, **arguments: Any) -> T: ...
    @overload
    def dispatch(self, returns: TypeForm[T], /, **arguments: Any) -> T: ...
    def dispatch(self, returns: Any, /, **arguments: Any) -> Any:
        """The student's answer to a call, validated as `returns`.

        Raises DispatchError: no credentials, no such model, no connection, no valid answer in time.
        """
        from distilgen.runtime import stubs, student  # noqa: PLC0415 - seldom beside recording

        return student.run(stubs.ask(student.HERE, self._student, returns, arguments))

    @overload
    async def adispatch(self, returns: type[T], /, **arguments: Any) -> T: ...
    @overload
    async def adispatch(self, returns: TypeForm[T], /, **arguments: Any) -> T: ...
    async def adispatch(self, returns: Any, /, **arguments: Any) -> Any:
        """As `dispatch`, awaited."""
        from distilgen.runtime import stubs, student  # noqa: PLC0415 - as above

        return await stubs.ask(student.ON_LOOP, self._student, returns, arguments)

    @cached_property
    def _student(self) -> Student:
        from distilgen.runtime.student import Student  # noqa: PLC0415 - as above

        return Student(self, self.folder)

    def _decorated(self, function: F, mode: str) -> F:
        if settings.is_disabled():
            return function
        # Stubs do not need these.
        from distilgen.runtime.recorder import record, roll_out  # noqa: PLC0415

        if mode == "record" and self.model is None:
            return record(self, function)  # type: ignore[return-value]
        from distilgen.runtime.stubs import is_stub  # noqa: PLC0415

        if is_stub(self, function):
            return record(self, function)  # type: ignore[return-value]
        return roll_out(self, function, self._student, mode)  # type: ignore[return-value]
