"""Records become datasets: train, validation and test files for each function, and a manifest.

    store -> intake -> sorting -> answers -> near -> drawn -> writers -> folder

Entries are sorted by the digests of their calls. So a dataset depends on which records there are,
and not on the order or the place in which a store has them; its rows are shuffled; and memory holds
a part of them only.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import shutil
import signal
import threading
from collections import Counter
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.dataset import manifest, near
from distilgen.dataset.answers import MAJORITY, Answers
from distilgen.dataset.conflicts import NAME as CONFLICTS, Report
from distilgen.dataset.drawn import Draw, Drawn
from distilgen.dataset.holdout import Holdout
from distilgen.dataset.intake import Asked, Found, Intake, Tally
from distilgen.dataset.sorting import HELD, Sorter, merged
from distilgen.dataset.writers import FORMATS, Staged, suffix_of
from distilgen.errors import DatasetError, RecordError
from distilgen.records.files import FileStore, files_of, told as told_of
from distilgen.rewrite import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset.answers import Call
    from distilgen.records.store import Store

ALONE = 64 * 1024 * 1024
"""Bytes of records up to which one process reads them all."""

_WORK = ".build-"
_LOCK = ".lock"
_PATIENCE_S = 600.0
_READING = 0.6  # of the time of a build


@dataclass(frozen=True)
class Recipe:
    """How records become rows. conflicts: one of `answers.POLICIES`. near: the similarity from
    which on calls are duplicates, 0 to 1. draw: which of the rows are kept. jobs: processes that
    read records. said: what the user asked for, by option, for the manifest.
    """

    format: str = "openai-tools"
    holdout: Holdout = field(default_factory=Holdout)
    conflicts: str = MAJORITY
    near: float | None = None
    draw: Draw = field(default_factory=Draw)
    jobs: int = 1
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Built:
    """What became of one function's records. rows: by split. left_out: counts by reason. conflicts:
    calls with several answers.
    """

    contract: Contract
    folder: Path
    tally: Tally
    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0


class Outcome(NamedTuple):
    """All that a build has read, and made."""

    built: list[Built]
    found: Found


def build(
    store: Store,
    contracts: Iterable[Contract],
    output: Path,
    asked: Asked,
    recipe: Recipe,
    told: Callable[[float], None] | None = None,
) -> Outcome:
    """Build a dataset for each contract that has records, in a folder named after its function.

    contracts: those frozen in the project now. told: is called with the share of the work that is
    done, where that is known. A dataset that is there is replaced when all files of
    all datasets are written: its manifest goes first and comes last, so that half of one is none.
    Where no row came of the records, it stays.

    Raises RecordError when there is no record at all; DatasetError where the disk is full, where a
    process that reads is killed, or another one builds here for minutes.
    """
    told = told or _nobody
    named = {contract.function: contract for contract in contracts}
    known = sorted(named.values(), key=attrgetter("function"))
    _refuse_shared(known)
    with _workplace(output) as work, _room(output):
        found, batches = _read(
            store, known, asked, recipe.jobs, work, lambda share: told(share * _READING)
        )
        if not (found.tallies or found.malformed or found.unknown):
            raise RecordError(
                f"{store.place}: no records; run the instrumented program first, or "
                "`distilgen collect`"
            )
        report = Report(work)
        answers = Answers(recipe.conflicts, report.add)
        taken = sum(tally.taken for tally in found.tallies.values())
        calls = answers.calls(_followed(batches, taken, told))
        nearly: dict[int, int] = {}
        if recipe.near is not None:
            calls = near.distinct(calls, recipe.near, nearly)
        staged: dict[int, _Dataset] = {}
        with contextlib.ExitStack() as open_files:
            open_files.callback(report.close)
            for number, group in itertools.groupby(calls, attrgetter("number")):
                staged[number] = open_files.enter_context(
                    contextlib.closing(_Dataset(known[number], work / str(number), recipe))
                )
                staged[number].write(group)
        made: dict[int, Built] = {}
        for number, contract in enumerate(known):
            if contract.function in found.tallies:
                tally = found.tallies[contract.function]
                one = Built(contract, output / manifest.folder_name(contract), tally)
                one.left_out = tally.left_out + answers.left_out.get(number, Counter())
                one.left_out += Counter({near.NEAR: nearly.get(number, 0)})
                one.conflicts = answers.conflicts[number]
                if number in staged:
                    one.left_out += staged[number].left_out
                    parts = staged[number].parts
                    one.rows = Counter({split: part.rows for split, part in parts.items()})
                made[number] = one
        placed = {number: one for number, one in made.items() if one.rows}
        for number, one in placed.items():
            _describe(one, staged[number], asked, recipe)
        for number, one in placed.items():
            _place(one, staged[number], report.path(number))
    return Outcome(list(made.values()), found)


def _nobody(share: float) -> None:
    del share


def _refuse_shared(contracts: Sequence[Contract]) -> None:
    """Raises DatasetError where two functions would have one folder."""
    folders: dict[str, str] = {}
    for contract in contracts:
        name = manifest.folder_name(contract).casefold()  # which is one to some systems
        other = folders.setdefault(name, contract.function)
        if other != contract.function:
            raise DatasetError(
                f"{contract.function} and {other} would be built into one folder; name one of them"
            )


def _followed(
    batches: Iterable[list[bytes]], whole: int, told: Callable[[float], None]
) -> Iterator[list[bytes]]:
    """The batches, telling of each."""
    done = 0
    for batch in batches:
        yield batch
        done += len(batch)
        told(_READING + (1 - _READING) * done / whole)


@contextlib.contextmanager
def _workplace(output: Path) -> Iterator[Path]:
    """A folder for what is not yet in its place; nobody else builds here meanwhile."""
    import filelock  # noqa: PLC0415 - few commands need it

    output.mkdir(parents=True, exist_ok=True)
    turn = filelock.FileLock(output / _LOCK, timeout=_PATIENCE_S)
    try:
        turn.acquire()
    except filelock.Timeout:
        raise DatasetError(f"{output}: another distilgen builds datasets here") from None
    try:
        for left in output.glob(f"{_WORK}*"):  # of a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        work = output / f"{_WORK}{os.urandom(4).hex()}"
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        turn.release()


@contextlib.contextmanager
def _room(output: Path) -> Iterator[None]:
    """What a full disk stops is a DatasetError."""
    try:
        yield
    except OSError as error:
        if error.errno not in replace.FULL:
            raise
        raise DatasetError(
            f"{output}: the disk is full; the datasets there are as they were. Make room, or name "
            "another place with --output"
        ) from error


def _read(
    store: Store,
    contracts: Sequence[Contract],
    asked: Asked,
    jobs: int,
    work: Path,
    told: Callable[[float], None],
) -> tuple[Found, Iterable[list[bytes]]]:
    """All entries of a store in order, and what was found beside them."""
    files = files_of(store.folder) if isinstance(store, FileStore) else []
    sizes = [path.stat().st_size for path in files]
    done, whole = 0, sum(sizes)
    if jobs == 1 or whole <= ALONE:
        sorter = Sorter(work, HELD)
        intake = Intake(contracts, asked, sorter)
        if not isinstance(store, FileStore):
            intake.store(store)
        for path, size in zip(files, sizes, strict=True):
            with told_of(path.parent):
                intake.file(path)
            done += size
            told(done / whole if whole else 1.0)
        return intake.found, sorter.batches()
    found = Found()
    runs: list[Path] = []
    take = partial(_taken, list(contracts), asked, work)
    try:
        with _readers(min(jobs, len(files))) as pool:
            with _uninterrupted():
                taken = [pool.submit(take, path) for path in files]
            for future, size in zip(taken, sizes, strict=True):
                more, written = future.result()
                found.add(more)
                runs += written
                done += size
                told(done / whole)
    except BrokenExecutor as error:
        raise DatasetError(
            f"{store.place}: a process that read it was killed, for memory, say; run it again "
            "with --jobs 1"
        ) from error
    return found, merged(runs)


@contextlib.contextmanager
def _readers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end at once where the work in this one ends early, be it killed."""
    spawn = multiprocessing.get_context("spawn")
    theirs, ours = spawn.Pipe(duplex=False)
    with theirs, ours, ProcessPoolExecutor(jobs, spawn, _heed_parent, (theirs,)) as pool:
        try:
            yield pool
        except BaseException:
            ours.close()
            raise


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits, and processes that start meanwhile never hear of it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _heed_parent(pipe: Connection) -> None:
    """Ctrl-C is said to the whole terminal; the process that started us decides what it means. We
    end when it closes its end of the pipe.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv_bytes()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _taken(
    contracts: Sequence[Contract], asked: Asked, work: Path, path: Path
) -> tuple[Found, list[Path]]:
    """In a process of its own: what is in a file, and the runs of its entries."""
    sorter = Sorter(work, HELD)
    intake = Intake(contracts, asked, sorter)
    with told_of(path.parent):
        intake.file(path)
    sorter.spill()
    return intake.found, sorter.runs


class _Dataset:
    """The files of one function while they are written."""

    def __init__(self, contract: Contract, folder: Path, recipe: Recipe) -> None:
        self.parts: dict[str, manifest.Part] = {}
        self.left_out: Counter[str] = Counter()
        self.folder = folder
        self._contract = contract
        self._recipe = recipe
        self._open: dict[str, Staged] = {}

    def write(self, calls: Iterable[Call]) -> None:
        """Write the rows of the calls. Raises OSError."""
        self.folder.mkdir()
        recipe = self._recipe
        staged = self._open
        add = {}
        drawn = Drawn(recipe.draw, self._contract, recipe.format, self.folder)
        for split, call in drawn.calls(calls, recipe.holdout.split_of):
            if split not in add:
                path = self.folder / f"{split}.{suffix_of(recipe.format)}"
                staged[split] = Staged(path, self._contract, recipe.format)
                add[split] = staged[split].add
            add[split](call)
        self.left_out = drawn.left_out
        for split in manifest.SPLITS:
            if split in staged:
                self.parts[split] = staged[split].end(staged[split].path.name)

    def close(self) -> None:
        """Close what is open."""
        for file in self._open.values():
            file.close()


def _describe(one: Built, dataset: _Dataset, asked: Asked, recipe: Recipe) -> None:
    """Write the manifest of a function beside its files, which are not in their places yet."""
    manifest.write(
        dataset.folder,
        manifest.Manifest(
            function=one.contract.function,
            contract=one.contract.fingerprint,
            format=recipe.format,
            answers=one.contract.answers,
            seed=asked.seed,
            holdout={"validation": recipe.holdout.validation, "test": recipe.holdout.test},
            filters=recipe.said,
            left_out=dict(sorted(one.left_out.items())),
            conflicts={"policy": recipe.conflicts, "calls": one.conflicts},
            files=dataset.parts,
        ),
    )


def _place(one: Built, dataset: _Dataset, conflicts: Path) -> None:
    """Put the files of a function in their places. conflicts: that of its conflicts, if any."""
    one.folder.mkdir(parents=True, exist_ok=True)
    for name in (manifest.NAME, CONFLICTS):
        (one.folder / name).unlink(missing_ok=True)
    for split in manifest.SPLITS:  # one of an earlier build must not be taken for ours
        for suffix in set(map(suffix_of, FORMATS)):
            (one.folder / f"{split}.{suffix}").unlink(missing_ok=True)
    for part in dataset.parts.values():
        replace.rename(dataset.folder / part.file, one.folder / part.file)
    if one.conflicts:
        replace.rename(conflicts, one.folder / CONFLICTS)
    replace.sync([one.folder])
    replace.rename(dataset.folder / manifest.NAME, one.folder / manifest.NAME)
    replace.sync([one.folder])
