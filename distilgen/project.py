"""A project as the commands see it: its folder, configuration, sources, functions and contracts."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from distilgen import config
from distilgen.errors import ConfigError, SourceError, UsageError
from distilgen.source import environment, modules
from distilgen.source.cache import Cache
from distilgen.source.overview import Scan
from distilgen.source.view import View
from distilgen.source.walk import SIDECAR, module_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from distilgen.contract import Contract
    from distilgen.rewrite.archive import Archive
    from distilgen.rewrite.elsewhere import Elsewhere
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed
    from distilgen.source.origins import Origins, Sources
    from distilgen.source.resolve import Resolver
    from distilgen.source.rows import Overview
    from distilgen.source.schema import SchemaWorker
    from distilgen.source.walk import Found
    from distilgen.texts import Prompt

# What analysis, templates and schemas need is imported where it is used: a scan with nothing to do
# is to cost no more than the walk.

_MARKERS = (config.FILE, ".git")
_CACHE = Path(".distilgen/cache")


class Surveys(NamedTuple):
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
    _surveyed: SourceFile | None = field(default=None, repr=False)

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
        from distilgen.source.index import Index  # noqa: PLC0415
        from distilgen.source.resolve import Resolver  # noqa: PLC0415

        return Resolver(Index(self.roots, self._packages))

    @cached_property
    def origins(self) -> Origins:
        """Tells which statements of the project a type depends on."""
        from distilgen.source.origins import Origins  # noqa: PLC0415

        return Origins(self.roots)

    @cached_property
    def _packages(self) -> tuple[Path, ...]:
        return environment.packages_of(self.python, self.root / _CACHE)

    @cached_property
    def template(self) -> Prompt:
        """The prompt template. Raises ConfigError."""
        from distilgen import texts  # noqa: PLC0415

        folder = self.root / self.config.templates if self.config.templates else None
        if folder and not folder.is_dir():
            raise ConfigError(f"{self.root / config.FILE}: templates: there is no folder {folder}")
        return texts.prompt(self.config.prompt, self.root, folder)

    def name_of(self, path: Path) -> str:
        """The dotted name of the module that a file is."""
        return modules.name_in(modules.package_of(path.parent, self.roots)[0], path)

    def is_whole(self, paths: Iterable[Path]) -> bool:
        """Do the paths, none for the project, name all of it?"""
        return self.root in (self.targets(paths) or [self.root])

    def targets(self, paths: Iterable[Path]) -> list[Path]:
        """What the user named, absolute, below the project's folder; links in there are not
        followed. A sidecar stands for its module. Raises UsageError for what is outside.
        """
        found = []
        for path in paths:
            absolute = self._inside(Path(os.path.abspath(path)))  # noqa: PTH100 - it follows no link
            if absolute is None:
                raise UsageError(
                    f"{path} is outside the project {self.root}; run distilgen in its own project, "
                    "or name that with --project"
                )
            if SIDECAR.fullmatch(absolute.name):
                absolute = module_of(absolute)
            found.append(absolute)
        return found

    def _inside(self, path: Path) -> Path | None:
        """A path as it is from the project's folder, to which a link may have led; None outside."""
        if not Path(os.path.realpath(path)).is_relative_to(self.root):  # `resolve` fails in a loop
            return None
        if path.is_relative_to(self.root):
            return path
        ways = (*reversed(path.parents), path)
        entry = next(way for way in ways if way.resolve().is_relative_to(self.root))
        return entry.resolve() / path.relative_to(entry)

    def files(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Every source file at or below the paths."""
        return (Path(item.path) for item in self._walk(paths))

    def sources(self, paths: Iterable[Path], *, ours: bool = False) -> Iterator[SourceFile]:
        """Every source file at or below the paths that can be read; the others are told.

        ours: only those that distilgen has rewritten, or left a sidecar or removed bodies of; those
        that the configuration leaves out by now are among them.
        """
        for source in self._read(Path(item.path) for item in self._walk(paths, whole=ours)):
            if not ours or self._is_ours(source):
                yield source

    def overviews(
        self, paths: Iterable[Path], *, everything: bool = False, jobs: int = 0
    ) -> Iterator[Overview]:
        """What is in each file at or below the paths, as far as a scan tells it: reads no more of
        a file than it must, and nothing that did not change since the last time.

        everything: functions that return no Pydantic type, too. jobs: processes to work in; 0 for
        as many as pay.
        """
        targets = self.targets(paths)
        whole = self.config.takes_all and all(
            any(root.is_relative_to(target) for target in targets) for root in self.roots
        )
        cache = Cache.at(self.root / _CACHE, self._depends_on())
        view = View(self.roots, self._packages, everything)
        yield from Scan(cache, view, self.told, whole, jobs).overviews(self._walk(paths))

    def survey(
        self, paths: Iterable[Path], *, ours: bool = False, everything: bool = False
    ) -> Iterator[Surveys]:
        """The files at or below the paths in which a function may return a Pydantic type, or that
        distilgen may have rewritten, with their functions. Files that do not parse are told.

        ours: as for `sources`. everything: all files.
        """
        if ours or everything:
            sources = self.sources(paths, ours=ours)
        else:
            found = [item for item in self.overviews(paths) if item.rows or item.marked]
            sources = self._read(Path(item.path) for item in found)
        for source in sources:
            try:
                functions = self.functions_of(source)
            except SourceError as error:
                self.told(error)
                continue
            yield Surveys(source, functions)

    def functions_of(self, source: SourceFile) -> tuple[Surveyed, ...]:
        """The functions of a file, as `survey` has them. Raises SourceError."""
        from distilgen.source.functions import survey  # noqa: PLC0415

        facts = self.resolver.index.of_file(source)
        self._surveyed = source
        return tuple(survey(facts, self.resolver))

    def function(self, name: str) -> tuple[SourceFile, Surveyed]:
        """The function named `module:qualname`. Raises UsageError, with the nearest names."""
        module, colon, qualname = name.partition(":")
        if not colon:
            raise UsageError(
                f"{name}: name a function as module:function, for example shop.mail:reply"
            )
        from distilgen.source import files  # noqa: PLC0415

        path = modules.find(module, self.roots)
        if path is None:
            raise UsageError(f"{name}: no module {module} under {', '.join(map(str, self.roots))}")
        source = files.read(path)
        found = self.functions_of(source)
        for item in found:
            if item.function.qualname == qualname:
                return source, item
        raise UsageError(f"{name}: {unknown(qualname, [f.function.qualname for f in found])}")

    def freeze(self, function: Surveyed) -> Contract:
        """The contract of a candidate as the code has it now. Raises SchemaError, ConfigError."""
        from distilgen.freeze import freeze  # noqa: PLC0415
        from distilgen.source.schema import SchemaWorker  # noqa: PLC0415

        if self._worker is None:
            self._worker = SchemaWorker(self.roots, self.root, self.python)
        schema, inputs = self._worker.schema_of(function), self._worker.inputs_of(function)
        evaluated = [name for name, found in inputs.items() if not found.reason]
        sources = self._sources(function, evaluated).digests
        return freeze(function, schema, inputs, self.template, self.resolver, sources)

    def refreeze(self, function: Surveyed, frozen: Contract) -> tuple[Contract, frozenset[str]]:
        """(its contract with the schemas that are frozen, and what these depend on as it is now;
        packages that they need and the project's interpreter does not have). Evaluates nothing.
        """
        from distilgen.freeze import refreeze  # noqa: PLC0415

        known = frozen.inputs["properties"]
        evaluated = [n for n in function.arguments if "$comment" not in known.get(n, {})]
        sources = self._sources(function, evaluated)
        index = self.resolver.index
        absent = frozenset(name for name in sources.packages if not index.place("", name))
        return refreeze(function, frozen, self.template, self.resolver, sources.digests), absent

    def _sources(self, function: Surveyed, arguments: Iterable[str]) -> Sources:
        """What the types of a function's answer and of some arguments depend on."""
        from distilgen.source.schema import annotations_of  # noqa: PLC0415

        annotations = dict(annotations_of(function))
        path, source = function.facts.path, self._surveyed
        return self.origins.of(
            function.facts.name,
            path,
            [function.answer, *(annotations[name] for name in arguments if name in annotations)],
            function.function.classes,
            source if source and source.path == path else None,
        )

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """Tells which names of a module other files of the project may use: all of its files."""
        from distilgen.rewrite.elsewhere import Elsewhere  # noqa: PLC0415

        found = walk([self.root], wanted=lambda _: True, missing=lambda _: None)
        return Elsewhere(self.archive, [Path(item.path) for item in found])

    @cached_property
    def archive(self) -> Archive:
        """What is kept beside its modules, for a command that plans before it writes."""
        from distilgen.rewrite.archive import Archive  # noqa: PLC0415

        return Archive(self.root)

    def frozen(self) -> Iterator[Contract]:
        """The contracts of all sidecars of the project. Sidecars that cannot be read are told."""
        from distilgen.rewrite import contracts_file  # noqa: PLC0415

        for item in self._walk([self.root]):
            try:
                yield from contracts_file.read(Path(item.path)).values()
            except SourceError as error:
                self.told(error)

    def relative(self, path: Path | str) -> str:
        """A path as messages show it: from the project's folder, with slashes."""
        text, ahead = str(path), self._ahead
        return text.removeprefix(ahead).replace(os.sep, "/") if text.startswith(ahead) else text

    @cached_property
    def _ahead(self) -> str:
        return os.path.join(self.root, "")  # noqa: PTH118 - the root of all ends in a slash as it is

    def _is_ours(self, source: SourceFile) -> bool:
        """May a module be rewritten, or its rewriting have been stopped half way?"""
        from distilgen.rewrite import marks, originals  # noqa: PLC0415

        kept = originals.path_for(self.root, source.path)
        return (
            marks.may_be_in(source)
            or marks.sidecar_path(source.path).exists()
            or os.path.exists(kept)  # noqa: PTH110 - says no where nobody may look
        )

    def _read(self, paths: Iterable[Path]) -> Iterator[SourceFile]:
        from distilgen.source import files  # noqa: PLC0415

        for path in paths:
            try:
                yield files.read(path)
            except SourceError as error:
                self.told(error)

    def _walk(self, paths: Iterable[Path], *, whole: bool = False) -> Iterator[Found]:
        wanted = (lambda _: True) if whole else self._takes
        return walk(self.targets(paths), wanted=wanted, missing=self.told)

    def _takes(self, path: str) -> bool:
        if self.config.takes_all:
            return True
        absolute = Path(path)
        return not absolute.is_relative_to(self.root) or self.config.takes(
            absolute.relative_to(self.root).as_posix()
        )

    def _depends_on(self) -> str:
        """What everything that a scan finds depends on, besides the files that it reads."""
        code = sorted(Path(__file__).parent.joinpath("source").glob("*.py"))
        folders = [str(path) for path in (*self.roots, *self._packages)]
        parts = [
            *(f"{path.name} {path.stat().st_mtime_ns}" for path in code),
            *(f"{path} {path.stat().st_mtime_ns}" for path in self._packages),
            *folders,
            sys.version,
        ]
        return "\n".join(parts)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Is the function `module:qualname` named, by that, its qualified name or a glob of either?"""
    names = (name, name.rpartition(":")[2])
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def refuse_absent(patterns: Iterable[str], named: Collection[str], known: Iterable[str]) -> None:
    """Raises UsageError for the first pattern that named no function."""
    for pattern in patterns:
        if pattern not in named:
            raise UsageError(f"{pattern}: {unknown(pattern, known)}")


def unknown(name: str, known: Iterable[str]) -> str:
    """A message for a function that is not there."""
    import difflib  # noqa: PLC0415

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
