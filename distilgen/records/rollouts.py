"""How student and teacher share the calls, counted from the records of a rollout.

What is kept for a function does not grow with its records, see `stats.Times`.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.agreement import wilson
from distilgen.records.record import TEACHER
from distilgen.records.stats import Times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from distilgen.records.record import Record

LAST = 3
"""As many events of a guard are kept, the last ones."""


class Event(NamedTuple):
    """What a guard did, for a call that began then. id: of its record. what: as that says it."""

    at: str
    id: str
    model: str
    what: str

    @property
    def opens(self) -> bool:
        """Does the teacher answer all calls from then on? One call may close it and open it."""
        return self.what.rfind("opened:") > self.what.rfind("closed:")


@dataclass
class Student:
    """What a model did. asked: calls for which it was, beside the teacher or in its place.
    answered: those whose caller got its answer. failures: those without an answer, by type.

    pairs: those that the teacher has answered, too; equal: with the same answer. cached: answers
    that were there already, and cost nothing. tokens: of questions and answers; untold: answers
    that do not say theirs. times: milliseconds to an answer.
    """

    asked: int = 0
    answered: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    equal: int = 0
    cached: int = 0
    questions: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    untold: int = 0
    times: Times = field(default_factory=Times)

    def add(self, record: Record, rollout: Mapping[str, Any]) -> None:
        """Count a call for which it was asked."""
        error = rollout.get("error")
        if error is None and record.source != TEACHER:
            error = record.error
        self.asked += 1
        self.questions += rollout.get("asks", 1)
        if error is not None:
            self.failures[str(error.get("type", "?"))] += 1
        else:
            self.answered += "of" not in rollout
            self.times.add(rollout.get("ms", record.elapsed_ms))
        if "agrees" in rollout:
            self.pairs += 1
            self.equal += rollout["agrees"]
        if rollout.get("cached"):
            self.cached += error is None
            return
        self.untold += error is None and "input_tokens" not in rollout
        self.input_tokens += rollout.get("input_tokens", 0)
        self.output_tokens += rollout.get("output_tokens", 0)

    @property
    def given(self) -> int:
        """Its answers, to callers or beside the teacher's."""
        return self.asked - self.failures.total()

    @property
    def agreement(self) -> float | None:
        """The share of equal pairs, 0 to 1; None without any."""
        return self.equal / self.pairs if self.pairs else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the agreement."""
        return wilson(self.equal, self.pairs)


@dataclass
class Rollout:
    """The calls of a function since it is shared with students, under the contract of now.

    calls: by mode. teachers: milliseconds of those that the teacher answered. students: by model.
    events: how often a guard did something; last: the last times, in order. others: records of
    another contract, which are not counted.
    """

    calls: Counter[str] = field(default_factory=Counter)
    teachers: Times = field(default_factory=Times)
    students: dict[str, Student] = field(default_factory=dict)
    events: int = 0
    last: list[Event] = field(default_factory=list)
    others: int = 0

    def add(self, record: Record, rollout: Mapping[str, Any]) -> None:
        """Count a record."""
        is_student = record.source != TEACHER
        model = rollout.get("model") or (record.source if is_student else "")
        if is_student or "error" in rollout:
            self.students.setdefault(model, Student()).add(record, rollout)
        if "of" not in rollout:  # else it is the same call as that one
            self.calls[record.mode] += 1
            if not is_student:
                # The caller waited for a student before, if one was asked.
                self.teachers.add(max(record.elapsed_ms - rollout.get("ms", 0.0), 0.0))
        if rollout.get("guard"):
            self.events += 1
            insort(self.last, Event(record.at, record.id, model, rollout["guard"]))
            del self.last[:-LAST]

    @property
    def answered(self) -> int:
        """Calls whose caller got a student's answer."""
        return sum(student.answered for student in self.students.values())

    @property
    def is_open(self) -> bool | None:
        """Has a guard given the calls back to the teacher, last that is known? None: none did."""
        return self.last[-1].opens if self.last else None


@dataclass
class Counted:
    """What the records say. rollouts: by function. gone: records of a rollout by function, where
    no contract has it.
    """

    rollouts: dict[str, Rollout] = field(default_factory=dict)
    gone: Counter[str] = field(default_factory=Counter)


def count(records: Iterable[Record], contracts: Mapping[str, str]) -> Counted:
    """Count the records that say something of a rollout. contracts: fingerprints by function, as
    they are frozen now.
    """
    found = Counted()
    for record in records:
        if record.rollout is None:
            continue
        contract = contracts.get(record.function)
        if contract is None:
            found.gone[record.function] += 1
            continue
        rollout = found.rollouts.setdefault(record.function, Rollout())
        if record.contract == contract:
            rollout.add(record, record.rollout)
        else:
            rollout.others += 1
    return found
