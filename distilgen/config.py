"""`[tool.distilgen]` in pyproject.toml: what it may hold, and what is wrong with it.

Checked by hand: every command reads it, and importing Pydantic costs more than a scan with nothing
to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from fnmatch import translate
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from distilgen import servers
from distilgen.dataset.prices import Price, price_of
from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

FILE = "pyproject.toml"
OPENAI = "openai"
"""The shape that hosts have of which nothing else is known."""

Table = TypeVar("Table")
Url: TypeAlias = str
Variable: TypeAlias = str


@dataclass(frozen=True)
class DispatchConfig:
    """`[tool.distilgen.dispatch]`: defaults of `distilgen dispatch`.

    model: who answers, unless --model says otherwise. provider: the profile of who serves it,
    unless --provider does. base_url: the server, unless the profile or --base-url does.
    """

    model: str | None = None
    base_url: Url | None = None
    provider: str | None = None


@dataclass(frozen=True)
class Provider:
    """`[tool.distilgen.providers.NAME]`: how those are asked who train or serve a model.

    base_url: the server. api_key_env: the environment variable that has its key. answers: how its
    models answer, one of `distilgen.contract.ANSWERS`. timeout: seconds for an answer. reasks: how
    often an answer that is none is asked for again. shape: how it has OpenAI's fine-tuning API, one
    of `distilgen.training.shapes.SHAPES`; default: that of its name, or openai. fine_tuning: what
    jobs are asked for with besides.
    """

    base_url: Url | None = None
    api_key_env: Variable | None = None
    answers: str | None = None
    timeout: float | None = None
    reasks: int | None = None
    shape: str | None = None
    fine_tuning: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """`[tool.distilgen]`. Paths and patterns are relative to the folder of pyproject.toml.

    include, exclude: patterns of files to look at, and to leave. roots: import roots; default src
    and the project's own. records: where commands look for records. datasets: where they are built.
    students: where the embedded ones are. prompt: a prompt template, a name or a file. templates: a
    folder of prompt templates, looked in before ours. python: the project's interpreter, for its
    packages. providers: profiles by their names. prices: of models, by their names or globs of
    these.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    records: str = ".distilgen/records"
    datasets: str = ".distilgen/datasets"
    students: str = ".distilgen/students"
    prompt: str = "distilgen"
    templates: str | None = None
    python: str | None = None
    dispatch: DispatchConfig = field(default=DispatchConfig())
    providers: Mapping[str, Provider] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)

    def takes(self, path: str) -> bool:
        """Is a file or folder, given relative to the project with slashes, one to look at?"""
        if self._excluded and self._excluded.match(path):
            return False
        if not self._included or not path.endswith(".py"):
            return True
        return self._included.match(path) is not None

    def price_of(self, model: str) -> Price | None:
        """What a model costs: as the user says, or else the table of `dataset.prices`."""
        return price_of(model, self.prices)

    def profile(self, name: str) -> Provider | None:
        """The project's profile of a name, or what is known of a host of that name without one;
        where it does not say server and key, and its shape has usual ones, with those.
        """
        from distilgen.training.shapes import SHAPES  # noqa: PLC0415 - few commands need it

        said = self.providers.get(name)
        if said is None and name not in SHAPES:
            return None
        said = said or Provider()
        shape = SHAPES[said.shape or (name if name in SHAPES else OPENAI)]
        usual = shape.api_key_env if shape.name != OPENAI else None  # the client's own, that is
        return replace(
            said,
            shape=shape.name,
            base_url=said.base_url or shape.base_url,
            api_key_env=said.api_key_env or usual,
        )

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
    providers = {name: _made(Provider, item) for name, item in table.get("providers", {}).items()}
    prices = {model: _made(Price, price) for model, price in table.get("prices", {}).items()}
    made = {"dispatch": dispatch, "providers": providers, "prices": prices}
    return _made(Config, {**table, **made})


def unknown_provider(name: str, known: Collection[str]) -> str:
    """A message for a profile that is not there."""
    there = f"known: {', '.join(sorted(known))}" if known else "there is none"
    return f"no [tool.distilgen.providers.{name}] in {FILE}; {there}"


def _made(kind: type[Table], table: Mapping[str, Any]) -> Table:
    return kind(**{key: _settled(value) for key, value in table.items()})


def _settled(value: Any) -> Any:
    """A value of TOML's as the tables here have it."""
    if _is_day(value):
        return value.isoformat()
    return tuple(value) if isinstance(value, list) else value


def _wrong(
    kind: type[Config | DispatchConfig | Provider | Price], table: Mapping[str, Any], ahead: str
) -> Iterator[str]:
    """What is wrong with a table, one line each."""
    import difflib  # noqa: PLC0415 - as above

    known = {item.name: str(item.type) for item in fields(kind)}
    for key, value in table.items():
        name = f"{ahead}{key}"
        match known.get(key):
            case None if key == "api_key":
                yield f"{name}: a key is a secret; name its environment variable in api_key_env"
            case None:
                close = difflib.get_close_matches(key, known, 1)
                advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
                yield f"{name}: unknown key; {advice}"
            case "DispatchConfig":
                if isinstance(value, dict):
                    yield from _wrong(DispatchConfig, value, f"{name}.")
                    yield from _wrong_provider(f"{name}.provider", value, table)
                else:
                    yield f"{name}: should be a table, not {value!r}"
            case "Mapping[str, Provider]":
                yield from _wrong_providers(name, value)
            case "float | None":
                if not _is_number(value) or not 0 < value < inf:
                    yield f"{name}: should be a number, more than 0, not {value!r}"
            case "int | None":
                if not _is_number(value) or isinstance(value, float) or value < 0:
                    yield f"{name}: should be a whole number, 0 or more, not {value!r}"
            case "Mapping[str, Any]":
                if not isinstance(value, dict):
                    yield f"{name}: should be a table, not {value!r}"
            case "Mapping[str, Price]":
                yield from _wrong_prices(name, value)
            case "Rate" | "Rate | None":
                if not _is_number(value) or not 0 <= value < inf:
                    yield f"{name}: should be a number, 0 or more, not {value!r}"
            case "Url | None" if isinstance(value, str):
                yield from _refused(name, servers.base_url, value)
            case "Variable | None" if isinstance(value, str):
                yield from _refused(name, servers.variable, value)
            case "Day" if _is_day(value):
                pass
            case "tuple[str, ...]":
                if not isinstance(value, list) or any(not isinstance(v, str) for v in value):
                    yield f"{name}: should be a list of strings, not {value!r}"
            case _:
                if not isinstance(value, str):
                    yield f"{name}: should be a string, not {value!r}"


def _refused(name: str, read: Callable[[str], str], text: str) -> Iterator[str]:
    try:
        read(text)
    except servers.SecretError as error:
        yield f"{name}: {error}"


def _is_day(value: Any) -> bool:
    """Is it a date of TOML's own?"""
    from datetime import date  # noqa: PLC0415 - as above

    return isinstance(value, date)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong_provider(
    name: str, dispatch: Mapping[str, Any], table: Mapping[str, Any]
) -> Iterator[str]:
    """Is the profile there that dispatch is to take?"""
    wanted, known = dispatch.get("provider"), table.get("providers", {})
    from distilgen.training.shapes import SHAPES  # noqa: PLC0415 - as above

    if isinstance(wanted, str) and isinstance(known, dict) and wanted not in {*known, *SHAPES}:
        yield f"{name}: {unknown_provider(wanted, {*known, *SHAPES})}"


def _wrong_providers(name: str, providers: Any) -> Iterator[str]:
    from distilgen.contract import ANSWERS  # noqa: PLC0415 - few projects have profiles
    from distilgen.training.shapes import SHAPES  # noqa: PLC0415

    said = _places(name, providers, "{}.{}")
    yield from _wrong_tables(Provider, name, providers, said)
    for place, profile in said.items():
        answers = profile.get("answers") if isinstance(profile, dict) else None
        if isinstance(answers, str) and answers not in ANSWERS:
            yield f"{place}.answers: should be one of {', '.join(ANSWERS)}, not {answers!r}"
        shape = profile.get("shape") if isinstance(profile, dict) else None
        if isinstance(shape, str) and shape not in SHAPES:
            yield f"{place}.shape: should be one of {', '.join(SHAPES)}, not {shape!r}"


def _wrong_prices(name: str, prices: Any) -> Iterator[str]:
    said = _places(name, prices, '{}."{}"')
    yield from _wrong_tables(Price, name, prices, said)
    for place, price in said.items():
        for key in ("input", "output") if isinstance(price, dict) else ():
            if key not in price:
                yield f"{place}.{key}: is missing: USD per million tokens"


def _places(name: str, tables: Any, form: str) -> dict[str, Any]:
    """Tables that the user names, by where they stand."""
    if not isinstance(tables, dict):
        return {}
    return {form.format(name, key): table for key, table in tables.items()}


def _wrong_tables(
    kind: type[Provider | Price], name: str, tables: Any, said: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong with tables that the user names. said: these, by where they stand."""
    if not isinstance(tables, dict):
        yield f"{name}: should be a table, not {tables!r}"
    for place, table in said.items():
        if isinstance(table, dict):
            yield from _wrong(kind, table, f"{place}.")
        else:
            yield f"{place}: should be a table, not {table!r}"


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches a path that a glob pattern matches, it or a folder above it."""
    if not patterns:
        return None
    texts = (translate(pattern.rstrip("/")) for pattern in patterns)
    below = (re.sub(r"\\Z$|\\z$", r"(?:/.*)?\\Z", text) for text in texts)
    return re.compile("|".join(below))
