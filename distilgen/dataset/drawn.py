"""Which rows are kept of all: as many of each value of a field, and so many tokens.

Rows come in the order of their digests, so the first of them are a sample that chance has drawn.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json
from distilgen.dataset import fields, template
from distilgen.dataset.answers import Call
from distilgen.dataset.reading import trained_format
from distilgen.dataset.tokens import counter
from distilgen.errors import DatasetError
from distilgen.records.where import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.records.where import Path as FieldPath

TOO_LONG = "with more tokens than a row may have"
OVER = "beyond the tokens that train may have"
UNBALANCED = "of a value of which there are enough"

_VALUES = 1000  # of a field that can be balanced, at most
_HELD = "held"
TRAIN = "train"


@dataclass(frozen=True)
class Draw:
    """balance: the field of which each value is to have equally many rows in train. each: how many,
    at most; None for as many as the rarest value has. row_tokens: of a row, at most. train_tokens:
    of train, at most. model: whose tokens they are.

    Only train is balanced and limited: what is held out is to be as calls are. A function that has
    no such field is not balanced.
    """

    balance: FieldPath | None = None
    each: int | None = None
    row_tokens: int | None = None
    train_tokens: int | None = None
    model: str | None = None


class Drawn:
    """What is kept of the calls of one function.

    left_out: counts by reason. folder: for calls that have to wait for others. Raises DatasetError
    where a field has too many values to be balanced.
    """

    def __init__(self, draw: Draw, contract: Contract, format_name: str, folder: Path) -> None:
        self.left_out: Counter[str] = Counter()
        self._draw = draw
        self._contract = contract
        self._format = format_name
        self._folder = folder

    def calls(
        self, calls: Iterable[Call], split_of: Callable[[bytes], str]
    ) -> Iterator[tuple[str, Call]]:
        """Those that are kept, each with its split."""
        kept: Iterator[tuple[str, Call]] = ((split_of(call.place), call) for call in calls)
        if self._draw.row_tokens is not None:
            kept = self._short(kept, self._draw.row_tokens)
        balance = self._draw.balance
        if balance is not None and fields.has(self._contract, balance.members):
            return self._balanced(kept, balance)
        if self._draw.train_tokens is not None:
            return self._limited(kept, self._draw.train_tokens)
        return kept

    def _short(self, calls: Iterable[tuple[str, Call]], most: int) -> Iterator[tuple[str, Call]]:
        tokens = self._tokens()
        for split, call in calls:
            if tokens(call) > most:
                self.left_out[TOO_LONG] += 1
            else:
                yield split, call

    def _limited(self, calls: Iterable[tuple[str, Call]], most: int) -> Iterator[tuple[str, Call]]:
        tokens, spent = self._tokens(), 0
        for split, call in calls:
            if split == TRAIN and spent <= most:
                spent += tokens(call)
            if split == TRAIN and spent > most:
                self.left_out[OVER] += 1
            else:
                yield split, call

    def _balanced(
        self, calls: Iterable[tuple[str, Call]], path: FieldPath
    ) -> Iterator[tuple[str, Call]]:
        held = self._folder / _HELD
        rows: dict[str, array[int]] = {}  # of each value, the tokens of its rows
        tokens = self._tokens() if self._draw.train_tokens is not None else None
        with held.open("wb") as file:
            for split, call in calls:
                if split != TRAIN:
                    yield split, call
                    continue
                counts = rows.setdefault(_value_of(path, call), array("l"))
                counts.append(tokens(call) if tokens else 0)
                if len(rows) > _VALUES:
                    raise DatasetError(
                        f"{self._contract.function}: --balance {path.text}: has more than "
                        f"{_VALUES} values; balance by a field that has few"
                    )
                file.write(b"\t".join((b"%d" % call.number, *call[1:])) + b"\n")
        most = self._draw.each or min(map(len, rows.values()), default=0)
        fits = _fitting(rows, most, self._draw.train_tokens)
        taken: Counter[str] = Counter()
        with held.open("rb") as file:
            for line in file:
                number, *rest = line[:-1].split(b"\t")
                call = Call(int(number), *rest)
                value = _value_of(path, call)
                taken[value] += 1
                if taken[value] > fits:
                    self.left_out[UNBALANCED if taken[value] > most else OVER] += 1
                else:
                    yield TRAIN, call
        held.unlink()

    def _tokens(self) -> Callable[[Call], int]:
        """Counts the tokens of a call's row as a student sees it."""
        count = counter(self._draw.model)
        render = template.renderer(self._contract, trained_format(self._format))
        return lambda call: count.of_row(json.loads(render(call)))


def _fitting(rows: Mapping[str, array[int]], most: int, tokens: int | None) -> int:
    """How many rows of each value may be taken, at most so many, to stay within the tokens."""
    spent = 0
    for place in range(most if tokens is not None else 0):
        spent += sum(counts[place] for counts in rows.values() if place < len(counts))
        if tokens is not None and spent > tokens:
            return place
    return most


def _value_of(path: FieldPath, call: Call) -> str:
    """What a call has in a field, as a text; nothing where it has none."""
    said: Any = SimpleNamespace(
        arguments=json.loads(call.arguments), result=json.loads(call.result), error=None
    )
    value = path(said)
    return "" if value is ABSENT else canonical_json(value)
