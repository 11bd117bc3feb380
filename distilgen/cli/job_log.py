"""`distilgen jobs events`, `metrics`, `show --follow`: what a job has told, and tells."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import host_options, host_tables, options, output as outputs, report
from distilgen.cli.host_options import coming_back, hosted, job_id
from distilgen.cli.host_tables import text
from distilgen.cli.record_lines import printable
from distilgen.errors import HostError, TrainingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.cli.options import Session
    from distilgen.training.events import Events
    from distilgen.training.host import Host

_STEPS = "total_steps"


def look(host: Host, id_: str) -> dict[str, Any]:
    """A job as the host shows it. Raises HostError."""
    from distilgen.training import following  # noqa: PLC0415 - for --help

    return host_tables.plain(following.look(host, id_))


def known(made: Any) -> Any:
    """An object that a host gave. Raises TypeError for a page of HTML or the like."""
    if not isinstance(made.id, str):
        raise TypeError("it has no id")
    return made


def show(host: Host, id_: str, *, as_json: bool) -> None:
    """Print a job."""
    job = look(host, id_)
    click.echo(host_tables.as_json(job) if as_json else host_tables.job_page(job))


def followed(current: Session, host: Host, id_: str, pause: float, *, as_json: bool) -> int:
    """Wait for a job, and print it then. Raises TrainingError for one that made no model."""
    from distilgen.training import following  # noqa: PLC0415 - for --help

    def told(line: str) -> None:
        click.echo(printable(line), err=as_json)

    with coming_back(host, f"jobs show {id_} --follow", f"job {id_} goes on"):
        job = following.job_of(following.look(host, id_))
        told(f"job {id_} is {job.state}")
        job = following.follow(host, job, told, pause)
    show(host, id_, as_json=as_json)
    if job.state != "succeeded":
        why = following.reason(host, job) or "the host gave no reason"
        raise TrainingError(f"job {id_} {job.state}: {why}")
    return current.code()


@click.command(short_help="What a job has logged.")
@job_id
@click.option("--limit", type=click.IntRange(1), help="The last so many; default: all.")
@click.option("--follow", is_flag=True, help="Go on with new ones until the job has ended.")
@host_options.poll
@options.as_json
@hosted
def events(
    current: Session, host: Host, id_: str, limit: int | None, follow: bool, poll: float,
    as_json: bool,
) -> int:  # fmt: skip
    """List what a job has logged, oldest first: time (UTC) and message. With --json and --follow,
    an event a line.
    """
    from distilgen.training import events as logged  # noqa: PLC0415 - for --help

    log = logged.Events(host, id_)
    found = log.new(host.ask, whole=True)
    chosen = found[-limit:] if limit else found
    if as_json and not follow:
        more = len(chosen) < len(found)
        click.echo(host_tables.document(map(host_tables.plain, chosen), more=more))
        return current.code()
    for event in chosen:
        _print(event, as_json=as_json)
    if follow:
        with coming_back(host, f"jobs events {id_} --follow", f"job {id_} goes on"):
            _follow(host, log, poll, as_json=as_json)
    elif not found:
        click.echo(f"job {id_} has logged nothing", err=True)
    return current.code()


def _follow(host: Host, log: Events, poll: float, *, as_json: bool) -> None:
    from distilgen.training import following  # noqa: PLC0415 - for --help

    def asking(what: str, call: Callable[[], Any]) -> Any:
        return host.outlast(what, call, host.told)

    api = host.client.fine_tuning.jobs
    while True:
        job = asking(f"job {log.job}", lambda: following.job_of(api.retrieve(log.job)))
        for event in log.new(asking, whole=job.ended):
            _print(event, as_json=as_json)
        if job.ended:
            return
        host.sleep(poll)


def _print(event: Any, *, as_json: bool) -> None:
    from distilgen.training import events as logged  # noqa: PLC0415 - for --help

    if as_json:
        click.echo(host_tables.line_as_json(host_tables.plain(event)))
    else:
        time = host_tables.time_of(getattr(event, "created_at", None))
        click.echo(f"{time}  {printable(logged.line_of(event))}")
    sys.stdout.flush()  # whoever reads a pipe waits for it


@click.command(short_help="The losses of a job, step by step.")
@job_id
@click.option("--output", metavar="FILE", help="Write them as CSV; - for stdout.")
@host_options.force
@options.as_json
@hosted
def metrics(
    current: Session, host: Host, id_: str, output: str | None, force: bool, as_json: bool
) -> int:
    """Show the metrics of a job, a step a line: those of its result file, or, as long as there is
    none, those that it has logged.
    """
    if output and as_json:
        raise UsageError("--output is CSV, and --json goes to standard output: one of them")
    job = look(host, id_)
    table = _result(host, job) or _logged(host, id_)
    columns, rows = _parsed(table)
    if not rows:
        raise TrainingError(f"job {id_} is {text(job.get('status'))}: it has no metrics so far")
    if output:
        with outputs.opened(output, force=force) as file:
            file.write(table)
    elif as_json:
        found = [{name: _value(row.get(name)) for name in columns} for row in rows]
        click.echo(host_tables.document(found))
    else:
        from distilgen.training import results  # noqa: PLC0415 - for --help

        report.table(
            list(map(text, columns)), [[text(row.get(name)) for name in columns] for row in rows]
        )
        last = ", ".join(results.last_values(table))
        click.echo(f"{report.counted(len(rows), 'step')}; {last}", err=True)
    return current.code()


def _result(host: Host, job: dict[str, Any]) -> bytes:
    """The metrics of a job's result file, as CSV; nothing where it has none. Raises HostError."""
    from distilgen.training import results  # noqa: PLC0415 - for --help

    try:
        table = results.metrics(host, job.get("result_files") or []) or b""
    except HostError as error:
        if error.status != 404:  # or else somebody has deleted it
            raise
        return b""
    return table if _parsed(table)[1] else b""


def _logged(host: Host, id_: str) -> bytes:
    """The metrics that a job has logged, as CSV; nothing where there are none. Raises HostError."""
    from distilgen.training import events as logged  # noqa: PLC0415 - for --help

    steps = [
        {name: value for name, value in event.data.items() if name != _STEPS}
        for event in logged.all_events(host, id_)
        if getattr(event, "type", None) == "metrics" and isinstance(event.data, dict)
    ]
    written = io.StringIO()
    columns = dict.fromkeys(name for step in steps for name in step)
    writer = csv.DictWriter(written, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(steps)
    return written.getvalue().encode()


def _parsed(table: bytes) -> tuple[list[str], list[dict[str, str]]]:
    """(the columns of some metrics, their rows)."""
    reader = csv.DictReader(io.StringIO(table.decode("utf-8-sig", "replace")))
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def _value(cell: str | None) -> float | int | str | None:
    """A cell of a table as JSON has it."""
    for kind in (int, float):
        with contextlib.suppress(ValueError, TypeError):
            return kind(cell)  # type: ignore[arg-type]
    return cell or None
