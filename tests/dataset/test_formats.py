"""Rows have the shapes that hosts document; the answer's text is the contract's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract, canonical_json
from distilgen.dataset.formats import FORMATS
from distilgen.dataset.records import Record, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MESSAGES = [
    {"role": "system", "content": "Predict the results of compose."},
    {"role": "user", "content": '{"topic":"é"}'},
]
TOOL = {"name": "Email", "description": "An email.", "parameters": {"type": "object"}}


@pytest.fixture
def record(line: Callable[..., bytes], store: Callable[..., Path]) -> Record:
    (item,) = read(store(line("é")))
    assert isinstance(item, Record)
    return item


def test_openai_tools(contract: Contract, record: Record) -> None:
    call = {
        "id": "call_0",
        "type": "function",
        "function": {"name": "Email", "arguments": '{"subject":"é"}'},
    }
    assert FORMATS["openai-tools"](contract, record) == {
        "messages": [*MESSAGES, {"role": "assistant", "tool_calls": [call]}],
        "tools": [{"type": "function", "function": TOOL}],
        "parallel_tool_calls": False,
    }


def test_openai_functions(contract: Contract, record: Record) -> None:
    answer = {"name": "Email", "arguments": '{"subject":"é"}'}
    assert FORMATS["openai-functions"](contract, record) == {
        "messages": [*MESSAGES, {"role": "assistant", "function_call": answer}],
        "functions": [TOOL],
    }


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_wraps_what_is_no_object(
    name: str, contract: Contract, record: Record
) -> None:
    row = FORMATS[name](replace(contract, wraps_result=True), replace(record, result=[1, None]))
    assert json.loads(_answer(row)) == {"result": [1, None]}


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_json(name: str, contract: Contract, record: Record) -> None:
    row = FORMATS[name](contract, replace(record, arguments={"topic": float("nan")}))
    text = canonical_json(row)
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert json.loads(text) == row


def _answer(row: dict[str, Any]) -> str:
    answer = row["messages"][-1]
    called = answer.get("function_call") or answer["tool_calls"][0]["function"]
    text: str = called["arguments"]
    return text
