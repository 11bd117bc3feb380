"""Records as arguments of a callable: found by its path, called with a dict, never in a circle."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import RecordError
from distilgen.runtime.sinks.calls import CallableSink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from distilgen.contract import Contract

    Line = Callable[..., bytes]
    WriteTree = Callable[[Mapping[str, str | bytes]], Path]

_MODULE = """
taken = []
inner = None

def take(record):
    taken.append(record)

class Box:
    @classmethod
    def take(cls, record):
        taken.append(record)

    def __call__(self, record):
        taken.append(record)

box = Box()

def again(record):
    taken.append(record)
    inner()

async def later(record):
    pass

def broken(record):
    raise ValueError("no room")

def leave(record):
    raise SystemExit(3)

number = 1
"""


@pytest.fixture
def module(write_tree: WriteTree, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports the module of these tests, which the sink finds by its name."""
    folder = write_tree({"sink_package/__init__.py": "", "sink_package/places.py": _MODULE,
                         "sink_package/ends.py": "raise SystemExit('bye')"})  # fmt: skip
    monkeypatch.syspath_prepend(str(folder))
    yield lambda: sys.modules["sink_package.places"]
    for name in ("sink_package", "sink_package.places"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["take", "Box.take", "box", "box.take"])
def test_it_is_called_with_the_record(
    module: Any, line: Line, contract: Contract, name: str
) -> None:
    sink = CallableSink(f"sink_package.places:{name}")
    assert "sink_package" not in sys.modules
    sink.write(line("é"), contract)
    sink.write(line("b"), contract)
    assert sink.flush(1) == 0
    sink.after_fork()
    sink.close()
    assert module().taken == [json.loads(line("é")), json.loads(line("b"))]


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("sink_package.places:broken", ValueError, "no room"),
        ("sink_package.places:leave", RecordError, "leave wants to end the program: exit 3"),
        ("sink_package.ends:take", RecordError, "take wants to end the program: exit bye"),
        ("sink_package.places:later", RecordError, "is a coroutine function"),
        ("sink_package.places:number", TypeError, "not callable"),
        ("sink_package.places:nothing", AttributeError, "nothing"),
        ("sink_package.nowhere:take", ModuleNotFoundError, "nowhere"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_goes_wrong_is_raised(
    line: Line, contract: Contract, path: str, kind: type[Exception], message: str
) -> None:
    sink = CallableSink(path)
    for _ in range(2):
        with pytest.raises(kind, match=message):
            sink.write(line(), contract)


def test_what_it_records_itself_has_an_end(module: Any, line: Line, contract: Contract) -> None:
    sink = CallableSink("sink_package.places:again")
    CallableSink("sink_package.places:take").write(line(), contract)
    errors = []

    def inner() -> None:
        try:
            sink.write(line("inner"), contract)
        except RecordError as error:
            errors.append(str(error))

    module().inner = inner
    sink.write(line(), contract)
    sink.write(line(), contract)
    assert len(module().taken) == 3
    path = "sink_package.places:again"
    assert errors == [f"{path} made this call itself, while it took a record"] * 2
