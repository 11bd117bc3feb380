"""The contract as rewritten modules use it: it can decorate a teacher, and ask a student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from distilgen import contract
from distilgen.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    # PEP 747: `Email | None` is a type, but no class. Type checkers that do not know of it take
    # what the stub must return for T, or the class.
    from typing_extensions import TypeForm

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

    @overload
    def dispatch(self, returns: type[T], /, **arguments: Any) -> T: ...
    @overload
    def dispatch(self, returns: TypeForm[T], /, **arguments: Any) -> T: ...
    def dispatch(self, returns: Any, /, **arguments: Any) -> Any:
        """The student's answer to a call, validated as `returns`.

        Raises DispatchError: no credentials, no such model, no connection, no valid answer.
        """
        from distilgen.runtime import student  # noqa: PLC0415 - recorded modules do not need it

        return student.ask(self, returns, arguments)

    @overload
    async def adispatch(self, returns: type[T], /, **arguments: Any) -> T: ...
    @overload
    async def adispatch(self, returns: TypeForm[T], /, **arguments: Any) -> T: ...
    async def adispatch(self, returns: Any, /, **arguments: Any) -> Any:
        """As `dispatch`, awaited."""
        from distilgen.runtime import student  # noqa: PLC0415

        return await student.aask(self, returns, arguments)
