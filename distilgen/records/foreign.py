"""Rows that others wrote, understood as calls: instructor's, LlamaIndex's, chats for fine-tuning.

instructor, messages   "Return `fn(133, b=539)`" and a function call that answers
instructor, raw        fn_name, args, kwargs, resp
LlamaIndex, our own    a question in the words of a contract, or the one text that a function
                       takes, and an answer as a function call, tool call or JSON text
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import uuid
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY, Contract, canonical_json
from distilgen.errors import RecordError
from distilgen.records.fitting import Schema
from distilgen.records.record import TEACHER, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RETURN = re.compile(r"Return `(.*)`", re.DOTALL)
_CALL = re.compile(r"([^\W\d][\w.]*)\((.*)\)", re.DOTALL)
_JSON_NAMES = {"true": True, "false": False, "null": None}
_NO_LITERAL = object()
_Written = tuple[str, Any]  # a value as it is written, and what that says, or that it is none
_BROKEN = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Reader:
    """Understands rows as calls of a project's functions.

    contracts: those that are frozen. function: the contract of all rows, where the user said so.
    """

    contracts: Sequence[Contract]
    function: Contract | None = None
    _schemas: dict[int, tuple[Contract, Schema, Schema]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def raw(self, row: Mapping[str, Any], at: str) -> Record:
        """A raw row of instructor's. at: when, for rows say no time. Raises RecordError, whose
        message is the reason why it cannot be understood.
        """
        name, args, kwargs = row.get("fn_name"), row.get("args", []), row.get("kwargs", {})
        if not (isinstance(name, str) and isinstance(args, list) and isinstance(kwargs, dict)):
            raise RecordError("its fn_name, args or kwargs are not what instructor writes")
        contract = self._contract(name, None)
        return self._record(contract, _bound(contract, args, kwargs), row.get("resp"), at)

    def chat(self, row: Mapping[str, Any], at: str, *, calls_only: bool = False) -> Record:
        """A row of messages. calls_only: the question must be a call, as instructor writes it. at,
        and what is raised: as above.
        """
        system, asked, answered = _turns(row.get("messages"))
        tool, answer = _answer(answered)
        call = _RETURN.fullmatch(asked)
        named = _CALL.fullmatch(call[1].strip()) if call else None
        if named:
            contract = self._contract(named[1], tool)
            return self._record(contract, _arguments_of(contract, named[2]), answer, at)
        if calls_only:
            raise RecordError("its question is no call in instructor's words")
        contract = self.function or self._prompted(system)
        return self._record(contract, arguments_in(contract, asked), answer, at)

    def _contract(self, name: str, tool: str | None) -> Contract:
        """That of the function which a row calls so."""
        if self.function:
            return self.function
        last = name.rpartition(".")[2]
        found = [c for c in self.contracts if re.split("[:.]", c.function)[-1] == last]
        if not found:
            raise RecordError(f"no contract is frozen of a function {name}")
        if len(found) > 1:
            found = [c for c in found if c.tool["name"] == tool] or found
        return _only(found)

    def _prompted(self, system: str) -> Contract:
        """That whose system prompt a row has."""
        found = [c for c in self.contracts if c.system_prompt.strip() == system.strip()]
        if not found:
            raise RecordError("it does not tell its function: say --function")
        return _only(found)

    def _record(
        self, contract: Contract, arguments: dict[str, Any], answer: Any, at: str
    ) -> Record:
        inputs, parameters = self._schemas_of(contract)
        wrong = inputs.misfit(arguments)
        if wrong:
            raise RecordError(f"its arguments are not the function's: {wrong}")
        wrong = parameters.misfit(answer)
        if wrong:
            raise RecordError(f"its answer does not fit the contract: {wrong}")
        result = answer[RESULT_KEY] if contract.wraps_result else answer
        content = canonical_json([contract.function, contract.fingerprint, arguments, result])
        if not _is_finite(arguments) or not _is_finite(result):
            raise RecordError("it holds a number that is infinite, or none")
        return Record(
            id=_id_of(content),
            function=contract.function,
            contract=contract.fingerprint,
            at=at,
            elapsed_ms=0.0,
            arguments=arguments,
            source=TEACHER,
            result=result,
        )

    def _schemas_of(self, contract: Contract) -> tuple[Schema, Schema]:
        """Of its arguments and its answers, compiled once."""
        known = self._schemas.get(id(contract))
        if known is None:  # the contract is kept, so that no other gets its id
            known = contract, Schema(contract.inputs), Schema(contract.tool["parameters"])
            self._schemas[id(contract)] = known
        return known[1:]


def _only(found: Sequence[Contract]) -> Contract:
    if len(found) > 1:
        names = ", ".join(contract.function for contract in found)
        raise RecordError(f"it may be of any of {names}: say --function")
    return found[0]


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _id_of(content: str) -> str:
    """A UUID of version 8 that is always the same for a content (RFC 9562, 5.8)."""
    digest = bytearray(hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def _turns(messages: Any) -> tuple[str, str, Mapping[str, Any]]:
    """(system prompt, question, the message that answers) of a chat of one question."""
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise RecordError("its messages are no list of objects")
    rest = [m for m in messages if m.get("role") not in ("system", "developer")]
    if [m.get("role") for m in rest] != ["user", "assistant"]:
        raise RecordError("it is no one question with its answer")
    system = [_text(m) for m in messages if m not in rest]
    return "\n".join(system), _text(rest[0]), rest[1]


def _text(message: Mapping[str, Any]) -> str:
    """A message's text, which may come in parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        return "".join(part["text"] for part in content)
    raise RecordError("one of its messages is no text")


def _answer(message: Mapping[str, Any]) -> tuple[str | None, Any]:
    """(name of the tool that was called, if one was; the answer)."""
    tools = message.get("tool_calls")
    call = message.get("function_call")
    if isinstance(tools, list) and tools:
        if len(tools) > 1 or not isinstance(tools[0], dict):
            raise RecordError("it is answered by several tool calls")
        call = tools[0].get("function")
    if isinstance(call, dict):
        name, text = call.get("name"), call.get("arguments")
    else:
        name, text = None, _text(message)
    if isinstance(text, dict):  # TRL's rows have it parsed
        return name if isinstance(name, str) else None, text
    try:
        return name if isinstance(name, str) else None, json.loads(text)  # type: ignore[arg-type]
    except _BROKEN:
        raise RecordError("its answer is no JSON") from None


def arguments_in(contract: Contract, asked: str) -> dict[str, Any]:
    """The arguments in a question: in the words of the contract, or as the only text it takes.
    Raises RecordError where they cannot be told.
    """
    parts = re.split(r"(\{arguments\}|\{call\})", contract.user_message)
    if len(parts) == 3:
        ahead, placeholder, behind = parts
        found = re.fullmatch(f"{re.escape(ahead)}(.*){re.escape(behind)}", asked, re.DOTALL)
        if found and placeholder == "{arguments}":
            given = _object(found[1])
            if given is not None:
                return _bound(contract, [], given)
        elif found:
            call = _CALL.fullmatch(found[1].strip())
            if call:
                return _arguments_of(contract, call[2])
    if _takes_one_text(contract):
        return {contract.parameters[0]: asked}
    raise RecordError("its question does not tell the arguments")


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except _BROKEN:
        return None
    return value if isinstance(value, dict) else None


def _takes_one_text(contract: Contract) -> bool:
    return len(contract.parameters) == 1 and _is_text(contract, contract.parameters[0])


def _is_text(contract: Contract, name: str) -> bool:
    return bool(contract.inputs["properties"].get(name, {}).get("type") == "string")


def _bound(contract: Contract, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the names of their parameters, in signature order, with defaults."""
    names = contract.parameters
    if len(args) > len(names):
        raise RecordError(f"it gives {len(args)} arguments, the function takes {len(names)}")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            raise RecordError(f"the function has no parameter {name}")
        if name in given:
            raise RecordError(f"it gives the argument {name} twice")
        given[name] = value
    for name in names:
        schema = contract.inputs["properties"][name]
        if name not in given:
            if "default" not in schema:
                raise RecordError(f"it does not give the argument {name}")
            given[name] = schema["default"]
    return {name: given[name] for name in names}


def _arguments_of(contract: Contract, text: str) -> dict[str, Any]:
    """The arguments of a call as instructor writes it: by position with `str`, by name as JSON."""
    unclear = RecordError("its arguments cannot be told apart: texts without quotes")
    try:
        args, kwargs = _parsed(text)
    except _BROKEN:
        args, kwargs = None, {}
    if _takes_one_text(contract) and not kwargs:
        quoted = args is not None and len(args) == 1 and isinstance(args[0][1], str)
        return {contract.parameters[0]: args[0][1] if args and quoted else text}
    if args is None:
        raise unclear
    given = []
    for number, (written, value) in enumerate(args):
        names = contract.parameters
        is_text = number < len(names) and _is_text(contract, names[number])
        if is_text and not isinstance(value, str):
            # A comma may be the text's own, unless each argument has its place.
            said = ", ".join([*(a[0] for a in args), *(f"{k}={v[0]}" for k, v in kwargs.items())])
            every = set(contract.inputs.get("required", ())) == set(names)
            if said != text or not every or len(args) + len(kwargs) != len(names):
                raise unclear
            given.append(written)
        elif value is _NO_LITERAL:
            raise unclear
        else:
            given.append(value)
    if any(value is _NO_LITERAL for _, value in kwargs.values()):
        raise unclear
    return _bound(contract, given, {name: value for name, (_, value) in kwargs.items()})


def _parsed(text: str) -> tuple[list[_Written], dict[str, _Written]]:
    """The arguments by position, and by name. Raises one of `_BROKEN`."""
    source = f"f({text})"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backslash in somebody's text
        call = ast.parse(source, mode="eval").body
    if not isinstance(call, ast.Call):  # as in `f(1) + g(2)`
        raise TypeError
    names = [keyword.arg for keyword in call.keywords]
    args = [_value(source, node) for node in call.args]
    values = [_value(source, keyword.value) for keyword in call.keywords]
    return args, {name or "**": value for name, value in zip(names, values, strict=True)}


def _value(source: str, node: ast.expr) -> _Written:
    """What is written as JSON or as a literal of Python; nothing is evaluated."""
    text = ast.get_source_segment(source, node) or ""
    try:
        return text, json.loads(text)
    except ValueError:
        pass
    try:
        value = ast.literal_eval(_Named().visit(node))
        return text, json.loads(json.dumps(value, allow_nan=False))
    except _BROKEN:
        return text, _NO_LITERAL


class _Named(ast.NodeTransformer):
    """The constants of JSON, inside of what is no JSON."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_JSON_NAMES[node.id]) if node.id in _JSON_NAMES else node
