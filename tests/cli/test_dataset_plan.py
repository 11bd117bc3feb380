"""`distilgen dataset plan`, on datasets that are written by hand."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Cli

FUNCTION = "shop.mail:reply"
FOLDER = ".distilgen/datasets/shop.mail.reply"
SMALL = "[tool.distilgen.prices.small]\ninput = 1\noutput = 2\ntraining = 3\nas_of = 2026-11-01\n"


def _json(said: str) -> dict[str, Any]:
    (dataset,) = json.loads(said)["datasets"]
    (plan,) = dataset.pop("plans")
    return {**dataset, **plan}


def test_a_plan_by_hand(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20, test=5)
    distilgen.write({"pyproject.toml": SMALL})
    ran = distilgen(
        "dataset", "plan", "--model", "small", "--teacher-cost", "0.5", "--calls-per-day", "2",
        "--format", "json",
    )  # fmt: skip
    assert ran.code == 0
    said = _json(ran.out)
    train = said["splits"]["train"]
    assert (said["function"], train["rows"], said["splits"]["test"]["rows"]) == (FUNCTION, 20, 5)
    assert said["epochs"] == 5  # 100 // 20
    assert said["billed_tokens"] == train["tokens"] * 5
    training = train["tokens"] * 5 * 3 / 1e6
    asked, answered = train["tokens"] - train["answer_tokens"], train["answer_tokens"]
    student = (asked * 1 + answered * 2) / 20 / 1e6
    assert said["training_usd"] == pytest.approx(training)
    assert said["student_usd_per_call"] == pytest.approx(student)
    assert said["break_even_calls"] == 1
    assert said["break_even_days"] == 0.5
    assert said["prices"]["training"]["as_of"] == "2026-11-01"
    assert (said["tokens_by"], said["exact"]) == ("estimate", False)


def test_for_reading(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", "--model", "gpt-4.1-mini", "--teacher-cost", "0.002")
    assert ran.code == 0
    assert ran.out.startswith(f"{FUNCTION}: openai-tools\n\nsplit ")
    assert "epochs    5, OpenAI's rule\n" in ran.out
    assert "at $5.00 per million tokens, as of 2025-06-30 (old: look it up)\n" in ran.out
    assert "teacher   $0.00200 a call: as you say\n" in ran.out
    assert "pays      after " in ran.out
    assert "note: tokens are estimated" in ran.err
    assert "6 January 2027" in ran.err
    assert "\\n" not in ran.out


def test_without_a_model_nothing_is_invented(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan")
    assert ran.code == 0
    assert "model     unknown: say --model BASE\n" in ran.out
    assert "training  unknown: it depends on the model\n" in ran.out
    assert "teacher   unknown: say --teacher-cost USD or --teacher-model NAME\n" in ran.out
    assert "pays      unknown, as long as a price is\n" in ran.out
    assert "$" not in ran.out


@pytest.mark.parametrize("model", ["llama", "gpt-9", "ft:gpt-9:a"])
def test_an_unknown_model(distilgen: Cli, built: Callable[..., Path], model: str) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", "--model", model, "--teacher-model", "nobody")
    assert ran.code == 0
    assert f'training  unknown: add [tool.distilgen.prices."{model}"]' in ran.out
    assert 'teacher   unknown: add [tool.distilgen.prices."nobody"]' in ran.out
    assert "$" not in ran.out


def test_several_models_are_compared(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", "--model", "gpt-4.1-mini", "--model", "gpt-4.1-nano")
    assert ran.out.count("split ") == 1  # both count alike
    assert "at $5.00 per million" in ran.out
    assert "at $1.50 per million" in ran.out


def test_a_student_that_costs_more_never_pays(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", "--model", "gpt-4o", "--teacher-model", "gpt-5-nano")
    assert "pays      never: a call of the student costs $" in ran.out


def test_few_rows_are_said(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=3)
    ran = distilgen("dataset", "plan", "--model", "gpt-4.1-mini")
    assert ran.code == 0
    said = "openai wants at least 10 training rows, and there are 3: record more calls"
    assert f"{said}\n" in ran.err
    built(train=3, test=1)
    held_out = distilgen("dataset", "plan", "--model", "gpt-4.1-mini")
    assert f"{said}, or build with --no-holdout\n" in held_out.err
    assert "epochs    25, OpenAI's rule" in ran.out


def test_several_datasets(distilgen: Cli, built: Callable[..., Path]) -> None:
    folder = built(train=3)
    for name in "ab":
        shutil.copytree(folder, folder.parent / name)
    distilgen.write({"pyproject.toml": SMALL})
    place = str(folder.parent)
    ran = distilgen("dataset", "plan", place, "--provider", "openai", "--model", "small")
    assert ran.code == 0
    assert ran.out.count("split ") == 3
    assert ran.err.count("6 January 2027") == ran.err.count("tokens are estimated") == 1
    assert ran.err.count(f"{FUNCTION}: openai wants at least 10") == 1
    said = json.loads(distilgen("dataset", "plan", place, "--model", "small",
                                "--format", "json").out)  # fmt: skip
    billed = sum(item["plans"][0]["billed_tokens"] for item in said["datasets"])
    (total,) = said["totals"]
    assert (total["model"], total["rows"], total["billed"]) == ("small", 9, billed)
    assert total["training"] == pytest.approx(billed * 3 / 1e6)
    last = ran.out.splitlines()[-1]
    assert last.startswith(f"in all    small: 9 rows, {billed:,} tokens, $0.")
    local = distilgen("dataset", "plan", place, "--local", "--tokens-per-second", "1")
    assert local.out.splitlines()[-1].endswith((" hours", " minutes"))


@pytest.mark.parametrize(("model", "is_said"), [("gpt-5-mini", True), ("gpt-4.1", False)])
def test_models_that_openai_does_not_list(
    distilgen: Cli, built: Callable[..., Path], model: str, is_said: bool
) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", "--model", model)
    assert (f"lists gpt-4.1, gpt-4.1-mini and gpt-4.1-nano (May 2026), and not {model}"
            in ran.err) is is_said  # fmt: skip


@pytest.mark.parametrize("format_name", ["openai-tools", "raw", "sharegpt", "alpaca"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_row_that_says_nothing(
    distilgen: Cli, built: Callable[..., Path], format_name: str, is_known: bool
) -> None:
    folder = built(format_name, train=20)
    path = folder / "train.jsonl"
    path.write_bytes(path.read_bytes() + b"{}\n")
    if not is_known:
        text = (folder / "manifest.json").read_text("utf-8")
        said = {**json.loads(text), "contract": "another"}
        (folder / "manifest.json").write_text(json.dumps(said), "utf-8")
    for command in ("plan", "stats"):
        ran = distilgen("dataset", command)
        assert (ran.code, ran.out) == (123, "")
        assert "train.jsonl:21: it" in ran.err


def test_rows_that_would_be_cut(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=10, text="word " * 70_000)
    ran = distilgen("dataset", "plan", "--model", "gpt-4o", "--format", "json")
    said = _json(ran.out)
    assert said["limit"] == 65_536
    assert said["splits"]["train"]["over_the_limit"] == 10
    assert said["billed_tokens"] == 65_536 * 10 * 10
    assert any("10 rows of more than 65,536 tokens would be cut" in note for note in said["notes"])


def test_no_training_rows(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(test=3)
    ran = distilgen("dataset", "plan", "--model", "gpt-4.1-mini")
    assert ran.code == 0
    assert "training  nothing: there is no row in train" in ran.out


def test_on_ones_own_machine(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", "--local", "--model", "Qwen/Qwen2.5-0.5B-Instruct")
    assert "model     Qwen/Qwen2.5-0.5B-Instruct on this machine\n" in ran.out
    assert "epochs    3, TRL's default\n" in ran.out
    assert " at 40 tokens per second, which is one CPU core's" in ran.out
    assert "January" not in ran.err
    said = distilgen(
        "dataset", "plan", "--local", "--tokens-per-second", "500", "--epochs", "1",
        "--teacher-cost", "1", "--format", "json",
    )  # fmt: skip
    plan = _json(said.out)
    assert plan["host"] == "local"
    assert plan["training_seconds"] == pytest.approx(plan["splits"]["train"]["tokens"] / 500)
    assert (plan["training_usd"], plan["break_even_calls"]) == (0, 0)
    unknown = distilgen("dataset", "plan", "--local", "--model", "mine")
    assert "time      unknown: the model's name does not say its size" in unknown.out


def test_a_provider_of_the_users(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    distilgen.write({
        "pyproject.toml": SMALL
        + '[tool.distilgen.providers.eu]\nbase_url = "https://api.eu.nebius.com/v1"\n'
        + '[tool.distilgen.providers.house]\nbase_url = "http://localhost:1/v1"\n'
    })  # fmt: skip
    ran = distilgen("dataset", "plan", "--provider", "eu", "--model", "small")
    assert "model     small by nebius\n" in ran.out
    assert "January" not in ran.err
    other = distilgen("dataset", "plan", "--provider", "house", "--model", "gpt-4.1-mini")
    assert (
        'unknown: add [tool.distilgen.prices."gpt-4.1-mini"]' in other.out
    )  # OpenAI's are not its


def test_what_a_host_bills_besides(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20, validation=2)
    ran = distilgen("dataset", "plan", "--provider", "together", "--model", "small")
    assert "together bills the validation rows, too" in ran.err
    assert "epochs    5, OpenAI's rule; another host may have its own: --epochs\n" in ran.out


def test_records_that_are_not_there(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    assert distilgen("dataset", "plan").code == 0
    ran = distilgen("dataset", "plan", "--records", "nowhere")
    assert (ran.code, ran.out) == (2, "")
    assert "nowhere" in ran.err


def test_the_records_tell_calls_and_tokens(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    distilgen.write({"pyproject.toml": SMALL})
    rollout = {"mode": "dispatch", "ms": 1, "input_tokens": 100_000, "output_tokens": 100_000}
    lines = [
        {
            "id": str(day), "function": FUNCTION, "contract": "c", "source": "small",
            "at": f"2026-11-0{day}T00:00:00Z", "elapsed_ms": 1, "arguments": {}, "result": {},
            "rollout": rollout,
        }
        for day in (1, 2, 3)
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines) + "torn"
    distilgen.write({".distilgen/records/records-000001.jsonl": text})
    ran = distilgen("dataset", "plan", "--model", "small")
    assert "teacher   $0.30 a call: the mean of 3 recorded calls of small" in ran.out
    assert " days at 2 calls a day" in ran.out  # 3 in two days


def test_every_dataset_or_those_that_are_named(distilgen: Cli, built: Callable[..., Path]) -> None:
    folder = built(train=20)
    for name in ("reply", FUNCTION, str(folder)):
        assert distilgen("dataset", "plan", name).out.startswith(FUNCTION)
    assert distilgen("dataset", "plan", "reply", FUNCTION).out.count(FUNCTION) == 1
    absent = distilgen("dataset", "plan", "nobody")
    assert (absent.code, absent.out) == (2, "")
    assert "nobody: is neither a function with a contract nor a folder" in absent.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--teacher-cost", "1", "--teacher-model", "m"], "--teacher-cost or --teacher-model"),
        (["--teacher-cost", "-1"], "teacher-cost"),
        (["--teacher-cost", "nan"], "teacher-cost"),
        (["--calls-per-day", "0"], "calls-per-day"),
        (["--calls-per-day", "inf"], "calls-per-day"),
        (["--epochs", "0"], "epochs"),
        (["--tokens-per-second", "5"], "add --local"),
        (["--local", "--provider", "openai"], "--local or --provider, not both"),
        (["--provider", "nobody"], "nobody"),
        (["--format", "xml"], "format"),
    ],
)
def test_options_that_cannot_be(
    distilgen: Cli, built: Callable[..., Path], options: list[str], said: str
) -> None:
    built(train=20)
    ran = distilgen("dataset", "plan", *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_no_dataset(distilgen: Cli) -> None:
    ran = distilgen("dataset", "plan")
    assert ran.code == 2
    assert "run `distilgen dataset build`" in ran.err


def test_a_row_that_is_none(distilgen: Cli, built: Callable[..., Path]) -> None:
    folder = built(train=20)
    path = folder / "train.jsonl"
    path.write_bytes(path.read_bytes() + b"{torn\n")
    ran = distilgen("dataset", "plan")
    assert (ran.code, ran.out) == (123, "")
    assert "train.jsonl:21: is no JSON" in ran.err
    path.unlink()
    gone = distilgen("dataset", "plan")
    assert gone.code == 123
    assert "train.jsonl: cannot be read" in gone.err


def test_a_table_is_measured(distilgen: Cli, built: Callable[..., Path]) -> None:
    built(train=20)
    chat = _json(distilgen("dataset", "plan", "--format", "json").out)["splits"]
    built("csv", train=20)
    assert _json(distilgen("dataset", "plan", "--format", "json").out)["splits"] == chat
    distilgen.write({"src/shop/_mail_distil.py": ""})
    ran = distilgen("dataset", "plan")
    assert ran.code == 123
    assert "Traceback" not in ran.err


@pytest.fixture(autouse=True)
def _no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "none"))


@pytest.fixture
def built(distilgen: Cli) -> Callable[..., Path]:
    """Writes a dataset of `shop.mail:reply` with so many rows in each split."""
    from distilgen.dataset import manifest
    from distilgen.dataset.tables import CsvTable
    from distilgen.rows import FORMATS

    distilgen("instrument", "--all")
    with Project.at(distilgen.folder, _refuse) as project:
        (contract,) = project.frozen()

    def write(format_name: str = "openai-tools", text: str = "Hello!", **counts: int) -> Path:
        folder = distilgen.folder / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for split, count in counts.items():
            path = folder / f"{split}.{'csv' if format_name == 'csv' else 'jsonl'}"
            calls = [({"text": f"{text} {n}"}, {"to": "Ann", "urgent": n % 2 == 0})
                for n in range(count)]  # fmt: skip
            if format_name == "csv":
                with path.open("wb") as file:
                    table = CsvTable(contract, file)
                    for arguments, result in calls:
                        table.write(arguments, result)
                    table.close()
            else:
                rows = (FORMATS[format_name](contract, *call) for call in calls)
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            files[split] = manifest.Part(path.name, count, path.stat().st_size, "0" * 64)
        made = manifest.Manifest(
            FUNCTION, contract.fingerprint, format_name, files=files,
        )  # fmt: skip
        manifest.write(folder, made)
        return folder

    return write


def _refuse(error: Exception) -> None:
    raise error
