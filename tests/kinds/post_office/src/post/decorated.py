"""Route handlers of FastAPI, and a decorator of our own."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar

from fastapi import APIRouter, Depends, FastAPI

from .models import Email, Letter

P = ParamSpec("P")
R = TypeVar("R")

app = FastAPI()
router = APIRouter()
seen: list[str] = []


def noted(function: Callable[P, R]) -> Callable[P, R]:
    """Write down what is called."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        seen.append(function.__name__)
        return function(*args, **kwargs)

    return call


def sender(name: str = "nobody") -> Letter:
    """A dependency."""
    return Letter(to=name)


@app.get("/plain/{text}")
def read(text: str, sender: Annotated[Letter, Depends(sender)], times: int = 1) -> Email:
    """Read."""
    return Email(to=text * times, text=sender.to)


@app.post("/body")
async def write(letter: Letter, *, urgent: bool = False) -> list[Email]:
    return [Email(to=letter.to, text=str(urgent))]


@router.get("/routed", response_model=Letter)
def routed(text: str) -> Email:
    return Email(to=text)


@noted
def twice(text: str) -> Email:
    return Email(to=text)


app.include_router(router)
