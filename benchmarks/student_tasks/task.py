"""A task: a teacher, by the rows it leaves."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from distilgen.contract import Contract, canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import BaseModel

Row: TypeAlias = tuple[dict[str, Any], Any]
"""Arguments and the teacher's answer, as JSON values."""

NO_ANSWER: Final = "no answer is right"
"""Of a call from elsewhere that the teacher was not made for."""

POOL, TEST = 0, 1
"""What a student is trained and calibrated on, and what it is held against: no sentence and no
value of an open kind (a name, a street, a number of an order) stands on both sides.
"""


class Draw(random.Random):
    """Draws for one side."""

    def __init__(self, seed: str, side: int | None = None) -> None:
        super().__init__(seed)
        self.side = side

    def new(self, make: Callable[[], str]) -> str:
        """A text of this side: which side a text is on, its checksum says."""
        made = make()
        while self.side is not None and side_of(made) != self.side:
            made = make()
        return made

    def happens(self, share: float) -> bool:
        """Does what happens in such a share of calls happen now?"""
        return self.random() < share

    def filled(self, template: str, words: Mapping[str, Sequence[str]]) -> str:
        """A template whose `{slots}` are filled, those of the fillings too."""
        while (start := template.find("{")) >= 0:
            end = template.index("}", start)
            slot = self.choice(words[template[start + 1 : end]])
            template = template[:start] + slot + template[end + 1 :]
        return template


def side_of(text: str) -> int:
    """The side that a text is on."""
    return zlib.crc32(text.encode()) >> 7 & 1


@dataclass(frozen=True)
class Task:
    """arguments, answer: their types. row: draws a row; or rows: those that were found on this
    machine, of a side, in an order of no meaning. elsewhere: draw calls of other kinds, by the name
    of the kind; the answers are the teacher's, or `NO_ANSWER`. says: what it is.
    """

    name: str
    says: str
    arguments: type[BaseModel]
    answer: type[BaseModel]
    row: Callable[[Draw], Row] | None = None
    rows: Callable[[int], Sequence[Row]] | None = None
    elsewhere: Mapping[str, Callable[[Draw], Row]] = field(default_factory=dict)

    def contract(self) -> Contract:
        """As a sidecar would hold it."""
        schema = self.answer.model_json_schema()
        made = Contract(
            function=f"benchmark:{self.name}",
            fingerprint="",
            system_prompt=f"Predict the results of this function: {self.says}",
            user_message="{arguments}",
            tool={"name": self.answer.__name__, "description": self.says, "parameters": schema},
            inputs=self.arguments.model_json_schema(),
        )
        object.__setattr__(made, "fingerprint", made.digest())
        return made

    def drawn(self, side: int, count: int) -> list[Row]:
        """Rows of a side, at most so many, none twice. Fewer of the same side are the first of
        more.
        """
        if self.rows is not None:
            return list(self.rows(side)[:count])
        assert self.row is not None
        draw = Draw(f"{self.name} {side}", side)
        found: dict[str, Row] = {}
        while len(found) < count:
            row = self.row(draw)
            text = canonical_json(row[0])
            if side_of(text) == side:
                found.setdefault(text, row)
        return list(found.values())

    def foreign(self, count: int) -> list[tuple[str, Row]]:
        """Calls from elsewhere with the names of their kinds, as many of each."""
        draw = Draw(f"{self.name} elsewhere")
        each = count // len(self.elsewhere)
        return [(kind, make(draw)) for kind, make in self.elsewhere.items() for _ in range(each)]
