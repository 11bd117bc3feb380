"""What a row asks: all of it but the answer, whatever the format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.contract import Contract

_GAP = "\n\n"
_CHATS = ("openai-tools", "openai-functions", "openai-json", "trl")
_ANSWERING = ("gpt", "function_call")


class Question(NamedTuple):
    """asked: what is asked last, a text or the arguments of a call. around: what else is said, as a
    JSON text with sorted keys.
    """

    asked: Any
    around: str

    def hashed(self) -> int:
        """Equal for equal ones."""
        return hashed(hash(self.around), self.asked)

    def content(self) -> bytes:
        """Equal for equal ones alone."""
        return _text([self.around, self.asked]).encode()


def answer_in(row: Mapping[str, Any], format_name: str) -> bytes:
    """What a row answers, equal for equal answers: JSON in a text counts as what it says. Nothing
    for a row that `question_of` does not understand.
    """
    if format_name in (*_CHATS, "sharegpt"):
        last = row["messages" if format_name in _CHATS else "conversations"][-1]
        answer = {key: value for key, value in last.items() if key != "weight"}
    else:
        answer = {key: row[key] for key in ("completion", "output", "result") if key in row}
    return _text(_read(answer)).encode()


def _read(value: Any) -> Any:
    """A value with what its texts say as JSON, and without the ids of calls."""
    if isinstance(value, dict):
        is_call = isinstance(value.get("function"), dict)
        return {k: _read(inner) for k, inner in value.items() if not (is_call and k == "id")}
    if isinstance(value, list):
        return [_read(item) for item in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return {"": json.loads(value)}
        except (ValueError, RecursionError):
            return value
    return value


def hashed(around: int, asked: Any) -> int:
    """The hash of a question. around: the hash of what else is said."""
    if isinstance(asked, dict):
        try:
            asked = frozenset(asked.items())
        except TypeError:  # lists and objects in it
            asked = _text(asked)
    return hash((around, asked))


def question_of(row: Mapping[str, Any], format_name: str, ahead: str = "") -> Question | None:
    """The question of a row of a format; None where it has none. ahead: what a prompt begins with
    and is not asked, as `ahead_of` tells.
    """
    try:
        if format_name in _CHATS:
            return _of_turns(row.get("messages"), ("role", "content"), ("assistant",))
        if format_name == "sharegpt":
            turns = row.get("conversations")
            return _of_turns(turns, ("from", "value"), _ANSWERING, row.get("system"))
        if format_name == "alpaca":
            around = [row.get(key) for key in ("instruction", "system", "history")]
            return Question(row.get("input", ""), _text(around)) if "output" in row else None
    except RecursionError:  # nested too deeply to be written
        return None
    if format_name == "raw":
        asked = row.get("arguments")
        return Question(asked, "") if isinstance(asked, dict) else None
    asked = row.get("prompt" if format_name == "prompt-completion" else "input")
    if not isinstance(asked, str):
        return None
    is_ahead = ahead != "" and asked.startswith(ahead)
    return Question(asked.removeprefix(ahead), ahead if is_ahead else "")


def ahead_of(contract: Contract | None, format_name: str) -> str:
    """What all prompts of a contract begin with, where a format has no place of its own for it."""
    if contract is None or format_name not in ("prompt-completion", "lamini"):
        return ""
    return contract.system_prompt + _GAP


def _of_turns(
    turns: Any, keys: tuple[str, str], answering: tuple[str, ...], system: Any = None
) -> Question | None:
    """All turns but the last, which answers."""
    speaker, content = keys
    if not isinstance(turns, list) or len(turns) < 2:
        return None
    *earlier, last, answer = turns
    if not isinstance(answer, dict) or answer.get(speaker) not in answering:
        return None
    if not isinstance(last, dict) or not isinstance(last.get(content), str):
        return Question("", _text([system, *earlier, last]))
    return Question(last[content], _text([system, *earlier, {**last, content: None}]))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
