"""Methods, in a module that imports its neighbours by their full names."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from pydantic import BaseModel

from post.models import Email

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from post import models

T = TypeVar("T")


class Draft(BaseModel):
    """A model with methods."""

    to: str

    def better(self, text: str) -> Self:
        return type(self)(to=text)

    def of_type(self, type: str) -> Self:
        return self.model_copy(update={"to": type})

    @classmethod
    def empty(cls, to: str = "") -> Self:
        return cls(to=to)


class Reply(Draft):
    """A subclass, which its methods must return."""

    subject: str = "re"


class Page(BaseModel, Generic[T]):
    """A generic model."""

    items: list[T]


class Shop:
    """Methods of every kind."""

    class Inner(BaseModel):
        """Seen by annotations only."""

        to: str

    class Desk:
        """A nested class."""

        def stamped(self, text: str) -> Email:
            return Email(to=text)

        @staticmethod
        def paged(*text: str) -> Page[Email]:
            return Page[Email](items=[Email(to=word) for word in text])

    def __init__(self, name: str = "shop") -> None:
        self.name = name

    def method(self, text: str, /, *, times: int = 1) -> Inner:
        return Shop.Inner(to=text * times)

    @classmethod
    def of_class(cls, text: str = "t") -> Email:
        return Email(to=text)

    @staticmethod
    def static(text: str, *more: str) -> Email:
        return Email(to=text)

    @property
    def said(self) -> Email:
        """What was said."""
        return Email(to=self.name)

    @said.setter
    def said(self, value: Email) -> None:
        self.name = value.to

    @cached_property
    def kept(self) -> Email:
        return Email(to=self.name)

    @staticmethod
    @lru_cache
    def cached(text: str) -> Email:
        return Email(to=text)

    async def waiting(self, text: str) -> list[Inner]:
        return [Shop.Inner(to=text)]

    def stream(self, text: str) -> Iterator[Inner]:
        yield Shop.Inner(to=text)

    async def flowing(self, text: str) -> AsyncIterator[models.Late]:
        from post import models

        yield models.Late(to=text)
