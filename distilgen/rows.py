"""A call and its answer as a training row: one function a format, all through the contract's
renderer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract


def openai_tools(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """OpenAI's supervised row with tools: what a live call sends, and the answer to it. Where the
    contract is answered in text, that is the assistant's; rows have no response format.
    """
    request = contract.request(arguments)
    if not contract.calls_tool:
        answer = {"role": "assistant", "content": contract.answer(result)}
        return {"messages": [*request["messages"], answer]}
    call = {
        "id": "call_0",
        "type": "function",
        "function": {"name": contract.tool["name"], "arguments": contract.answer(result)},
    }
    return {
        "messages": [*request["messages"], {"role": "assistant", "tool_calls": [call]}],
        "tools": request["tools"],
        "parallel_tool_calls": request["parallel_tool_calls"],
    }


def openai_functions(
    contract: Contract, arguments: Mapping[str, Any], result: Any
) -> dict[str, Any]:
    """The older row with functions, as instructor writes it."""
    answer = {"name": contract.tool["name"], "arguments": contract.answer(result)}
    return {
        "messages": [
            *contract.messages(arguments),
            {"role": "assistant", "function_call": answer},
        ],
        "functions": [dict(contract.tool)],
    }


FORMATS: dict[str, Callable[[Contract, Mapping[str, Any], Any], dict[str, Any]]] = {
    "openai-tools": openai_tools,
    "openai-functions": openai_functions,
}
