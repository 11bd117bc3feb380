"""Where the inputs of `distilgen collect` come from: the options that say so, and their source."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, get_args, get_origin

import click

from distilgen.cli import report
from distilgen.cli.record_filter import EVERYTHING, Reading
from distilgen.cli.record_lines import printable
from distilgen.collection import files, mapping
from distilgen.collection.chunks import CHARACTERS, TOKENS, UNITS
from distilgen.collection.given import Source
from distilgen.errors import UsageError
from distilgen.records.files import FileStore, files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.cli.options import Session
    from distilgen.collection.chain import Answers
    from distilgen.collection.typed import Typed
    from distilgen.contract import Contract
    from distilgen.records.store import Store

SIZE = 512
SEED = 0
_QUICK_BYTES = 32 * 1024 * 1024  # of records, which are read twice for a total

_OPTIONS = (
    click.option(
        "--inputs", metavar="FILE|DIR|-",
        help="Inputs: a file, all such files of a folder, or standard input.",
    ),
    click.option(
        "--input-format", type=click.Choice(files.INPUT_FORMATS),
        help="What the inputs are, where the name of the file does not say it.",
    ),
    click.option(
        "--generate", type=click.IntRange(1), metavar="N",
        help='Make so many inputs from the types of the parameters; needs "distilgen[generate]".',
    ),
    click.option("--seed", type=int, metavar="N", help=f"Of what is made; default: {SEED}."),
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
        "--map", "columns", multiple=True, metavar="PARAMETER=NAME",
        help="What a parameter gets: a column, a fact of the document, or a path in the record. "
        "May be repeated.",
    ),
    click.option(
        "--set", "constants", multiple=True, metavar="PARAMETER=JSON",
        help="The same value in all calls: JSON, or else text. May be repeated.",
    ),
)  # fmt: skip


def options(function: Callable[..., int]) -> Callable[..., int]:
    """The options that say where inputs come from."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


def refuse(said: Mapping[str, Any]) -> None:
    """Raises UsageError for none or several sources, and for options of another one."""
    sources = {"--inputs": said["inputs"], "--generate": said["generate"]}
    sources |= {"--documents": said["documents"], "--from": said["from_"]}
    named = [name for name, value in sources.items() if value is not None]
    if len(named) != 1:
        several = " and ".join(named)
        raise UsageError(
            f"{several}: say one of them" if named else f"which inputs? Say {' or '.join(sources)}"
        )
    belonging = {
        "--inputs": {"--input-format": said["input_format"]},
        "--generate": {"--seed": said["seed"]},
        "--documents": {
            "--glob": said["globs"] or None,
            "--chunk-size": said["chunk_size"],
            "--step": said["step"],
            "--unit": said["unit"],
        },
        "--from": {"--each": said["each"]},
        "--documents or --from": {"--into": said["into"]},
        "--inputs or --documents or --from": {"--map": said["columns"] or None},
    }
    for owner, its in belonging.items():
        if named[0] not in owner.split(" or "):
            for name, value in its.items():
                if value is not None:
                    raise UsageError(f"{name} is of {owner}, not of {named[0]}")
    if said["failures"] is not None:
        _refuse_failures(said["failures"].resolve(), said["inputs"], said["documents"])


def refuse_absent(said: Mapping[str, Any]) -> None:
    """Raises UsageError for a source that is not there, before a project is looked through."""
    if said["inputs"] is not None:
        files.files_of(said["inputs"], said["input_format"])
    if said["documents"] is not None:
        from distilgen.collection import documents  # noqa: PLC0415 - one of several sources

        documents.refuse_absent(said["documents"])


def _refuse_failures(failures: Path, inputs: str | None, documents: Path | None) -> None:
    """Raises UsageError where the file of failures would take the place of an input, or be one."""
    place = documents or (Path(inputs) if inputs not in (None, files.STANDARD_INPUT) else None)
    if place is None:
        return
    place = place.resolve()
    if failures == place or place in (failures.parents if documents else [failures.parent]):
        raise UsageError(f"--failures {failures.name}: would be among the inputs; name another")


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
            tell(f"{self.answers.contract.function}: {said}")


@dataclass(frozen=True)
class Wanted:
    """What the user says of the inputs. renamed: `--map`. constants: `--set`."""

    typed: Typed
    said: Mapping[str, Any]
    renamed: Mapping[str, str]
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, typed: Typed, said: Mapping[str, Any]) -> Self:
        """As the options say. Raises UsageError, CollectError."""
        renamed = mapping.pairs("--map", said["columns"])
        wanted = cls(typed, said, renamed, mapping.constants(said["constants"]))
        wanted._check()
        return wanted

    def source(self) -> Source:
        """The inputs that need no records. Raises UsageError, CollectError."""
        if self.said["documents"] is not None:
            return self._documents()
        if self.said["generate"] is not None:
            return self._generated()
        kind = self.said["input_format"]
        found = files.files_of(self.said["inputs"], kind)
        columns = mapping.Columns(self.typed, self.renamed, self.constants, tell)
        is_folder = found != [None] and Path(self.said["inputs"]).is_dir()
        rows = files.rows_of(found, kind, goes_on=is_folder)
        return Source(
            columns.inputs(rows), files.total_of(found, kind, goes_on=is_folder), columns.unused
        )

    def _generated(self) -> Source:
        from distilgen.collection import generated  # noqa: PLC0415 - Hypothesis, an extra

        count, seed = self.said["generate"], self.said["seed"] or SEED
        return generated.source(self.typed, count, seed, self.constants, tell)

    def _documents(self) -> Source:
        from distilgen.collection.chunks import Cut  # noqa: PLC0415 - one of several sources
        from distilgen.collection.documents import Documents  # noqa: PLC0415

        said = self.said
        size = said["chunk_size"] or SIZE
        unit = said["unit"] or CHARACTERS
        cut = Cut(size, said["step"] or size, unit, _tokens() if unit == TOKENS else None)
        into = said["into"] or self._text_parameter()
        filled = {into, *self.renamed, *self.constants}
        empty = [name for name in self.typed.required if name not in filled]
        if empty:
            raise UsageError(
                f"nothing is said for {', '.join(empty)}: give it a fact of the document by --map, "
                "or a value by --set"
            )
        found = Documents(said["documents"], cut, into, self.renamed, self.constants, said["globs"])
        return found.source()

    def chain(self, store: Store, contract: Contract) -> Chained:
        """What the results of a function give. Raises UsageError, CollectError."""
        from distilgen.collection.chain import Answers, Chain  # noqa: PLC0415 - as above

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


def tell(text: str) -> None:
    """Say it to the user, beside the output."""
    click.echo(printable(text), err=True)


def _plain(hint: Any) -> Any:
    """A type without what `Annotated` says of it."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _tokens() -> Callable[[str], int]:
    from distilgen.dataset.tokens import counter  # noqa: PLC0415 - seldom asked for

    found = counter(None)
    if not found.exact:
        tell("note: tokens are estimated: no table of tiktoken is here")
    return found.count


def _is_small(store: Store) -> bool:
    if not isinstance(store, FileStore):
        return False
    return sum(path.stat().st_size for path in files_of(store.folder)) <= _QUICK_BYTES
