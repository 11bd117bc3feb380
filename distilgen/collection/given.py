"""Inputs as they come, before anybody looks at the types of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


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
    """An input that cannot be run. reason: why, in the user's words. arguments: as far as known."""

    origin: str
    reason: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


Inputs: TypeAlias = Iterable[Given | Refused]


@dataclass(frozen=True)
class Source:
    """Where inputs come from, one by one, as they are asked for. total: how many, where that is
    known beforehand; of some that are refused, too.
    """

    inputs: Inputs
    total: int | None = None
