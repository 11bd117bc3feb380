"""The file sink loses no record, whoever writes beside it and whatever is in its way."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from distilgen.records.files import read
from distilgen.records.record import Malformed, Record
from distilgen.records.vacuum import vacuum
from distilgen.runtime import Contract, configure, sinks
from distilgen.runtime.sinks import files
from distilgen.runtime.sinks.files import FileSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = "records-000001.jsonl"
ANY = Contract(
    function="shop.mail:compose", fingerprint="f", system_prompt="", user_message="", tool={},
    inputs={"properties": {}},
)  # fmt: skip


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[FileSink]:
    file_sink = FileSink(tmp_path / "a" / "b")
    yield file_sink
    file_sink.close()


def test_the_folder_is_made_at_the_first_line(opened: FileSink) -> None:
    assert not opened.folder.exists()
    opened.write(b"1\n", ANY)
    opened.write(b"2\n", ANY)
    assert (opened.folder / FIRST).read_bytes() == b"1\n2\n"


def test_only_the_owner_may_read_the_records(opened: FileSink) -> None:
    if os.name == "nt":
        pytest.skip("Windows has other permissions")
    opened.write(b"1\n", ANY)
    assert (opened.folder / FIRST).stat().st_mode & 0o777 == 0o600


def test_records_are_kept_out_of_git_and_nothing_else_is(opened: FileSink) -> None:
    opened.write(b"1\n", ANY)
    (opened.folder / "mine.txt").write_bytes(b"")
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git")
    subprocess.run([git, "init", "-q", opened.folder], check=True)
    seen = subprocess.run(
        [git, "status", "--porcelain"], cwd=opened.folder, check=True, capture_output=True
    ).stdout
    assert seen == b"?? mine.txt\n"


def test_a_gitignore_that_is_there_is_left_alone(opened: FileSink) -> None:
    opened.folder.mkdir(parents=True)
    (opened.folder / ".gitignore").write_bytes(b"mine")
    opened.write(b"1\n", ANY)
    assert (opened.folder / ".gitignore").read_bytes() == b"mine"


def test_a_full_file_is_followed_by_the_next_number(
    opened: FileSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FULL", 6)
    monkeypatch.setattr(files, "PATIENCE", 0)
    for number in range(5):
        opened.write(b"%03d\n" % number, ANY)
    contents = [path.read_bytes() for path in sorted(opened.folder.glob("*.jsonl"))]
    assert contents == [b"000\n001\n", b"002\n003\n", b"004\n"]


def test_a_new_process_goes_on_where_the_last_one_stopped(
    opened: FileSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FULL", 6)
    monkeypatch.setattr(files, "PATIENCE", 0)
    opened.folder.mkdir(parents=True)
    (opened.folder / "records-000007.jsonl").write_bytes(b"full!\n")
    (opened.folder / "records-1.jsonl").write_bytes(b"not ours\n")
    opened.write(b"1\n", ANY)
    other = FileSink(opened.folder)
    other.write(b"2\n", ANY)
    other.close()
    assert (opened.folder / "records-000008.jsonl").read_bytes() == b"1\n2\n"


def test_a_half_line_does_not_swallow_the_next_record(opened: FileSink) -> None:
    opened.folder.mkdir(parents=True)
    path = opened.folder / FIRST
    path.write_bytes(b'{"id":"1"}\n{"id":"2","fun')
    opened.write(b'{"id":"3"}\n', ANY)
    opened.write(b'{"id":"4"}\n', ANY)
    assert path.read_bytes() == b'{"id":"1"}\n{"id":"2","fun\n{"id":"3"}\n{"id":"4"}\n'


def test_records_go_on_after_their_folder_was_deleted(opened: FileSink) -> None:
    if os.name == "nt":
        pytest.skip("Windows does not delete open files")
    opened.write(b"1\n", ANY)
    opened._due = 0
    opened.write(b"2\n", ANY)
    shutil.rmtree(opened.folder)
    opened.write(b"3\n", ANY)  # nobody has looked yet
    opened._due = 0
    opened.write(b"4\n", ANY)
    assert (opened.folder / FIRST).read_bytes() == b"2\n3\n4\n"


def test_a_line_may_be_written_inside_another(opened: FileSink) -> None:
    class Line(bytes):
        """Writes a line when it is measured, as a collected generator may at any time."""

        def __len__(self) -> int:
            if not inner:
                inner.append(True)
                opened.write(b"inner\n", ANY)
            return super().__len__()

    inner: list[bool] = []
    thread = threading.Thread(target=opened.write, args=(Line(b"outer\n"), ANY), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for itself"
    assert sorted((opened.folder / FIRST).read_bytes().split()) == [b"inner", b"outer"]


@pytest.mark.parametrize("obstacle", ["a file", "a folder of its name", "read only"])
def test_what_is_in_the_way_is_an_os_error_until_it_is_gone(
    obstacle: str, opened: FileSink
) -> None:
    if obstacle == "a file":
        opened.folder.parent.mkdir(parents=True)
        opened.folder.write_bytes(b"")
    elif obstacle == "a folder of its name":
        (opened.folder / FIRST).mkdir(parents=True)
    else:
        if os.name == "nt" or os.geteuid() == 0:
            pytest.skip("nothing is read only for this user")
        opened.folder.mkdir(parents=True)
        opened.folder.chmod(0o500)
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - which one is the system's affair
            opened.write(b"1\n", ANY)
    if obstacle == "a file":
        opened.folder.unlink()
    elif obstacle == "a folder of its name":
        (opened.folder / FIRST).rmdir()
    else:
        opened.folder.chmod(0o700)
    opened.write(b"2\n", ANY)
    assert (opened.folder / FIRST).read_bytes() == b"2\n"


def test_a_full_disk_tears_one_line_and_no_other(tmp_path: Path) -> None:
    # A limit on the size of files stops a write in its middle, as a full disk does.
    program = """
        import resource, signal, sys
        from pathlib import Path
        from distilgen.runtime.sinks.files import FileSink

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        full = FileSink(Path(sys.argv[1]))
        full.write(b"first\\n", None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, resource.RLIM_INFINITY))
        try:
            full.write(b"second\\n", None)
        except OSError:
            print("lost")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        full.write(b"third\\n", None)
    """
    if not hasattr(signal, "SIGXFSZ"):
        pytest.skip("this system does not limit the size of files")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        check=True,
        capture_output=True,
    )
    assert done.stdout == b"lost\n"
    assert (tmp_path / FIRST).read_bytes() == b"first\nse\nthird\n"


def test_a_new_folder_takes_the_next_record(tmp_path: Path) -> None:
    for name in ("one", "two"):
        configure(records=tmp_path / name)
        sinks.current().write(name.encode() + b"\n", ANY)
    assert (tmp_path / "one" / FIRST).read_bytes() == b"one\n"
    assert (tmp_path / "two" / FIRST).read_bytes() == b"two\n"


def test_threads_may_write_while_the_sink_is_changed(tmp_path: Path) -> None:
    configure(records=tmp_path)

    def write(who: int) -> None:
        for number in range(200):
            sinks.current().write(b"%d-%d\n" % (who, number), ANY)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sinks.forget()
    lines = (tmp_path / FIRST).read_bytes().split()
    assert len(lines) == len(set(lines)) == 600


PROGRAM = """
import multiprocessing, sys, threading
from pydantic import BaseModel
from distilgen.runtime import Contract, configure
from distilgen.runtime.sinks import files

class Email(BaseModel):
    subject: str

contract = Contract(
    function="shop.mail:compose", fingerprint="f", system_prompt="", user_message="",
    tool={}, inputs={"properties": {"process": {}, "thread": {}, "call": {}}},
)

@contract.record
def compose(process: str, thread: int, call: int) -> Email:
    return Email(subject=f"{process}-{thread}-{call} " + "x" * 5000)

def work(process):
    def calls(thread):
        for call in range(40):
            compose(process, thread, call)

    threads = [threading.Thread(target=calls, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def main(how, folder):
    configure(records=folder)
    files.FULL, files.PATIENCE = 300_000, 0
    if how == "fork":
        compose("parent", 0, 0)  # the file is open, and shared
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(f"{name}",)) for name in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
    else:
        work(how)

main(*sys.argv[1:])
"""


@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_threads_and_processes_lose_and_tear_nothing(how: str, tmp_path: Path) -> None:
    if how not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork")
    names = ["0", "1", "2"] if how == "spawn" else ["fork"]
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, name, str(tmp_path)]
        )
        for name in names
    ]
    assert [process.wait(timeout=60) for process in running] == [0] * len(names)
    found = list(read(tmp_path))
    assert not [item for item in found if isinstance(item, Malformed)]
    calls = {json.dumps(item.arguments) for item in found if not isinstance(item, Malformed)}
    assert len(found) == len(calls) == 3 * 4 * 40 + (how == "fork")
    assert len(list(tmp_path.glob("*.jsonl"))) > 1


def test_a_killed_writer_tears_one_record_at_most(tmp_path: Path) -> None:
    program = PROGRAM.replace("range(40)", "range(10**9)")
    for size in (100_000, 200_000):
        with subprocess.Popen([sys.executable, "-c", program, "k", str(tmp_path)]) as process:
            while sum(path.stat().st_size for path in tmp_path.glob("*.jsonl")) < size:
                assert process.poll() is None
            process.kill()
    found = list(read(tmp_path))
    assert len([item for item in found if isinstance(item, Malformed)]) <= 2
    assert len(found) > 30


def test_vacuum_beside_a_writer_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilgen.records.vacuum.SETTLED_S", 0.0)
    monkeypatch.setattr(files, "PATIENCE", 0)
    lines = [
        json.dumps({
            "id": f"{number}", "function": "m:f", "contract": "c", "arguments": {}, "result": 1
        }).encode() + b"\n"
        for number in range(600)
    ]  # fmt: skip

    def write(share: list[bytes]) -> None:
        for start in range(0, len(share), 20):  # as programs that come and go
            writer = FileSink(tmp_path)
            for line in share[start : start + 20]:
                writer.write(line, ANY)
            writer.close()

    threads = [threading.Thread(target=write, args=(lines[n::3],)) for n in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        vacuum(tmp_path)
    assert sorted(item.id for item in read(tmp_path) if isinstance(item, Record)) == sorted(
        str(number) for number in range(600)
    )
