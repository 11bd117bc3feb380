"""Inputs as they come, before anybody looks at the types of the parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic_core import PydanticSerializationError, to_json


@dataclass(frozen=True)
class Given:
    """One input. arguments: values by parameter, as they were found. origin: where, for messages:
    `file.csv:12`. is_text: the values are cells of a table of text, where a number or a list is
    spelled out.
    """

    arguments: Mapping[str, Any]
    origin: str
    is_text: bool = False


@dataclass(frozen=True)
class Refused:
    """An input that cannot be run. reason: why, in the user's words. arguments: as far as known.
    is_text: as of `Given`.
    """

    origin: str
    reason: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_text: bool = False


Inputs: TypeAlias = Iterable[Given | Refused]


@dataclass(frozen=True)
class Source:
    """Where inputs come from, one by one, as they are asked for. total: how many, where that is
    known beforehand; of some that are refused, too. notes: what there is to say of them when they
    were read.
    """

    inputs: Inputs
    total: int | None = None
    notes: Callable[[], Iterable[str]] = tuple


def as_json(values: Mapping[str, Any]) -> bytes:
    """Values as they were found, as a JSON object that can be an input again."""
    try:
        return to_json(dict(values), inf_nan_mode="constants", bytes_mode="base64", fallback=str)
    except PydanticSerializationError:  # half of a character, which JSON can say and UTF-8 cannot
        return json.dumps(dict(values), default=str, separators=(",", ":")).encode()
