"""`distilgen collect` over documents and over the results of another function."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Cli

READER = '''\
"""Reads."""

from typing import Annotated

from pydantic import BaseModel


class Questions(BaseModel):
    questions: list[str]


class Answer(BaseModel):
    text: str


def questions(chunk: Annotated[str, "a text"], most: int = 2, source: str = "") -> Questions:
    """Ask."""
    return Questions(questions=[f"{word}?" for word in chunk.split()[:most]])


def answer(question: str, chunk: str) -> Answer:
    """Answer."""
    if question == "bad?":
        raise ValueError("a bad question")
    return Answer(text=f"{question} {len(chunk)}")


def compare(left: str, right: str) -> Answer:
    """Compare."""
    return Answer(text=left + right)


def count(number: int) -> Answer:
    """Count."""
    return Answer(text=str(number))
'''


@pytest.fixture
def reading(distilgen: Cli) -> Iterator[Cli]:
    """A project with a reader and three documents; the command imports it, as a program would."""
    distilgen.write({
        "src/reader.py": READER, "docs/a.txt": "one two three", "docs/b.md": "bad four",
    })  # fmt: skip
    (distilgen.folder / "docs/c.png").write_bytes(b"\x89PNG\0\0")
    path = list(sys.path)
    sys.modules.pop("reader", None)
    yield distilgen
    sys.path[:] = path
    sys.modules.pop("reader", None)


def _records(reading: Cli, function: str) -> list[dict[str, Any]]:
    text = reading.read(".distilgen/records/records-000001.jsonl")
    found = [json.loads(line) for line in text.splitlines()]
    return [record for record in found if record["function"].endswith(f":{function}")]


def test_documents_to_questions_to_answers(reading: Cli) -> None:
    ran = reading("collect", "questions", "--documents", "docs", "--map", "source=path")
    assert ran.code == 1
    assert "docs/c.png: is no text" in ran.err
    assert "2 calls returned; 1 refused" in ran.err
    found = [record["arguments"] for record in _records(reading, "questions")]
    assert sorted(found, key=lambda arguments: str(arguments["source"])) == [
        {"chunk": "one two three", "most": 2, "source": "a.txt"},
        {"chunk": "bad four", "most": 2, "source": "b.md"},
    ]
    ran = reading("collect", "answer", "--from", "questions", "--each", "result.questions")
    assert ran.code == 1
    assert "result.questions[0]: ValueError: a bad question" in ran.err
    answers = [r["result"]["text"] for r in _records(reading, "answer") if "result" in r]
    assert sorted(answers) == ["four? 8", "one? 13", "two? 13"]


def test_what_was_done_is_not_done_again(reading: Cli) -> None:
    arguments = ("collect", "questions", "--documents", "docs", "--glob", "*.txt")
    assert "1 call returned" in reading(*arguments).err
    assert "1 done before" in reading(*arguments).err
    assert "3 calls returned" in reading(*arguments, "--unit", "words", "--chunk-size", "1").err


def test_tokens_are_estimated_without_a_table(
    reading: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(reading.folder))
    arguments = ("--documents", "docs/a.txt", "--unit", "tokens", "--chunk-size", "1")
    ran = reading("collect", "questions", *arguments)
    assert ran.code == 0
    assert "note: tokens are estimated" in ran.err
    texts = [record["arguments"]["chunk"] for record in _records(reading, "questions")]
    assert sorted(texts) == ["one", "three", "two"]


def test_older_records_are_left_out_and_counted(reading: Cli) -> None:
    reading("collect", "questions", "--documents", "docs/a.txt")
    records = ".distilgen/records/records-000001.jsonl"
    old = json.loads(reading.read(records))
    old |= {"id": "0", "contract": "0" * 32}
    reading.write({records: reading.read(records) + json.dumps(old) + "\n"})
    ran = reading("collect", "answer", "--from", "questions", "--each", "result.questions")
    assert ran.code == 0
    assert "questions: left out: 1 record of another contract" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(
            ["questions"], 2, "--documents or --from", id="no inputs"
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--from", "answer"],
            2, "--documents and --from: say one of them", id="two kinds of inputs",
        ),
        pytest.param(
            ["questions", "--documents", "none"], 2, "there is no such file or folder", id="absent"
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--glob", "*.rst"],
            123, "docs: has no file that fits *.rst", id="no such documents",
        ),
        pytest.param(
            ["questions", "--documents", "docs/c.png"], 123, "docs/c.png: is no text",
            id="nothing but a picture",
        ),
        pytest.param(
            ["compare", "--documents", "docs"],
            2, "several parameters are texts: left, right; name the one that gets the chunk by",
            id="several texts",
        ),
        pytest.param(
            ["count", "--documents", "docs"], 2, "no parameter is a str: number", id="no text"
        ),
        pytest.param(
            ["count", "--documents", "docs", "--into", "number"],
            123, "number", id="a text that is no number",
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--into", "text"],
            2, "--into text: no such parameter; there are: chunk, most, source", id="--into",
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--map", "text=path"],
            2, "--map text: no such parameter", id="--map",
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--map", "source=title"],
            2, "a document has no title", id="no such fact",
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--map", "chunk=path", "--into", "chunk"],
            2, "chunk: is both in --into and in --map", id="filled twice",
        ),
        pytest.param(
            ["answer", "--documents", "docs", "--into", "chunk"],
            2, "nothing is said for question: give it a fact of the document by --map",
            id="a parameter that nothing fills",
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--failures", "docs/f.jsonl"],
            2, "--failures f.jsonl: would be among the inputs", id="failures among documents",
        ),
        pytest.param(
            ["questions", "--documents", "docs", "--chunk-size", "4", "--step", "5"],
            2, "--step 5 is more than --chunk-size 4", id="a gap",
        ),
        pytest.param(
            ["questions", "--inputs", "docs/a.txt", "--step", "5"],
            2, "--step is of --documents", id="an option of documents",
        ),
        pytest.param(
            ["questions", "--inputs", "docs/a.txt", "--each", "result"],
            2, "--each is of --from", id="an option of chains",
        ),
        pytest.param(["answer", "--from", ""], 2, "no such function", id="an empty name"),
        pytest.param(
            ["answer", "--from", "questionz"], 2, "did you mean", id="no such function"
        ),
        pytest.param(
            ["answer", "--from", "questions", "--each", "result.questions"],
            123, "to go on from; collect it first: distilgen collect", id="no records",
        ),
        pytest.param(
            ["answer", "--from", "questions", "--each", "questions"],
            2, "begins with neither result nor arguments", id="a path from nowhere",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(reading: Cli, arguments: list[str], code: int, message: str) -> None:
    ran = reading("collect", *arguments)
    assert message in ran.err
    assert ran.code == code
