"""Spooled sinks: every record arrives once, whatever becomes of processes, disks and servers."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import resource
import signal
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import RecordError
from distilgen.records.stores import open_store
from distilgen.runtime.settings import Settings
from distilgen.runtime.sinks import segment, shipper, shipping
from distilgen.runtime.sinks.destination import folder_of
from distilgen.runtime.sinks.segment import Segment, segments_of
from distilgen.runtime.sinks.spool import SpoolSink

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from postgres_server import PostgresServer

    from distilgen.contract import Contract
    from distilgen.records.store import Store
    from distilgen.runtime.sinks.sink import Sink

    Numbered = Callable[..., list[bytes]]
    SinkAt = Callable[..., SpoolSink]
    Closed = Callable[[SpoolSink], None]
    WriteAll = Callable[[Sink, list[bytes]], None]
    Topics = Callable[[Store], list[Any]]
    Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a second for nothing."""
    monkeypatch.setattr(shipper, "GATHER", 0.02)
    monkeypatch.setattr(shipper, "ADOPT", 0.1)
    monkeypatch.setattr(shipper, "_PAUSE", 0.02)
    monkeypatch.setattr(shipper, "_LONGEST_PAUSE", 0.1)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


def store_of(url: str) -> Store:
    return open_store(url, "test", Path("/"))


def ids(url: str) -> list[str]:
    """Of all records, with those that are there twice."""
    return sorted(item.id for item in store_of(url).read())  # type: ignore[union-attr]


def until(true: Callable[[], bool]) -> None:
    """Waits until something is true, a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def unreachable() -> str:
    """The URL of a server that refuses every connection."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"postgresql://u:secret-word@127.0.0.1:{one.getsockname()[1]}/d"


def test_records_arrive(
    url: str, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll, topics: Topics
) -> None:
    sink = sink_at(url)
    write_all(sink, numbered(1234))
    assert sink.flush(60) == 0
    assert topics(store_of(url)) == list(range(1234))
    assert segments_of(sink.folder) == []
    write_all(sink, numbered(3, first=1234))
    assert sink.flush(60) == 0
    assert topics(store_of(url)) == list(range(1237))


def test_records_in_memory_are_said_to_be_gone_soon(
    sink_at: SinkAt, caplog: pytest.LogCaptureFixture
) -> None:
    sink_at("memory://a")
    assert caplog.messages == ["memory://a: these records are gone when the program ends"]


def test_records_arrive_without_being_asked(
    database: str, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(database)
    for number in range(3):
        write_all(sink, numbered(1, first=number))
        until(lambda: len(ids(database)) == number + 1)  # noqa: B023 - called at once


def test_a_program_that_ends_at_once_leaves_nothing_behind(
    url_at_exit: str, program: Program, tmp_path: Path
) -> None:
    done = program("for n in range(700): sink.write(line(n), None)", url_at_exit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(ids(url_at_exit)) == len(set(ids(url_at_exit))) == 700
    assert segments_of(folder_of(tmp_path / "spool", url_at_exit)) == []


def test_threads_that_outlive_the_main_one_are_waited_for(
    url_at_exit: str, program: Program
) -> None:
    code = """
    import threading
    def work():
        time.sleep(0.3)
        sink.write(line(1), None)
    sink.write(line(0), None)
    threading.Thread(target=work).start()
    """
    done = program(code, url_at_exit)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(ids(url_at_exit)) == 2


def test_what_is_recorded_in_the_last_moment_is_kept(
    database: str, program: Program, tmp_path: Path
) -> None:
    # No thread can be started any more, in the newer versions of Python.
    done = program("import atexit; atexit.register(lambda: sink.write(line(0), None))", database)
    assert done.returncode == 0
    shipped = shipping.ship(tmp_path / "spool", database)
    assert len(ids(database)) == 1
    assert shipped.left == 0


def test_a_killed_process_loses_nothing_and_the_next_one_ships_it(
    url: str, program: Program, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll
) -> None:
    code = """
    for n in range(1200):
        sink.write(line(n), None)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    assert program(code, url).returncode == -signal.SIGKILL
    sink = sink_at(url)
    write_all(sink, numbered(1))
    assert sink.flush(60) == 0
    until(lambda: len(segments_of(sink.folder)) == 0)
    assert len(ids(url)) == len(set(ids(url))) == 1201


@pytest.mark.parametrize(
    ("place", "url"),
    [("before", "sqlite"), ("before", "postgresql"), ("before", "s3"), ("after", "local")],
    indirect=["url"],
)
def test_killed_around_the_store_no_record_is_there_twice(
    url: str, program: Program, tmp_path: Path, place: str
) -> None:
    # After the batch is stored and before its position is: it is sent again.
    code = f"""
    from distilgen.runtime.sinks.segment import Segment
    from distilgen.runtime.sinks import shipping
    advance = Segment.advance
    def killed(self, end):
        if end == 0 or {place!r} == "after":
            advance(self, end)
        if end:
            os.kill(os.getpid(), signal.SIGKILL)
    Segment.advance = killed
    for n in range(100):
        sink.write(line(n), None)
    sink.flush(60)
    """
    assert program(code, url).returncode == -signal.SIGKILL
    assert len(ids(url)) == 100
    spool = tmp_path / "spool"
    (orphan,) = segments_of(folder_of(spool, url))
    more = orphan.read_bytes().splitlines(keepends=True)[-1].replace(b"-000099", b"-000100")
    with orphan.open("ab") as file:  # and more of it, so that the batch is not the same
        file.write(more)
    shipped = shipping.ship(spool, url)
    assert (shipped.shipped, shipped.left) == (101 if place == "before" else 1, 0)
    assert len(ids(url)) == len(set(ids(url))) == 101


def test_a_torn_last_line_is_set_aside_and_counted(
    database: str,
    sink_at: SinkAt,
    numbered: Numbered,
    write_all: WriteAll,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = sink_at(database)
    sink.folder.mkdir(parents=True)
    first, second, third = numbered(3)
    orphan = sink.folder / "20260101T000000.000000-00000000.jsonl"
    orphan.write_bytes(first + b"{}\n" + second + third[:50])
    whole = sink.folder / "20260101T000001.000000-00000000.jsonl"
    whole.write_bytes(third.rstrip(b"\n"))  # torn between its text and its newline
    write_all(sink, numbered(1, first=3))
    sink.flush(60)
    until(lambda: segments_of(sink.folder) == [])
    assert ids(database) == ["id-000000", "id-000001", "id-000002", "id-000003"]
    assert (sink.folder / "set-aside.jsonl").read_bytes() == b"{}\n" + third[:50] + b"\n"
    assert caplog.messages == [f"{sink.folder / 'set-aside.jsonl'}: lines that are no records: 2"]


def test_a_fork_records_on_its_own(
    url: str, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(url)
    write_all(sink, numbered(10))
    assert sink.flush(60) == 0
    write_all(sink, numbered(10, first=10))
    child = os.fork()
    if not child:
        status = 1
        try:
            sink.after_fork()
            write_all(sink, numbered(10, first=100))
            status = sink.flush(60)
        finally:
            os._exit(status)
    write_all(sink, numbered(10, first=20))
    assert os.waitpid(child, 0)[1] == 0
    assert sink.flush(60) == 0
    assert ids(url) == [f"id-{n:06}" for n in (*range(30), *range(100, 110))]


def test_the_child_of_a_fork_leaves_the_parent_its_lock(
    database: str, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(unreachable())
    write_all(sink, numbered(1))
    child = os.fork()
    if not child:
        sink.after_fork()
        os._exit(0)
    os.waitpid(child, 0)
    (path,) = segments_of(sink.folder)
    assert Segment.adopt(path) is None
    shipped = shipping.ship(sink.folder, database)
    assert (shipped.shipped, shipped.left) == (0, 1)
    assert shipped.why == f"{path}: is held by a running process, which ships it itself"


def _work(url: str, spool: str, name: str) -> None:
    sink = SpoolSink(Settings(records=url, spool=spool, flush_seconds=60))
    for number in range(300):
        values = {"id": f"{name}-{number:06}", "function": "f", "contract": "c", "arguments": {}}
        sink.write(json.dumps({**values, "result": 1}).encode() + b"\n", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "url"),
    [("spawn", "sqlite"), ("fork", "postgresql"), ("fork", "s3")],
    indirect=["url"],
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_record_at_once(url: str, tmp_path: Path, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    spool = str(tmp_path / "spool")
    workers = [context.Process(target=_work, args=(url, spool, f"w{n}")) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    shipping.ship(Path(spool), url)  # what one has adopted at its own end, and then let go of
    assert len(ids(url)) == len(set(ids(url))) == 1200


def test_a_database_is_stopped_and_started_again(
    postgres: PostgresServer,
    sink_at: SinkAt,
    numbered: Numbered,
    write_all: WriteAll,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "distilgen")
    url = postgres.database()
    sink = sink_at(url)
    write_all(sink, numbered(700))
    until(lambda: len(ids(url)) > 0)
    postgres.stop()
    write_all(sink, numbered(700, first=700))
    assert sink.flush(0.5) >= 700
    write_all(sink, numbered(100, first=1400))
    postgres.start()
    until(lambda: sink.flush(60) == 0)
    assert ids(url) == [f"id-{n:06}" for n in range(1500)]
    down, up = (line for line in caplog.records if line.name == "distilgen.runtime.sinks")
    assert (down.levelname, up.levelname) == ("WARNING", "INFO")
    assert down.getMessage().startswith(f"records wait in {sink.folder}: postgresql://postgres:…@")
    assert "open-sesame" not in caplog.text


def test_an_unreachable_server_costs_a_caller_nothing(
    sink_at: SinkAt, numbered: Numbered, write_all: WriteAll, caplog: pytest.LogCaptureFixture
) -> None:
    sink = sink_at(unreachable())
    start = time.perf_counter()
    write_all(sink, numbered(2000))
    assert (time.perf_counter() - start) / 2000 < 0.001
    assert sink.flush(20) == 2000
    until(lambda: caplog.messages != [])
    assert len(caplog.messages) == 1
    told = json.loads((sink.folder / "destination.json").read_text())
    assert told["url"].startswith("postgresql://u:…@127.0.0.1:")
    everything = [caplog.text, *map(str, sink.folder.iterdir())]
    assert not any("secret-word" in text for text in everything)
    assert stat.S_IMODE(sink.folder.stat().st_mode) == 0o700
    assert (sink.folder / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("accepts", [True, False], ids=["is silent", "refuses"])
def test_the_end_of_a_program_waits_no_longer_than_it_may(
    program: Program, tmp_path: Path, accepts: bool
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if accepts:  # and never answers
            listener.listen()
        port = listener.getsockname()[1]
        if not accepts:
            listener.close()
        url = f"postgresql://u:secret-word@127.0.0.1:{port}/d"
        start = time.monotonic()
        done = program("sink.write(line(0), None); sink.write(line(1), None)", url, 1.0)
        assert time.monotonic() - start < 20
    assert done.returncode == 0
    folder = folder_of(tmp_path / "spool", url)
    *down, left = done.stderr.splitlines()
    assert left == f"distilgen.runtime.sinks WARNING {folder}: 2 records wait for the next start"
    assert all(
        text.startswith(f"distilgen.runtime.sinks WARNING records wait in {folder}: ")
        for text in down
    )
    assert "secret-word" not in done.stderr


def test_a_program_that_records_nothing_leaves_nothing(
    database: str, program: Program, tmp_path: Path
) -> None:
    done = program("", database)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "spool").exists()
    assert not (tmp_path / "records.db").exists()


def test_packages_are_imported_in_the_background(database: str, program: Program) -> None:
    code = """
    assert not {"sqlalchemy", "fsspec", "concurrent"} & set(sys.modules)
    import threading
    threading.Thread.start = lambda self: None
    sink.write(line(0), None)
    assert not {"sqlalchemy", "fsspec", "asyncio"} & set(sys.modules)
    os._exit(0)
    """
    done = program(code, database)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_thread_that_cannot_be_started_is_tried_again(
    database: str,
    sink_at: SinkAt,
    numbered: Numbered,
    write_all: WriteAll,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        del thread
        raise RuntimeError("can't start new thread")

    sink = sink_at(database)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        write_all(sink, numbered(10))
        assert sink.flush(1) == 10
    until(lambda: sink.flush(60) == 0)
    assert len(ids(database)) == 10


def test_full_segments_are_followed_by_new_ones(
    url: str,
    sink_at: SinkAt,
    numbered: Numbered,
    write_all: WriteAll,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(segment, "FULL", 2000)
    monkeypatch.setattr(segment, "BATCH_LINES", 7)
    monkeypatch.setattr(segment, "BATCH_BYTES", 900)
    sink = sink_at(url)
    write_all(sink, numbered(100))
    until(lambda: sink.flush(60) == 0 and segments_of(sink.folder) == [])
    assert ids(url) == [f"id-{n:06}" for n in range(100)]


def test_a_long_outage_does_not_hold_descriptors(
    sink_at: SinkAt, numbered: Numbered, write_all: WriteAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "FULL", 1)
    sink = sink_at(unreachable())
    write_all(sink, numbered(50))
    found = [Segment.adopt(path) for path in segments_of(sink.folder)]
    assert len(found) == 50
    assert 0 < found.count(None) < 10
    for one in filter(None, found):
        one.release()


def test_one_line_may_be_larger_than_a_batch(
    url: str, sink_at: SinkAt, line: Callable[..., bytes], write_all: WriteAll
) -> None:
    sink = sink_at(url)
    large = [line("x" * 3_000_000, id="large"), line("y", id="small")]
    write_all(sink, large)
    assert sink.flush(60) == 0
    assert ids(url) == ["large", "small"]


@pytest.mark.parametrize("what", ["folder", "files"])
def test_a_deleted_spool_loses_nothing_that_is_still_open(
    url: str,
    sink_at: SinkAt,
    numbered: Numbered,
    write_all: WriteAll,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shipper, "GATHER", 60)
    sink = sink_at(url)
    write_all(sink, numbered(10))
    for path in sink.folder.iterdir():
        path.unlink()
    if what == "folder":
        sink.folder.rmdir()
    write_all(sink, numbered(10, first=10))
    assert sink.flush(60) == 0
    assert ids(url) == [f"id-{n:06}" for n in range(20)]


def test_a_full_disk_loses_what_it_cannot_hold_and_nothing_else(
    database: str, program: Program, tmp_path: Path
) -> None:
    code = """
    import resource
    from distilgen.runtime.sinks import shipper
    shipper.GATHER = 3600
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    lost = 0
    for n in range(100):
        try:
            sink.write(line(n, size=1000), None)
        except OSError:
            lost += 1
    sink.write(line(n + 1), None)  # a small one still fits
    print(lost, flush=True)
    os._exit(0)
    """
    done = program(code, database)
    lost = int(done.stdout)
    assert (done.returncode, 80 < lost < 90) == (0, True), done.stderr
    shipped = shipping.ship(tmp_path / "spool", database)
    assert shipped == (101 - lost, 0, 0, "")
    assert len(ids(database)) == 101 - lost


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_what_is_on_a_full_disk_is_shipped_and_makes_room(
    database: str, sink_at: SinkAt, numbered: Numbered, contract: Contract, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=64k tmpfs {disk} 2>/dev/null") != 0:
        pytest.skip("no mounts here")
    try:
        lost = 0
        sink = sink_at(database, disk)
        sink._shipper._starting.acquire()  # no thread yet
        for one in numbered(1000):
            try:
                sink.write(one, contract)
            except OSError as error:
                lost += error.errno == errno.ENOSPC
        assert lost > 500
        sink._shipper._starting.release()
        assert sink.flush(60) == 0
        sink.write(numbered(1, first=1000)[0], contract)
        assert sink.flush(60) == 0
        assert len(ids(database)) == 1001 - lost
        assert not (sink.folder / "set-aside.jsonl").exists()
    finally:
        sink.close()
        until(lambda: os.system(f"umount {disk} 2>/dev/null") == 0)


def test_descriptors_are_exhausted(
    database: str, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(database)
    write_all(sink, numbered(1))
    assert sink.flush(60) == 0
    other = sink_at(database, sink.folder.parent.parent / "other")
    write_all(sink, numbered(10, first=1))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (os.open(os.devnull, os.O_RDONLY), limit[1]))
    try:
        write_all(sink, numbered(10, first=11))  # into the file that is open
        with pytest.raises(OSError, match="Too many open files"):
            write_all(other, numbered(1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    until(lambda: sink.flush(60) == 0)
    assert ids(database) == [f"id-{n:06}" for n in range(21)]


def test_a_spool_that_may_not_be_written_loses_the_record_and_says_so(
    database: str, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("a file in the way of the folder")
    code = """
    try:
        sink.write(line(0), None)
    except OSError as error:
        print(type(error).__name__)
    """
    done = program(code, database)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "NotADirectoryError", "")


def test_the_clock_is_set_back(
    database: str,
    sink_at: SinkAt,
    closed: Closed,
    numbered: Numbered,
    write_all: WriteAll,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = time.time()
    for place in range(3):
        monkeypatch.setattr(time, "time", lambda: real - 86400 * place)  # noqa: B023 - at once
        sink = sink_at(database)
        write_all(sink, numbered(5, first=5 * place))
        if place != 1:
            assert sink.flush(60) == 0
        closed(sink)
    until(lambda: shipping.ship(sink.folder, database).left == 0)
    assert ids(database) == [f"id-{n:06}" for n in range(15)]


def test_a_spool_is_shipped_by_hand(
    tmp_path: Path, sink_at: SinkAt, closed: Closed, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(unreachable())
    write_all(sink, numbered(1100))
    closed(sink)
    url = sink.url
    shipped = shipping.ship(tmp_path / "spool", url)
    assert (shipped.shipped, shipped.aside, shipped.left) == (0, 0, 1100)
    assert shipped.why.startswith("postgresql://u:…@127.0.0.1:")
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.db"
    told: list[str] = []
    (path,) = segments_of(sink.folder)
    assert shipping.ship(sink.folder, elsewhere, report=told.append) == (1100, 0, 0, "")
    assert told == [f"{path}: 1100 records"]
    assert len(ids(elsewhere)) == 1100
    assert shipping.ship(sink.folder, elsewhere) == (0, 0, 0, "")
    assert shipping.ship(tmp_path / "none", elsewhere) == (0, 0, 0, "")


def test_a_closed_sink_has_nothing_to_wait_for(
    sink_at: SinkAt, closed: Closed, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(unreachable())
    write_all(sink, numbered(1))
    closed(sink)
    start = time.monotonic()
    assert sink.flush(60) == 0  # it holds nothing any more
    assert time.monotonic() - start < 30


def test_a_closed_sink_lets_go_of_what_it_is_still_given(
    database: str, sink_at: SinkAt, closed: Closed, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(database)
    write_all(sink, numbered(1))
    closed(sink)
    write_all(sink, numbered(1, first=1))
    assert shipping.ship(sink.folder, database).left == 0
    assert ids(database) == ["id-000000", "id-000001"]


def test_a_signal_may_interrupt_a_write(database: str, program: Program) -> None:
    code = """
    count = 0
    def interrupt(*_):
        global count
        count += 1
        sink.write(line(100_000 + count), None)
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    for n in range(5000):
        sink.write(line(n), None)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(n + 1 + count)
    """
    done = program(code, database)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(ids(database)) == int(done.stdout) > 5000


class _Refusing:
    """A store that fails as often as it is told to."""

    place = "nowhere"

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.batches: list[tuple[str, int]] = []

    def append(self, lines: Sequence[bytes], name: str) -> None:
        if self.failures:
            self.failures -= 1
            raise RecordError("nowhere: try again")
        self.batches.append((name, len(lines)))


def test_a_flush_is_tried_again_soon(
    database: str, sink_at: SinkAt, numbered: Numbered, write_all: WriteAll
) -> None:
    sink = sink_at(database)
    store = _Refusing(failures=2)
    sink._shipper._store = store  # type: ignore[assignment]
    write_all(sink, numbered(5))
    assert sink.flush(60) == 0
    assert sum(count for _, count in store.batches) == 5
