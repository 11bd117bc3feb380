"""The two data pipelines run from end to end, with functions as teachers and with a model."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openai_server import OpenAIServer, replay

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = {
    "document_qa": ("qa.questions", "qa.answer"),
    "citations": ("cite.questions", "cite.respond"),
}
LAST = {"document_qa": "qa:answer", "citations": "cite:respond"}


def _run(folder: Path, example: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not (folder / "examples").exists():
        ignored = shutil.ignore_patterns("__pycache__", ".distilgen")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=ignored)
    command = [sys.executable, f"examples/{example}/run.py", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def _example(folder: Path, example: str, *arguments: str) -> Path:
    """Runs an example; the folder of its copy."""
    done = _run(folder, example, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build/demo" / example


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _records(copy: Path, function: str) -> list[dict[str, Any]]:
    found = [r for path in copy.glob(".distilgen/records/*.jsonl") for r in _lines(path)]
    return [record for record in found if record["function"] == function]


def test_documents_become_questions_answers_and_files(tmp_path: Path) -> None:
    copy = _example(tmp_path, "document_qa")
    asked, answered = _records(copy, "qa:questions"), _records(copy, "qa:answer")
    assert len(asked) == 16
    pairs = {(q, r["arguments"]["chunk"]) for r in asked for q in r["result"]["questions"]}
    assert {(r["arguments"]["question"], r["arguments"]["chunk"]) for r in answered} == pairs
    for record in answered:  # nothing is answered that is not in the text
        flat = " ".join(record["arguments"]["chunk"].replace("**", " ").split())
        assert record["result"]["quote"] in flat
        assert record["result"]["answer"] in record["result"]["quote"]
    answers = {r["arguments"]["question"]: r["result"]["answer"] for r in answered}
    assert answers["What was the gross margin?"] == "47.2 percent"
    assert answers["How much does the satellite cost?"] == "18 dollars a month"  # of the PDF
    with (copy / "csv/qa.answer/train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["arguments.question"]: row["result.answer"] for row in rows} == answers
    raw = _lines(copy / "json/qa.answer/train.jsonl")
    assert {row["arguments"]["question"]: row["result"]["answer"] for row in raw} == answers
    lamini = _lines(copy / "lamini/qa.answer/train.jsonl")
    assert all(set(row) == {"input", "output"} for row in lamini)
    tools = _lines(copy / ".distilgen/datasets/qa.answer/train.jsonl")
    assert all(row["tools"][0]["function"]["name"] == "Answer" for row in tools)


def test_a_paper_becomes_citations(tmp_path: Path) -> None:
    copy = _example(tmp_path, "citations")
    responses = _records(copy, "cite:respond")
    questions = {q for r in _records(copy, "cite:questions") for q in r["result"]["questions"]}
    assert {record["arguments"]["question"] for record in responses} == questions
    paper = (copy / "paper/small_readers.md").read_text("utf-8")
    for record in responses:
        cited = record["result"]["citations"]
        assert cited
        for citation in cited:
            assert citation["author"] in record["arguments"]["context"]
            assert str(citation["year"]) in paper
    by_question = {r["arguments"]["question"]: r["result"]["citations"] for r in responses}
    assert by_question["What does the paper say about the work of Marlow et al. (2019)?"] == [
        {
            "author": "Marlow",
            "year": 2019,
            "desc": "showed that a narrow model keeps 96 percent of the accuracy of its teacher on "
            "a single form",
        }
    ]
    (call,) = _lines(copy / ".distilgen/datasets/cite.respond/test.jsonl")[0]["messages"][-1][
        "tool_calls"
    ]
    assert set(json.loads(call["function"]["arguments"])) == {"citations"}


@pytest.mark.parametrize("example", FUNCTIONS)
def test_a_model_may_be_the_teacher(tmp_path: Path, example: str) -> None:
    copy = _example(tmp_path, example)
    build = [
        sys.executable,
        "-m",
        "distilgen",
        "dataset",
        "build",
        "--no-holdout",
        "--output",
        "all",
    ]
    subprocess.run(build, cwd=copy, check=True, capture_output=True)
    rows = [
        row for name in FUNCTIONS[example] for row in _lines(copy / "all" / name / "train.jsonl")
    ]
    before = {json.dumps(r["arguments"]): r["result"] for r in _records(copy, LAST[example])}
    with OpenAIServer(replay(rows, "big")) as server:
        _example(tmp_path, example, "--model", "big", "--base-url", server.base_url)
        assert len(server.requests) == len(rows)
    records = _records(copy, LAST[example])
    assert {json.dumps(r["arguments"]): r["result"] for r in records} == before
    assert {record["source"] for record in records} == {"big"}


@pytest.mark.parametrize("example", FUNCTIONS)
def test_the_commands_of_the_readme_say_what_it_says(tmp_path: Path, example: str) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".distilgen")
    copy = Path(shutil.copytree(ROOT / "examples" / example, tmp_path / example, ignore=ignored))
    text = (copy / "README.md").read_text("utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    (block,) = (block for block in blocks if "$ distilgen" in block)
    said = ""
    for line in block.splitlines():
        if line.startswith("$ distilgen "):
            done = subprocess.run(
                [sys.executable, "-m", *shlex.split(line)[1:]],
                cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout
            said += f"{line}\n{done.stdout}"
    assert said == block


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--model", "big"], "--model needs OPENAI_API_KEY", id="no key"),
        pytest.param(["--base-url", "http://127.0.0.1:1/v1"], "is of --model", id="no model"),
    ],
)
def test_what_a_model_needs_is_said(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = _run(tmp_path, "citations", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
