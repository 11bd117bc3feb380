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
    sources: Mapping[str, str] | None = None,
) -> Contract:
    """The contract of a candidate.

    schema: the JSON schema of its answer, as Pydantic gives it. evaluated: those of its arguments.
    sources: digests of the statements that these were made of. Raises ConfigError when the prompt
    template names what is not there.
    """
    tool, wraps = tool_of(function.function.name, schema)
    said = described(_docstring(function))
    inputs = inputs_of(function, evaluated, said.parameters)
    system, user = _texts(function, schema, tool, inputs, prompt, resolver)
    return _sealed(
        Contract(
            function=function.name,
            fingerprint="",
            system_prompt=system,
            user_message=user,
            tool=tool,
            inputs=inputs,
            wraps_result=wraps,
            sources=sources or {},
        )
    )


def refreeze(
    function: Surveyed,
    frozen: Contract,
    prompt: Prompt,
    resolver: Resolver,
    sources: Mapping[str, str],
) -> Contract:
    """The contract as it would be with the schemas that are frozen: name, prompt and parameters are
    those that the code has now. Evaluates nothing. Raises ConfigError as `freeze`.
    """
    known = frozen.inputs["properties"]
    inputs = {**frozen.inputs, "properties": {n: known.get(n, {}) for n in function.arguments}}
    schema = {"title": frozen.tool["name"], **frozen.tool["parameters"]}
    system, user = _texts(function, schema, frozen.tool, inputs, prompt, resolver)
    fresh = {
        "function": function.name,
        "system_prompt": system,
        "user_message": user,
        "inputs": inputs,
        "sources": sources,
    }
    return _sealed(Contract(**{**vars(frozen), **fresh}))


def _sealed(draft: Contract) -> Contract:
    return Contract(**{**vars(draft), "fingerprint": draft.digest()})


def _texts(
    function: Surveyed,
    schema: Mapping[str, Any],
    tool: Mapping[str, Any],
    inputs: Mapping[str, Any],
    prompt: Prompt,
    resolver: Resolver,
) -> tuple[str, str]:
    """(system prompt, user message)."""
    docstring = _docstring(function)
    values = {
        "name": function.function.name,
        "function": function.name,
        "signature": signature(function),
        "bare_signature": signature(function, bare),
        "qualified_signature": signature(function, qualifier(function, resolver)),
        "docstring": docstring,
        "returns": described(docstring).returns,
        "parameters": _parameters(inputs, docstring),
        "inputs": inputs,
        "tool": tool["name"],
        "schema": schema,
    }
    return prompt.texts(values)


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
