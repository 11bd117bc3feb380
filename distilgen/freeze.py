"""A candidate and its schema become a contract: the texts that the student will see, for good."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING, Any

from distilgen import texts
from distilgen.contract import RESULT_KEY, Contract
from distilgen.source import expressions

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2

    from distilgen.source.functions import Surveyed
    from distilgen.source.resolve import Resolver

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_NAME_LENGTH = 64  # OpenAI's rule for tool names: [a-zA-Z0-9_-]{1,64}


def freeze(
    function: Surveyed, schema: dict[str, Any], template: jinja2.Template, resolver: Resolver
) -> Contract:
    """The contract of a candidate.

    schema: the JSON schema of its answer, as Pydantic gives it. template: blocks `system` and
    `user`. Raises ConfigError when the template names what is not there.
    """
    tool, wraps = _tool(function, schema)
    values = {
        "name": function.function.name,
        "function": function.name,
        "signature": signature(function),
        "qualified_signature": signature(function, _qualifier(function, resolver)),
        "docstring": _docstring(function),
        "tool": tool["name"],
        "schema": schema,
    }
    draft = Contract(
        function=function.name,
        fingerprint="",
        system_prompt=texts.render_block(template, texts.SYSTEM, values),
        user_message=texts.render_block(template, texts.USER, values),
        tool=tool,
        parameters=function.arguments,
        wraps_result=wraps,
    )
    return Contract(**{**vars(draft), "fingerprint": draft.digest()})


def signature(
    function: Surveyed, spelled: Callable[[ast.expr], ast.expr] = expressions.unquoted
) -> str:
    """`def name(…) -> …` as PEP 8 spaces it, without `self`, however the source is formatted.

    spelled: what to write for an annotation; by default the annotation without quotes.
    """

    def text(expression: str) -> str:
        return ast.unparse(spelled(expressions.parse(expression)))

    shown: list[str] = []
    previous = ""
    wanted = set(function.arguments)
    for parameter in function.function.parameters:
        if previous == "positional_only" and parameter.kind != previous and shown:
            shown.append("/")
        if parameter.kind == "keyword_only" and previous not in ("keyword_only", "variadic"):
            shown.append("*")
        previous = parameter.kind
        if parameter.name not in wanted:
            continue
        star = {"variadic": "*", "keywords": "**"}.get(parameter.kind, "")
        piece = f"{star}{parameter.name}"
        if parameter.annotation:
            piece += f": {text(parameter.annotation)}"
        if parameter.default:
            default = ast.unparse(expressions.parse(parameter.default))
            piece += f" = {default}" if parameter.annotation else f"={default}"
        shown.append(piece)
    if previous == "positional_only" and shown:
        shown.append("/")
    returns = text(function.function.returns or "None")
    return f"def {function.function.name}({', '.join(shown)}) -> {returns}"


def _qualifier(function: Surveyed, resolver: Resolver) -> Callable[[ast.expr], ast.expr]:
    """Spells classes with their module, as `inspect.signature` does when the program runs."""

    class Qualify(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return self._spell(node)

        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            return self._spell(node)

        def _spell(self, node: ast.expr) -> ast.expr:
            for found in resolver.define(node, function.facts, function.function.classes):
                if found.kind == "class" and found.facts:
                    same = found.facts.path == function.facts.path and found.facts.is_script
                    module = "__main__" if same else found.facts.name
                    return ast.Name(f"{module}.{found.name}")  # a file's name may be no identifier
            return node

    return lambda node: Qualify().visit(expressions.unquoted(node))


def _docstring(function: Surveyed) -> str:
    """Without trailing spaces, which formatters take away."""
    text = function.function.docstring or ""
    return "\n".join(line.rstrip() for line in text.splitlines())


def _tool(function: Surveyed, schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """(the tool, whether the answer is wrapped). The title and description of the schema become
    the tool's; everything else is Pydantic's own.
    """
    schema = _settled(schema)
    root = _root(schema)
    parameters = dict(root)
    wraps = root.get("type") != "object"
    title = parameters.pop("title", None) or function.function.name
    description = parameters.pop("description", None) or (
        f"Correctly extracted `{title}` with all the required parameters with correct types"
    )
    if wraps:
        inner = {key: value for key, value in schema.items() if key != "$defs"}
        parameters = {
            **({"$defs": schema["$defs"]} if "$defs" in schema else {}),
            "properties": {RESULT_KEY: inner},
            "required": [RESULT_KEY],
            "type": "object",
        }
    name = _NOT_IN_NAMES.sub("_", title).strip("_")[:_NAME_LENGTH] or "answer"
    return {"name": name, "description": description, "parameters": parameters}, wraps


def _settled(value: Any) -> Any:
    """The schema in one spelling, whichever version of Pydantic gave it.

    Without its infinities and NaNs, for which JSON has no word: they are defaults and bounds, which
    Pydantic knows without the student's help. And with a reference as itself, which up to Pydantic
    2.8 was the only item of an `allOf`.
    """
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"allOf": [{"$ref": str(target), **rest}]} if not rest:
            value = {"$ref": target, **{key: value[key] for key in value if key != "allOf"}}
    return {key: _settled(item) for key, item in value.items() if not _is_infinite(item)}


def _is_infinite(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_infinite(item) for item in value)
    return isinstance(value, float) and not math.isfinite(value)


def _root(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with a reference at its root followed: tools want `type: object` there."""
    if "$ref" not in schema or set(schema) - {"$ref", "$defs"}:
        return schema
    target = schema["$ref"].removeprefix("#/$defs/")
    return {"$defs": schema["$defs"], **schema["$defs"][target]}
