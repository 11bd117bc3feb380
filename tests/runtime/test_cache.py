"""Answers that are kept: in memory and in a file, whatever happens to the file."""

from __future__ import annotations

import hashlib
import itertools
import logging
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from distilgen.errors import ConfigError
from distilgen.runtime import shared_file
from distilgen.runtime.cache import (
    Cache,
    MemoryCache,
    SqliteCache,
    cache_path,
    key_of,
    open_cache,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
forks = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def make(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> Iterator[Callable[..., Cache]]:
    """Opens a cache: of memory a new one, of SQLite the one file again."""
    opened: list[Cache] = []

    def open_it(entries: int = 100, seconds: float = 60.0) -> Cache:
        made: Cache
        if request.param == "memory":
            made = MemoryCache(entries, seconds, clock)
        else:
            made = SqliteCache(tmp_path / "deep" / "er" / "answers.sqlite", entries, seconds, clock)
        opened.append(made)
        return made

    yield open_it
    for one in opened:
        one.close()


def key(n: int) -> bytes:
    return n.to_bytes(16)


def test_what_was_put_is_there_and_nothing_else(make: Callable[..., Cache]) -> None:
    kept = make()
    assert kept.get(key(1)) is None
    for answer in ("", "{}", "ä\0\ud800\n" * 1000):
        kept.put(key(1), answer)
        assert kept.get(key(1)) == answer
    assert kept.get(key(2)) is None


def test_an_answer_gets_old(make: Callable[..., Cache], clock: Clock) -> None:
    kept = make(seconds=60)
    kept.put(key(1), "a")
    for _ in range(5):  # to be used does not make it younger
        clock.now += 10
        assert kept.get(key(1)) == "a"
    clock.now += 10
    assert kept.get(key(1)) is None
    kept.put(key(1), "b")
    assert kept.get(key(1)) == "b"


def test_the_least_recently_used_goes_first(make: Callable[..., Cache], clock: Clock) -> None:
    kept = make(entries=3)
    for n in (1, 2, 3):
        clock.now += 2
        kept.put(key(n), str(n))
    clock.now += 2
    assert kept.get(key(1)) == "1"
    clock.now += 2
    kept.put(key(4), "4")
    assert [kept.get(key(n)) for n in (1, 2, 3, 4)] == ["1", None, "3", "4"]


def test_a_closed_cache_keeps_nothing(make: Callable[..., Cache]) -> None:
    kept = make()
    kept.put(key(1), "a")
    kept.close()
    assert kept.get(key(1)) is None
    kept.put(key(1), "a")
    assert kept.get(key(1)) is None
    kept.close()


def test_threads(make: Callable[..., Cache]) -> None:
    kept = make(entries=50)

    def work(start: int) -> None:
        for n in range(start, start + 300):
            kept.put(key(n % 70), str(n % 70))
            assert kept.get(key(n % 90)) in (None, str(n % 90))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(0, 80, 10)))


@given(
    st.lists(st.tuples(st.sampled_from("gpw"), st.integers(0, 6)), max_size=60),
    st.integers(1, 4),
)
def test_memory_is_an_lru(steps: list[tuple[str, int]], entries: int) -> None:
    clock = Clock()
    kept, model = MemoryCache(entries, 5, clock), OrderedDict[bytes, tuple[str, float]]()
    for what, n in steps:
        if what == "w":
            clock.now += n
        elif what == "p":
            kept.put(key(n), str(clock.now))
            model.pop(key(n), None)
            model[key(n)] = str(clock.now), clock.now
            if len(model) > entries:
                model.popitem(last=False)
        else:
            found = model.get(key(n))
            if found and clock.now - found[1] >= 5:
                del model[key(n)]
                found = None
            if found:
                model.move_to_end(key(n))
            assert kept.get(key(n)) == (found and found[0])


def test_keys_tell_every_difference() -> None:
    parts = [("a", "ab", ""), ("b", "", "ab"), (None, "", "-", "a"), ("m", "", "a"), (b"", b"ab")]
    keys = [key_of(*combination) for combination in itertools.product(*parts)]  # type: ignore[arg-type]
    assert len(set(keys)) == len(keys)
    assert {len(one) for one in keys} == {16}
    # Kept in files: the same tomorrow.
    expected = hashlib.blake2b(b"1:f4:tool-1:m2:{}", digest_size=16).digest()
    assert key_of("f", "tool", None, "m", b"{}") == expected


def test_urls(tmp_path: Path) -> None:
    assert cache_path("memory", "cache") is None
    assert cache_path("sqlite:///a/b.db", "cache", "/data") == os.path.normpath("/data/a/b.db")
    assert cache_path("sqlite:////a/b.db", "cache", "/data") == os.path.normpath("/a/b.db")
    for wrong in ("sqlite://", "sqlite:///:memory:", "folder", "memory:", "s3://b/c", "", "x:y",
                  "postgresql://h/d", "sqlite:///a.db?mode=ro"):  # fmt: skip
        with pytest.raises(ConfigError, match="DISTILGEN_CACHE: "):
            cache_path(wrong, "DISTILGEN_CACHE")
    assert isinstance(open_cache("memory", 1, 1), MemoryCache)
    opened = open_cache("sqlite:///x.db", 1, 60, str(tmp_path))
    opened.put(key(1), "a")
    assert opened.get(key(1)) == "a"
    assert (tmp_path / "x.db").exists()
    opened.close()


# The file.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., SqliteCache]]:
    made: list[SqliteCache] = []

    def open_it(entries: int = 100, where: Path = path) -> SqliteCache:
        made.append(SqliteCache(where, entries, 60))
        return made[-1]

    yield open_it
    for one in made:
        one.close()


def test_two_share_a_file_that_is_ours_alone(path: Path, opened: Any) -> None:
    opened().put(key(1), "a")
    assert opened().get(key(1)) == "a"
    if sys.platform != "win32":
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {0o600}


def test_the_file_stays_bounded(path: Path, opened: Any) -> None:
    kept = opened(entries=100)
    for n in range(1_000):
        kept.put(key(n), str(n))
    kept.close()
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM distilgen_answers").fetchone()
    connection.close()
    assert 95 <= count <= 106
    assert opened().get(key(999)) == "999"


def test_short_programs_evict_too(path: Path) -> None:
    for n in range(50):
        kept = SqliteCache(path, 10, 60)
        kept.put(key(n), str(n))
        kept.close()
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM distilgen_answers").fetchone()
    connection.close()
    assert count == 10


def without(kept: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """It keeps nothing, and says so once."""
    with caplog.at_level(logging.WARNING, "distilgen.runtime"):
        for _ in range(3):
            assert kept.get(key(1)) is None
            kept.put(key(1), "a")
    (said,) = caplog.messages
    assert said.endswith("; answers of students are not kept")


def test_damaged(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"this is no database, and a user's file perhaps" * 100)
    before = path.read_bytes()
    without(opened(), caplog)
    assert path.read_bytes() == before


def test_damaged_in_the_middle(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    kept = opened()
    for n in range(100):
        kept.put(key(n), "x" * 1000)
    kept.close()
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + os.urandom(len(raw) - 4096))
    without(opened(), caplog)


def test_other_tables(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE distilgen_answers (used)")
    connection.close()
    without(opened(), caplog)


def test_a_folder(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir()
    without(opened(), caplog)


def test_below_a_file(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    path.touch()
    without(opened(where=path / "answers.sqlite"), caplog)


def test_read_only(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    path.touch()
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write everywhere")
    without(opened(), caplog)


def test_no_sqlite(
    opened: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    without(opened(), caplog)


def test_locked(path: Path, opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    kept = opened()
    kept.put(key(1), "a")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert kept.get(key(1)) == "a"  # who writes keeps nobody from reading
    with caplog.at_level(logging.WARNING, "distilgen.runtime"):
        kept.put(key(1), "b")
        assert kept.get(key(1)) is None  # it is left alone for a while
    assert len(caplog.messages) == 1
    connection.execute("COMMIT")
    connection.close()
    kept._file._rests_until = 0
    assert kept.get(key(1)) == "a"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_deleted(path: Path, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_file, "_LOOK_S", 0)
    kept = opened()
    kept.put(key(1), "a")
    for file in path.parent.iterdir():
        file.unlink()
    assert kept.get(key(1)) is None
    kept.put(key(1), "b")
    assert kept.get(key(1)) == "b"
    assert opened().get(key(1)) == "b"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_the_folder_is_deleted(tmp_path: Path, opened: Any) -> None:
    path = tmp_path / "a" / "b" / "answers.sqlite"
    kept = opened(where=path)
    kept.put(key(1), "a")
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    kept._file._looked = 0
    assert kept.get(key(1)) is None
    kept.put(key(1), "b")
    assert kept.get(key(1)) == "b"


def _child_of_many(path: str, start: int) -> None:
    kept = SqliteCache(path, 10_000, 600)
    for n in range(start, start + 50):
        kept.put(key(n), str(n))
        assert kept.get(key(n)) in (str(n), None)
    kept.close()


def test_processes(path: Path, opened: Any) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_child_of_many, args=(str(path), n * 50)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    kept = opened(10_000)
    found = sum(kept.get(key(n)) == str(n) for n in range(200))
    assert found >= 100  # who waits too long for the others does without


_KILLED = """
import sys
from distilgen.runtime.cache import SqliteCache
kept = SqliteCache(sys.argv[1], 1000, 600)
n = 0
while True:
    kept.put((n % 500).to_bytes(16), str(n % 500) * 100)
    n += 1
    if n == 100:
        print("ready", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_writer_harms_nobody(path: Path, opened: Any) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE
        ) as worker:
            assert worker.stdout
            assert worker.stdout.readline() == b"ready\n"
            worker.send_signal(signal.SIGKILL)
        kept = opened(1000)
        assert kept.get(key(5)) == "5" * 100
        kept.put(key(1000), "a")
        assert kept.get(key(1000)) == "a"
        kept.close()


def forked(work: Callable[[], bool]) -> bool:
    """Does `work` return True in a forked child?"""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_fork
@forks
def test_a_child_opens_its_own(make: Callable[..., Cache]) -> None:
    kept = make()
    kept.put(key(1), "a")
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            kept.put(key(2), "b")

    def in_child() -> bool:
        had = kept.get(key(1)) == "a"
        kept.put(key(3), "c")
        return had and kept.get(key(3)) == "c"

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        done = [forked(in_child) for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    if isinstance(kept, SqliteCache):
        assert sum(done) >= 8  # the busy thread may have had the file for too long
        assert kept.get(key(3)) == "c"
    else:
        assert all(done)
    assert kept.get(key(1)) == "a"


@needs_fork
@forks
def test_a_fork_that_tells_nobody(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a server written in C: the child has the parent's connection, and lets it be."""
    kept = opened()
    kept.put(key(1), "a")
    monkeypatch.setattr(shared_file, "_files", [])
    assert forked(lambda: kept.get(key(1)) is None and kept.get(key(1)) is None)
    assert kept.get(key(1)) == "a"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signal_handler_asks_too(make: Callable[..., Cache]) -> None:
    kept = make(entries=3)
    seen = []

    def handler(*_: object) -> None:
        kept.put(key(1), "a")
        seen.append(kept.get(key(1)))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(seen) < 50:
            kept.put(key(2), "b")
            assert kept.get(key(2)) in ("b", None)
            kept.put(key(3), "c")
            kept.put(key(4), "d")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
