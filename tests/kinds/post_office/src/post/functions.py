"""Functions, coroutines and generators, in a module that imports its neighbours relatively."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, Union

from . import models
from .models import Email, Letter

if TYPE_CHECKING:
    from .models import Late

    Later = Late | None


def plain(
    first: str, /, second: int, third: str = "c", *more: int, flag: bool, word: str = "w", **rest: Any
) -> Email:
    """Write an email.

    Every kind of parameter is here.
    """
    return Email(to=first, text=f"{second} {third} {more} {flag} {word} {rest}")


def only_positional(first: str, second: str = "b", /) -> Email:
    return Email(to=first, text=second)


def only_stars(*words: str, **more: int) -> Email:
    return Email(to=" ".join(words), text=str(more))


def optional(text: str) -> Optional[Email]:
    return Email(to=text) if text else None


def union(text: str) -> Union[Email, Letter]:
    return Letter(to=text)


def piped(text: str) -> "Email | None":
    return Email(to=text) if text else None


def many(text: str) -> list[Email]:
    return [Email(to=text)]


def table(text: str) -> dict[Literal["a", "b"], Email]:
    return {"a": Email(to=text)}


def pair(text: str) -> tuple[Email, Letter]:
    return Email(to=text), Letter(to=text)


def annotated(text: str) -> Annotated[Email, "told"]:
    return Email(to=text)


def dotted(text: str) -> models.Email:
    return models.Email(to=text)


def late(text: str) -> "Late":
    from .models import Late

    return Late(to=text)


def later(text: str) -> "Later":
    from .models import Late

    return Late(to=text) if text else None


def hidden(models: str, dict: str) -> "dict[str, models.Email]":
    return {dict: Email(to=models)}


def without_body(text: str) -> Email:
    """Ask any model at once."""
    raise NotImplementedError


def stream(text: str) -> Iterator[Email]:
    """Write several."""
    for letter in text:
        yield Email(to=letter)


def iterable(text: str) -> Iterable[Email]:
    yield Email(to=text)


def talking(text: str) -> Generator[Email, str, None]:
    said = yield Email(to=text)
    yield Email(to=said)


async def waiting(text: str, *, flag: bool = False) -> Email:
    """Write, and wait."""
    return Email(to=text, text=str(flag))


async def flowing(text: str) -> AsyncIterator[Email]:
    """Write several, and wait for each."""
    for letter in text:
        yield Email(to=letter)


async def conversing(text: str) -> AsyncGenerator[Email, None]:
    yield Email(to=text)


async def answering(answer: str) -> AsyncGenerator[Email, None]: "One line."; yield Email(to=answer)
