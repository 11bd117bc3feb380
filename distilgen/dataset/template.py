"""A row as a text with two gaps: rendered once by the contract's renderer, filled for each call.

A row repeats the system prompt and the tool, and differs in the user's message and the answer. So a
format is asked once, by a contract that says marks in their places, and what is around the marks
is kept. Where a format does more with a text than to hold it, each row is rendered by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from distilgen.contract import RESULT_KEY, Contract, canonical_json
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.dataset.answers import Call

_ASKED, _ANSWERED = "\ue000 asked \ue000", "\ue001 answered \ue001"
_ODD = " \\\"\n\t\u2028'{}\x7f "  # what a format that does more than to hold a text would change
_ARGUMENTS = "{arguments}"


@dataclass(frozen=True, kw_only=True)
class _Marked(Contract):
    """A contract whose messages and answers are given texts."""

    asked: str
    answered: str

    def _user_text(self, arguments: Mapping[str, Any]) -> str:
        del arguments
        return self.asked

    def answer(self, result: Any) -> str:
        del result
        return self.answered


def renderer(contract: Contract, format_name: str) -> Callable[[Call], bytes]:
    """Makes a call's row in a format whose rows are JSON objects: a line with its newline, equal to
    the canonical JSON of what the format makes of the call.
    """
    asked, answered = _asked_by(contract), _answered_by(contract)
    parts = _parts(contract, format_name)
    if parts is None:
        return _one_by_one(contract, format_name)
    first, middle, last = parts

    def fill(call: Call) -> bytes:
        question, answer = to_json(asked(call.arguments)), to_json(answered(call.result))
        return b"".join((first, question[1:-1], middle, answer[1:-1], last))

    return fill


def _parts(contract: Contract, format_name: str) -> tuple[bytes, bytes, bytes] | None:
    """What is before, between and behind the two texts; None where they are not simply held."""
    text = _row(contract, format_name, _ASKED, _ANSWERED)
    if text.count(_ASKED) != 1 or text.count(_ANSWERED) != 1:
        return None
    first, rest = text.split(_ASKED)
    if _ANSWERED not in rest:
        return None
    middle, last = rest.split(_ANSWERED)
    odd = canonical_json(_ODD)[1:-1]
    if _row(contract, format_name, _ODD, _ODD) != f"{first}{odd}{middle}{odd}{last}":
        return None
    return first.encode(), middle.encode(), last.encode()


def _row(contract: Contract, format_name: str, asked: str, answered: str) -> str:
    """The row of these two texts, as a line; nothing where the format reads them."""
    said = {field.name: getattr(contract, field.name) for field in fields(contract)}
    try:
        row = FORMATS[format_name](_Marked(**said, asked=asked, answered=answered), {}, None)
    except ValueError:
        return ""
    return canonical_json(row) + "\n"


def _asked_by(contract: Contract) -> Callable[[bytes], str]:
    """Makes the user's message of canonical arguments."""
    ahead, *behind = contract.user_message.split(_ARGUMENTS)
    if len(behind) == 1 and "{call}" not in contract.user_message:
        return lambda arguments: f"{ahead}{arguments.decode()}{behind[0]}"
    return lambda arguments: str(contract.messages(json.loads(arguments))[-1]["content"])


def _answered_by(contract: Contract) -> Callable[[bytes], str]:
    """Makes the answer's text of a canonical result."""
    if contract.is_strict:
        return lambda result: contract.answer(json.loads(result))
    if contract.wraps_result:
        ahead = f"{{{canonical_json(RESULT_KEY)}:"
        return lambda result: f"{ahead}{result.decode()}}}"
    return bytes.decode


def _one_by_one(contract: Contract, format_name: str) -> Callable[[Call], bytes]:
    row = FORMATS[format_name]

    def render(call: Call) -> bytes:
        made = row(contract, json.loads(call.arguments), json.loads(call.result))
        return canonical_json(made).encode() + b"\n"

    return render
