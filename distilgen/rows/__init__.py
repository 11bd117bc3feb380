"""A call and its answer as a training row, and back: one pair of functions a format, all through
the contract's renderer.

Rows hold the texts of `Contract.messages` and `Contract.answer` as they are, so that a student is
trained on what a live call sends, as far as the format can say it. docs/formats.md tells who reads
which.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY
from distilgen.rows import chat, plain, sharegpt, text
from distilgen.rows.chat import openai_functions, openai_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract

__all__ = [
    "FORMATS", "answer_of", "call_of", "messages_of", "openai_functions", "openai_tools",
]  # fmt: skip

FORMATS: dict[str, Callable[[Contract, Mapping[str, Any], Any], dict[str, Any]]] = {
    "openai-tools": openai_tools,
    "openai-functions": openai_functions,
    "openai-json": chat.openai_json,
    "trl": chat.trl,
    "prompt-completion": text.prompt_completion,
    "sharegpt": sharegpt.sharegpt,
    "alpaca": text.alpaca,
    "lamini": text.lamini,
    "raw": plain.raw,
}
"""Makes a row of (contract, arguments, result), for every format whose row is a JSON object. Raises
ValueError for a result that the contract's strict form cannot hold, and of `trl` and `raw` for a
number that JSON has not.
"""

_TEXTS: dict[str, Callable[[Contract, Mapping[str, Any]], tuple[str, str]]] = {
    "openai-tools": chat.texts,
    "openai-functions": chat.texts,
    "openai-json": chat.texts,
    "trl": chat.texts,
    "prompt-completion": text.prompt_completion_texts,
    "sharegpt": sharegpt.texts,
    "alpaca": text.alpaca_texts,
    "lamini": text.lamini_texts,
}


def answer_of(format_name: str, contract: Contract, row: Mapping[str, Any]) -> Any:
    """The result that a row answers with, a JSON value as the teacher's record has it.

    format_name: one of `FORMATS`. Raises ValueError, whose message is the reason in plain words,
    for what is no row of the format.
    """
    if format_name not in _TEXTS:
        return plain.call(row)[1]
    return _result(contract, _TEXTS[format_name](contract, row)[1])


def call_of(
    format_name: str, contract: Contract, row: Mapping[str, Any]
) -> tuple[dict[str, Any], Any]:
    """(arguments, result) of a row, as JSON values. Raises ValueError as `answer_of`, and where the
    question does not tell the arguments: it is not in the contract's words, or those tell them not.
    """
    if format_name not in _TEXTS:
        return plain.call(row)
    question, answer = _TEXTS[format_name](contract, row)
    return _arguments(contract, question), _result(contract, answer)


def messages_of(
    format_name: str, contract: Contract, row: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The messages that ask a live student what a row asks. Raises ValueError as `answer_of`."""
    if format_name not in _TEXTS:
        return contract.messages(plain.call(row)[0])
    if _TEXTS[format_name] is chat.texts:
        return chat.asked(row)
    system, _ = contract.messages({})
    return [system, {"role": "user", "content": _TEXTS[format_name](contract, row)[0]}]


def _result(contract: Contract, answer: str) -> Any:
    try:
        value = json.loads(contract.plain(answer))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its answer is no JSON: {error}") from error
    if not contract.wraps_result:
        return value
    if not isinstance(value, dict) or value.keys() != {RESULT_KEY}:
        raise ValueError(f"its answer is no object with {RESULT_KEY} alone")
    return value[RESULT_KEY]


def _arguments(contract: Contract, question: str) -> dict[str, Any]:
    """What is rendered as this very question."""
    from distilgen.errors import RecordError  # noqa: PLC0415 - few read rows back
    from distilgen.records.foreign import arguments_in  # noqa: PLC0415 - as above

    try:
        found = arguments_in(contract, question)
    except RecordError as error:
        raise ValueError(str(error)) from error
    if contract.messages(found)[-1]["content"] != question:
        raise ValueError("its question is not in the contract's words")
    return found
