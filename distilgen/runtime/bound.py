"""The contract as rewritten modules use it: it can decorate a teacher, and ask a student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from distilgen import contract
from distilgen.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import TypeForm  # PEP 747: `Email | None` is a type, but no class

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Contract(contract.Contract):
    """A contract in a generated sidecar; see `distilgen.contract.Contract` for its fields."""

    def record(self, function: F) -> F:
        """Decorate the teacher: every call leaves a record, and nothing else changes.

        Returns the function itself when `DISTILGEN_DISABLED` is set.
        """
        if settings.is_disabled():
            return function
        from distilgen.runtime.recorder import record  # noqa: PLC0415 - stubs do not need it

        return record(self, function)  # type: ignore[return-value]

    def dispatch(self, returns: TypeForm[T], /, **arguments: Any) -> T:
        """The student's answer to a call, validated as `returns`.

        Raises DispatchError: no credentials, no such model, no connection, no valid answer.
        """
        from distilgen.runtime import student  # noqa: PLC0415 - recorded modules do not need it

        answer: T = student.ask(self, returns, arguments)
        return answer

    async def adispatch(self, returns: TypeForm[T], /, **arguments: Any) -> T:
        """As `dispatch`, awaited."""
        from distilgen.runtime import student  # noqa: PLC0415

        answer: T = await student.aask(self, returns, arguments)
        return answer
