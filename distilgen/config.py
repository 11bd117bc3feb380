"""`[tool.distilgen]` in pyproject.toml: what it may hold, and what is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distilgen.errors import ConfigError
from distilgen.runtime.settings import RECORDS

FILE = "pyproject.toml"


class DispatchConfig(BaseModel):
    """`[tool.distilgen.dispatch]`: defaults of `distilgen dispatch`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: str | None = Field(
        default=None, description="Who answers, unless --model says otherwise."
    )
    base_url: str | None = Field(
        default=None, description="The server, unless --base-url says otherwise."
    )


class Config(BaseModel):
    """`[tool.distilgen]`. Paths and patterns are relative to the folder of pyproject.toml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    include: tuple[str, ...] = Field(
        default=(), strict=False, description="Patterns of files to look at."
    )
    exclude: tuple[str, ...] = Field(
        default=(), strict=False, description="Patterns of files to leave."
    )
    roots: tuple[str, ...] = Field(
        default=(), strict=False, description="Import roots; default src and ."
    )
    records: str = Field(default=RECORDS, description="Where commands look for records.")
    datasets: str = Field(default=".distilgen/datasets", description="Where datasets are built.")
    prompt: str = Field(
        default="distilgen", description="Prompt template: a name of ours, or a file."
    )
    python: str | None = Field(
        default=None, description="The project's interpreter, for its packages."
    )
    dispatch: DispatchConfig = Field(default=DispatchConfig(), strict=False)

    def takes(self, path: Path) -> bool:
        """Is a file or folder, given relative to the project, one to look at?"""
        if any(_matches(path, pattern) for pattern in self.exclude):
            return False
        if not self.include or path.suffix != ".py":
            return True
        return any(_matches(path, pattern) for pattern in self.include)


def load(project: Path) -> Config:
    """The configuration of a project; the defaults where it has none. Raises ConfigError."""
    path = project / FILE
    if not path.is_file():
        return Config()
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    table = content.get("tool", {}).get("distilgen", {})
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        lines = [f"{path}: [tool.distilgen] {_explain(item)}" for item in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def _matches(path: Path, pattern: str) -> bool:
    """Does a glob pattern match the path or a folder above it?"""
    wanted = pattern.rstrip("/")
    return any(
        part != Path() and fnmatchcase(part.as_posix(), wanted) for part in (path, *path.parents)
    )


def _explain(error: Any) -> str:
    place = [str(part) for part in error["loc"]]
    key = ".".join(place)
    if error["type"] == "extra_forbidden":
        model = DispatchConfig if place[0] == "dispatch" and len(place) > 1 else Config
        close = difflib.get_close_matches(place[-1], model.model_fields, 1)
        known = f"did you mean {close[0]}?" if close else f"known: {', '.join(model.model_fields)}"
        return f"{key}: unknown key; {known}"
    return f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"
