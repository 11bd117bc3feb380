"""Runs without TRL: their folders, settings, rows and what is said; a small program stands in for
the training process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import JSON_SCHEMA, TOOL, Contract, canonical_json
from distilgen.errors import TrainingError, UsageError
from distilgen.rows import FORMATS
from distilgen.training.provider import Dataset, Job
from distilgen.training.trl import TrlProvider
from distilgen.training.trl_run import checkpoint, conversations, explained, process, serving
from distilgen.training.trl_run.folder import Run
from distilgen.training.trl_run.settings import Settings, more, taught

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT = Contract(
    function="shop.mail:Desk.reply",
    fingerprint="c0ffee",
    system_prompt="Answer.",
    user_message="{arguments}",
    tool={"name": "Email", "description": "", "parameters": {"type": "object"}},
    inputs={"type": "object", "properties": {"text": {"type": "string"}}},
)
# What a training process leaves. Its first argument is the run's folder, the others what it does.
CHILD = """
import json, sys, time
from pathlib import Path
from distilgen.training.trl_run.folder import Run
run = Run(Path(sys.argv[1]))
with run.held() as alone:
    if not alone or run.result():
        sys.exit(0)
    for act in sys.argv[2:]:
        kind, _, value = act.partition("=")
        if kind == "log":
            run.tell("training", step=0, steps=4)
            run.tell("log", step=2, seconds=1.0, loss=float(value), num_tokens=100)
        elif kind == "checkpoint":
            folder = run.checkpoints / f"checkpoint-{value}"
            folder.mkdir(parents=True)
            (folder / "state").write_text("x")
            run.complete(int(value))
        elif kind == "say":
            print(value, flush=True)
        elif kind == "wait":
            run.tell("log", step=2, seconds=1.0, loss=9.0, num_tokens=100)
            time.sleep(600)
        elif kind == "fail":
            run.tell("failed", reason=value)
            sys.exit(1)
        elif kind == "exit":
            sys.exit(int(value))
        elif kind == "done":
            run.model.mkdir()
            run.write("result.json", {
                "steps": 4, "since": 0, "first_loss": 2.0, "last_loss": 1.0, "eval_loss": None,
                "eval_loss_before": None, "seconds": 2.0, "tokens": 3000,
                "tokens_per_second": 1500.0, "device": "cuda:0",
            })
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a checkpoint."""
    folder = tmp_path / "Tiny 1"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return dataset_of(tmp_path, "openai-tools")


def dataset_of(folder: Path, name: str, contract: Contract = CONTRACT) -> Dataset:
    path = folder / "train.jsonl"
    rows = [FORMATS[name](contract, {"text": f"é{n}"}, {"to": "Ann"}) for n in range(3)]
    path.write_bytes("".join(canonical_json(row) + "\n" for row in rows).encode())
    return Dataset(folder, contract, name, path, None, None, "d" * 64, rows=3)


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What the next training process does."""
    found: list[str] = []
    script = tmp_path / "child.py"
    script.write_text(CHILD)

    def command(run: Run, _processes: int) -> list[str]:
        return [sys.executable, str(script), str(run.path), *found]

    monkeypatch.setattr(process, "command", command)
    monkeypatch.setattr(process, "versions", lambda: dict.fromkeys(process.PACKAGES, "1"))
    monkeypatch.setattr(process, "gpus", lambda: 0)
    return found


@pytest.fixture
def provider(model: Path, tmp_path: Path) -> TrlProvider:
    return TrlProvider(model, tmp_path / "runs", say=lambda _: None, pause=0.01)


def followed(provider: TrlProvider, job: Job) -> tuple[Job, list[str]]:
    lines: list[str] = []
    return provider.follow(job, lines.append), lines


def test_a_run_is_told_and_comes_back_at_once(
    provider: TrlProvider, dataset: Dataset, acts: list[str]
) -> None:
    acts += ["log=2.5", "done"]
    job, lines = followed(provider, provider.create(dataset))
    assert job.state == "succeeded"
    assert job.id.startswith("trl-Tiny-1-")
    assert job.model == f"mail-Desk.reply-{job.id[-8:]}"
    assert lines == ["step 2 of 4: loss 2.5"]
    acts[:] = ["exit=9"]
    assert provider.create(dataset) == job
    assert provider.resume(dataset, job.id) == job
    made = provider.result(job)
    assert made.report[0] == "4 steps: 3,000 tokens in 2.0 s on cuda, 1,500 tokens/s"
    assert "vllm serve" in made.report[-1]


def test_another_setting_is_another_run(
    provider: TrlProvider, dataset: Dataset, model: Path, acts: list[str], tmp_path: Path
) -> None:
    acts += ["done"]
    names = set()
    for settings in (Settings(), Settings(seed=1), Settings(full=True), Settings(more={"a": 1}),
                     Settings(answers=JSON_SCHEMA)):  # fmt: skip
        provider.settings = settings
        names.add(followed(provider, provider.create(dataset))[0].id)
    assert len(names) == 5
    provider.settings = Settings()
    acts[:] = ["exit=9"]
    moved = tmp_path / "elsewhere" / model.name
    moved.parent.mkdir()
    model.rename(moved)  # where it lies does not count, what it is does
    provider.base_model = moved
    assert provider.create(dataset).state == "succeeded"
    (moved / "model.safetensors").write_bytes(b"Weights")
    assert followed(provider, provider.create(dataset))[0].state == "failed"


def test_a_failure_is_explained_and_tried_again(
    provider: TrlProvider, dataset: Dataset, acts: list[str]
) -> None:
    acts += ["say=torch.OutOfMemoryError: CUDA out of memory. Tried", "exit=1"]
    job, _ = followed(provider, provider.create(dataset))
    assert job.state == "failed"
    assert "it ran out of memory: say a smaller --batch-size" in job.reason
    assert "CUDA out of memory. Tried" in job.reason
    acts[:] = ["fail=its chat template writes no tools"]
    job, _ = followed(provider, provider.create(dataset))
    assert (job.state, job.reason) == ("failed", "its chat template writes no tools")
    acts[:] = ["checkpoint=2", "exit=1"]
    job, _ = followed(provider, provider.create(dataset))
    assert "out of memory" not in job.reason  # that was the last time
    said: list[str] = []
    provider.say = said.append
    acts[:] = ["done"]
    job, _ = followed(provider, provider.create(dataset))
    assert job.state == "succeeded"
    assert "goes on from step 2" in said


@pytest.mark.skipif(os.name == "nt", reason="no SIGTERM")
def test_ctrl_c_and_cancel_end_the_process(
    provider: TrlProvider, dataset: Dataset, acts: list[str]
) -> None:
    acts += ["log=1", "wait"]
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        if "loss 9" in line:
            raise KeyboardInterrupt

    job = provider.create(dataset)
    with pytest.raises(KeyboardInterrupt):
        provider.follow(job, interrupt)
    assert lines[-1] == "the same command goes on from the start"
    assert not Run(provider.runs / job.id).is_held()
    acts[:] = ["checkpoint=3", "wait"]
    job = provider.create(dataset)
    run = Run(provider.runs / job.id)
    while not run.is_held() or not run.last_step():
        pass
    # another command's process: known by what is in the folder
    other = TrlProvider(provider.base_model, provider.runs, say=lambda _: None)
    assert other.create(dataset).state == "running"
    ended = other.cancel(other.create(dataset))
    assert (ended.state, ended.reason) == ("cancelled", "the same command goes on from step 3")
    assert followed(provider, job)[0].state == "interrupted"
    assert provider.cancel(ended) == ended


def test_two_commands_train_once(
    provider: TrlProvider, dataset: Dataset, acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second, which began before it could see the first, follows that one's process."""
    acts += ["log=1", "done"]
    other = TrlProvider(provider.base_model, provider.runs, say=lambda _: None, pause=0.01)
    monkeypatch.setattr(Run, "is_held", lambda _: False)
    jobs = [provider.create(dataset), other.create(dataset)]
    monkeypatch.undo()
    found: list[Job] = []
    threads = [
        threading.Thread(target=lambda p=p, j=j: found.append(followed(p, j)[0]))
        for p, j in zip((provider, other), jobs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.state for job in found] == ["succeeded"] * 2


def test_coming_back_to_what_is_not_there(
    provider: TrlProvider, dataset: Dataset, acts: list[str]
) -> None:
    for name in ("trl-x", "../trl-x", "ftjob-1"):
        with pytest.raises(TrainingError, match="is no run of trl; there is none"):
            provider.resume(dataset, name)
    acts += ["done"]
    job, _ = followed(provider, provider.create(dataset))
    with pytest.raises(TrainingError, match=f"there are: {job.id}"):
        provider.resume(dataset, "trl-x")
    for changed, said in (
        (replace(dataset, contract=replace(CONTRACT, fingerprint="beef")), "another contract"),
        (replace(dataset, digest="e" * 64), "another build of the dataset"),
    ):
        with pytest.raises(TrainingError, match=said):
            provider.resume(changed, job.id)
    run = Run(provider.runs / job.id)
    run.model.rmdir()
    with pytest.raises(TrainingError, match="is gone; remove "):
        provider.result(job)
    (run.path / "result.json").write_text("{")
    with pytest.raises(TrainingError, match=r"result.json: cannot be read .*to train anew"):
        provider.create(dataset)
    provider.base_model = None
    with pytest.raises(UsageError, match="--base-model"):
        provider.create(dataset)


def test_processes_share_the_rows_of_a_step(
    provider: TrlProvider, dataset: Dataset, acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    acts += ["done"]
    provider.processes = 3
    with pytest.raises(UsageError, match="--batch-size 8 cannot be shared by 3 processes"):
        provider.create(dataset)
    monkeypatch.setattr(process, "gpus", lambda: 1)
    provider.processes = 2
    with pytest.raises(UsageError, match="--processes 2: PyTorch sees 1 GPU"):
        provider.create(dataset)
    monkeypatch.setattr(process, "gpus", lambda: 6)
    provider.processes = None
    counts: list[int] = []
    before = process.command

    def command(run: Run, processes: int) -> list[str]:
        counts.append(processes)
        return before(run, processes)

    monkeypatch.setattr(process, "command", command)
    assert followed(provider, provider.create(dataset))[0].state == "succeeded"
    assert counts == [4]


def test_the_command_of_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "run")
    tail = ["-m", "distilgen.training.trl_run", str(run.path)]
    assert process.command(run, 1) == [sys.executable, *tail]
    monkeypatch.setattr(process, "gpus", lambda: 2)
    words = process.command(run, 2)
    assert words[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    assert "--multi_gpu" in words
    assert "--cpu" not in words
    assert words[-3:] == tail
    monkeypatch.setattr(process, "gpus", lambda: 0)
    assert "--cpu" in process.command(run, 2)


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PACKAGES", ("click", "no-such-package"))
    with pytest.raises(TrainingError, match=r'pip install "distilgen\[trl\]"'):
        process.versions()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda f: (f / "config.json").unlink(), "it has no config.json", id="config"),
        pytest.param(lambda f: (f / "config.json").write_text("{"), "cannot be read", id="json"),
        pytest.param(lambda f: (f / "model.safetensors").unlink(), "has no weights", id="weights"),
        pytest.param(lambda f: (f / "tokenizer.json").unlink(), "no tokenizer", id="tokenizer"),
        pytest.param(
            lambda f: (f / "chat_template.jinja").unlink(), "has no chat template", id="template"
        ),
        pytest.param(
            lambda f: (f / "config.json").rename(f / "adapter_config.json"),
            "is an adapter",
            id="adapter",
        ),
        pytest.param(
            lambda f: (f / "config.json").rename(f / "m.gguf"), "holds GGUF files", id="gguf"
        ),
    ],
)
def test_what_is_no_checkpoint(model: Path, spoil: Callable[[Path], object], said: str) -> None:
    assert checkpoint.opened(model).digest
    spoil(model)
    with pytest.raises(TrainingError, match=said):
        checkpoint.opened(model)


def test_a_name_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match=r"hf download Qwen/Qwen3-0.6B --local-dir Qwen3-0.6B"):
        checkpoint.opened(Path("Qwen/Qwen3-0.6B"))
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="is a file"):
        checkpoint.opened(Path("file"))


@pytest.mark.parametrize("name", FORMATS)
def test_rows_of_every_format_are_the_same_conversations(tmp_path: Path, name: str) -> None:
    dataset = dataset_of(tmp_path, name)
    for own in (False, True):
        target = tmp_path / "out.jsonl"
        assert conversations.write(dataset, CONTRACT, dataset.train, target, own_call=own) == 3
        first = json.loads(target.read_text("utf-8").partition("\n")[0])
        assert first["prompt"] == CONTRACT.messages({"text": "é0"})
        (answer,) = first["completion"]
        if own:
            assert answer["tool_calls"][0]["function"] == {
                "name": "Email",
                "arguments": {"to": "Ann"},
            }
        else:
            assert answer == {"role": "assistant", "content": '{"to":"Ann"}'}
    assert conversations.tools(CONTRACT) == CONTRACT.tools()
    in_text = taught(CONTRACT, name, JSON_SCHEMA)
    assert conversations.tools(in_text) == []
    assert taught(CONTRACT, name, None).answers == (JSON_SCHEMA if name == "openai-json" else TOOL)


def test_a_row_that_is_none(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "openai-tools")
    with dataset.train.open("a", encoding="utf-8") as file:
        file.write('{"messages": []}\n')
    target = tmp_path / "out.jsonl"
    with pytest.raises(TrainingError, match=r"train.jsonl:4: .*dataset validate"):
        conversations.write(dataset, CONTRACT, dataset.train, target, own_call=False)
    assert not target.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["a"], "say KEY=VALUE"),
        (["=1"], "say KEY=VALUE"),
        (["learning_rate=1"], "say --learning-rate"),
        (["r=1"], "say --lora-rank"),
        (["output_dir=/"], "distilgen sets it itself"),
        (["a=1", "a=2"], "is said twice"),
    ],
)
def test_what_is_not_to_be_set(given: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        more(given)


def test_values_that_are_set() -> None:
    given = ["a=1", "b=1e-3", "c=true", "d=None", "e=cosine", 'f=["q_proj"]', "g=", "h=a=b"]
    wanted = {"a": 1, "b": 1e-3, "c": True, "d": None, "e": "cosine", "f": ["q_proj"], "g": "",
              "h": "a=b"}  # fmt: skip
    assert more(given) == wanted
    assert Settings(full=True).said()["learning_rate"] == 2e-5
    assert "lora_rank" not in Settings(full=True).said()


def test_an_event_that_is_torn(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.tell("started", step=0)
    with run.events_file.open("ab") as file:
        file.write(b'{"event": "lo')
    events, place = run.events()
    assert [event["event"] for event in events] == ["started"]
    run.tell("started", step=1)
    assert [event["step"] for event in run.attempt()[0]] == [1]
    assert run.events(place)[0][-1]["step"] == 1


def test_why_a_process_ended(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    for text, code, said in (
        ("OSError: [Errno 28] No space left on device", 1, "the disk is full"),
        ("ValueError: model type `x` but Transformers does not recognize this architecture", 1,
         "install a newer version"),
        ("SafetensorError: HeaderTooLarge", 1, "fetch the model again"),
        ("", -9, "as systems do when memory runs out"),
        ("boom\n" * 20, 1, "its process ended with 1; its log is"),
    ):  # fmt: skip
        log.write_text(text)
        found = explained.reason(log, 0, code)
        assert said in found
        assert found.count("boom") <= 6
    log.write_bytes(b"out of memory\n")
    assert "memory" not in explained.reason(log, log.stat().st_size, 1)


@pytest.mark.parametrize(("rank", "served"), [(1, 8), (8, 8), (16, 16), (20, 32), (1024, 1024)])
def test_vllm_takes_few_ranks(rank: int, served: int) -> None:
    said: dict[str, Any] = {"method": "lora", "lora_rank": rank, "own_call": True}
    config = {"model": "m", "settings": said, "base_model": "base", "function": "a:b",
              "answers": TOOL}  # fmt: skip
    line = serving.command(config, Path("adapter"))
    assert line == (
        f"vllm serve base --enable-lora --lora-modules m=adapter --max-lora-rank {served}"
    )
    assert "--tool-call-parser" in serving.advice(config)[0]
    assert serving.following(config)[1].endswith("--answers tool")
