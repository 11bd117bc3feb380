"""What the tests of collecting share: a teacher from a module's text, and its records."""

from __future__ import annotations

import inspect
import itertools
import json
import sys
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from distilgen.collection.teacher import Teacher, teacher_of
from distilgen.contract import Contract
from distilgen.runtime import configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    Records: TypeAlias = Callable[[], list[dict[str, Any]]]
    Teach: TypeAlias = Callable[..., Teacher]

_numbers = itertools.count()

HEAD = """\
import asyncio, datetime as dt, enum, time
from typing import Annotated, Any, Literal, Optional
from pydantic import BaseModel, Field

class Out(BaseModel):
    n: int

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the records of this test go; it is not there yet."""
    path = tmp_path / "records"
    configure(records=path)
    return path


@pytest.fixture
def records(folder: Path) -> Callable[[], list[dict[str, Any]]]:
    """Reads every record of this test."""

    def read() -> list[dict[str, Any]]:
        files = sorted(folder.glob("*.jsonl"))
        lines = [line for path in files for line in path.read_bytes().splitlines()]
        return [json.loads(line) for line in lines]

    return read


@pytest.fixture
def teach(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Teacher]]:
    """Makes a teacher of a module's text, which has `Out` and the usual imports before it, and the
    name of a function in it.
    """
    del folder
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def make(text: str, name: str = "f", returns: Any = None) -> Teacher:
        module = f"taught_{next(_numbers)}"
        made.append(module)
        (tmp_path / f"{module}.py").write_text(HEAD + dedent(text), "utf-8")

        def freeze() -> Contract:
            found: Any = sys.modules[module]
            for part in name.split("."):
                found = getattr(found, part)
            schema = TypeAdapter(returns or sys.modules[module].Out).json_schema()
            names = [n for n in inspect.signature(found).parameters if n not in ("self", "cls")]
            draft = Contract(
                function=f"{module}:{name}",
                fingerprint="",
                system_prompt="",
                user_message="{arguments}",
                tool={"name": "Out", "description": "", "parameters": schema},
                inputs={"type": "object", "properties": {n: {} for n in names}},
            )
            return replace(draft, fingerprint=draft.digest())

        return teacher_of(f"{module}:{name}", freeze)

    yield make
    for module in made:
        sys.modules.pop(module, None)
