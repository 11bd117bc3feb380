"""One answer for each call: equal ones count once, and of different ones a policy takes one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.dataset.intake import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAJORITY, LATEST, DROP = "majority", "latest", "drop"

POLICIES = (MAJORITY, LATEST, DROP)
"""Of a call with several answers: the one that was given most often, of equally many the latest;
the latest; or none.
"""

TWICE, OUTVOTED, DROPPED = (
    "equal to another one",
    "with another answer than the one that was taken",
    "of a call with several answers",
)


class Call(NamedTuple):
    """A call and its answer. number: of its function. digest: of the arguments, and place: of what
    is not to be divided between splits, hexadecimal. arguments, result: canonical JSON.
    """

    number: int
    digest: bytes
    place: bytes
    arguments: bytes
    result: bytes


class Conflict(NamedTuple):
    """A call with several answers. answers: of each the result, how many records have it, and the
    id of the last of them. taken: which of them is, if any.
    """

    arguments: Any
    answers: list[tuple[Any, int, str]]
    taken: int | None


class Answers:
    """Calls with one answer, of sorted entries.

    told: is called with each conflict, and the number of its function. left_out: counts by function
    and reason. conflicts: calls with several answers, by function.
    """

    def __init__(
        self, policy: str, told: Callable[[int, Conflict], None] = lambda _number, _conflict: None
    ) -> None:
        self.left_out: dict[int, Counter[str]] = {}
        self.conflicts: Counter[int] = Counter()
        self._policy = policy
        self._told = told

    def calls(self, batches: Iterable[list[bytes]]) -> Iterator[Call]:
        """The calls, in the entries' order."""
        last = entry = b""
        group: _Group | None = None
        for batch in batches:
            for line in batch:
                head = line[:HEAD]
                if head == last:
                    group = group or _Group(entry)
                    group.add(line)
                    continue
                if group is not None:
                    entry, group = self._settled(group), None
                if entry:
                    yield _call(entry)
                last, entry = head, line
        if group is not None:
            entry = self._settled(group)
        if entry:
            yield _call(entry)

    def _settled(self, group: _Group) -> bytes:
        """The entry of the answer that is taken; nothing where none is."""
        number = int(group.first[:6])
        left_out = self.left_out.setdefault(number, Counter())
        given = list(group.answers.values())
        if len(given) == 1:
            left_out[TWICE] += group.count - 1
            return given[0].entry
        taken = self._taken(given)
        self.conflicts[number] += 1
        self._told(number, _conflict(given, taken))
        if taken is None:
            left_out[DROPPED] += group.count
            return b""
        if taken.often > 1:
            left_out[TWICE] += taken.often - 1
        left_out[OUTVOTED] += group.count - taken.often
        return taken.entry

    def _taken(self, given: list[_Given]) -> _Given | None:
        if self._policy == DROP:
            return None
        by_votes = self._policy == MAJORITY
        return max(given, key=lambda one: (one.often if by_votes else 0, one.last))


@dataclass
class _Given:
    """An answer. often: records that have it. last, entry: the latest of them."""

    often: int
    last: int
    entry: bytes


class _Group:
    """The records of one call. first: an entry. answers: those that are not equal as JSON."""

    def __init__(self, first: bytes) -> None:
        self.first = first
        self.count = 0
        self.answers: dict[bytes, _Given] = {}
        self._known: dict[bytes, bytes] = {}
        self.add(first)

    def add(self, entry: bytes) -> None:
        """Count a record."""
        self.count += 1
        text = entry[entry.rindex(b"\t") + 1 :]
        meant = self._known.get(text)
        if meant is None:
            meant = self._known[text] = _meaning(text)
        before = self.answers.get(meant)
        self.answers[meant] = _Given(before.often + 1 if before else 1, self.count, entry)


def _meaning(text: bytes) -> bytes:
    """One text for all texts of equal JSON values: 1 is 1.0, and keys stand in any order."""
    return json.dumps(_plain(json.loads(text)), sort_keys=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _conflict(given: list[_Given], taken: _Given | None) -> Conflict:
    *_, arguments, _result = given[0].entry.split(b"\t")
    answers = [
        (json.loads(one.entry.split(b"\t")[-1]), one.often, one.entry.split(b"\t")[3].decode())
        for one in given
    ]
    place = None if taken is None else given.index(taken)
    return Conflict(json.loads(arguments), answers, place)


def _call(entry: bytes) -> Call:
    number, digest, _at, _id, group, arguments, result = entry.split(b"\t")
    return _new(Call, (int(number), digest, group or digest, arguments, result[:-1]))


_new = tuple.__new__  # a third of the time that the class takes to look at its arguments
