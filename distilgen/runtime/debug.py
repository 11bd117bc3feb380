"""What `DISTILGEN_DEBUG=1` prints to standard error: what a student is asked, and what it answers.

It is copied into tickets, and so more is hidden than in a record: what is marked `Sensitive` on the
function's parameters, in the arguments' classes and in the return type; secrets; the settings'
names; and every pattern, whatever the settings say. Headers are not printed. Where the function is
not found by its name, nobody knows which of its parameters are marked: none is shown. Where
redaction fails, only that is printed.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import inspect
import itertools
import json
import sys
import textwrap
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from distilgen.contract import RESULT_KEY
from distilgen.errors import ConfigError
from distilgen.runtime import control, patterns, sensitive, settings
from distilgen.runtime.call import told
from distilgen.runtime.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from distilgen.contract import Contract
    from distilgen.runtime.redaction import Redacting

LONGEST = 2_000
"""Characters of a text that are shown."""

_UNSHOWN = frozenset({"extra_headers", "logprobs"})
"""Keys that are left out: of headers, and of an answer cut into tokens."""

_numbers = itertools.count(1)
_printing: ContextVar[bool] = ContextVar("distilgen_printing", default=False)


def request(
    contract: Contract,
    returns: Any,
    server: str,
    asked: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> Question:
    """Print a question that is about to be asked; where marks of the return type may tell what is
    to be hidden in it, it is printed with its answer. Never raises.

    returns: the type of the answer. server: the client's base URL. asked: what
    `chat.completions.create` gets; its first messages are the contract's. arguments: the values of
    the call, as they are in the program.
    """
    question = Question(contract)
    question.asked(returns, server, asked, arguments)
    return question


class Question:
    """A question that is printed, and what becomes of it. Nothing here raises."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._name = f"distilgen {next(_numbers)}: {contract.function}"
        self._redacting: Redacting | None = None
        self._wary = self._held = False
        self._head = ""
        self._arguments = b""
        self._rest: list[tuple[str, Any]] = []

    def asked(
        self, returns: Any, server: str, asked: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> None:
        """See `request`."""

        def made() -> str:
            settings.check()
            hidden = sorted(_hidden_in_answer(self._contract, returns))
            self._wary = self._held = bool(hidden)
            self._redacting = redacting = _redaction(self._contract, hidden).begin()
            self._arguments = redacting.arguments(arguments)
            where = redacting.error(server) or "?"
            self._head = f"{self._name} asks {self._contract.model} at {where}"
            further = asked.get("messages", ())[len(self._contract.messages({})) :]
            self._rest = [(str(said.get("role")), self._shown(said)) for said in further]
            form = self._contract.form()  # which no call has a part in
            self._rest += [
                (key, value if key in form else self._shown(value))
                for key, value in asked.items()
                if key not in ("model", "messages", *_UNSHOWN)
            ]
            return "" if self._held else self._question()

        self._print("question", made)

    def answered(self, completion: Any, seconds: float) -> None:
        """Print what the server sent, whatever it is."""

        def made() -> str:
            dump = getattr(completion, "model_dump", None)
            data = dump(exclude_none=True, warnings=False) if callable(dump) else completion
            return self._outcome("the answer", self._shown(data), seconds)

        self._print("answer", made)

    def failed(self, error: BaseException, seconds: float) -> None:
        """Print that there was no answer, or none that is one."""
        self._print("error", lambda: self._outcome("failed", self._shown(told(error)), seconds))

    def _outcome(self, what: str, data: Any, seconds: float) -> str:
        text = f"{self._name}: {what}, {seconds:.3f} s\n{_block(_cut(data))}"
        if self._held and self._redacting is not None:
            self._held = False
            # What the answer is not to show may stand in the arguments.
            before = json.loads(self._arguments)
            self._arguments = self._redacting.result(before, lambda: self._arguments)
            text = f"{self._question()}\n{text}"
        return text

    def _question(self) -> str:
        messages = self._contract.messages(json.loads(self._arguments))
        said = [(message["role"], _parsed(message["content"])) for message in messages]
        blocks = [_block(f"{key}:\n{_block(_cut(data))}") for key, data in (*said, *self._rest)]
        return "\n".join((self._head, *blocks))

    def _shown(self, value: Any) -> Any:
        """JSON data for anything, redacted: texts that are JSON become what they say."""
        return self._redacted(to_jsonable_python(value, fallback=lambda odd: type(odd).__name__))

    def _redacted(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self._redacted(item) for item in data]
        if isinstance(data, dict):
            return {key: self._redacted(item) for key, item in data.items() if key not in _UNSHOWN}
        if not isinstance(data, str):
            return data
        if self._redacting is None:
            raise RuntimeError("there is nothing to redact with")
        parsed = _parsed(data)
        if parsed is not data:
            return json.loads(self._redacting.result(parsed, data.encode))
        if self._wary and "{" in data:  # nobody can say where in it the marked fields are
            return f"({len(data):,} characters, not shown: no valid JSON)"
        return self._redacting.error(data)

    def _print(self, what: str, make: Callable[[], str]) -> None:
        """Print what is made. What serialisers and redactors call is not recorded, nor printed."""
        if _printing.get():
            return
        token = _printing.set(True)
        try:
            with control.recording(on=False):
                text = make()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - anybody's code has run
            self._redacting = None
            why = str(error) if isinstance(error, ConfigError) else type(error).__name__
            text = f"{self._name}: the {what} could not be redacted, and is not shown: {why}"
        finally:
            _printing.reset(token)
        if text:
            with contextlib.suppress(Exception):  # it is closed, or there is none
                sys.stderr.write(f"{text}\n")  # in one piece: other threads write, too
                sys.stderr.flush()


def _block(data: Any) -> str:
    """Text as it is, other data as JSON; indented."""
    text = data if isinstance(data, str) else json.dumps(data, indent=2, ensure_ascii=False)
    return textwrap.indent(text, "  ")


def _cut(data: Any) -> Any:
    if isinstance(data, list):
        return [_cut(item) for item in data]
    if isinstance(data, dict):
        return {key: _cut(item) for key, item in data.items()}
    if isinstance(data, str) and len(data) > LONGEST:
        return f"{data[:LONGEST]}… ({len(data):,} characters)"
    return data


def _parsed(text: str) -> Any:
    """The JSON object or array that a text is, or the text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return data if isinstance(data, dict | list) else text


def _redaction(contract: Contract, hidden: list[str]) -> Redaction:
    """What is to be hidden. hidden: of the answer, patterns for keys."""
    said = settings.current()
    names = (*said.redact_names, *hidden, *map(glob.escape, _secret_keys(contract.inputs)))
    wanted = replace(said, redact=tuple(patterns.PATTERNS), redact_names=names)
    function = _function_of(contract)
    made = Redaction.of(function or _unknown, contract, wanted)
    if made is None:
        raise RuntimeError("there is nothing to redact with")
    hints = sensitive.hints_of(function) if function else dict.fromkeys(contract.parameters, "")
    # An annotation that cannot be evaluated may say anything.
    doubtful = [name for name in contract.parameters if isinstance(hints.get(name), str)]
    marks = dict.fromkeys(doubtful, sensitive.Marks(sensitive.Sensitive.label))
    return replace(made, marks={**marks, **made.marks})


def _unknown() -> None: ...


def _function_of(contract: Contract) -> Callable[..., Any] | None:
    """The function that asks, if it is where its name says, or in the program's own file; no module
    is imported, and nothing is run.
    """
    module, _, path = contract.function.partition(":")
    for name in (module, "__main__"):
        found: Any = sys.modules.get(name)
        for part in path.split("."):
            found = inspect.getattr_static(found, part, None)
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property):
            found = found.func
        elif isinstance(found, staticmethod | classmethod):
            found = found.__func__
        if not inspect.isfunction(found):
            continue
        found = inspect.unwrap(found)
        if inspect.isfunction(found):
            listed, args, rest = inspect.getargs(found.__code__)
            if set(contract.parameters) <= {*listed, args, rest}:
                return found
    return None


def _hidden_in_answer(contract: Contract, returns: Any) -> Iterator[str]:
    """Patterns for the keys of secrets, and of what is marked in the return type."""
    schema = TypeAdapter(returns).core_schema
    whole = RESULT_KEY if contract.wraps_result else ""
    marked = _marked_keys({"fields": {whole: {"schema": schema}}})
    for name in (*_secret_keys(contract.tool["parameters"]), *marked):
        yield glob.escape(name) or "*"


def _secret_keys(schema: Mapping[str, Any]) -> Iterator[str]:
    """Properties that a JSON schema says to be secrets, as Pydantic does."""
    shared = schema.get("$defs", {}).items()
    secrets = {f"#/$defs/{name}" for name, inner in shared if _is_secret(inner, set())}
    for node in _nodes(schema):
        properties = node.get("properties")
        for key, inner in properties.items() if isinstance(properties, dict) else ():
            if _is_secret(inner, secrets):
                yield key


def _is_secret(schema: Any, secrets: set[str]) -> bool:
    parts = _nodes(schema, but="properties")
    return any(part.get("writeOnly") is True or part.get("$ref") in secrets for part in parts)


def _marked_keys(schema: Any) -> Iterator[str]:
    """Fields that a core schema of Pydantic's says to be marked, by all of their names."""
    for node in _nodes(schema):
        fields = node.get("fields")
        if isinstance(fields, dict):
            fields = [{"name": name, **field} for name, field in fields.items()]
        for field in fields if isinstance(fields, list) else ():
            if any(map(_is_marked, _nodes(field, but="fields"))):  # itself, or an item of it
                for name in ("name", "validation_alias", "serialization_alias"):
                    said = field.get(name)
                    yield from [said] if isinstance(said, str) else _texts(said)


def _is_marked(node: Mapping[str, Any]) -> bool:
    metadata = node.get("metadata")
    return isinstance(metadata, dict) and sensitive.METADATA in metadata


def _nodes(data: Any, but: str | None = None) -> Iterator[Mapping[str, Any]]:
    """The objects in nested data. but: a key whose values are left out."""
    if isinstance(data, dict):
        yield data
        for key, item in data.items():
            # A named tuple is an array: its fields are no keys there.
            if key != but or data.get("type") == "named-tuple":
                yield from _nodes(item, but)
    elif isinstance(data, list | tuple):
        for item in data:
            yield from _nodes(item, but)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        for item in data:
            yield from _texts(item)
