"""The tasks of benchmarks/student.py: nothing that a student is held against stands in its rows."""

from __future__ import annotations

import json

import pytest
from student_tasks import TASKS
from student_tasks.task import NO_ANSWER, POOL, TEST, Task

MADE_UP = [task for task in TASKS if task.row is not None]


@pytest.mark.parametrize("task", MADE_UP, ids=lambda task: task.name)
def test_rows_are_calls_and_answers_of_the_task(task: Task) -> None:
    for side in (POOL, TEST):
        for arguments, result in task.drawn(side, 40):
            assert task.arguments.model_validate(arguments).model_dump() == arguments
            assert task.answer.model_validate(result).model_dump() == result


@pytest.mark.parametrize("task", MADE_UP, ids=lambda task: task.name)
def test_no_call_is_on_both_sides(task: Task) -> None:
    pool, test = ({json.dumps(row[0]) for row in task.drawn(side, 300)} for side in (POOL, TEST))
    assert len(pool) == len(test) == 300
    assert not pool & test


@pytest.mark.parametrize("task", MADE_UP, ids=lambda task: task.name)
def test_fewer_rows_are_the_first_of_more_and_the_same_every_time(task: Task) -> None:
    assert task.drawn(POOL, 20) == task.drawn(POOL, 30)[:20]


@pytest.mark.parametrize("task", MADE_UP, ids=lambda task: task.name)
def test_calls_from_elsewhere_come_in_equal_parts(task: Task) -> None:
    kinds = [kind for kind, _ in task.foreign(60)]
    assert {kinds.count(kind) for kind in kinds} == {60 // len(task.elsewhere)}
    for _, (arguments, result) in task.foreign(60):
        json.dumps(arguments)
        if result != NO_ANSWER:
            task.answer.model_validate(result)
