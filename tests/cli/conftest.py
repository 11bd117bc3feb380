"""A project on disk, and the command line run on it in this process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from fine_tuning_server import FineTuningServer

from distilgen import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MODELS = '''\
"""Models."""

from pydantic import BaseModel, Field


class Email(BaseModel):
    """An email."""

    to: str
    urgent: bool = Field(description="Send it now?")
'''

MAIL = '''\
"""Mail."""

from shop.models import Email


def reply(text: str) -> Email:
    """Answer a letter."""
    # the teacher
    urgent = "!" in text
    return Email(to=text.split()[0], urgent=urgent)


def subject(text: str) -> str:
    return text
'''


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Runs `distilgen` with a folder as working directory."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Ran:
        self.capture.readouterr()
        code = cli.run(list(arguments))
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)

    def write(self, tree: Mapping[str, str]) -> None:
        """Write files, exactly as given."""
        for name, text in tree.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def read(self, name: str) -> str:
        """The text of a file."""
        return (self.folder / name).read_bytes().decode()

    def snapshot(self) -> dict[str, bytes]:
        """Every file below the folder but compiled ones, the cache and what a run needs."""
        ours = self.folder / ".distilgen"
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and path.suffix != ".pyc"
            and not path.is_relative_to(ours / "cache")
            and path not in (ours / ".gitignore", ours / "run.lock")
        }


@pytest.fixture
def distilgen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Cli:
    """The command line in a project with one candidate, `shop.mail:reply`."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISTILGEN_RECORDS", "DISTILGEN_TIMEOUT", "DISTILGEN_DISABLED", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    runner = Cli(tmp_path, capsys)
    runner.write({
        "pyproject.toml": "",
        "src/shop/__init__.py": "",
        "src/shop/models.py": MODELS,
        "src/shop/mail.py": MAIL,
    })  # fmt: skip
    return runner


@pytest.fixture
def host() -> Iterator[FineTuningServer]:
    """A host with OpenAI's fine-tuning API."""
    with FineTuningServer() as server:
        yield server


@pytest.fixture
def slept(host: FineTuningServer, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that commands made; the host's time goes on by them."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        host.now += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    return pauses


@pytest.fixture
def records(distilgen: Cli) -> Callable[[Mapping[str, str]], None]:
    """Writes records of `shop.mail:reply`: answers as JSON by the text that was asked."""

    def write(answers: Mapping[str, str]) -> None:
        contract = next(iter(distilgen.read("src/shop/_mail_distil.py").split('fingerprint="')[1:]))
        fingerprint = contract.partition('"')[0]
        lines = [
            f'{{"id":"{number}","function":"shop.mail:reply","contract":"{fingerprint}",'
            f'"at":"2026-01-01T00:00:00Z","elapsed_ms":1.0,"arguments":{{"text":"{text}"}},'
            f'"result":{answer},"source":"teacher"}}\n'
            for number, (text, answer) in enumerate(answers.items())
        ]
        distilgen.write({".distilgen/records/records-000001.jsonl": "".join(lines)})

    return write
