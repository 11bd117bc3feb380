"""mypy in strict mode accepts what distilgen writes, wherever it accepted the original."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from distilgen import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SOURCE = '''\
"""Every kind of function that can be rewritten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, Self, Union

from pydantic import BaseModel

if TYPE_CHECKING:
    from shop.models import Late


class Email(BaseModel):
    to: str


class Letter(BaseModel):
    to: str


def plain(text: str, *more: int, flag: bool = False, **rest: Any) -> Email:
    return Email(to=text)


def optional(text: str) -> Optional[Email]:
    return None


def union(text: str, /) -> Union[Email, Letter]:
    return Letter(to=text)


def piped(text: str) -> "Email | None":
    return Email(to=text)


def many(text: str) -> list[Email]:
    return [Email(to=text)]


def table(text: str) -> dict[Literal["a", "b"], Email]:
    return {"a": Email(to=text)}


def annotated(text: str) -> Annotated[Email, "told"]:
    return Email(to=text)


def late(text: str) -> Late:
    from shop.models import Late

    return Late(to=text)


def stream(text: str) -> Iterator[Email]:
    yield Email(to=text)


async def waiting(text: str) -> Email:
    return Email(to=text)


async def flowing(text: str) -> AsyncIterator[Email]:
    yield Email(to=text)


class Draft(BaseModel):
    to: str

    def better(self, text: str) -> Self:
        return type(self)(to=text)

    @classmethod
    def empty(cls) -> Self:
        return cls(to="")


class Shop:
    class Inner(BaseModel):
        to: str

    def method(self, text: str) -> Inner:
        return Shop.Inner(to=text)

    @classmethod
    def of_class(cls, text: str) -> Email:
        return Email(to=text)

    @staticmethod
    def static(text: str) -> Email:
        return Email(to=text)

    @property
    def said(self) -> Email:
        return Email(to="x")

    @cached_property
    def kept(self) -> Email:
        return Email(to="x")


def use() -> str:
    shop = Shop()
    return plain("a", 1, flag=True).to + shop.said.to + shop.kept.to + shop.method("x").to
'''


def _mypy(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(folder / "cache"),
        "src",
    ]
    environment = {**os.environ, "MYPYPATH": "src"}
    options = ["--explicit-package-bases", "--no-incremental"]
    done = subprocess.run(
        [*command, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_rewritten_modules_type_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "src/shop"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (folder / "__init__.py").touch()
    models = "from pydantic import BaseModel\n\n\nclass Late(BaseModel):\n    to: str\n"
    (folder / "models.py").write_text(models)
    module = folder / "mail.py"
    module.write_text(SOURCE)
    _mypy(tmp_path)
    assert cli.run(["instrument", "src"]) == 0
    assert capsys.readouterr().out.count("instrumented: ") == 18
    _mypy(tmp_path)
    assert cli.run(["dispatch", "--model", "m", "src"]) == 0
    assert capsys.readouterr().out.count("dispatched: ") == 18
    assert module.read_text().count("dispatch(") == 18
    _mypy(tmp_path)
    assert cli.run(["restore", "src"]) == 0
    assert module.read_text() == SOURCE
