"""`distilgen jobs` through the real client, against a host that keeps state."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from fine_tuning_server import AZURE, NEBIUS, START, FineTuningServer, busy, closed
from openai_server import Response, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Cli, Ran

    Run = Callable[..., Ran]

BOM = "\ufeff"
TUNED = "ft:base:acme:mine:1"


def rows(count: int = 10, answer: str = "yes") -> str:
    return "".join(
        json.dumps({"messages": [
            {"role": "user", "content": f"call {number}"},
            {"role": "assistant", "content": answer},
        ]}) + "\n"
        for number in range(count)
    )  # fmt: skip


@pytest.fixture
def jobs(
    distilgen: Cli, host: FineTuningServer, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs `distilgen jobs` on the host, in a project with a file of rows."""
    del slept
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    distilgen.write({"train.jsonl": rows()})

    def run(*arguments: str, url: str = host.base_url) -> Ran:
        return distilgen("jobs", *arguments, "--base-url", url)

    return run


def made(jobs: Run, *more: str) -> str:
    """A new job's id."""
    ran = jobs("create-from-file", "train.jsonl", "--base-model", "base", *more, "--json")
    assert ran.code == 0, ran.err
    return str(json.loads(ran.out)["id"])


def ended(jobs: Run, *more: str) -> str:
    """The id of a job that has succeeded."""
    job = made(jobs, *more)
    assert jobs("show", job, "--follow").code == 0
    return job


def table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line]
    return [re.split(r"\s{2,}", line) for line in lines[2:]]


def test_create_from_file_with_all_settings(
    distilgen: Cli, jobs: Run, host: FineTuningServer
) -> None:
    distilgen.write({"valid.jsonl": rows(3, "no").replace("call", "question")})
    ran = jobs(
        "create-from-file", "train.jsonl", "--base-model", "base", "--validation", "valid.jsonl",
        "--epochs", "2", "--batch-size", "4", "--learning-rate", "0.5", "--suffix", "mine",
        "--seed", "7", "--metadata", "team=mail", "--metadata", "why=a=b",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out == "job ftjob-1 is validating_files\n"
    assert ran.err == (f"next: distilgen jobs show ftjob-1 --follow --base-url {host.base_url}\n")
    settings = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 0.5}
    wanted = host.jobs["ftjob-1"].wanted
    assert wanted.pop("method") == {
        "type": "supervised", "supervised": {"hyperparameters": settings},
    }  # fmt: skip
    files = {host.files[wanted.pop(f"{name}_file")].content for name in ("training", "validation")}
    assert files == {distilgen.read(f"{name}.jsonl").encode() for name in ("train", "valid")}
    assert wanted == {
        "model": "base", "suffix": "mine", "seed": 7, "metadata": {"team": "mail", "why": "a=b"},
    }  # fmt: skip


def test_each_run_makes_a_job_of_the_same_upload(jobs: Run, host: FineTuningServer) -> None:
    assert [made(jobs), made(jobs)] == ["ftjob-1", "ftjob-2"]
    assert host.made == {"file": 1, "upload": 0, "job": 2}


def test_create_from_id(jobs: Run, host: FineTuningServer) -> None:
    train, other = (host.add_file(rows().encode()).body["id"] for _ in range(2))
    ran = jobs("create-from-id", train, "--base-model", "base", "--validation-id", other)
    assert ran.code == 0, ran.err
    wanted = host.jobs["ftjob-1"].wanted
    assert (wanted["training_file"], wanted["validation_file"]) == (train, other)
    ran = jobs("create-from-id", "file-99", "--base-model", "base")
    assert ran.code == 123
    assert "invalid training_file: file-99" in ran.err
    ran = jobs("create-from-id", train, "--base-model", "base", "--validation", "train.jsonl",
               "--validation-id", other)  # fmt: skip
    assert (ran.code, "not both" in ran.err) == (2, True)


def test_rows_that_the_host_would_refuse_are_not_sent(
    distilgen: Cli, jobs: Run, host: FineTuningServer
) -> None:
    distilgen.write({"short.jsonl": rows(9), "same.jsonl": rows(5)})
    ran = jobs("create-from-file", "short.jsonl", "--base-model", "base")
    assert (ran.code, ran.out) == (1, "")
    assert "short.jsonl: has 9 rows, and the least is 10 (too-few-rows)" in ran.err
    assert "nothing was sent; to see all that is wrong: distilgen dataset validate short.jsonl" in (
        ran.err
    )
    ran = jobs("create-from-file", "train.jsonl", "--base-model", "base",
               "--validation", "same.jsonl")  # fmt: skip
    assert (ran.code, "leaked-row" in ran.err) == (1, True)
    assert host.requests == []
    ran = jobs("create-from-file", "short.jsonl", "--base-model", "base", "--no-validate")
    assert ran.code == 123
    assert "has 9 example(s)" in ran.err
    ran = jobs("create-from-file", "nowhere.jsonl", "--base-model", "base")
    assert (ran.code, "nowhere.jsonl" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("--suffix", "x" * 65), "--suffix has 65 characters"),
        (("--metadata", "team"), "'team' is not KEY=VALUE"),
        (("--metadata", "=mail"), "'=mail' is not KEY=VALUE"),
        (("--epochs", "0"), "--epochs"),
        (("--learning-rate", "0"), "--learning-rate"),
        (("--validation-id", "a/b"), "'a/b' is no id of a host"),
    ],
)
def test_wrong_settings(
    jobs: Run, host: FineTuningServer, said: tuple[str, ...], message: str
) -> None:
    ran = jobs("create-from-file", "train.jsonl", "--base-model", "base", *said)
    assert ran.code == 2
    assert message in ran.err
    assert host.requests == []


def test_a_job_whose_making_was_not_answered_is_found(jobs: Run, host: FineTuningServer) -> None:
    first = made(jobs)
    host.drop("jobs.create", done=True)
    host.drop("files.create", done=True)
    second = made(jobs)
    assert (first, second, host.made["job"]) == ("ftjob-1", "ftjob-2", 2)
    host.drop("jobs.create")
    assert made(jobs) == "ftjob-3"
    host.fail("jobs.create", busy(3))
    assert made(jobs) == "ftjob-4"
    assert host.made == {"file": 1, "upload": 0, "job": 4}


def test_a_closed_host_is_explained(jobs: Run, host: FineTuningServer) -> None:
    host.fail("jobs.create", closed())
    ran = jobs("create-from-file", "train.jsonl", "--base-model", "base")
    assert ran.code == 123
    assert "takes no new fine-tuning jobs from this organisation" in ran.err


def test_other_shapes(distilgen: Cli, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    del slept
    distilgen.write({"train.jsonl": rows()})
    create = ("jobs", "create-from-file", "train.jsonl", "--base-model", "base", "--epochs", "2")
    monkeypatch.setenv("NEBIUS_API_KEY", "k")
    with FineTuningServer(NEBIUS) as nebius:
        url = ("--provider", "nebius", "--base-url", nebius.base_url)
        assert distilgen(*create, *url).code == 0
        assert nebius.jobs["ftjob-1"].wanted["hyperparameters"] == {"n_epochs": 2}
        ran = distilgen(*create, *url, "--metadata", "a=b")
        assert (ran.code, "nebius keeps none" in ran.err) == (2, True)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    with FineTuningServer(AZURE) as azure:
        distilgen.write({"pyproject.toml": (
            f'[tool.distilgen.providers.ours]\nshape = "azure"\nbase_url = "{azure.base_url}"\n'
            "[tool.distilgen.providers.ours.fine_tuning]\ntrainingType = 1\n"
        )})  # fmt: skip
        ran = distilgen(*create, "--provider", "ours")
        assert ran.code == 0, ran.err
        assert ran.err.endswith("jobs show ftjob-1 --follow --provider ours\n")
        wanted = azure.jobs["ftjob-1"].wanted
        assert wanted["trainingType"] == 1
        assert distilgen(*create, "--provider", "ours", "--set", "trainingType=2").code == 0
        assert azure.jobs["ftjob-2"].wanted["trainingType"] == 2
        ran = distilgen(*create, "--provider", "ours", "--set", "trainingType")
        assert (ran.code, "say KEY=VALUE" in ran.err) == (2, True)
        content = azure.files[wanted["training_file"]].content
        assert content == (BOM + rows()).encode()


def test_list(jobs: Run, host: FineTuningServer) -> None:
    ran = jobs("list")
    assert (ran.code, ran.out, ran.err) == (0, "", "no jobs\n")
    ended(jobs, "--suffix", "mine")
    for team in ("a", "b"):
        made(jobs, "--metadata", f"team={team}")
    host.life = ("validating_files", "failed")
    assert jobs("show", made(jobs), "--follow").code == 123
    found = table(jobs("list").out)
    assert [row[0] for row in found] == ["ftjob-4", "ftjob-3", "ftjob-2", "ftjob-1"]
    assert found[0][-1] == "row 3 is too long"
    assert found[3] == ["ftjob-1", "succeeded", "2026-11-22 00:00", "10s", "base",
                        TUNED]  # fmt: skip
    assert [row[0] for row in table(jobs("list", "--state", "succeeded").out)] == ["ftjob-1"]
    states = ("--state", "succeeded", "--state", "failed")
    assert [row[0] for row in table(jobs("list", *states).out)] == ["ftjob-4", "ftjob-1"]
    assert [row[0] for row in table(jobs("list", "--metadata", "team=b").out)] == ["ftjob-3"]
    assert jobs("list", "--state", "melted").err == "no such job\n"


def test_list_cuts_nothing_silently(jobs: Run, host: FineTuningServer) -> None:
    host.page = 2
    names = [made(jobs) for _ in range(5)]
    ran = jobs("list", "--limit", "3")
    assert [row[0] for row in table(ran.out)] == names[:1:-1]
    assert ran.err == "the first 3; there are more: --limit N, or --all\n"
    for way in (("--limit", "5"), ("--all",)):
        ran = jobs("list", *way)
        assert ([row[0] for row in table(ran.out)], ran.err) == (names[::-1], "")
    ran = jobs("list", "--json", "--limit", "1")
    said = json.loads(ran.out)
    assert (said["object"], said["has_more"], len(said["data"])) == ("list", True, 1)
    assert said["data"][0] == host.jobs["ftjob-5"].body


def test_a_list_that_is_followed(jobs: Run, host: FineTuningServer, slept: list[float]) -> None:
    assert made(jobs, "--suffix", "mine") == "ftjob-1"
    host.jobs["ftjob-1"].to_come.clear()
    host.life = ("queued", "running", "running", "succeeded")
    made(jobs, "--suffix", "mine")
    host.life = ("queued", "failed")
    made(jobs)
    host.jobs["ftjob-1"].cancel(host.now)
    host.fail("jobs.retrieve", error(503, "away", None))
    host.kinds.clear()
    ran = jobs("list", "--follow", "--poll", "7")
    assert ran.code == 0, ran.err
    first, *told = (line for line in ran.out.splitlines() if line.startswith("job "))
    assert first.split() == ["job", "state", "created", "(UTC)", "took", "base", "model", "outcome"]
    assert told == [
        "job ftjob-3 is failed: row 3 is too long",
        "job ftjob-2 is running",
        "job ftjob-2 is succeeded: ft:base:acme:mine:2",
    ]
    assert "answered 503: away" in ran.err
    assert slept.count(7) == 3
    assert host.kinds == ["jobs.list", *["jobs.retrieve"] * 5]
    ran = jobs("list", "--follow", "--json", "--limit", "2")
    assert [json.loads(line)["status"] for line in ran.out.splitlines()] == ["failed", "succeeded"]


def test_a_host_without_cursors_and_filters(jobs: Run, host: FineTuningServer) -> None:
    body = {"object": "fine_tuning.job", "id": "j", "status": "succeeded", "model": "m"}
    page = Response(body={"object": "list", "data": [body], "has_more": True})
    host.fail("jobs.list", page, times=100)
    assert len(table(jobs("list", "--all").out)) == 1
    assert jobs("list", "--metadata", "a=b").err == "no such job\n"


def test_a_list_of_no_objects(jobs: Run, host: FineTuningServer) -> None:
    host.fail("jobs.list", Response(body={"data": ["j\x1b[2J"]}), times=100)
    ran = jobs("list")
    assert (ran.code, ran.err) == (
        123, "distilgen: the host's list has no objects but j\\x1b[2J\n",
    )  # fmt: skip


def test_show_has_all_that_the_host_says(jobs: Run, host: FineTuningServer) -> None:
    job = ended(jobs, "--suffix", "mine", "--epochs", "2", "--metadata", "team=mail")
    host.jobs[job].body["shared_with"] = ["\x1b[31mall"]
    ran = jobs("show", job)
    page = dict(line.split("  ", 1) for line in ran.out.splitlines())
    assert {name: value.strip() for name, value in page.items()} == {
        "job": job, "state": "succeeded", "base model": "base", "model": TUNED,
        "created": "2026-11-22 00:00 UTC", "finished": "2026-11-22 00:00 UTC",
        "training file": "file-1", "result files": "file-2", "method": "supervised",
        "hyperparameters": "batch_size 1, learning_rate_multiplier 2.0, n_epochs 2",
        "suffix": "mine", "seed": "42", "trained tokens": "3,000", "metadata": "team mail",
        "organization id": "org-acme", "shared with": "\\x1b[31mall",
    }  # fmt: skip
    assert json.loads(jobs("show", job, "--json").out) == host.jobs[job].body


def test_a_host_that_says_little(jobs: Run, host: FineTuningServer) -> None:
    job = made(jobs)
    host.hides = [key for key in host.jobs[job].body if key not in ("id", "status", "error")]
    host.jobs[job].body["error"] = None
    for command in ("show", "checkpoints", "events"):
        assert jobs(command, job).code == 0
        assert jobs(command, job, "--json").code == 0
    assert jobs("list").code == 0
    assert jobs("show", job, "--follow").code == 0
    odd: dict[str, Any] = {
        "id": "j", "status": "warm", "created_at": "today", "finished_at": 1e300, "error": "no",
        "model": None, "result_files": None, "metadata": None, "hyperparameters": None,
    }  # fmt: skip
    host.fail("jobs.retrieve", Response(body=odd), times=100)
    assert jobs("show", "j").out.splitlines()[:3] == [
        "job       j", "state     warm", "created   today",
    ]  # fmt: skip
    assert json.loads(jobs("show", "j", "--json").out) == odd
    host.fail("jobs.events", Response(body={"data": [{"message": "hello"}, {}]}), times=100)
    assert "hello" in jobs("events", "j").out
    ran = jobs("metrics", "j")
    assert (ran.code, ran.err) == (123, "distilgen: job j is warm: it has no metrics so far\n")


def test_show_follows_until_the_end(jobs: Run, host: FineTuningServer, slept: list[float]) -> None:
    host.life = ("validating_files", "warming_up", "running", "paused", "running", "succeeded")
    job = made(jobs)
    host.fail("jobs.retrieve", error(503, "later", None), nth=3, times=7)
    host.drop("jobs.events", nth=2)
    original = host.jobs[job].advance
    host.jobs[job].advance = lambda now: (  # type: ignore[method-assign]
        host.jobs[job].resume(now) if host.jobs[job].state == "paused" else original(now)
    )
    host.jobs[job].before = "queued"
    ran = jobs("show", job, "--follow", "--poll", "30")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == f"job {job} is warming_up"
    assert lines.count("Fine-tuning job started") == 1
    assert [line for line in lines if line.startswith("step ")][-1].startswith("step 6 of ")
    assert any(line.startswith("paused: ") for line in lines)
    assert any("answered 503" in line for line in lines)
    assert "state            succeeded" in lines
    assert 30 in slept


def test_follow_ends_with_a_failure(jobs: Run, host: FineTuningServer) -> None:
    host.life, host.failure, host.said = ("queued", "failed"), {}, "row 7 is too long"
    ran = jobs("show", made(jobs), "--follow", "--json")
    assert ran.code == 123
    assert json.loads(ran.out)["status"] == "failed"
    assert ran.err.endswith("distilgen: job ftjob-1 failed: row 7 is too long\n")
    host.said = ""
    ran = jobs("create-from-file", "train.jsonl", "--base-model", "base", "--follow")
    assert ran.code == 123
    assert ran.err.endswith("distilgen: job ftjob-2 failed: the host gave no reason\n")


def test_ctrl_c_leaves_the_job_running(
    jobs: Run, host: FineTuningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    host.life = ("queued",) * 9
    job = made(jobs)
    monkeypatch.setattr(time, "sleep", interrupt)
    for command in ("show", "events"):
        ran = jobs(command, job, "--follow")
        assert ran.code == 130
        assert (
            f"job {job} goes on; come back with: distilgen jobs {command} {job} --follow "
            f"--base-url {host.base_url}\n"
        ) in ran.err
    assert not host.jobs[job].ended


def test_cancel_pause_resume(jobs: Run, host: FineTuningServer) -> None:
    host.life = ("running",)
    job = made(jobs)
    assert jobs("pause", job).out == f"job {job} is paused\n"
    assert jobs("pause", job).err == f"job {job} is paused already\n"
    assert jobs("resume", job).out == f"job {job} is running\n"
    assert "not paused: there is nothing to resume" in jobs("resume", job).err
    host.drop("jobs.cancel", done=True)
    assert json.loads(jobs("cancel", job, "--json").out)["status"] == "cancelled"
    ran = jobs("cancel", job)
    assert (ran.code, ran.err) == (0, f"job {job} is cancelled already\n")
    assert host.kinds.count("jobs.cancel") == 1
    ran = jobs("pause", job)
    assert (ran.code, ran.err) == (
        123, f"distilgen: job {job} is cancelled: there is nothing to pause\n",
    )  # fmt: skip
    host.fail("jobs.pause", error(404, "Not Found", None))
    ran = jobs("pause", made(jobs))
    assert (ran.code, "answered 404" in ran.err) == (123, True)


def test_events(jobs: Run, host: FineTuningServer) -> None:
    host.page, host.steps = 7, 40
    job = ended(jobs)
    lines = jobs("events", job).out.splitlines()
    assert len(lines) == len(host.jobs[job].events) == 47
    assert lines[0] == "2026-11-22 00:00  Created fine-tuning job: ftjob-1"
    assert lines[4].endswith("step 1 of 40: train_loss 1, train_accuracy 0.5")
    assert jobs("events", job, "--limit", "2").out.splitlines() == lines[-2:]
    said = json.loads(jobs("events", job, "--json").out)
    assert (said["data"], said["has_more"]) == (host.jobs[job].events, False)
    assert json.loads(jobs("events", job, "--json", "--limit", "2").out)["has_more"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_events_are_followed_each_once(
    jobs: Run, host: FineTuningServer, form: tuple[str, ...]
) -> None:
    host.page, host.steps = 7, 40
    host.life = ("queued", "running", "running", "failed")
    job = made(jobs)
    host.drop("jobs.events", nth=3)
    ran = jobs("events", job, "--follow", *form)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert len(lines) == len(set(lines)) == len(host.jobs[job].events)
    if form:
        assert [json.loads(line) for line in lines] == host.jobs[job].events
    assert "cannot be reached" in ran.err


@pytest.mark.parametrize("packed", [False, True])
def test_metrics_of_the_result_file(
    distilgen: Cli, jobs: Run, host: FineTuningServer, packed: bool
) -> None:
    host.base64_results = packed
    job = ended(jobs)
    ran = jobs("metrics", job)
    assert table(ran.out)[1][:2] == ["2", "0.6667"]
    assert ran.err == "3 steps; train_loss 0.5 (step 3), train_accuracy 0.75 (step 3)\n"
    said = json.loads(jobs("metrics", job, "--json").out)["data"]
    assert said[0] == {"step": 1, "train_loss": 1.0, "train_accuracy": 0.5, "valid_loss": None,
                       "valid_mean_token_accuracy": None}  # fmt: skip
    assert jobs("metrics", job, "--output", "steps.csv").code == 0
    assert distilgen.read("steps.csv").encode() == host.jobs[job].result()
    ran = jobs("metrics", job, "--output", "steps.csv")
    assert (ran.code, "--force" in ran.err) == (2, True)
    assert jobs("metrics", job, "--output", "-").out == distilgen.read("steps.csv")
    assert jobs("metrics", job, "--output", "x", "--json").code == 2


def test_metrics_of_a_job_without_a_result_file(jobs: Run, host: FineTuningServer) -> None:
    host.life = ("running",)
    job = made(jobs)
    ran = jobs("metrics", job)
    assert (ran.code, ran.err) == (
        123, f"distilgen: job {job} is running: it has no metrics so far\n",
    )  # fmt: skip
    host.jobs[job].to_come.append("running")
    jobs("show", job)
    host.jobs[job].log("Step", START, kind="metrics", data={"step": 4, "train_loss": float("nan")})
    said = json.loads(jobs("metrics", job, "--json").out)["data"]
    assert [step["step"] for step in said] == [1, 2, 3, 4]
    assert said[0]["train_loss"] == 1.0
    text = jobs("metrics", job, "--output", "-").out
    assert list(csv.DictReader(io.StringIO(text)))[3]["train_loss"] == "nan"
    host.files.clear()
    host.life = ("succeeded",)
    assert jobs("metrics", made(jobs)).code == 123


def test_checkpoints(jobs: Run, host: FineTuningServer) -> None:
    host.steps = 5
    job = made(jobs)
    ran = jobs("checkpoints", job)
    assert (ran.code, ran.err) == (0, f"job {job} has no checkpoints\n")
    jobs("show", job, "--follow")
    ran = jobs("checkpoints", job)
    assert [row[0].strip() for row in table(ran.out)] == ["3", "4", "5"]
    assert table(ran.out)[0][-1].endswith(":ckpt-step-3")
    said = json.loads(jobs("checkpoints", job, "--json").out)
    assert said["data"] == host.jobs[job].checkpoints[::-1]


@pytest.mark.parametrize(
    "command", ["show", "cancel", "pause", "resume", "events", "metrics", "checkpoints"]
)
def test_what_is_wrong_is_said(
    distilgen: Cli, jobs: Run, host: FineTuningServer, command: str
) -> None:
    ran = jobs(command, "nobody")
    assert (ran.code, ran.out) == (123, "")
    assert "answered 404" in ran.err
    assert "Could not find fine tune: nobody" in ran.err
    for name in ("", "..", "a/b", "a b", "a?b"):
        assert jobs(command, name).code == 2
    host.key = "another"
    ran = jobs(command, "nobody")
    assert (ran.code, "answered 401" in ran.err) == (123, True)
    host.fail("jobs.retrieve", Response(body=b"<html>"), times=100)
    host.fail("jobs.events", Response(body=b"<html>"), times=100)
    host.fail("jobs.checkpoints", Response(body=b"<html>"), times=100)
    ran = jobs(command, "nobody")
    assert (ran.code, "Traceback" in ran.err) == (123, False)
    ran = distilgen("jobs", command, "nobody", "--provider", "nobody")
    assert (ran.code, "no [tool.distilgen.providers.nobody]" in ran.err) == (2, True)


def test_no_key(distilgen: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert distilgen("jobs", "--help").code == 0
    ran = distilgen("jobs", "list")
    assert ran.code == 123
    assert "no API key: set OPENAI_API_KEY" in ran.err
