"""What is in a dataset: sizes of its splits, and what the answers of its rows hold.

Rows are read one after the other. What is kept does not grow with them: at most `FIELDS` fields,
and of each at most `VALUES` values.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.dataset.reading import as_trained, result_of, rows
from distilgen.dataset.spread import Spread
from distilgen.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset import tokens

VALUES = 1_000
"""Distinct values of a field that are counted, those that come first."""

FIELDS = 300
"""Fields that are counted, those that come first: the keys of a mapping may be any number."""

WHOLE = "result"
"""What the answer itself is called, where it is no object."""

_SHOWN = 60  # characters of a value
_FEW, _REPEATED = 20, 5  # values of what counts as a closed set, and times that each is there
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer",
    float: "number", type(None): "null"}  # fmt: skip


@dataclass
class Split:
    """messages: of rows that have some. answers: tokens of the answers."""

    rows: int = 0
    tokens: Spread = field(default_factory=Spread)
    answers: Spread = field(default_factory=Spread)
    messages: Spread = field(default_factory=Spread)


@dataclass
class Field:
    """A field of the answers. seen: how often it is there, also as null. kinds: JSON's types.
    numbers: those that it has; lengths: characters of texts, items of arrays. values: how often it
    has each, as JSON, by split; a long one is cut. more: there are others that are not counted.
    listed: the schema lists its values.
    """

    seen: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    numbers: Spread = field(default_factory=Spread)
    lengths: Spread = field(default_factory=Spread)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    more: bool = False
    listed: bool = False
    _known: set[str] = field(default_factory=set)

    def add(self, split: str, value: Any) -> None:
        """Count a value, which is there in a row of a split."""
        kind = _KINDS.get(type(value), "string")
        self.seen += 1
        self.kinds[kind] += 1
        if kind in ("integer", "number"):
            self._add_number(value)
        elif kind in ("string", "array"):
            self.lengths.add(len(value))
        if kind in ("object", "array", "null"):
            return
        text = _short(canonical_json(value))
        if text not in self._known:
            if len(self._known) == VALUES:
                self.more = True
                return
            self._known.add(text)
        self.values.setdefault(split, Counter())[text] += 1

    def _add_number(self, value: float) -> None:
        try:
            number = float(value)
        except OverflowError:  # an integer may be larger than any float
            return
        if number - number == 0:  # neither infinite nor not a number
            self.numbers.add(number)

    @property
    def distinct(self) -> int:
        """Values that were counted; there are others where `more`."""
        return len(self._known)

    def top(self, count: int) -> list[tuple[str, float]]:
        """The most frequent values, as JSON, and their shares of the times that it is there."""
        every: Counter[str] = sum(self.values.values(), Counter())
        ranked = sorted(every.items(), key=lambda item: (-item[1], item[0]))
        return [(text, number / self.seen) for text, number in ranked[:count]]

    @property
    def closed(self) -> bool:
        """Are its values a closed set? Those that the schema lists are, and true and false; else
        texts and whole numbers are, where there are few that are there again and again.
        """
        kinds = self.kinds.keys() - {"null"}
        if self.more or not self.distinct:
            return False
        if self.listed or kinds == {"boolean"}:
            return True
        times = sum(map(Counter.total, self.values.values()))
        is_few = self.distinct <= _FEW and times >= _REPEATED * self.distinct
        return is_few and kinds <= {"string", "integer", "boolean"}

    def by_split(self, count: int) -> list[tuple[str, dict[str, int]]]:
        """The most frequent values, as JSON, and how often each split has them."""
        texts = [text for text, _ in self.top(count)]
        return [(text, {split: v[text] for split, v in self.values.items()}) for text in texts]

    @property
    def unseen(self) -> dict[str, list[str]]:
        """By split, the values that train never has, where they are a closed set."""
        train = self.values.get("train", Counter())
        if not self.closed:
            return {}
        found = {split: sorted(v.keys() - train.keys()) for split, v in self.values.items()}
        return {split: values for split, values in found.items() if values}


@dataclass
class Statistics:
    """Of a dataset. fields: of the answers, by path: `to.name`, `lines[].text`; of an answer that
    is no object, `result`. other_fields: are there more that are not counted?
    """

    splits: dict[str, Split] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
    other_fields: bool = False
    _listed: frozenset[str] = frozenset()

    def add(
        self,
        split: str,
        path: Path,
        format_name: str,
        contract: Contract | None,
        counter: tokens.Counter,
    ) -> None:
        """Count a file. contract: that of the dataset; of None, no field is counted. Raises
        DatasetError.
        """
        found = self.splits.setdefault(split, Split())
        if contract is not None:
            self._listed = frozenset(_listed(contract))
        for number, row in rows(path, format_name, contract):
            try:
                seen = as_trained(format_name, contract, row)
                result = None if contract is None else result_of(format_name, contract, row)
            except ValueError as error:
                raise DatasetError(
                    f"{path}:{number}: {error}; run `distilgen dataset validate`"
                ) from error
            found.rows += 1
            found.tokens.add(counter.of_row(seen))
            found.answers.add(counter.of_answer(seen))
            messages = _messages(row)
            if messages is not None:
                found.messages.add(messages)
            if contract is not None:
                self._add_result(split, result)

    def _add_result(self, split: str, result: Any) -> None:
        for path, value in _flat(result, ""):
            if path not in self.fields:
                if len(self.fields) == FIELDS:
                    self.other_fields = True
                    continue
                self.fields[path] = Field(listed=path in self._listed)
            self.fields[path].add(split, value)


def _messages(row: Mapping[str, Any]) -> int | None:
    """How many messages a row has; None where it is no conversation."""
    for key in ("messages", "conversations"):
        if isinstance(row.get(key), list):
            return len(row[key])
    both = (row.get("prompt"), row.get("completion"))
    lists = [value for value in both if isinstance(value, list)]
    return sum(map(len, lists)) if lists else None


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The fields of a value with their paths, outer ones first."""
    waiting = [(path, value)]  # no recursion: how deep an answer is, is its author's choice
    while waiting:
        path, value = waiting.pop()
        if path or not isinstance(value, dict):
            yield path or WHOLE, value
        if isinstance(value, dict):
            inner = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
        elif isinstance(value, list):
            inner = [(f"{path or WHOLE}[]", item) for item in value]
        else:
            continue
        waiting += reversed(inner)


def _listed(contract: Contract) -> Iterator[str]:
    """The paths of fields whose values the schema of the answer lists, by `enum` or `const`."""
    root = contract.tool["parameters"]
    inner = root.get("properties", {}).get(RESULT_KEY) if contract.wraps_result else root
    waiting: list[tuple[str, Any, frozenset[str]]] = [("", inner, frozenset())]
    while waiting:
        path, schema, seen = waiting.pop()
        if not isinstance(schema, dict):
            continue
        if "enum" in schema or "const" in schema:
            yield path or WHOLE
        name = schema.get("$ref")
        if isinstance(name, str) and name not in seen:  # what refers to itself is read once
            target = root.get("$defs", {}).get(name.removeprefix("#/$defs/"))
            waiting.append((path, target, seen | {name}))
        for key in ("anyOf", "oneOf", "allOf"):
            several = schema.get(key)
            waiting += [(path, item, seen) for item in several or () if isinstance(several, list)]
        named = schema.get("properties")
        for key, item in (named if isinstance(named, dict) else {}).items():
            waiting.append((f"{path}.{key}" if path else key, item, seen))
        waiting.append((f"{path or WHOLE}[]", schema.get("items"), seen))


def _short(text: str) -> str:
    """A value to show. Of long ones that begin alike, each keeps a name of its own."""
    if len(text) <= _SHOWN:
        return text
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{text[: _SHOWN - 10]}… ({name})"
