"""What a real server answers is a value of the return type, or an error of ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from return_types import RETURNS, Meeting, contract_for, is_of

from distilgen.contract import ANSWERS
from distilgen.errors import DispatchError, InvalidAnswerError
from distilgen.runtime import configure

if TYPE_CHECKING:
    from collections.abc import Callable

    from real_server import RealServer

CALLS = 10


@pytest.fixture(autouse=True)
def _patience() -> None:
    configure(timeout=60, retries=0)  # a server that does not know a form says so with status 500


@pytest.mark.parametrize("name", RETURNS)
@pytest.mark.parametrize("answers", ANSWERS)
def test_answer(server: RealServer, answers: str, name: str, counted: Callable[..., Any]) -> None:
    returns = RETURNS[name]
    contract = contract_for(returns, **server.student | {"answers": answers})
    for number in range(CALLS):
        got = counted(answers, name, lambda n=number: contract.dispatch(returns, number=n))
        check(server, answers, returns, got)


@pytest.mark.parametrize("answers", ANSWERS)
def test_answer_async(server: RealServer, answers: str) -> None:
    returns = RETURNS["nested"]
    contract = contract_for(returns, **server.student | {"answers": answers})

    async def ask() -> Any:
        try:
            return await contract.adispatch(returns, number=1)
        except DispatchError as error:
            return error

    check(server, answers, returns, asyncio.run(ask()))


def check(server: RealServer, answers: str, returns: Any, got: Any) -> None:
    if not isinstance(got, DispatchError):
        assert is_of(returns, got)
    elif answers in server.kind.forms:
        assert is_students_fault(got), got


def is_students_fault(error: DispatchError) -> bool:
    """Is it never the question's? Not even the second one's, after an answer that was wrong.

    llama-server keeps some answers with free text to itself, and sends status 500.
    """
    kept = "model produced output that does not match" in str(error)
    return isinstance(error, InvalidAnswerError) or kept


def test_second_question(server: RealServer) -> None:
    """A calendar does not have the days that the model makes up, and the server takes a question
    that quotes them.
    """
    configure(reasks=3)
    contract = contract_for(Meeting, **server.student)
    for number in range(10):
        try:
            got = contract.dispatch(Meeting, number=number)
        except DispatchError as error:
            assert is_students_fault(error), error  # noqa: PT017 - or a good answer
        else:
            assert is_of(Meeting, got)
