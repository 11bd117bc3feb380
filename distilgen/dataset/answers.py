"""One answer for each call: equal ones count once, and of different ones a policy takes one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from distilgen.dataset.intake import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


class Answers:
    """Calls with one answer, of sorted entries.

    left_out: counts by function and reason. conflicts: calls with several answers, by function.
    """

    def __init__(self, policy: str) -> None:
        self.left_out: dict[int, Counter[str]] = {}
        self.conflicts: Counter[int] = Counter()
        self._policy = policy

    def calls(self, batches: Iterable[list[bytes]]) -> Iterator[Call]:
        """The calls, in the entries' order."""
        last = b""
        entry = b""
        several: dict[bytes, list[int]] = {}  # by answer: how often, and when the last time
        latest: dict[bytes, bytes] = {}  # by answer: the entry
        count = 0
        for batch in batches:
            for line in batch:
                head = line[:HEAD]
                if head != last:
                    if last:
                        found = self._settled(entry, several, latest) if several else entry
                        if found:
                            yield _call(found)
                    last, entry, count = head, line, 1
                    if several:
                        several, latest = {}, {}
                    continue
                if not several:
                    answer = _answer(entry)
                    several[answer], latest[answer] = [1, count], entry
                count += 1
                answer = _answer(line)
                known = several.get(answer, [0, 0])
                several[answer] = [known[0] + 1, count]
                latest[answer] = line
        if last:
            found = self._settled(entry, several, latest) if several else entry
            if found:
                yield _call(found)

    def _settled(
        self, entry: bytes, several: dict[bytes, list[int]], latest: dict[bytes, bytes]
    ) -> bytes:
        """The entry of the answer that is taken; nothing where none is."""
        number = int(entry[:6])
        left_out = self.left_out.setdefault(number, Counter())
        total = sum(often for often, _ in several.values())
        if len(several) == 1:
            left_out[TWICE] += total - 1
            return latest.popitem()[1]
        self.conflicts[number] += 1
        if self._policy == DROP:
            left_out[DROPPED] += total
            return b""
        # How often, then when; or when alone
        start = 0 if self._policy == MAJORITY else 1
        taken = max(several, key=lambda answer: several[answer][start:])
        often = several[taken][0]
        if often > 1:
            left_out[TWICE] += often - 1
        left_out[OUTVOTED] += total - often
        return latest[taken]


def _answer(entry: bytes) -> bytes:
    return entry[entry.rindex(b"\t") + 1 :]


def _call(entry: bytes) -> Call:
    number, digest, _at, _id, group, arguments, result = entry.split(b"\t")
    return _new(Call, (int(number), digest, group or digest, arguments, result[:-1]))


_new = tuple.__new__  # a third of the time that the class takes to look at its arguments
