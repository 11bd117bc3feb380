"""`models`: what the lock knows of students."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from distilgen import lock
from distilgen.embedded import file, names
from distilgen.rewrite import contracts_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract
    from distilgen.embedded.model import Model
    from tests.cli.conftest import Cli

FT = "ft:base:acme::1"


@pytest.fixture
def student(distilgen: Cli, numbers: Callable[[Contract], Model]) -> str:
    """The name of an embedded student of `reply`, which the lock knows besides `FT`, older, and of
    another contract.
    """
    distilgen("instrument", "src")
    model = numbers(contracts_file.read(distilgen.folder / "src/shop/mail.py")["reply"])
    raw = file.dump(model)
    name = names.name_of(model, raw)
    path = distilgen.folder / ".distilgen/students" / names.file_name(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    entry = lock.Model(
        model.function, model.contract, "student", "d1", "run", 0.99, coverage=0.9,
        at="2026-02-01T00:00:00Z",
    )  # fmt: skip
    other = replace(entry, contract="0" * 32, provider="house", job="ftjob-1", coverage=None,
                    agreement=None, at="2026-01-01T00:00:00Z")  # fmt: skip
    known = lock.read(distilgen.folder).with_model(name, entry).with_model(FT, other)
    (distilgen.folder / lock.FILE).write_bytes(known.render() or b"")
    return name


def test_list(distilgen: Cli, student: str) -> None:
    ran = distilgen("models", "list")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[2].split() == [
        student, "shop.mail:reply", "student", "99.0%", "90.0%", "2026-02-01T00:00:00Z", "-",
    ]  # fmt: skip
    assert lines[3].split()[:4] == [FT, "shop.mail:reply", "house", "-"]
    assert lines[3].endswith("no: its contract is not that of the function any more")
    assert distilgen("models", "list", "reply").out == ran.out
    ran = distilgen("models", "list", "--json")
    first, second = json.loads(ran.out)
    assert (first["name"], first["fits"], first["latest"], first["answers_for"]) == (
        student, True, True, [],
    )  # fmt: skip
    assert (second["name"], second["fits"], second["job"]) == (FT, False, "ftjob-1")


def test_list_of_none(distilgen: Cli) -> None:
    ran = distilgen("models", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "distilgen train FUNCTION" in ran.err
    assert distilgen("models", "list", "--json").out == "[]\n"
    assert distilgen("models", "list", "reply").code == 2


def test_show(distilgen: Cli, student: str) -> None:
    ran = distilgen("models", "show", student)
    assert ran.code == 0
    said = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if " for " not in line)
    assert said["fields"] == "to: copy; urgent: constant"
    assert (said["target"], said["rows"], said["fits"]) == ("0.98", "200", "yes")
    assert f"dispatch --all --only shop.mail:reply --model {student} --mode fallback" in ran.err
    values = json.loads(distilgen("models", "show", student, "--json").out)
    assert values["fields"] == {"to": "copy", "urgent": "constant"}
    path = distilgen.folder / values["file"]
    assert values["bytes"] == path.stat().st_size
    path.write_bytes(b"")
    assert "is no student, or damaged" in distilgen("models", "show", student).out
    assert "train shop.mail:reply" in distilgen("models", "show", FT).err


def test_show_of_a_function_that_is_restored(distilgen: Cli, student: str) -> None:
    assert distilgen("restore", "--all").code == 0
    ran = distilgen("models", "show", student)
    assert ran.code == 0
    assert f"--only shop.mail:reply --model {student}" in ran.err


def test_show_what_is_not_there(distilgen: Cli, student: str) -> None:
    ran = distilgen("models", "show", student[:-1])
    assert ran.code == 2
    assert f"did you mean {student}?" in ran.err


def test_the_command_of_show_works(distilgen: Cli, student: str) -> None:
    ran = distilgen("models", "show", student)
    command = ran.err.rpartition("distilgen ")[2].split()
    assert distilgen(*command).code == 0
    assert "shop.mail:reply" in distilgen("models", "list").out.splitlines()[2].split()[-1]


def test_remove(distilgen: Cli, student: str) -> None:
    path = distilgen.folder / ".distilgen/students" / names.file_name(student)
    distilgen("dispatch", "--mode", "fallback", "--model", student, "src")
    ran = distilgen("models", "remove", student)
    assert ran.code == 2
    assert "shop.mail:reply is answered by it" in ran.err
    assert path.exists()
    distilgen("restore", "src")
    assert distilgen("models", "remove", student).out == f"removed: {student}\n"
    assert not path.exists()
    assert distilgen("models", "remove", FT).code == 0
    assert not (distilgen.folder / lock.FILE).exists()
    assert distilgen("models", "remove", FT).code == 2
