"""Calls that teacher and student both answer: the one in the program, the other beside it. The
program neither waits for the student nor learns what it raises.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - cannot be imported when the main thread has ended
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from distilgen.agreement import alike
from distilgen.contract import canonical_json
from distilgen.records.record import TOO_LARGE, marker_in
from distilgen.runtime import beside, settings, student as students
from distilgen.runtime.control import recording
from distilgen.runtime.failures import details
from distilgen.runtime.sayings import say
from distilgen.runtime.student import Asked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from distilgen.runtime.call import Call
    from distilgen.runtime.rollout import Rollout


class Told:
    """The student's side of a call whose record says all that there is to know."""

    __slots__ = ("_mode", "_owner", "_route")

    def __init__(self, route: Rollout, mode: str, owner: Any) -> None:
        self._route = route
        self._mode = mode
        self._owner = owner

    def written(self, line: bytes) -> None:
        """The call has left this record."""
        _put(self._route, lambda: self._ask(line))

    def dropped(self) -> None:
        """The record does not say everything."""
        self._route.student.unasked += 1

    def _ask(self, line: bytes) -> None:
        """In a thread beside the program."""
        record = json.loads(line)
        given = record["arguments"]
        if "result" not in record:
            return
        if TOO_LARGE in line.decode() and marker_in([given, record["result"]]) == TOO_LARGE:
            self.dropped()
            return
        text = canonical_json(given).encode()
        aside = self._route.recorder.aside(text)
        _ask(
            self._route, self._mode, self._owner, given, text, record["result"], aside, record["id"]
        )


class Snapshot:
    """The student's side of a call that leaves no record, or one that hides something."""

    __slots__ = ("_aside", "_given", "_items", "_mode", "_of", "_owner", "_route", "_size", "_text")

    def __init__(
        self,
        route: Rollout,
        mode: str,
        owner: Any,
        call: Call | None,
        given: Mapping[str, Any],
        text: bytes,
    ) -> None:
        self._route = route
        self._mode = mode
        self._owner = owner
        self._given = given
        self._text = text
        self._items: list[bytes] | None = []
        self._size = 0
        self._aside: Call | None = None
        self._of = ""
        if call is None:
            return
        try:
            with recording(on=False):
                self._aside = route.recorder.hidden_aside(given)
            self._of = call.id.decode()
        except Exception as error:  # noqa: BLE001 - it could not be redacted
            say(logging.DEBUG, "%s: no record of the student: %s", route.contract.function, error)

    def compare(self, value: Any) -> None:
        """The teacher's answer, as it is now."""
        try:
            with recording(on=False):
                text = self._route.recorder.results().dump(value)
        except Exception as error:  # noqa: BLE001 - it is not what was promised
            say(logging.DEBUG, "%s: not compared: %s", self._route.contract.function, error)
        else:
            if len(text) <= settings.current().limit:
                self._put(text)
            else:
                self._route.student.unasked += 1

    def yielded(self, value: Any) -> None:
        """An item of the teacher's, as it is now."""
        if self._items is None:
            return
        try:
            with recording(on=False):
                item = self._route.recorder.results().dump(value)
        except Exception:  # noqa: BLE001 - as above
            self._items = None
            return
        self._size += len(item) + 1
        if self._size <= settings.current().limit:
            self._items.append(item)
        else:
            self._items = None
            self._route.student.unasked += 1

    def exhausted(self) -> None:
        """The teacher has no more items."""
        if self._items is not None:
            self._put(b"[" + b",".join(self._items) + b"]")

    def _put(self, teacher: bytes) -> None:
        _put(self._route, lambda: self._ask(teacher))

    def _ask(self, teacher: bytes) -> None:
        """In a thread beside the program."""
        _ask(
            self._route, self._mode, self._owner, self._given, self._text, json.loads(teacher),
            self._aside, self._of,
        )  # fmt: skip


class Watched:
    """A generator whose items are compared with the student's, async or not."""

    def __init__(self, source: Any, pair: Snapshot) -> None:
        self._source = source
        self._pair = pair

    def __iter__(self) -> Watched:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        return self._step(lambda: self._source.send(value))

    def throw(self, *error: Any) -> Any:
        return self._step(lambda: self._source.throw(*error))

    def close(self) -> None:
        self._source.close()

    def asend(self, value: Any) -> Awaitable[Any]:
        return self._astep(self._source.asend(value))

    def athrow(self, error: BaseException) -> Awaitable[Any]:
        return self._astep(self._source.athrow(error))

    def _step(self, step: Callable[[], Any]) -> Any:
        try:
            item = step()
        except StopIteration:
            self._pair.exhausted()
            raise
        self._pair.yielded(item)
        return item

    async def _astep(self, step: Awaitable[Any]) -> Any:
        try:
            item = await step
        except StopAsyncIteration:
            self._pair.exhausted()
            raise
        self._pair.yielded(item)
        return item


def _put(route: Rollout, work: Callable[[], None]) -> None:
    said = settings.current()
    if said.client is None and said.async_client is not None:
        # Ours would ask another server than the program's own.
        route.refuse_background()
    elif beside.put(work):
        return
    route.student.unasked += 1


def members(mode: str, asked: Asked, event: str) -> dict[str, Any]:
    """What a record says of a student that was asked. event: what the guard did."""
    said = {"mode": mode, **asked.members()}
    return said | {"guard": event} if event else said


def _ask(
    route: Rollout,
    mode: str,
    owner: Any,
    given: Mapping[str, Any],
    text: bytes,
    taught: Any,
    aside: Call | None,
    of: str,
) -> None:
    """Ask the student, compare its answer with what the teacher gave, and leave a record of it."""
    asked = Asked(route.contract.model or "")
    start = time.perf_counter_ns()
    said: dict[str, Any] = {}
    value: Any = None
    failure: Exception | None = None
    with recording(on=False):
        try:
            question = students.ask(
                students.HERE,
                route.student,
                route.returns(owner),
                given,
                asked,
                text=text,
                backup=False,
            )
            value = students.run(question)
            learnt = json.loads(_dumped(route, value))
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            failure = error
            said["error"] = details(error)
            event = route.failed(asked, error)
        else:
            said["agrees"] = agrees = alike(taught, learnt)
            events = route.answered(asked), route.compared(agrees=agrees)
            event = "; ".join(filter(None, events))
    if aside is None:
        return
    if of:
        said["of"] = of
    aside.spent = time.perf_counter_ns() - start
    aside.takes_part(members(mode, asked, event) | said, asked.model)
    if failure is None:
        aside.gave(value)
        return
    aside.failed(failure)
    failure.__traceback__ = None  # which knows this frame, and this frame it


def _dumped(route: Rollout, value: Any) -> bytes:
    dump = route.recorder.results().dump
    return b"[" + b",".join(map(dump, value)) + b"]" if route.recorder.streams else dump(value)
