"""What several tests share: a small project, written from a table row."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from distilgen.project import Project
from distilgen.runtime import settings, sink, student

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from distilgen.errors import SourceError


@pytest.fixture(autouse=True)
def fresh_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has recorded, configured and asked nothing yet, and has no key."""
    for name in os.environ:
        if name.startswith(("OPENAI_", "DISTILGEN_")):
            monkeypatch.delenv(name)
    yield
    sink.forget()
    settings._settings = None
    for client in student._clients.values():
        client.close()
    student._clients.clear()
    student._adapters.clear()


@pytest.fixture
def write_tree(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Writes files by their name and content, text without its common indentation, and returns
    the folder that they stand in.
    """

    def write(tree: Mapping[str, str | bytes]) -> Path:
        for name, content in tree.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = content if isinstance(content, bytes) else dedent(content).lstrip("\n").encode()
            path.write_bytes(raw)
        return tmp_path

    return write


@pytest.fixture
def project_of(
    write_tree: Callable[[Mapping[str, str | bytes]], Path],
) -> Iterator[Callable[[Mapping[str, str | bytes]], Project]]:
    """Writes files as `write_tree` does and opens the project that they are."""

    def told(error: SourceError) -> None:
        raise error

    with ExitStack() as opened:

        def open_project(tree: Mapping[str, str | bytes]) -> Project:
            folder = write_tree({"pyproject.toml": "", **tree})
            return opened.enter_context(Project.at(folder, told, sys.executable))

        yield open_project
