"""Is a row one of its contract: its prompt, its tools, its answer?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY
from distilgen.dataset.validation.asked import Asked
from distilgen.dataset.validation.lines import kind, said
from distilgen.records.fitting import MOST_FAULTS, Schema
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
_SYSTEM = ("system", "developer")
_LIVE = "a live call sends the system prompt and one question"
_SAID = ("tools", "functions", "system", "instruction")
_PROMPTS = {"prompt-completion": ("prompt", "\n\n"), "lamini": ("input", "")}  # and how it ends
_GAP = "\n\n"


class Contracted:
    """Looks at rows of one contract, in one format."""

    def __init__(self, contract: Contract, format_name: str) -> None:
        self.contract = contract
        self.format_name = format_name
        self.schema = Schema(contract.tool["parameters"])
        self._asked = Asked(contract)
        self._known: dict[str, Any] = {}  # the constant parts that were right in an earlier row
        self._wanted = _constants_of(contract, format_name)

    def check(self, row: dict[str, Any], say: Say) -> None:
        """Say what is wrong with a row whose form is right."""
        self._constants(row, say)
        place, question = self._question(row, say)
        if isinstance(question, str):
            for rule, path, what in self._asked.wrong(question):
                say(rule, _inside(place, path), what)
        elif isinstance(question, dict):
            for rule, path, what in (
                *self._asked.wrong_names(question), *self._asked.wrong_types(question),
            ):  # fmt: skip
                say(rule, place + path.removeprefix("$"), what)
        self._answer(row, say)

    def _answer(self, row: dict[str, Any], say: Say) -> None:
        try:
            result = answer_of(self.format_name, self.contract, row)
        except ValueError as error:
            say("answer-unreadable", answer_place(row), str(error))
            return
        place = answer_place(row)
        for path, what in self.schema.faults(self._wrapped(result), "$", MOST_FAULTS):
            if self.format_name == "raw" and self.contract.wraps_result:
                path = "$" + path.removeprefix(f"$.{RESULT_KEY}")  # noqa: PLW2901 - is not there
            is_value = self.format_name in ("raw", "trl") and not place.endswith(".content")
            where = place + path.removeprefix("$") if is_value else _inside(place, path)
            say("answer-misfit", where, what)

    def asks(self, question: Any) -> bool:
        """Is what a row asks, a text or arguments, such as `check` finds nothing wrong with?"""
        if isinstance(question, str):
            return self._asked.takes(question)
        return self._asked.takes_values(question)

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
            if key not in row:
                if key == "system" and key in wanted:
                    say("system-prompt-differs", "$", "has no system")
                continue
            if key not in wanted:
                if key in ("tools", "functions"):
                    say("tools-differ", f"$.{key}", "is not what a live call sends: it sends none")
                continue
            if row[key] == self._known.get(key):
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
            if self.format_name == "openai-tools" and "tools" in row:
                if _PARALLEL not in row:
                    say("parallel-tool-calls-missing", "$", f"has no {_PARALLEL}")
                elif row[_PARALLEL] is True:
                    what = "is true, and live calls say false"
                    say("parallel-tool-calls-differ", f"$.{_PARALLEL}", what)

    def _prompt(self, row: dict[str, Any], say: Say) -> None:
        for number, message in enumerate(row["messages"]):
            if isinstance(message, dict) and message.get("role") in _SYSTEM:
                if message.get("content") != self.contract.system_prompt:
                    place = f"$.messages[{number}].content"
                    say("system-prompt-differs", place, f"is {said(message.get('content'))}")
                return
        say("system-prompt-differs", "$.messages", "has no system prompt, and live calls send one")

    def _question(self, row: dict[str, Any], say: Say) -> tuple[str, Any]:
        """(where it stands, what is asked: a text, arguments, or None where it cannot be told)."""
        if self.format_name in _CHATS:
            return self._asked_in_chat(row["messages"], say)
        if self.format_name in _PROMPTS:
            return self._asked_in_prompt(row, say)
        if self.format_name == "raw":
            return "$.arguments", row.get("arguments")
        if self.format_name == "sharegpt":
            turns = row.get("conversations")
            if not isinstance(turns, list) or len(turns) != 2 or not isinstance(turns[0], dict):
                return "$.conversations", None
            text = turns[0].get("value")
            return "$.conversations[0].value", text if isinstance(text, str) else None
        for key in ("system", "history"):
            if row.get(key):
                say("messages-differ", f"$.{key}", "is not what a live call sends")
        text = row.get("input")
        return "$.input", text if isinstance(text, str) else None

    def _asked_in_chat(self, messages: list[Any], say: Say) -> tuple[str, Any]:
        roles = [message.get("role") if _is_object(message) else None for message in messages]
        start = 1 if roles[0] in _SYSTEM else 0
        place = f"$.messages[{start}].content"
        for number, wanted in enumerate(("user", "assistant"), start):
            if number == len(roles):
                what = "has no question" if wanted == "user" else "has no answer"
                say("messages-differ", "$.messages", what)
                return place, None
            if roles[number] != wanted:
                what = f"is of {said(roles[number])}; {_LIVE}"
                say("messages-differ", f"$.messages[{number}]", what)
                return place, None
        if len(roles) > start + 2:
            say("messages-differ", f"$.messages[{start + 2}]", f"stands behind the answer; {_LIVE}")
            return place, None
        for number, message in enumerate(messages[:-1]):
            if "name" in message:
                say("messages-differ", f"$.messages[{number}].name", "is sent by no live call")
        question = messages[start].get("content")
        if not isinstance(question, str):
            say("question-differs", place, f"is {kind(question)}, and live calls send a text")
            return place, None
        return place, question

    def _asked_in_prompt(self, row: dict[str, Any], say: Say) -> tuple[str, Any]:
        key, end = _PROMPTS[self.format_name]
        text, ahead = row.get(key), self.contract.system_prompt + _GAP
        if not isinstance(text, str):
            return f"$.{key}", None
        if not text.startswith(ahead):
            say("system-prompt-differs", f"$.{key}", "does not begin with the one of live calls")
            return f"$.{key}", None
        if not text.endswith(end):
            say("question-differs", f"$.{key}", "does not end with an empty line")
            return f"$.{key}", None
        return f"$.{key}", text.removeprefix(ahead).removesuffix(end)


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


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _inside(place: str, path: str) -> str:
    """A place in the JSON text that stands at a place."""
    return f"{place} → {path}" if path else place


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
