"""A worker of `ray_engine`: a process of a Ray cluster that makes calls, and records in memory."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen import contract as contracts
from distilgen.collection import recording
from distilgen.collection.feed import ResultError
from distilgen.collection.teacher import Teacher, import_roots, teacher_of
from distilgen.errors import DistilgenError
from distilgen.runtime import settings, sinks
from distilgen.runtime.call import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.collection.feed import Failure

_PLAIN = (object, BaseException, Exception)


@dataclass(frozen=True)
class Post:
    """What a worker must know. roots: import roots, from where it starts; folder: that it works in,
    from there too. environment: our own settings.
    """

    function: str
    contract: Mapping[str, Any]
    folder: str
    roots: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Made:
    """What became of a call. lines: the records that it left. lost: why one is missing. kinds: of
    what it raised, module and name of its class and of those that this comes from; none where it
    returned. is_exception: as Python means it. misfit: what is wrong with the result.
    """

    lines: list[bytes]
    lost: str
    kinds: tuple[tuple[str, str], ...] = ()
    message: str = ""
    is_exception: bool = True
    misfit: Failure | None = None


_kept: list[bytes] = []


def keep(record: dict[str, Any]) -> None:
    """Where the recorder of a worker puts its records, until its call has ended."""
    try:
        text = contracts.canonical_json(record).encode()
    except UnicodeEncodeError:  # half of a character, which JSON can say and UTF-8 cannot
        text = json.dumps(record, separators=(",", ":")).encode()
    _kept.append(text + b"\n")


def _taken() -> list[bytes]:
    lines = _kept[:]
    del _kept[: len(lines)]
    return lines


class Worker:
    """A process of the cluster that makes one call at a time."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._loop = asyncio.new_event_loop()
        self._teacher: Teacher
        import_roots(tuple(Path(root).absolute() for root in post.roots))
        os.environ.update(post.environment)
        with suppress(OSError):  # what git ignores is not in a copy of the project
            os.chdir(post.folder)

    def ready(self) -> str:
        """Import the function; why it cannot be, empty where it was."""
        try:
            frozen = contracts.Contract(**self._post.contract)
            self._teacher = teacher_of(self._post.function, lambda: frozen)
            _record_here(self._teacher)
        except DistilgenError as error:
            return str(error)
        return ""

    def call(self, values: dict[str, Any], taken: int) -> Made:
        """Make a call; never raises."""
        teacher = self._teacher
        try:
            if teacher.is_async:
                self._loop.run_until_complete(teacher.acall(values, taken))
            else:
                teacher.call(values, taken)
        except ResultError as error:
            return Made(_taken(), teacher.lost(), misfit=error.failure)
        except BaseException as error:  # noqa: BLE001 - a teacher may raise anything
            kinds = [kind for kind in type(error).__mro__ if kind not in _PLAIN]
            named = tuple((kind.__module__, kind.__qualname__) for kind in kinds)
            plain = isinstance(error, Exception)
            said = told(error)["message"]
            return Made(
                _taken(), teacher.lost(), named or (("builtins", "Exception"),), said, plain
            )
        return Made(_taken(), teacher.lost())

    def leave(self) -> list[bytes]:
        """The records of what the function began and did not wait for. No call comes behind it."""
        sinks.flush()
        self._loop.close()
        return _taken()


def _record_here(teacher: Teacher) -> None:
    """Have every call recorded into this process's memory."""
    budget = None if settings.current().budget is None else 2**53
    settings.configure(records=f"{__name__}:{keep.__name__}", sample=1.0, budget=budget)
    recording.keep_teacher(teacher)
