"""Rows of messages: are they such as OpenAI, and who takes its rows, trains on?

The names of the rules are those of OpenAI's published check, as far as it has them:
https://developers.openai.com/cookbook/examples/chat_finetuning_data_prep
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.dataset.validation import tools as offered
from distilgen.dataset.validation.lines import below, kind, said

if TYPE_CHECKING:
    from distilgen.dataset.validation.profiles import Profile
    from distilgen.dataset.validation.tools import Say, Tools

_ROW = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
_MESSAGE = frozenset({"role", "content", "name", "weight"})
_OF_ROLE = {
    "assistant": _MESSAGE | {"tool_calls", "function_call", "refusal", "reasoning_content"},
    "tool": _MESSAGE | {"tool_call_id"},
}
MESSAGE_KEYS = _MESSAGE.union(*_OF_ROLE.values())
"""Those that a message of some role may have."""

_PREFERENCE = frozenset({
    "chosen", "rejected", "preferred_output", "non_preferred_output", "preferred_completion",
})  # fmt: skip
_OTHERS = frozenset({"prompt", "completion", "text", "chosen", "conversations"})
_PARTS = {"text": "text", "image_url": "image_url", "refusal": "refusal"}


class Chat:
    """Looks at rows for a host. trl: the rows are TRL's, whose arguments are objects."""

    def __init__(self, profile: Profile, *, trl: bool = False) -> None:
        self.profile = profile
        self.trl = trl
        self._known: Tools | None = None

    def check(self, row: dict[str, Any], say: Say) -> None:
        """Say what is wrong with a row."""
        if row.keys() & _PREFERENCE and not self.trl:
            say("preference-row", "$", f"has {said(min(row.keys() & _PREFERENCE))}")
            return
        messages = row.get("messages")
        if not isinstance(messages, list) or not messages:
            what = "is missing" if "messages" not in row else f"is {kind(messages)}"
            what = "is an empty list" if messages == [] else f"{what}, and must be a list"
            say("missing-messages-list", "$.messages", what)
            return
        self._row_keys(row, say)
        tools = self._tools(row, say)
        for number, message in enumerate(messages):
            if not self._is_text(message):
                self._message(message, f"$.messages[{number}]", tools, say)
        good = [m if isinstance(m, dict) else {} for m in messages]
        self._order(good, say)
        self._calls(good, say)

    def known(self, row: dict[str, Any]) -> Tools | None:
        """The tools of a row that was just looked at."""
        return self._known if row.keys() & {"tools", "functions"} else None

    def _row_keys(self, row: dict[str, Any], say: Say) -> None:
        for key in sorted(row.keys() - _ROW):
            if key == "response_format":
                say("response-format", "$.response_format", "is not part of a row")
            elif key in _OTHERS and self.profile.name == "together":
                say("mixed-formats", below("$", key), "stands beside messages")
            elif not self.trl:
                say("row-unrecognized-key", below("$", key), "is not part of a row")
        if "tools" in row and "functions" in row:
            say("tools-and-functions", "$.functions", "stands beside tools")
        parallel = row.get("parallel_tool_calls")
        if "parallel_tool_calls" in row:
            if not isinstance(parallel, bool):
                say("parallel-tool-calls", "$.parallel_tool_calls", f"is {kind(parallel)}")
            elif "tools" not in row:
                say("parallel-tool-calls", "$.parallel_tool_calls", "stands without tools")

    def _tools(self, row: dict[str, Any], say: Say) -> Tools | None:
        key = "tools" if "tools" in row else "functions"
        if key not in row:
            return None
        given = row[key]
        if key == "functions" and not self.profile.functions:
            say("legacy-functions", "$.functions", f"{self.profile.name} documents `tools`")
        known = self._known  # as a rule all rows of a file have the same
        if known is None or known.given != given:
            listed = given
            if self.trl and isinstance(given, str):
                try:
                    listed = json.loads(given)
                except (ValueError, RecursionError):
                    listed = None
            known = offered.read(listed, f"$.{key}", bare=key == "functions")
            known = offered.Tools(given, known.schemas, known.wrong)
            self._known = known
        for rule, path, message in known.wrong:
            say(rule, path, message)
        return known

    def _is_text(self, message: Any) -> bool:
        """Is it of the most usual kind, with nothing but a role and a text, and right?"""
        if not isinstance(message, dict) or len(message) != 2:
            return False
        role, content = message.get("role"), message.get("content")
        is_text = isinstance(content, str) and content != "" and isinstance(role, str)
        return is_text and role != "tool" and role in self.profile.roles

    def _message(self, message: Any, path: str, tools: Tools | None, say: Say) -> None:
        if not isinstance(message, dict):
            say("data-type", path, f"is {kind(message)}, and must be an object")
            return
        role = message.get("role")
        if "role" not in message:
            say("message-missing-key", path, "has no role")
        elif not isinstance(role, str) or role not in self.profile.roles:
            known = ", ".join(sorted(self.profile.roles))
            say("unrecognized-role", f"{path}.role", f"is {said(role)}, and must be one of {known}")
        known_keys = _OF_ROLE.get(role, _MESSAGE) if isinstance(role, str) else MESSAGE_KEYS
        for key in sorted(message.keys() - known_keys):
            if key in MESSAGE_KEYS:
                say("data-type", below(path, key), f"belongs to no message of role {said(role)}")
            elif not self.trl:
                say("message-unrecognized-key", below(path, key), "is not part of a message")
        if not isinstance(message.get("name", ""), str):
            say("data-type", f"{path}.name", f"is {kind(message['name'])}, and must be a text")
        self._weight(message, path, say)
        self._content(message, path, say)
        if role == "assistant":
            self._answers(message, path, tools, say)

    def _weight(self, message: dict[str, Any], path: str, say: Say) -> None:
        if "weight" not in message:
            return
        weight = message["weight"]
        if isinstance(weight, bool) or weight not in (0, 1) or not isinstance(weight, int):
            say("weight-value", f"{path}.weight", f"is {said(weight)}, and must be 0 or 1")
        if message.get("role") != "assistant" and not self.profile.anyones_weight:
            whose = said(message.get("role"))
            say("weight-role", f"{path}.weight", f"belongs to the assistant, and not to {whose}")

    def _content(self, message: dict[str, Any], path: str, say: Say) -> None:
        content = message.get("content")
        place = f"{path}.content"
        calls = bool(message.get("tool_calls") or message.get("function_call"))
        may_be_absent = message.get("role") == "assistant" and (
            calls or isinstance(message.get("refusal"), str)
        )
        if "content" not in message:
            if not may_be_absent:
                say("message-missing-key", path, "has no content")
        elif isinstance(content, list):
            if not content:
                say("missing-content", place, "is an empty list")
            for number, part in enumerate(content):
                _part(part, f"{place}[{number}]", say)
        elif content is None or content == "":
            if not may_be_absent and message.get("role") not in ("tool", "function"):
                say("missing-content", place, "is empty" if content == "" else "is null")
        elif not isinstance(content, str):
            say("missing-content", place, f"is {kind(content)}, and must be a text")

    def _answers(self, message: dict[str, Any], path: str, tools: Tools | None, say: Say) -> None:
        if "function_call" in message and message["function_call"] is not None:
            self._call(message["function_call"], f"{path}.function_call", tools, say)
            if not self.profile.functions and not self.trl:
                say("legacy-functions", f"{path}.function_call", "is OpenAI's older form")
        if message.get("tool_calls") is None:
            return
        calls, place = message["tool_calls"], f"{path}.tool_calls"
        if not isinstance(calls, list) or not calls:
            what = "is an empty list" if calls == [] else f"is {kind(calls)}, and must be a list"
            say("tool-call-form", place, what)
            return
        seen: set[Any] = set()
        for number, call in enumerate(calls):
            where = f"{place}[{number}]"
            if not isinstance(call, dict):
                say("tool-call-form", where, f"is {kind(call)}, and must be an object")
                continue
            self._call_id(call, where, seen, say)
            if call.get("type") != "function":
                what = said(call.get("type")) if "type" in call else "missing"
                say("tool-call-form", f"{where}.type", f"is {what}, and must be function")
            for key in sorted(call.keys() - {"id", "type", "function", "index"}):
                say("tool-call-form", below(where, key), "is not part of a tool call")
            self._call(call.get("function"), f"{where}.function", tools, say)

    def _call_id(self, call: dict[str, Any], where: str, seen: set[Any], say: Say) -> None:
        name = call.get("id")
        if self.trl and "id" not in call:
            return
        if not isinstance(name, str) or not name:
            what = "is missing" if "id" not in call else f"is {said(name)}, and must be a text"
            say("tool-call-form", f"{where}.id", what)
            return
        if name in seen:
            say("tool-call-id", f"{where}.id", f"{said(name)} is the id of an earlier call")
        seen.add(name)
        length = self.profile.call_id
        if length and not (len(name) == length and name.isascii() and name.isalnum()):
            say("tool-call-id-length", f"{where}.id", f"is {said(name)}")

    def _call(self, function: Any, path: str, tools: Tools | None, say: Say) -> None:
        if not isinstance(function, dict):
            say("tool-call-form", path, f"is {kind(function)}, and must be an object")
            return
        name = function.get("name")
        offered.check_name(name, f"{path}.name", say)
        for key in sorted(function.keys() - {"name", "arguments"}):
            say("tool-call-form", below(path, key), "is not part of a call")
        place = f"{path}.arguments"
        if "arguments" not in function:
            say("tool-arguments", place, "is missing")
        elif not self.trl and not isinstance(function["arguments"], str):
            what = kind(function["arguments"])
            say("tool-arguments", place, f"is {what}, and must be a text that is a JSON object")
        else:
            offered.check_arguments(name, function["arguments"], place, tools, say)

    def _order(self, messages: list[dict[str, Any]], say: Say) -> None:
        """Who speaks when, and whether anything is trained."""
        roles = [message.get("role") for message in messages]
        last = len(messages) - 1
        answers = [m for m in messages if m.get("role") == "assistant"]
        if not answers:
            say("example-missing-assistant-message", "$.messages", "has none of the assistant")
        elif roles[-1] != "assistant":
            what = f"is of {said(roles[-1])}, and must be of the assistant"
            say("last-not-assistant", f"$.messages[{last}]", what)
        elif all(m.get("weight", 1) == 0 for m in answers):
            say("nothing-trained", "$.messages", "has no answer of weight 1")
        if roles[-1] == "assistant" and self.profile.ends_with_text and _calls(messages[-1]):
            say("final-not-text", f"$.messages[{last}]", "is a tool call")
        if not {"system", "developer"} & {role for role in roles if isinstance(role, str)}:
            say("missing-system-prompt", "$.messages", "has none of the system")
        if self.profile.system_first and "system" in roles[1:]:
            place = roles.index("system", 1)
            say("system-not-first", f"$.messages[{place}]", "is of the system")
        if self.profile.alternating:
            _alternate(roles, say)

    def _calls(self, messages: list[dict[str, Any]], say: Say) -> None:
        """Has each call its answer, and each answer its call?"""
        open_calls: dict[str, str] = {}
        for number, message in enumerate(messages):
            if not open_calls and message.get("role") != "tool" and "tool_calls" not in message:
                continue
            path = f"$.messages[{number}]"
            if message.get("role") == "tool":
                name = message.get("tool_call_id")
                if isinstance(name, str) and name in open_calls:
                    del open_calls[name]
                elif "tool_call_id" not in message:
                    if not self.trl:
                        say("message-missing-key", path, "has no tool_call_id")
                else:
                    what = f"is {said(name)}, the id of no call that is open"
                    say("tool-answer-without-call", f"{path}.tool_call_id", what)
                continue
            if not self.trl:
                for name, where in open_calls.items():
                    say("tool-call-unanswered", where, f"no tool answers {said(name)}")
            calls = message.get("tool_calls")
            open_calls = {
                call["id"]: f"{path}.tool_calls[{place}]"
                for place, call in enumerate(calls if isinstance(calls, list) else [])
                if isinstance(call, dict) and isinstance(call.get("id"), str)
            }


def _calls(message: dict[str, Any]) -> bool:
    return bool(message.get("tool_calls") or message.get("function_call"))


def _alternate(roles: list[Any], say: Say) -> None:
    rest = [(place, role) for place, role in enumerate(roles) if role in ("user", "assistant")]
    if "tool" in roles:  # whose answers stand between two of the assistant
        return
    wanted = "user"
    for place, role in rest:
        if role != wanted:
            what = f"is of the {role}, and the turn is the {wanted}'s"
            say("roles-not-alternating", f"$.messages[{place}]", what)
            return
        wanted = "assistant" if role == "user" else "user"


def _part(part: Any, path: str, say: Say) -> None:
    """One of several that make up a message."""
    if not isinstance(part, dict):
        say("content-part", path, f"is {kind(part)}, and must be an object")
        return
    key = _PARTS.get(part["type"]) if isinstance(part.get("type"), str) else None
    if key is None:
        known = ", ".join(_PARTS)
        say("content-part", f"{path}.type", f"is {said(part.get('type'))}, not one of {known}")
    elif key == "image_url":
        image = part.get(key)
        if not isinstance(image, dict) or not isinstance(image.get("url"), str):
            say("content-part", f"{path}.{key}", "is no object with a url")
    elif not isinstance(part.get(key), str):
        say("content-part", f"{path}.{key}", "is no text")
