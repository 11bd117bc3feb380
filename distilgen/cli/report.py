"""How results look: tables, diffs and summaries."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from distilgen.errors import CLEAN, FINDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from distilgen.cli.options import Mode, Session
    from distilgen.cli.selection import Skipped
    from distilgen.rewrite.module import Change, Planned
    from distilgen.rewrite.run import Run

Item = TypeVar("Item")

_PATIENCE_S, _EVERY_S = 1.0, 0.1
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


def progress(files: Iterable[Item], mode: Mode) -> Iterator[Item]:
    """The files, counted on a terminal while they are read, when that takes its time."""
    import time  # noqa: PLC0415 - a scan with nothing to do is quick

    if mode.quiet or not sys.stderr.isatty():
        yield from files
        return
    said = time.monotonic() + _PATIENCE_S
    shown = False
    for count, item in enumerate(files, 1):
        if time.monotonic() >= said:
            click.echo(f"\r{counted(count, 'file')} read", nl=False, err=True)
            said, shown = time.monotonic() + _EVERY_S, True
        yield item
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def share_done(verb: str) -> Iterator[Callable[[float], None]]:
    """Shows on a terminal what share of the work is done, when that takes its time."""
    import time  # noqa: PLC0415 - a scan with nothing to do is quick

    said = time.monotonic() + _PATIENCE_S
    shown = False

    def tell(share: float) -> None:
        nonlocal said, shown
        if sys.stderr.isatty() and time.monotonic() >= said:
            click.echo(f"\r{verb}: {share:.0%}", nl=False, err=True)
            said, shown = time.monotonic() + _EVERY_S, True

    try:
        yield tell
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def run(current: Session, mode: Mode) -> Iterator[Run | None]:
    """What a rewriting command writes with, from before it reads the first file; None where it only
    shows. Raises RunError.
    """
    if not mode.writes:
        yield None
        return
    with writing(current) as found:
        yield found


@contextmanager
def writing(current: Session) -> Iterator[Run]:
    """A run of the command, when its turn has come. Raises RunError."""
    from distilgen.rewrite.run import opened  # noqa: PLC0415 - reading commands write nothing

    def say(message: str) -> None:
        click.echo(message, err=True)

    command = click.get_current_context().info_name or ""
    with opened(current.project.root, command, say, current.tell) as found:
        yield found


def finish(
    current: Session,
    planned: Sequence[Planned],
    work: Run | None,
    mode: Mode,
    *,
    verb: str,
    skipped: Sequence[Skipped] = (),
    lines: Mapping[str, str] | None = None,
) -> int:
    """Show or make the changes, and say what came of it. Returns the exit code.

    lines: what to say of functions, by their names.
    """
    from distilgen.rewrite.run import would as shown  # noqa: PLC0415 - as above

    functions = changed_files = pruned = 0
    would = "" if work else "would be "
    done = work.write(planned, current.tell) if work else shown(current.project.root, planned)
    for plan in done.plans:
        if mode.diff:
            for change in plan.changes:
                show_diff(current, change)
        functions += len(plan.functions)
        changed_files += len(plan.changes)
        pruned += len(plan.pruned)
        if not (mode.diff or mode.quiet):
            # Where no function changes, a generated file does: an older version laid it out.
            files = [f"file {current.project.relative(change.path)}" for change in plan.changes]
            for name in plan.functions or files:
                line = (lines or {}).get(name)
                click.echo(line if line and work else f"{would}{verb}: {line or name}")
    if done.lock:
        if mode.diff:
            show_diff(current, done.lock)
        elif not (changed_files or mode.quiet):
            click.echo(f"{would}{verb}: file {current.project.relative(done.lock.path)}")
        changed_files += 1
    for note in (note for plan in done.plans for note in plan.notes):
        click.echo(note, err=True)
    if mode.verbose:
        for item in skipped:
            click.echo(f"{item.where}: {item.name}: skipped: {item.reason}", err=True)
    if not mode.quiet:
        said = [f"{counted(functions, 'function')} {would}{verb}"]
        said += [f"{counted(pruned, 'import')} {would}pruned"] if pruned else []
        reasons = Counter(item.reason for item in skipped).most_common()
        said += [f"{count} skipped ({reason})" for reason, count in reasons]
        click.echo("; ".join([*said, counted(changed_files, "file")]), err=True)
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
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
