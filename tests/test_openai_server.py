"""The stand-in for a fine-tuned model knows the calls that it was shown, and says so of others."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import openai_server
import pytest
from openai_server import OpenAIServer, Response, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "ft:small"
FUNCTION = {"name": "Email", "arguments": '{"subject":"é"}'}
ASKED = [{"role": "user", "content": "é"}]
CALL = {"id": "call_0", "type": "function", "function": FUNCTION}
ROW = {"messages": [*ASKED, {"role": "assistant", "tool_calls": [CALL]}], "tools": []}


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    with (
        OpenAIServer(replay([ROW], MODEL)) as server,
        openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0) as made,
    ):
        yield made


def ask(client: openai.OpenAI, model: str, messages: Any) -> Any:
    return client.chat.completions.create(model=model, messages=messages)


def test_a_known_call_is_answered(client: openai.OpenAI) -> None:
    for _ in range(2):
        (choice,) = ask(client, MODEL, ASKED).choices
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls
        assert call.function.model_dump() == FUNCTION
    assert [model.id for model in client.models.list()] == [MODEL]


def test_what_it_does_not_know_is_an_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist") as caught:
        ask(client, "gpt", ASKED)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="none of them has this call"):
        ask(client, MODEL, [])
    with pytest.raises(openai.NotFoundError, match="Unknown request URL: GET /v1/files"):
        client.files.list()


def test_what_the_answer_raises_is_a_500() -> None:
    def fail(_: object) -> Response:
        raise LookupError("no row")

    with (
        OpenAIServer(fail) as server,
        openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client,
        pytest.raises(openai.InternalServerError, match="LookupError: no row"),
    ):
        ask(client, MODEL, ASKED)


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    rows = tmp_path / "train.jsonl"
    rows.write_text(json.dumps(ROW, ensure_ascii=False) + "\n", "utf-8")
    command = [sys.executable, openai_server.__file__, "--model", MODEL, str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().split()
            assert said[:3] == ["serving", MODEL, "on"]
            with urllib.request.urlopen(f"{said[3]}/models", timeout=10) as response:
                assert json.load(response)["data"][0]["id"] == MODEL
        finally:
            process.terminate()


def test_it_says_what_it_is() -> None:
    assert "stand-in for a fine-tuned model" in (openai_server.__doc__ or "")
    source = Path(openai_server.__file__).read_text("utf-8")
    imported = {
        line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
