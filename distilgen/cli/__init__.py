"""The command line. Each command is a file of its own, imported when it is called.

Exit codes: 0 fine, 1 findings or would change, 2 usage, 123 something failed; see `errors`. 130
stopped by Ctrl-C, 141 the reader of standard output went away, as a shell says of SIGPIPE.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from distilgen import __version__, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_READER_GONE = 141
_COMMANDS = {
    "scan": "Which functions can be distilled, and why not the others.",
    "show": "One function's contract, and a row made with it.",
    "instrument": "Record the calls of functions.",
    "records": "Look at what was recorded; count, export, import and delete it.",
    "collect": "Run a teacher over many inputs, to fill the records.",
    "dataset": "Build training files from records; see what is wrong in them, and what they cost.",
    "train": "Train a student on a dataset.",
    "evaluate": "Measure how well a student agrees with its teacher.",
    "jobs": "Look after the fine-tuning jobs of a host.",
    "files": "Look after the files on a host.",
    "models": "The students that were trained: list, show, remove.",
    "dispatch": "Let a model answer in the place of functions.",
    "rollout": "How calls are shared between teacher and student.",
    "restore": "Give the functions back.",
    "check": "Find where code and contracts drifted apart.",
}


class _ReaderGone(Exception):  # noqa: N818 - no error
    """Nobody reads what we write. No OSError: for that click ends with 1, which says findings."""


@contextlib.contextmanager
def _read() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _ReaderGone from error


class _Commands(click.Group):
    """Commands by name; listing them imports none."""

    @_read()
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return super().make_context(*args, **kwargs)

    @_read()
    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"distilgen.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="distilgen")
def cli() -> None:
    """Turn typed Python functions into small fine-tuned models, and back."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit the process with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack the letters of a docstring
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command line. Returns the exit code; messages went to standard error."""
    try:
        return _run(arguments)
    except (_ReaderGone, BrokenPipeError):
        for stream in (sys.stdout, sys.stderr):  # what is in their buffers goes nowhere
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return _READER_GONE


def _run(arguments: list[str] | None) -> int:
    try:
        code: Any = cli.main(args=arguments, prog_name="distilgen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return errors.USAGE
    except click.exceptions.Abort:
        click.echo("distilgen: stopped; what was done stays done, run the command again", err=True)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, a folder that is none, a working directory that is gone
        _say(error)
        return errors.FAILED
    except errors.DistilgenError as error:
        _say(error)
        return error.exit_code
    return code if isinstance(code, int) else errors.CLEAN


def _say(error: Exception) -> None:
    """Say what is wrong, without what would steer a terminal."""
    from distilgen.cli.record_lines import printable  # noqa: PLC0415 - seldom needed

    lines = map(printable, str(error).split("\n"))
    click.echo("distilgen: " + "\n".join(lines), err=True)
