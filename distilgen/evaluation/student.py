"""Asking a student the held-out calls of a dataset."""

from __future__ import annotations

import json
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from distilgen.agreement import Agreement
from distilgen.dataset import reading
from distilgen.errors import DatasetError, LowConfidenceError, StudentError
from distilgen.rows import answer_of, call_of, messages_of
from distilgen.runtime.answers import WrongAnswerError, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from distilgen.contract import Contract


@dataclass(frozen=True)
class Row:
    """A call of the dataset. question: what its student is asked. answer: the teacher's, a JSON
    value.
    """

    question: Any
    answer: Any


_Answered: TypeAlias = tuple[Row, Any, Exception | None]
_ABSTAINED: Final = object()


def asked_by_messages(contract: Contract, path: Path, format_name: str) -> Iterator[Row]:
    """The calls in a dataset file, whatever its format, by the messages that a live call would
    send. Raises DatasetError by line.
    """

    def read(own: str, row: Mapping[str, Any]) -> Row:
        return Row(messages_of(own, contract, row), answer_of(own, contract, row))

    return _rows(contract, path, format_name, read)


def asked_by_arguments(contract: Contract, path: Path, format_name: str) -> Iterator[Row]:
    """As `asked_by_messages`, by the arguments, as JSON values by their names."""

    def read(own: str, row: Mapping[str, Any]) -> Row:
        return Row(*call_of(own, contract, row))

    return _rows(contract, path, format_name, read)


def _rows(
    contract: Contract,
    path: Path,
    format_name: str,
    read: Callable[[str, Mapping[str, Any]], Row],
) -> Iterator[Row]:
    own = "raw" if format_name in reading.TABLES else format_name
    for number, row in reading.rows(path, format_name, contract):
        try:
            yield read(own, row)
        except ValueError as error:
            message = f"{path}:{number}: is no row of the format {format_name}: {error}"
            raise DatasetError(message) from error


def measure(
    rows: Iterator[Row],
    ask: Callable[[Any], Any],
    told: Callable[[str], None],
    *,
    concurrency: int = 8,
) -> Agreement:
    """The agreement of a student with the teacher.

    ask: the student's answer to a question, as a JSON value. A LowConfidenceError of its says that
    it abstains; a ValueError counts as no answer; of anything else it raises nobody can say whose
    fault it is. These two are told. concurrency: calls at a time.
    """
    agreement = Agreement()

    def answer(row: Row) -> _Answered:
        try:
            return row, ask(row.question), None
        except LowConfidenceError:
            return row, _ABSTAINED, None
        except Exception as error:  # noqa: BLE001 - a call that fails is a result
            return row, None, error

    with ThreadPoolExecutor(concurrency) as pool:
        asked = (pool.submit(answer, row) for row in rows)
        for row, given, error in _in_turn(asked, 2 * concurrency):
            if given is _ABSTAINED:
                agreement.abstained += 1
            elif error is None or isinstance(error, ValueError):
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


def hosted(contract: Contract, client: Any, model: str) -> Callable[[list[dict[str, Any]]], Any]:
    """Asks a model with the request that a dispatched function would send."""

    def ask(messages: list[dict[str, Any]]) -> Any:
        completion = client.chat.completions.create(
            model=model, messages=messages, **contract.form()
        )
        try:
            return json.loads(contract.plain(text_of(contract, completion)))
        except WrongAnswerError as wrong:
            raise ValueError(f"{model} {wrong.what}") from wrong

    return ask


def embedded(contract: Contract, path: Path) -> Callable[[dict[str, Any]], Any]:
    """Asks the embedded student in a file. Raises StudentError."""
    from distilgen.embedded import file  # noqa: PLC0415 - of few students

    model = file.load(path)
    if model.contract != contract.fingerprint:
        raise StudentError(f"{path}: was trained for another contract, {model.contract[:12]}")

    def ask(arguments: dict[str, Any]) -> Any:
        value, confidence, why = model.answer(arguments)
        if why:
            raise LowConfidenceError(why, confidence=confidence)
        return value

    return ask
