"""Which columns a contract's calls have, and of which kind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.dataset.columns import Columns

if TYPE_CHECKING:
    from distilgen.contract import Contract

TEXT, NULL = {"type": "string"}, {"type": "null"}
DEFINITIONS = {
    "Kind": {"enum": ["a", "b"], "type": "string"},
    "Mixed": {"enum": ["a", 1]},
    "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}, NULL]},
}
KINDS: list[tuple[Any, str, bool]] = [
    (TEXT, "string", False),
    ({"type": "string", "format": "date-time"}, "string", False),
    ({"type": "integer"}, "integer", False),
    ({"type": "number"}, "number", False),
    ({"type": "boolean"}, "boolean", False),
    ({"anyOf": [TEXT, NULL]}, "string", True),
    ({"oneOf": [{"type": "boolean"}, NULL]}, "boolean", True),
    ({"type": ["integer", "null"]}, "integer", True),
    ({"const": "a"}, "string", False),
    ({"const": 1}, "integer", False),
    ({"enum": ["a", None]}, "string", True),
    ({"$ref": "#/$defs/Kind"}, "string", False),
    ({"anyOf": [{"$ref": "#/$defs/Kind"}, NULL]}, "string", True),
    ({"$ref": "#/$defs/Mixed"}, "json", False),
    ({"$ref": "#/$defs/Loop"}, "json", False),
    ({"$ref": "#/$defs/Gone"}, "json", False),
    ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "json", False),
    ({"type": "array"}, "json", False),
    ({"type": "object"}, "json", False),
    ({"type": "string", "nullable": True}, "json", False),
    (NULL, "json", False),
    ({}, "json", False),
    (True, "json", False),
]


@pytest.mark.parametrize(("schema", "kind", "null"), KINDS)
def test_kinds(schema: Any, kind: str, null: bool, contract: Contract) -> None:
    inputs = {"type": "object", "properties": {"a": schema}, "$defs": DEFINITIONS}
    column, *_ = Columns(replace(contract, inputs=inputs))
    assert (column.name, column.kind, column.null) == ("arguments.a", kind, null)


def _names(contract: Contract, answer: Any, *, wraps: bool = False) -> list[str]:
    tool = {**contract.tool, "parameters": answer}
    return [column.name for column in Columns(replace(contract, tool=tool, wraps_result=wraps))]


def test_names(contract: Contract) -> None:
    fields = {"type": "object", "properties": {"to": TEXT, "a.b": TEXT}}
    assert _names(contract, fields) == [
        "arguments.topic", "result.to", "result.a.b", "arguments", "result"
    ]  # fmt: skip
    assert _names(contract, {"type": "object"}) == ["arguments.topic", "arguments", "result"]
    wrapped = {"type": "object", "properties": {"result": {"type": "array"}}}
    assert _names(contract, wrapped, wraps=True) == ["arguments.topic", "result", "arguments"]
    alone = replace(contract, inputs={"type": "object", "properties": {}})
    assert _names(alone, fields) == ["result.to", "result.a.b", "arguments", "result"]
