"""A project as the commands see it: its folder, configuration, sources, functions and contracts."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from distilgen import config
from distilgen.errors import ConfigError, SourceError, UsageError
from distilgen.rewrite import contracts_file, marks, originals
from distilgen.source import files, modules
from distilgen.source.functions import Surveyed, survey
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver
from distilgen.source.schema import SchemaWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    import jinja2

    from distilgen.contract import Contract
    from distilgen.source.files import SourceFile

_MARKERS = (config.FILE, ".git")


@dataclass(frozen=True)
class Surveys:
    """A source file and what was found in it."""

    source: SourceFile
    functions: tuple[Surveyed, ...]


@dataclass
class Project:
    """root: the folder of pyproject.toml, resolved. python: the project's interpreter. told: is
    called with what is wrong with a file.
    """

    root: Path
    config: config.Config
    python: str
    told: Callable[[SourceError], None]
    _worker: SchemaWorker | None = field(default=None, repr=False)

    @classmethod
    def at(
        cls, folder: Path, told: Callable[[SourceError], None], python: str | None = None
    ) -> Project:
        """The project that a folder belongs to: that of the nearest pyproject.toml, or of git's.

        told: is called with what is wrong with a file; the work goes on. python: an interpreter
        that wins over the configured and the active one. Raises ConfigError.
        """
        start = folder.resolve()
        root = next(
            (p for p in (start, *start.parents) if any((p / name).exists() for name in _MARKERS)),
            start,
        )
        loaded = config.load(root)
        chosen = python or (loaded.python and str(root / loaded.python)) or _active_python()
        return cls(root, loaded, chosen, told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker:
            self._worker.__exit__()

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """Its import roots. Raises ConfigError for one that is not there."""
        named = [(self.root / name).resolve() for name in self.config.roots]
        for folder in named:
            if not folder.is_dir():
                raise ConfigError(f"{self.root / config.FILE}: roots: there is no folder {folder}")
        return modules.import_roots(self.root, named)

    @cached_property
    def resolver(self) -> Resolver:
        """Follows names through the project and its environment."""
        return Resolver(Index(self.roots, _packages_of(self.python)))

    @cached_property
    def template(self) -> jinja2.Template:
        """The prompt template. Raises ConfigError."""
        from distilgen import texts  # noqa: PLC0415 - jinja2, which scanning does not need

        return texts.prompt_template(self.config.prompt, self.root)

    def targets(self, paths: Iterable[Path]) -> list[Path]:
        """What the user named, absolute. A sidecar stands for its module. Raises UsageError for
        what is outside the project.
        """
        found = []
        for path in paths:
            absolute = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links
            if not absolute.resolve().is_relative_to(self.root):
                raise UsageError(
                    f"{path} is outside the project {self.root}; run distilgen in its own project, "
                    "or name that with --project"
                )
            if files.SIDECAR.fullmatch(absolute.name):
                absolute = absolute.with_name(f"{absolute.stem[1 : -len('_distil')]}.py")
            found.append(absolute)
        return found

    def sources(self, paths: Iterable[Path], *, ours: bool = False) -> Iterator[SourceFile]:
        """Every source file at or below the paths that can be read; the others are told.

        ours: only those that distilgen has rewritten, or left a sidecar or removed bodies of.
        """
        for path in files.walk(self.targets(paths), wanted=self._takes, missing=self.told):
            try:
                source = files.read(path)
                if not ours or self._is_ours(source):
                    yield source
            except SourceError as error:
                self.told(error)

    def survey(self, paths: Iterable[Path], *, ours: bool = False) -> Iterator[Surveys]:
        """As `sources`, with the functions of each file. Files that do not parse are told, too."""
        for source in self.sources(paths, ours=ours):
            try:
                facts = self.resolver.index.of_file(source)
            except SourceError as error:
                self.told(error)
                continue
            yield Surveys(source, tuple(survey(facts, self.resolver)))

    def function(self, name: str) -> tuple[SourceFile, Surveyed]:
        """The function named `module:qualname`. Raises UsageError, with the nearest names."""
        module, colon, qualname = name.partition(":")
        if not colon:
            raise UsageError(
                f"{name}: name a function as module:function, for example shop.mail:reply"
            )
        path = modules.find(module, self.roots)
        if path is None:
            raise UsageError(f"{name}: no module {module} under {', '.join(map(str, self.roots))}")
        source = files.read(path)
        found = list(survey(self.resolver.index.of_file(source), self.resolver))
        for item in found:
            if item.function.qualname == qualname:
                return source, item
        raise UsageError(f"{name}: {unknown(qualname, [f.function.qualname for f in found])}")

    def freeze(self, function: Surveyed) -> Contract:
        """The contract of a candidate as the code has it now. Raises SchemaError, ConfigError."""
        from distilgen.freeze import freeze  # noqa: PLC0415 - jinja2, which scanning does not need

        if self._worker is None:
            self._worker = SchemaWorker(self.roots, self.root, self.python)
        return freeze(function, self._worker.schema_of(function), self.template, self.resolver)

    def frozen(self) -> Iterator[Contract]:
        """The contracts of all sidecars of the project. Sidecars that cannot be read are told."""
        for path in files.walk([self.root], wanted=self._takes, missing=self.told):
            try:
                yield from contracts_file.read(path).values()
            except SourceError as error:
                self.told(error)

    def relative(self, path: Path) -> str:
        """A path as messages show it: from the project's folder, with slashes."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    def _is_ours(self, source: SourceFile) -> bool:
        """May a module be rewritten, or its rewriting have been stopped half way?"""
        return (
            marks.may_be_in(source)
            or marks.sidecar_path(source.path).exists()
            or originals.path_for(self.root, source.path).exists()
        )

    def _takes(self, path: Path) -> bool:
        return not path.is_relative_to(self.root) or self.config.takes(path.relative_to(self.root))


def matches(function: Surveyed, patterns: Sequence[str]) -> bool:
    """Is a function named, by its qualified name, `module:qualname` or a glob of either?"""
    names = (function.function.qualname, function.name)
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def refuse_absent(patterns: Iterable[str], named: Collection[str], known: Iterable[str]) -> None:
    """Raises UsageError for the first pattern that named no function."""
    for pattern in patterns:
        if pattern not in named:
            raise UsageError(f"{pattern}: {unknown(pattern, known)}")


def unknown(name: str, known: Iterable[str]) -> str:
    """A message for a function that is not there."""
    close = difflib.get_close_matches(name, list(known), 3, 0.5)
    near = f"; did you mean {', '.join(close)}?" if close else ""
    return f"no such function{near}"


def _active_python() -> str:
    """The interpreter of the active virtual environment, or our own."""
    active = os.environ.get("VIRTUAL_ENV")
    if active:
        for name in ("bin/python", "Scripts/python.exe"):
            if (Path(active) / name).exists():
                return str(Path(active) / name)
    return sys.executable


def _packages_of(python: str) -> tuple[Path, ...]:
    """Where an interpreter's installed packages are. Raises ConfigError."""
    paths = sys.path
    if Path(python) != Path(sys.executable):
        code = "import json, sys; print(json.dumps(sys.path))"
        try:
            done = subprocess.run(
                [python, "-P", "-c", code], capture_output=True, check=True, timeout=60
            )
            paths = json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise ConfigError(f"cannot run the interpreter {python}: {error}") from error
    return tuple(Path(path) for path in paths if path and Path(path).is_dir())
