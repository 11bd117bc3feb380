"""`distilgen train` and `evaluate` through the real client, against a host that keeps state."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from fine_tuning_server import ANY, FineTuningServer, busy, closed
from openai_server import completion, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.cli.conftest import Cli

    Records = Callable[[Mapping[str, str]], None]

TUNED = "ft:base:acme::1"


def right(asked: dict[str, Any]) -> dict[str, Any]:
    """What the teacher would say."""
    return completion(TUNED, "Email", {"to": called(asked), "urgent": False})


def called(asked: dict[str, Any]) -> str:
    """The argument of a call, from its messages."""
    return str(json.loads(asked["messages"][1]["content"])["text"])


@pytest.fixture
def server() -> Iterator[FineTuningServer]:
    with FineTuningServer() as running:
        running.answers[TUNED] = right
        yield running


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, by nobody."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.fixture
def built(distilgen: Cli, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset of 60 calls."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    distilgen("instrument", "src")
    records({f"call {n}": f'{{"to":"call {n}","urgent":false}}' for n in range(60)})
    assert distilgen("dataset", "build").code == 0


@pytest.fixture
def trained(
    distilgen: Cli, built: None, server: FineTuningServer, slept: list[float]
) -> Callable[..., Any]:
    """Runs `distilgen train reply` on it."""
    del built, slept

    def train(*more: str) -> Any:
        return distilgen("train", "reply", "--base-model", "base", "--poll", "0",
                         "--base-url", server.base_url, *more)  # fmt: skip

    return train


def configured(distilgen: Cli, text: str) -> None:
    """Add to the project's configuration."""
    distilgen.write({"pyproject.toml": distilgen.read("pyproject.toml") + text})


def test_train_uploads_creates_follows_and_writes_the_lock(
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any]
) -> None:
    ran = trained("--suffix", "acme", "--seed", "7", "--epochs", "2", "--set", "a.b=1",
                  "--batch-size", "4", "--learning-rate", "0.5")  # fmt: skip
    assert ran.code == 123
    assert "answered 400: Unrecognized request argument supplied: a" in ran.err
    ran = trained("--suffix", "acme", "--seed", "7", "--epochs", "2", "--batch-size", "4",
                  "--learning-rate", "0.5")  # fmt: skip
    assert ran.code == 0, ran.err
    tuned = "ft:base:acme:acme:1"
    lines = ran.out.splitlines()
    assert lines[0] == "shop.mail:reply: job ftjob-1 is validating_files"
    assert lines[-1] == f"shop.mail:reply: {tuned}"
    assert ran.out.count("step 1 of 3: train_loss 1, ") == 1
    assert "last metrics: train_loss 0.5 (step 3), " in ran.out
    assert f"checkpoint at step 3: {tuned}:ckpt-step-3, train_loss 0.5" in ran.out
    assert (
        f"next: distilgen evaluate shop.mail:reply --model {tuned} --base-url {server.base_url}"
        in ran.err
    )
    (metrics,) = distilgen.folder.glob(".distilgen/runs/127.0.0.1_*_v1/ftjob-1/metrics.csv")
    assert metrics.read_text("utf-8").startswith("step,train_loss,")
    (job,) = (job.wanted for job in server.jobs.values())
    manifest = json.loads(distilgen.read(".distilgen/datasets/shop.mail.reply/manifest.json"))
    digest = manifest["files"]["train"]["sha256"]
    assert job["method"] == {
        "type": "supervised",
        "supervised": {
            "hyperparameters": {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 0.5}
        },
    }
    assert (job["suffix"], job["seed"]) == ("acme", 7)
    assert job["metadata"].items() >= {"contract": manifest["contract"], "dataset": digest}.items()
    train = distilgen.read(".distilgen/datasets/shop.mail.reply/train.jsonl").encode()
    assert server.files[job["training_file"]].content == train
    entry = json.loads(distilgen.read("distilgen.lock"))["models"][tuned]
    assert (entry["contract"], entry["dataset"]) == (manifest["contract"], digest)
    assert distilgen("dispatch", "--model", tuned, "src").code == 0
    assert distilgen("check").code == 0


def test_train_again_comes_back_to_the_job(
    server: FineTuningServer, trained: Callable[..., Any]
) -> None:
    assert "job ftjob-1 is validating_files" in trained("--no-follow").out
    assert trained().code == 0
    assert trained().code == 0
    assert server.made == {"file": 3, "upload": 0, "job": 1}


def test_a_job_by_its_id(
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any], records: Records
) -> None:
    trained("--no-follow")
    ran = distilgen("train", "reply", "--base-url", server.base_url, "--job", "ftjob-1")
    assert ran.code == 0, ran.err
    assert f"shop.mail:reply: {TUNED}" in ran.out
    ran = trained("--job", "ftjob-9")
    assert ran.code == 123
    assert "job ftjob-9: " in ran.err
    assert "answered 404, fine_tune_not_found: Could not find fine tune" in ran.err
    records({f"other {n}": '{"to":"other","urgent":true}' for n in range(60)})
    distilgen("dataset", "build")
    ran = trained("--job", "ftjob-1")
    assert ran.code == 123
    assert "job ftjob-1: is for another dataset, " in ran.err


def test_interrupted_it_says_how_to_come_back(
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", interrupt)
        ran = trained("--suffix", "two words")
    assert ran.code == 130
    (line,) = ran.err.splitlines()
    assert line.startswith("job ftjob-1 goes on; come back to it with: ")
    command = line.partition("distilgen ")[2]
    assert command == (
        f"train reply --base-model base --base-url {server.base_url} --suffix 'two words' "
        "--poll 0 --job ftjob-1"
    )
    assert server.jobs["ftjob-1"].state != "cancelled"
    ran = distilgen(*command.replace("'two words'", "two+words").split())
    assert ran.code == 0, ran.err


def test_failed_job_says_why_and_is_not_come_back_to(
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any]
) -> None:
    server.life = ("validating_files", "failed")
    ran = trained()
    assert ran.code == 123
    assert "job ftjob-1 failed: row 3 is too long" in ran.err
    assert (
        not (distilgen.folder / "distilgen.lock").exists()
        or not json.loads(distilgen.read("distilgen.lock"))["models"]
    )
    server.life = ("queued", "running", "succeeded")
    assert trained().code == 0
    assert server.made == {"file": 3, "upload": 0, "job": 2}


def test_a_host_that_goes_away_for_a_while(
    server: FineTuningServer, trained: Callable[..., Any], slept: list[float]
) -> None:
    server.fail(ANY, busy(20), nth=3)
    server.fail("jobs.events", error(502, "bad gateway", None), nth=2, times=20)
    ran = trained()
    assert ran.code == 0, ran.err
    assert "answered 502: bad gateway; the trouble is the host's" in ran.out
    assert ran.out.count("waiting for it") == 1
    assert 20 in slept
    assert server.made["job"] == 1


def test_closed_host_is_explained(server: FineTuningServer, trained: Callable[..., Any]) -> None:
    server.fail("jobs.create", closed())
    ran = trained()
    assert ran.code == 123
    assert "takes no new fine-tuning jobs from this organisation" in ran.err
    assert "embedded student" in ran.err


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


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--suffix", "s" * 65], "--suffix has 65 characters; hosts take 1 to 64"),
        (["--epochs", "0.5"], "--epochs 0.5: hosts take whole numbers"),
        (["--set", "a"], "--set a: say KEY=VALUE"),
        (["--set", "seed=1"], "--set seed: say --seed"),
        (["--job", "../x"], "--job: '../x' is no id of a host"),
        (["--job", ".."], "--job: '..' is no id of a host"),
        (["--provider", "nobody"], "known: azure, nebius, openai, student, trl"),
        (["--provider", ""], "known: azure, nebius, openai, student, trl"),
        (["--target", "98%"], "--target: is an option of --provider student, and this is openai"),
        (["--full"], "--full: is an option of --provider trl, and this is openai; leave it out"),
    ],
)
def test_what_cannot_be_done(
    more: list[str], message: str, server: FineTuningServer, trained: Callable[..., Any]
) -> None:
    ran = trained(*more)
    assert ran.code == 2
    assert message in ran.err
    assert server.kinds == []


def test_which_model_and_where(distilgen: Cli, built: None) -> None:
    del built
    ran = distilgen("train", "reply", "--provider", "openai")
    assert ran.code == 2
    assert "which model is to be tuned? Name it with --base-model" in ran.err
    ran = distilgen("train", "reply", "--provider", "azure", "--base-model", "b")
    assert ran.code == 2
    assert "azure: where is it? name its URL with --base-url, or as base_url in" in ran.err


@pytest.mark.parametrize(
    ("provider", "key"),
    [("openai", "OPENAI_API_KEY"), ("azure", "AZURE_OPENAI_API_KEY"), ("nebius", "NEBIUS_API_KEY")],
)
def test_no_key(
    provider: str, key: str, distilgen: Cli, trained: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = trained("--provider", provider)
    assert ran.code == 123
    assert f"no API key: set {key}" in ran.err
    for wrong in ("schlüssel", "key\n", "a key", "\x7f"):
        monkeypatch.setenv(key, wrong)
        ran = trained("--provider", provider)
        assert ran.code == 123
        why = "it has a blank, a line break, or a character beyond ASCII"
        assert ran.err == f"distilgen: {key} is no key: {why}\n"
    assert not (distilgen.folder / ".distilgen/runs").exists()


@pytest.mark.parametrize("shape", ["azure", "nebius"])
def test_other_shapes_by_name_and_by_profile(
    shape: str, distilgen: Cli, trained: Callable[..., Any], server: FineTuningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(f"{shape.upper()}_OPENAI_API_KEY".replace("NEBIUS_OPENAI", "NEBIUS"), "mine")
    server.shape, server.key = shape, "mine"
    ran = trained("--provider", shape)
    assert ran.code == 0, ran.err
    assert f'"provider": "{shape}"' in distilgen.read("distilgen.lock")
    assert ("answers once it is deployed" in ran.out) == (shape == "azure")
    configured(
        distilgen,
        f"""
        [tool.distilgen.providers.house]
        base_url = "{server.base_url}"
        shape = "{shape}"
        fine_tuning = {{ integrations = [], hyperparameters = {{ lora = true }} }}
    """,
    )
    ran = distilgen("train", "reply", "--base-model", "base", "--provider", "house", "--poll", "0",
                    "--set", "hyperparameters.lora_r=16")  # fmt: skip
    assert ran.code == 0, ran.err
    *_, job = server.jobs.values()
    assert job.wanted["hyperparameters"] == {"lora": True, "lora_r": 16}
    assert job.wanted["integrations"] == []
    assert '"provider": "house"' in distilgen.read("distilgen.lock")
    assert "--provider house" in ran.err


def test_evaluate_measures_whole_and_by_field(
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any]
) -> None:
    trained()
    rows = distilgen.read(".distilgen/datasets/shop.mail.reply/test.jsonl").splitlines()
    wrong = called(json.loads(rows[0]))

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        given = {"to": called(asked), "urgent": called(asked) == wrong}
        return completion(TUNED, "Email", given)

    server.answers[TUNED] = answer
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
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any]
) -> None:
    del trained
    ran = distilgen("evaluate", "reply", "--model", "nobody", "--base-url", server.base_url)
    assert ran.code == 123
    assert "calls without an answer, the first: " in ran.err
    assert "does not exist" in ran.err


def test_an_outage_measures_nothing(
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any]
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
    distilgen: Cli, server: FineTuningServer, trained: Callable[..., Any],
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
