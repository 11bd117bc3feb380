"""The tools of a row: are they well-formed, and which calls are theirs?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen.dataset.validation import strict_subset
from distilgen.dataset.validation.lines import kind, parsed, said
from distilgen.records.fitting import MOST_FAULTS, Schema

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str, str, str], None]
    """Takes a rule, a JSON path and a message."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST_DESCRIPTION = 1024  # OpenAI's, of functions
_KEYS = frozenset({"name", "description", "parameters", "strict"})


@dataclass(frozen=True)
class Tools:
    """What a row offers. given: its `tools` or `functions`. schemas: of parameters, by name. wrong:
    what is said of them, as (rule, path, message).
    """

    given: Any
    schemas: dict[str, Schema] = field(default_factory=dict)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)


def read(given: Any, place: str, *, bare: bool = False) -> Tools:
    """Look at tools. place: their path. bare: they are functions, without an envelope."""
    tools = Tools(given)

    def say(rule: str, path: str, message: str) -> None:
        tools.wrong.append((rule, path, message))

    if not isinstance(given, list) or not given:
        what = "is an empty list" if given == [] else f"is {kind(given)}, and must be a list"
        say("tool-form", place, what)
        return tools
    for number, tool in enumerate(given):
        path = f"{place}[{number}]"
        if bare:
            _function(tool, path, tools, say)
        elif not isinstance(tool, dict):
            say("tool-form", path, f"is {kind(tool)}, and must be an object")
        elif tool.get("type") != "function":
            say("tool-form", f"{path}.type", f"is {said(tool.get('type'))}, and must be function")
        elif tool.keys() - {"type", "function"}:
            say("tool-form", path, f"has the key {said(min(tool.keys() - {'type', 'function'}))}")
        else:
            _function(tool.get("function"), f"{path}.function", tools, say)
    return tools


def _function(function: Any, path: str, tools: Tools, say: Say) -> None:
    if not isinstance(function, dict):
        say("tool-form", path, f"is {kind(function)}, and must be an object")
        return
    name = function.get("name")
    check_name(name, f"{path}.name", say)
    if not isinstance(function.get("description", ""), str):
        say("tool-form", f"{path}.description", "is no text")
    elif len(function.get("description", "")) > _LONGEST_DESCRIPTION:
        say("tool-long-description", f"{path}.description",
            f"has {len(function['description']):,} characters")  # fmt: skip
    for key in sorted(function.keys() - _KEYS):
        say("tool-form", path, f"has the key {said(key)}")
    if isinstance(name, str) and name in tools.schemas:
        say("tool-twice", f"{path}.name", f"{said(name)} is the name of an earlier one")
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    place = f"{path}.parameters"
    wrong = _not_a_schema(parameters)
    if wrong:
        say("tool-parameters", place, wrong)
    if isinstance(name, str):
        tools.schemas[name] = Schema({} if wrong else parameters)
    strict = function.get("strict")
    if not (strict is None or isinstance(strict, bool)):
        say("tool-form", f"{path}.strict", f"is {kind(strict)}, and must be true or false")
    elif strict and not wrong:
        for where, message in strict_subset.obstacles(parameters, place):
            say("strict-schema", where, message)


def _not_a_schema(parameters: Any) -> str:
    """What is wrong with the parameters of a tool; nothing where they are a schema."""
    import jsonschema_rs  # noqa: PLC0415 - few commands need it

    if not isinstance(parameters, dict):
        return f"is {kind(parameters)}, and must be an object"
    if parameters.get("type", "object") != "object":
        return f"is the schema of {said(parameters['type'])}, and must be that of an object"
    try:
        jsonschema_rs.meta.validate({**parameters, "$schema": _DIALECT})
    except jsonschema_rs.ValidationError as error:
        where = "".join(f"[{said(step)}]" for step in error.instance_path)
        return f"is no JSON schema: {where or 'it'}: {error.message.splitlines()[0][:200]}"
    except (ValueError, RecursionError):
        return "is nested too deeply"
    return ""


_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def check_name(name: Any, path: str, say: Say) -> None:
    """Is it a name that a tool may have?"""
    if not isinstance(name, str):
        rule = "tool-form" if "tools" in path or "functions" in path else "tool-call-form"
        say(rule, path, "is missing" if name is None else f"is {kind(name)}, and must be a text")
    elif not _NAME.fullmatch(name):
        say("tool-name", path, f"is {said(name)}")


def check_arguments(name: Any, arguments: Any, path: str, tools: Tools | None, say: Say) -> None:
    """Look at the arguments of a call, as a text, or as TRL has them, an object.

    tools: those that the row has; None where it has none.
    """
    if isinstance(arguments, str):
        value, wrong = parsed(arguments.encode("utf-8", "replace"))
        for item in wrong:
            rule = "tool-arguments" if item.rule == "invalid-json" else item.rule
            message = f"in its JSON, {item.path}: {item.message}" if item.path else item.message
            say(rule, path, message)
        if any(item.rule != "duplicate-key" for item in wrong):
            return
    else:
        value = arguments
    if not isinstance(value, dict):
        say("tool-arguments", path, f"is {kind(value)}, and must be an object")
    elif tools is None or name not in tools.schemas:
        if isinstance(name, str):
            offered = "the row has no tools" if tools is None else "no tool of the row has it"
            say("tool-unknown", f"{path.rpartition('.')[0]}.name", f"is {said(name)}; {offered}")
    else:
        for inside, what in tools.schemas[name].faults(value, "$", MOST_FAULTS):
            is_text = isinstance(arguments, str)
            where = f"{path} → {inside}" if is_text else path + inside.removeprefix("$")
            say("tool-arguments-misfit", where, what)
