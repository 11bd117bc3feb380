"""What is left alone, each with the reason."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar, overload

from .functions import waiting
from .models import Email, Letter

M = TypeVar("M", Email, Letter)


def outer() -> Callable[[str], Email]:
    def inner(text: str) -> Email:
        return Email(to=text)

    return inner


@overload
def chosen(text: str) -> Email: ...
@overload
def chosen(text: int) -> Letter: ...
def chosen(text: str | int) -> Email | Letter:  # distilgen: skip
    return Email(to=text) if isinstance(text, str) else Letter(to=str(text))


class Desk(ABC):
    """An abstract class."""

    @abstractmethod
    def stamp(self) -> Email: ...


class Stamping(Protocol):
    """A protocol."""

    def stamp(self) -> Email: ...


if TYPE_CHECKING:

    def told(text: str) -> Email: ...


def either(text: type[M]) -> M:
    return text(to="x")


def awaitable(text: str) -> Awaitable[Email]:
    return waiting(text)


def iterator(text: str) -> Iterator[Email]:
    return iter([Email(to=text)])


def name(email: Email) -> str:
    return email.to
