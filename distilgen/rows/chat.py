"""Rows of messages: OpenAI's, with tools, with functions, or answered in text; TRL's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.contract import Contract


CALL_ID = "call00000"
"""The id of the one call in a row: nine letters and digits, as Mistral's chat templates want it."""


def openai_tools(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """OpenAI's supervised row with tools: what a live call sends, and the answer to it. Where the
    contract is answered in text, that is the assistant's; rows have no response format.
    """
    if not contract.calls_tool:
        return openai_json(contract, arguments, result)
    request = contract.request(arguments)
    call = {
        "id": CALL_ID,
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
    """The older row with functions, as instructor writes it with `indent=None`, which is how its
    documentation shows it. Where the contract is answered in text: as above.
    """
    if not contract.calls_tool:
        return openai_json(contract, arguments, result)
    answer = {"name": contract.tool["name"], "arguments": contract.answer(result)}
    return {
        "messages": [
            *contract.messages(arguments),
            {"role": "assistant", "function_call": answer},
        ],
        "functions": [bare_tool(contract)],
    }


def openai_json(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """Messages alone: the answer is the assistant's text, whatever the contract calls."""
    answer = {"role": "assistant", "content": contract.answer(result)}
    return {"messages": [*contract.messages(arguments), answer]}


def trl(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """TRL's conversational row. The answer's arguments are an object, for chat templates write them
    as JSON themselves; `tools` is a JSON text, which a table's columns cannot bend.

    See https://huggingface.co/docs/trl/dataset_formats#tool-calling.
    """
    if not contract.calls_tool:
        return openai_json(contract, arguments, result)
    answer = json.loads(contract.answer(result), parse_constant=_refuse)
    function = {"name": contract.tool["name"], "arguments": answer}
    called = {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]}
    return {
        "messages": [*contract.messages(arguments), called],
        "tools": canonical_json(contract.tools()),
    }


def bare_tool(contract: Contract) -> dict[str, Any]:
    """The tool as older formats know it: `name`, `description`, `parameters`."""
    function: dict[str, Any] = contract.tools()[0]["function"]
    return {key: function[key] for key in ("name", "description", "parameters")}


def texts(contract: Contract, row: Mapping[str, Any]) -> tuple[str, str]:
    """(question, answer) of a row of messages. Raises ValueError."""
    question = asked(row)[-1].get("content")
    if not isinstance(question, str):
        raise ValueError("its question is no text")  # noqa: TRY004 - in a file
    return question, _answer(contract, row["messages"][-1])


def asked(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row's messages before the answer, the last of them the user's. Raises ValueError."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise ValueError("its messages are no list of objects")
    if [message.get("role") for message in messages[-2:]] != ["user", "assistant"]:
        raise ValueError("its last messages are no question of the user and the assistant's answer")
    return messages[:-1]


def _answer(contract: Contract, message: Mapping[str, Any]) -> str:
    call, calls = message.get("function_call"), message.get("tool_calls")
    if isinstance(calls, list) and calls:
        if len(calls) > 1:
            raise ValueError("it is answered by several tool calls")
        call = calls[0].get("function") if isinstance(calls[0], dict) else None
        if not isinstance(call, dict):
            raise ValueError("its tool call has no function")
    return called(contract, call) if isinstance(call, dict) else _content(message)


def called(contract: Contract, call: Mapping[str, Any]) -> str:
    """The text of the arguments in a call of the contract's tool. Raises ValueError."""
    if call.get("name") != contract.tool["name"]:
        raise ValueError(f"it calls {call.get('name')!r}, and the tool is {contract.tool['name']}")
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        return arguments
    if not isinstance(arguments, dict):
        raise ValueError("the arguments of its call are neither a text nor an object")  # noqa: TRY004 - in a file
    return canonical_json(arguments)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if not isinstance(content, str):
        raise ValueError("its answer is neither a text nor a tool call")  # noqa: TRY004 - in a file
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
