"""`distilgen train` without a provider: the embedded student, from records to an answer."""

from __future__ import annotations

import importlib.util
import random
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from distilgen import lock
from distilgen.embedded import file, names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Cli

    Records = Callable[[Mapping[str, str]], None]

NAMES = ("Maria", "Jonas", "Aiko", "Samuel", "Lena", "Omar", "Petra", "Yusuf", "Clara", "Diego")
WORDS = ("order", "arrived", "broken", "please", "send", "another", "soon", "thanks", "late")


@pytest.fixture
def reply(distilgen: Cli, records: Records) -> Callable[[int], None]:
    """Builds a dataset of so many calls of `shop.mail:reply`."""

    def build(count: int) -> None:
        draw = random.Random(0)
        answers: dict[str, str] = {}
        while len(answers) < count:
            name, urgent = draw.choice(NAMES), draw.random() < 0.5
            text = " ".join([name, *draw.choices(WORDS, k=6)]) + "!" * urgent
            answers[text] = f'{{"to":"{name}","urgent":{str(urgent).lower()}}}'
        assert distilgen("instrument", "--all").code == 0
        records(answers)
        assert distilgen("dataset", "build").code == 0

    return build


def test_a_student_from_records(distilgen: Cli, reply: Callable[[int], None]) -> None:
    reply(250)
    ran = distilgen("train", "reply")
    assert ran.code == 0, ran.err
    assert "is ready" in ran.out
    assert "part 10 of 10: " in ran.out
    assert "to            " in ran.out
    assert "It answers " in ran.out
    name = ran.out.splitlines()[-1].removeprefix("shop.mail:reply: ")
    known = lock.read(distilgen.folder)
    entry = known.models[name]
    assert entry.provider == "student"
    assert entry.agreement == 1.0
    assert entry.coverage
    assert entry.coverage > 0.8
    assert known.latest("shop.mail:reply", entry.contract) == name
    git = ("git", "-c", "init.defaultBranch=main")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    added = subprocess.run([*git, "ls-files"], capture_output=True, encoding="utf-8", check=True)
    ours = {path for path in added.stdout.splitlines() if path.startswith(".distilgen")}
    assert ours == {".distilgen/.gitignore", f".distilgen/students/{names.file_name(name)}"}
    shutil.rmtree(".git")
    model = file.load(distilgen.folder / ".distilgen/students" / names.file_name(name))
    found = model.answer({"text": "Maria please send another order soon thanks!"})
    assert found.value == {"to": "Maria", "urgent": True}
    assert f"--mode fallback --model {name}" in ran.err
    before = distilgen.snapshot()
    again = distilgen("train", "reply")
    assert (again.code, again.out.splitlines()[-1]) == (0, ran.out.splitlines()[-1])
    assert "part" not in again.out
    assert distilgen.snapshot() == before


def test_few_records_answer_nothing(distilgen: Cli, reply: Callable[[int], None]) -> None:
    reply(60)
    ran = distilgen("train", "reply")
    assert ran.code == 0
    assert "It answers nothing" in ran.out
    known = lock.read(distilgen.folder)
    assert [item.coverage for item in known.models.values()] == [0.0]
    assert known.latest("shop.mail:reply") is None
    assert (
        "no model of shop.mail:reply that answers is"
        in distilgen("dispatch", "--mode", "fallback", "--model", "latest", "src").err
    )
    assert "next: distilgen collect shop.mail:reply" in ran.err


def test_too_few_records(distilgen: Cli, reply: Callable[[int], None]) -> None:
    reply(8)
    ran = distilgen("train", "reply")
    assert ran.code == 123
    assert "different calls to learn from, and 10 are the least" in ran.err
    assert not (distilgen.folder / ".distilgen/students").exists()


@pytest.mark.parametrize("said", ["98", "0.3", "99.95%", "1", "x", "98%%", "nan", ""])
def test_a_target_that_is_none(said: str, distilgen: Cli) -> None:
    ran = distilgen("train", "reply", "--target", said)
    assert ran.code == 2
    assert "is no share from 50% to 99.9%, such as 98%" in ran.err


def test_a_target(distilgen: Cli, reply: Callable[[int], None]) -> None:
    reply(60)
    first = distilgen("train", "reply", "--target", "80%").out
    assert "at least 80% agree" in first
    assert distilgen("train", "reply", "--target", "0.8").out.splitlines()[-1] in first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base-model", "x"], "--base-model: is an option of --provider trl and of hosts"),
        (["--suffix", "x"], "--suffix: is an option of hosts, and this is student; leave"),
        (["--set", "a=b"], "--set: is an option of --provider trl and of hosts"),
        (["--epochs", "3"], "--epochs: is an option of --provider trl and of hosts"),
        (["--poll", "0"], "--poll: is an option of hosts"),
        (["--provider", "student", "--base-url", "http://h/v1"], "--base-url: is an option of ho"),
        (["--no-follow"], "--no-follow: the embedded student is trained by this command itself"),
        (["--target", "98%", "--provider", "openai"], "--target: is an option of --provider stud"),
        (["--target", "98%", "--provider", "trl"], "--target: is an option of --provider student"),
        (["--job", "student-0"], "student-0: trains on another dataset"),
    ],
)
def test_options_of_others(
    arguments: list[str], said: str, distilgen: Cli, reply: Callable[[int], None]
) -> None:
    reply(40)
    ran = distilgen("train", "reply", *arguments)
    assert ran.code in (2, 123)
    assert said in ran.err


def test_a_missing_package(
    distilgen: Cli, reply: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reply(40)

    def find(name: str) -> Any:
        return None if name == "sklearn" else True

    monkeypatch.setattr(importlib.util, "find_spec", find)
    ran = distilgen("train", "reply")
    assert ran.code == 123
    assert 'pip install "distilgen[student]"' in ran.err
