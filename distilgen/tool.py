"""The tool by which a student answers, made of the answer's schema."""

from __future__ import annotations

import re
from typing import Any

from distilgen.contract import RESULT_KEY
from distilgen.schemas import rooted, settled

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_NAME_LENGTH = 64  # OpenAI's rule for tool names: [a-zA-Z0-9_-]{1,64}


def tool_of(name: str, schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """(the tool for the answers of function `name`, whether they are wrapped).

    The title and description of the schema become the tool's; the rest is Pydantic's own.
    """
    schema = settled(schema)
    root = rooted(schema)
    parameters = dict(root)
    wraps = root.get("type") != "object"
    title = parameters.pop("title", None) or name
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
    called = _NOT_IN_NAMES.sub("_", title).strip("_")[:_NAME_LENGTH] or "answer"
    return {"name": called, "description": description, "parameters": parameters}, wraps
