"""Fitters that are quick and plain, for tests of what is made of fitters."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract
from distilgen.embedded.exact import Copy, Source, Table, key
from distilgen.training.embedded.exact import ConstantFitter, CopyFitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fitter import Field, Fitter


@dataclass(frozen=True)
class Lookup:
    """For each value of the one best category column, the most frequent answer, of few answers."""

    name: str = "lookup"
    exact: bool = False
    sure: float = 0.9
    most: int = 6

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor | None:
        texts = [json.dumps(target) for target in targets]
        if not 1 < len(set(texts)) <= self.most:
            return None
        tables = [_table(calls, texts, Source(c.path), self.sure) for c in field.columns]
        few = [table for table in tables if len(table[1].rows) <= self.most]
        return max(few, key=lambda table: table[0], default=(0, None))[1]


@dataclass(frozen=True)
class Wrong:
    """Copies an argument, whatever is asked."""

    name: str = "wrong"
    exact: bool = False
    path: tuple[str, ...] = ("text",)

    def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Field) -> Predictor:  # noqa: ARG002
        return Copy(Source(self.path), 0.5)


@pytest.fixture
def fitters() -> tuple[Fitter, ...]:
    """Constants, copies and lookups."""
    return ConstantFitter(), CopyFitter(), Lookup()


@pytest.fixture
def wrong() -> Fitter:
    """One that is never right, and never unsure whether it is for a field."""
    return Wrong()


def _table(
    calls: Sequence[Call], texts: Sequence[str], source: Source, sure: float
) -> tuple[int, Table]:
    counts: dict[str, Counter[str]] = {}
    for call, text in zip(calls, texts, strict=True):
        counts.setdefault(key((source,), call), Counter())[text] += 1
    values = tuple(sorted(set(texts)))
    best = {name: found.most_common(1)[0] for name, found in counts.items()}
    rows = {name: values.index(text) for name, (text, _) in best.items()}
    return sum(count for _, count in best.values()), Table((source,), rows, values, sure)


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Makes a contract of the schema of its answer and those of its arguments."""

    def make(parameters: dict[str, Any], inputs: dict[str, Any], **changes: Any) -> Contract:
        return Contract(
            function="shop.mail:reply",
            fingerprint="f" * 32,
            system_prompt="",
            user_message="{arguments}",
            tool={"name": "Reply", "description": "", "parameters": parameters},
            inputs={"type": "object", "properties": inputs},
            **changes,
        )

    return make
