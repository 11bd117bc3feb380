"""What several tests share: a small project, written from a table row; records in files."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import postgres_server
import pytest

from distilgen.contract import Contract
from distilgen.embedded.exact import Constant, Copy, Source
from distilgen.embedded.model import Fields, Model
from distilgen.embedded.novelty import Novelty
from distilgen.project import Project
from distilgen.runtime import beside, clients, control, settings, sinks, student

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from postgres_server import PostgresServer

    from distilgen.errors import SourceError


@pytest.fixture(autouse=True)
def fresh_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has recorded, configured and asked nothing yet, and has no key."""
    for name in os.environ:
        if name.startswith(("OPENAI_", "DISTILGEN_")):
            monkeypatch.delenv(name)
    settings.forget()
    control.recorders.clear()
    control.inside.set(None)
    yield
    sinks.forget()
    settings.forget()
    student._cache()  # what it keeps goes: another test's server may get the same port
    beside.drain(10)
    clients.close()


@pytest.fixture
def write_tree(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Writes files by their name and content, text without its common indentation, and returns
    the folder that they stand in.
    """

    def write(tree: Mapping[str, str | bytes]) -> Path:
        for name, content in tree.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = content if isinstance(content, bytes) else dedent(content).lstrip("\n").encode()
            path.write_bytes(raw)
        return tmp_path

    return write


@pytest.fixture
def project_of(
    write_tree: Callable[[Mapping[str, str | bytes]], Path],
) -> Iterator[Callable[[Mapping[str, str | bytes]], Project]]:
    """Writes files as `write_tree` does and opens the project that they are."""

    def told(error: SourceError) -> None:
        raise error

    with ExitStack() as opened:

        def open_project(tree: Mapping[str, str | bytes]) -> Project:
            folder = write_tree({"pyproject.toml": "", **tree})
            return opened.enter_context(Project.at(folder, told, sys.executable))

        yield open_project


@pytest.fixture
def contract() -> Contract:
    made = Contract(
        function="shop.mail:compose",
        fingerprint="",
        system_prompt="Predict the results of compose.",
        user_message="{arguments}",
        tool={"name": "Email", "description": "An email.", "parameters": {"type": "object"}},
        inputs={"type": "object", "properties": {"topic": {"type": "string"}}},
    )
    return replace(made, fingerprint=made.digest())


@pytest.fixture
def line(contract: Contract) -> Callable[..., bytes]:
    """Makes the line of a record; `changes` override its values, None takes one away."""

    def make(topic: object = "a", **changes: Any) -> bytes:
        values = {
            "id": "01932a7c-0000-7000-8000-000000000000",
            "function": contract.function,
            "contract": contract.fingerprint,
            "at": "2026-11-03T01:02:03.000004Z",
            "elapsed_ms": 1.5,
            "arguments": {"topic": topic},
            "result": {"subject": topic},
            "source": "teacher",
            **changes,
        }
        values = {key: value for key, value in values.items() if value is not None}
        return json.dumps(values).encode() + b"\n"

    return make


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., Path]:
    """Writes lines into a record file, the next one each time, and returns the folder."""

    def write(*lines: bytes) -> Path:
        folder = tmp_path / "records"
        folder.mkdir(exist_ok=True)
        number = len(list(folder.iterdir())) + 1
        (folder / f"records-{number:06}.jsonl").write_bytes(b"".join(lines))
        return folder

    return write


@pytest.fixture
def numbers() -> Callable[[Contract], Model]:
    """Makes an embedded student of `reply(text) -> Email(to, urgent)`: it answers with the number
    that the text holds, and abstains where it holds none.
    """

    def make(contract: Contract) -> Model:
        to = Copy(Source(("text",), ("number", "text")), 0.99)
        return Model(
            function=contract.function,
            contract=contract.fingerprint,
            predictor=Fields({"to": to, "urgent": Constant("false", 1.0)}),
            gate=Novelty(("text",), ()),
            threshold=0.9,
            target=0.98,
            rows=200,
            made_by="distilgen 0",
        )

    return make


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    server = postgres_server.the_server()
    yield server
    server.remove()


@pytest.fixture
def postgres(_postgres: PostgresServer) -> PostgresServer:
    """A running server, which a test may stop."""
    _postgres.start()
    return _postgres
