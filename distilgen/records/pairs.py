"""The two answers to a call, teacher's and student's, found in the order of a store's records.

The teacher's record mostly stands a little ahead of the student's. Answers wait for the other one
up to a limit; then those that came first go, so that memory does not grow with the records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.contract import canonical_json
from distilgen.records.record import TEACHER, marker_in

if TYPE_CHECKING:
    from distilgen.records.record import Record

LIMIT = 64 * 1024 * 1024
"""Characters of JSON that may wait."""


class Pair(NamedTuple):
    """Two answers to one call, as JSON values. model: the student."""

    model: str
    teacher: Any
    student: Any


class _Answer(NamedTuple):
    model: str | None  # None for the teacher
    text: str


class Pairs:
    """Answers that wait for the other one. limit: characters of JSON, in all."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: dict[str, _Answer] = {}
        self._size = 0

    def add(self, record: Record) -> Pair | None:
        """The pair that is complete with this record, if one is."""
        rollout = record.rollout or {}
        of = rollout.get("of")
        if record.error is not None or (not record.usable and marker_in(record.result)):
            return None
        if (of is None) is not (record.source == TEACHER):
            return None
        model = None if of is None else rollout.get("model", record.source)
        answer = _Answer(model, canonical_json(record.result))
        key = record.id if of is None else of
        other = self._waiting.pop(key, None)
        self._size -= len(other.text) if other else 0
        if other is None or (other.model is None) is (model is None):
            self._keep(key, answer)
            return None
        teacher, student = (other, answer) if other.model is None else (answer, other)
        return Pair(student.model or "", json.loads(teacher.text), json.loads(student.text))

    def _keep(self, key: str, answer: _Answer) -> None:
        self._waiting[key] = answer
        self._size += len(answer.text)
        while self._size > self._limit:
            first = next(iter(self._waiting))
            self._size -= len(self._waiting.pop(first).text)
