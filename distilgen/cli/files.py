"""`distilgen files`: files on a host; uploaded, looked at, fetched and deleted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import host_options, host_tables, options, output as outputs, report
from distilgen.cli.host_options import coming_back, everything, hosted, limit
from distilgen.cli.host_tables import text
from distilgen.cli.job_log import known
from distilgen.cli.record_lines import printable
from distilgen.errors import HostError, TrainingError, UsageError
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.cli.options import Session
    from distilgen.training.host import Host

_PAGE = 100
_TRAINING = "fine-tune"
_READY = ("processed", "")
_BAD = ("error", "failed", "cancelled", "deleting", "deleted")
_HTTP = ("httpx", "httpx2")  # of the client's versions 2 and 3


@click.group()
def command() -> None:
    """Look after the files on a host."""


@command.command("list", short_help="The files, newest first.")
@limit
@everything
@click.option("--purpose", metavar="NAME", help="Only those for this, such as fine-tune.")
@options.as_json
@hosted
def list_(
    current: Session, host: Host, limit: int, everything: bool, purpose: str | None, as_json: bool
) -> int:
    """List the files on a host, newest first: purpose, size, state, when they were created and when
    they expire (UTC), name.
    """
    asked: dict[str, Any] = {"limit": _PAGE} | ({"purpose": purpose} if purpose else {})
    listed = host.every("list of files", lambda: host.client.files.list(**asked))
    found = (file for file in listed if purpose in (None, getattr(file, "purpose", None)))
    files, more = host_tables.cut(found, None if everything else limit)
    host_tables.listing(
        files, host_tables.FILE_COLUMNS, host_tables.file_row, more=more, json_form=as_json,
        nothing="no files",
    )  # fmt: skip
    return current.code()


@command.command(short_help="Send a file to a host.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--purpose", default=_TRAINING, show_default=True, metavar="NAME", help="What it is for."
)
@click.option("--follow", is_flag=True, help="Wait until the host has looked at it.")
@host_options.poll
@options.as_json
@hosted
def upload(
    current: Session, host: Host, file: Path, purpose: str, follow: bool, poll: float,
    as_json: bool,
) -> int:  # fmt: skip
    """Send FILE to a host. Training files are sent once: where the host has these very bytes from
    this project, that is the file; big ones go in parts.
    """
    if purpose == _TRAINING:
        from distilgen.training.uploads import Uploads  # noqa: PLC0415 - for --help

        state = current.project.root / journal.STATE
        journal.ignore_state(state)
        made = host_tables.plain(Uploads(host, state / "runs" / "files").file(file))
    else:
        made = _sent(host, file, purpose)
    if follow:
        made = _settled(host, str(made["id"]), poll)
    if as_json:
        click.echo(host_tables.as_json(made))
    else:
        click.echo(f"file {text(made['id'])} is {text(made.get('status'))}")
    return current.code()


def _sent(host: Host, path: Path, purpose: str) -> dict[str, Any]:
    """A file for something else than training. Raises HostError."""

    def send() -> Any:
        with path.open("rb") as file:
            return known(host.client.files.create(file=(path.name, file), purpose=purpose))

    return host_tables.plain(host.once(f"upload of {path}", send))


@command.command(short_help="What a host says of a file.")
@host_options.file_id
@click.option("--follow", is_flag=True, help="Wait until the host has looked at it.")
@host_options.poll
@options.as_json
@hosted
def status(current: Session, host: Host, id_: str, follow: bool, poll: float, as_json: bool) -> int:
    """Show all that a host says of a file. With --follow, once the host has looked at it; exits 123
    if it cannot use it.
    """
    file = _settled(host, id_, poll) if follow else _look(host, id_)
    click.echo(host_tables.as_json(file) if as_json else host_tables.file_page(file))
    return current.code()


def _look(host: Host, id_: str) -> dict[str, Any]:
    return host_tables.plain(
        host.ask(f"file {id_}", lambda: known(host.client.files.retrieve(id_)))
    )


def _settled(host: Host, id_: str, pause: float) -> dict[str, Any]:
    """A file that the host has looked at. Raises TrainingError for one that it cannot use."""

    def told(line: str) -> None:
        click.echo(printable(line), err=True)

    def look() -> Any:
        return known(host.client.files.retrieve(id_))

    before = None
    with coming_back(host, f"files status {id_} --follow", f"file {id_} is on the host"):
        while True:
            file = host_tables.plain(host.outlast(f"file {id_}", look, told))
            state = str(file.get("status") or "")
            if state in _READY:
                return file
            if state in _BAD:
                why = file.get("status_details") or "the host gave no reason"
                raise TrainingError(f"file {id_} is {state}: {why}")
            if state != before:
                told(f"file {id_} is {state}")
            before = state
            host.sleep(pause)


@command.command(short_help="Fetch a file from a host.")
@host_options.file_id
@click.option(
    "-o", "--output", required=True, metavar="FILE", help="The file to write; - for stdout."
)
@host_options.force
@options.as_json
@hosted
def download(
    current: Session, host: Host, id_: str, output: str, force: bool, as_json: bool
) -> int:
    """Write what is in a host's file into a file, which appears when it is complete."""
    if as_json and output == outputs.STDOUT:
        raise UsageError("--json would stand among the file's bytes: name an --output")
    size = 0
    with outputs.opened(output, force=force) as file:
        for chunk in _chunks(host, id_):
            file.write(chunk)
            size += len(chunk)
    if as_json:
        click.echo(host_tables.as_json({"id": id_, "output": output, "bytes": size}))
    elif output != outputs.STDOUT:
        click.echo(f"{host_tables.size(size)} in {output}", err=True)
    return current.code()


def _chunks(host: Host, id_: str) -> Iterator[bytes]:
    """The bytes of a host's file, however many. Raises HostError."""
    what = f"download of {id_}"
    answered = host.client.files.with_streaming_response.content(id_)
    response = host.ask(what, answered.__enter__)
    try:
        yield from response.iter_bytes()
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _HTTP:
            raise
        message = f"{what}: {host.server}: broke off ({error}); run the command again"
        raise HostError(message, status=None, passes=True) from error
    finally:
        answered.__exit__(None, None, None)


@command.command(short_help="Delete files on a host.")
@host_options.file_ids
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.as_json
@hosted
def delete(current: Session, host: Host, ids: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Delete files on a host, after showing which. Models that were trained on them stay."""
    if not yes:
        files = [_look(host, id_) for id_ in ids]
        if not sys.stdin.isatty():
            raise UsageError(
                f"{report.counted(len(files), 'file')} on {host.server}: nobody to ask here; say "
                "--yes to delete"
            )
        report.table(host_tables.FILE_COLUMNS, [host_tables.file_row(file) for file in files])
        count = report.counted(len(files), "file")
        click.confirm(f"delete {count} from {host.server}?", abort=True, err=True)
    gone = []
    for id_ in dict.fromkeys(ids):
        try:
            gone.append(_deleted(host, id_))
        except HostError as error:
            current.failed = True
            click.echo(printable(str(error)), err=True)
        else:
            if not as_json:
                click.echo(f"file {id_} is deleted")
    if as_json:
        click.echo(host_tables.document(gone))
    return current.code()


def _deleted(host: Host, id_: str) -> dict[str, Any]:
    """What a host says when a file is deleted. Raises HostError."""

    def gone() -> dict[str, Any] | None:
        try:
            _look(host, id_)
        except HostError as error:
            if error.status != 404:
                raise
            return {"object": "file", "id": id_, "deleted": True}
        return None

    def delete() -> dict[str, Any]:
        return host_tables.plain(known(host.client.files.delete(id_)))

    return host.make(f"delete file {id_}", gone, delete)
