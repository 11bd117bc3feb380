"""Rows of texts: what is asked, and what is answered. They tell no schema and no tool.

prompt-completion   https://huggingface.co/docs/trl/dataset_formats#prompt-completion
alpaca              https://github.com/tatsu-lab/stanford_alpaca#data-release
lamini              `input` and `output`, as Lamini's documentation has them
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.contract import Contract

_GAP = "\n\n"


def prompt_completion(
    contract: Contract, arguments: Mapping[str, Any], result: Any
) -> dict[str, Any]:
    """The prompt ends where a token does: the answer begins with `{`, and shares none with it."""
    return {
        "prompt": _GAP.join([*_texts(contract, arguments), ""]),
        "completion": contract.answer(result),
    }


def alpaca(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """The system prompt is the instruction, the user message its input."""
    system, user = _texts(contract, arguments)
    return {"instruction": system, "input": user, "output": contract.answer(result)}


def lamini(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """System prompt and user message are one input."""
    return {
        "input": _GAP.join(_texts(contract, arguments)),
        "output": contract.answer(result),
    }


def prompt_completion_texts(contract: Contract, row: Mapping[str, Any]) -> tuple[str, str]:
    """(question, answer) of a row. Raises ValueError."""
    prompt = _behind_system(contract, _text(row, "prompt"), "prompt")
    if not prompt.endswith(_GAP):
        raise ValueError("its prompt does not end with an empty line")
    return prompt.removesuffix(_GAP), _text(row, "completion")


def alpaca_texts(contract: Contract, row: Mapping[str, Any]) -> tuple[str, str]:
    """(question, answer) of a row. Raises ValueError."""
    del contract
    return _text(row, "input"), _text(row, "output")


def lamini_texts(contract: Contract, row: Mapping[str, Any]) -> tuple[str, str]:
    """(question, answer) of a row. Raises ValueError."""
    return _behind_system(contract, _text(row, "input"), "input"), _text(row, "output")


def _texts(contract: Contract, arguments: Mapping[str, Any]) -> list[str]:
    return [message["content"] for message in contract.messages(arguments)]


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise ValueError(f"its {name} is no text" if name in row else f"it has no {name}")  # noqa: TRY004 - in a file
    return value


def _behind_system(contract: Contract, text: str, name: str) -> str:
    ahead = contract.system_prompt + _GAP
    if not text.startswith(ahead):
        raise ValueError(f"its {name} does not begin with the contract's system prompt")
    return text.removeprefix(ahead)
