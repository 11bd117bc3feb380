"""A host of fine-tuning on loopback, a clock that nobody waits for, and a dataset to train on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from fine_tuning_server import START, FineTuningServer

from distilgen.contract import Contract
from distilgen.training.following import job_of
from distilgen.training.host import Host
from distilgen.training.provider import Dataset
from distilgen.training.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.training.provider import Job


@dataclass
class Clock:
    """Time that passes only when somebody sleeps: then at once, on the host too."""

    now: float = START
    slept: list[float] = field(default_factory=list)
    server: FineTuningServer | None = None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.server is not None:
            self.server.now = self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(clock: Clock) -> Iterator[Callable[..., FineTuningServer]]:
    """Starts a host of a shape, with the clock's time."""
    started: list[FineTuningServer] = []

    def start(shape: str = "openai") -> FineTuningServer:
        server = FineTuningServer(shape).__enter__()
        started.append(server)
        clock.server = server
        return server

    yield start
    for server in started:
        server.__exit__()


@pytest.fixture
def server(serve: Callable[..., FineTuningServer]) -> FineTuningServer:
    return serve()


@pytest.fixture
def reach(clock: Clock) -> Iterator[Callable[..., Host]]:
    """A host as commands have it: a client that tries once. sleep: in the place of the clock's."""
    import openai

    clients: list[openai.OpenAI] = []

    def made(
        server: FineTuningServer, *, sleep: Callable[[float], None] | None = None, key: str = "k"
    ) -> Host:
        client = openai.OpenAI(base_url=server.base_url, api_key=key, max_retries=0)
        clients.append(client)
        return Host("house", SHAPES[server.shape], client, clock, sleep or clock.sleep)

    yield made
    for client in clients:
        client.close()


@pytest.fixture
def host(server: FineTuningServer, reach: Callable[..., Host]) -> Host:
    return reach(server)


@pytest.fixture
def started(host: Host, server: FineTuningServer) -> Callable[..., Job]:
    """Starts a job with a life on ten rows, without the provider."""

    def start(*life: str) -> Job:
        if life:
            server.life = life
        asked = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
        file = server.add_file((json.dumps({"messages": asked}) + "\n").encode() * 10)
        create = host.client.fine_tuning.jobs.create
        return job_of(create(model="base", training_file=file.body["id"]))

    return start


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twelve rows to train on, and three to validate with."""
    contract = Contract(
        function="shop.mail:reply",
        fingerprint="0123456789abcdef0123456789abcdef",
        system_prompt="Answer.",
        user_message="{arguments}",
        tool={"name": "Email", "description": "", "parameters": {"type": "object"}},
        inputs={"type": "object", "properties": {"text": {"type": "string"}}},
    )
    folder = tmp_path / "dataset"
    folder.mkdir()

    def rows(name: str, first: int, last: int) -> Path:
        path = folder / name
        lines = [
            json.dumps(
                {
                    "messages": [
                        *contract.messages({"text": f"call {n}"}),
                        {"role": "assistant", "content": f"{n}"},
                    ]
                }
            )
            for n in range(first, last)
        ]
        path.write_bytes("".join(f"{line}\n" for line in lines).encode())
        return path

    train = rows("train.jsonl", 0, 12)
    validation = rows("validation.jsonl", 12, 15)
    digest = hashlib.sha256(train.read_bytes()).hexdigest()
    return Dataset(folder, contract, "openai-tools", train, validation, None, digest, 12)
