"""The examples run, and say what the documentation of others shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A row of instructor's examples/distilations/math_finetunes.jsonl, with the arguments as compact as
# its documentation prints them.
ROW = {
    "messages": [
        {
            "role": "system",
            "content": "Predict the results of this function:\n\n"
            "def fn(a: int, b: int) -> __main__.Multiply\n"
            '"""\nReturn the result of multiplying a and b together\n"""',
        },
        {"role": "user", "content": "Return `fn(286, b=521)`"},
        {
            "role": "assistant",
            "function_call": {"name": "Multiply", "arguments": '{"a":286,"b":521,"result":149006}'},
        },
    ],
    "functions": [
        {
            "name": "Multiply",
            "description": "Correctly extracted `Multiply` with all the required parameters with "
            "correct types",
            "parameters": {
                "properties": {
                    "a": {"title": "A", "type": "integer"},
                    "b": {"title": "B", "type": "integer"},
                    "result": {
                        "description": "The result of the multiplication",
                        "title": "Result",
                        "type": "integer",
                    },
                },
                "required": ["a", "b", "result"],
                "type": "object",
            },
        }
    ],
}


def test_three_digit_multiply_gives_instructors_rows(tmp_path: Path) -> None:
    folder = tmp_path / "three_digit_multiply"
    shutil.copytree(ROOT / "examples/three_digit_multiply", folder)

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    run("-m", "distilgen", "instrument", ".")
    said = run("three_digit_multiply.py").splitlines()
    assert len(said) == 10
    run("-c", "import three_digit_multiply as m; m.fn(286, b=521); m.fn(b=521, a=286)")
    build = ("-m", "distilgen", "dataset", "build", "--format", "openai-functions", "--no-holdout")
    assert "left out: 1 record equal to another one" in run(*build)
    text = (folder / ".distilgen/datasets/three_digit_multiply.fn/train.jsonl").read_text("utf-8")
    lines = text.splitlines()
    assert json.dumps(ROW) in [json.dumps(json.loads(line)) for line in lines]
    rows = {}
    for line in lines:
        call, answer = json.loads(line)["messages"][1:]
        rows[call["content"]] = answer["function_call"]["arguments"]
    assert len(rows) == 11
    for output in said:
        a, b, result = re.findall(r"=(\d+)", output)
        assert rows[f"Return `fn({a}, b={b})`"] == f'{{"a":{a},"b":{b},"result":{result}}}'


def test_docs_show_the_contract_of_the_example() -> None:
    command = [sys.executable, "-m", "distilgen", "show", "shop.mail:complex_chain"]
    folder = ROOT / "examples/sales_follow_up"
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=True)
    fingerprint = done.stdout.splitlines()[1].split()[1]
    assert f'fingerprint="{fingerprint}"' in (ROOT / "docs/contracts.md").read_text("utf-8")


def test_demo_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=tmp_path, capture_output=True, encoding="utf-8",
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("byte for byte what they were") == 2
    assert "the same answers" in done.stdout
