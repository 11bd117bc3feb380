"""`distilgen records delete` and `vacuum`: records that go, lines that are set aside."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

import click

from distilgen.cli import options, record_lines, report
from distilgen.cli.record_filter import Filter, Reading, filtered, say_empty
from distilgen.errors import UsageError
from distilgen.records import files, vacuum as vacuuming
from distilgen.records.files import CORRUPT, FileStore
from distilgen.records.objects import ObjectStore
from distilgen.records.sql import SqlStore
from distilgen.runtime.settings import RECORDS

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Delete records.")
@click.option("--all", "everything", is_flag=True, help="All records.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@filtered
def delete(wanted: Filter, everything: bool, yes: bool, records: str | None, folder: Path) -> int:
    """Delete the records that are asked for, after showing how many. Needs a filter, or --all.
    Programs may go on recording; files get smaller by `distilgen records vacuum`.
    """
    if wanted.takes_all is not everything:
        raise UsageError(
            "--all is all records: leave out what they should be"
            if everything
            else "which records? Say what they should be (see --help), or --all"
        )
    with options.session(folder) as current:
        store = options.records_store(current, records)
        reading = Reading(store, wanted)
        count = sum(1 for _ in reading)
        reading.tell(current)
        if not count:
            say_empty(current, reading, advice="nothing to delete")
            return current.code()
        place = current.project.relative(store.place)
        said = f"{count} of {report.counted(reading.whole, 'record')} in {place}"
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError(f"{said}: nobody to ask here; say --yes to delete them")
            click.confirm(f"delete {said}?", abort=True, err=True)
        gone = store.delete(wanted.selection.takes)
        click.echo(f"{report.counted(gone, 'record')} deleted from {place}", err=True)
        return current.code()


@click.command(short_help="Put the record files in order.")
@options.records
@options.quiet
@options.project
def vacuum(records: str | None, quiet: bool, folder: Path) -> int:
    """Put the record files in order: lines that are no records go to corrupt.jsonl beside, with
    where they stood and why; lines that are there twice go; small files become one. What a running
    program has open is put in order too, and joined another time. In a database or an object store,
    only what is no record goes: to corrupt.jsonl in the project's .distilgen/records.
    """
    with options.session(folder) as current:
        store = options.records_store(current, records)
        if isinstance(store, FileStore):
            _vacuum_files(current, store, quiet=quiet)
        elif isinstance(store, SqlStore | ObjectStore):
            aside = current.project.root / RECORDS
            with files.told(aside):
                count = store.set_aside(functools.partial(vacuuming.set_aside, aside))
            if not quiet:
                _tell_aside(current, aside, count)
        return current.code()


def _vacuum_files(current: options.Session, store: FileStore, *, quiet: bool) -> None:
    if store.folder.is_dir():
        done = vacuuming.vacuum(store.folder)
        if not quiet:
            _tell(current, store, done)
    elif not quiet:
        place = current.project.relative(store.place)
        click.echo(f"{place}: no records yet; nothing to do", err=True)


def _tell_aside(current: options.Session, folder: Path, count: int) -> None:
    where = f" in {current.project.relative(str(folder / CORRUPT))}" if count else ""
    click.echo(f"{report.counted(count, 'line')} set aside{where}", err=True)


def _tell(current: options.Session, store: FileStore, done: vacuuming.Vacuumed) -> None:
    if done.corrupt:
        _tell_aside(current, store.folder, done.corrupt)
    if done.duplicates:
        click.echo(f"{report.counted(done.duplicates, 'duplicate')} removed", err=True)
    if done.held:
        count = report.counted(done.held, "file")
        click.echo(
            f"{count} left as large as before: a program has it open, or just wrote it", err=True
        )
    before, after = done.size_before, done.size_after
    click.echo(
        f"{report.counted(done.files_before, 'file')} of {record_lines.bytes_of(before)} before, "
        f"{report.counted(done.files_after, 'file')} of {record_lines.bytes_of(after)} now",
        err=True,
    )
