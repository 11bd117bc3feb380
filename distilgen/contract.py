"""The contract between a teacher and its student, and the one renderer of both sides of it.

Training rows and live calls are made here and nowhere else, so that what a student is served is
what it was trained on. The standard library only: rewritten modules import this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RESULT_KEY = "result"
"""Where an answer that is no JSON object stands in the tool's parameters."""

TOOL, STRICT_TOOL = "tool", "strict-tool"
JSON_SCHEMA, STRICT_JSON_SCHEMA = "json-schema", "strict-json-schema"

ANSWERS = (TOOL, STRICT_TOOL, JSON_SCHEMA, STRICT_JSON_SCHEMA)
"""How a student answers: by a forced tool call, or as text that a JSON schema binds (OpenAI's
`response_format`); with the schema as Pydantic gives it, or in the strict form of `strict`.
"""

_PLACEHOLDER = re.compile(r"\{(arguments|call)\}")


def canonical_json(value: Any) -> str:
    """`value` as the one JSON text that prompts, rows and fingerprints use: compact, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sorted(value: Any, *, keep: bool = False) -> Any:
    """JSON data with the keys of its objects sorted, but for those under `properties`."""
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    keys = value if keep else sorted(value)
    return {key: _sorted(value[key], keep=key == "properties" and not keep) for key in keys}


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What the student sees and must answer, frozen in a generated sidecar file.

    function: `module:qualname` of the teacher.
    fingerprint: names everything that the student sees besides the arguments, see `digest`.
    system_prompt: the text of the system message.
    user_message: the text of the user message; `{arguments}` stands for the arguments as a JSON
        object, `{call}` for the call as Python would write it.
    tool: `name`, `description` and `parameters` (JSON schema of an object), as in OpenAI's tools.
    inputs: JSON schema of the arguments as one object, in signature order, without `self` and
        `cls`; a parameter whose type has no schema says so in its `$comment`.
    wraps_result: the answer is no JSON object and travels as `{"result": answer}`.
    sources: digests of the project's statements that the schemas were made of, by `module:name`;
        where a type cannot be evaluated, they tell whether it is the same.
    answers: how the student is to answer, one of `ANSWERS`.
    model, base_url: who answers when the function is dispatched; base_url None is the client's own.
    api_key_env: the environment variable that has the server's key; None is the client's own.
    student: the file of the model, where that is an embedded student: relative to the sidecar's
        folder, with slashes. backup: the hosted model that is asked where it does not answer.
    timeout: seconds for an answer. reasks: how often an answer that is none is asked for again.
    share: of the calls, those that the student answers; in shadow mode, that it is asked beside the
        teacher. pairs: of the calls that the teacher answers in the other modes, those that the
        student is asked, too.
    min_agreement, max_failures, window, pause, min_confidence: see `distilgen.runtime.guard`.
        None is the default, which the runtime knows.
    """

    function: str
    fingerprint: str
    system_prompt: str
    user_message: str
    tool: Mapping[str, Any]
    inputs: Mapping[str, Any]
    wraps_result: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    answers: str = TOOL
    model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    student: str | None = None
    backup: str | None = None
    timeout: float | None = None
    reasks: int | None = None
    share: float | None = None
    pairs: float | None = None
    min_agreement: float | None = None
    max_failures: float | None = None
    window: int | None = None
    pause: float | None = None
    min_confidence: float | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the arguments, in signature order."""
        return tuple(self.inputs["properties"])

    def digest(self) -> str:
        """The fingerprint that this content must have: 32 hexadecimal digits of a SHA-256.

        The order of fields counts, because the student answers in it; that of other keys is
        nothing but the Pydantic version's habit. The schema of the arguments counts in so far as
        the prompt tells of it: what a student is not shown cannot change what it answers.
        """
        import hashlib  # noqa: PLC0415 - a program that records or asks needs no digest

        seen = {"system": self.system_prompt, "user": self.user_message, "tool": self.tool}
        text = json.dumps(_sorted(seen), ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def messages(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        """System and user message of a call. `arguments` maps names to JSON values."""
        return [
            {"role": "system", "content": self.system_prompt},
            {"role": "user", "content": self._user_text(arguments)},
        ]

    @property
    def is_strict(self) -> bool:
        """Is the answer's schema sent in its strict form?"""
        return self.answers in (STRICT_TOOL, STRICT_JSON_SCHEMA)

    @property
    def calls_tool(self) -> bool:
        """Is the answer a tool call?"""
        return self.answers in (TOOL, STRICT_TOOL)

    def tools(self) -> list[dict[str, Any]]:
        """The one tool that the student must call, in the form of OpenAI's `tools`. Raises
        ValueError where the schema has no strict form and must have one.
        """
        function = dict(self.tool)
        if self.is_strict:
            function |= {"parameters": self._strict_schema(), "strict": True}
        return [{"type": "function", "function": function}]

    def form(self) -> dict[str, Any]:
        """The part of a live call that says how to answer: the same for every call. Raises as
        `tools`.
        """
        if self.calls_tool:
            return {
                "tools": self.tools(),
                "tool_choice": {"type": "function", "function": {"name": self.tool["name"]}},
                "parallel_tool_calls": False,
            }
        schema = {
            "name": self.tool["name"],
            "description": self.tool["description"],
            "schema": self._strict_schema() if self.is_strict else self.tool["parameters"],
            "strict": self.is_strict,
        }
        return {"response_format": {"type": "json_schema", "json_schema": schema}}

    def request(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a live call sends, besides the model's name. Raises as `tools`."""
        return {"messages": self.messages(arguments), **self.form()}

    def answer(self, result: Any) -> str:
        """The text that answers with `result`, a JSON value: of the tool call's arguments, or of
        the message. Raises ValueError for a result that the strict form cannot hold.
        """
        value = {RESULT_KEY: result} if self.wraps_result else result
        if self.is_strict:
            from distilgen.strict_values import to_strict  # noqa: PLC0415 - few contracts

            value = to_strict(value, dict(self.tool["parameters"]))
        return canonical_json(value)

    def plain(self, text: str) -> str:
        """An answer's text as Pydantic is to validate it. Raises ValueError: no JSON."""
        if not self.is_strict:
            return text
        from distilgen.strict_values import from_strict  # noqa: PLC0415 - few contracts

        return canonical_json(from_strict(json.loads(text), dict(self.tool["parameters"])))

    def _strict_schema(self) -> dict[str, Any]:
        from distilgen.strict import strict_form  # noqa: PLC0415 - few contracts

        made = strict_form(dict(self.tool["parameters"]))
        if made.schema is None:
            raise ValueError(f"its schema has no strict form: {'; '.join(made.obstacles)}")
        return made.schema

    def _user_text(self, arguments: Mapping[str, Any]) -> str:
        def fill(found: re.Match[str]) -> str:
            if found[1] == "arguments":
                return canonical_json(dict(arguments))
            return self._call_text(arguments)

        return _PLACEHOLDER.sub(fill, self.user_message)

    def _call_text(self, arguments: Mapping[str, Any]) -> str:
        # The first argument by position and the rest by name: one text for a call, however the
        # caller spelled it, and the one that instructor's documentation shows.
        name = self.function.rpartition(":")[2].rpartition(".")[2]
        values = [
            canonical_json(value) if place == 0 else f"{key}={canonical_json(value)}"
            for place, (key, value) in enumerate(arguments.items())
        ]
        return f"{name}({', '.join(values)})"
