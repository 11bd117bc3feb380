"""A recorded program from its first call to its end, with nothing said but the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.records.record import Record
from distilgen.records.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

_PROGRAM = """
import os, sys
from pydantic import BaseModel
from distilgen.runtime import Contract

class Total(BaseModel):
    total: int

contract = Contract(
    function="shop.till:add", fingerprint="c", system_prompt="", user_message="{arguments}",
    tool={"name": "Total", "description": "", "parameters": Total.model_json_schema()},
    inputs={"properties": {"a": {}, "b": {}}},
)

@contract.record
def add(a: int, b: int) -> Total:
    return Total(total=a + b)

"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def start(code: str, url: str) -> subprocess.CompletedProcess[str]:
        name = tmp_path / "program.py"
        name.write_text(_PROGRAM + code, "utf-8")
        return subprocess.run(
            [sys.executable, "-W", "error", name],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path,
            env={
                **os.environ,
                "DISTILGEN_RECORDS": url,
                "DISTILGEN_FLUSH_SECONDS": "30",
                "PYTHONPATH": str(tmp_path),
            },
        )

    return start


def totals(url: str) -> list[int]:
    found = open_store(url, "test", Path("/")).read()
    return sorted(item.result["total"] for item in found if isinstance(item, Record))


@pytest.mark.parametrize("url", ["sqlite", "s3"], indirect=True)
def test_its_calls_are_there_when_it_has_ended(url_at_exit: str, run: Run) -> None:
    done = run("for n in range(600): add(n, b=1)", url_at_exit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert totals(url_at_exit) == list(range(1, 601))


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_so_are_those_of_its_children(url: str, run: Run) -> None:
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # that there is a thread
add(0, 0)
children = []
for n in range(1, 4):
    child = os.fork()
    if not child:
        add(n, 0)
        sys.exit()
    children.append(child)
add(4, 0)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
"""
    done = run(code, url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert totals(url) == [0, 1, 2, 3, 4]


def test_a_relative_database_stays_where_the_program_began(run: Run, tmp_path: Path) -> None:
    done = run("add(1, 1); os.chdir('/'); add(2, 2)", "sqlite:///records.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert totals(f"sqlite:///{tmp_path}/records.db") == [2, 4]


def test_a_callable_of_the_program(run: Run, tmp_path: Path) -> None:
    (tmp_path / "places.py").write_text("import json\ndef take(record): print(json.dumps(record))")
    done = run("add(1, 1)", "places:take")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert (record["function"], record["result"]) == ("shop.till:add", {"total": 2})


def test_a_logger_of_the_program(run: Run) -> None:
    code = (
        "import logging; logging.basicConfig(level={}, format='%(message)s'); add(1, 1); add(2, 2)"
    )
    done = run(code.format("'INFO'"), "logging:calls")
    assert [json.loads(text)["result"]["total"] for text in done.stderr.splitlines()] == [2, 4]
    done = run(code.format("'WARNING'"), "logging:calls")
    assert "logger calls is not enabled for INFO" in done.stderr
    assert len(done.stderr.splitlines()) <= 2
