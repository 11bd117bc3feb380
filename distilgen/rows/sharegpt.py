"""ShareGPT's row, as LLaMA-Factory and Axolotl read it: who said what, the system prompt, tools.

https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md#sharegpt-format and
https://docs.axolotl.ai/docs/dataset-formats/conversation.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json
from distilgen.rows.chat import bare_tool, called

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.contract import Contract

_ASKS, _ANSWERS, _CALLS = "human", "gpt", "function_call"


def sharegpt(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """A tool call is a turn whose text is `{"name": …, "arguments": {…}}`, and `tools` a JSON text;
    a contract that is answered in text has neither.
    """
    system, user = (message["content"] for message in contract.messages(arguments))
    asked = {"from": _ASKS, "value": user}
    answer = contract.answer(result)
    if not contract.calls_tool:
        return {"conversations": [asked, {"from": _ANSWERS, "value": answer}], "system": system}
    call = f'{{"name":{canonical_json(contract.tool["name"])},"arguments":{answer}}}'
    return {
        "conversations": [asked, {"from": _CALLS, "value": call}],
        "system": system,
        "tools": canonical_json([bare_tool(contract)]),
    }


def texts(contract: Contract, row: Mapping[str, Any]) -> tuple[str, str]:
    """(question, answer) of a row. Raises ValueError."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError("its conversations are no list of objects")
    speakers = [turn.get("from") for turn in turns]
    if speakers not in ([_ASKS, _ANSWERS], [_ASKS, _CALLS]):
        raise ValueError(f"its turns are not one of {_ASKS} and one of {_ANSWERS} or {_CALLS}")
    question, answer = (turn.get("value") for turn in turns)
    if not isinstance(question, str) or not isinstance(answer, str):
        raise ValueError("one of its turns has no text in value")  # noqa: TRY004 - in a file
    return question, answer if speakers[1] == _ANSWERS else _called(contract, answer)


def _called(contract: Contract, text: str) -> str:
    try:
        call = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its function call is no JSON: {error}") from error
    if not isinstance(call, dict):
        raise ValueError("its function call is no object")  # noqa: TRY004 - in a file
    return called(contract, call)
