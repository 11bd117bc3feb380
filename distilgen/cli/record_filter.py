"""The filter that all commands on records share, and the records that pass it."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import options, report
from distilgen.cli.record_lines import printable
from distilgen.errors import UsageError
from distilgen.project import matches, refuse_absent
from distilgen.records.record import MODES, Malformed, Record
from distilgen.records.selection import Selection, moment
from distilgen.records.urls import without_password
from distilgen.records.where import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distilgen.records.store import Store

_when = "a date or time (UTC, or with its zone), or how long ago: 7d, 3h, 30m."
functions_argument = click.argument("functions", nargs=-1, metavar="[FUNCTION]...")
_contract = click.option(
    "--contract", metavar="DIGITS", default="", help="Of the contract whose fingerprint begins so."
)
since_option = click.option("--since", metavar="WHEN", help=f"Not before: {_when}")
until_option = click.option(
    "--until", metavar="WHEN", help="Before that; a date means all of its day."
)
_source = click.option(
    "--source", metavar="NAME", help="Who answered: teacher, or the name of a model."
)
_mode = click.option(
    "--mode", type=click.Choice(MODES), help="Shared so between teacher and student."
)
_errors = click.option("--errors", is_flag=True, help="Calls that raised.")
_no_errors = click.option("--no-errors", is_flag=True, help="Calls that returned.")
_student_failed = click.option(
    "--student-failed",
    is_flag=True,
    help="Calls for which a student was asked, and gave no answer.",
)
_unequal = click.option(
    "--unequal", is_flag=True, help="A student's answers that are not equal to the teacher's."
)
where_option = click.option(
    "--where",
    metavar="CONDITION",
    help='Records for which it holds: result.score > 3 and arguments.lang == "de".',
)


@dataclass(frozen=True)
class Filter:
    """What the user asks for. functions: patterns, none for all."""

    functions: Sequence[str]
    selection: Selection

    @property
    def takes_all(self) -> bool:
        """Is nothing asked of a record?"""
        return self.selection.takes_all


EVERYTHING = Filter((), Selection())


def chosen(functions: Sequence[str], since: str | None, until: str | None, **rest: Any) -> Filter:
    """What the user asks for in these words. rest: of the selection. Raises UsageError."""
    now = dt.datetime.now(dt.UTC)
    asked = Selection(
        since=moment(since, now) if since else None,
        until=moment(until, now, end=True) if until else None,
        **rest,
    )
    if functions:
        asked = replace(asked, named=functools.partial(matches, patterns=functions))
    return Filter(functions, asked)


def filtered(function: Callable[..., int]) -> Callable[..., int]:
    """The arguments and options that say which records: `wanted`, a Filter; and `records`, where
    they are, and `folder`, the project's.
    """

    @functools.wraps(function)
    def command(
        *,
        functions: tuple[str, ...],
        contract: str,
        since: str | None,
        until: str | None,
        source: str | None,
        mode: str | None,
        errors: bool,
        no_errors: bool,
        student_failed: bool,
        unequal: bool,
        where: str | None,
        **rest: Any,
    ) -> int:
        if errors and no_errors:
            raise UsageError("--errors or --no-errors, not both")
        wanted = chosen(
            functions,
            since,
            until,
            contract=contract.lower(),
            source=source,
            mode=mode,
            failed=errors if errors or no_errors else None,
            student_failed=student_failed,
            unequal=unequal,
            where=Where(where) if where else None,
        )
        return function(wanted=wanted, **rest)

    told = (
        functions_argument, _contract, since_option, until_option, _source, _mode, _errors,
        _no_errors, _student_failed, _unequal, where_option,
    )  # fmt: skip
    for decorate in reversed((*told, options.records, options.project)):
        command = decorate(command)
    return command


@dataclass
class Reading:
    """The records of a store that are asked for, once; after that, what else there was.

    whole: how many records the store has. malformed: lines that are none, of which `first` is one.
    """

    store: Store
    wanted: Filter
    whole: int = 0
    malformed: int = 0
    first: Malformed | None = None
    functions: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Record]:
        takes = self.wanted.selection.takes
        for item in self.store.read():
            if isinstance(item, Malformed):
                self.malformed += 1
                self.first = self.first or item
                continue
            self.whole += 1
            self.functions.add(item.function)
            if takes(item):
                yield item

    def tell(self, current: options.Session) -> None:
        """Say once what is no record. Raises UsageError for a pattern that names no function."""
        if self.first:
            say_malformed(current, self.malformed, self.first)
        wanted = self.wanted.functions
        named = {p for p in wanted for name in self.functions if matches(name, [p])}
        if not self.whole:
            return
        known = [part for name in self.functions for part in (name, name.rpartition(":")[2])]
        try:
            refuse_absent(wanted, named, known)
        except UsageError as error:
            raise UsageError(f"{error} (of those that have records)") from None


def say_malformed(current: options.Session, count: int, first: Malformed) -> None:
    """Say how many lines are no records, and which is one of them."""
    said = f"{report.counted(count, 'line')} {'is no record' if count == 1 else 'are no records'}"
    where = printable(current.project.relative(str(first)))
    url = click.get_current_context().params.get("records")
    place = f" --records {without_password(url)}" if url and options.records_named() else ""
    click.echo(
        f"{said}: {where}; `distilgen records vacuum{place}` sets corrupt lines aside", err=True
    )


def say_empty(
    current: options.Session, reading: Reading, *, advice: str = "leave out filters"
) -> None:
    """Say why there is nothing to show, and what to do next. advice: where there are others."""
    if reading.whole:
        count = report.counted(reading.whole, "record")
        click.echo(f"none of {count} is asked for; {advice}", err=True)
        return
    place = current.project.relative(reading.store.place)
    recorded = any(True for _ in current.project.frozen())
    begin = (
        "run the instrumented program"
        if recorded
        else "run `distilgen instrument` on the modules whose functions you want to record, and "
        "then the program"
    )
    click.echo(f"{place}: no records yet; {begin}", err=True)
