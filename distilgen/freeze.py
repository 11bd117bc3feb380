"""A candidate and its schemas become a contract: the texts that the student will see, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilgen.contract import Contract
from distilgen.docstrings import described, one_line
from distilgen.inputs import inputs_of
from distilgen.signature import bare, qualifier, signature
from distilgen.tool import tool_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.source.functions import Surveyed
    from distilgen.source.resolve import Resolver
    from distilgen.source.schema import Evaluated
    from distilgen.texts import Prompt


def freeze(
    function: Surveyed,
    schema: dict[str, Any],
    evaluated: Mapping[str, Evaluated],
    prompt: Prompt,
    resolver: Resolver,
) -> Contract:
    """The contract of a candidate.

    schema: the JSON schema of its answer, as Pydantic gives it. evaluated: those of its arguments.
    Raises ConfigError when the prompt template names what is not there.
    """
    tool, wraps = tool_of(function.function.name, schema)
    docstring = _docstring(function)
    said = described(docstring)
    inputs = inputs_of(function, evaluated, said.parameters)
    values = {
        "name": function.function.name,
        "function": function.name,
        "signature": signature(function),
        "bare_signature": signature(function, bare),
        "qualified_signature": signature(function, qualifier(function, resolver)),
        "docstring": docstring,
        "returns": said.returns,
        "parameters": _parameters(inputs, docstring),
        "inputs": inputs,
        "tool": tool["name"],
        "schema": schema,
    }
    system, user = prompt.texts(values)
    draft = Contract(
        function=function.name,
        fingerprint="",
        system_prompt=system,
        user_message=user,
        tool=tool,
        inputs=inputs,
        wraps_result=wraps,
    )
    return Contract(**{**vars(draft), "fingerprint": draft.digest()})


def _docstring(function: Surveyed) -> str:
    """Without trailing spaces, which formatters take away."""
    text = function.function.docstring or ""
    return "\n".join(line.rstrip() for line in text.splitlines())


def _parameters(inputs: Mapping[str, Any], docstring: str) -> list[dict[str, Any]]:
    """The parameters as a template lists them. in_docstring: its description stands there."""
    whole = one_line(docstring)
    return [
        {
            "name": name,
            "description": schema.get("description", ""),
            "in_docstring": one_line(schema.get("description", "")) in whole,
            "required": name in inputs.get("required", ()),
            "schema": schema,
        }
        for name, schema in inputs["properties"].items()
    ]
