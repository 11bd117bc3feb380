"""Asking a student the held-out calls of a dataset."""

from __future__ import annotations

import json
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from distilgen.agreement import Agreement
from distilgen.dataset import reading
from distilgen.errors import DatasetError
from distilgen.rows import answer_of, messages_of
from distilgen.runtime.answers import WrongAnswerError, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.contract import Contract


@dataclass(frozen=True)
class Row:
    """A call of the dataset. answer: the teacher's, a JSON value."""

    messages: list[dict[str, Any]]
    answer: Any


_Answered: TypeAlias = tuple[Row, Any, Exception | None]


def rows(contract: Contract, path: Path, format_name: str) -> Iterator[Row]:
    """The calls in a dataset file, whatever its format: each is asked as a live call would be.
    Raises DatasetError by line.
    """
    own = "raw" if format_name in reading.TABLES else format_name
    for number, row in reading.rows(path, format_name, contract):
        try:
            yield Row(messages_of(own, contract, row), answer_of(own, contract, row))
        except ValueError as error:
            message = f"{path}:{number}: is no row of the format {format_name}: {error}"
            raise DatasetError(message) from error


def measure(
    contract: Contract,
    path: Path,
    format_name: str,
    ask: Callable[[Contract, Row], Any],
    told: Callable[[str], None],
    *,
    concurrency: int = 8,
) -> Agreement:
    """The agreement of a student with the teacher on the calls in a dataset file.

    ask: the student's answer to a call, as a JSON value. A ValueError of its counts as no answer;
    of anything else it raises nobody can say whose fault it is. Both are told. concurrency: calls
    at a time.
    """
    agreement = Agreement()

    def answer(row: Row) -> _Answered:
        try:
            return row, ask(contract, row), None
        except Exception as error:  # noqa: BLE001 - a call that fails is a result
            return row, None, error

    with ThreadPoolExecutor(concurrency) as pool:
        asked = (pool.submit(answer, row) for row in rows(contract, path, format_name))
        for row, given, error in _in_turn(asked, 2 * concurrency):
            if error is None or isinstance(error, ValueError):
                agreement.add(row.answer, given, failed=error is not None)
            else:
                agreement.unasked += 1
            if error:
                told(str(error))
    return agreement


def _in_turn(asked: Iterator[Future[_Answered]], ahead: int) -> Iterator[_Answered]:
    """What was answered, in the order of the questions, of which no more than `ahead` wait: memory
    holds these, and where a row cannot be read, or on Ctrl-C, no others are asked and paid for.
    """
    waiting: deque[Future[_Answered]] = deque()
    for future in asked:
        waiting.append(future)
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def openai_student(client: Any, model: str) -> Callable[[Contract, Row], Any]:
    """Asks a model with the request that a dispatched function would send."""

    def ask(contract: Contract, row: Row) -> Any:
        completion = client.chat.completions.create(
            model=model, messages=row.messages, **contract.form()
        )
        try:
            return json.loads(contract.plain(text_of(contract, completion)))
        except WrongAnswerError as wrong:
            raise ValueError(f"{model} {wrong.what}") from wrong

    return ask
