"""Files of ours that git left with the conflicts of a merge: both sides, and what they have in
common. Most such conflicts are two entries at one place, and go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Entry = TypeVar("Entry")

OURS, BASE, BETWEEN, THEIRS = "<<<<<<< ", "||||||| ", "=======", ">>>>>>> "


def sides(text: str) -> tuple[str, str] | None:
    """(our side, their side) of a text with conflicts; None where it has none."""
    ours: list[str] = []
    theirs: list[str] = []
    into: tuple[list[str], ...] = (ours, theirs)
    found = False
    for line in text.splitlines(keepends=True):
        if line.startswith(OURS):
            into, found = (ours,), True
        elif len(into) == 1 and line.startswith(BASE):
            into = ()
        elif len(into) < 2 and line.rstrip() == BETWEEN:
            into = (theirs,)
        elif len(into) < 2 and line.startswith(THEIRS):
            into = (ours, theirs)
        else:
            for side in into:
                side.append(line)
    return ("".join(ours), "".join(theirs)) if found and len(into) == 2 else None


def line_in(text: str) -> int:
    """The line of the first marker of a conflict; 0 where there is none."""
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if line.startswith((OURS, THEIRS))), 0)


def together(ours: Mapping[str, Entry], theirs: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries of both sides. Raises ValueError for one that they do not have alike."""
    for name in ours:
        if name in theirs and ours[name] != theirs[name]:
            raise ValueError(f"the sides of its merge conflict differ on {name}; take one of them")
    return {**ours, **theirs}
