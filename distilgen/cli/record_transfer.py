"""`distilgen records export`, `import`, `ship`: records that go elsewhere, or come from there."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from distilgen.cli import options, output as outputs, report
from distilgen.cli.record_filter import Filter, Reading, filtered
from distilgen.cli.record_lines import printable
from distilgen.errors import RecordError, UsageError
from distilgen.records import export as exporting, imported, urls
from distilgen.records.foreign import Reader
from distilgen.records.record import Malformed, Record, line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from distilgen.records.store import Store

_BATCH = 4 * 1024 * 1024  # bytes that are appended at once


@click.command(short_help="Write records into a file.")
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl",
    show_default=True, help="jsonl: as stored. csv, parquet: arguments and result as JSON texts.",
)  # fmt: skip
@click.option("--output", required=True, metavar="FILE", help="The file to write; - for stdout.")
@click.option(
    "--flatten", is_flag=True,
    help="csv: a column for each argument and field; for reading, it cannot be imported again.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file, if there is one.")
@filtered
def export(
    wanted: Filter,
    form: str,
    output: str,
    flatten: bool,
    force: bool,
    records: str | None,
    folder: Path,
) -> int:
    """Write the records that are asked for into a file, which appears when it is complete."""
    if flatten and form != "csv":
        raise UsageError(f"--flatten is for --format csv, not {form}")
    if output == outputs.STDOUT and form == "parquet":
        raise UsageError("a Parquet file cannot go to standard output: name an --output")
    with options.session(folder) as current:
        store = options.records_store(current, records)
        readings: list[Reading] = []

        def read() -> Iterator[Record]:
            readings.append(Reading(store, wanted))
            yield from readings[-1]

        with outputs.opened(output, force=force) as file:
            count = _written(form, read, file, flatten=flatten)
            readings[0].tell(current)  # a wrong name writes nothing
        where = "" if output == outputs.STDOUT else f" in {output}"
        click.echo(f"{report.counted(count, 'record')}{where}", err=True)
        return current.code()


def _written(
    form: str, read: Callable[[], Iterator[Record]], file: BinaryIO, *, flatten: bool
) -> int:
    if form == "jsonl":
        return exporting.jsonl(read(), file)
    if form == "parquet":
        return exporting.parquet(read(), file)
    return exporting.flat_csv(read, file) if flatten else exporting.plain_csv(read(), file)


@click.command("import", short_help="Add the calls of other files to the records.")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)  # fmt: skip
@click.option(
    "--from", "form", type=click.Choice(imported.FORMS),
    help="Whose rows they are; default: each row tells by its keys.",
)  # fmt: skip
@click.option(
    "--function", metavar="FUNCTION", help="The function of rows that do not tell it themselves."
)
@options.records
@options.quiet
@options.verbose
@options.project
def import_(
    files: tuple[Path, ...],
    form: str | None,
    function: str | None,
    records: str | None,
    quiet: bool,
    verbose: bool,
    folder: Path,
) -> int:
    """Add the calls of other files to the records: rows of instructor and LlamaIndex, JSONL and CSV
    of `export`. Rows become records of the contract that is frozen now, if they fit it. What cannot
    be understood is counted by reason; -v names each line. What is there already is not added.
    """
    with options.session(folder) as current:
        reader = _reader(current, form, function)
        store = options.records_store(current, records, may_come=True)
        work = _Import(store, current, verbose=verbose)
        for path in files:
            work.take(imported.read(path, form, reader))
        work.write()
        for reason, lines in work.reasons.most_common():
            said = f"not understood: {report.counted(lines, 'line')}: {printable(reason)}"
            click.echo(said, err=True)
        if not quiet:
            there = f"; {work.known} there already" if work.known else ""
            left = sum(work.reasons.values())
            others = f"; {report.counted(left, 'line')} not understood" if left else ""
            count = report.counted(work.added, "record")
            click.echo(f"{count} added to {current.project.relative(store.place)}{there}{others}",
                       err=True)  # fmt: skip
        if not (work.added or work.known):
            current.failed = True
            if not work.reasons:
                click.echo("no rows: nothing to import", err=True)
        return current.code()


def _reader(current: options.Session, form: str | None, function: str | None) -> Reader:
    """What understands the rows: by all contracts that are frozen, or by that of one function."""
    if function:
        return Reader((), options.the_contract(current, function))
    contracts = tuple(current.project.frozen())
    if not contracts and form in (imported.INSTRUCTOR, imported.LLAMA_INDEX):
        raise UsageError("no contract is frozen; run `distilgen instrument` first")
    return Reader(contracts)


@dataclass
class _Import:
    """Records on their way into a store. added: how many went there. known: those that were there.
    reasons: counts of what was not understood.
    """

    store: Store
    current: options.Session
    verbose: bool
    added: int = 0
    known: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    ids: set[str] | None = None

    def take(self, items: Iterable[Record | Malformed]) -> None:
        """Add what is new."""
        for item in items:
            if isinstance(item, Malformed):
                self.reasons[item.reason] += 1
                if self.verbose:
                    click.echo(printable(self.current.project.relative(str(item))), err=True)
                continue
            if self.ids is None:
                self.ids = {kept.id for kept in self.store.read() if isinstance(kept, Record)}
            if item.id in self.ids:
                self.known += 1
                continue
            self.ids.add(item.id)
            self.lines.append(line_of(item))
            self.size += len(self.lines[-1])
            if self.size > _BATCH:
                self.write()

    def write(self) -> None:
        """Append what was taken."""
        if self.lines:
            name = hashlib.sha256(b"".join(self.lines)).hexdigest()[:32]
            self.store.append(self.lines, f"import-{name}")
            self.added += len(self.lines)
            self.lines, self.size = [], 0


@click.command(short_help="Send what waits in a spool.")
@click.argument("url", required=False)
@click.option(
    "--spool", metavar="FOLDER", envvar="DISTILGEN_SPOOL",
    help="Where the records wait; default: .distilgen/spool in the project.",
)  # fmt: skip
@options.quiet
@options.project
def ship(url: str | None, spool: str | None, quiet: bool, folder: Path) -> int:
    """Send the records that wait in a spool to URL. Default: where the project's records go, if
    that is a database or an object store, or else where those that wait are bound for, if that is
    one place. Tries once; running programs send their own.
    """
    from distilgen.runtime.settings import SPOOL  # noqa: PLC0415
    from distilgen.runtime.sinks import shipping  # noqa: PLC0415 - only here

    with options.session(folder) as current:
        place = Path(spool) if spool else current.project.root / SPOOL
        if spool and not place.is_dir():
            raise UsageError(f"{place}: is no folder")
        where = _destination(current, place, url)
        if where is None:
            if not quiet:
                click.echo(f"nothing waits in {current.project.relative(place)}", err=True)
            return current.code()
        done = shipping.ship(place, where, report=None if quiet else _say)
        shown = urls.without_password(where)
        others = [] if done.shipped or done.left else _bound_for(place)
        if others:
            raise UsageError(
                f"{place}: nothing waits for {shown}; what waits is bound for {', '.join(others)}"
            )
        if not quiet:
            click.echo(f"{report.counted(done.shipped, 'record')} shipped to {shown}", err=True)
        if done.aside:
            count = report.counted(done.aside, "line")
            click.echo(f"{count} set aside in the spool: no record", err=True)
        if done.left:
            click.echo(f"{report.counted(done.left, 'record')} left: {done.why}", err=True)
            current.failed = True
        return current.code()


def _say(text: str) -> None:
    click.echo(text, err=True)


def _destination(current: options.Session, spool: Path, said: str | None) -> str | None:
    """The URL to ship to; None where nothing waits. Raises UsageError, RecordError."""
    here = said or os.environ.get("DISTILGEN_RECORDS")  # relative to the working directory
    url = here or current.project.config.records
    origin = "URL" if said else "records"
    named = urls.place_of(url, origin)
    if said or named.kind in (urls.SQL, urls.OBJECTS):
        known = named.rest if named.kind == urls.SQL else url
        return urls.absolute(known, str((Path() if here else current.project.root).absolute()))
    found = _bound_for(spool)
    if not found:
        return None
    if len(found) > 1:
        raise UsageError(f"{spool}: for which destination? Name one: {', '.join(found)}")
    if "…" in found[0]:
        raise UsageError(f"{spool}: is bound for {found[0]}: say that URL with its password")
    return found[0]


def _bound_for(spool: Path) -> Sequence[str]:
    """Where the records that wait in a spool go, as it says itself. Raises RecordError."""
    from distilgen.runtime.sinks import destination, segment  # noqa: PLC0415

    found = []
    for path in sorted([*spool.glob(destination.NAME), *spool.glob(f"*/{destination.NAME}")]):
        if not segment.segments_of(path.parent):
            continue
        try:
            url = json.loads(path.read_bytes())["url"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path}: says no destination ({error}); name a URL") from error
        found.append(str(url))
    return found
