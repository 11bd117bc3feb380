"""What the system does to a program: it is killed, its disk is full, its descriptors are gone. No
call that returned goes without its record, or its loss is counted; the caller sees nothing of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from distilgen.records.files import read
from distilgen.records.record import Malformed, Record

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has none of these")

CALLING = """
import errno, os, random, resource, shutil, signal, sys, threading, time
import distilgen
from pydantic import BaseModel
from distilgen.runtime import Contract, configure

class Email(BaseModel):
    subject: str
    lines: list[str] = []

def contract(name):
    return Contract(
        function=f"a:{name}", fingerprint="c", system_prompt="", user_message="", tool={},
        inputs={"properties": {"n": {}}},
    )

@contract("compose").record
def compose(n: int) -> Email:
    return Email(subject=f"{n}", lines=["x" * 5000] if n % 7 == 0 else [])

@contract("around").record
def around(n: int) -> Email:
    return compose(-1 - n)

folder = sys.argv[1]
configure(records=folder)
counts = lambda: distilgen.counters()["a:compose"]
"""


def run(code: str, folder: Path, *arguments: str) -> str:
    """What a program prints that has `compose` to call."""
    command = (sys.executable, "-W", "ignore::DeprecationWarning", "-c")
    done = subprocess.run(
        [*command, CALLING + textwrap.dedent(code), str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_killed_program_leaves_a_record_of_every_call_that_returned(tmp_path: Path) -> None:
    """Twenty times, 100,000 calls in all, from two threads, and into the same file."""
    code = """
        def work(out, first):
            for n in range(first, 10**9, 2):
                around(n) if n % 5 == 0 else compose(n)
                os.write(out, b"%d\\n" % n)  # it has returned

        random.seed(int(sys.argv[2]))
        for turn in range(20):
            into, out = os.pipe()
            child = os.fork()
            if child == 0:
                base = turn * 10**6
                threading.Thread(target=work, args=(out, base + 1), daemon=True).start()
                work(out, base)
            os.close(out)
            told, enough = b"", random.randrange(30_000, 55_000)
            while len(told) < enough:
                told += os.read(into, 4096)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            while more := os.read(into, 65536):
                told += more
            os.close(into)
            sys.stdout.write(told.decode())
    """
    told = [int(line) for line in run(code, tmp_path, "7").splitlines()]
    assert len(told) > 90_000
    found = list(read(tmp_path))
    records = [item for item in found if isinstance(item, Record)]
    broken = [item for item in found if isinstance(item, Malformed)]
    assert len(broken) <= 20
    for item in broken:
        assert item.text.startswith(b'{"id":"')
    numbers = {record.function: set[int]() for record in records}
    for record in records:
        numbers[record.function].add(record.arguments["n"])
    everything = numbers["a:compose"] | numbers["a:around"]
    assert not [n for n in told if n not in everything]
    assert not [n for n in numbers["a:around"] if -1 - n not in everything]
    assert len({record.id for record in records}) == len(records)
    ids = {record.id for record in records}
    orphans = {r.parent for r in records if r.parent is not None and r.parent not in ids}
    assert len(orphans) <= 2 * 20  # calls that were stopped, of two threads


def test_a_torn_last_line_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    run("for n in range(3): compose(n)", tmp_path)
    path = tmp_path / "records-000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    found = list(read(tmp_path))
    assert [type(item) for item in found] == [Record, Record, Malformed]
    assert isinstance(found[2], Malformed)
    assert found[2].torn
    run("compose(3)", tmp_path)
    found = list(read(tmp_path))
    assert [type(item) for item in found] == [Record, Record, Malformed, Record]


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stops a write in its middle, as a full disk does."""
    code = """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for n in range(1, 4):
            compose(n)
        size = os.stat(folder + "/records-000001.jsonl").st_size
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, limit[1]))
        for n in range(10, 30):
            assert compose(n).subject == f"{n}"
            assert around(n).subject == f"{-1 - n}"
        assert counts().recorded + counts().lost == 43, counts()
        assert counts().lost > 30
        assert str(errno.EFBIG) in counts().why, counts()
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        lost = counts().lost
        for n in range(40, 43):
            compose(n)
        assert counts().lost == lost
        print(counts().recorded, distilgen.counters()["a:around"].recorded)
    """
    recorded = sum(map(int, run(code, tmp_path).split()))
    found = list(read(tmp_path))
    records = [item for item in found if isinstance(item, Record)]
    assert [item.arguments["n"] for item in records[:3]] == [1, 2, 3]
    assert [item.arguments["n"] for item in records[-3:]] == [40, 41, 42]
    assert len(records) == recorded
    assert len(found) - len(records) <= 1


def test_a_full_file_system(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("this user may mount nothing")
    code = """
        for n in range(1, 400):
            assert compose(n).subject == f"{n}"
        assert counts().recorded + counts().lost == 399
        assert counts().lost > 100
        assert f"[Errno {errno.ENOSPC}]" in counts().why, counts()
        os.unlink(folder + "/filler") if os.path.exists(folder + "/filler") else None
        print(counts().recorded)
    """
    try:
        recorded = int(run(code, folder))
        found = list(read(folder))
        assert sum(isinstance(item, Record) for item in found) == recorded
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    code = """
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        for n in range(1, 6):
            assert compose(n).subject == f"{n}"
        assert (counts().recorded, counts().lost) == (0, 5)
        assert f"[Errno {errno.EMFILE}]" in counts().why
        for descriptor in held:
            os.close(descriptor)
        for n in range(10, 13):
            compose(n)
        assert (counts().recorded, counts().lost) == (3, 5)
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
        for n in range(20, 23):
            compose(n)
        assert (counts().recorded, counts().lost) == (6, 5)
    """
    run(code, tmp_path)
    assert [item.arguments["n"] for item in read(tmp_path) if isinstance(item, Record)] == [
        *(10, 11, 12, 20, 21, 22),
    ]


CLOSING = """
        import tempfile
        for n in range(1, 4):
            compose(n)
        os.closerange(3, 1000)
        theirs = [os.open(f"{sys.argv[2]}/{n}", os.O_RDWR | os.O_CREAT) for n in range(20)]
        for n in range(10, 1500):
            assert compose(n).subject == f"{n}"
            if n % 100 == 0:
                time.sleep(0.01)
        assert counts().recorded + counts().lost == 1493
        assert all(os.fstat(one).st_size == 0 for one in theirs), "written into another's file"
        print(counts().recorded)
"""


def test_closed_descriptors_that_others_have_taken(tmp_path: Path) -> None:
    """As a program does that makes itself a daemon. What we write must not end in their files."""
    (tmp_path / "theirs").mkdir()
    recorded = int(run(CLOSING, tmp_path / "records", str(tmp_path / "theirs")))
    assert sum(isinstance(item, Record) for item in read(tmp_path / "records")) == recorded


def test_closed_descriptors(tmp_path: Path) -> None:
    code = """
        for n in range(1, 4):
            compose(n)
        os.closerange(3, 1000)
        for n in range(10, 13):
            assert compose(n).subject == f"{n}"
        time.sleep(0.11)
        for n in range(20, 23):
            compose(n)
        assert counts().recorded + counts().lost == 9
        assert counts().lost <= 3
    """
    run(code, tmp_path)
    numbers = [item.arguments["n"] for item in read(tmp_path) if isinstance(item, Record)]
    assert (numbers[:3], numbers[-3:]) == ([1, 2, 3], [20, 21, 22])


def test_a_daemon(tmp_path: Path) -> None:
    """It forks twice, closes every descriptor, and opens files of its own before it records."""
    code = """
        compose(1)
        if os.fork() == 0:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            os.closerange(0, 1000)
            theirs = [os.open(f"{sys.argv[2]}/{n}", os.O_RDWR | os.O_CREAT) for n in range(20)]
            for n in range(10, 20):
                compose(n)
            os.write(theirs[0], b"%d" % sum(os.fstat(one).st_size for one in theirs))
            os.rename(f"{sys.argv[2]}/0", f"{sys.argv[2]}/done")
            os._exit(0)
        os.wait()
        while not os.path.exists(f"{sys.argv[2]}/done"):
            time.sleep(0.01)
        compose(2)
    """
    (tmp_path / "theirs").mkdir()
    run(code, tmp_path / "records", str(tmp_path / "theirs"))
    assert (tmp_path / "theirs" / "done").read_bytes() == b"0"
    numbers = [r.arguments["n"] for r in read(tmp_path / "records") if isinstance(r, Record)]
    assert numbers == [1, *range(10, 20), 2]


@pytest.mark.parametrize("what", ["removed", "moved", "replaced by a file", "removed once more"])
def test_the_folder_goes_away(what: str, tmp_path: Path) -> None:
    code = """
        what = sys.argv[2]
        for turn in range(2 if what == "removed once more" else 1):
            for n in range(3):
                compose(n)
            os.rename(folder, folder + f".old{turn}") if what == "moved" else shutil.rmtree(folder)
            if what == "replaced by a file":
                open(folder, "wb").close()
            time.sleep(0.11)
            for n in range(10, 13):
                assert compose(n).subject == f"{n}"
        print(counts().recorded, counts().lost)
    """
    folder = tmp_path / "records"
    recorded, lost = map(int, run(code, folder, what).split())
    if what == "replaced by a file":
        assert (recorded, lost) == (3, 3)
    elif what == "moved":
        assert (recorded, lost) == (6, 0)
        numbers = [r.arguments["n"] for r in read(tmp_path / "records.old0") if type(r) is Record]
        assert numbers == [0, 1, 2, 10, 11, 12]
    else:
        numbers = [r.arguments["n"] for r in read(folder) if isinstance(r, Record)]
        assert (numbers[-3:], lost) == ([10, 11, 12], 0)


def test_permission_is_denied() -> None:
    code = """
        configure(records=folder + ".first")
        compose(0)  # what is to be imported is
        configure(records=folder)
        if os.geteuid() == 0:  # who may do everything
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        os.mkdir(folder)
        os.chmod(folder, 0o500)
        for n in range(1, 4):
            assert compose(n).subject == f"{n}"
        assert (counts().recorded, counts().lost) == (1, 3), counts()
        assert f"[Errno {errno.EACCES}]" in counts().why, counts()
        os.chmod(folder, 0o700)
        compose(4)
        assert (counts().recorded, counts().lost) == (2, 3)
    """
    with tempfile.TemporaryDirectory() as place:  # pytest's folders are for its user alone
        Path(place).chmod(0o777)
        run(code, Path(place) / "records")
        assert len(list(read(Path(place) / "records"))) == 1


def test_many_threads_and_forks_at_once(tmp_path: Path) -> None:
    """A child is forked while other threads are in the middle of everything."""
    code = """
        stop = threading.Event()
        made = [0] * 4

        def work(who):
            while not stop.is_set():
                around(who * 10**6 + made[who])
                made[who] += 1

        # A child that is forked in the middle of pydantic-core's very first call waits for ever,
        # with no recorder, too: one child of a hundred in a program of BaseModel and threads alone.
        around(-1)
        threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        ends = set()
        for turn in range(1, 41):
            child = os.fork()
            if child == 0:
                signal.alarm(10)  # it may wait for a lock that nobody will release
                for n in range(10):
                    around(turn * 10**7 + n)
                os._exit(counts().lost)
            ends.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.set()
        for thread in threads:
            thread.join()
        assert ends == {0}, ends
        print(1 + sum(made) + 400)
    """
    calls = int(run(code, tmp_path))
    found = list(read(tmp_path))
    records = [item for item in found if isinstance(item, Record)]
    assert len(records) == len(found) == 2 * calls
    assert len({record.id for record in records}) == 2 * calls
    assert {r.parent for r in records} - {None} == {
        r.id for r in records if r.function == "a:around"
    }


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="no signals")
@pytest.mark.parametrize("end", ["sys.exit(3)", "os.kill(os.getpid(), signal.SIGTERM)", "1 / 0"])
def test_other_ends_leave_a_record_of_every_call(end: str, tmp_path: Path) -> None:
    code = CALLING + f"\nfor n in range(100):\n    compose(n)\n{end}\n"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert [r.arguments["n"] for r in read(tmp_path) if isinstance(r, Record)] == list(range(100))


def test_calls_while_the_interpreter_ends(tmp_path: Path) -> None:
    """From `atexit`, from a daemon thread, from a generator that nobody has closed."""
    code = """
        import atexit
        from collections.abc import Iterator

        @contract("stream").record
        def stream(n: int) -> Iterator[Email]:
            try:
                yield compose(n)
            finally:
                compose(n + 1)

        def work():
            while True:
                compose(0)

        emails = stream(70)
        next(emails)
        atexit.register(compose, 80)
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.01)
    """
    run(code, tmp_path)
    found = list(read(tmp_path))
    assert not [item for item in found if isinstance(item, Malformed) and not item.torn]
    numbers = {item.arguments["n"] for item in found if isinstance(item, Record)}
    assert {0, 70, 80} <= numbers


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Over 200,000 calls of every way that there is through the recorder."""
    code = """
        import gc, tracemalloc

        def calls(count):
            for n in range(count):
                compose(n * 7 + 1)
                if n % 20 == 0:
                    around(n)
                    with distilgen.recording(False):
                        compose(n)
                    try:
                        compose({n})
                        compose("9" * 5000)
                        compose()
                    except TypeError:
                        pass

        calls(2_000)
        tracemalloc.start()
        calls(2_000)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        calls(20_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 50_000, grown
        resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
        try:
            before = resident()
        except OSError:
            sys.exit()
        calls(150_000)
        gc.collect()
        assert resident() - before < 5_000_000, resident() - before
    """
    run(code, tmp_path)
