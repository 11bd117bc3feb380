"""How results look: tables, diffs and summaries."""

from __future__ import annotations

import difflib
import re
import sys
from typing import TYPE_CHECKING

import click

from distilgen.errors import CLEAN, FINDINGS, SourceError
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from distilgen.cli.options import Mode, Session
    from distilgen.rewrite.module import Change, Planned

_WIDE = 1000
_COLOURS = {b"+": b"\x1b[32m", b"-": b"\x1b[31m", b"@": b"\x1b[36m"}  # green, red, cyan


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: fitted to a terminal, in full width for a file or pipe."""
    from rich import box  # noqa: PLC0415 - heavy, and most commands print no table
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False).print(shown)


def finish(
    current: Session,
    planned: Sequence[Planned],
    mode: Mode,
    *,
    verb: str,
    skipped: Counter[str],
) -> int:
    """Show or make the changes, and say what came of it. Returns the exit code."""
    functions = changed_files = 0
    for plan in planned:
        if not plan.changes:
            continue
        if mode.diff:
            for change in plan.changes:
                show_diff(current, change)
        if mode.writes:
            try:
                journal.write(current.project.root, plan.changes)
            except SourceError as error:
                current.tell(error)
                continue
        functions += len(plan.functions)
        changed_files += len(plan.changes)
        if not mode.diff:
            # Where no function changes, a generated file does: an older version laid it out.
            files = [f"file {current.project.relative(change.path)}" for change in plan.changes]
            for name in plan.functions or files:
                click.echo(f"{'' if mode.writes else 'would be '}{verb}: {name}")
    said = f"{counted(functions, 'function')} {'' if mode.writes else 'would be '}{verb}"
    notes = [f"{count} skipped ({reason})" for reason, count in skipped.most_common()]
    click.echo("; ".join([said, *notes, counted(changed_files, "file")]), err=True)
    return current.code(FINDINGS if mode.check and changed_files else CLEAN)


def show_diff(current: Session, change: Change) -> None:
    """Print a unified diff, in the file's own bytes, that `patch -p1` and `git apply` take;
    coloured on a terminal.
    """
    name = current.project.relative(change.path).encode()
    old = b"/dev/null" if change.before is None else b"a/" + name
    new = b"/dev/null" if change.after is None else b"b/" + name
    lines = difflib.diff_bytes(
        difflib.unified_diff, _lines(change.before), _lines(change.after), old, new
    )
    coloured = sys.stdout.isatty()
    for line in lines:
        text = line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
        colour = _COLOURS.get(line[:1])
        if coloured and colour:
            text = colour + text.removesuffix(b"\n") + b"\x1b[0m\n"
        click.echo(text, nl=False)


def _lines(raw: bytes | None) -> list[bytes]:
    return [line for line in re.split(rb"(?<=\n)", raw or b"") if line]


def counted(count: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
