"""`[tool.distilgen]` in pyproject.toml: what it may hold, and what is wrong with it.

Checked by hand: every command reads it, and importing Pydantic costs more than a scan with nothing
to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from fnmatch import translate
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE = "pyproject.toml"

Table = TypeVar("Table")


@dataclass(frozen=True)
class DispatchConfig:
    """`[tool.distilgen.dispatch]`: defaults of `distilgen dispatch`.

    model: who answers, unless --model says otherwise. base_url: the server, unless --base-url does.
    """

    model: str | None = None
    base_url: str | None = None


@dataclass(frozen=True)
class Config:
    """`[tool.distilgen]`. Paths and patterns are relative to the folder of pyproject.toml.

    include, exclude: patterns of files to look at, and to leave. roots: import roots; default src
    and the project's own. records: where commands look for records. datasets: where they are built.
    prompt: a prompt template, a name or a file. templates: a folder of prompt templates, looked in
    before ours. python: the project's interpreter, for its packages.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    records: str = ".distilgen/records"
    datasets: str = ".distilgen/datasets"
    prompt: str = "distilgen"
    templates: str | None = None
    python: str | None = None
    dispatch: DispatchConfig = field(default=DispatchConfig())

    def takes(self, path: str) -> bool:
        """Is a file or folder, given relative to the project with slashes, one to look at?"""
        if self._excluded and self._excluded.match(path):
            return False
        if not self._included or not path.endswith(".py"):
            return True
        return self._included.match(path) is not None

    @property
    def takes_all(self) -> bool:
        """Is there no pattern that could keep a file out?"""
        return not self.include and not self.exclude

    @cached_property
    def _excluded(self) -> re.Pattern[str] | None:
        return _any_of(self.exclude)

    @cached_property
    def _included(self) -> re.Pattern[str] | None:
        return _any_of(self.include)


def load(project: Path) -> Config:
    """The configuration of a project; the defaults where it has none. Raises ConfigError."""
    path = project / FILE
    try:
        text = path.read_text("utf-8") if path.is_file() else ""
        if "distilgen" not in text:
            return Config()
        import tomllib  # noqa: PLC0415 - a scan with nothing to do is quick

        content = tomllib.loads(text)
    except (OSError, ValueError) as error:  # bad UTF-8 and bad TOML are such
        raise ConfigError(f"{path}: {error}") from error
    table = content.get("tool", {}).get("distilgen", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: tool.distilgen should be a table, not {table!r}")
    wrong = list(_wrong(Config, table, ""))
    if wrong:
        raise ConfigError("\n".join(f"{path}: [tool.distilgen] {line}" for line in wrong))
    dispatch = _made(DispatchConfig, table.get("dispatch", {}))
    return _made(Config, {**table, "dispatch": dispatch})


def _made(kind: type[Table], table: Mapping[str, Any]) -> Table:
    settled = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return kind(**settled)


def _wrong(
    kind: type[Config | DispatchConfig], table: Mapping[str, Any], ahead: str
) -> Iterator[str]:
    """What is wrong with a table, one line each."""
    import difflib  # noqa: PLC0415 - as above

    known = {item.name: str(item.type) for item in fields(kind)}
    for key, value in table.items():
        name = f"{ahead}{key}"
        match known.get(key):
            case None:
                close = difflib.get_close_matches(key, known, 1)
                advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
                yield f"{name}: unknown key; {advice}"
            case "DispatchConfig":
                if isinstance(value, dict):
                    yield from _wrong(DispatchConfig, value, f"{name}.")
                else:
                    yield f"{name}: should be a table, not {value!r}"
            case "tuple[str, ...]":
                if not isinstance(value, list) or any(not isinstance(v, str) for v in value):
                    yield f"{name}: should be a list of strings, not {value!r}"
            case _:
                if not isinstance(value, str):
                    yield f"{name}: should be a string, not {value!r}"


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches a path that a glob pattern matches, it or a folder above it."""
    if not patterns:
        return None
    texts = (translate(pattern.rstrip("/")) for pattern in patterns)
    below = (re.sub(r"\\Z$|\\z$", r"(?:/.*)?\\Z", text) for text in texts)
    return re.compile("|".join(below))
