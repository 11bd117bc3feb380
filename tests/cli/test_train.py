"""`distilgen train` and `evaluate` through the real client, against a host that keeps state."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from openai_server import OpenAIServer, Request, Response, completion, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.cli.conftest import Cli

    Records = Callable[[Mapping[str, str]], None]

TUNED = "ft:base:acme::1"


@dataclass
class Host:
    """A host with files, fine-tuning jobs and the models they make. A job goes one state further
    each time it is looked at.
    """

    states: tuple[str, ...] = ("queued", "running", "succeeded")
    refuses: Response | None = None
    wrong: str = "nobody"
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    looks: Iterator[int] = field(default_factory=itertools.count)

    def respond(self, request: Request) -> Response:
        match request.method, request.path.partition("?")[0].removeprefix("/v1/").split("/"):
            case "POST", ["files"]:
                return self.upload(request.body)
            case "POST", ["fine_tuning", "jobs"]:
                return self.refuses or self.create(request.json())
            case "GET", ["fine_tuning", "jobs", number]:
                return Response(body=self.job(int(number), next(self.looks)))
            case "GET", ["fine_tuning", "jobs", _, "events"]:
                event = {"id": "e1", "object": "fine_tuning.job.event", "created_at": 0,
                         "level": "info", "message": "Step 1/10: loss 0.5"}  # fmt: skip
                return Response(body={"object": "list", "data": [event], "has_more": False})
            case "POST", ["chat", "completions"]:
                return self.answer(request.json())
        return error(404, "no such path", "not_found")

    def upload(self, body: bytes) -> Response:
        name = f"file-{len(self.files)}"
        self.files[name] = body
        file = {"id": name, "object": "file", "bytes": len(body), "created_at": 0,
                "filename": "f", "purpose": "fine-tune", "status": "processed"}  # fmt: skip
        return Response(body=file)

    def create(self, wanted: dict[str, Any]) -> Response:
        self.jobs.append(wanted)
        return Response(body=self.job(len(self.jobs) - 1, -1))

    def job(self, number: int, looked: int) -> dict[str, Any]:
        state = (
            self.states[min(looked, len(self.states) - 1)] if looked >= 0 else "validating_files"
        )
        why = {"code": "bad", "message": "row 3 is too long", "param": None}
        return {
            "id": str(number), "object": "fine_tuning.job", "created_at": 0, "status": state,
            "model": self.jobs[number]["model"], "organization_id": "o", "result_files": [],
            "hyperparameters": {}, "seed": 0, "training_file": "file-0",
            "fine_tuned_model": TUNED if state == "succeeded" else None,
            "error": why if state == "failed" else {},
        }  # fmt: skip

    def answer(self, asked: dict[str, Any]) -> Response:
        if asked["model"] != TUNED:
            return error(404, f"The model `{asked['model']}` does not exist", "model_not_found")
        said = json.loads(asked["messages"][1]["content"])["text"]
        given = {"to": said, "urgent": said == self.wrong}
        return Response(body=completion(TUNED, "Email", given))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def server(host: Host) -> Iterator[OpenAIServer]:
    with OpenAIServer(host.respond) as running:
        yield running


@pytest.fixture
def trained(
    distilgen: Cli, records: Records, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Runs `distilgen train reply` on a dataset of 60 calls."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setattr("openai._constants.INITIAL_RETRY_DELAY", 0.0)
    distilgen("instrument", "src")
    records({f"call {n}": f'{{"to":"call {n}","urgent":false}}' for n in range(60)})
    assert distilgen("dataset", "build").code == 0

    def train(*more: str) -> Any:
        return distilgen("train", "reply", "--base-model", "base", "--poll", "0",
                         "--base-url", server.base_url, *more)  # fmt: skip

    return train


def test_train_uploads_creates_follows_and_writes_the_lock(
    distilgen: Cli, host: Host, trained: Callable[..., Any]
) -> None:
    ran = trained("--suffix", "acme", "--seed", "7")
    assert ran.code == 0, ran.err
    assert "Step 1/10: loss 0.5" in ran.out
    assert ran.out.count("Step 1/10") == 1
    (job,) = host.jobs
    manifest = json.loads(distilgen.read(".distilgen/datasets/shop.mail.reply/manifest.json"))
    digest = manifest["files"]["train"]["sha256"]
    assert job["method"]["type"] == "supervised"
    assert (job["suffix"], job["seed"]) == ("acme", 7)
    assert job["metadata"] == {"contract": manifest["contract"], "dataset": digest}
    train = distilgen.read(".distilgen/datasets/shop.mail.reply/train.jsonl").encode()
    assert train in host.files[job["training_file"]]
    entry = json.loads(distilgen.read("distilgen.lock"))["models"][TUNED]
    assert (entry["contract"], entry["dataset"]) == (manifest["contract"], digest)
    assert distilgen("dispatch", "--model", TUNED, "src").code == 0
    assert distilgen("check").code == 0


def test_train_again_comes_back_to_the_job(host: Host, trained: Callable[..., Any]) -> None:
    assert "job 0 is validating_files" in trained("--no-follow").out
    assert trained().code == 0
    assert trained().code == 0
    assert (len(host.jobs), len(host.files)) == (1, 2)


def test_failed_job_says_why_and_is_not_come_back_to(
    distilgen: Cli, host: Host, trained: Callable[..., Any]
) -> None:
    host.states = ("running", "failed")
    ran = trained()
    assert ran.code == 123
    assert "job 0 failed: row 3 is too long" in ran.err
    assert json.loads(distilgen.read("distilgen.lock"))["models"] == {}
    host.states, host.looks = ("failed", "running", "succeeded"), itertools.count()
    assert trained().code == 0
    assert (len(host.jobs), len(host.files)) == (2, 2)


def test_closed_host_is_explained(host: Host, trained: Callable[..., Any]) -> None:
    host.refuses = error(403, "Training is not available.", "training_not_available")
    ran = trained()
    assert ran.code == 123
    assert "takes no new fine-tuning jobs from this organisation" in ran.err
    assert "--base-url" in ran.err


def test_too_few_rows_and_no_dataset(
    distilgen: Cli, records: Records, trained: Callable[..., Any]
) -> None:
    records({"a": '{"to":"a","urgent":false}'})
    distilgen("dataset", "build", "--no-holdout")
    ran = trained()
    assert ran.code == 123
    assert "1 rows, and the host wants at least 10" in ran.err
    text = distilgen.read("src/shop/mail.py").replace("Answer a letter", "Answer letters")
    distilgen.write({"src/shop/mail.py": text})
    distilgen("instrument", "src")
    assert "was built for another contract" in trained().err


def test_no_key(
    distilgen: Cli, trained: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = trained()
    assert ran.code == 123
    assert "no API key: set OPENAI_API_KEY" in ran.err
    assert not (distilgen.folder / ".distilgen/runs").exists()


def test_evaluate_measures_whole_and_by_field(
    distilgen: Cli, host: Host, server: OpenAIServer, trained: Callable[..., Any]
) -> None:
    trained()
    rows = distilgen.read(".distilgen/datasets/shop.mail.reply/test.jsonl").splitlines()
    host.wrong = json.loads(json.loads(rows[0])["messages"][1]["content"])["text"]
    ran = distilgen("evaluate", "reply", "--model", TUNED, "--base-url", server.base_url)
    assert ran.code == 0, ran.err
    share = (len(rows) - 1) / len(rows)
    table = {re.split(r"\s{2,}", line.strip())[0]: line for line in ran.out.splitlines() if line}
    assert f"{share:.1%}" in table["whole answer"]
    assert "100.0%" in table["to"]
    assert f"{share:.1%}" in table["urgent"]
    lock = json.loads(distilgen.read("distilgen.lock"))
    assert lock["models"][TUNED]["agreement"] == pytest.approx(share)


def test_evaluate_an_unknown_model(
    distilgen: Cli, server: OpenAIServer, trained: Callable[..., Any]
) -> None:
    del trained
    ran = distilgen("evaluate", "reply", "--model", "nobody", "--base-url", server.base_url)
    assert ran.code == 123
    assert "calls without an answer, the first: " in ran.err
    assert "does not exist" in ran.err


def test_an_outage_measures_nothing(
    distilgen: Cli, server: OpenAIServer, trained: Callable[..., Any]
) -> None:
    trained()
    distilgen("evaluate", "reply", "--model", TUNED, "--base-url", server.base_url)
    before = distilgen.read("distilgen.lock")
    assert '"agreement": 1.0' in before
    ran = distilgen("evaluate", "reply", "--model", TUNED, "--base-url", "http://127.0.0.1:9/v1")
    assert ran.code == 123
    assert "without an answer" in ran.err
    assert distilgen.read("distilgen.lock") == before


def test_the_providers_server_and_key(
    distilgen: Cli, server: OpenAIServer, trained: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    trained()
    server.requests.clear()
    profile = f'[tool.distilgen.providers.house]\nbase_url = "{server.base_url}"\n'
    path = distilgen.folder / "pyproject.toml"
    path.write_text(path.read_text("utf-8") + profile + 'api_key_env = "HOUSE_KEY"\n', "utf-8")
    ran = distilgen("evaluate", "reply", "--model", TUNED, "--provider", "house")
    assert ran.code == 123
    assert ran.err.startswith("distilgen: no API key: set HOUSE_KEY ")
    monkeypatch.setenv("HOUSE_KEY", "mine")
    assert distilgen("evaluate", "reply", "--model", TUNED, "--provider", "house").code == 0
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer mine"}
    assert '"provider": "openai"' in distilgen.read("distilgen.lock")
    ran = distilgen("train", "reply", "--base-model", "base", "--poll", "0", "--provider", "house")
    assert ran.code == 0, ran.err
    assert '"provider": "house"' in distilgen.read("distilgen.lock")
    ran = distilgen("train", "reply", "--base-model", "base", "--provider", "nobody")
    assert ran.code == 2
    assert "house" in ran.err
