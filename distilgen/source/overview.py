"""A whole project, looked at: only what changed since the last time is read again."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.source.rows import Overview

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from distilgen.source.cache import Cache, Entry
    from distilgen.source.examine import Examiner, Report
    from distilgen.source.view import View
    from distilgen.source.walk import Found

    Walked = dict[str, os.stat_result]

_FILES_A_PROCESS = 5000
_CLOCK = 2.0  # seconds, the coarsest clock of a file system


@dataclass
class Scan:
    """Looks at files, and keeps what it found in a cache.

    view: what there is to see. told: is called with what is wrong with a file. whole: every file
    that a module of the project can be is among those that are looked at. jobs: processes to work
    in; 0 for as many as pay.
    """

    cache: Cache
    view: View
    told: Callable[[SourceError], None]
    whole: bool = True
    jobs: int = 0
    _dropped: frozenset[str] = frozenset()
    _consulted: set[str] = field(default_factory=set)

    @cached_property
    def _examiner(self) -> Examiner:
        from distilgen.source.examine import Examiner  # noqa: PLC0415

        return Examiner(self.view)

    def overviews(self, found: Iterable[Found]) -> Iterator[Overview]:
        """What is in each file in which there is something, in their order. Files that cannot be
        read are told.
        """
        walked = {item.path: item.stat for item in found}
        known = self.cache.entries()
        fresh = self._fresh(walked, known)
        todo = {path: stat for path, stat in walked.items() if path not in fresh}
        looked = self._look(todo) if todo else {}
        if looked:
            kept = (known.keys() - self._dropped) | todo.keys()
            self.cache.keep(_noted(self._consulted.difference(kept)))
        for path in walked:
            overview = fresh.get(path) or looked.get(path)
            if overview and (overview.rows or overview.marked):
                yield overview
        self.cache.close()

    def _fresh(self, walked: Walked, known: dict[str, Entry]) -> dict[str, Overview | None]:
        """The overviews that still hold; None of files in which there is nothing."""
        changed, signed = self._changed(walked, known)
        self.cache.sign(signed)
        moved = (
            not self.whole  # what came elsewhere, nobody saw
            or not walked.keys() <= known.keys()
            or any(not _exists(path) for path in changed)
        )
        moved = moved and not self._examiner.are_so(self.cache.places())
        stale = set(changed)
        if changed or moved:
            stale.update(self._outdated(changed, moved=moved))
            self.cache.forget(stale)
            self.cache.keep(_noted(stale.difference(walked)))  # others may have read them
            self._dropped = frozenset(stale)
        fresh: dict[str, Overview | None] = {}
        for path in walked:
            entry = known.get(path)
            if entry is None or entry.rows is None or path in stale:
                continue
            if not entry.rows and not self.view.everything:
                fresh[path] = None
                continue
            try:
                overview = Overview.from_json(path, entry.rows)
            except (ValueError, TypeError):
                continue
            if overview.everything or not self.view.everything:
                fresh[path] = overview if self.view.everything else overview.near()
        return fresh

    def _outdated(self, changed: Collection[str], *, moved: bool) -> Iterator[str]:
        """The files for whose rows something was read that is not so any more."""
        reads = self.cache.reads()
        marks = [json.dumps(path) for path in changed]
        suspects = [
            path for path, text in reads.items() if moved or any(mark in text for mark in marks)
        ]
        if suspects:
            examiner = self._examiner
            yield from (
                path
                for path in suspects
                if not examiner.still_holds(reads[path], changed, moved=moved)
            )

    def _changed(
        self, walked: Walked, known: dict[str, Entry]
    ) -> tuple[list[str], list[tuple[str, str]]]:
        """(files that are not what they were, new signatures of files that are)."""
        changed, signed = [], []
        for path, entry in known.items():
            stat = walked.get(path) or _stat(path)
            if stat and signature_of(stat) == entry.signature:
                continue
            with suppress(SourceError):
                if stat and _digest(path) == entry.digest:
                    signed.append((_settled(stat), path))
                    continue
            changed.append(path)
        return changed, signed

    def _look(self, files: Walked) -> dict[str, Overview]:
        looked: dict[str, Overview] = {}
        kept = []
        for report in self._reports(list(files)):
            self._consulted |= report.consulted
            self.cache.keep_places(report.places)
            for path, digest, rows, reads, problem in report.results:
                if problem is not None:
                    self.told(SourceError(Path(path), problem[0], line=problem[1]))  # each time
                elif rows is not None:
                    looked[path] = Overview.from_json(path, rows)
                kept.append((path, _settled(files[path]), digest, rows, reads))
        self.cache.keep(kept)
        return looked

    def _reports(self, paths: list[str]) -> Iterable[Report]:
        """What came of looking at files, part by part, each in a process of its own."""
        from distilgen.source.examine import work  # noqa: PLC0415 - a warm scan needs none of it

        jobs = min(self.jobs or _enough(len(paths)), len(paths))
        if jobs == 1:
            return [work(self.view, paths)]
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415
        from multiprocessing import get_context  # noqa: PLC0415

        size = -(-len(paths) // jobs)
        parts = [paths[start : start + size] for start in range(0, len(paths), size)]
        with ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")) as pool:
            return list(pool.map(work, [self.view] * len(parts), parts))


def _enough(files: int) -> int:
    """So many processes pay: each has to read again what others read, too."""
    return max(1, min((os.cpu_count() or 1) // 2, files // _FILES_A_PROCESS))


def _noted(paths: Iterable[str]) -> Iterator[tuple[str, str, str, None, str]]:
    """Entries of files that were read for others."""
    for path in sorted(paths):
        stat = _stat(path)
        with suppress(SourceError):
            if stat:
                yield path, _settled(stat), _digest(path), None, ""


def _digest(path: str) -> str:
    """Names the content of a file. Raises SourceError."""
    from distilgen.source.files import digest_of, read_bytes  # noqa: PLC0415

    return digest_of(read_bytes(Path(path)))


def signature_of(stat: os.stat_result) -> str:
    """What the file system says of a file, that changes whenever its content does."""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def _settled(stat: os.stat_result) -> str:
    """The signature of a file; none of one that was just written, whose next change may come within
    the resolution of the clock.
    """
    old = max(stat.st_mtime, stat.st_ctime) < time.time() - _CLOCK
    return signature_of(stat) if old else ""


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - of many
    except OSError:
        return None


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - of many
