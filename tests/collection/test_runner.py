"""A collection from its inputs to its records: what is called, how often, and what is told."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.collection import engines
from distilgen.collection.done import Done
from distilgen.collection.engines import Manner
from distilgen.collection.given import Given, Refused, Source
from distilgen.collection.pace import Pace
from distilgen.collection.runner import Bound, Options, Outcome, run
from distilgen.errors import CollectError
from distilgen.runtime import configure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from distilgen.collection.feed import Ended
    from distilgen.collection.teacher import Teacher
    from tests.collection.conftest import Records, Teach


SYNC = """
calls = []
def f(n: int) -> Out:
    calls.append(n)
    if n % 100 == 7:
        raise ValueError(f"bad {n}")
    return Out(n=n)
"""
ASYNC = SYNC.replace("def f", "async def f").replace(
    "    calls", "    await asyncio.sleep(0)\n    calls"
)


class Deaf:
    """Cannot write down what it hears."""

    def refused(self, _refused: Refused) -> None:
        raise CollectError("the disk is full")

    def ended(self, _ended: Ended) -> None:
        raise OSError(28, "the disk is full")

    def passed(self) -> None: ...


@dataclass
class Heard:
    """What a run told."""

    refusals: list[Refused] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    passes: int = 0

    def refused(self, refused: Refused) -> None:
        self.refusals.append(refused)

    def ended(self, ended: Ended) -> None:
        self.ends.append(ended)

    def passed(self) -> None:
        self.passes += 1


def inputs(numbers: Iterable[Any]) -> Source:
    return Source(Given({"n": number}, f"a:{number}") for number in numbers)


def calls(teacher: Teacher) -> list[int]:
    found: list[int] = teacher.recorder.function.__globals__["calls"]
    return found


def collect(
    teacher: Teacher, numbers: Iterable[Any], done: Done | None = None, **options: Any
) -> tuple[Outcome, Heard]:
    heard = Heard()
    manner = Manner(**{
        key: options.pop(key) for key in list(options) if key in Manner.__dataclass_fields__
    })  # fmt: skip
    return run(teacher, inputs(numbers), Options(manner, **options), heard, done), heard


@pytest.mark.parametrize("text", [SYNC, ASYNC], ids=["threads", "tasks"])
@pytest.mark.parametrize("number", [1, "none"])
def test_a_run_of_which_nothing_can_be_told_is_stopped(
    teach: Teach, text: str, number: int | str
) -> None:
    outcome = run(teach(text), inputs([number, *range(100, 300)]), Options(), Deaf())
    assert "the disk is full" in str(outcome.error)
    assert outcome.ended < 100


@pytest.mark.parametrize("text", [SYNC, ASYNC], ids=["threads", "tasks"])
def test_ten_thousand_inputs_of_which_one_in_a_hundred_raises(
    teach: Teach, records: Records, text: str
) -> None:
    teacher = teach(text)
    outcome, heard = collect(teacher, range(10_000), concurrency=8)
    assert (outcome.returned, outcome.failed, outcome.error) == (9_900, 100, None)
    assert sorted(calls(teacher)) == list(range(10_000))
    failures = {e.call.given.origin: str(e.failure) for e in heard.ends if e.failure}
    assert failures == {f"a:{n}": f"ValueError: bad {n}" for n in range(7, 10_000, 100)}
    found = records()
    assert sorted(record["arguments"]["n"] for record in found) == list(range(10_000))
    assert Counter("error" in record for record in found) == {False: 9_900, True: 100}


@pytest.mark.parametrize("text", [SYNC, ASYNC], ids=["threads", "tasks"])
def test_what_was_done_is_not_done_again(teach: Teach, folder: Path, text: str) -> None:
    from distilgen.records.files import FileStore

    teacher = teach(text)
    collect(teacher, range(50))
    done = Done.of(FileStore(folder), teacher.contract, hides=False)
    calls(teacher).clear()
    outcome, heard = collect(teacher, [*range(60), 55], done)
    assert sorted(calls(teacher)) == [7, *range(50, 60)]  # what failed is tried again
    assert (outcome.known, outcome.repeated, heard.passes) == (49, 1, 50)
    outcome, _ = collect(teacher, [1, 1], done, again=True)
    assert outcome.returned == 2


def test_inputs_that_do_not_fit_are_refused_and_the_others_run(teach: Teach) -> None:
    outcome, heard = collect(teach(SYNC), [1, "x", 2])
    assert (outcome.returned, outcome.refused) == (2, 1)
    assert heard.refusals[0].origin == "a:x"
    assert heard.refusals[0].reason.startswith("n: input should be a valid integer")


FLAKY = """
tries = {}
def f(n: int) -> Out:
    tries[n] = tries.get(n, 0) + 1
    if tries[n] < 3:
        raise (ConnectionResetError if n % 2 else KeyError)(n)
    return Out(n=n)
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_calls_are_tried_again(
    teach: Teach, records: Records, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    pauses: list[int] = []

    def paused(tries: int) -> float:
        pauses.append(tries)
        return 0.0

    monkeypatch.setattr(engines, "before_retry", paused)
    text = FLAKY.replace("def f", f"{kind} f")
    outcome, heard = collect(teach(text), range(4), retries=2)
    assert (outcome.returned, outcome.failed) == (4, 0)
    assert {ended.tries for ended in heard.ends} == {3}
    assert sorted(pauses) == [1] * 4 + [2] * 4
    assert len(records()) == 12
    outcome, _ = collect(teach(text), range(4), retries=1)
    assert (outcome.returned, outcome.failed) == (0, 4)
    for names in (("ConnectionError",), ("builtins.OSError", "OSError")):
        outcome, _ = collect(teach(text), range(4), retries=2, retry_on=names)
        assert (outcome.returned, outcome.failed) == (2, 2)


def test_a_teacher_that_wants_to_end_the_program_fails_at_that_input(teach: Teach) -> None:
    for kind in ("def", "async def"):
        text = f"{kind} f(n: int) -> Out:\n    raise SystemExit(3)\n"
        outcome, heard = collect(teach(text), range(3))
        assert outcome.failed == 3
        assert str(heard.ends[0].failure) == "SystemExit: 3"


def test_a_result_that_does_not_fit_is_a_failure(teach: Teach, records: Records) -> None:
    outcome, heard = collect(teach("def f(n: int) -> Out:\n    return {'n': 'no'}\n"), [1])
    assert outcome.failed == 1
    assert heard.ends[0].failure is not None
    assert heard.ends[0].failure.message.startswith("the result does not fit the return type: ")
    assert records()[0]["error"]["type"] == heard.ends[0].failure.type


def test_what_no_record_can_hold_is_a_failure(teach: Teach) -> None:
    configure(limit=1_000)
    outcome, heard = collect(
        teach("""
        class Long(Out):
            t: str
        def f(n: str) -> Long:
            return Long(n=1, t='x' * 900)
        """),
        ["short", "y" * 2_000, "y" * 500],
    )
    assert (outcome.returned, outcome.failed, outcome.refused) == (1, 1, 1)
    assert heard.refusals[0].reason == (
        "is too large: a record takes 1,000 bytes; say more by DISTILGEN_LIMIT"
    )
    failure = next(ended.failure for ended in heard.ends if ended.failure)
    assert failure.type == "TooLarge"


def test_too_many_failures_stop_it(teach: Teach) -> None:
    text = "def f(n: int) -> Out:\n    raise KeyError(n)\n"
    outcome, _ = collect(teach(text), range(10_000), failures=Bound(number=5), concurrency=1)
    assert (outcome.too_many, outcome.failed) == (True, 5)
    outcome, _ = collect(teach(text), range(10_000), failures=Bound(share=0.5), concurrency=1)
    assert (outcome.too_many, outcome.failed) == (True, 20)
    outcome, _ = collect(teach(SYNC), range(300), failures=Bound(share=0.1), concurrency=1)
    assert (outcome.too_many, outcome.failed) == (False, 3)


def test_a_limit_is_of_calls(teach: Teach) -> None:
    teacher = teach(SYNC)
    outcome, _ = collect(teacher, range(100), limit=5)
    assert (outcome.returned, outcome.is_limited) == (5, True)
    assert sorted(calls(teacher)) == list(range(5))


def test_under_a_limit_what_failed_before_comes_last(teach: Teach, folder: Path) -> None:
    from distilgen.records.files import FileStore

    teacher = teach(SYNC.replace("% 100 == 7", "< 6"))
    made = []
    for _ in range(4):
        done = Done.of(FileStore(folder), teacher.contract, hides=False)
        calls(teacher).clear()
        collect(teacher, range(8), done, limit=3)
        made.append(sorted(calls(teacher)))
    assert made == [[0, 1, 2], [3, 4, 5], [0, 6, 7], [0, 1, 2]]


def test_a_call_without_a_record_stops_it(teach: Teach, folder: Path) -> None:
    folder.write_text("in the way", "utf-8")
    teacher = teach(SYNC)
    outcome, _ = collect(teacher, range(1_000), concurrency=1)
    assert "a call left no record" in str(outcome.error)
    assert (outcome.ended, outcome.unrecorded) == (1, 1)
    assert len(calls(teacher)) == 1


@pytest.mark.parametrize("text", [SYNC, ASYNC], ids=["threads", "tasks"])
def test_a_source_that_breaks_ends_the_run_and_what_was_done_stays(
    teach: Teach, records: Records, text: str
) -> None:
    def numbers() -> Iterator[int]:
        yield from range(3)
        raise CollectError("b.csv:4: is binary, not text")

    outcome, _ = collect(teach(text), numbers())
    assert str(outcome.error) == "b.csv:4: is binary, not text"
    assert (outcome.returned, len(records())) == (3, 3)

    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        collect(teach(text), broken())


def test_inputs_are_read_no_faster_than_calls_are_made(teach: Teach) -> None:
    ahead: list[int] = []
    teacher = teach(SYNC)

    def numbers() -> Iterator[int]:
        for number in range(2_000):
            ahead.append(number - len(calls(teacher)))
            yield number

    for _ in range(2):
        collect(teacher, numbers(), concurrency=3)
    assert max(ahead) <= 3


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_so_many_calls_at_a_time(teach: Teach, kind: str) -> None:
    wait = "await asyncio.sleep" if kind == "async def" else "time.sleep"
    text = f"""
    import threading
    running, most, lock = 0, 0, threading.Lock()
    {kind} f(n: int) -> Out:
        global running, most
        with lock:
            running += 1
            most = max(most, running)
        {wait}(0.002)
        with lock:
            running -= 1
        return Out(n=n)
    """
    teacher = teach(text)
    collect(teacher, range(100), concurrency=5)
    assert teacher.recorder.function.__globals__["most"] == 5


def test_a_time_limit_ends_one_try(teach: Teach, records: Records) -> None:
    text = "async def f(n: int) -> Out:\n    await asyncio.sleep(60 * n)\n    return Out(n=n)\n"
    outcome, heard = collect(teach(text), [0, 1], timeout=0.05)
    assert (outcome.returned, outcome.failed) == (1, 1)
    failure = next(ended.failure for ended in heard.ends if ended.failure)
    assert str(failure) == "TimeoutError: no answer within 0.05 s"
    assert len(records()) == 2


def test_a_rate_holds_for_all_workers_and_tries(
    teach: Teach, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class Counted(Pace):
        def __init__(self, rate: float | None) -> None:
            super().__init__(rate, clock=lambda: 0.0)
            self.dues: list[float] = []
            made.append(self)

        def due(self) -> float:
            self.dues.append(super().due())
            return 0.0

    monkeypatch.setattr(engines, "Pace", Counted)
    for text in (SYNC, ASYNC):
        collect(teach(text), range(20), rate=10)
        assert sorted(made[-1].dues) == pytest.approx([n / 10 for n in range(20)])


def test_generators_are_exhausted(teach: Teach, records: Records) -> None:
    items = "for i in range(n):\n        yield Out(n=i)\n"
    sync = (
        "from collections.abc import Iterator, AsyncIterator\ndef f(n: int) -> Iterator[Out]:\n    "
    )
    for text in (sync, sync.replace("def f", "async def f").replace("-> I", "-> AsyncI")):
        outcome, _ = collect(teach(text + items, returns=list[int]), [3])
        assert outcome.returned == 1
        assert records()[-1]["result"] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_it_runs_in_any_thread(teach: Teach) -> None:
    teacher, outcomes = teach(SYNC), []
    thread = threading.Thread(target=lambda: outcomes.append(collect(teacher, range(5))[0]))
    thread.start()
    thread.join()
    assert outcomes[0].returned == 5


def test_redacted_calls_are_told_apart(teach: Teach, records: Records, folder: Path) -> None:
    from distilgen.records.files import FileStore

    teacher = teach("""
    from distilgen.runtime import Sensitive
    def f(n: Annotated[str, Sensitive]) -> Out:
        return Out(n=1)
    """)
    names = ["Ada", "Bob", "Cleo"]
    outcome, _ = collect(teacher, [*names, "Ada"])
    assert (outcome.returned, outcome.repeated) == (3, 1)
    assert {record["arguments"]["n"] for record in records()} == {"[SENSITIVE_1]"}
    done = Done.of(FileStore(folder), teacher.contract, hides=teacher.hides)
    outcome, _ = collect(teacher, [*names, "Dan"], done)
    assert (outcome.returned, outcome.known) == (1, 3)
