"""A run: what a command writes into a project, alone at work there.

All or nothing for each module. A run that is killed, at any moment, leaves every file old or new,
and a journal, by which the next run finishes it before it does anything else.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace as changed
from typing import TYPE_CHECKING

from distilgen import lock
from distilgen.errors import RunError, SourceError
from distilgen.rewrite import journal, recovery, replace
from distilgen.rewrite.journal import STATE, Entry, Group, Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from distilgen.rewrite.module import Change, Planned

SECONDS = 60.0
"""How long a run waits for another."""

_MEANWHILE = "was changed by something else meanwhile; run the command again"


@dataclass(frozen=True)
class Done:
    """What a run did, or would do. plans: those that were carried out. lock: the lock's change."""

    plans: Sequence[Planned]
    lock: Change | None = None


def would(project: Path, plans: Sequence[Planned]) -> Done:
    """What a run would do. Raises SourceError, ConfigError."""
    return Done(plans, journal.change_of_lock(project, plans))


@dataclass(frozen=True)
class Run:
    """The only run at work in a project; what another one has left is finished."""

    project: Path
    command: str

    def write(self, plans: Sequence[Planned], refused: Callable[[SourceError], None]) -> Done:
        """Make the changes of modules, module by module, each in its order; then write what became
        of their functions into the lock. Of plans that were not carried out, nothing was, and
        `refused` is told why.

        Raises RunError on a full disk, before anything has changed, and where the run must be
        left to the next one; ConfigError for a lock that cannot be read; SourceError for one that
        cannot be written.
        """
        token = secrets.token_hex(4)
        ready = self._ready(plans, refused, token)
        told = lock.read(self.project)
        effective = [(plan, group) for plan, group in ready if plan.changes or not told.says(plan)]
        if not effective and journal.change_of_lock(self.project, ()) is None:
            return Done([plan for plan, _ in ready])
        if not all(told.says(plan) for plan, _ in effective):
            replace.refuse_unwritable(self.project / lock.FILE)
        prepared = self._prepared(effective, refused, token)
        failed = {id(plan) for plan, _ in effective} - {id(plan) for plan, _ in prepared}
        made = []
        for plan, group in prepared:
            try:
                _commit(plan, group)
            except SourceError as error:
                refused(error)
                failed.add(id(plan))
            else:
                made.append(group)
        whole = Journal(self.command, token, tuple(group for _, group in prepared))
        changed_lock = whole.settle(self.project, made)
        whole.sweep(self.project)
        replace.sync(whole.folders())
        journal.remove(self.project)
        return Done([plan for plan, _ in ready if id(plan) not in failed], changed_lock)

    def keep_model(self, name: str, model: lock.Model) -> None:
        """Write a model into the lock. Raises ConfigError, OSError."""
        self._keep(lock.read(self.project).with_model(name, model))

    def forget_model(self, name: str) -> None:
        """Take a model out of the lock. Raises ConfigError, OSError."""
        self._keep(lock.read(self.project).without_model(name))

    def _keep(self, known: lock.Lock) -> None:
        path, content = self.project / lock.FILE, known.render()
        if content is None:
            path.unlink(missing_ok=True)
        else:
            replace.replace_file(path, content)

    def _ready(
        self, plans: Sequence[Planned], refused: Callable[[SourceError], None], token: str
    ) -> list[tuple[Planned, Group]]:
        """The plans whose files still hold what was read, and can be written."""
        found, number = [], 0
        for plan in plans:
            entries = []
            try:
                for change in plan.changes:
                    self._check(change)
                    before, after = map(replace.digest_of, (change.before, change.after))
                    temporary = journal.beside(change.path, token, str(number))
                    entries.append(Entry(change.path.resolve(), temporary, before, after))
                    number += 1
            except SourceError as error:
                refused(error)
                number -= len(entries)
            else:
                found.append((plan, Group(tuple(entries), plan.states, plan.gone)))
        return found

    def _check(self, change: Change) -> None:
        path = change.path
        try:
            now = path.read_bytes() if path.exists() else None
        except OSError as error:
            raise SourceError(path, f"cannot be read: {error.strerror}") from error
        if now != change.before:
            raise SourceError(path, _MEANWHILE)
        real = path.resolve()
        homes = (self.project, (self.project / STATE).resolve())
        if not any(real.is_relative_to(home) for home in homes):
            message = f"is a link to {real}, outside the project; run distilgen in that one's own"
            raise SourceError(path, message)
        replace.refuse_unwritable(path)

    def _prepared(
        self,
        ready: Sequence[tuple[Planned, Group]],
        refused: Callable[[SourceError], None],
        token: str,
    ) -> list[tuple[Planned, Group]]:
        """Have all new contents on the disk, and the journal say so. Returns the plans for which
        that could be done. What stops it leaves nothing behind.
        """
        whole = Journal(self.command, token, tuple(group for _, group in ready))
        try:
            journal.write(self.project, whole)
            prepared, added = [], set()
            for plan, group in ready:
                try:
                    added |= _staged(plan, group)
                except SourceError as error:
                    refused(error)
                else:
                    prepared.append((plan, group))
            replace.sync(added)
            kept = tuple(group for _, group in prepared)
            journal.write(self.project, changed(whole, groups=kept, committing=True))
        except BaseException as error:
            with suppress(OSError):  # the next run does so
                whole.sweep(self.project)
                journal.remove(self.project)
            if isinstance(error, OSError):
                message = f"cannot be written: {error.strerror}; no file was changed"
                raise RunError(f"{self.project / journal.FILE}: {message}") from error
            raise
        return prepared


def _staged(plan: Planned, group: Group) -> set[Path]:
    """Write the new contents of a module beside its files. Returns the folders in which names were
    added. Raises SourceError, or RunError when the disk is full.
    """
    added: set[Path] = set()
    for change, entry in zip(plan.changes, group.entries, strict=True):
        try:
            if change.after is not None:
                added.update(replace.make_folder(entry.path.parent))
                replace.stage(entry.path, entry.temporary, change.after)
                added.add(entry.path.parent)
        except OSError as error:
            if error.errno in replace.FULL:
                message = f"cannot be written: {error.strerror}; no file was changed"
                raise RunError(f"{change.path}: {message}") from error
            for other in group.entries:
                other.temporary.unlink(missing_ok=True)
            raise SourceError(change.path, f"cannot be written: {error.strerror}") from error
    return added


def _commit(plan: Planned, group: Group) -> None:
    """Change a module's files. Raises SourceError when one of them could not be, and has then taken
    the others back.
    """
    pairs = list(zip(plan.changes, group.entries, strict=True))
    for number, (change, entry) in enumerate(pairs):
        message = ""
        try:
            if entry.status() == "to do":
                entry.make()
            else:
                message = _MEANWHILE
        except OSError as error:
            message = f"cannot be written: {error.strerror}"
        if message:
            for done, file in reversed(pairs[:number]):
                _take_back(done, file)
            raise SourceError(change.path, message)


def _take_back(change: Change, entry: Entry) -> None:
    """Give a file its old bytes, unless somebody has changed it since."""
    try:
        if entry.status() != "done":
            return
        entry.temporary.unlink(missing_ok=True)
        if change.before is None:
            entry.path.unlink()
        else:
            entry.path.parent.mkdir(parents=True, exist_ok=True)
            replace.stage(entry.path, entry.temporary, change.before)
            replace.rename(entry.temporary, entry.path)
    except OSError as error:
        message = f"cannot be taken back: {error.strerror}; the next run finishes this one"
        raise RunError(f"{change.path}: {message}") from error


@contextmanager
def opened(
    project: Path,
    command: str,
    said: Callable[[str], None],
    told: Callable[[SourceError], None],
) -> Iterator[Run]:
    """A run of `distilgen command`, when its turn has come and what another has left is finished.

    said: is called with what the user should know. told: with files of an interrupted run that
    could not be finished. Raises RunError when another run goes on for too long, or a journal
    cannot be understood.
    """
    project = project.resolve()
    with _turn(project, said):
        recovery.finish(project, said, told)
        yield Run(project, command)


@contextmanager
def _turn(project: Path, said: Callable[[str], None]) -> Iterator[None]:
    """Nobody else is at work in the project meanwhile."""
    import filelock  # noqa: PLC0415 - reading commands need none of it

    state = project / STATE
    mine = state / "run.pid"
    turn = filelock.FileLock(state / "run.lock")
    try:
        state.mkdir(parents=True, exist_ok=True)
        try:
            turn.acquire(timeout=0)
        except filelock.Timeout:
            who = _process(mine)
            said(f"another run is at work in this project{who}; waiting for it")
            turn.acquire(timeout=SECONDS)
        journal.ignore_state(state)
    except filelock.Timeout as error:
        message = (
            f"{project}: after {SECONDS:.0f} seconds, another run is still at work in this project"
            f"{_process(mine)}; run the command again when it is done"
        )
        raise RunError(message) from error
    except OSError as error:
        turn.release()
        place = error.filename or state
        raise RunError(f"{place}: cannot be written: {error.strerror}") from error
    try:
        with suppress(OSError):  # who it is, is said where it can be
            mine.write_text(str(os.getpid()), "ascii")
        yield
    finally:
        mine.unlink(missing_ok=True)
        turn.release()


def _process(path: Path) -> str:
    try:
        return f" (process {int(path.read_bytes())})"
    except (OSError, ValueError):
        return ""
