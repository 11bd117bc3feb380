"""What a worker of a cluster does, in this process: it needs no Ray for that."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from distilgen import contract as contracts
from distilgen.collection.ray_worker import Post, Worker, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from distilgen.project import Project

CODE = '''\
"""Works."""

from pydantic import BaseModel


class Text(BaseModel):
    value: str


class WrongError(LookupError):
    pass


def shout(text: str) -> Text:
    """Shout."""
    if text == "raise":
        raise WrongError("wrong")
    if text == "exit":
        raise SystemExit(3)
    if text == "plain":
        raise Exception("plain")
    return "no text" if text == "misfit" else Text(value=text.upper())
'''


@pytest.fixture
def worker(
    project_of: Callable[[Mapping[str, str | bytes]], Project], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Worker]:
    project = project_of({"src/shouting.py": CODE})
    _, surveyed = project.function("shouting:shout")
    frozen = project.freeze(surveyed)
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(sys, "path", list(sys.path))
    contract = {item.name: getattr(frozen, item.name) for item in fields(contracts.Contract)}
    made = Worker(Post("shouting:shout", contract, str(project.root), ("src",), {}))
    assert made.ready() == ""
    yield made
    made.leave()
    del sys.modules["shouting"]


def _line(lines: list[bytes]) -> Any:
    (line,) = lines
    assert line.endswith(b"\n")
    return json.loads(line)


def test_records_come_back_with_the_outcome(worker: Worker, tmp_path: Path) -> None:
    made = worker.call({"text": "grüße"}, 10)
    assert (made.kinds, made.lost, made.misfit) == ((), "", None)
    record = _line(made.lines)
    assert record["result"] == {"value": "GRÜSSE"}
    assert record["arguments"] == {"text": "grüße"}
    assert not (tmp_path / ".distilgen/records").exists()


@pytest.mark.parametrize(
    ("text", "kinds", "is_exception"),
    [
        pytest.param(
            "raise",
            (("shouting", "WrongError"), ("builtins", "LookupError")),
            True,
            id="a class that the worker alone knows",
        ),
        pytest.param("plain", (("builtins", "Exception"),), True, id="the plainest"),
        pytest.param("exit", (("builtins", "SystemExit"),), False, id="one that ends a program"),
    ],
)
def test_what_was_raised_comes_back_by_name(
    worker: Worker, text: str, kinds: tuple[tuple[str, str], ...], *, is_exception: bool
) -> None:
    made = worker.call({"text": text}, 10)
    assert (made.kinds, made.is_exception) == (kinds, is_exception)
    assert _line(made.lines)["error"]["type"].endswith(kinds[0][1])


def test_a_result_of_another_type_is_a_failure(worker: Worker) -> None:
    made = worker.call({"text": "misfit"}, 10)
    assert made.misfit is not None
    assert "does not fit the return type" in made.misfit.message
    assert "error" in _line(made.lines)


def test_half_of_a_character_is_kept(worker: Worker) -> None:
    keep({"é": "\ud800"})
    assert json.loads(worker.leave()[0]) == {"é": "\ud800"}


def test_a_module_that_is_not_there_is_told(worker: Worker, tmp_path: Path) -> None:
    contract = {item.name: None for item in fields(contracts.Contract)}
    other = Worker(Post("nowhere_at_all:f", contract, str(tmp_path), (), {}))
    assert other.ready().startswith("nowhere_at_all cannot be imported")
    other.leave()
    assert worker.call({"text": "a"}, 10).kinds == ()
