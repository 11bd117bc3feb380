"""The examples run, and say what the documentation of others shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import demo
import openai
import pytest
from openai_server import OpenAIServer
from tickets import stand_in

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
        [sys.executable, "examples/demo.py", "--known", "200", "--target", "70%"],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("byte for byte as before") == 3
    found = re.search(r"the student answered (\d+), (\d+) of them as", done.stdout)
    assert found
    answered, alike = map(int, found.groups())
    assert alike > 0.7 * answered > 50
    asked = re.search(r"model was asked (\d+) times, and is asked (\d+) times", done.stdout)
    assert asked
    assert asked.groups() == ("600", str(3 * (200 - answered)))
    assert "all 1,000 products are right" in done.stdout
    assert "100.0% of 1,000" in done.stdout  # by the student


def test_demo_fails_where_no_student_answers(tmp_path: Path) -> None:
    for name in ("tickets", ".distilgen/records"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "tickets/new.jsonl").write_text('{"ticket": "Hi"}\n', "utf-8")
    (tmp_path / "before.jsonl").write_text('{"queue": "other"}\n', "utf-8")
    record = {"source": "teacher", "arguments": {"ticket": "Hi"}, "result": {"queue": "other"}}
    path = tmp_path / ".distilgen/records/records-000001.jsonl"
    path.write_text(json.dumps(record), "utf-8")
    with pytest.raises(SystemExit, match="the student answered nothing"):
        demo.say_who_answered(tmp_path)


def test_the_tickets_are_many_and_differ() -> None:
    folder = ROOT / "examples/tickets/tickets"
    known, new = (
        [json.loads(line)["ticket"] for line in path.read_text("utf-8").splitlines()]
        for path in (folder / "known.jsonl", folder / "new.jsonl")
    )
    assert (len(known), len(new)) == (700, 200)
    assert len({ticket.lower() for ticket in known + new}) == 900
    assert sum(path.stat().st_size for path in folder.iterdir()) < 200_000


@pytest.mark.parametrize(
    ("ticket", "answer"),
    [
        pytest.param(
            "Hi, I was charged 39.00 euros twice for one Tern. Order FM-48213.",
            {"queue": "billing", "urgent": False, "product": "Tern", "order": "FM-48213"},
            id="all is said",
        ),
        pytest.param(
            "asap please\nMy dorbell does not conect. The serial number is SN482131.",
            {"queue": "setup", "urgent": True, "product": "Heron", "order": None},
            id="slips of the keyboard, another number",
        ),
        pytest.param(
            "I forgot my password and the reset mail never comes. It is not urgent.",
            {"queue": "account", "urgent": False, "product": None, "order": None},
            id="urgent is not urgent",
        ),
        pytest.param(
            "hello?",
            {"queue": "other", "urgent": False, "product": None, "order": None},
            id="nothing is said",
        ),
    ],
)
def test_the_desk_sorts_a_ticket_with_the_stand_in(ticket: str, answer: dict[str, object]) -> None:
    code = f"from desk.triage import triage; print(triage({ticket!r}).model_dump_json())"
    with OpenAIServer(stand_in.respond) as server:
        environment = {
            **os.environ, "PYTHONPATH": "src", "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": server.base_url, "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT / "examples/tickets", env=environment,
            capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert len(server.requests) == 3
    assert json.loads(done.stdout) == answer


def test_the_stand_in_says_what_it_does_not_know() -> None:
    with OpenAIServer(stand_in.respond) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0)
        with client, pytest.raises(openai.BadRequestError, match="the three questions"):
            client.chat.completions.create(
                model="any",
                messages=[
                    {"role": "system", "content": "Translate."},
                    {"role": "user", "content": "Hi"},
                ],
            )
