"""The options of `distilgen collect` for documents, chains and clusters, and what they mean."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import click

from distilgen.cli import report
from distilgen.cli.record_filter import EVERYTHING, Reading
from distilgen.collection.chunks import CHARACTERS, TOKENS, UNITS
from distilgen.errors import UsageError
from distilgen.records.files import FileStore, files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.cli.options import Session
    from distilgen.collection.chain import Answers
    from distilgen.collection.engines import Engine
    from distilgen.collection.given import Source
    from distilgen.collection.typed import Typed
    from distilgen.contract import Contract
    from distilgen.project import Project
    from distilgen.records.store import Store

SIZE = 512
LOCAL, RAY = "local", "ray"
_QUICK_BYTES = 32 * 1024 * 1024  # of records, which are read twice for a total

_OPTIONS = (
    click.option(
        "--documents", type=click.Path(path_type=Path), metavar="DIR|FILE",
        help="Inputs: the texts and PDFs of a folder, cut into chunks.",
    ),
    click.option(
        "--glob", "globs", multiple=True, metavar="PATTERN",
        help="Only documents with such a name; with a slash, such a path. May be repeated.",
    ),
    click.option(
        "--chunk-size", type=click.IntRange(1), metavar="N", help=f"Of a chunk; default: {SIZE}.",
    ),
    click.option(
        "--step", type=click.IntRange(1), metavar="N",
        help="From one chunk to the next; default: the size. Less makes them overlap.",
    ),
    click.option(
        "--unit", type=click.Choice(UNITS), help=f"Of size and step; default: {CHARACTERS}."
    ),
    click.option(
        "--from", "from_", metavar="FUNCTION", help="Inputs: the results of another function."
    ),
    click.option(
        "--each", metavar="PATH",
        help="Where the inputs are in a record of it: result.questions; default: the whole result.",
    ),
    click.option(
        "--into", metavar="PARAMETER",
        help="The parameter that gets the chunk, or what --each names.",
    ),
    click.option(
        "--engine", type=click.Choice((LOCAL, RAY)), default=LOCAL, show_default=True,
        help='Who makes the calls: this process, or a Ray cluster; needs "distilgen[ray]".',
    ),
    click.option(
        "--ray-address", metavar="ADDRESS",
        help="The Ray cluster: HOST:PORT, auto, ray://…; default: one of its own, on this machine.",
    ),
)  # fmt: skip


def options(function: Callable[..., int]) -> Callable[..., int]:
    """The options for documents, chains and clusters."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


def refuse(said: Mapping[str, Any]) -> None:
    """Raises UsageError for options without the one that they belong to."""
    belonging = {
        "--documents": {
            "--glob": said["globs"],
            "--chunk-size": said["chunk_size"],
            "--step": said["step"],
            "--unit": said["unit"],
        },
        "--from": {"--each": said["each"]},
        "--documents or --from": {"--into": said["into"]},
    }
    given = {"--documents": said["documents"], "--from": said["from_"]}
    for owner, options_ in belonging.items():
        if all(given[name] is None for name in owner.split(" or ")):
            for name, value in options_.items():
                if value:
                    raise UsageError(f"{name} is of {owner}")
    if said["ray_address"] and said["engine"] != RAY:
        raise UsageError(f"--ray-address is of --engine {RAY}")


def engine(project: Project, said: Mapping[str, Any]) -> Engine | None:
    """Who makes the calls; None for this process. Raises UsageError."""
    if said["engine"] != RAY:
        return None
    from distilgen.collection.ray_engine import RayEngine  # noqa: PLC0415 - Ray, an extra

    return RayEngine(project.root, project.roots, said["ray_address"])


@dataclass(frozen=True)
class Chained:
    """The inputs that the results of a function give, and the records that they are from."""

    source: Source
    answers: Answers
    reading: Reading

    def tell(self, current: Session) -> None:
        """Say which of the function's records gave nothing, after they were read."""
        self.reading.tell(current)
        for reason, count in self.answers.left_out.items():
            said = f"left out: {report.counted(count, 'record')} {reason}"
            click.echo(f"{self.answers.contract.function}: {said}", err=True)


@dataclass(frozen=True)
class Wanted:
    """What the user says of the inputs. renamed: `--map`. constants: `--set`."""

    typed: Typed
    said: Mapping[str, Any]
    renamed: Mapping[str, str]
    constants: Mapping[str, Any]

    def documents(self) -> Source:
        """The chunks of documents. Raises UsageError, CollectError."""
        from distilgen.collection.chunks import Cut  # noqa: PLC0415 - one of several sources
        from distilgen.collection.documents import Documents  # noqa: PLC0415

        said = self.said
        self._check()
        size = said["chunk_size"] or SIZE
        unit = said["unit"] or CHARACTERS
        cut = Cut(size, said["step"] or size, unit, _tokens() if unit == TOKENS else None)
        into = said["into"] or self._text_parameter()
        found = Documents(said["documents"], cut, into, self.renamed, self.constants, said["globs"])
        return found.source()

    def chain(self, store: Store, contract: Contract) -> Chained:
        """What the results of a function give. Raises UsageError, CollectError."""
        from distilgen.collection.chain import Answers, Chain  # noqa: PLC0415 - as above

        self._check()
        each, into = self.said["each"] or "", self.said["into"] or ""
        chain = Chain(self.typed, each, into, self.renamed, self.constants)
        reading = Reading(store, EVERYTHING)
        answers = Answers(reading, contract, dt.datetime.now(dt.UTC))
        return Chained(chain.source(answers, counted=_is_small(store)), answers, reading)

    def _check(self) -> None:
        """Raises UsageError for a parameter that there is not, or that is filled twice."""
        into = {self.said["into"]: ""} if self.said["into"] else {}
        named = (("--into", into), ("--map", self.renamed), ("--set", self.constants))
        filled: dict[str, str] = {}
        for option, names in named:
            for name in names:
                if name not in self.typed.parameters:
                    known = ", ".join(self.typed.parameters)
                    raise UsageError(f"{option} {name}: no such parameter; there are: {known}")
                if name in filled:
                    raise UsageError(f"{name}: is both in {filled[name]} and in {option}")
                filled[name] = option
        self.typed.refuse(filled, self.constants)

    def _text_parameter(self) -> str:
        """The one parameter that takes a text. Raises UsageError."""
        left = [n for n in self.typed.parameters if n not in {**self.renamed, **self.constants}]
        texts = [name for name in left if _plain(self.typed.hints.get(name)) is str]
        needed = [name for name in texts if name in self.typed.required]
        found = needed if len(needed) == 1 else texts
        if len(found) == 1:
            return found[0]
        which = ", ".join(texts or left) or "none is left"
        said = "several parameters are texts" if texts else "no parameter is a str"
        raise UsageError(f"{said}: {which}; name the one that gets the chunk by --into")


def _plain(hint: Any) -> Any:
    """A type without what `Annotated` says of it."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _tokens() -> Callable[[str], int]:
    from distilgen.dataset.tokens import counter  # noqa: PLC0415 - seldom asked for

    found = counter(None)
    if not found.exact:
        click.echo("note: tokens are estimated: no table of tiktoken is here", err=True)
    return found.count


def _is_small(store: Store) -> bool:
    if not isinstance(store, FileStore):
        return False
    return sum(path.stat().st_size for path in files_of(store.folder)) <= _QUICK_BYTES
