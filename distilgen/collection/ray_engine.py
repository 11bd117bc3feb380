"""Calls on a Ray cluster: an engine whose calls are made by worker processes, wherever these are.

A worker may stand on another machine, whose files nobody reads, and need not reach the place of the
records. So it writes none: what its recorder makes comes back with the outcome of the call, and is
written here, where all other engines write. What Ray has given back is therefore never lost; a call
that was under way when its worker died has no record, and is made again by the next run.

Retries, rate and the hand-out of inputs are those of `engines.in_threads`: a thread here stands for
each worker, and takes the next input when that has ended its call.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import queue
import re
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen import contract as contracts
from distilgen.collection.engines import in_threads
from distilgen.collection.feed import ResultError
from distilgen.collection.ray_worker import Made, Post, Worker
from distilgen.collection.runner import STOPPING
from distilgen.collection.teacher import Teacher
from distilgen.errors import CollectError, UsageError
from distilgen.runtime import sinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distilgen.collection.engines import Manner
    from distilgen.collection.feed import Ended, Feed

_READY_S = 120.0
_ANSWER_S = 10.0
_PLACE = re.compile(r"(?:ray://)?([^/:]+):(\d+)")
_LEFT_OUT = (".git/", ".venv/", ".distilgen/")  # of the project, where it is sent to a cluster


class WorkerDiedError(Exception):
    """The process that made a call ended in the middle of it."""


@dataclass(frozen=True)
class RayEngine:
    """An engine, see `engines.Engine`; `manner.timeout` ends a worker, so that it holds for all
    kinds of functions.

    root: the project's folder. roots: its import roots. address: of a cluster; None for one of our
    own, on this machine, for the time of the run. Raises UsageError without Ray.
    """

    root: Path
    roots: Sequence[Path]
    address: str | None = None

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UsageError('--engine ray needs Ray: pip install "distilgen[ray]"')

    def __call__(
        self, teacher: Teacher, feed: Feed, manner: Manner, ended: Callable[[Ended], None]
    ) -> None:
        """Raises CollectError where the cluster or the function cannot be reached, or a record not
        be written.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self.address is None:  # nobody else is to reach it; read when Ray is imported
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        self._refuse_absent()
        ray: Any = importlib.import_module("ray")
        try:
            with _same_signals():
                ray.init(**self._cluster(manner.concurrency))
        except (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError) as error:
            place = self.address or "a local cluster"
            raise CollectError(f"Ray: {place} cannot be reached: {_first_line(error)}") from error
        crew = _Crew(ray, self._post(teacher), feed, manner.timeout, teacher)
        over = threading.Event()

        def heard(call: Ended) -> None:
            if not over.is_set():  # calls that did not end in time fail when Ray goes
                ended(call)

        try:
            crew.gather(manner.concurrency)
            known = {item.name: getattr(teacher, item.name) for item in fields(Teacher)}
            in_threads(_Remote(**known, crew=crew), feed, manner, heard)
            crew.dismiss()
        finally:
            over.set()
            ray.shutdown()
        if crew.error is not None:
            raise crew.error

    def _refuse_absent(self) -> None:
        """Raises CollectError where nobody answers: Ray would ask for minutes."""
        place = _PLACE.fullmatch(self.address or "")
        if place:
            try:
                socket.create_connection((place[1], int(place[2])), _ANSWER_S).close()
            except (OSError, OverflowError) as error:
                raise CollectError(
                    f"Ray: {self.address} cannot be reached: {_first_line(error)}"
                ) from error

    def _cluster(self, workers: int) -> dict[str, Any]:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address is None:
            return {**quiet, "address": "local", "num_cpus": workers, "include_dashboard": False}
        sent = {"working_dir": str(self.root), "excludes": list(_LEFT_OUT)}
        return {**quiet, "address": self.address, "runtime_env": sent}

    def _post(self, teacher: Teacher) -> Post:
        """What a worker is told. A cluster elsewhere has a copy of the project as its folder."""
        here, folder = self.address is None, Path.cwd()
        inside = folder.relative_to(self.root) if folder.is_relative_to(self.root) else Path()
        roots = [
            root if here or not root.is_relative_to(self.root) else root.relative_to(self.root)
            for root in self.roots
        ]
        return Post(
            function=teacher.name,
            contract={
                item.name: getattr(teacher.contract, item.name)
                for item in fields(contracts.Contract)
            },
            folder=str(folder) if here else str(inside),
            roots=tuple(map(str, roots)),
            environment={k: v for k, v in os.environ.items() if k.startswith("DISTILGEN_")},
        )


@contextmanager
def _same_signals() -> Iterator[None]:
    """Ray has SIGTERM end the program on the spot."""
    is_ours = threading.current_thread() is threading.main_thread()
    before = [(number, signal.getsignal(number)) for number in STOPPING if is_ours]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class _Crew:
    """The workers, as the threads see them that each have one at work. error: what ends the run."""

    def __init__(
        self, ray: Any, post: Post, feed: Feed, timeout: float | None, teacher: Teacher
    ) -> None:
        self.error: CollectError | None = None
        self._ray, self._feed, self._timeout, self._teacher = ray, feed, timeout, teacher
        self._kind = ray.remote(Worker)
        self._post = ray.put(post)
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def gather(self, count: int) -> None:
        """Start so many workers. Raises CollectError."""
        workers = [self._hire() for _ in range(count)]
        for worker in workers:
            why = self._readiness(worker)
            if why:
                raise CollectError(why)
            self._idle.put(worker)

    def _hire(self) -> Any:
        return self._kind.options(scheduling_strategy="SPREAD").remote(self._post)

    def _readiness(self, worker: Any) -> str:
        try:
            return str(self._ray.get(worker.ready.remote(), timeout=_READY_S))
        except self._ray.exceptions.GetTimeoutError:
            return f"Ray: the cluster gave no worker within {_READY_S:g} s; is it busy?"
        except self._ray.exceptions.RayError as error:
            return (
                "Ray: a worker cannot start; do the cluster's machines have the same Python and "
                f"distilgen? ({_first_line(error)})"
            )

    def call(self, values: Mapping[str, Any], taken: int) -> None:
        """Have a worker make a call, and write its records. Raises what the function raised, as an
        exception of the same name; TimeoutError; WorkerDiedError.
        """
        errors = self._ray.exceptions
        worker = self._idle.get()
        is_well = True
        try:
            made = self._ray.get(worker.call.remote(dict(values), taken), timeout=self._timeout)
        except errors.GetTimeoutError:
            self._ray.kill(worker)
            is_well = False
            raise TimeoutError(f"no answer within {self._timeout:g} s") from None
        except errors.RayActorError as error:
            is_well = False
            raise WorkerDiedError(_first_line(error)) from None
        finally:
            self._idle.put(worker if is_well else self._replacement())
        self._write(made)
        if made.misfit:
            raise ResultError(made.misfit)
        if made.kinds:
            raise _like(made)

    def _replacement(self) -> Any:
        worker = self._hire()
        why = self._readiness(worker)
        if why:
            self._fail(CollectError(why))
        return worker

    def _write(self, made: Made) -> None:
        lost = made.lost
        if lost and not made.lines:
            self._teacher.recorder.lose(CollectError(lost))
        for line in made.lines:
            try:
                sinks.current().write(line, self._teacher.contract)
            except Exception as error:  # noqa: BLE001 - whatever a place for records raises
                lost = str(error) or type(error).__name__
                self._teacher.recorder.lose(error)
        if lost:
            self._fail(CollectError(f"{self._teacher.name}: a call left no record: {lost}"))

    def _fail(self, error: CollectError) -> None:
        self.error = self.error or error
        self._feed.stop()

    def dismiss(self) -> None:
        """Take the last records of the workers that are not at work."""
        with suppress(queue.Empty):
            while True:
                worker = self._idle.get_nowait()
                with suppress(self._ray.exceptions.RayError):
                    self._write(Made(self._ray.get(worker.leave.remote(), timeout=_READY_S), ""))


@dataclass(frozen=True)
class _Remote(Teacher):
    """A teacher that has its calls made by workers."""

    crew: _Crew

    def call(self, values: Mapping[str, Any], taken: int = 0) -> None:
        """As `Teacher.call`, somewhere else."""
        self.crew.call(values, taken)


def _like(made: Made) -> BaseException:
    """An exception with the name and the ancestors of one that a worker met: its class may be
    known to the worker alone.
    """
    kind: type[BaseException] = Exception if made.is_exception else BaseException
    for module, name in reversed(made.kinds):
        kind = type(name.rpartition(".")[2], (kind,), {"__module__": module, "__qualname__": name})
    return kind(made.message)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
