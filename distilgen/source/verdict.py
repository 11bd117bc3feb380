"""What a type holds, and what a type that is made of others holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable


_LOST = ("cannot find module", "is compiled: its source", "when it is asked for it")


@dataclass(frozen=True)
class Verdict:
    """What an annotation holds.

    `model`: at least one Pydantic type, and nothing that has no JSON schema. `plain`: values with
    a JSON schema, but no Pydantic type. `variable`: a type variable, whose type each caller
    chooses. `circle`: nothing but itself. `other`: something else. why: what it is, for all but the
    first two. mixed: a Pydantic type is in it nevertheless.
    """

    kind: Literal["model", "plain", "variable", "circle", "other"]
    why: str = ""
    mixed: bool = False

    @property
    def holds(self) -> bool:
        """Is a Pydantic type in it?"""
        return self.kind == "model" or self.mixed

    @property
    def is_lost(self) -> bool:
        """Is there no telling, because a module cannot be found, or has no source, or makes its
        names on demand?
        """
        return any(text in self.why for text in _LOST)

    def settled(self) -> Verdict:
        """The verdict on the whole, to which no more is added."""
        return replace(self, kind="other") if self.kind == "circle" else self


MODEL, OF_PLAIN = Verdict("model"), Verdict("plain")
OF_OWN = Verdict("plain", "makes its schema itself, whatever stands in its brackets")


def joined(verdicts: Iterable[Verdict]) -> Verdict:
    """Of a union or a container. A part that leads back to the whole adds nothing to it."""
    found = list(verdicts)
    circles = [item for item in found if item.kind == "circle"]
    if circles and len(circles) == len(found):
        return circles[0]
    holds = any(item.holds for item in found)
    for kind in ("other", "variable"):
        for item in found:
            if item.kind == kind:
                return replace(item, mixed=holds)
    return MODEL if holds else OF_PLAIN


def best(verdicts: Iterable[Verdict]) -> Verdict:
    """Of a name that is bound more than once: a model if any is one, else what could not be found,
    else the last.
    """
    found = list(verdicts)
    if len(found) == 1:
        return found[0]
    verdict = Verdict("circle", "its return type is defined in terms of itself")
    mixed: Verdict | None = None
    lost = False
    for item in found:
        if item.kind == "model":
            return item
        if item.mixed:
            mixed = item
        if not lost and (item.kind != "circle" or verdict.kind == "circle"):
            verdict, lost = item, item.is_lost
    if mixed and verdict.kind == "plain":
        return mixed
    return replace(verdict, mixed=mixed is not None)
