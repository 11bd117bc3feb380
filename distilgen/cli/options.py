"""Options that commands share, and the session that they open."""

from __future__ import annotations

import functools
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from distilgen import servers
from distilgen.errors import CLEAN, FAILED, MissingCredentialsError, SourceError, UsageError
from distilgen.project import Project, matches, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distilgen.contract import Contract
    from distilgen.records.store import Store
    from distilgen.training.provider import Dataset

project = click.option(
    "--project",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="The project's folder; default: that of the nearest pyproject.toml.",
)
python = click.option(
    "--python",
    metavar="PATH",
    help="The project's interpreter, for its packages; default: the active one.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but what went wrong.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Name what is left alone, and why.")
optional_paths = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
only = click.option(
    "--only",
    multiple=True,
    metavar="FUNCTION",
    help="Only this function: its qualified name, module:name, or a glob. May be repeated.",
)
diff = click.option("--diff", is_flag=True, help="Show what would change; write nothing.")
check = click.option(
    "--check", is_flag=True, help="Exit 1 if anything would change; write nothing."
)
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
records = click.option(
    "--records",
    metavar="URL",
    envvar="DISTILGEN_RECORDS",
    help="Where the records are: a folder, sqlite:///…, s3://… and so on; default: as configured.",
)


def _url(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    try:
        return value if value is None else servers.base_url(value)
    except servers.SecretError as error:
        raise click.BadParameter(str(error)) from error


text_or_json = click.option(
    "--format", "format_name", type=click.Choice(["text", "json"]), default="text",
    show_default=True, help="json: for programs.",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="For programs: JSON.")
base_url = click.option(
    "--base-url",
    metavar="URL",
    callback=_url,
    help="An OpenAI-compatible server; default: the client's own.",
)


@dataclass
class Session:
    """A command at work on a project. Problems are told as they come; the work goes on.

    problems: what was told of files. failed: something was not done.
    """

    folder: Path
    problems: list[SourceError] = field(default_factory=list)
    failed: bool = False
    project: Project = field(init=False)

    def tell(self, error: SourceError) -> None:
        """Say what is wrong with a file, and end with 123."""
        self.failed = True
        self.problems.append(error)
        where = self.project.relative(Path(error.path))
        place = f"{where}:{error.line}" if error.line else where
        function = f"{error.function}: " if error.function else ""
        click.echo(f"{place}: {function}{error.message}", err=True)

    @contextmanager
    def telling(self, path: Path) -> Iterator[None]:
        """What is wrong with a file is told, and the work goes on with the next."""
        try:
            yield
        except SourceError as error:
            self.tell(error)
        except (RecursionError, MemoryError):
            message = (
                "is nested too deeply for Python's compiler, or needs a module that is; left as it "
                "is"
            )
            self.tell(SourceError(path, message))

    def code(self, otherwise: int = CLEAN) -> int:
        """The exit code: 123 after a problem."""
        return FAILED if self.failed else otherwise


@contextmanager
def session(folder: Path, python: str | None = None) -> Iterator[Session]:
    """Open the project for a command. Raises ConfigError."""
    current = Session(folder)
    with Project.at(folder, current.tell, python) as opened:
        current.project = opened
        yield current


class Mode(NamedTuple):
    """Whether a command writes, or how it shows what it would do, and how much it says."""

    diff: bool
    check: bool
    dry_run: bool
    quiet: bool
    verbose: bool

    @property
    def writes(self) -> bool:
        """Are files to be changed?"""
        return not (self.diff or self.check or self.dry_run)


_everything = click.option(
    "--all", "everything", is_flag=True, help="The whole project, in the place of PATHS."
)


def rewriting(function: Callable[..., int]) -> Callable[..., int]:
    """The arguments and options of the commands that rewrite source: `paths` (none for the whole
    project), `only`, `mode`, `folder`.
    """

    @functools.wraps(function)
    def command(*, paths: tuple[Path, ...], everything: bool, **options: Any) -> int:
        if bool(paths) is everything:
            raise UsageError(
                "which files? Name files or folders, or the whole project by --all"
                if everything is False
                else "--all is the whole project: name no PATHS with it"
            )
        return function(paths=paths, **options)

    for decorate in reversed((optional_paths, _everything, only, writing)):
        command = decorate(command)
    return command


def writing(function: Callable[..., int]) -> Callable[..., int]:
    """The options of the commands that may write, or show what they would: `mode`, `folder`."""

    @functools.wraps(function)
    def command(**options: Any) -> int:
        mode = Mode(*(options.pop(name) for name in Mode._fields))
        if mode.quiet and mode.verbose:
            raise UsageError("--quiet or --verbose, not both")
        return function(mode=mode, **options)

    for decorate in reversed((diff, check, dry_run, quiet, verbose, project)):
        command = decorate(command)
    return command


def records_store(current: Session, said: str | None, *, may_come: bool = False) -> Store:
    """Where the records are: as said, or as configured. may_come: they need not be there yet.
    Raises ConfigError, and UsageError for a place that holds none, or is not there though --records
    names it.
    """
    from distilgen.records import stores  # noqa: PLC0415 - few commands need it

    project = current.project
    if said:
        store = stores.open_store(said, "--records", Path())
    else:
        url = project.config.records
        store = stores.open_store(url, "records in [tool.distilgen]", project.root)
    stores.refuse_useless(store, named=records_named(), may_come=may_come)
    return store


def records_named() -> bool:
    """Does the command line itself say where the records are?"""
    context = click.get_current_context()
    return context.get_parameter_source("records") is click.core.ParameterSource.COMMANDLINE


def openai_client(url: str | None, key: str) -> Any:
    """The client of a server. key: the environment variable that has its key. Raises
    MissingCredentialsError.
    """
    import openai  # noqa: PLC0415 - half a second, and few commands need it

    if not os.environ.get(key):
        raise MissingCredentialsError(
            f"no API key: set {key} (to any text, where the server wants none)"
        )
    if not re.fullmatch("[!-~]+", os.environ[key]):  # which a client would put into its message
        message = f"{key} is no key: it has a blank, a line break, or a character beyond ASCII"
        raise MissingCredentialsError(message)
    return openai.OpenAI(base_url=url, api_key=os.environ[key])


def dataset_of(current: Session, function: str) -> Dataset:
    """The dataset of a function's frozen contract. Raises UsageError, DatasetError, and
    TrainingError.
    """
    from distilgen.dataset.manifest import folder_name  # noqa: PLC0415 - few commands need them
    from distilgen.training import provider  # noqa: PLC0415

    contract = the_contract(current, function)
    place = current.project.root / current.project.config.datasets
    return provider.load(place / folder_name(contract), contract)


def the_contract(current: Session, name: str) -> Contract:
    """The frozen contract of the named function. Raises UsageError where it is none, or several."""
    found = chosen_contracts(current, [name])
    if len(found) > 1:
        several = ", ".join(contract.function for contract in found)
        raise UsageError(f"{name}: there are several: {several}")
    return found[0]


def chosen_contracts(current: Session, names: Sequence[str]) -> list[Contract]:
    """The frozen contracts of the project, all or those of the named functions, or of globs. Raises
    UsageError for a name that is not there, and where nothing is frozen.
    """
    contracts = list(current.project.frozen())
    if not contracts:
        raise UsageError("no contract is frozen; run `distilgen instrument` first")
    chosen = []
    for name in names:
        found = [c for c in contracts if matches(c.function, [name])]
        if not found:
            known = [part for c in contracts for part in (c.function, c.function.split(":")[1])]
            raise UsageError(f"{name}: {unknown(name, known)}")
        chosen += found
    return chosen or contracts
