"""What the tests of datasets share: a contract, and folders of records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
