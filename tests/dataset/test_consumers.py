"""Every format's file is read by the program that it is for, or has the shape that it documents."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from distilgen.contract import JSON_SCHEMA, STRICT_TOOL, TOOL, Contract, canonical_json
from distilgen.dataset.tables import CsvTable, ParquetTable
from distilgen.rows import FORMATS

SCRIPT = Path(__file__).with_name("hugging_face.py")
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {"type": "string", "maxLength": 40},
        "urgent": {"type": "boolean"},
        "score": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "days": {"type": "integer"},
        "by_name": {"type": "object", "additionalProperties": {"type": "integer"}},
        "lines": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
    },
    "required": ["to", "urgent", "score", "days", "by_name", "lines"],
}
CALLS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"text": f"Zoë said: \"{number}\",\nand '日本' 🙂 left", "count": number},
        {
            "to": ["Ann", "=1+1", "", "a\r\nb"][number % 4],
            "urgent": number % 2 == 0,
            "score": None if number == 1 else number / 8,
            "days": 7,
            "by_name": {f"key {number}": number} if number else {},
            "lines": ["x", number] if number % 2 else [],
        },
    )
    for number in range(6)
]


def contract_of(answers: str) -> Contract:
    return Contract(
        function="shop.mail:reply",
        fingerprint="",
        system_prompt="Answer in place of a function.\n\ndef reply(text: str) -> Email",
        user_message="{arguments}",
        tool={"name": "Email", "description": "An email.", "parameters": PARAMETERS},
        inputs={
            "type": "object",
            "properties": {"text": {"type": "string"}, "count": {"type": "integer"}},
            "required": ["text", "count"],
        },
        answers=answers,
    )


CONTRACT = contract_of(TOOL)
ANSWERS = [CONTRACT.answer(result) for _, result in CALLS]
QUESTIONS = [CONTRACT.messages(arguments)[1]["content"] for arguments, _ in CALLS]
SYSTEM = CONTRACT.system_prompt


def rows(name: str, answers: str = TOOL) -> list[dict[str, Any]]:
    contract = contract_of(answers)
    return [FORMATS[name](contract, arguments, result) for arguments, result in CALLS]


def write(folder: Path, name: str) -> str:
    """The file of a format; its name."""
    if name in FORMATS:
        lines = "".join(canonical_json(row) + "\n" for row in rows(name))
        (folder / f"{name}.jsonl").write_bytes(lines.encode())
        return f"{name}.jsonl"
    with (folder / f"train.{name}").open("wb") as file:
        table = (CsvTable if name == "csv" else ParquetTable)(CONTRACT, file)
        for arguments, result in CALLS:
            table.write(arguments, result)
        table.close()
    return f"train.{name}"


def hugging_face(folder: Path, work: str, *formats: str) -> Any:
    names = [write(folder, name) for name in formats]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), work, *names], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: found[file] for name, file in zip(formats, names, strict=True)}


def test_datasets_loads_every_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    if not find_spec("datasets"):
        pytest.skip("datasets is not installed")
    found = hugging_face(tmp_path, "datasets", *FORMATS, "csv", "parquet")
    for name in FORMATS:
        assert without_nulls(found[name]) == without_nulls(rows(name)), name
    assert found["trl"] == rows("trl")  # keys that differ stay as they are, and null is no key
    for number, (arguments, result) in enumerate(CALLS):
        for name in ("csv", "parquet"):
            row = found[name][number]
            assert row["arguments.text"] == arguments["text"]
            assert (row["result.days"], row["result.urgent"]) == (7, result["urgent"])
            assert json.loads(row["result.by_name"]) == result["by_name"]
        assert found["parquet"][number]["result.to"] == result["to"]
        assert found["parquet"][number]["result.score"] == result["score"]


def without_nulls(value: Any) -> Any:
    """Rows as a table has them, where one may have a column that another has not."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def test_trl_trains_on_the_answers(tmp_path: Path) -> None:
    if not (find_spec("trl") and find_spec("torch")):
        pytest.skip("trl is not installed")
    formats = ("trl", "openai-tools", "openai-json", "prompt-completion")
    found = hugging_face(tmp_path, "trl", *formats)
    for number, (question, answer) in enumerate(zip(QUESTIONS, ANSWERS, strict=True)):
        for name in formats:
            text, trained = found[name][number]
            assert SYSTEM in text, name
            assert question in text, name
            assert question not in trained, name
            if "tool" in name or name == "trl":
                (called,) = json_in(trained)
                tools = json.loads(text.partition("<tools>")[2].partition("</tools>")[0])
                assert tools == CONTRACT.tools()
                assert called["name"] == "Email"
                told = called["arguments"]
                assert told == (json.loads(answer) if name == "trl" else answer)
            else:
                assert trained.partition("</s>")[0].strip() == answer
            assert trained.endswith("</s>")


def json_in(text: str) -> list[Any]:
    return [json.loads(part) for part in text.strip().split("</s>") if part.strip()]


@pytest.mark.parametrize("name", ["openai-tools", "openai-functions", "openai-json"])
@pytest.mark.parametrize("answers", [TOOL, STRICT_TOOL, JSON_SCHEMA])
def test_the_openai_package_takes_the_messages(name: str, answers: str) -> None:
    from openai.types.chat import (
        ChatCompletionMessageParam,
        ChatCompletionToolUnionParam,
        completion_create_params,
    )

    messages = TypeAdapter(list[ChatCompletionMessageParam])
    tools = TypeAdapter(list[ChatCompletionToolUnionParam])
    functions = TypeAdapter(list[completion_create_params.Function])
    for row in rows(name, answers):
        found: Any = messages.validate_python(row["messages"])
        for message in found:
            if "tool_calls" in message:  # which are looked at when they are asked for
                message["tool_calls"] = list(message["tool_calls"])
        assert found == row["messages"]
        assert tools.validate_python(row.get("tools", [])) == row.get("tools", [])
        assert functions.validate_python(row.get("functions", [])) == row.get("functions", [])


def test_pandas_reads_csv(tmp_path: Path) -> None:
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.read_csv(tmp_path / write(tmp_path, "csv"))
    assert [str(kind) for kind in frame.dtypes[["arguments.count", "result.urgent"]]] == [
        "int64",
        "bool",
    ]
    assert list(frame["arguments.text"]) == [arguments["text"] for arguments, _ in CALLS]
    assert list(frame["result.to"].fillna("")) == [result["to"] for _, result in CALLS]
    assert frame["result.score"].isna().sum() == 1
    assert [json.loads(text) for text in frame["result.lines"]] == [r["lines"] for _, r in CALLS]
    assert frame["result"].isna().all()


def test_pyarrow_reads_parquet(tmp_path: Path) -> None:
    tables: Any = pytest.importorskip("pyarrow.parquet")
    table = tables.read_table(tmp_path / write(tmp_path, "parquet"))
    assert table.num_rows == len(CALLS)
    assert table["result.to"].to_pylist() == [result["to"] for _, result in CALLS]
    assert table["result.score"].to_pylist() == [result["score"] for _, result in CALLS]


class _Documented(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Alpaca(_Documented):
    """https://github.com/tatsu-lab/stanford_alpaca#data-release: texts."""

    instruction: str
    input: str
    output: str


class Lamini(_Documented):
    """JSON lines of Lamini's tuning data: texts."""

    input: str
    output: str


@pytest.mark.parametrize(("name", "shape"), [("alpaca", Alpaca), ("lamini", Lamini)])
def test_rows_of_texts(name: str, shape: type[BaseModel]) -> None:
    for row, question, answer in zip(rows(name), QUESTIONS, ANSWERS, strict=True):
        shape.model_validate(row)
        assert row["input"].endswith(question)
        assert row["output"] == answer


@pytest.mark.parametrize("answers", [TOOL, STRICT_TOOL, JSON_SCHEMA])
def test_sharegpt_as_llama_factory_converts_it(answers: str) -> None:
    """By its data/README.md, and `SharegptDatasetConverter` and `FunctionFormatter` in its source:
    turns alternate, who asks is at the odd places; a call is JSON with name and arguments; `tools`
    is a JSON text of a list of functions.
    """
    contract = contract_of(answers)
    for row, (_, result) in zip(rows("sharegpt", answers), CALLS, strict=True):
        asked, answered = row["conversations"]
        assert {*asked, *answered} == {"from", "value"}
        assert asked["from"] == "human"
        assert row["system"] == SYSTEM
        expected = json.loads(contract.answer(result))
        if not contract.calls_tool:
            assert answered["from"] == "gpt"
            assert list(row) == ["conversations", "system"]
            assert json.loads(answered["value"]) == expected
            continue
        assert answered["from"] == "function_call"
        assert json.loads(answered["value"]) == {"name": "Email", "arguments": expected}
        (tool,) = json.loads(row["tools"])
        assert {*tool} == {"name", "description", "parameters"}
        assert {*tool["parameters"]["properties"]} == {*PARAMETERS["properties"]}


def test_functions_as_instructor_writes_them() -> None:
    """By the rows of instructor 1.17 with `indent=None`: keys in this order, and no more."""
    for row, answer in zip(rows("openai-functions"), ANSWERS, strict=True):
        assert list(row) == ["messages", "functions"]
        assert [list(message) for message in row["messages"]] == [
            ["role", "content"],
            ["role", "content"],
            ["role", "function_call"],
        ]
        assert row["messages"][2]["function_call"] == {"name": "Email", "arguments": answer}
        assert [list(function) for function in row["functions"]] == [
            ["name", "description", "parameters"]
        ]
