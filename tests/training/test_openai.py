"""A job from its dataset to its model, through the real client, whatever the host does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fine_tuning_server import ANY, FineTuningServer, busy, closed
from openai_server import error

from distilgen.errors import HostError, TrainingError, UsageError
from distilgen.training.openai import OpenAIProvider
from distilgen.training.shapes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.training.host import Host
    from distilgen.training.provider import Dataset, Job
    from tests.training.conftest import Clock

WISHES = Wishes(base_model="base", epochs=2, suffix="acme", seed=7)


class KilledError(BaseException):
    """The process ends here."""


def killed(_seconds: float) -> None:
    raise KilledError


@pytest.fixture
def provider(host: Host, tmp_path: Path) -> OpenAIProvider:
    return OpenAIProvider(host, WISHES, tmp_path / "runs")


def followed(provider: OpenAIProvider, job: Job) -> tuple[Job, list[str]]:
    told: list[str] = []
    return provider.follow(job, told.append), told


def test_a_whole_life(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset, tmp_path: Path
) -> None:
    job = provider.create(dataset)
    assert (job.id, job.state, job.ended) == ("ftjob-1", "validating_files", False)
    wanted = server.jobs["ftjob-1"].wanted
    assert wanted["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 2}},
    }
    assert (wanted["model"], wanted["suffix"], wanted["seed"]) == ("base", "acme", 7)
    assert wanted["metadata"]["contract"] == dataset.contract.fingerprint
    assert wanted["metadata"]["dataset"] == dataset.digest
    files = {key: server.files[wanted[key]] for key in ("training_file", "validation_file")}
    assert files["training_file"].content == dataset.train.read_bytes()
    assert dataset.validation is not None
    assert files["validation_file"].content == dataset.validation.read_bytes()
    job, told = followed(provider, job)
    assert (job.state, job.model) == ("succeeded", "ft:base:acme:acme:1")
    assert told[-1] == "succeeded"
    assert [line for line in told if line.startswith("step ")] == [
        f"step {step} of 3: train_loss {loss}, train_accuracy {accuracy}, "
        f"valid_loss {valid}, valid_mean_token_accuracy {valid_accuracy}"
        for step, loss, accuracy, valid, valid_accuracy in (
            (1, 1, 0.5, 1.05, 0.4762),
            (2, 0.6667, 0.6667, 0.7, 0.6452),
            (3, 0.5, 0.75, 0.525, 0.7317),
        )
    ]
    assert "Moderation checks passed" in told
    trained = provider.result(job)
    assert trained.name == "ft:base:acme:acme:1"
    (metrics,) = tmp_path.glob("runs/*/ftjob-1/metrics.csv")
    assert metrics.read_bytes().startswith(b"step,train_loss,")
    assert "train_loss 0.5 (step 3)" in trained.report[0]
    assert trained.report[-1].startswith("checkpoint at step 3: ft:base:acme:acme:1:ckpt-step-3, ")
    assert trained.following[0] == "evaluate shop.mail:reply --model ft:base:acme:acme:1"


def test_again_it_comes_back(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    first = provider.create(dataset)
    assert provider.create(dataset).id == first.id
    job, _ = followed(provider, first)
    assert provider.create(dataset) == job
    assert server.made == {"file": 3, "upload": 0, "job": 1}  # two, and the metrics


def test_other_settings_are_another_job_on_the_same_files(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    provider.create(dataset)
    provider.wishes = replace(WISHES, seed=8)
    assert provider.create(dataset).id == "ftjob-2"
    assert server.made == {"file": 2, "upload": 0, "job": 2}


def test_a_job_is_found_from_elsewhere(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset, tmp_path: Path
) -> None:
    provider.create(dataset)
    provider.runs = tmp_path / "another machine"
    assert provider.create(dataset).id == "ftjob-1"
    assert server.made == {"file": 2, "upload": 0, "job": 1}


def test_a_job_is_found_with_another_key(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset, reach: Callable[..., Host]
) -> None:
    provider.create(dataset)
    provider.host = reach(server, key="the next key")
    assert provider.create(dataset).id == "ftjob-1"


@pytest.mark.parametrize("shape", ["openai", "nebius"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_at_any_request_it_goes_on_with_what_there_is(
    shape: str, done: bool, dataset: Dataset, tmp_path: Path,
    serve: Callable[..., FineTuningServer], reach: Callable[..., Host],
) -> None:  # fmt: skip
    def served() -> FineTuningServer:
        server = serve(shape)
        server.life, server.steps = ("running", "succeeded"), 1
        return server

    def run(host: Host, runs: Path) -> Job:
        provider = OpenAIProvider(host, WISHES, runs)
        job, _ = followed(provider, provider.create(dataset))
        provider.result(job)
        return job

    server = served()
    run(reach(server), tmp_path / "runs")
    kinds = list(server.kinds)
    assert kinds[-1] == "jobs.checkpoints"
    for number in range(1, len(kinds) + 1):
        server = served()
        server.drop(ANY, nth=number, done=done)
        runs = tmp_path / f"runs {number}"
        with pytest.raises(KilledError):
            run(reach(server, sleep=killed), runs)
        server.heal()
        assert run(reach(server), runs).state == "succeeded"
        assert server.made == {"file": 3, "upload": 0, "job": 1}, kinds[number - 1]


def test_a_failed_job_says_why_and_is_not_come_back_to(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    server.life = ("validating_files", "failed")
    job, _ = followed(provider, provider.create(dataset))
    assert (job.state, job.reason) == ("failed", "row 3 is too long")
    server.life = ("queued", "succeeded")
    assert provider.create(dataset).id == "ftjob-2"
    assert server.made["file"] == 2


@pytest.mark.parametrize("failure", [None, {}], ids=["null", "empty"])
def test_a_failed_job_without_a_reason(
    failure: dict[str, Any] | None, provider: OpenAIProvider, server: FineTuningServer,
    dataset: Dataset,
) -> None:  # fmt: skip
    server.life, server.failure, server.said = ("queued", "failed"), failure, "Row 3 is bad."
    job, told = followed(provider, provider.create(dataset))
    assert job.reason == "Row 3 is bad."
    assert "error: Row 3 is bad." in told


def test_cancelling(provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset) -> None:
    job = provider.cancel(provider.create(dataset))
    assert job.state == "cancelled"
    assert provider.cancel(job) == job
    assert server.kinds.count("jobs.cancel") == 1


def test_resuming_by_id(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset, host: Host
) -> None:
    job = provider.create(dataset)
    other = OpenAIProvider(host, None, provider.runs)
    assert other.resume(dataset, job.id).id == job.id
    with pytest.raises(
        TrainingError, match=r"job ftjob-1: is for another dataset, .* and not ffff"
    ):
        other.resume(replace(dataset, digest="f" * 64), job.id)
    contract = replace(dataset.contract, fingerprint="e" * 32)
    with pytest.raises(TrainingError, match=r"is for another contract"):
        other.resume(replace(dataset, contract=contract), job.id)
    with pytest.raises(HostError, match=r"job nobody: .* answered 404"):
        other.resume(dataset, "nobody")
    with pytest.raises(UsageError, match="--base-model"):
        other.create(dataset)
    assert server.made["job"] == 1


def test_a_closed_host_is_explained(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    server.fail("jobs.create", closed())
    with pytest.raises(HostError, match=r"403.*6 January 2027.*embedded student.*--provider trl"):
        provider.create(dataset)
    assert server.kinds.count("jobs.create") == 1


def test_a_busy_host_is_waited_for(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset, clock: Clock
) -> None:
    server.fail("jobs.create", busy(30), times=2)
    server.fail("files.create", busy(5))
    assert provider.create(dataset).id == "ftjob-1"
    assert clock.slept == [5, 30, 30]
    assert server.made == {"file": 2, "upload": 0, "job": 1}


def test_a_host_that_stays_away_ends_it(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset, clock: Clock
) -> None:
    server.fail("jobs.create", error(503, "overloaded", None), times=99)
    with pytest.raises(HostError, match=r"503: overloaded; the trouble is the host's"):
        provider.create(dataset)
    assert clock.slept == [1, 2, 4, 8]
    server.heal()
    assert provider.create(dataset).id == "ftjob-1"


def test_a_job_that_was_made_though_the_host_said_no(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    server.fail("jobs.create", error(502, "bad gateway", None), done=True)
    assert provider.create(dataset).id == "ftjob-1"
    assert server.made["job"] == 1


def test_a_host_that_keeps_no_metadata(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    server.hides = ("metadata",)
    server.drop("jobs.create", done=True)
    assert provider.create(dataset).id == "ftjob-1"
    provider.wishes = replace(WISHES, seed=8)
    server.drop("jobs.create", done=True)  # on the same file, and another job all the same
    assert provider.create(dataset).id == "ftjob-2"
    assert server.made["job"] == 2


def test_a_host_that_lists_no_jobs(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    server.fail("jobs.list", error(404, "no such path", None), times=99)
    assert provider.create(dataset).id == "ftjob-1"


def test_a_host_that_lists_no_jobs_and_may_have_made_one(
    dataset: Dataset, server: FineTuningServer, reach: Callable[..., Host], tmp_path: Path
) -> None:
    server.drop("jobs.create", done=True)
    with pytest.raises(KilledError):
        OpenAIProvider(reach(server, sleep=killed), WISHES, tmp_path).create(dataset)
    server.heal()
    server.fail("jobs.list", error(404, "no such path", None), times=99)
    with pytest.raises(TrainingError, match=r"nobody knows whether it was made.*remove") as caught:
        OpenAIProvider(reach(server), WISHES, tmp_path).create(dataset)
    note = str(caught.value).rpartition(" ")[2]
    (tmp_path / "jobs" / note.rpartition("jobs")[2][1:]).unlink()
    assert OpenAIProvider(reach(server), WISHES, tmp_path).create(dataset).id == "ftjob-2"


def test_a_remembered_job_that_the_host_has_no_more(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    provider.create(dataset)
    server.jobs.clear()
    assert provider.create(dataset).id == "ftjob-2"


def test_too_few_rows_and_rows_of_other_formats(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    with pytest.raises(TrainingError, match=r"train.jsonl: 9 rows, and the host wants at least 10"):
        provider.create(replace(dataset, rows=9))
    with pytest.raises(TrainingError, match=r"of the format sharegpt, and hosts take openai-tools"):
        provider.create(replace(dataset, format="sharegpt"))
    assert server.kinds == []


def test_a_model_that_only_its_checkpoints_name(
    provider: OpenAIProvider, server: FineTuningServer, dataset: Dataset
) -> None:
    server.hides = ("fine_tuned_model",)
    job, _ = followed(provider, provider.create(dataset))
    assert job.model == "ft:base:acme:acme:1:ckpt-step-3"
    server.fail("jobs.checkpoints", error(404, "no such path", None), times=9)
    job, _ = followed(provider, replace(job, state="running", model=None))
    assert (job.model, job.reason) == (None, "the host names no model")


def test_azure_needs_a_mark_and_a_deployment(
    serve: Callable[..., FineTuningServer], reach: Callable[..., Host], dataset: Dataset,
    tmp_path: Path,
) -> None:  # fmt: skip
    server = serve("azure")
    server.file_life = ("pending", "running", "processed")
    wishes = replace(WISHES, fields={"trainingType": "GlobalStandard"})
    provider = OpenAIProvider(reach(server), wishes, tmp_path / "runs")
    job, _ = followed(provider, provider.create(dataset))
    wanted = server.jobs[job.id].wanted
    assert wanted["trainingType"] == "GlobalStandard"
    content = server.files[wanted["training_file"]].content
    assert content == b"\xef\xbb\xbf" + dataset.train.read_bytes()
    report = "\n".join(provider.result(job).report)
    assert "answers once it is deployed" in report
    assert f"--model-name {job.model}" in report


def test_nebius_takes_no_method(
    serve: Callable[..., FineTuningServer], reach: Callable[..., Host], dataset: Dataset,
    tmp_path: Path,
) -> None:  # fmt: skip
    server = serve("nebius")
    fields = {"hyperparameters": {"lora": True, "lora_r": 16}}
    wishes = Wishes(base_model="base", epochs=3, learning_rate=1e-5, fields=fields)
    provider = OpenAIProvider(reach(server), wishes, tmp_path / "runs")
    provider.create(dataset)
    (job,) = server.jobs.values()
    assert job.wanted["hyperparameters"] == {
        "n_epochs": 3, "learning_rate": 1e-5, "lora": True, "lora_r": 16,
    }  # fmt: skip
    assert set(job.wanted) == {"model", "training_file", "validation_file", "hyperparameters"}


def test_two_at_once(
    provider: OpenAIProvider, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[Any] = []

    def second(*_: object) -> None:
        with pytest.raises(TrainingError, match="another command is at just this"):
            provider.create(dataset)
        inside.append(1)

    from distilgen.training import openai as module

    monkeypatch.setattr(module.OpenAIProvider, "_known", second)
    provider.create(dataset)
    assert inside == [1]
