"""An embedded student as commands name it, and as the program that is rewritten asks it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from openai_server import OpenAIServer, Response, completion

from distilgen import lock
from distilgen.embedded import file, names
from distilgen.rewrite import contracts_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai_server import Request

    from distilgen.contract import Contract
    from distilgen.embedded.model import Model
    from tests.cli.conftest import Cli

FALLBACK = ("dispatch", "--mode", "fallback", "--model", "latest", "src")


def contract(distilgen: Cli) -> Contract:
    """The frozen contract of `reply`."""
    return contracts_file.read(distilgen.folder / "src/shop/mail.py")["reply"]


def keep(distilgen: Cli, model: Model, at: str = "2026-01-01T00:00:00Z") -> str:
    """Put a student where `train` does; its name."""
    raw = file.dump(model)
    name = names.name_of(model, raw)
    path = distilgen.folder / ".distilgen/students" / names.file_name(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    entry = lock.Model(model.function, model.contract, "student", "d", "j", at=at)
    known = lock.read(distilgen.folder).with_model(name, entry).render()
    (distilgen.folder / lock.FILE).write_bytes(known or b"")
    return name


@pytest.fixture
def student(distilgen: Cli, numbers: Callable[[Contract], Model]) -> str:
    """The name of a student of the instrumented `reply`."""
    assert distilgen("instrument", "src").code == 0
    return keep(distilgen, numbers(contract(distilgen)))


def answered(distilgen: Cli, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`reply(text)` in a program of its own, its answer as JSON, and whether openai was there."""
    code = (
        "import sys\nfrom shop.mail import reply\n"
        f"print(reply({text!r}).model_dump_json(), 'openai' in sys.modules)"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=distilgen.folder, capture_output=True, encoding="utf-8",
        check=False, env={"PYTHONPATH": "src", "PATH": "", **environment},
    )  # fmt: skip


def records(distilgen: Cli) -> list[dict[str, object]]:
    """What the program recorded."""
    lines = distilgen.read(".distilgen/records/records-000001.jsonl").splitlines()
    return [json.loads(line) for line in lines]


def test_it_answers_in_the_process_and_the_teacher_where_it_abstains(
    distilgen: Cli, student: str
) -> None:
    assert distilgen(*FALLBACK).code == 0
    sidecar = distilgen.read("src/shop/_mail_distil.py")
    assert f'model="{student}"' in sidecar
    assert f'student="../../.distilgen/students/{names.file_name(student)}"' in sidecar
    assert distilgen("check").code == 0

    sure, unsure = answered(distilgen, "of 12 letters!"), answered(distilgen, "Bob, hello!")
    assert sure.stdout == '{"to":"12","urgent":false} False\n'
    assert unsure.stdout == '{"to":"Bob,","urgent":true} False\n'
    assert not sure.stderr + unsure.stderr
    first, second = records(distilgen)
    assert first["source"] == student
    assert second["source"] == "teacher"
    assert first["rollout"] == {
        "mode": "fallback", "model": student, "ms": first["rollout"]["ms"],  # type: ignore[index]
        "confidence": 0.99,
    }  # fmt: skip
    failed = second["rollout"]
    assert isinstance(failed, dict)
    assert failed["error"]["type"] == "distilgen.errors.LowConfidenceError"
    assert failed["confidence"] == 0.0
    assert distilgen("restore", "src").code == 0


def test_a_backup_is_asked_where_it_abstains(distilgen: Cli, student: str) -> None:
    def respond(request: Request) -> Response:
        asked = request.json()
        assert asked["model"] == "gpt-big"
        arguments = {"to": asked["messages"][1]["content"], "urgent": True}
        return Response(body=completion("gpt-big", "Email", arguments))

    with OpenAIServer(respond) as server:
        ran = distilgen(
            "dispatch", "--model", student, "--backup", "gpt-big", "--base-url", server.base_url,
            "--record", "src",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        key = {"OPENAI_API_KEY": "none"}
        assert answered(distilgen, "12", **key).stdout == '{"to":"12","urgent":false} False\n'
        done = answered(distilgen, "Bob", **key)
        assert done.stdout == '{"to":"{\\"text\\":\\"Bob\\"}","urgent":true} True\n', done.stderr
        assert len(server.requests) == 1
        file_of_it = distilgen.folder / ".distilgen/students" / names.file_name(student)
        raw = file_of_it.read_bytes()
        file_of_it.unlink()
        done = answered(distilgen, "12", **key)
        assert '"urgent":true' in done.stdout
        assert "its backup is asked: shop.mail:reply" in done.stderr
        assert f"{file_of_it}: cannot be read" in done.stderr
        file_of_it.write_bytes(raw)
    first, second, _ = records(distilgen)
    assert (first["source"], second["source"]) == (student, "gpt-big")
    assert second["rollout"]["instead_of"] == student  # type: ignore[index]


def test_alone_it_raises_where_it_abstains(distilgen: Cli, student: str) -> None:
    ran = distilgen("dispatch", "--model", student, "src")
    assert ran.code == 2
    assert "does not answer every call" in ran.err
    assert "--mode fallback" in ran.err
    assert distilgen("dispatch", "--mode", "dispatch", "--model", student, "src").code == 0
    assert answered(distilgen, "12").stdout.startswith('{"to":"12"')
    done = answered(distilgen, "Bob")
    assert f"LowConfidenceError: shop.mail:reply: {student} is 0.00% sure of its answer" in (
        done.stderr
    )


def test_a_file_that_is_gone_or_damaged(distilgen: Cli, student: str) -> None:
    distilgen(*FALLBACK)
    path = distilgen.folder / ".distilgen/students" / names.file_name(student)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    done = answered(distilgen, "12 a")
    assert done.stdout == '{"to":"12","urgent":false} False\n'  # the teacher's
    assert f"{path}: is no student, or damaged" in done.stderr
    path.unlink()
    assert "cannot be read" in answered(distilgen, "12 a").stderr
    ran = distilgen("check")
    assert ran.code == 1
    assert f"the file of {student}, .distilgen/students/{path.name}, is not there" in ran.out
    assert f"git checkout HEAD -- .distilgen/students/{path.name}" in ran.out
    ran = distilgen(*FALLBACK)
    assert ran.code == 2
    assert f"there is no file .distilgen/students/{path.name}" in ran.err


def test_a_student_of_another_contract_is_refused(
    distilgen: Cli, student: str, numbers: Callable[[Contract], Model]
) -> None:
    distilgen("restore", "src")
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/mail.py": text.replace("Answer a letter", "Answer letters")})
    distilgen("instrument", "src")
    ran = distilgen(*FALLBACK)
    assert ran.code == 2
    assert f"{student} was trained for another contract of shop.mail:reply" in ran.err
    assert "distilgen train shop.mail:reply" in ran.err
    named = ("dispatch", "--mode", "fallback", "--model", student, "src")
    for accept in ([], ["--accept-contract"]):
        ran = distilgen(*named, *accept)
        assert ran.code == 123
        assert "trained for another contract; train it anew" in ran.err
    new = keep(distilgen, numbers(contract(distilgen)), "2025-01-01T00:00:00Z")
    assert distilgen(*FALLBACK).code == 0  # the last one of this contract
    assert new in distilgen.read("distilgen.lock")
    assert f'model="{new}"' in distilgen.read("src/shop/_mail_distil.py")


def test_the_sidecar_that_names_another_contracts_student(
    distilgen: Cli, student: str, numbers: Callable[[Contract], Model]
) -> None:
    distilgen(*FALLBACK)
    model = numbers(contract(distilgen))
    path = distilgen.folder / ".distilgen/students" / names.file_name(student)
    other = type(model)(**{**vars(model), "contract": "0" * 32})
    path.write_bytes(file.dump(other))
    done = answered(distilgen, "12 a")
    assert done.stdout.startswith('{"to":"12"')
    assert "was trained for another contract, 000000000000; train it anew" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "latest"], "no model of shop.mail:reply that answers is in distilgen.lock"),
        (["--model", "student:reply:12"], "student:reply:12: there is no file .distilgen/students"),
        (["--model", "gpt", "--backup", "other"], "gpt is no embedded student"),
    ],
)  # fmt: skip
def test_what_is_not_there(distilgen: Cli, options: list[str], says: str) -> None:
    ran = distilgen("dispatch", "--mode", "fallback", *options, "src")
    assert ran.code == 2
    assert says in ran.err


def test_a_server_is_a_backups(distilgen: Cli, student: str) -> None:
    url = ["--base-url", "http://127.0.0.1:1/v1"]
    ran = distilgen("dispatch", "--mode", "fallback", "--model", student, *url, "src")
    assert ran.code == 2
    assert "needs no server" in ran.err


def test_another_model_takes_its_place(distilgen: Cli, student: str) -> None:
    assert student
    distilgen(*FALLBACK)
    ran = distilgen("rollout", "set", "reply", "--model", "ft:m", "--mode", "canary")
    assert ran.code == 0, ran.err
    assert "student=" not in distilgen.read("src/shop/_mail_distil.py")
    ran = distilgen("rollout", "set", "reply", "--model", "latest", "--backup", "gpt")
    assert ran.code == 0, ran.err
    assert 'backup="gpt"' in distilgen.read("src/shop/_mail_distil.py")


def test_evaluate_counts_what_it_answers(
    distilgen: Cli, student: str, records: Callable[[dict[str, str]], None]
) -> None:
    letters = {f"{number} letters": "12" if number == 3 else str(number) for number in range(40)}
    names = [f"{one}{two}" for one in "ABCDEFGH" for two in "aeiou"]
    letters |= {f"letter of {name}": name for name in names}
    answers = {text: json.dumps({"to": to, "urgent": False}) for text, to in letters.items()}
    records(answers)
    ran = distilgen("dataset", "build", "reply", "--format", "raw")
    assert ran.code == 0, ran.err
    folder = distilgen.folder / ".distilgen/datasets/shop.mail.reply"
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text("utf-8").splitlines()]
    texts = [row["arguments"]["text"] for row in rows]
    ran = distilgen("evaluate", "reply", "--model", "latest")
    assert ran.code == 0, ran.err
    known = lock.read(distilgen.folder).models[student]
    numbered = [text for text in texts if text[0].isdigit()]
    right = [text for text in numbered if not text.startswith("3 ")]
    assert known.agreement == len(right) / len(numbered)
    assert known.coverage == len(numbered) / len(texts)
    assert "whole answer" in ran.out
    assert f"answered {known.coverage:.1%} of the calls" in ran.out
    ran = distilgen("evaluate", "reply", "--model", student, "--provider", "x")
    assert ran.code == 2


def test_functions_without_a_student_are_left_alone(distilgen: Cli, student: str) -> None:
    path = distilgen.folder / "src/shop/mail.py"
    text = path.read_text("utf-8")
    path.write_text(f"{text}\n\ndef other(text: str) -> Email:\n    return reply(text)\n", "utf-8")
    ran = distilgen(*FALLBACK)
    assert ran.code == 0
    assert "1 skipped (no model of it that answers is in distilgen.lock)" in ran.err
    assert f'model="{student}"' in distilgen.read("src/shop/_mail_distil.py")
    ran = distilgen(*FALLBACK, "--only", "other")
    assert ran.code == 2
    assert "no model of shop.mail:other that answers" in ran.err
    ran = distilgen(*FALLBACK, "--only", "other", "--only", "reply")
    assert ran.code == 123
