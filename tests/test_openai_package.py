"""The whole loop on real input: the installed `openai` package, thousands of Pydantic classes.

A copy is instrumented, its client talks to a server on loopback, the calls leave records, and
restore gives back every byte.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest
from openai_server import OpenAIServer, Request, Response, error

PROGRAM = """\
import asyncio
import sys

import openai

sync = openai.OpenAI(max_retries=0)
print(openai.__file__)
print(sync.models.retrieve("small").owned_by)
print([model.id for model in sync.models.list()])
print(sync.embeddings.create(model="small", input="one").data[0].embedding)
try:
    sync.models.retrieve("missing")
except openai.NotFoundError as error:
    print(error.code)


async def main():
    async with openai.AsyncOpenAI(max_retries=0) as client:
        print((await client.models.retrieve("large")).owned_by)
        print((await client.embeddings.create(model="large", input=["two"])).usage.total_tokens)


asyncio.run(main())
sync.close()
"""


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": f"owner of {name}"}


def _respond(request: Request) -> Response:
    match request.path.removeprefix("/v1/").split("/"):
        case ["models"]:
            return Response(body={"object": "list", "data": [_model("small"), _model("large")]})
        case ["models", "missing"]:
            return error(404, "no such model", "model_not_found")
        case ["models", name]:
            return Response(body=_model(name))
        case ["embeddings"]:
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            vector = {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}
            name = request.json()["model"]
            body = {"object": "list", "model": name, "data": [vector], "usage": usage}
            return Response(body=body)
    return error(404, "no such path", None)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package in it."""
    folder = tmp_path_factory.mktemp("project")
    source = Path(openai.__file__).parent
    shutil.copytree(source, folder / "openai", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyproject.toml").touch()
    return folder


def _distilgen(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "distilgen", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_instrumented_client_works_records_and_is_restored(project: Path) -> None:
    before = _files(project)
    ran = _distilgen(project, "instrument", "openai")
    assert ran.returncode == 0, ran.stderr[-3000:]
    functions = ran.stdout.splitlines()
    assert len(functions) > 500
    assert {
        "instrumented: openai.resources.models:Models.retrieve",
        "instrumented: openai.resources.models:AsyncModels.retrieve",
    } <= set(functions)

    with OpenAIServer(_respond) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=project,
            env={
                **{key: value for key, value in os.environ.items() if "OPENAI" not in key},
                "OPENAI_BASE_URL": server.base_url,
                "OPENAI_API_KEY": "k",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    where, *said = done.stdout.splitlines()
    assert Path(where).is_relative_to(project)
    assert said == [
        "owner of small", "['small', 'large']", "[0.5, -1.0]", "model_not_found",
        "owner of large", "1",
    ]  # fmt: skip

    records = _records(project)
    assert [(record["function"].rpartition(":")[2], _outcome(record)) for record in records] == [
        ("Models.retrieve", "small"),
        ("Models.list", "list"),
        ("Embeddings.create", "list"),
        ("Models.retrieve", "openai.NotFoundError"),
        ("AsyncModels.retrieve", "large"),
        ("AsyncEmbeddings.create", "list"),
    ]
    assert records[0]["arguments"]["model"] == "small"
    assert records[2]["result"]["data"][0]["embedding"] == [0.5, -1.0]

    ran = _distilgen(project, "restore", "openai")
    assert ran.returncode == 0, ran.stderr[-3000:]
    shutil.rmtree(project / ".distilgen")
    assert _files(project) == before


def _records(project: Path) -> list[dict[str, Any]]:
    lines = (project / ".distilgen/records/records-000001.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if "openai.resources" in line]


def _outcome(record: dict[str, Any]) -> str:
    result = record.get("result")
    if result is None:
        return str(record["error"]["type"])
    return str(result.get("id", result.get("object")))
