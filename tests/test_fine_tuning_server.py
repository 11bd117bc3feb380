"""The tests' fine-tuning host does through the real client what the real ones do."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest
from fine_tuning_server import ANY, AZURE, NEBIUS, START, FineTuningServer, busy, closed

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOL = {"name": "Email", "arguments": '{"to":"a"}'}


def rows(count: int = 10) -> bytes:
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"call {number}"},
                {"role": "assistant", "tool_calls": [
                    {"id": "call_0", "type": "function", "function": TOOL}]},
            ]
        }
        for number in range(count)
    ]  # fmt: skip
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture
def host() -> Iterator[FineTuningServer]:
    with FineTuningServer() as server:
        yield server


def client_of(host: FineTuningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=host.base_url, api_key="k", max_retries=0)


@pytest.fixture
def client(host: FineTuningServer) -> Iterator[openai.OpenAI]:
    with client_of(host) as made:
        yield made


def upload(client: openai.OpenAI, content: bytes = rows(), name: str = "train.jsonl") -> str:
    return client.files.create(file=(name, io.BytesIO(content)), purpose="fine-tune").id


def create(client: openai.OpenAI, **more: Any) -> Any:
    if "training_file" not in more:
        more["training_file"] = upload(client)
    return client.fine_tuning.jobs.create(model="base", **more)


def until_ended(client: openai.OpenAI, job: str) -> Any:
    for _ in range(10):
        found = client.fine_tuning.jobs.retrieve(job)
        if found.status in ("succeeded", "failed", "cancelled"):
            return found
    raise AssertionError(found.status)


def test_files(host: FineTuningServer, client: openai.OpenAI) -> None:
    content = bytes(range(256)) + b"\r\n--x\r\n\r\n"
    names = [upload(client, content, f"é {n}.jsonl") for n in range(3)]
    assert [file.id for file in client.files.list()] == names[::-1]
    assert [file.id for file in client.files.list(order="asc", limit=1)] == names
    assert client.files.retrieve(names[0]).filename == "é 0.jsonl"
    assert client.files.content(names[0]).content == content
    assert client.files.delete(names[0]).deleted
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.retrieve(names[0])
    assert list(host.files) == names[1:]
    with pytest.raises(openai.BadRequestError, match="Invalid extension"):
        upload(client, name="rows.csv")


def test_a_file_has_states_and_expires(host: FineTuningServer, client: openai.OpenAI) -> None:
    host.file_life = ("uploaded", "error")
    expires: Any = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("t.jsonl", rows()), purpose="fine-tune", expires_after=expires)
    assert (file.status, file.expires_at) == ("uploaded", START + 3600)
    assert client.files.retrieve(file.id).status == "error"
    with pytest.raises(openai.BadRequestError, match="is in state error"):
        create(client, training_file=file.id)
    host.now += 3600
    assert not list(client.files.list())
    with pytest.raises(openai.BadRequestError, match="invalid training_file"):
        create(client, training_file=file.id)


def test_uploads_in_parts(host: FineTuningServer, client: openai.OpenAI) -> None:
    content = rows()

    def begin() -> str:
        return client.uploads.create(
            filename="t.jsonl", purpose="fine-tune", bytes=len(content),
            mime_type="application/jsonl",
        ).id  # fmt: skip

    whole = begin()
    halves = [
        client.uploads.parts.create(whole, data=half).id for half in (content[100:], content[:100])
    ]
    with pytest.raises(openai.BadRequestError, match="add up"):
        client.uploads.complete(whole, part_ids=halves[:1])
    done = client.uploads.complete(whole, part_ids=halves[::-1])
    assert done.file is not None
    assert client.files.content(done.file.id).content == content
    other = begin()
    host.now += 3600
    with pytest.raises(openai.BadRequestError, match="is expired"):
        client.uploads.parts.create(other, data=b"x")
    assert client.uploads.cancel(begin()).status == "cancelled"
    host.largest_file = 10
    with pytest.raises(openai.APIStatusError, match="too large"):
        upload(client)


def test_a_job_goes_one_state_further_at_each_look(
    host: FineTuningServer, client: openai.OpenAI
) -> None:
    validation = upload(client)
    job = create(client, validation_file=validation, suffix="mine", metadata={"a": "1"})
    assert (job.status, job.metadata, job.fine_tuned_model) == (
        "validating_files",
        {"a": "1"},
        None,
    )
    states = [client.fine_tuning.jobs.retrieve(job.id).status for _ in range(4)]
    assert states == ["queued", "running", "succeeded", "succeeded"]
    job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.fine_tuned_model == "ft:base:acme:mine:1"
    host.page = 2
    events = list(client.fine_tuning.jobs.list_events(job.id))
    assert [event.message.partition(":")[0] for event in reversed(events)] == [
        "Created fine-tuning job", "Validating training file", "The job is now in state queued",
        "Fine-tuning job started", "Step 1/3", "Step 2/3", "Step 3/3", "Moderation checks passed",
        "New fine-tuned model created", "The job has successfully completed",
    ]  # fmt: skip
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert [item.step_number for item in checkpoints] == [3, 2, 1]
    assert checkpoints[0].metrics.train_loss == 0.5
    result = client.files.content(job.result_files[0]).content.decode()
    assert result.splitlines()[1] == "1,1.0,0.5,1.05,0.4762"
    assert host.kinds.count("jobs.create") == host.made["job"] == 1


def test_a_job_by_the_clock(host: FineTuningServer, client: openai.OpenAI) -> None:
    host.state_seconds = 60
    job = create(client)
    assert client.fine_tuning.jobs.retrieve(job.id).status == "validating_files"
    host.now += 130
    assert client.fine_tuning.jobs.retrieve(job.id).status == "running"
    host.now += 50
    assert client.fine_tuning.jobs.retrieve(job.id).finished_at == START + 180


def test_pause_resume_cancel(client: openai.OpenAI) -> None:
    job = create(client)
    jobs = client.fine_tuning.jobs
    with pytest.raises(openai.BadRequestError, match="cannot resume"):
        jobs.resume(job.id)
    assert str(jobs.pause(job.id).status) == "paused"
    assert str(jobs.retrieve(job.id).status) == "paused"
    assert jobs.resume(job.id).status == "validating_files"
    assert jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="cannot cancel"):
        jobs.cancel(job.id)


@pytest.mark.parametrize("failure", [None, {}, {"code": "c", "message": "m", "param": None}])
def test_a_job_that_fails(
    host: FineTuningServer, client: openai.OpenAI, failure: dict[str, Any] | None
) -> None:
    host.life, host.failure, host.said = ("validating_files", "new_state", "failed"), failure, "why"
    job = create(client)
    assert str(client.fine_tuning.jobs.retrieve(job.id).status) == "new_state"
    job = until_ended(client, job.id)
    assert (job.status, getattr(job.error, "message", None)) == (
        "failed",
        (failure or {}).get("message"),
    )
    assert client.fine_tuning.jobs.list_events(job.id).data[0].level == "error"


def test_what_is_refused(host: FineTuningServer, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="invalid training_file"):
        create(client, training_file="file-0")
    with pytest.raises(openai.BadRequestError, match="has 9 example") as caught:
        create(client, training_file=upload(client, rows(9)))
    assert caught.value.code == "invalid_n_examples"
    with pytest.raises(openai.BadRequestError, match="Invalid file format"):
        create(client, training_file=upload(client, b"\xef\xbb\xbf" + rows()))
    with pytest.raises(openai.BadRequestError, match="Unrecognized request argument"):
        create(client, extra_body={"trainingType": 1})
    with pytest.raises(openai.BadRequestError, match="suffix"):
        create(client, suffix="x" * 65)
    with pytest.raises(openai.BadRequestError, match="metadata"):
        create(client, metadata={"k": "v" * 513})
    host.tunable = ["other"]
    with pytest.raises(openai.BadRequestError, match="not available"):
        create(client)
    host.key = "another"
    with pytest.raises(openai.AuthenticationError):
        client.files.list()
    assert host.jobs == {}


def test_shapes() -> None:
    method: Any = {"type": "supervised"}
    with FineTuningServer(NEBIUS) as host, client_of(host) as client:
        with pytest.raises(openai.BadRequestError, match="argument supplied: method"):
            create(client, method=method)
        job = create(client, hyperparameters={"n_epochs": 2})
        assert (job.method, job.hyperparameters.n_epochs) == (None, 2)
    with FineTuningServer(AZURE) as host, client_of(host) as client:
        with pytest.raises(openai.BadRequestError, match="not in UTF-8 with BOM"):
            create(client)
        file = upload(client, b"\xef\xbb\xbf" + rows())
        create(client, training_file=file, method=method, extra_body={"trainingType": 1})
        assert host.jobs["ftjob-1"].wanted["trainingType"] == 1


def test_jobs_are_listed_by_page_and_metadata(
    host: FineTuningServer, client: openai.OpenAI
) -> None:
    names = [create(client, metadata={"n": str(n % 2)}).id for n in range(5)]
    host.page = 2
    assert [job.id for job in client.fine_tuning.jobs.list()] == names[::-1]
    found: Any = client.fine_tuning.jobs.list(metadata={"n": "1"})
    assert [job.id for job in found] == [names[3], names[1]]
    host.hides = ("metadata", "trained_tokens")
    found = client.fine_tuning.jobs.list(metadata={"n": "1"})
    assert len(list(found)) == 5


def test_the_tuned_model_replays_its_file_and_others_answer_as_told(
    host: FineTuningServer, client: openai.OpenAI
) -> None:
    model: Any = until_ended(client, create(client).id).fine_tuned_model
    asked: Any = [{"role": "user", "content": "call 7"}]
    (choice,) = client.chat.completions.create(model=model, messages=asked).choices
    assert choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    with pytest.raises(openai.BadRequestError, match="none of them has this call"):
        client.chat.completions.create(model=model, messages=[])
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="teacher", messages=asked)
    host.answers["teacher"] = lambda body: {"model": body["model"], "choices": []}
    assert client.chat.completions.create(model="teacher", messages=asked).model == "teacher"
    assert [found.id for found in client.models.list()] == [model, "teacher"]
    assert client.models.retrieve(model).owned_by == "org-acme"
    assert client.models.delete(model).deleted
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(model)


def test_faults(host: FineTuningServer, client: openai.OpenAI) -> None:
    host.fail("jobs.create", busy(1.5), nth=2)
    host.fail("jobs.create", closed(), nth=3)
    create(client)
    with pytest.raises(openai.RateLimitError) as caught:
        create(client)
    assert caught.value.response.headers["retry-after"] == "1.5"
    with pytest.raises(openai.PermissionDeniedError) as refused:
        create(client)
    assert refused.value.code == "training_not_available"
    assert host.made["job"] == 1
    create(client)
    host.drop("jobs.create")
    with pytest.raises(openai.APIConnectionError):
        create(client)
    assert host.made["job"] == 2
    host.drop("jobs.create", done=True)
    with pytest.raises(openai.APIConnectionError):
        create(client)
    assert host.made["job"] == 3
    host.drop(ANY, times=1000)
    with pytest.raises(openai.APIConnectionError):
        client.files.list()
    host.heal()
    assert client.files.list().data


def test_the_client_itself_makes_a_lost_job_twice(
    host: FineTuningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._constants.INITIAL_RETRY_DELAY", 0.0)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    host.drop("jobs.create", done=True)
    with openai.OpenAI(base_url=host.base_url, api_key="k") as client:
        create(client)
    assert host.made["job"] == 2
