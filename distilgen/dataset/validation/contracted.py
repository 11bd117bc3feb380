"""Is a row one of its contract: its prompt, its tools, its answer?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY
from distilgen.dataset.validation.lines import said
from distilgen.records.fitting import Schema
from distilgen.rows import answer_of
from distilgen.rows.chat import bare_tool
from distilgen.strict_values import from_strict

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract
    from distilgen.dataset.validation.tools import Say

_CHATS = ("openai-tools", "openai-functions", "openai-json", "trl")
_TOOLS = {"openai-tools": "tools", "openai-functions": "functions", "trl": "tools"}
_PARALLEL = "parallel_tool_calls"
_SAID = ("tools", "functions", "system", "instruction")


class Contracted:
    """Looks at rows of one contract, in one format."""

    def __init__(self, contract: Contract, format_name: str) -> None:
        self.contract = contract
        self.format_name = format_name
        self.schema = Schema(contract.tool["parameters"])
        self._known: dict[str, Any] = {}  # the constant parts that were right in an earlier row
        self._wanted = _constants_of(contract, format_name)

    def check(self, row: dict[str, Any], say: Say) -> None:
        """Say what is wrong with a row whose form is right."""
        self._constants(row, say)
        try:
            result = answer_of(self.format_name, self.contract, row)
        except ValueError as error:
            say("answer-unreadable", answer_place(row), str(error))
            return
        misfit = self.schema.misfit(self._wrapped(result))
        if misfit:
            say("answer-misfit", answer_place(row), misfit)

    @property
    def fitting(self) -> Callable[[Any], bool]:
        """`takes`, or the quicker one that says the same."""
        bound = self.contract
        is_plain = not bound.wraps_result and (self.format_name == "raw" or not bound.is_strict)
        return self.schema.fits if is_plain else self.takes

    def takes(self, answer: Any) -> bool:
        """Does an answer, as the row has it, fit? Raises ValueError for one that is none."""
        contract = self.contract
        if self.format_name == "raw":
            return self.schema.fits(self._wrapped(answer))
        if contract.is_strict:
            answer = from_strict(answer, dict(contract.tool["parameters"]))
        is_whole = not contract.wraps_result or (
            isinstance(answer, dict) and answer.keys() == {RESULT_KEY}
        )
        return is_whole and self.schema.fits(answer)

    def takes_call(self, call: Any) -> bool:
        """Does a call, as ShareGPT's row has it, fit? Raises as above."""
        return (
            isinstance(call, dict)
            and call.keys() == {"name", "arguments"}
            and call["name"] == self.contract.tool["name"]
            and isinstance(call["arguments"], dict)
            and self.takes(call["arguments"])
        )

    def has_tools(self, row: dict[str, Any]) -> bool:
        """Are the tools of a row those of the contract, as one was found before?"""
        return any(key in row and row[key] == self._known.get(key) for key in _SAID[:2])

    def _wrapped(self, result: Any) -> Any:
        return {RESULT_KEY: result} if self.contract.wraps_result else result

    def _constants(self, row: dict[str, Any], say: Say) -> None:
        """The system prompt and the tools are those of live calls."""
        if self.format_name in _CHATS:
            self._prompt(row, say)
        wanted = self._wanted
        for key in _SAID:
            if key not in wanted or key not in row or row[key] == self._known.get(key):
                continue
            if _same(row[key], wanted[key]):
                self._known[key] = row[key]
            elif key in ("tools", "functions"):
                say("tools-differ", f"$.{key}", "is not what a live call sends")
            else:
                say("system-prompt-differs", f"$.{key}", f"is {said(row[key])}")
        if self.contract.calls_tool and self.format_name in _TOOLS:
            last = row["messages"][-1]
            calls = isinstance(last, dict) and not last.get("content")
            if calls and not row.keys() & {"tools", "functions"}:
                say("tools-differ", "$", f"has no {_TOOLS[self.format_name]}")
            if self.format_name == "openai-tools" and "tools" in row and _PARALLEL not in row:
                say("parallel-tool-calls-missing", "$", f"has no {_PARALLEL}")

    def _prompt(self, row: dict[str, Any], say: Say) -> None:
        for number, message in enumerate(row["messages"]):
            if isinstance(message, dict) and message.get("role") in ("system", "developer"):
                if message.get("content") != self.contract.system_prompt:
                    place = f"$.messages[{number}].content"
                    say("system-prompt-differs", place, f"is {said(message.get('content'))}")
                return


def _constants_of(contract: Contract, format_name: str) -> dict[str, Any]:
    """What all rows say, as our own renderer writes them."""
    place = {"alpaca": "instruction", "sharegpt": "system"}.get(format_name)
    constants: dict[str, Any] = {place: contract.system_prompt} if place else {}
    try:
        tools, functions = contract.tools(), [bare_tool(contract)]
    except ValueError:  # no strict form: then there are no rows either
        return constants
    if contract.calls_tool:
        constants["tools"] = functions if format_name == "sharegpt" else tools
        constants["functions"] = functions
    return constants


def _same(said: Any, wanted: Any) -> bool:
    if isinstance(said, str) and not isinstance(wanted, str):  # tools, as a JSON text
        try:
            said = json.loads(said)
        except (ValueError, RecursionError):
            return False
    return bool(said == wanted)


def answer_place(row: dict[str, Any]) -> str:
    """The JSON path of a row's answer."""
    for key in ("completion", "output", "result"):
        if key in row:
            return f"$.{key}"
    for key, inner in (("messages", "content"), ("conversations", "value")):
        turns = row.get(key)
        if isinstance(turns, list) and turns:
            path, last = f"$.{key}[{len(turns) - 1}]", turns[-1]
            if isinstance(last, dict) and isinstance(last.get("tool_calls"), list):
                return f"{path}.tool_calls[0].function.arguments"
            if isinstance(last, dict) and isinstance(last.get("function_call"), dict):
                return f"{path}.function_call.arguments"
            return f"{path}.{inner}"
    return "$"
