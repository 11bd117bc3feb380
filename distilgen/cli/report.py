"""How results look: tables, diffs and summaries."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from distilgen.errors import CLEAN, FINDINGS, SourceError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from distilgen.cli.options import Mode, Session
    from distilgen.rewrite.module import Change, Planned

_GAP = "   "
_NARROWEST = 20
_COLOURS = {b"+": b"\x1b[32m", b"-": b"\x1b[31m", b"@": b"\x1b[36m"}  # green, red, cyan


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. On a terminal that is too narrow for it, the last column goes on below."""
    terminal = sys.stdout.isatty()
    head = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    last = head.pop()
    left = sum(head) + len(_GAP) * len(head)
    room = last
    if terminal:
        import shutil  # noqa: PLC0415 - a scan with nothing to do is quick

        room = max(shutil.get_terminal_size().columns - left, _NARROWEST)
    ahead = "".join(f"{{:<{width}}}{_GAP}" for width in head).format

    def line(row: Sequence[str]) -> str:
        *cells, text = row
        if len(text) <= room:
            return ahead(*cells) + text
        return f"\n{' ' * left}".join([ahead(*cells) + text[:room], *_folded(text[room:], room)])

    title = click.style(line(columns), bold=True) if terminal else line(columns)
    rule = "─" * (left + min(last, room))
    text = "\n".join([title, rule, *map(line, rows), "", ""])
    if terminal:
        click.echo(text, nl=False)
    else:  # as it is: looking for colours in a megabyte takes its time
        sys.stdout.write(text)


def _folded(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


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
            from distilgen.rewrite import journal  # noqa: PLC0415 - reading commands write nothing

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
    import difflib  # noqa: PLC0415 - few commands need it

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
