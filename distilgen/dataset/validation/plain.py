"""Rows without messages: have they the keys and types of their format?"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from distilgen.dataset.validation import tools as offered
from distilgen.dataset.validation.lines import below, kind, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.dataset.validation.tools import Say

_SPEAKERS = ("human", "gpt", "function_call", "observation", "system")
_TURN = frozenset({"from", "value", "weight"})

# (keys that must be texts, keys that may be there)
_TEXTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "prompt-completion": (("prompt", "completion"), ()),
    "alpaca": (("instruction", "output"), ("input", "system", "history")),
    "lamini": (("input", "output"), ()),
    "text": (("text",), ()),
}
_MAY_BE_EMPTY = frozenset({"input", "system"})


def _of_texts(format_name: str) -> Callable[[dict[str, Any], Say], None]:
    must, may = _TEXTS[format_name]

    def check(row: dict[str, Any], say: Say) -> None:
        for key in must:
            if key not in row:
                say("row-missing-key", f"$.{key}", "is missing")
        for key in (*must, *may):
            value = row.get(key, "")
            if key == "history":
                continue
            if not isinstance(value, str):
                say("data-type", f"$.{key}", f"is {kind(value)}, and must be a text")
            elif not value.strip() and key in row and key not in _MAY_BE_EMPTY:
                say("missing-content", f"$.{key}", "is empty")
        _others(row, (*must, *may), say)

    return check


def _others(row: dict[str, Any], known: tuple[str, ...], say: Say) -> None:
    for key in sorted(row.keys() - set(known)):
        say("row-unrecognized-key", below("$", key), "is not part of a row")


def _raw(row: dict[str, Any], say: Say) -> None:
    for key in ("arguments", "result"):
        if key not in row:
            say("row-missing-key", f"$.{key}", "is missing")
    if not isinstance(row.get("arguments", {}), dict):
        what = kind(row["arguments"])
        say("data-type", "$.arguments", f"is {what}, and must be an object")
    _others(row, ("arguments", "result"), say)


def _sharegpt(row: dict[str, Any], say: Say) -> None:
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns:
        what = "is missing" if "conversations" not in row else "is no list of turns"
        say("row-missing-key", "$.conversations", what)
        return
    for number, turn in enumerate(turns):
        path = f"$.conversations[{number}]"
        if not isinstance(turn, dict):
            say("data-type", path, f"is {kind(turn)}, and must be an object")
            continue
        for key in ("from", "value"):
            if key not in turn:
                say("message-missing-key", path, f"has no {key}")
        speaker, value = turn.get("from"), turn.get("value")
        if "from" in turn and speaker not in _SPEAKERS:
            what = f"is {said(speaker)}, and must be one of {', '.join(_SPEAKERS)}"
            say("unrecognized-role", f"{path}.from", what)
        if "value" in turn and (not isinstance(value, str) or not value):
            say("missing-content", f"{path}.value", "is no text" if value != "" else "is empty")
        for key in sorted(turn.keys() - _TURN):
            say("message-unrecognized-key", below(path, key), "is not part of a turn")
    last = turns[-1].get("from") if isinstance(turns[-1], dict) else None
    if last not in ("gpt", "function_call"):
        what = f"is of {said(last)}, and must be of gpt or function_call"
        say("last-not-assistant", f"$.conversations[{len(turns) - 1}]", what)
    if "tools" in row:
        _tools_text(row["tools"], say)
    _others(row, ("conversations", "system", "tools"), say)


def _tools_text(text: Any, say: Say) -> None:
    for rule, path, message in _wrong_in(text) if isinstance(text, str) else [_NO_TEXT]:
        say(rule, path, message)


_NO_TEXT = ("tool-form", "$.tools", "is no JSON text")


@lru_cache(maxsize=8)
def _wrong_in(text: str) -> list[tuple[str, str, str]]:
    """As a rule all rows of a file have the same tools."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return [_NO_TEXT]
    return [] if listed == [] else offered.read(listed, "$.tools", bare=True).wrong


CHECKS: dict[str, Callable[[dict[str, Any], Say], None]] = {
    "sharegpt": _sharegpt,
    "raw": _raw,
    **{name: _of_texts(name) for name in _TEXTS},
}
"""By format. Takes a row, and says what is wrong with it."""


def format_of(row: dict[str, Any]) -> str:
    """The format that a row has by its keys: one of distilgen's, or `text`; messages by default."""
    if "messages" not in row:
        for name, keys in (
            ("sharegpt", {"conversations"}),
            ("prompt-completion", {"prompt", "completion"}),
            ("alpaca", {"instruction", "output"}),
            ("lamini", {"input", "output"}),
            ("raw", {"arguments", "result"}),
            ("text", {"text"}),
        ):
            if keys <= row.keys():
                return name
    return "openai-tools"
