"""`distilgen records`: what was recorded; looked at, counted, moved and deleted."""

from __future__ import annotations

import datetime as dt
from collections import deque
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import options, record_lines, report
from distilgen.cli.record_filter import EVERYTHING, Filter, Reading, filtered, say_empty
from distilgen.cli.record_removal import delete, vacuum
from distilgen.cli.record_transfer import export, import_, ship
from distilgen.errors import CLEAN, RecordError, UsageError
from distilgen.records.files import FileStore, files_of
from distilgen.records.follow import follow
from distilgen.records.record import Malformed
from distilgen.records.stats import KEYS, count
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.records.record import Record
    from distilgen.records.stats import Group
    from distilgen.records.store import Store


@click.group()
def command() -> None:
    """Look at what was recorded, count it, move it and delete it."""


for _command in (export, import_, delete, vacuum, ship):
    command.add_command(_command)


@command.command("list", short_help="The last records, a line each.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="The last so many."
)
@options.as_json
@filtered
def list_(wanted: Filter, limit: int, as_json: bool, records: str | None, folder: Path) -> int:
    """List the last records, newest last: id, time (UTC), function, duration, arguments, result.

    With --json, one record a line, as it is stored.
    """
    with options.session(folder) as current:
        reading = Reading(options.records_store(current, records), wanted)
        last = deque(reading, maxlen=limit)
        reading.tell(current)
        names, today = record_lines.Names(r.function for r in last), _today()
        for record in last:
            shown = record_lines.short(record, names, today)
            click.echo(record_lines.whole(record) if as_json else shown)
        if not last:
            say_empty(current, reading)
        return current.code()


@command.command(short_help="One record.")
@click.argument("id_", metavar="ID")
@click.option("--row", is_flag=True, help="Show the training row that it makes, too.")
@options.records
@options.project
def show(id_: str, row: bool, records: str | None, folder: Path) -> int:
    """Show one record. ID may be the beginning of it, as far as it is the only one."""
    if not id_:
        raise UsageError("which record? Say its ID, or the beginning of it, as `list` shows it")
    with options.session(folder) as current:
        store = options.records_store(current, records)
        record = _only(current, Reading(store, EVERYTHING), id_)
        click.echo(record_lines.page(record))
        of = (record.rollout or {}).get("of")
        if of and record.agrees is False:
            click.echo()
            _show_teacher(current, store, record, of)
        if row:
            click.echo()
            click.echo(record_lines.pretty(_row(current, record)))
        return current.code()


def _only(current: options.Session, reading: Reading, id_: str) -> Record:
    """The record of an id, or of its beginning. Raises UsageError."""
    found: dict[str, Record] = {}
    for record in reading:
        if record.id == id_:
            return record
        if record.id.startswith(id_) and len(found) <= record_lines.FEW:
            found.setdefault(record.id, record)
    reading.tell(current)
    if not found:
        place = current.project.relative(reading.store.place)
        raise UsageError(f"{id_}: no record in {place} has an id that begins so")
    if len(found) > 1:
        few = list(found)[: record_lines.FEW]
        more = " and more" if len(found) > len(few) else ""
        raise UsageError(f"{id_}: is the beginning of several: {', '.join(few)}{more}")
    return next(iter(found.values()))


def _show_teacher(current: options.Session, store: Store, record: Record, of: str) -> None:
    """What the teacher answered to the call for which a student has this other answer."""
    teacher = next((item for item in Reading(store, EVERYTHING) if item.id == of), None)
    if teacher is None:
        place = record_lines.printable(current.project.relative(store.place))
        click.echo(
            f"teacher's result\nnot known: record {record_lines.printable(of)} is not in {place}"
        )
        return
    click.echo(record_lines.teachers_answer(record.result, teacher.result))


def _row(current: options.Session, record: Record) -> dict[str, Any]:
    """The training row of a record. Raises UsageError."""
    if record.by_student:
        raise UsageError(f"{record.id}: a student answered it: it teaches nobody")
    if record.error is not None or not record.usable:
        reason = "has no result" if record.error is not None else "lacks a value"
        raise UsageError(f"{record.id}: {reason}: no row can be made of it")
    for contract in current.project.frozen():
        if contract.function == record.function:
            if contract.fingerprint == record.contract:
                return FORMATS["openai-tools"](contract, record.arguments, record.result)
            raise UsageError(
                f"{record.id}: is of contract {record.contract}; that of {record.function} is "
                f"{contract.fingerprint} now"
            )
    raise UsageError(f"{record.id}: no contract of {record.function} is frozen in the project")


def _keys(
    context: click.Context, parameter: click.Parameter, said: tuple[str, ...]
) -> tuple[str, ...]:
    keys = [key.strip() for text in said for key in text.split(",")]
    for key in keys:
        if key not in KEYS:
            wrong = f"{key!r} is not one of {', '.join(KEYS)}"
            raise click.BadParameter(wrong, context, parameter)
    return tuple(dict.fromkeys(keys)) or ("function", "source")


@command.command(short_help="Counts and durations.")
@click.option(
    "--by", "keys", multiple=True, callback=_keys, metavar=f"[{'|'.join(KEYS)}]",
    help="Count by this; may be repeated, or several with commas. Default: function,source.",
)  # fmt: skip
@options.as_json
@filtered
def stats(
    wanted: Filter, keys: tuple[str, ...], as_json: bool, records: str | None, folder: Path
) -> int:
    """Count records by function, contract, day, source, mode or error: calls, calls that raised,
    share that cannot be trained on for a value that is not there, median and 95th percentile of
    their durations, days. What students answered, also beside the teacher, is in rows of its own
    where `source` is one of the keys. From 100,000 calls of a group on, percentiles are right
    within 1 %.
    """
    with options.session(folder) as current:
        store = options.records_store(current, records)
        reading = Reading(store, wanted)
        groups = count(reading, keys)
        reading.tell(current)
        size = _size(store.folder) if isinstance(store, FileStore) else None
        calls = sum(group.calls for group in groups.values())
        if as_json:
            rows = [
                dict(zip(keys, names, strict=True)) | group.values()
                for names, group in groups.items()
            ]
            said = {"groups": rows, "records": calls, "malformed": reading.malformed, "size": size}
            click.echo(record_lines.pretty(said))
            return current.code()
        if not groups:
            say_empty(current, reading)
            return current.code()
        report.table(
            (*keys, "calls", "errors", "unusable", "median", "p95", "days"),
            [_cells(names, group) for names, group in groups.items()],
        )
        said_size = "" if size is None else f"; {record_lines.bytes_of(size)} in files"
        click.echo(f"{report.counted(calls, 'record')}{said_size}", err=True)
        return current.code()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_of(folder))


def _cells(names: tuple[str, ...], group: Group) -> tuple[str, ...]:
    days = " to ".join(dict.fromkeys(filter(None, (group.first, group.last))))
    return (
        *(record_lines.printable(name) or "-" for name in names),
        str(group.calls),
        str(group.errors),
        f"{group.unusable / group.calls:.1%}",
        record_lines.duration(group.times.percentile(0.5)),
        record_lines.duration(group.times.percentile(0.95)),
        days or "-",
    )


@command.command(short_help="The last records, and new ones as they come in.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=10, show_default=True,
    help="Begin with the last so many.",
)  # fmt: skip
@click.option("--no-follow", is_flag=True, help="End there; do not wait for new ones.")
@options.as_json
@filtered
def tail(
    wanted: Filter, lines: int, no_follow: bool, as_json: bool, records: str | None, folder: Path
) -> int:
    """Show the last records, then each new one as it comes in, until Ctrl-C. The folder need not be
    there yet.
    """
    with options.session(folder) as current:
        store = options.records_store(current, records, may_come=not no_follow)
        names = record_lines.Names()
        takes = wanted.selection.takes
        try:
            for item in follow(store, takes, lines, live=not no_follow, troubled=_tell_trouble):
                if isinstance(item, Malformed):
                    where = record_lines.printable(current.project.relative(str(item)))
                    click.echo(f"{where}; no record", err=True)
                else:
                    shown = record_lines.short(item, names, _today())
                    click.echo(record_lines.whole(item) if as_json else shown)
        except KeyboardInterrupt:
            return CLEAN
        return current.code()


def _tell_trouble(error: RecordError | None) -> None:
    said = f"{error}; trying again" if error else "it can be read again"
    click.echo(record_lines.printable(said), err=True)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
