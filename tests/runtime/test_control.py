"""Which calls are recorded, how many of them, and what the counters say of it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import distilgen
from distilgen.runtime import Contract, configure, control
from distilgen.runtime.control import Counts, Sampler
from distilgen.runtime.settings import Settings
from distilgen.runtime.sinks.files import FileSink

if TYPE_CHECKING:
    from pathlib import Path

ContractOf = Callable[..., Contract]
Records = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorders of other tests may be garbage that nobody has collected yet."""
    monkeypatch.setattr(control, "recorders", weakref.WeakSet())


class Email(BaseModel):
    subject: str


def compose(n: int) -> Email:
    return Email(subject=f"{n}")


def stream(n: int) -> Iterator[Email]:
    yield Email(subject=f"{n}")


async def acompose(n: int) -> Email:
    return Email(subject=f"{n}")


def only(counts: dict[str, Counts]) -> Counts:
    """The counts of the one function that was called."""
    (found,) = (one for one in counts.values() if one != Counts())
    return found


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("by", ["call", "arguments"])
def test_a_share_of_calls_is_taken(
    rate: float, by: str, contract_of: ContractOf, records: Records
) -> None:
    configure(sample=rate, sample_by=by)
    recorded = contract_of(compose).record(compose)
    calls = 3_000
    for n in range(calls):
        assert recorded(n).subject == f"{n}"
    taken = len(records())
    # Five standard deviations: once in two million runs chance alone is further off.
    assert abs(taken - rate * calls) <= 5 * (calls * rate * (1 - rate)) ** 0.5
    counts = only(distilgen.counters())
    assert counts == Counts(recorded=taken, unsampled=calls - taken)


def test_the_program_s_own_random_numbers_are_left_alone(
    contract_of: ContractOf, folder: Path
) -> None:
    configure(sample=0.5, records=folder)
    recorded = contract_of(compose).record(compose)
    random.seed(7)
    expected = [random.random() for _ in range(3)]
    random.seed(7)
    got = []
    for n in range(3):
        got.append(random.random())
        recorded(n)
    assert got == expected


@pytest.mark.parametrize("function", [stream, acompose])
def test_streams_and_coroutines_are_sampled_too(
    function: Callable[..., Any], contract_of: ContractOf, records: Records
) -> None:
    configure(sample=0.5)
    recorded = contract_of(function, Email).record(function)
    for n in range(200):
        made = recorded(n)
        if function is stream:
            assert [email.subject for email in made] == [f"{n}"]
        else:
            assert asyncio.run(made).subject == f"{n}"
    assert 50 <= len(records()) <= 150


SAMPLED = """
import sys
from pydantic import BaseModel
from distilgen.runtime import Contract

class Email(BaseModel):
    subject: str

contract = Contract(
    function="a:b", fingerprint="c", system_prompt="", user_message="", tool={},
    inputs={"properties": {"n": {}, "names": {}}},
)

@contract.record
def compose(n: int, names: set[str]) -> Email:
    return Email(subject=f"{n}")

for n in range(int(sys.argv[1]), 200):
    compose(n % 100, {"a", "b", "c", str(n % 2)})
"""


def test_the_same_arguments_are_taken_in_every_process(tmp_path: Path) -> None:
    taken = []
    for process, seed in enumerate(("1", "2")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "DISTILGEN_RECORDS": str(tmp_path / seed),
            "DISTILGEN_SAMPLE": "0.3",
            "DISTILGEN_SAMPLE_BY": "arguments",
        }
        subprocess.run(
            [sys.executable, "-c", SAMPLED, str(process)], check=True, env=environment, timeout=60
        )
        lines = (tmp_path / seed / "records-000001.jsonl").read_bytes().splitlines()
        taken.append([json.dumps(json.loads(line)["arguments"]) for line in lines])
    assert set(taken[0]) == set(taken[1])
    # Each comes twice, and is taken twice or not at all.
    assert 10 < len(set(taken[0])) < 60
    assert {taken[0].count(one) for one in taken[0]} == {2}


def test_a_budget_is_for_a_minute_and_a_function(
    contract_of: ContractOf, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(n: int) -> Email:
        return Email(subject=f"other {n}")

    now = [1_000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    configure(budget=3)
    one, two = contract_of(compose).record(compose), contract_of(other).record(other)
    for _ in range(2):
        for n in range(10):
            one(n)
            two(n)
            now[0] += 5.9
        now[0] += 60
    names = [record["function"].rpartition(":")[2] for record in records()]
    assert names == ["compose", "other"] * 6
    assert {counts.unsampled for counts in distilgen.counters().values()} >= {14}


def test_rate_and_budget_hold_together(contract_of: ContractOf, records: Records) -> None:
    configure(sample=0.5, budget=20, sample_by="arguments")
    recorded = contract_of(compose).record(compose)
    for n in range(200):
        recorded(n)
    assert len(records()) == 20
    assert only(distilgen.counters()) == Counts(recorded=20, unsampled=180)


def test_threads_share_a_budget(contract_of: ContractOf, records: Records) -> None:
    configure(budget=50)
    recorded = contract_of(compose).record(compose)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(recorded, range(500)))
    assert len(records()) == 50


def test_a_signal_handler_may_call_while_the_budget_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or a generator that is collected at that moment."""
    sampler = Sampler(Settings(budget=10))
    asked: list[bool] = []

    def clock() -> float:
        if len(asked) < 3:
            asked.append(True)
            assert sampler.takes()
        return 1_000.0

    monkeypatch.setattr("time.monotonic", clock)
    thread = threading.Thread(target=sampler.takes, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for itself"


def test_counters_tell_what_became_of_calls(
    contract_of: ContractOf,
    records: Records,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(n: int) -> Email:
        raise ValueError(n)

    recorded, failing = contract_of(compose).record(compose), contract_of(fail).record(fail)
    for n in range(3):
        recorded(n)
        with pytest.raises(ValueError, match=str(n)):
            failing(n)
    (tmp_path / "in the way").write_bytes(b"")
    configure(records=tmp_path / "in the way")
    for n in range(4):
        recorded(n)
    configure(records=tmp_path / "records", sample=0)
    recorded(0)
    configure(sample=1)
    recorded(0)
    with distilgen.recording(False):
        recorded(0)
    counts = distilgen.counters()
    assert counts["shop.mail:fail"] == Counts(recorded=3)
    mine = counts["shop.mail:compose"]
    assert (mine.recorded, mine.lost, mine.withheld, mine.unsampled) == (4, 4, 0, 1)
    assert "in the way" in mine.why
    assert len(records()) == 7
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_no_call_is_counted_twice(
    contract_of: ContractOf, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that was written is not lost, whatever fails afterwards."""

    def look(sink: FileSink) -> None:
        if sink.descriptor >= 0 and len(looks) % 3 == 0:
            looks.append(True)
            raise OSError("gone")
        looks.append(True)
        looking(sink)

    looks: list[bool] = []
    looking = FileSink.look
    monkeypatch.setattr(FileSink, "look", look)
    recorded = contract_of(compose).record(compose)
    for n in range(100):
        recorded(n)
    counts = only(distilgen.counters())
    assert counts.recorded == len(records())
    assert counts.recorded + counts.lost == 100
    assert len(looks) > 1


def test_two_functions_of_one_name_are_counted_together(
    contract_of: ContractOf, folder: Path
) -> None:
    one, two = contract_of(compose).record(compose), contract_of(compose).record(compose)
    one(1)
    two(2)
    assert folder.exists()
    assert distilgen.counters()["shop.mail:compose"] == Counts(recorded=2)


def test_threads_lose_no_count(contract_of: ContractOf, records: Records) -> None:
    recorded = contract_of(compose).record(compose)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(recorded, range(4_000)))
    assert only(distilgen.counters()).recorded == len(records()) == 4_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_counts_its_own_calls(contract_of: ContractOf, records: Records) -> None:
    recorded = contract_of(compose).record(compose)
    recorded(1)
    child = os.fork()
    if child == 0:
        recorded(2)
        os._exit(only(distilgen.counters()).recorded)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert only(distilgen.counters()).recorded == 1
    assert len(records()) == 2


def test_a_handler_that_fails_is_nobody_s_affair(contract_of: ContractOf, tmp_path: Path) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
            raise OSError("the log is full")

    (tmp_path / "in the way").write_bytes(b"")
    configure(records=tmp_path / "in the way")
    recorded = contract_of(compose).record(compose)
    handler = Failing()
    logging.getLogger("distilgen").addHandler(handler)
    try:
        assert recorded(1).subject == "1"
        assert next(contract_of(stream, Email).record(stream)(1)).subject == "1"
    finally:
        logging.getLogger("distilgen").removeHandler(handler)
    assert only({"": distilgen.counters()["shop.mail:compose"]}).lost == 1


def test_settings_may_change_while_threads_record(contract_of: ContractOf, tmp_path: Path) -> None:
    """After `configure` every call goes to the new folder, whatever a thread was about to do."""
    recorded = contract_of(compose).record(compose)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            recorded(0)

    configure(records=tmp_path / "0")
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        configure(records=tmp_path / f"{number}")
        recorded(number)
    stop.set()
    for thread in threads:
        thread.join()
    configure(records=tmp_path / "last")
    recorded(-1)
    lines = (tmp_path / "last" / "records-000001.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["arguments"]["n"] for line in lines] == [-1]
    counts = distilgen.counters()["shop.mail:compose"]
    written = [
        json.loads(line)
        for path in tmp_path.glob("*/*.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    assert (counts.recorded, counts.lost) == (len(written), 0)
    assert len({record["id"] for record in written}) == len(written)


def program(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=60,
        env={**os.environ, **environment},
    )


CALLING = """
    from pydantic import BaseModel
    from distilgen.runtime import Contract

    class Email(BaseModel):
        subject: str

    contract = Contract(
        function="a:b", fingerprint="c", system_prompt="", user_message="", tool={},
        inputs={"properties": {"n": {}}},
    )

    def compose(n: int) -> Email:
        return Email(subject=f"{n}")

    recorded = contract.record(compose)
    for n in range(3):
        recorded(n)
"""


@pytest.mark.parametrize(
    ("environment", "records", "said"),
    [
        ({}, 3, ""),
        ({"DISTILGEN_REPORT": "1"}, 3, "distilgen: 3 calls of 1 function recorded in "),
        ({"DISTILGEN_SAMPLE": "0"}, 0, ""),
        ({"DISTILGEN_BUDGET": "2"}, 2, ""),
        ({"DISTILGEN_DISABLED": "1"}, 0, ""),
        ({"DISTILGEN_DISABLED": "1", "DISTILGEN_REPORT": "1"}, 0, ""),
        (
            {"DISTILGEN_SAMPLE": "many"},
            3,
            "DISTILGEN_SAMPLE: 'many' is no share: a number from 0 to 1; the default holds",
        ),
        (
            {"DISTILGEN_REDACT": "emial"},
            0,
            "a:b: a call was not recorded: DISTILGEN_REDACT: ",
        ),
        (
            {"DISTILGEN_RECORDS": "/dev/null/x", "DISTILGEN_REPORT": "1"},
            0,
            "a:b: a call was not recorded: ",
        ),
    ],
)
def test_the_environment_says_it_too(
    environment: dict[str, str], records: int, said: str, tmp_path: Path
) -> None:
    done = program(CALLING, tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(said)
    assert bool(done.stderr) == bool(said)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*.jsonl"))
    assert written.count(b"\n") == records
    if records == 0:
        assert not list(tmp_path.iterdir())


def test_disabled_is_the_function_itself_and_imports_no_recorder(tmp_path: Path) -> None:
    code = (
        CALLING
        + """
    import sys
    assert recorded is compose
    assert "distilgen.runtime.recorder" not in sys.modules
    """
    )
    done = program(code, tmp_path, DISTILGEN_DISABLED="1")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_an_exception_of_a_signal_handler_leaves_nothing_behind(
    contract_of: ContractOf, folder: Path
) -> None:
    """As of a timeout. It may arrive between any two instructions, ours too; a later call must not
    be taken for one that is made inside of the call which was stopped.
    """

    class TooLongError(Exception):
        pass

    def stop(*_: object) -> None:
        raise TooLongError

    recorded = contract_of(compose).record(compose)
    from distilgen.runtime.control import inside

    before = signal.signal(signal.SIGALRM, stop)
    stopped = 0
    try:
        for number in range(1_500):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.000_02 + number % 50 * 0.000_004)
                for n in range(40):
                    recorded(n)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except TooLongError:
                stopped += 1
            assert inside.get() is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopped > 100
    assert folder.exists()
