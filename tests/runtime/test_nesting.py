"""A record says in which recorded call its own was made, whatever runs in between."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel

import distilgen
from distilgen.runtime import configure
from distilgen.runtime.control import inside

ContractOf = Callable[..., Any]
Records = Callable[[], list[dict[str, Any]]]
Recorded = Callable[..., Any]


class Email(BaseModel):
    subject: str


@pytest.fixture
def tree(records: Records) -> Callable[[], list[str]]:
    """Tells each record by its function's name and argument, behind those that it was made in; in
    the order of their ends.
    """

    def read() -> list[str]:
        found = {record["id"]: record for record in records()}

        def path(record: dict[str, Any]) -> str:
            name = record["function"].rpartition(":")[2]
            told = name + "".join(str(value) for value in record["arguments"].values())
            parent = record.get("parent")
            return told if parent is None else f"{path(found[parent])}/{told}"

        return [path(record) for record in found.values()]

    return read


@pytest.fixture
def leaf(contract_of: ContractOf) -> Recorded:
    """A recorded function that calls no other."""

    def leaf(n: int = 0) -> Email:
        return Email(subject=f"{n}")

    return contract_of(leaf).record(leaf)  # type: ignore[no-any-return]


Tree = Callable[[], list[str]]


def test_calls_of_other_functions_name_their_parent(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def middle() -> Email:
        leaf(1)
        return leaf(2)  # type: ignore[no-any-return]

    def top() -> Email:
        leaf(0)
        return recorded_middle()  # type: ignore[no-any-return]

    recorded_middle = contract_of(middle).record(middle)
    recorded = contract_of(top).record(top)
    for _ in range(2):
        recorded()
    once = ["top/leaf0", "top/middle/leaf1", "top/middle/leaf2", "top/middle", "top"]
    assert tree() == once * 2
    assert inside.get() is None


@pytest.mark.parametrize(
    ("nested", "expected"),
    [
        ("all", ["nest2/nest1/nest0/leaf0", "nest2/nest1/nest0", "nest2/nest1", "nest2"]),
        ("outermost", ["nest2/leaf0", "nest2"]),
    ],
)
def test_recursion(
    nested: str, expected: list[str], contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def nest(n: int) -> Email:
        return recorded(n - 1) if n else leaf(n)  # type: ignore[no-any-return]

    configure(nested=nested)
    recorded = contract_of(nest).record(nest)
    for _ in range(2):
        recorded(2)
    assert tree() == expected * 2


def test_outermost_looks_through_other_functions(contract_of: ContractOf, tree: Tree) -> None:
    def even(n: int) -> Email:
        return recorded_odd(n - 1) if n else Email(subject="even")

    def odd(n: int) -> Email:
        return recorded_even(n - 1) if n else Email(subject="odd")

    configure(nested="outermost")
    recorded_even = contract_of(even).record(even)
    recorded_odd = contract_of(odd).record(odd)
    recorded_even(5)
    assert tree() == ["even5/odd4", "even5"]


def test_outermost_of_a_call_that_was_not_sampled(contract_of: ContractOf, tree: Tree) -> None:
    """An inner call is none of the outermost, even where the outermost was not taken."""

    def nest(n: int) -> Email:
        return recorded(n - 1) if n else Email(subject="a")

    configure(nested="outermost", sample=0.5)
    recorded = contract_of(nest).record(nest)
    for _ in range(100):
        recorded(3)
    assert set(tree()) == {"nest3"}
    assert sum(vars(counts)["recorded"] for counts in distilgen.counters().values()) >= 20


def test_a_failed_call_is_a_parent_too(contract_of: ContractOf, leaf: Recorded, tree: Tree) -> None:
    def top() -> Email:
        leaf(1)
        raise ValueError

    recorded = contract_of(top).record(top)
    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011 - it has no text
            recorded()
    leaf(2)
    assert tree() == ["top/leaf1", "top", "top/leaf1", "top", "leaf2"]


# Generators


def test_generators_that_take_turns(contract_of: ContractOf, leaf: Recorded, tree: Tree) -> None:
    def stream(name: str) -> Iterator[Email]:
        for number in range(2):
            yield leaf(number) if name else Email(subject="nobody")

    recorded = contract_of(stream, list[Email]).record(stream)
    one, other = recorded("a"), recorded("b")
    for _ in range(2):
        next(one)
        leaf(7)
        next(other)
    assert (list(one), list(other)) == ([], [])
    assert tree() == [
        *("streama/leaf0", "leaf7", "streamb/leaf0"),
        *("streama/leaf1", "leaf7", "streamb/leaf1"),
        *("streama", "streamb"),
    ]


def test_a_generator_that_goes_on_inside_of_another_call(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def stream() -> Iterator[Email]:
        yield leaf(0)
        yield leaf(1)

    def top() -> Email:
        next(emails)
        return leaf(2)  # type: ignore[no-any-return]

    emails = contract_of(stream, list[Email]).record(stream)()
    next(emails)
    contract_of(top).record(top)()
    emails.close()
    assert tree() == ["stream/leaf0", "stream/leaf1", "top/leaf2", "top", "stream"]


def test_a_generator_begun_in_a_call_may_go_on_after_it(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def stream() -> Iterator[Email]:
        yield leaf(0)
        yield leaf(1)

    def top() -> Email:
        return next(emails)  # type: ignore[no-any-return]

    emails = contract_of(stream, list[Email]).record(stream)()
    contract_of(top).record(top)()
    next(emails)
    leaf(2)
    emails.close()
    assert tree() == ["top/stream/leaf0", "top", "top/stream/leaf1", "leaf2", "top/stream"]


def test_delegation_from_generator_to_generator(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def inner(n: int) -> Iterator[Email]:
        yield leaf(n)

    def outer() -> Iterator[Email]:
        yield from recorded_inner(0)
        leaf(5)
        yield from recorded_inner(1)

    recorded_inner = contract_of(inner, list[Email]).record(inner)
    for _ in contract_of(outer, list[Email]).record(outer)():
        leaf(9)
    assert tree() == [
        *("outer/inner0/leaf0", "leaf9", "outer/inner0", "outer/leaf5"),
        *("outer/inner1/leaf1", "leaf9", "outer/inner1", "outer"),
    ]


def test_async_generators_that_take_turns(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    async def stream(name: str) -> AsyncIterator[Email]:
        for number in range(2):
            await asyncio.sleep(0)
            yield leaf(number) if name else Email(subject="nobody")

    async def drive() -> None:
        one, other = recorded("a"), recorded("b")
        for _ in range(2):
            await anext(one)
            leaf(7)
            await anext(other)
        await one.aclose()
        leaf(8)
        await other.aclose()

    recorded = contract_of(stream, list[Email]).record(stream)
    asyncio.run(drive())
    assert tree() == [
        *("streama/leaf0", "leaf7", "streamb/leaf0"),
        *("streama/leaf1", "leaf7", "streamb/leaf1"),
        *("streama", "leaf8", "streamb"),
    ]


# Tasks and threads


def test_tasks_name_the_call_that_started_them(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    async def branch(n: int) -> Email:
        await asyncio.sleep(0)
        return leaf(n)  # type: ignore[no-any-return]

    async def top(name: str) -> Email:
        await asyncio.gather(*(recorded_branch(n) for n in range(2)))
        return Email(subject=name + leaf(2).subject)

    async def several() -> None:
        await asyncio.gather(recorded("a"), recorded("b"))
        leaf(3)

    recorded_branch = contract_of(branch).record(branch)
    recorded = contract_of(top).record(top)
    asyncio.run(several())
    parts = ("branch0/leaf0", "branch0", "branch1/leaf1", "branch1", "leaf2")
    expected = [f"top{name}/{part}" for name in "ab" for part in parts] + ["topa", "topb", "leaf3"]
    assert sorted(tree()) == sorted(expected)


@pytest.mark.parametrize("waits", [True, False])
def test_a_task_that_outlives_its_call_still_names_it(
    waits: bool, contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    """The call's record was written before anybody asked for its id."""

    async def later() -> None:
        await asyncio.sleep(0.001)
        leaf(1)

    def top() -> Email:
        tasks.append(asyncio.get_running_loop().create_task(later()))
        return Email(subject="a")

    async def atop() -> Email:
        return top()

    async def drive() -> None:
        for _ in range(2):
            made = recorded()
            if waits:
                await made
        await asyncio.gather(*tasks)

    tasks: list[asyncio.Task[None]] = []
    function = atop if waits else top
    recorded = contract_of(function).record(function)
    asyncio.run(drive())
    name = function.__name__
    assert sorted(tree()) == [name, name, f"{name}/leaf1", f"{name}/leaf1"]


def test_calls_that_start_one_another_for_ever_do_not_pile_up(
    contract_of: ContractOf, records: Records
) -> None:
    """Each task knows the call that started it, which has ended since, and not all before."""

    async def tick(n: int) -> Email:
        depths.append(depth_of(inside.get()))
        if n:
            tasks.append(asyncio.create_task(recorded(n - 1)))
        return Email(subject="a")

    async def drive() -> None:
        tasks.append(asyncio.create_task(recorded(50)))
        while len(tasks) < 51:
            await tasks[-1]
        await asyncio.gather(*tasks)

    depths: list[int] = []
    recorded = contract_of(tick).record(tick)
    for nested in ("all", "outermost"):
        configure(nested=nested)
        tasks: list[asyncio.Task[Email]] = []
        asyncio.run(drive())
    assert len(records()) == 2 * 51
    assert sum("parent" in record for record in records()) == 2 * 50
    assert max(depths) == 2


def depth_of(call: Any) -> int:
    return 0 if call is None else 1 + depth_of(call.outer)


def test_a_thread_knows_no_call_unless_it_was_given_the_context(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def top(name: str) -> Email:
        target: Callable[..., Any] = leaf
        args: tuple[Any, ...] = (1,)
        if name == "given":
            target, args = contextvars.copy_context().run, (leaf, 2)
        thread = threading.Thread(target=target, args=args)
        thread.start()
        thread.join()
        return Email(subject="a")

    async def atop() -> Email:
        return await asyncio.to_thread(leaf, 3)

    recorded = contract_of(top).record(top)
    recorded("bare")
    recorded("given")
    asyncio.run(contract_of(atop).record(atop)())
    assert tree() == ["leaf1", "topbare", "topgiven/leaf2", "topgiven", "atop/leaf3", "atop"]


def test_threads_keep_their_parents_apart(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def top(n: int) -> Email:
        barrier.wait(10)
        return leaf(n)  # type: ignore[no-any-return]

    barrier = threading.Barrier(4)
    recorded = contract_of(top).record(top)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(recorded, range(40)))
    expected = [part for n in range(40) for part in (f"top{n}", f"top{n}/leaf{n}")]
    assert sorted(tree()) == sorted(expected)


def test_context_variables_pass_both_ways(contract_of: ContractOf, records: Records) -> None:
    """The body sees what its caller set, and the caller what the body set, as without us."""

    def top() -> Email:
        seen.append(variable.get())
        variable.set(variable.get() + 1)
        return Email(subject="a")

    async def atop() -> Email:
        return top()

    async def awaited(function: Callable[[], Any]) -> None:
        variable.set(10)
        await function()
        seen.append(variable.get())

    def stream() -> Iterator[Email]:
        yield top()
        yield top()

    async def astream() -> AsyncIterator[Email]:
        yield top()
        yield top()

    async def drained(function: Callable[[], Any]) -> None:
        variable.set(20)
        async for _ in function():
            variable.set(variable.get() + 100)
        seen.append(variable.get())

    variable = contextvars.ContextVar("variable", default=0)
    outcomes = []

    def as_it_is(function: Any, _: Any) -> Any:
        return function

    def record(function: Any, hint: Any) -> Any:
        return contract_of(function, hint).record(function)

    for wrap in (as_it_is, record):
        seen: list[int] = []
        for _ in range(2):
            variable.set(0)
            wrap(top, Email)()
            seen.append(variable.get())
            for _ in wrap(stream, list[Email])():
                variable.set(variable.get() + 100)
            seen.append(variable.get())
            asyncio.run(awaited(wrap(atop, Email)))
            asyncio.run(drained(wrap(astream, list[Email])))
        outcomes.append(seen)
    assert outcomes[0] == outcomes[1]
    assert len(records()) == 8


class Once:
    """Is awaited once: whoever drives the coroutine gets to run."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def test_a_coroutine_that_is_collected_in_another_call(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    """It ends there, and must not end what it finds around it."""

    async def wait(n: int) -> Email:
        await Once()
        return Email(subject=f"{n}")

    def top() -> Email:
        waiting.pop().close()
        leaf(1)
        with distilgen.recording(False):
            waiting.pop().close()
            leaf(2)
        return Email(subject="a")

    recorded_wait = contract_of(wait).record(wait)
    recorded_top = contract_of(top).record(top)
    for _ in range(3):
        waiting = [contextvars.copy_context().run(begun, recorded_wait, n) for n in range(2)]
        recorded_top()
        assert inside.get() is None
    assert tree() == ["wait1", "top/leaf1", "wait0", "top"] * 3


def begun(function: Recorded, n: int) -> Any:
    coroutine = function(n)
    coroutine.send(None)
    return coroutine


# Recording, and not


def test_recording_off_and_on_again(contract_of: ContractOf, leaf: Recorded, tree: Tree) -> None:
    def top() -> Email:
        with distilgen.recording(False):
            leaf(1)
            with distilgen.recording(True):
                leaf(2)
            leaf(3)
        return leaf(4)  # type: ignore[no-any-return]

    recorded = contract_of(top).record(top)
    for _ in range(2):
        recorded()
        with distilgen.recording(False):
            recorded()  # but for what is recorded in it
        with distilgen.recording(True):
            leaf(5)
    assert tree() == ["top/leaf2", "top/leaf4", "top", "leaf2", "leaf5"] * 2


def test_recording_ends_with_an_exception(leaf: Recorded, tree: Tree) -> None:
    def fail() -> None:
        with distilgen.recording(False):
            leaf(1)
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        fail()
    leaf(2)
    assert tree() == ["leaf2"]


def test_recording_decorates_functions(leaf: Recorded, tree: Tree) -> None:
    @distilgen.recording(False)
    def quiet(n: int) -> Any:
        return leaf(n)

    for n in range(2):
        quiet(n)
        leaf(n)
    assert tree() == ["leaf0", "leaf1"]


def test_recording_holds_for_tasks_and_not_for_their_neighbours(leaf: Recorded, tree: Tree) -> None:
    async def branch(n: int) -> None:
        await asyncio.sleep(0)
        leaf(n)

    async def quiet() -> None:
        with distilgen.recording(False):
            await asyncio.gather(branch(1), branch(2))
            await asyncio.to_thread(leaf, 3)
            thread = threading.Thread(target=leaf, args=(4,))
            thread.start()
            thread.join()

    async def drive() -> None:
        await asyncio.gather(quiet(), branch(5))
        leaf(6)

    asyncio.run(drive())
    assert sorted(tree()) == ["leaf4", "leaf5", "leaf6"]


def test_a_generator_that_goes_on_where_nothing_is_recorded(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    """It goes on recording, and does not turn recording on for those around it."""

    def stream() -> Iterator[Email]:
        yield leaf(0)
        yield leaf(1)

    emails = contract_of(stream, list[Email]).record(stream)()
    next(emails)
    with distilgen.recording(False):
        next(emails)
        leaf(2)
        assert next(emails, None) is None
        leaf(3)
    assert tree() == ["stream/leaf0", "stream/leaf1", "stream"]


def test_a_generator_that_yields_where_it_records_nothing(
    contract_of: ContractOf, leaf: Recorded, tree: Tree
) -> None:
    def stream() -> Iterator[Email]:
        with distilgen.recording(False):
            yield leaf(0)
            leaf(1)
        yield leaf(2)

    for _ in contract_of(stream, list[Email]).record(stream)():
        leaf(9)
    leaf(8)
    assert tree() == ["leaf9", "stream/leaf2", "leaf9", "stream", "leaf8"]
    assert inside.get() is None


# Forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_fork_in_the_middle_of_a_call(
    comes_back: bool, contract_of: ContractOf, leaf: Recorded, records: Records
) -> None:
    """What the child calls is made in the parent's call; where the child returns from it, too,
    that is a call of its own.
    """

    def top() -> Email:
        children.append(os.fork())
        if children[-1] == 0:
            leaf(1)
            if not comes_back:
                os._exit(0)
        else:
            os.waitpid(children[-1], 0)
        return Email(subject="child" if children[-1] == 0 else "parent")

    children: list[int] = []
    recorded = contract_of(top).record(top)
    for _ in range(2):
        try:
            recorded()
        finally:
            if children[-1] == 0:
                os._exit(0)
    found = records()
    assert len({record["id"] for record in found}) == len(found)
    tops = [r for r in found if r["function"].endswith(":top")]
    of_parent = {r["id"] for r in tops if r["result"]["subject"] == "parent"}
    assert len(of_parent) == 2
    assert {r["parent"] for r in found if r["function"].endswith(":leaf")} == of_parent
    assert len(tops) == (4 if comes_back else 2)
