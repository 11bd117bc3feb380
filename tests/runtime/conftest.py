"""What the tests of the runtime share: a contract for any function, and a folder of records."""

from __future__ import annotations

import inspect
import json
import typing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from distilgen.runtime import Contract, configure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Makes the contract of a function, as `instrument` would freeze it; `changes` override it.

    returns: the type of the answer, where the annotation does not say it.
    """

    def make(function: Callable[..., Any], returns: Any = None, **changes: Any) -> Contract:
        if returns is None:
            returns = typing.get_type_hints(function, include_extras=True)["return"]
        schema = TypeAdapter(returns).json_schema()
        wraps = schema.get("type") != "object"
        if wraps:
            definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
            schema = {
                "type": "object",
                "properties": {"result": schema},
                "required": ["result"],
                **definitions,
            }
        names = tuple(inspect.signature(function).parameters)
        made = Contract(
            function=f"shop.mail:{function.__qualname__.rpartition('>.')[2]}",
            fingerprint="",
            system_prompt=f"Predict the results of {function.__name__}: “{function.__doc__}”",
            user_message="{arguments}",
            tool={"name": "Answer", "description": "The answer.", "parameters": schema},
            inputs={"properties": {n: {} for n in names if n not in ("self", "cls")}},
            wraps_result=wraps,
        )
        made = replace(made, **changes)
        return replace(made, fingerprint=made.digest())

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the records of this test go; it is not there yet."""
    path = tmp_path / "records"
    configure(records=path)
    return path


@pytest.fixture
def records(folder: Path) -> Callable[[], list[dict[str, Any]]]:
    """Reads every record of this test, oldest file first."""

    def read() -> list[dict[str, Any]]:
        lines = [
            line
            for path in sorted(folder.glob("*.jsonl"))
            for line in path.read_bytes().split(b"\n")
            if line
        ]
        return [json.loads(line) for line in lines]

    return read
