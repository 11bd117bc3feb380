"""A record as a training row: one function a format, all through the contract's renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract
    from distilgen.dataset.records import Record


def openai_tools(contract: Contract, record: Record) -> dict[str, Any]:
    """OpenAI's supervised row with tools: what a live call sends, and the answer to it."""
    request = contract.request(record.arguments)
    call = {
        "id": "call_0",
        "type": "function",
        "function": {"name": contract.tool["name"], "arguments": contract.answer(record.result)},
    }
    return {
        "messages": [*request["messages"], {"role": "assistant", "tool_calls": [call]}],
        "tools": request["tools"],
        "parallel_tool_calls": request["parallel_tool_calls"],
    }


def openai_functions(contract: Contract, record: Record) -> dict[str, Any]:
    """The older row with functions, as instructor writes it."""
    answer = {"name": contract.tool["name"], "arguments": contract.answer(record.result)}
    return {
        "messages": [
            *contract.messages(record.arguments),
            {"role": "assistant", "function_call": answer},
        ],
        "functions": [dict(contract.tool)],
    }


FORMATS: dict[str, Callable[[Contract, Record], dict[str, Any]]] = {
    "openai-tools": openai_tools,
    "openai-functions": openai_functions,
}
