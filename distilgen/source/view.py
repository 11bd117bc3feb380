"""What of a project there is to see, and how much of it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class View(NamedTuple):
    """roots: the project's import roots. environment: where its installed packages are.
    everything: functions that return no Pydantic type are wanted, too.
    """

    roots: tuple[Path, ...]
    environment: tuple[Path, ...]
    everything: bool = False
