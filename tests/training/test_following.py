"""Waiting for a job, whatever states it is in and wherever the host is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import pytest
from fine_tuning_server import ANY, busy
from openai_server import error

from distilgen.errors import HostError
from distilgen.training.following import follow, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from fine_tuning_server import FineTuningServer

    from distilgen.training.host import Host
    from distilgen.training.provider import Job
    from tests.training.conftest import Clock


Started: TypeAlias = "Callable[..., Job]"


def silent(_line: str) -> None:
    """Hears nothing."""


def test_states_are_told_once(host: Host, started: Started, clock: Clock) -> None:
    life = ("queued", "queued", "running", "running", "succeeded")
    told: list[str] = []
    job = follow(host, started(*life), told.append, 10)
    assert (job.state, job.model) == ("succeeded", "ft:base:acme::1")
    assert [line for line in told if line in life] == ["running", "succeeded"]
    assert clock.slept == [10, 10, 10]


def test_no_unknown_state_is_an_end(host: Host, started: Started) -> None:
    life = ("queued", "expired", "expired", "completed", "canceled", "error", "", "succeeded")
    told: list[str] = []
    assert follow(host, started(*life), told.append, 0).state == "succeeded"
    unknown = [line for line in told if line.endswith("no state that is known here; waiting on")]
    assert [line.partition(":")[0] for line in unknown] == [
        "expired",
        "completed",
        "canceled",
        "error",
        "",
    ]


def test_a_paused_job_is_waited_for(
    host: Host, server: FineTuningServer, started: Started, clock: Clock
) -> None:
    job = started("queued", "running", "succeeded")
    host.client.fine_tuning.jobs.pause(job.id)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("paused"):
            server.jobs[job.id].resume(clock.now)

    host = replace(host, options=" --provider house")
    assert follow(host, job, tell, 0).state == "succeeded"
    assert "paused: it goes on after `distilgen jobs resume ftjob-1 --provider house`" in told


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_other_ends(end: str, host: Host, started: Started) -> None:
    assert follow(host, started("queued", end), silent, 0).state == end


def test_an_ended_job_is_not_asked_for(
    host: Host, server: FineTuningServer, started: Started
) -> None:
    job = started("failed")
    server.kinds.clear()
    assert follow(host, job, silent, 0) == job
    assert server.kinds == []


def test_an_outage_does_not_end_it(
    host: Host, server: FineTuningServer, started: Started, clock: Clock
) -> None:
    job = started("queued", "running", "succeeded")
    server.fail(ANY, busy(45))
    server.fail(ANY, error(500, "oh", None), times=12)
    server.drop("jobs.events", nth=2, times=3)
    told: list[str] = []
    assert follow(host, job, told.append, 10).state == "succeeded"
    assert clock.slept[0] == 45
    assert max(clock.slept) == 60
    assert sum("waiting for it" in line for line in told) == 2
    assert sum(line.endswith("is back") for line in told) == 2
    assert "step 1 of 3: train_loss 1, train_accuracy 0.5" in told


def test_what_waiting_does_not_help_ends_it(
    host: Host, server: FineTuningServer, started: Started
) -> None:
    job = started("queued", "running", "succeeded")
    server.fail("jobs.retrieve", error(401, "Bad key", None))
    with pytest.raises(HostError, match="answered 401: Bad key"):
        follow(host, job, silent, 0)


def test_what_is_no_job(host: Host, server: FineTuningServer, started: Started) -> None:
    started("queued")
    server.hides = ("status",)
    with pytest.raises(HostError, match="not of OpenAI's API"):
        look(host, "ftjob-1")
