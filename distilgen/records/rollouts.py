"""How student and teacher share the calls, counted from the records of a rollout.

What is kept for a function does not grow with its records, see `stats.Times`.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.agreement import Agreement, wilson
from distilgen.errors import LowConfidenceError
from distilgen.records.record import TEACHER
from distilgen.records.stats import Times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from distilgen.records.pairs import Pairs
    from distilgen.records.record import Record

LAST = 3
"""As many events of a guard are kept, the last ones."""

_UNSURE = f"{LowConfidenceError.__module__}.{LowConfidenceError.__qualname__}"


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


class Why(NamedTuple):
    """Why there was no answer. kind: of one that was wrong; status: HTTP's; None if not known."""

    type: str
    kind: str | None
    status: int | None


class Failure(NamedTuple):
    """A call that began then, and got no answer. id: of its record. request_id: the server's."""

    at: str
    id: str
    type: str
    message: str
    request_id: str | None


@dataclass
class Student:
    """What a model did. asked: calls for which it was, beside the teacher or in its place.
    answered: those whose caller got its answer. failures: those without an answer, by what is
    known; last_failure: the last one. unsure: answers that were not sure enough to count.

    pairs: those that the teacher has answered, too; equal: with the same answer; fields: those of
    which both answers were found. cached, joined: answers that were there already, and those to an
    equal call at the same time, which cost nothing. tokens: of questions and answers; untold:
    answers that do not say theirs. times: milliseconds to an answer.
    """

    asked: int = 0
    answered: int = 0
    failures: Counter[Why] = field(default_factory=Counter)
    last_failure: Failure | None = None
    unsure: int = 0
    pairs: int = 0
    equal: int = 0
    fields: Agreement = field(default_factory=Agreement)
    cached: int = 0
    joined: int = 0
    questions: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    untold: int = 0
    times: Times = field(default_factory=Times)

    def add(self, record: Record, rollout: Mapping[str, Any]) -> None:
        """Count a call for which it was asked."""
        error = record.student_error
        unsure = error is not None and error.get("type") == _UNSURE
        given = error is None or unsure
        self.asked += 1
        self.unsure += unsure
        if given:
            self.answered += not unsure and "of" not in rollout
            self.times.add(rollout.get("ms", record.elapsed_ms))
        elif error is not None:
            self._add_failure(record, error)
        if record.agrees is not None:
            self.pairs += 1
            self.equal += record.agrees
        if rollout.get("cached"):
            self.cached += given
        elif rollout.get("joined"):
            self.joined += given
        else:
            self.questions += rollout.get("asks", 1)
            self.untold += given and "input_tokens" not in rollout
            self.input_tokens += rollout.get("input_tokens", 0)
            self.output_tokens += rollout.get("output_tokens", 0)

    def _add_failure(self, record: Record, error: Mapping[str, Any]) -> None:
        why = Why(error.get("type", "?"), error.get("kind"), error.get("status"))
        self.failures[why] += 1
        last = self.last_failure
        if last is None or (last.at, last.id) <= (record.at, record.id):
            self.last_failure = Failure(
                record.at, record.id, why.type, error.get("message", ""), error.get("request_id")
            )

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

    calls: by mode. held: those that the guard kept from the student. teachers: milliseconds of
    those that the teacher answered. students: by model. events: how often a guard did something;
    last: the last times, in order.
    """

    calls: Counter[str] = field(default_factory=Counter)
    held: int = 0
    teachers: Times = field(default_factory=Times)
    students: dict[str, Student] = field(default_factory=dict)
    events: int = 0
    last: list[Event] = field(default_factory=list)

    def add(self, record: Record, rollout: Mapping[str, Any]) -> None:
        """Count a record."""
        is_student = record.source != TEACHER
        model = rollout.get("model") or (record.source if is_student else "")
        if is_student or "error" in rollout:
            self.students.setdefault(model, Student()).add(record, rollout)
        if "of" not in rollout:  # else it is the same call as that one
            self.calls[record.mode] += 1
            self.held += rollout.get("held", False)
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
    """What the records say. rollouts: by function and contract. others: records of a rollout by
    function, of another contract than those. gone: the same, where no contract has it.
    """

    rollouts: dict[tuple[str, str], Rollout] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)


def count(
    records: Iterable[Record],
    contracts: Mapping[str, Collection[str]],
    pairs: Pairs | None = None,
) -> Counted:
    """Count the records that say something of a rollout. contracts: fingerprints by function, as
    they are frozen now. pairs: finds the answers of which fields are to be compared.
    """
    found = Counted()
    for record in records:
        if record.rollout is None:
            continue
        if record.function not in contracts:
            found.gone[record.function] += 1
        elif record.contract not in contracts[record.function]:
            found.others[record.function] += 1
        else:
            key = record.function, record.contract
            rollout = found.rollouts.setdefault(key, Rollout())
            rollout.add(record, record.rollout)
            pair = pairs.add(record) if pairs else None
            if pair:
                rollout.students[pair.model].fields.add(pair.teacher, pair.student)
    return found
