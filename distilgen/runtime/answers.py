"""What a server sent, read as an answer: its text and its value, or what is wrong with it."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.runtime.call import told

if TYPE_CHECKING:
    from distilgen.contract import Contract

_QUOTED = 4_000
"""Characters of an answer that is quoted as text: what was cut off at its limit may be endless."""

_SHOWN = 5
"""Places of an answer that a second question names."""


class WrongAnswerError(Exception):
    """An answer that is none. kind: see `InvalidAnswerError`. what: in words, behind the model's
    name. said: the raw text. messages: what to add to the question for another answer. error: what
    Pydantic said.
    """

    def __init__(
        self,
        kind: str,
        what: str,
        said: str | None = None,
        messages: tuple[dict[str, Any], ...] = (),
        error: ValueError | None = None,
    ) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.said = said
        self.messages = messages
        self.error = error


NO_JSON = WrongAnswerError("no-completion", "answered with no JSON; is --base-url right?")
"""What the SDK has tried to read in vain."""


@dataclass
class _Said:
    """What a choice of a completion holds. calls: names, arguments and ids of its tool calls."""

    reason: str | None
    content: str | None
    refusal: str | None
    calls: list[tuple[str, str, str]]

    @property
    def text(self) -> str | None:
        """All of it, raw."""
        return "\n".join(text for _, text, _ in self.calls) or self.refusal or self.content


def text_of(contract: Contract, completion: Any) -> str:
    """The text of an answer. Raises WrongAnswerError where there is none."""
    try:
        said = _said(completion)
    except (AttributeError, TypeError, LookupError) as error:
        if inspect.iscoroutine(completion):  # of an async client, where there is no event loop
            completion.close()
        page = completion if isinstance(completion, str) else None
        what = "answered with no completion; is --base-url right?"
        raise WrongAnswerError("no-completion", what, page) from error
    name = contract.tool["name"]
    if said.reason == "length":
        raise _wrong(contract, said, "truncated", "was cut off at its token limit")
    if said.reason == "content_filter":
        raise _wrong(contract, said, "filtered", "was stopped by the host's content filter")
    if contract.calls_tool:
        matching = [text for called, text, _ in said.calls if called == name]
        if len(matching) == 1:
            return matching[0]
        if said.refusal:
            raise _wrong(contract, said, "refused", f"refused: {said.refusal}")
        called = ", ".join(called for called, _, _ in said.calls)
        kind = "several-tool-calls" if matching else "wrong-tool" if called else "no-tool-call"
        what = f"was to call the tool {name} once; it called {called or 'none'}"
        if kind == "no-tool-call":
            what += " (where a server cannot have a tool called, take --answers json-schema)"
        raise _wrong(contract, said, kind, what)
    if said.refusal:
        raise _wrong(contract, said, "refused", f"refused: {said.refusal}")
    if not said.content:
        raise _wrong(contract, said, "no-tool-call", "answered with no text")
    return said.content


def value_of(
    contract: Contract, adapter: TypeAdapter[Any], text: str, completion: Any = None
) -> Any:
    """The value that an answer's text stands for. Raises WrongAnswerError."""
    try:
        plain = contract.plain(text)
    except Exception as error:  # what a strict form makes of data that are none
        raise _invalid(contract, text, error, completion) from error
    return validated(contract, adapter, plain, completion)


def validated(
    contract: Contract, adapter: TypeAdapter[Any], text: str, completion: Any = None
) -> Any:
    """The value that an answer's text stands for, whose schema has no other form than Pydantic's.
    Raises WrongAnswerError.
    """
    try:
        answer = adapter.validate_json(text)
    except Exception as error:  # half of a character; whatever a validator raises
        raise _invalid(contract, text, error, completion) from error
    return getattr(answer, RESULT_KEY) if contract.wraps_result else answer


def _invalid(contract: Contract, text: str, error: Exception, completion: Any) -> WrongAnswerError:
    kind, lines = "invalid", [told(error)["message"] or type(error).__name__]
    if isinstance(error, ValidationError):
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [_line(item) for item in errors[:_SHOWN]]
        lines += [f"and {len(errors) - _SHOWN} more"] if len(errors) > _SHOWN else []
        kind = "invalid-json" if errors[0]["type"] == "json_invalid" else kind
    elif isinstance(error, json.JSONDecodeError):
        kind = "invalid-json"
    what = f"answered with no valid {contract.tool['name']}: {lines[0]}"
    messages = _again(contract, _said(completion), "\n".join(lines)) if completion else ()
    cause = error if isinstance(error, ValueError) else None
    return WrongAnswerError(kind, what, text, messages, cause)


def confidence_of(completion: Any) -> float | None:
    """How sure the model was of its tokens: the geometric mean of their probabilities, 0 to 1; None
    where the server does not say.
    """
    try:
        tokens = completion.choices[0].logprobs.content
        values = [float(token.logprob) for token in tokens]
        mean = math.fsum(values) / len(values)
    except (AttributeError, TypeError, LookupError, ValueError, ArithmeticError):
        return None
    return None if math.isnan(mean) else math.exp(min(mean, 0.0))


def tokens_of(completion: Any) -> tuple[int, int]:
    """(input, output) tokens of a completion, nought where the server does not say."""
    usage = getattr(completion, "usage", None)
    given = (getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
    first, second = (count if isinstance(count, int) and count > 0 else 0 for count in given)
    return first, second


def _said(completion: Any) -> _Said:
    """Raises AttributeError, TypeError, LookupError for what is no completion: the SDK does not
    look at what a server sends.
    """
    choice = completion.choices[0]
    message = choice.message
    calls = []
    for call in message.tool_calls or []:
        function = getattr(call, "function", None)
        if function is not None:
            calls.append((str(function.name), _text(function.arguments), str(call.id)))
    refusal = getattr(message, "refusal", None)
    content = message.content
    return _Said(
        choice.finish_reason,
        content if isinstance(content, str) else None,
        str(refusal) if refusal else None,
        calls,
    )


def _text(arguments: Any) -> str:
    """The arguments of a tool call as text; some servers send an object."""
    return arguments if isinstance(arguments, str) else canonical_json(arguments)


def _wrong(contract: Contract, said: _Said, kind: str, what: str) -> WrongAnswerError:
    return WrongAnswerError(kind, what, said.text, _again(contract, said, f"The model {what}."))


def _again(contract: Contract, said: _Said, why: str) -> tuple[dict[str, Any], ...]:
    """The messages that quote an answer and ask for another."""
    name = contract.tool["name"]
    wish = f"call the tool {name} once" if contract.calls_tool else "answer with JSON alone"
    text = f"The answer was not valid:\n{why}\nCorrect that, and {wish}, with a whole answer."
    text = _sendable(text)
    if said.calls and all(
        _is_object(arguments) and _sendable(called + key) == called + key
        for called, arguments, key in said.calls
    ):
        quoted = [
            {"id": key, "type": "function", "function": {"name": called, "arguments": arguments}}
            for called, arguments, key in said.calls
        ]
        told = [{"role": "tool", "tool_call_id": key, "content": text} for _, _, key in said.calls]
        return {"role": "assistant", "tool_calls": quoted}, *told
    # Servers parse the arguments of the calls that they are sent: what is no JSON goes as text.
    quote = _sendable((said.text or "…")[:_QUOTED])
    return {"role": "assistant", "content": quote}, {"role": "user", "content": text}


def _sendable(text: str) -> str:
    """Text without halves of characters, which JSON can say and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict) and _sendable(text) == text
    except (ValueError, RecursionError):
        return False


def _line(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"])
