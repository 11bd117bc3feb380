"""Equal calls in flight: one asks, the others get what it got."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import pytest

from distilgen.runtime.joining import Joining, _twin

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Question:
    """Is asked once, and answers when it may."""

    def __init__(self, outcome: Any = "answer") -> None:
        self.outcome = outcome
        self.asked = 0
        self.may = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> Any:
        self.asked += 1
        self.begun.set()
        assert self.may.wait(20)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def together(joining: Joining, question: Question, count: int) -> list[Any]:
    """What `count` threads get that call at once: values and errors."""

    def call() -> Any:
        try:
            return joining.call(b"k", question, 20)
        except BaseException as error:  # noqa: BLE001 - it is looked at
            return error

    with ThreadPoolExecutor(count) as pool:
        first = pool.submit(call)
        assert question.begun.wait(20)
        others = [pool.submit(call) for _ in range(count - 1)]
        time.sleep(0.05)
        question.may.set()
        return [one.result(20) for one in (first, *others)]


def test_one_asks_for_all() -> None:
    joining, question = Joining(), Question()
    assert together(joining, question, 20) == ["answer"] * 20
    assert question.asked == 1
    assert joining.call(b"k", question, 1) == "answer"
    assert question.asked == 2
    assert not joining._flights


def test_none_is_an_answer() -> None:
    question = Question(None)
    assert together(Joining(), question, 5) == [None] * 5
    assert question.asked == 1


def test_other_keys_are_other_calls() -> None:
    joining, question = Joining(), Question()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(joining.call, b"k", question, 1)
        assert question.begun.wait(20)
        assert joining.call(b"l", lambda: 2, 0) == 2
        question.may.set()
        assert running.result(20) == "answer"


class AnswerError(Exception):
    """Carries more than its message, as ours do."""

    def __init__(self, message: str, *, answer: str) -> None:
        super().__init__(message)
        self.answer = answer


class OddError(Exception):
    """Takes other arguments than it keeps."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class OnceError(Exception):
    """Cannot be made again."""

    def __new__(cls, *_: object, secret: object = None) -> Self:
        if secret is None:
            raise ZeroDivisionError
        return super().__new__(cls)

    def __init__(self, *_: object, secret: object) -> None:
        super().__init__(str(secret))


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("a"), id="simple"),
        pytest.param(AnswerError("wrong", answer="{}"), id="ours"),
        pytest.param(OddError(code=3), id="odd constructor"),
        pytest.param(FileNotFoundError(2, "no such", "x"), id="OSError"),
        pytest.param(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), id="fields in C"),
        pytest.param(ExceptionGroup("g", [ValueError("a")]), id="group"),
        pytest.param(OnceError(secret=1), id="cannot be copied"),
    ],
)
def test_all_get_the_error(error: Exception) -> None:
    error.add_note("a note")
    error.__cause__ = KeyError("cause")
    got = together(Joining(), Question(error), 10)
    assert got[0] is error
    for one in got:
        assert type(one) is type(error)
        assert str(one) == str(error)
        assert vars(one) == vars(error)
        assert one.__notes__ == ["a note"]
        assert one.__cause__ is error.__cause__
    if not isinstance(error, OnceError):
        assert len({id(one) for one in got}) == 10
        # Where it came from, and the frames of who asked and who waited: not of all.
        assert max(len(traceback.extract_tb(one.__traceback__)) for one in got) <= 4
        assert all("__call__" in "".join(traceback.format_exception(one)) for one in got)


def test_what_a_twin_shares() -> None:
    error = AnswerError("wrong", answer="{}")
    twin = _twin(error, None)
    assert isinstance(twin, AnswerError)
    assert twin.answer == "{}"
    assert twin is not error


def test_who_is_interrupted_interrupts_nobody_else() -> None:
    joining, question = Joining(), Question(KeyboardInterrupt())
    again = []

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            joining.call(b"k", question, 1)

    def ask() -> str:
        again.append(1)
        return "mine"

    def other() -> str:
        return joining.call(b"k", ask, 20)

    with ThreadPoolExecutor(4) as pool:
        running = pool.submit(first)
        assert question.begun.wait(20)
        others = [pool.submit(other) for _ in range(3)]
        time.sleep(0.05)
        question.may.set()
        running.result(20)
        assert [one.result(20) for one in others] == ["mine"] * 3
    assert 1 <= len(again) <= 3


@pytest.mark.parametrize("patience", [0.05, 0, -1])
def test_patience_ends(patience: float) -> None:
    joining, question = Joining(), Question()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(joining.call, b"k", question, 1)
        assert question.begun.wait(20)
        with pytest.raises(TimeoutError, match="no answer after"):
            joining.call(b"k", question, patience)
        question.may.set()
        assert running.result(20) == "answer"
    assert joining.call(b"k", lambda: 1, float("inf")) == 1


def test_a_question_may_ask_itself() -> None:
    joining = Joining()

    def deep(depth: int) -> int:
        return joining.call(b"k", lambda: deep(depth - 1), 20) + 1 if depth else 0

    assert deep(5) == 5

    def in_thread() -> Any:
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(context.run, joining.call, b"k", lambda: 7, 20).result(20)

    assert joining.call(b"k", in_thread, 20) == 7
    assert not joining._flights


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signal_handler_may_ask() -> None:
    joining, seen = Joining(), []

    def handler(*_: object) -> None:
        seen.append(joining.call(b"k", lambda: 1, 20))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(seen) < 100:
            assert joining.call(b"k", lambda: 2, 20) in (1, 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not joining._flights


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_starts_empty() -> None:
    joining, question = Joining(), Question()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(joining.call, b"k", question, 1)
        assert question.begun.wait(20)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if joining.call(b"k", lambda: 3, 5) == 3 else 1
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        question.may.set()
        assert running.result(20) == "answer"


def test_many_threads_and_keys() -> None:
    joining = Joining()
    asked: list[int] = []

    def ask(n: int) -> int:
        asked.append(n)
        time.sleep(0.001)
        if n == 3:
            raise LookupError("three")
        return n

    def work(_: int) -> None:
        for n in range(50):
            try:
                assert joining.call(b"%d" % (n % 5), lambda n=n % 5: ask(n), 20) == n % 5  # type: ignore[misc]
            except LookupError:
                assert n % 5 == 3

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(asked) < 16 * 50 / 2
    assert not joining._flights


def test_no_garbage_in_circles() -> None:
    joining = Joining()

    def fail() -> None:
        raise ValueError("a")

    async def afail() -> None:
        fail()

    async def main() -> int:
        for _ in range(10):
            with suppress(ValueError):
                joining.call(b"k", fail, 1)
            with suppress(ValueError):
                await joining.acall(b"k", afail)
        return gc.collect()

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()) == 0
    finally:
        gc.enable()


# On an event loop.


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run it; nothing is said about forgotten errors, and no task is left."""
    said: list[Any] = []

    async def watched() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    result = asyncio.run(watched(), debug=True)
    gc.collect()
    assert not said
    return result


class Asked:
    """As `Question`; says whether it was cancelled."""

    def __init__(self, outcome: Any = "answer") -> None:
        self.outcome = outcome
        self.asked = 0
        self.cancelled = 0
        self.may = asyncio.Event()

    async def __call__(self) -> Any:
        self.asked += 1
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            await asyncio.sleep(0)  # it takes a while to end
            raise
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


async def breathe() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_tasks_are_joined() -> None:
    async def main() -> None:
        joining, asked = Joining(), Asked()
        tasks = [asyncio.create_task(joining.acall(b"k", asked)) for _ in range(20)]
        await breathe()
        asked.may.set()
        assert await asyncio.gather(*tasks) == ["answer"] * 20
        assert asked.asked == 1
        assert not joining._tasks
        assert await joining.acall(b"k", asked) == "answer"
        assert asked.asked == 2

    run(main())


def test_tasks_get_the_error() -> None:
    async def main() -> None:
        joining, error = Joining(), AnswerError("wrong", answer="{}")
        asked = Asked(error)
        tasks = [asyncio.create_task(joining.acall(b"k", asked)) for _ in range(10)]
        await breathe()
        asked.may.set()
        got: Any = await asyncio.gather(*tasks, return_exceptions=True)
        assert got[0] is error
        assert {(type(one), str(one), one.answer) for one in got} == {(AnswerError, "wrong", "{}")}
        assert len({id(one) for one in got}) == 10
        assert max(len(traceback.extract_tb(one.__traceback__)) for one in got) <= 6

    run(main())


@pytest.mark.parametrize("gone", [(0,), (1,), (0, 1), (2,), (0, 2)])
def test_who_is_cancelled_cancels_nobody_else(gone: tuple[int, ...]) -> None:
    async def main() -> None:
        joining, asked = Joining(), Asked()
        tasks = [asyncio.create_task(joining.acall(b"k", asked)) for _ in range(3)]
        await breathe()
        for n in gone:
            tasks[n].cancel()
            await breathe()
        asked.may.set()
        got = await asyncio.gather(*tasks, return_exceptions=True)
        for n, one in enumerate(got):
            assert isinstance(one, asyncio.CancelledError) if n in gone else one == "answer"
        assert (asked.asked, asked.cancelled) == (1, 0)

    run(main())


@pytest.mark.parametrize("at_once", [True, False])
def test_when_all_are_gone_it_is_cancelled(at_once: bool) -> None:
    async def main() -> None:
        joining, asked = Joining(), Asked()
        tasks = [asyncio.create_task(joining.acall(b"k", asked)) for _ in range(3)]
        await breathe()
        for task in tasks:
            task.cancel()
            if not at_once:
                await breathe()
        got = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in got)
        assert (asked.asked, asked.cancelled) == (1, 1)
        assert not joining._tasks

    run(main())


def test_a_time_limit_of_the_caller() -> None:
    async def main() -> None:
        joining, asked = Joining(), Asked()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await joining.acall(b"k", asked)
        assert asked.cancelled == 1

    run(main())


def test_who_comes_while_it_is_cancelled_asks_anew() -> None:
    async def main() -> None:
        joining, asked, other = Joining(), Asked(), Asked("other")
        other.may.set()
        task = asyncio.create_task(joining.acall(b"k", asked))
        await breathe()
        task.cancel()
        await asyncio.sleep(0)
        assert await joining.acall(b"k", other) == "other"
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_an_error_on_the_way_out_is_nobodys() -> None:
    async def main() -> None:
        joining = Joining()

        async def ask() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                raise LookupError("on the way out")

        task = asyncio.create_task(joining.acall(b"k", ask))
        await breathe()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_who_asks_cancels_itself() -> None:
    async def main() -> None:
        joining, may = Joining(), asyncio.Event()
        asked = 0

        async def ask() -> str:
            nonlocal asked
            asked += 1
            await may.wait()
            if asked == 1:
                raise asyncio.CancelledError
            return "answer"

        tasks = [asyncio.create_task(joining.acall(b"k", ask)) for _ in range(3)]
        await breathe()
        may.set()
        got = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(got[0], asyncio.CancelledError)
        assert got[1:] == ["answer", "answer"]
        assert asked == 2

    run(main())


def test_a_task_may_ask_itself() -> None:
    async def main() -> None:
        joining = Joining()

        async def deep(depth: int) -> int:
            if not depth:
                return 0
            below = asyncio.gather(joining.acall(b"k", lambda: deep(depth - 1)))  # in other tasks
            return (await below)[0] + 1

        assert await joining.acall(b"k", lambda: deep(5)) == 5

    run(main())


def test_context_variables_of_the_first() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")

    async def main() -> None:
        joining = Joining()

        async def ask() -> str:
            await asyncio.sleep(0)
            return name.get()

        async def call(who: str) -> str:
            name.set(who)
            return await joining.acall(b"k", ask)

        assert set(await asyncio.gather(call("a"), call("b"))) == {"a"}

    run(main())


def test_each_loop_asks_for_itself() -> None:
    joining = Joining()
    loops = threading.Barrier(4)

    async def ask() -> int:
        await asyncio.to_thread(loops.wait, 20)
        return threading.get_ident()

    def work(_: int) -> tuple[int, int]:
        async def main() -> int:
            return await joining.acall(b"k", ask)

        return asyncio.run(main()), threading.get_ident()

    with ThreadPoolExecutor(4) as pool:
        assert all(got == own for got, own in pool.map(work, range(4)))
    assert not joining._tasks


def test_the_loop_ends_in_the_middle() -> None:
    joining, asked = Joining(), []

    async def ask() -> None:
        asked.append(1)
        await asyncio.sleep(60)

    async def main() -> None:
        main.task = asyncio.create_task(joining.acall(b"k", ask))  # type: ignore[attr-defined]
        await breathe()

    asyncio.run(main())
    assert asked == [1]
    assert not joining._tasks


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12")
def test_eager_tasks() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
        joining, asked = Joining(), Asked()

        async def at_once() -> int:
            return await joining.acall(b"k", soon)

        async def soon() -> int:
            return 1

        assert await joining.acall(b"k", at_once) == 1
        tasks = [asyncio.create_task(joining.acall(b"k", asked)) for _ in range(3)]
        await breathe()
        asked.may.set()
        assert await asyncio.gather(*tasks) == ["answer"] * 3
        assert asked.asked == 1

    run(main())
