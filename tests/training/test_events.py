"""What a job says of itself: each event once, in order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.training.events import Events, last_error, line_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fine_tuning_job import TuningJob
    from fine_tuning_server import FineTuningServer

    from distilgen.training.host import Host
    from distilgen.training.provider import Job


@pytest.fixture
def job(server: FineTuningServer, started: Callable[..., Job]) -> TuningJob:
    """A job that has said nothing yet."""
    started()
    (job,) = server.jobs.values()
    job.events.clear()
    return job


def test_each_once_in_order_however_many(
    host: Host, server: FineTuningServer, job: TuningJob
) -> None:
    server.page = 3
    told: list[str] = []
    events = Events(host, "ftjob-1")

    def tell(*, whole: bool = False) -> None:
        told.extend(map(line_of, events.new(host.ask, whole=whole)))

    for count in (7, 0, 4, 1):
        for _ in range(count):
            job.log(f"event {len(job.events)}", server.now)
        tell()
    assert told == [f"event {n}" for n in range(12)]
    server.kinds.clear()
    tell()
    assert server.kinds == ["jobs.events"]
    tell(whole=True)
    assert server.kinds == ["jobs.events"] * 5
    assert len(told) == 12


def test_a_host_that_has_them_oldest_first(
    host: Host, server: FineTuningServer, job: TuningJob
) -> None:
    server.page = 3
    told: list[str] = []
    events = Events(host, "ftjob-1")

    def tell(*, whole: bool = False) -> None:
        told.extend(map(line_of, events.new(host.ask, whole=whole)))

    for number in range(7):
        job.log(f"event {number}", server.now + number)
    job.events.reverse()  # which the host turns once more
    tell()
    assert told == [f"event {n}" for n in range(7)]
    job.events.reverse()
    job.log("event 7", server.now + 7)
    job.events.reverse()
    tell()
    assert len(told) == 7
    tell(whole=True)
    assert told[7:] == ["event 7"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"message": "Started"}, "Started"),
        ({"message": "Odd", "level": "warn"}, "warning: Odd"),
        ({"message": "Bad", "level": "error", "type": "message"}, "error: Bad"),
        ({"message": "Step 1", "type": "metrics", "data": None}, "Step 1"),
        ({"message": "Step 1", "type": "metrics", "data": {"step": 1}}, "Step 1"),
        (
            {"message": "", "type": "metrics", "data": {"step": 10, "train_loss": 0.4123456}},
            "step 10: train_loss 0.4123",
        ),
        (
            {"message": "", "type": "metrics",
             "data": {"step": 2, "total_steps": 9, "a": 1, "b": None, "c": "text", "d": True}},
            "step 2 of 9: a 1",
        ),
        ({"level": "error"}, "error: an event without a message"),
        ({"message": "Passed", "type": "moderation_checks", "data": {"blocked": False}}, "Passed"),
    ],
)  # fmt: skip
def test_lines(event: dict[str, Any], line: str) -> None:
    assert line_of(SimpleNamespace(**event)) == line


def test_the_last_error(host: Host, server: FineTuningServer, job: TuningJob) -> None:
    assert last_error(host, "ftjob-1") == ""
    for text in ("first", "last"):
        job.log(text, server.now, level="error")
    job.log("and then", server.now)
    assert last_error(host, "ftjob-1") == "last"
