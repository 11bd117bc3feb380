"""Rows without a prompt: the call and its answer as they are, for programs of one's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.contract import Contract


def raw(contract: Contract, arguments: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """`arguments` and `result`. Raises ValueError for a number that JSON has not."""
    del contract
    row = {"arguments": dict(arguments), "result": result}
    json.dumps(row, allow_nan=False)
    return row


def call(row: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """(arguments, result) of a row. Raises ValueError."""
    if not isinstance(row.get("arguments"), dict):
        raise ValueError("its arguments are no object")  # noqa: TRY004 - in a file
    if "result" not in row:
        raise ValueError("it has no result")
    return row["arguments"], row["result"]
