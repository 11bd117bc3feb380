"""The embedded student as a provider: jobs, files, and what is done again."""

from __future__ import annotations

import importlib.util
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.embedded import file, names
from distilgen.errors import TrainingError
from distilgen.training.embedded.provider import StudentProvider
from distilgen.training.provider import Dataset, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.training.embedded.fitter import Fitter


@pytest.fixture
def dataset(tmp_path: Path, contract_of: Callable[..., Contract]) -> Dataset:
    draw = random.Random(0)
    folder = tmp_path / "datasets"
    folder.mkdir()
    schema = {"properties": {"to": {"type": "string"}, "team": {"enum": ["a", "b"]}}}
    contract = contract_of(schema, {"name": {"type": "string"}, "topic": {"type": "string"}})
    counts = {"train": 180, "validation": 20, "test": 30}
    for split, count in counts.items():
        rows = []
        for _ in range(count):
            name, topic = f"n{draw.random()}", draw.choice(["bill", "bug"])
            result = {"to": name, "team": {"bill": "a", "bug": "b"}[topic]}
            rows.append({"arguments": {"name": name, "topic": topic}, "result": result})
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, "utf-8")
    train, validation, test = (folder / f"{split}.jsonl" for split in counts)
    return Dataset(folder, contract, "raw", train, validation, test, "0" * 64, 180)


@pytest.fixture
def provider(tmp_path: Path, fitters: Sequence[Fitter]) -> StudentProvider:
    return StudentProvider(tmp_path / "students", tmp_path / "runs", fitters=fitters)


def trained(provider: StudentProvider, dataset: Dataset) -> tuple[Job, list[str]]:
    told: list[str] = []
    return provider.follow(provider.create(dataset), told.append), told


def test_a_job_becomes_a_student(provider: StudentProvider, dataset: Dataset) -> None:
    job = provider.create(dataset)
    assert (job.state, job.ended, job.id[:8]) == ("ready", False, "student-")
    told: list[str] = []
    done = provider.follow(job, told.append)
    assert (done.id, done.state) == (job.id, "succeeded")
    assert told[0] == "200 calls to learn from, 30 for the test"
    assert len(told) == 12
    made = provider.result(done)
    assert made.name == done.model
    assert made.place is not None
    model = file.load(made.place)
    assert names.name_of(model, made.place.read_bytes()) == made.name
    assert model.answer({"name": "n3", "topic": "bug"}).value == {"to": "n3", "team": "b"}
    assert made.report[0].startswith("field")
    assert any(line.startswith("Test: it answers 30 of 30 calls") for line in made.report)
    assert made.following == (
        f"dispatch --all --only shop.mail:reply --mode fallback --model {made.name}",
    )


def test_the_same_again_comes_back_at_once(provider: StudentProvider, dataset: Dataset) -> None:
    job, _ = trained(provider, dataset)
    again, told = trained(provider, dataset)
    assert again == job
    assert told == []
    assert provider.resume(dataset, job.id) == job
    assert provider.result(again) == provider.result(job)


def test_the_same_again_elsewhere_has_the_same_bytes(
    provider: StudentProvider, dataset: Dataset, tmp_path: Path
) -> None:
    trained(provider, dataset)
    other = StudentProvider(tmp_path / "s", tmp_path / "r", fitters=provider.fitters)
    trained(other, dataset)
    first, second = (next(folder.iterdir()) for folder in (tmp_path / "students", tmp_path / "s"))
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: next(folder.iterdir()).unlink(), id="removed"),
        pytest.param(lambda folder: next(folder.iterdir()).write_bytes(b"x"), id="damaged"),
    ],
)
def test_a_student_that_is_gone_is_trained_anew(
    provider: StudentProvider, dataset: Dataset, change: Callable[[Path], None], tmp_path: Path
) -> None:
    job, _ = trained(provider, dataset)
    change(tmp_path / "students")
    with pytest.raises(TrainingError, match="made no student; run the command again"):
        provider.result(job)
    assert provider.create(dataset).state == "ready"
    again, _ = trained(provider, dataset)
    assert again == job
    assert provider.result(again).place is not None


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_other_content_is_another_job(
    provider: StudentProvider, dataset: Dataset, split: str
) -> None:
    job = provider.create(dataset)
    path = dataset.folder / f"{split}.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    assert provider.create(dataset).id != job.id
    with pytest.raises(TrainingError, match="trains on another dataset, or with other settings"):
        provider.resume(dataset, job.id)


def test_other_settings_are_another_job(provider: StudentProvider, dataset: Dataset) -> None:
    names = {
        provider.create(dataset).id,
        replace(provider, target=0.9).create(dataset).id,
        replace(provider, seed=1).create(dataset).id,
    }
    assert len(names) == 3


def test_an_interrupted_training_goes_on(provider: StudentProvider, dataset: Dataset) -> None:
    job = provider.create(dataset)

    def interrupt(line: str) -> None:
        if line.startswith("part 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provider.follow(job, interrupt)
    done = sorted(path.name for path in (provider.runs / job.id).iterdir())
    assert done == ["fold-1.json", "fold-2.json", "fold-3.json"]
    (provider.runs / job.id / "fold-2.json").write_text("{", "utf-8")  # half written by others
    again = provider.resume(dataset, job.id)
    assert again.state == "ready"
    assert provider.follow(again, lambda _: None).state == "succeeded"


def test_a_cancelled_training_begins_anew(provider: StudentProvider, dataset: Dataset) -> None:
    job = provider.create(dataset)
    assert provider.cancel(job).state == "cancelled"
    done, _ = trained(provider, dataset)
    assert provider.cancel(done) == done


def test_a_target_out_of_reach_is_said(provider: StudentProvider, dataset: Dataset) -> None:
    job, _ = trained(replace(provider, target=0.999), dataset)
    assert job.state == "succeeded"
    made = replace(provider, target=0.999).result(job)
    assert any(line.startswith("It answers nothing") for line in made.report)
    assert made.following == ("collect shop.mail:reply",)


def test_too_few_rows_are_refused(provider: StudentProvider, dataset: Dataset) -> None:
    dataset.train.write_text(dataset.train.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    few = replace(dataset, validation=None, rows=1)
    with pytest.raises(TrainingError, match="holds 1 different calls to learn from"):
        trained(provider, few)
    assert not provider.students.exists()


def test_a_missing_package_is_named(
    provider: StudentProvider, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> Any:
        return None if name == "sklearn" else True

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(TrainingError, match=r'takes sklearn: pip install "distilgen\[student\]"'):
        provider.create(dataset)
