"""The circuit breaker: held against a slow and plain account of its rules, alone and shared."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from distilgen.agreement import wilson
from distilgen.runtime import guard as guard_
from distilgen.runtime.guard import Breaker, Guard, Limits, SharedState, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
forks = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
PAUSE = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guards.sqlite"


@pytest.fixture
def shared(path: Path) -> Iterator[Callable[[], SharedState]]:
    """Opens the one file, as another process would."""
    opened: list[SharedState] = []

    def open_it() -> SharedState:
        opened.append(SharedState(path))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


@pytest.fixture(params=["alone", "shared"])
def make(
    request: pytest.FixtureRequest, shared: Callable[[], SharedState], clock: Clock
) -> Callable[..., Guard]:
    """Makes a guard of the same function; `limits` as `Limits` takes them."""

    def new(**limits: Any) -> Guard:
        state = shared() if request.param == "shared" else None
        return Guard("shop.mail:compose", Limits(**limits), state, clock)

    return new


def fail(guard: Guard, count: int = 11) -> str:
    return [guard.asked(False) for _ in range(count)][-1]


# What an operator reads, and when.


def test_a_server_that_is_down_is_left_alone_soon(
    make: Callable[..., Guard], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "distilgen.runtime")
    guard = make()
    assert (guard.state, guard.reason, guard.until) == ("closed", "", 0)
    assert fail(guard, 10) == ""
    assert guard.admits()
    opened = "the student failed 11 of 11 calls, over 50 %"
    assert fail(guard, 1) == f"opened: {opened}; calls go to the teacher for 60 s"
    assert (guard.state, guard.reason, guard.until) == ("open", opened, clock.now + 60)
    clock.now += 59.9
    assert not guard.admits()
    clock.now += 0.1
    assert guard.state == "trying"
    assert guard.admits()
    assert not guard.admits()
    assert guard.asked(True) == "closed: the student answers again"
    assert (guard.state, guard.reason, guard.until) == ("closed", "", 0)
    assert guard.admits()
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        (
            "WARNING",
            f"shop.mail:compose: opened: {opened}; calls go to the teacher for 60 s",
        ),
        ("INFO", "shop.mail:compose: closed: the student answers again"),
    ]


def test_a_share_of_failures(make: Callable[..., Guard]) -> None:
    guard = make(window=30)
    assert [guard.asked(n % 2 == 0) for n in range(100)] == [""] * 100
    assert guard.asked(False) == (  # in the place of a success
        "opened: the student failed 16 of 30 calls, over 50 %; calls go to the teacher for 60 s"
    )


@pytest.mark.parametrize(
    ("limit", "window", "needed"),
    [(0.5, 200, 11), (0.1, 200, 3), (0, 200, 1), (0.29, 100, 6), (0.5, 4, 3), (1, 200, None),
     (None, 200, None)],
)  # fmt: skip
def test_how_many_failures_it_takes(limit: float | None, window: int, needed: int | None) -> None:
    guard = Guard("f", Limits(max_failures=limit, window=window))
    events = [guard.asked(False) for _ in range(300)]
    assert next((n for n, event in enumerate(events, 1) if event), None) == needed


def test_exactly_the_limit_is_not_over_it() -> None:
    for percent in range(1, 100):
        guard = Guard("f", Limits(max_failures=percent / 100, window=100))
        for _ in range(100 - percent):
            assert guard.asked(True) == ""
        assert fail(guard, percent) == ""
        assert fail(guard, 1).startswith(f"opened: the student failed {percent + 1} of 100 calls")


def test_agreement(make: Callable[..., Guard]) -> None:
    guard = make(min_agreement=0.9, max_failures=None, window=100)
    events = [guard.compared(n < 95) for n in range(101)]
    assert not any(events[:99])
    assert events[99] == (
        "opened: 95 of 100 answers agree, 95.0 % (88.8 % to 97.8 %), under 90 %; "
        "calls go to the teacher for 60 s"
    )
    assert events[100] == ""


def test_surely_bad_already(make: Callable[..., Guard]) -> None:
    guard = make(min_agreement=0.9, pause=90)
    assert not any(guard.compared(False) for _ in range(19))
    assert guard.compared(True) == (
        "opened: 1 of 20 answers agree, 5.0 % (0.9 % to 23.6 %), under 90 %; "
        "calls go to the teacher for 90 s"
    )


@pytest.mark.parametrize("share", [0.01, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999])
def test_perfection_passes(share: float) -> None:
    limits = Limits(min_agreement=share, window=10)
    assert wilson(limits.proof, limits.proof)[0] >= share
    assert limits.proof == 1 or wilson(limits.proof - 1, limits.proof - 1)[0] < share
    guard = Guard("f", limits)
    assert not any(guard.compared(True) for _ in range(2 * limits.proof))
    assert Limits(min_agreement=0).proof == 1
    assert not any(Guard("f", Limits(min_agreement=0)).compared(False) for _ in range(300))


@pytest.mark.parametrize(
    "wrong",
    [{"min_agreement": 1}, {"min_agreement": -0.1}, {"max_failures": 1.1}, {"max_failures": -1},
     {"window": 0}, {"pause": 0}, {"pause": math.inf}, {"min_agreement": math.nan},
     {"max_failures": math.nan}, {"pause": math.nan}],
)  # fmt: skip
def test_limits_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)


def test_pauses_grow_and_shrink(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make(window=20)
    fail(guard)
    for pause in (60, 120, 240, 480, 960, 1920, 1920):
        assert guard.until == clock.now + pause
        clock.now = guard.until
        assert guard.admits()
        again = min(2 * pause, 1920)
        assert guard.asked(False) == (
            f"opened: the student failed again; calls go to the teacher for {again} s"
        )
    clock.now = guard.until
    assert guard.admits()
    assert guard.asked(True)
    assert fail(guard).endswith("for 1920 s")  # too soon
    clock.now = guard.until
    assert guard.admits()
    assert guard.asked(True)
    clock.now += 10 * 1920
    assert fail(guard).endswith("for 60 s")
    clock.now = guard.until
    assert guard.admits()
    assert guard.asked(True)
    assert not any(guard.asked(True) for _ in range(20))
    fail(guard, 10)
    assert fail(guard, 1).endswith("for 60 s")


def test_bad_pairs_keep_it_open(
    make: Callable[..., Guard], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    guard = make(min_agreement=0.8, window=1)
    assert guard.compared(False)
    caplog.clear()
    for pause in (60, 120, 240):
        assert guard.until == clock.now + pause
        assert guard.compared(False) == ""
        clock.now += pause
        assert guard.state == "open"
        assert not guard.admits()
    assert not caplog.messages
    clock.now = guard.until  # and then there were none
    assert guard.admits()
    assert guard.compared(False) == ""
    assert guard.asked(True) == ""  # it answers, and is wrong
    assert guard.state == "open"
    clock.now = guard.until
    assert all(guard.compared(True) == "" for _ in range(20))
    assert guard.admits()
    assert guard.asked(True) == "closed: the student answers again"


def test_a_probe_that_nobody_hears_of(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    fail(guard)
    clock.now += 60
    assert guard.admits()
    clock.now += 59
    assert not guard.admits()
    clock.now += 1
    assert guard.admits()
    guard.gave_up()
    assert guard.admits()
    assert guard.asked(True)
    guard.gave_up()
    assert guard.state == "closed"


def test_late_outcomes_do_not_count(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    fail(guard)
    assert guard.asked(True) == guard.asked(False) == ""
    clock.now += 60
    assert guard.asked(True) == guard.asked(False) == ""  # nobody was sent
    assert guard.state == "trying"


def test_clocks_that_are_set_back(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    fail(guard)
    clock.now -= 30  # a little: a longer pause
    assert not guard.admits()
    clock.now -= 86_400
    assert guard.admits()
    assert not guard.admits()
    clock.now -= 86_400
    assert guard.admits()
    assert guard.asked(True)
    clock.now -= 86_400
    assert guard.admits()
    assert guard.asked(True) == ""


# Against a plain account.


class Plain:
    """The rules again, with lists."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.outcomes: list[bool] = []
        self.pairs: list[bool] = []
        self.open_until: float | None = None
        self.pauses = 0  # since a first one
        self.probe: float | None = None
        self.good = 0
        self.closed = 0.0
        p = limits.min_agreement
        self.n = 1
        while p and wilson(self.n, self.n)[0] < p:
            self.n += 1

    def length(self) -> float:
        return self.limits.pause * min(1 << self.pauses - 1, 32)

    def opens(self, now: float) -> bool:
        if self.open_until is None and self.pauses:
            quiet = now - self.closed >= 10 * self.length()
            if quiet or self.good >= self.limits.window:
                self.pauses = 0
        self.pauses += 1
        self.open_until = now + self.length()
        self.probe = None
        self.outcomes, self.pairs = [], []
        return True

    def bad(self) -> bool:
        p = self.limits.min_agreement
        return p is not None and wilson(sum(self.pairs), len(self.pairs))[1] < p

    def admits(self, now: float) -> bool:
        if self.open_until is None:
            return True
        if now < self.open_until or (self.probe is not None and now < self.probe):
            return False
        if self.bad():
            self.opens(now)
            return False
        self.probe = now + self.limits.pause
        return True

    def asked(self, now: float, ok: bool) -> bool:
        if self.open_until is None:
            self.outcomes = [*self.outcomes, ok][-self.limits.window :]
            self.good += ok
            failed = len([one for one in self.outcomes if not one])
            least = max(len(self.outcomes), min(20, self.limits.window))
            most = self.limits.max_failures
            over = most is not None and failed / least > most
            return over and not ok and self.opens(now)
        if self.probe is None:
            return False
        if not ok:
            return self.opens(now)
        if self.bad():
            self.opens(now)
            return False
        self.open_until = self.probe = None
        self.outcomes, self.pairs = [], []
        self.closed, self.good = now, 0
        return True

    def compared(self, now: float, agrees: bool) -> bool:
        self.pairs = [*self.pairs, agrees][-max(self.limits.window, self.n) :]
        p = self.limits.min_agreement
        if p is None or self.open_until is not None:
            return False
        if len(self.pairs) < min(20, self.limits.window):
            return False
        low, high = wilson(sum(self.pairs), len(self.pairs))
        return (
            low if len(self.pairs) == max(self.limits.window, self.n) else high
        ) < p and self.opens(now)


STEPS = st.one_of(
    st.tuples(st.just("admits"), st.none()),
    st.tuples(st.just("gave_up"), st.none()),
    st.tuples(st.just("asked"), st.booleans()),
    st.tuples(st.just("fails"), st.integers(1, 25)),
    st.tuples(st.just("goes well"), st.integers(1, 60)),
    st.tuples(st.just("compared"), st.booleans()),
    st.tuples(st.just("agrees"), st.integers(1, 60)),
    st.tuples(st.just("waits"), st.sampled_from([0.5, 10.0, 60.0, 100.0, 700.0, 30_000.0])),
    st.tuples(st.just("until"), st.none()),
)
LIMITS = st.builds(
    Limits,
    min_agreement=st.sampled_from([None, 0.3, 0.8, 0.9, 0.95]),
    max_failures=st.sampled_from([None, 0.0, 0.1, 0.3, 0.5, 1.0]),
    window=st.sampled_from([1, 5, 20, 50, 200]),
    pause=st.sampled_from([1.0, 60.0]),
)


@settings(max_examples=400, deadline=None)
@given(LIMITS, st.lists(STEPS, max_size=60))
def test_the_rules(limits: Limits, steps: list[tuple[str, Any]]) -> None:
    clock = Clock()
    guard, plain = Guard("f", limits, clock=clock), Plain(limits)
    again = Breaker(limits)  # takes every step after it was written and read
    for what, value in steps:
        again = Breaker.loads(limits, again.dumps())
        now = clock.now
        if what == "waits":
            clock.now += value
        elif what == "until":
            clock.now = max(clock.now, plain.open_until or 0.0)
        elif what == "admits":
            expected = plain.admits(now)
            assert guard.admits() == again.admits(now, "me") == expected
        elif what == "gave_up":
            plain.probe = None
            guard.gave_up()
            again.gave_up("me")
        elif what in ("compared", "agrees"):
            for agrees in [value] if what == "compared" else [True] * value:
                is_event = plain.compared(now, agrees)
                event = guard.compared(agrees)
                assert again.compared(now, agrees) == event
                assert bool(event) == is_event
        else:
            for ok in [value] if what == "asked" else [what == "goes well"] * value:
                is_event = plain.asked(now, ok)
                event = guard.asked(ok)
                assert again.asked(now, "me", ok) == event
                assert bool(event) == is_event
        assert guard.until == (plain.open_until or 0.0)
        assert (guard.state == "closed") == (plain.open_until is None)
        if plain.open_until is not None:
            is_tried = clock.now >= plain.open_until and not plain.bad()
            assert guard.state == ("trying" if is_tried else "open")
        assert again.state(clock.now) == guard.state


@given(st.integers(1, 70), st.lists(st.booleans(), max_size=200))
def test_windows(size: int, row: list[bool]) -> None:
    window = Window(size)
    for n, good in enumerate(row, 1):
        window.add(good)
        assert (window.count, window.good) == (min(n, size), sum(row[max(0, n - size) : n]))
    bits, count = window.dump()
    smaller = Window(5, int(bits, 16), count)
    assert (smaller.count, smaller.good) == (min(len(row), 5, size), sum(row[-min(5, size) :]))


# Threads, forks and signals.


def test_one_probe_of_many_threads(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    fail(guard)
    clock.now += 60
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: guard.admits(), range(200))) == 1


def test_one_event_of_many_threads(caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard("f", Limits(max_failures=0.5, min_agreement=0.5))

    def work(_: int) -> int:
        return bool(guard.asked(False)) + bool(guard.compared(False))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(work, range(500))) == 1
    assert len(caplog.messages) == 1


@needs_fork
@forks
@pytest.mark.parametrize("is_shared", [False, True])
def test_forks(is_shared: bool, shared: Callable[[], SharedState], clock: Clock) -> None:
    guard = Guard("f", Limits(pause=5), shared() if is_shared else None, clock)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            guard.compared(True)

    def in_child() -> bool:
        for _ in range(5):
            guard.admits()
            guard.asked(True)
        return guard.admits()

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = 0 if in_child() else 1
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()


@needs_fork
@forks
def test_a_child_has_no_probe_out(clock: Clock) -> None:
    guard = Guard("f", Limits(), None, clock)
    fail(guard)
    clock.now += 60
    assert guard.admits()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if guard.asked(True) == "" and guard.admits() else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert guard.asked(True)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signal_handler_asks_too(make: Callable[..., Guard]) -> None:
    guard, seen = make(), []

    def handler(*_: object) -> None:
        guard.asked(True)
        seen.append(guard.admits())

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(seen) < 50:
            assert guard.asked(True) == ""
            assert guard.compared(True) == ""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all(seen)


# The shared file.


def test_workers_with_few_calls_open_together(
    shared: Callable[[], SharedState], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    guards = [Guard("f", Limits(), shared(), clock) for _ in range(8)]
    assert all(guard.admits() for guard in guards)
    events = [guards[n % 8].asked(False) for n in range(11)]
    assert [bool(event) for event in events] == [False] * 10 + [True]
    clock.now += 1
    assert not any(guard.admits() for guard in guards)
    clock.now += 60
    assert sum(guard.admits() for guard in guards) == 1
    assert sum(bool(guard.asked(True)) for guard in guards) == 1
    clock.now += 1
    assert all(guard.admits() for guard in guards)
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1


def test_guards_of_one_file_are_each_their_own(
    shared: Callable[[], SharedState], clock: Clock
) -> None:
    state = shared()
    one, other = (Guard(name, Limits(), state, clock) for name in "ab")
    fail(one)
    clock.now += 2
    assert other.admits()
    assert not one.admits()


def test_other_limits_read_the_same_file(shared: Callable[[], SharedState], clock: Clock) -> None:
    old = Guard("f", Limits(window=200, pause=600), shared(), clock)
    for _ in range(100):
        old.asked(True)
        old.compared(True)
    new = Guard("f", Limits(window=10, pause=1, min_agreement=0.5), shared(), clock)
    assert fail(new, 6).startswith("opened: the student failed 6 of 10 calls")
    assert new.until == clock.now + 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"is_open": true}', "\0", '{"is_open":1,"until":"x"}']
)
def test_what_is_not_ours_is_a_new_start(
    text: str, path: Path, shared: Callable[[], SharedState], clock: Clock
) -> None:
    fail(Guard("f", Limits(), shared(), clock))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE distilgen_guards SET state = ?", (text,))
    connection.close()
    assert Guard("f", Limits(), shared(), clock).admits()


def alone(guard: Guard, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It does its work in this process, and says so once."""
    assert guard.admits()
    assert fail(guard).startswith("opened")
    assert not guard.admits()
    clock.now += 60
    assert guard.admits()
    assert not guard.admits()
    assert guard.asked(True)
    assert guard.admits()
    said = [one for one in caplog.messages if one.endswith("each process guards its own calls")]
    assert len(said) == 1


def test_a_damaged_file(
    path: Path, shared: Callable[[], SharedState], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(b"no database" * 1000)
    alone(Guard("f", Limits(), shared(), clock), clock, caplog)
    assert path.read_bytes() == b"no database" * 1000


def test_a_folder(
    path: Path, shared: Callable[[], SharedState], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    alone(Guard("f", Limits(), shared(), clock), clock, caplog)


def test_a_locked_file(
    path: Path, shared: Callable[[], SharedState], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    guard = Guard("f", Limits(), shared(), clock)
    assert fail(guard, 5) == ""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    begun = time.perf_counter()
    assert fail(guard, 5) == ""
    assert fail(guard, 1).startswith("opened: the student failed 11 of 11")  # 5 were shared
    assert time.perf_counter() - begun < 5
    connection.execute("ROLLBACK")
    connection.close()
    assert len([one for one in caplog.messages if "locked" in one]) == 1


def _worker(path: str, begin: Any, results: Any) -> None:
    guard = Guard("f", Limits(pause=600), SharedState(path))
    begin.wait(60)
    asked = 0
    while guard.admits() and asked < 100:
        guard.asked(False)
        asked += 1
        time.sleep(0.02)
    results.put((asked, guard.state))


def test_processes_open_together(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_worker, args=(str(path), begin, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert {state for _, state in found} == {"open"}
    # Each alone would need 11; who waits too long for the others goes on alone for a while.
    assert 11 <= sum(asked for asked, _ in found) <= 30


_PROBER = """
import sys, time
from distilgen.runtime.guard import Guard, Limits, SharedState
guard = Guard("f", Limits(pause=0.5), SharedState(sys.argv[1]))
while not guard.admits():
    time.sleep(0.01)
print("mine", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_prober(path: Path, shared: Callable[[], SharedState]) -> None:
    guard = Guard("f", Limits(pause=0.5), shared())
    fail(guard)
    with subprocess.Popen(
        [sys.executable, "-c", _PROBER, str(path)], stdout=subprocess.PIPE
    ) as prober:
        assert prober.stdout
        assert prober.stdout.readline() == b"mine\n"
        prober.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while not guard.admits():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert guard.asked(True) == "closed: the student answers again"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_to_delete_the_file_is_a_new_start(
    path: Path, shared: Callable[[], SharedState], clock: Clock
) -> None:
    state = shared()
    guard = Guard("f", Limits(), state, clock)
    fail(guard)
    for file in path.parent.iterdir():
        file.unlink()
    state._file._looked = 0
    clock.now += 1
    assert guard.admits()
    assert path.exists()


def test_a_copy_is_fresh_enough(
    shared: Callable[[], SharedState], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = shared()
    guard = Guard("f", Limits(), state, clock)
    reads = []
    read = guard_._read

    def counted(*given: Any) -> Breaker:
        reads.append(given)
        return read(*given)

    monkeypatch.setattr(guard_, "_read", counted)
    for _ in range(100):
        clock.now += 0.1
        assert guard.admits()
    assert len(reads) in (10, 11)
