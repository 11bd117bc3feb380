"""How results look: tables, diffs and summaries."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

import click

from distilgen.errors import CLEAN, FINDINGS, SourceError
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from distilgen.cli.options import Session
    from distilgen.rewrite.module import Change, Planned

_WIDE = 1000


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
    *,
    verb: str,
    diff: bool,
    check: bool,
    dry_run: bool,
    skipped: Counter[str],
) -> int:
    """Show or make the changes, and say what came of it. Returns the exit code."""
    writes = not (diff or check or dry_run)
    functions = changed_files = 0
    for plan in planned:
        if not plan.changes:
            continue
        if diff:
            for change in plan.changes:
                show_diff(current, change)
        if writes:
            try:
                journal.write(current.project.root, plan.changes)
            except SourceError as error:
                current.tell(error)
                continue
        functions += len(plan.functions)
        changed_files += len(plan.changes)
        if not diff:
            for name in plan.functions:
                click.echo(f"{'' if writes else 'would be '}{verb}: {name}")
    said = f"{counted(functions, 'function')} {'' if writes else 'would be '}{verb}"
    notes = [f"{count} skipped ({reason})" for reason, count in skipped.most_common()]
    click.echo("; ".join([said, *notes, counted(changed_files, "file")]), err=True)
    return current.code(FINDINGS if check and changed_files else CLEAN)


def show_diff(current: Session, change: Change) -> None:
    """Print a unified diff that `patch -p1` takes; coloured on a terminal."""
    name = current.project.relative(change.path)
    old, new = _lines(change.before), _lines(change.after)
    from_, to = (
        (f"a/{name}" if change.before is not None else "/dev/null"),
        (f"b/{name}" if change.after is not None else "/dev/null"),
    )
    for line in difflib.unified_diff(old, new, from_, to, n=3):
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        text = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        click.secho(text, fg=colour, nl=False)


def _lines(raw: bytes | None) -> list[str]:
    return (raw or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)


def counted(count: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
