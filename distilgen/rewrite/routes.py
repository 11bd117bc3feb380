"""How the calls of a function go, and which functions they can go so for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from distilgen.rewrite.stub import refuse_value_behind_items
from distilgen.source import expressions
from distilgen.source.names import class_scope, is_field

if TYPE_CHECKING:
    from distilgen.rewrite.marks import Mark
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed

Mode = Literal["record", "shadow", "canary", "fallback", "dispatch"]
"""To the teacher alone; to it with a student asked beside; some of them to the student; to the
student first; to the student alone.
"""

MODES: tuple[Mode, ...] = get_args(Mode)
BESIDE: tuple[Mode, ...] = ("shadow", "canary", "fallback")
"""The modes in which there are both: the teacher keeps its body, the decorator asks the student."""

OF_BESIDE = (
    "share",
    "pairs",
    "min_agreement",
    "max_failures",
    "window",
    "pause",
    "min_confidence",
)
"""The settings that mean something in these modes alone."""


class Route(NamedTuple):
    """Where the calls of a function go. records: answers of a stub leave records; in the other
    modes all do.
    """

    mode: Mode
    records: bool = False

    @property
    def verb(self) -> str:
        """What the decorator does; empty for no decorator."""
        if self.mode != "dispatch":
            return self.mode
        return "record" if self.records else ""

    @property
    def is_stub(self) -> bool:
        """Is there a stub in the place of the body?"""
        return self.mode == "dispatch"


def route_of(mark: Mark) -> Route:
    """Where the calls of a function go that is rewritten."""
    if mark.stub:
        return Route("dispatch", mark.verb == "record")
    return Route(next(mode for mode in MODES if mode == mark.verb))


def refuse(source: SourceFile, surveyed: Surveyed, mode: Mode, *, empty: bool) -> None:
    """Raises ValueError, with the reason, where the calls of a function cannot go so.

    empty: its body does nothing.
    """
    if mode == "record" and empty:
        raise ValueError("it has no body: nothing but a model can answer it")
    if mode not in BESIDE:
        return
    if empty:
        raise ValueError(f"it has no body, and {mode} needs a teacher beside the student")
    refuse_value_behind_items(surveyed)
    _refuse_unseen(source, surveyed, mode)


def _has_future(source: SourceFile) -> bool:
    """Are all annotations of a module texts?"""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in source.tree.body
    )


def _refuse_unseen(source: SourceFile, surveyed: Surveyed, mode: Mode) -> None:
    """The decorator evaluates the return annotation, with the names that the module has."""
    if surveyed.of_self:
        return
    facts, function = surveyed.facts, surveyed.function
    within = class_scope(facts, function.classes)
    annotation = function.returns or ""
    is_text = bool({"'", '"'} & set(annotation)) or _has_future(source)
    for node in ast.walk(expressions.parse(surveyed.answer)):
        if not isinstance(node, ast.Name):
            continue
        own = [item for item in within.get(node.id, ()) if not is_field(item, node.id)]
        bindings = own or facts.scope.get(node.id, ())
        if bindings and all(item.typing_only for item in bindings):
            raise ValueError(
                f"its return type {node.id} is there for type checkers only, and {mode} needs it "
                "in the running program; import it outside of TYPE_CHECKING"
            )
        if own and is_text:
            raise ValueError(
                f"its return type {node.id} is a name of its class, which the running program does "
                f"not see in an annotation that is text; {mode} needs it to"
            )
