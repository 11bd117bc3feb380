"""Rows have the shapes that hosts document; the answer's text is the contract's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from distilgen.contract import Contract, canonical_json
from distilgen.rows import FORMATS

MESSAGES = [
    {"role": "system", "content": "Predict the results of compose."},
    {"role": "user", "content": '{"topic":"é"}'},
]
TOOL = {"name": "Email", "description": "An email.", "parameters": {"type": "object"}}


GIVEN, ANSWER = {"topic": "é"}, {"subject": "é"}


def test_openai_tools(contract: Contract) -> None:
    call = {
        "id": "call_0",
        "type": "function",
        "function": {"name": "Email", "arguments": '{"subject":"é"}'},
    }
    assert FORMATS["openai-tools"](contract, GIVEN, ANSWER) == {
        "messages": [*MESSAGES, {"role": "assistant", "tool_calls": [call]}],
        "tools": [{"type": "function", "function": TOOL}],
        "parallel_tool_calls": False,
    }


def test_openai_functions(contract: Contract) -> None:
    answer = {"name": "Email", "arguments": '{"subject":"é"}'}
    assert FORMATS["openai-functions"](contract, GIVEN, ANSWER) == {
        "messages": [*MESSAGES, {"role": "assistant", "function_call": answer}],
        "functions": [TOOL],
    }


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_wraps_what_is_no_object(name: str, contract: Contract) -> None:
    row = FORMATS[name](replace(contract, wraps_result=True), GIVEN, [1, None])
    assert json.loads(_answer(row)) == {"result": [1, None]}


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_json(name: str, contract: Contract) -> None:
    row = FORMATS[name](contract, {"topic": float("nan")}, ANSWER)
    text = canonical_json(row)
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert json.loads(text) == row


def _answer(row: dict[str, Any]) -> str:
    answer = row["messages"][-1]
    called = answer.get("function_call") or answer["tool_calls"][0]["function"]
    text: str = called["arguments"]
    return text
