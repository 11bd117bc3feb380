"""What an interrupted run has left, and how the next one finishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilgen.errors import RunError, SourceError
from distilgen.rewrite import journal, replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distilgen.rewrite.journal import Group

_REASONS = {
    "changed": "was edited after {0} was interrupted, and is left as it is",
    "lost": "was to be changed by {0}, which was interrupted, and what was prepared is gone",
}


def finish(project: Path, said: Callable[[str], None], told: Callable[[SourceError], None]) -> None:
    """Finish the run whose journal is there, if there is one: forget it, where it has changed no
    file yet; else make the changes that it has not made.

    A file that somebody has edited since is left alone, and so are those that its module's run
    would have changed after it: `told` is called with it. Raises RunError for a journal that cannot
    be understood, and where a file cannot be written now; the journal then stays.
    """
    found = journal.read(project)
    if found is None:
        return
    command = f"`distilgen {found.command}`"
    try:
        if not found.committing:
            found.sweep(project)
            journal.remove(project)
            said(f"{command} was interrupted before it had changed a file; its traces are removed")
            return
        files, done = 0, []
        for group in found.groups:
            count, stopped = _finished(group, command)
            files += count
            if stopped:
                told(stopped)
            else:
                done.append(group)
        files += bool(found.settle(project, done))
        found.sweep(project)
        replace.sync(found.folders())
        journal.remove(project)
    except OSError as error:
        message = f"cannot be written: {error.strerror}; {command} was interrupted and is to be "
        raise RunError(f"{error.filename or project}: {message}finished first") from error
    said(f"{command} was interrupted, and is finished: {files} file{'' if files == 1 else 's'}")


def _finished(group: Group, command: str) -> tuple[int, SourceError | None]:
    """(how many of a module's files are new, what stopped the work on the others)."""
    statuses = [entry.status() for entry in group.entries]
    wrong = next((i for i, status in enumerate(statuses) if status in _REASONS), None)
    started = "done" in statuses
    stop = len(statuses) if wrong is None else wrong
    if wrong is None or started:
        for entry, status in zip(group.entries[:stop], statuses, strict=False):
            if status == "to do":
                entry.make()
    count = stop if wrong is None or started else 0
    if wrong is None:
        return count, None
    reason = _REASONS[statuses[wrong]].format(command)
    others = "" if count else "; none of its module's files was changed"
    message = f"{reason}{others}; run {command} again"
    return count, SourceError(group.entries[wrong].path, message)
