"""TRL trains a model of some ten thousand weights, in a process of its own, on this CPU."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from distilgen.contract import Contract, canonical_json
from distilgen.rows import FORMATS
from distilgen.training.provider import Dataset, Job
from distilgen.training.trl import TrlProvider
from distilgen.training.trl_run import process
from distilgen.training.trl_run.folder import Run
from distilgen.training.trl_run.settings import Settings

pytest.importorskip("trl")

HERE = Path(__file__).parent
FORMAT = "openai-tools"
FAST = Settings(epochs=20, batch_size=8, learning_rate=1e-2, lora_rank=8, more={"save_steps": 2})
CONTRACT = Contract(
    function="shop.mail:reply",
    fingerprint="c0ffee",
    system_prompt="Answer in place of a function.\n\ndef reply(text: str) -> Email",
    user_message="{arguments}",
    tool={
        "name": "Email",
        "description": "An email.",
        "parameters": {
            "type": "object",
            "properties": {"to": {"type": "string"}, "urgent": {"type": "boolean"}},
        },
    },
    inputs={"type": "object", "properties": {"text": {"type": "string"}}},
)
LOOKS = HERE / "trl_looks.py"


def dataset_in(folder: Path) -> Dataset:
    """24 rows to train on, 4 to validate."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", 24), ("validation", 4)):
        rows = [
            FORMATS[FORMAT](
                CONTRACT, {"text": f"letter {n}"}, {"to": "Zoë 🙂", "urgent": n % 2 == 0}
            )
            for n in range(count)
        ]
        text = "".join(canonical_json(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_bytes(text.encode())
    train = folder / "train.jsonl"
    digest = hashlib.sha256(train.read_bytes()).hexdigest()
    return Dataset(
        folder, CONTRACT, FORMAT, train, folder / "validation.jsonl", None, digest, rows=24
    )


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU, on one thread."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(process, "gpus", lambda: 0)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all tests, in all of pytest's processes."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def tiny(shared: Path) -> Path:
    """The folder of a model, which is made once."""
    folder = shared / "tiny"
    with FileLock(shared / "tiny.lock"):
        if not (folder / "config.json").exists():
            dataset = dataset_in(shared / "dataset")
            words = [sys.executable, str(HERE / "tiny_checkpoint.py"), str(folder)]
            subprocess.run([*words, str(dataset.train)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def trained(shared: Path, tiny: Path) -> tuple[TrlProvider, Dataset, Job]:
    """A run that nothing has disturbed, which is trained once."""
    dataset = dataset_in(shared / "dataset")
    provider = TrlProvider(tiny, shared / "runs", FAST, say=lambda _: None)
    environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    with (
        FileLock(shared / "runs.lock"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(process, "gpus", lambda: 0)
        for name, value in environment.items():
            patch.setenv(name, value)
        return provider, dataset, provider.follow(provider.create(dataset), lambda _: None)


def looked(*arguments: object) -> Any:
    """What `trl_looks.py` prints."""
    words = [sys.executable, str(LOOKS), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_adapter_has_learned_and_peft_loads_it(
    trained: tuple[TrlProvider, Dataset, Job], tiny: Path
) -> None:
    provider, _, job = trained
    assert (job.state, job.reason) == ("succeeded", "")
    made = provider.result(job)
    assert made.place is not None
    assert made.name == job.model == f"mail-reply-{job.id[-8:]}"
    files = {path.name for path in made.place.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json"} <= files
    run = Run(provider.runs / job.id)
    found = looked("losses", tiny, made.place, run.rows_file("train"))
    assert found["after"] < found["before"] - 0.5
    assert (found["rows"], found["too_long"]) == (24, 24)  # such are left out, and not cut
    result = run.result()
    assert result is not None
    assert result["last_loss"] < result["first_loss"] - 0.5
    assert result["eval_loss"] < result["eval_loss_before"] - 0.5
    assert result["steps"] == 60
    text = "\n".join(made.report)
    assert f"--lora-modules {made.name}=" in text
    assert "--max-lora-rank 8" in text
    assert "tokens/s" in text
    assert any(line.startswith("dispatch --all --only shop.mail:reply") for line in made.following)


def test_what_is_told(trained: tuple[TrlProvider, Dataset, Job]) -> None:
    provider, dataset, job = trained
    lines: list[str] = []
    again = provider.follow(replace(job, state="running"), lines.append)
    assert again == job
    text = "\n".join(lines)
    assert "train: 24 rows, " in text
    assert 'the first row\'s answer: {"to":"Zoë 🙂","urgent":true}<|im_end|>' in text
    assert "before training: validation loss" in text
    assert "step 60 of 60: loss" in text
    config = Run(provider.runs / job.id).config()
    assert config is not None
    assert config["rows"] == {"train": 24, "validation": 4}
    assert config["settings"]["learning_rate"] == 1e-2
    assert config["dataset"] == dataset.digest
    assert set(process.PACKAGES) <= config["packages"].keys()


def test_what_is_asked_is_what_a_live_call_sends(
    trained: tuple[TrlProvider, Dataset, Job],
) -> None:
    provider, dataset, job = trained
    run = Run(provider.runs / job.id)
    config = run.config()
    assert config is not None
    first = json.loads(run.rows_file("train").read_text("utf-8").partition("\n")[0])
    request = dataset.contract.request({"text": "letter 0"})
    assert (first["prompt"], config["tools"]) == (request["messages"], request["tools"])


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_run_that_is_killed_goes_on_from_its_last_whole_checkpoint(
    trained: tuple[TrlProvider, Dataset, Job], tiny: Path, tmp_path: Path
) -> None:
    provider, dataset, whole = trained
    said: list[str] = []
    other = TrlProvider(tiny, tmp_path, FAST, say=said.append)
    job = other.create(dataset)
    run = Run(tmp_path / job.id)
    while not run.last_step():
        time.sleep(0.02)
    os.kill(json.loads((run.path / "process.json").read_text("utf-8"))["pid"], signal.SIGKILL)
    killed = other.follow(job, lambda _: None)
    assert killed.state == "failed"
    assert "it was killed" in killed.reason
    step = run.last_step()
    assert 0 < step < 60
    torn = run.checkpoints / f"checkpoint-{step + 1}"
    torn.mkdir(exist_ok=True)
    (torn / "trainer_state.json").write_text("{")
    job = other.create(dataset)
    assert f"goes on from step {step}" in said
    done = other.follow(job, lambda _: None)
    assert (done, done.state) == (whole, "succeeded")
    assert not torn.exists()
    # The seed decides: what was interrupted is, to the byte, what was not.
    name = "model/adapter_model.safetensors"
    ours, theirs = run.path / name, provider.runs / whole.id / name
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="no SIGTERM")
def test_ctrl_c_ends_the_process_with_a_checkpoint(
    tiny: Path, shared: Path, tmp_path: Path
) -> None:
    dataset = dataset_in(shared / "dataset")
    provider = TrlProvider(tiny, tmp_path, replace(FAST, epochs=200, full=True), say=lambda _: None)
    job = provider.create(dataset)
    run = Run(tmp_path / job.id)
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        if line.startswith("step 1 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provider.follow(job, interrupt)
    assert not run.is_held()
    assert lines[-1] == f"the same command goes on from step {run.last_step()}"
    assert run.last_step() >= 1


def test_all_weights(tiny: Path, shared: Path, tmp_path: Path) -> None:
    dataset = dataset_in(shared / "dataset")
    full = replace(FAST, epochs=1, full=True)
    provider = TrlProvider(tiny, tmp_path, full, say=lambda _: None)
    job = provider.follow(provider.create(dataset), lambda _: None)
    assert (job.state, job.reason) == ("succeeded", "")
    made = provider.result(job)
    assert made.place is not None
    files = {path.name for path in made.place.iterdir()}
    assert {"model.safetensors", "config.json", "chat_template.jinja"} <= files
    assert "adapter_config.json" not in files
    assert f"--served-model-name {made.name}" in "\n".join(made.report)
    weights = "model.safetensors"
    assert (made.place / weights).read_bytes() != (tiny / weights).read_bytes()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            replace(FAST, more={"warmup_stepz": 3}),
            "--set warmup_stepz: is no setting of TRL's SFTConfig, did you mean warmup_steps?",
        ),
        (
            replace(FAST, more={"gradient_accumulation_steps": 0}),
            "TRL takes not what is set (gradient_accumulation_steps): integer division or modulo",
        ),
        (replace(FAST, learning_rate=1e30), "at step 3, it gives no numbers any more"),
        (replace(FAST, learning_rate=1e38, epochs=0.3, more={}), "at step 1, it gives no numbers"),
    ],
    ids=["unknown setting", "impossible setting", "loss runs away", "weights run away at the end"],
)
def test_what_cannot_be_trained_is_refused_in_words(
    wrong: Settings, reason: str, tiny: Path, shared: Path, tmp_path: Path
) -> None:
    dataset = dataset_in(shared / "dataset")
    provider = TrlProvider(tiny, tmp_path, wrong, say=lambda _: None)
    job = provider.follow(provider.create(dataset), lambda _: None)
    assert job.state == "failed"
    assert reason in job.reason
    assert not Run(tmp_path / job.id).model.exists()


LLAMA = """\
{{- bos_token or "" }}{% for m in messages %}<{{ m.role }}>
{%- if m.tool_calls %}{{ '{"name": "' ~ m.tool_calls[0].function.name ~ '", "parameters": ' }}
{{- m.tool_calls[0].function.arguments | tojson ~ "}" }}{% else %}{{ m.content }}{% endif %}
{%- if loop.first and tools %}{{ tools | tojson }}{% endif %}</{{ m.role }}>
{%- endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"""
THINKING = LLAMA.replace("<assistant>{% endif %}", "<assistant><think>{% endif %}")
NO_TOOLS = LLAMA.replace("if loop.first and tools", "if false")
NO_CALLS = LLAMA.replace("if m.tool_calls", "if false")
NO_SYSTEM = '{% if messages[0].role == "system" %}{{ raise_exception("no system") }}{% endif %}'
RESULT = {"to": "Zoë 🙂", "urgent": True}


def case(answer: dict[str, Any], template: str | None = None, *, tools: bool = True) -> Any:
    row = {"prompt": CONTRACT.messages({"text": "a"}), "completion": [answer]}
    return {"row": row, "tools": CONTRACT.tools() if tools else [], "template": template}


def test_labels_cover_exactly_the_answer(tiny: Path, tmp_path: Path) -> None:
    text = {"role": "assistant", "content": CONTRACT.answer(RESULT)}
    call = FORMATS["trl"](CONTRACT, {}, RESULT)["messages"][-1]
    spaced = '{"to": "Zoë 🙂", "urgent": true}'
    called = f'{{"name": "Email", "arguments": {spaced}}}'
    cases: list[tuple[Any, str]] = [
        (case(text, tools=False), CONTRACT.answer(RESULT) + "<|im_end|>"),
        (case(text), CONTRACT.answer(RESULT) + "<|im_end|>"),
        (case(call), f"<tool_call>\n{called}\n</tool_call><|im_end|>"),
        # a template without an end gets one
        (case(call, LLAMA), f'{{"name": "Email", "parameters": {spaced}}}</assistant><|im_end|>'),
        (case(text, THINKING), CONTRACT.answer(RESULT) + "</assistant><|im_end|>"),
    ]  # fmt: skip
    refused = [
        (case(call, NO_TOOLS), "writes no tools; say --answers json-schema"),
        (case(call, NO_CALLS), "writes no tool calls; say"),
        (case(text, NO_SYSTEM), "refuses a conversation of system, user: no system; take another"),
        (case(text, "{% if %}"), "refuses a conversation of system, user: "),
    ]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([one for one, _ in [*cases, *refused]]), "utf-8")
    found = looked("labels", tiny, file)
    for (one, wanted), made in zip(cases, found[: len(cases)], strict=True):
        assert made["trained"].endswith(wanted), made
        assert made["trained"] == wanted or one["template"] == THINKING
        assert made["aligned"]
        assert made["text"].endswith(made["trained"])
        asked = made["text"].removesuffix(made["trained"])
        assert CONTRACT.system_prompt in asked
        assert ('"name": "Email"' in asked) == bool(one["tools"])
    assert [made["unseen"] for made in found[: len(cases)]] == ["", "", "", "", "<think>"]
    for (_, said), made in zip(refused, found[len(cases) :], strict=True):
        assert said in made["refused"]
