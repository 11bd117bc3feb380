"""What all rows of a file have in common, so that only the rest of a line has to be read.

A file that distilgen wrote says in each line the same system prompt and the same tools. Where a
line was found to be right, the bytes around its question and its answer are its frame. A line that
has the same ones and, in the two gaps, JSON values of the same kind, says what the first one said
but for these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from distilgen.contract import canonical_json
from distilgen.dataset.validation.lines import parsed
from distilgen.dataset.validation.questions import hashed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.dataset.validation.questions import Question

    Path = tuple[str | int, ...]

_MARKS = ("\x00question", "\x00answer")


@dataclass(frozen=True)
class Gaps:
    """Where the question and the answer of a row stand. is_text: is the answer a text, and no value
    of any other kind? reads: that must be read as JSON? calls: must it be an object?
    """

    question: Path
    answer: Path
    is_text: bool = True
    reads: bool = False
    calls: bool = False

    def places(self) -> set[str]:
        """As JSON paths."""
        return {_said(self.question), _said(self.answer)}


def gaps_of(row: dict[str, Any], *, contracted: bool) -> Gaps | None:
    """Those of a row whose form is right; None where it has others. contracted: must the text that
    answers be JSON?
    """
    match row:
        case {"arguments": dict(), "result": _}:
            return Gaps(("arguments",), ("result",), is_text=isinstance(row["result"], str))
        case {"prompt": str(), "completion": str()}:
            return Gaps(("prompt",), ("completion",), reads=contracted)
        case {"input": str(), "output": str()}:
            return Gaps(("input",), ("output",), reads=contracted)
        case {"conversations": [*_, {"from": "human", "value": str()}, {"value": str()}]}:
            end = len(row["conversations"]) - 1
            places = [("conversations", turn, "value") for turn in (end - 1, end)]
            return Gaps(places[0], places[1], reads=contracted)
        case {"messages": [*_, {"role": "user", "content": str()}, {"role": "assistant"} as last]}:
            pass
        case _:
            return None
    end = len(row["messages"]) - 1
    question = ("messages", end - 1, "content")
    match last:
        case {"tool_calls": [{"function": {"arguments": str() | dict() as arguments}}]}:
            path: Path = ("messages", end, "tool_calls", 0, "function", "arguments")
            is_text = isinstance(arguments, str)
            return Gaps(question, path, is_text=is_text, reads=is_text, calls=True)
        case {"function_call": {"arguments": str()}}:
            path = ("messages", end, "function_call", "arguments")
            return Gaps(question, path, reads=True, calls=True)
        case {"content": str()}:
            return Gaps(question, ("messages", end, "content"), reads=contracted)
    return None


class Frame:
    """The bytes of a line around its gaps.

    question: of the row that was right. ahead: what its question begins with and is in all of them,
    behind: what all of them end with. asks: is what stands between, a text or arguments, such as it
    is to be? fits: is an answer, as a JSON value, one?
    """

    def __init__(
        self,
        parts: tuple[bytes, bytes, bytes],
        gaps: Gaps,
        question: Question,
        ends: tuple[str, str],
        asks: Callable[[Any], bool],
        fits: Callable[[Any], bool],
    ) -> None:
        head, self._middle, self._tail = parts
        ahead, self._behind = ends
        self._head = head + _begun(ahead)
        self._quote = b'"' if ahead else b""  # the rest of the question is a text with it
        self._start, self._end = len(self._head), -len(self._tail)
        self._gap = len(self._middle)
        self._asks_text = isinstance(question.asked, str)
        self._may_be_blank = ahead != "" and not ahead.isspace()
        self._around = hash(question.around)
        self._is_text, self._reads, self._calls = gaps.is_text, gaps.reads, gaps.calls
        self._asks, self._fits = asks, fits

    def takes(self, line: bytes) -> int | None:
        """The hash of the question of a line that is one of these, and right. None says nothing."""
        if not (line.startswith(self._head) and line.endswith(self._tail)):
            return None
        place = line.rfind(self._middle, self._start, self._end)
        if place < 0:
            return None
        try:
            raw = line[self._start : place]
            if self._asks_text:
                question = from_json(self._quote + raw)
                if not isinstance(question, str):
                    return None
                if self._behind and not question.endswith(self._behind):
                    return None
                if (not question or question.isspace()) and not self._may_be_blank:
                    return None
                if not self._asks(question.removesuffix(self._behind)):
                    return None
                asked = hash((self._around, question))
            else:
                question = from_json(raw, allow_inf_nan=False, cache_strings="keys")
                if not isinstance(question, dict) or to_json(question) != raw:  # a key twice
                    return None
                if not self._asks(question):
                    return None
                asked = hashed(self._around, question)
            raw = line[place + self._gap : self._end]
            if self._is_text:
                answer = from_json(raw)
                if not isinstance(answer, str):
                    return None
                if not self._reads:
                    return None if answer == "" or answer.isspace() else asked
                raw = answer.encode()
            answer = from_json(raw, allow_inf_nan=False, cache_strings="keys")
            if isinstance(answer, str) and not self._is_text:
                return None
            if to_json(answer) != raw or (self._calls and not isinstance(answer, dict)):
                return None
            return asked if self._fits(answer) else None
        except (ValueError, RecursionError):
            return None


def _begun(text: str) -> bytes:
    """A JSON text that is not at its end."""
    return canonical_json(text).encode()[:-1] if text else b""


def framed(line: bytes, row: dict[str, Any], gaps: Gaps) -> tuple[bytes, bytes, bytes] | None:
    """The parts of a line around its gaps; None where they cannot be told for certain."""
    texts = [canonical_json(at(row, path)).encode() for path in (gaps.question, gaps.answer)]
    head, found, rest = line.partition(texts[0])
    place = rest.rfind(texts[1])
    if not found or place < 0:
        return None
    middle, tail = rest[:place], rest[place + len(texts[1]) :]
    marks = [canonical_json(mark).encode() for mark in _MARKS]
    other, wrong = parsed(head + marks[0] + middle + marks[1] + tail)
    if wrong or at(other, gaps.question) != _MARKS[0] or at(other, gaps.answer) != _MARKS[1]:
        return None
    for path in (gaps.question, gaps.answer):
        at(other, path[:-1])[path[-1]] = at(row, path)
    return (head, middle, tail) if other == row and head and middle and tail else None


def at(value: Any, path: Sequence[str | int]) -> Any:
    """What stands at a place; None where it is not there."""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value


def _said(path: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
