"""The decorator that records calls, and never changes what a caller sees."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from distilgen.records.record import TEACHER
from distilgen.runtime import arguments, control, settings, sinks, tracing
from distilgen.runtime.call import Call, told
from distilgen.runtime.control import Counts, Off, Sampler, WithheldError, inside
from distilgen.runtime.form import form_of, none_of
from distilgen.runtime.results import Results
from distilgen.runtime.sinks.files import FileSink
from distilgen.runtime.stamp import NEVER, stamp
from distilgen.runtime.wrapper import missing, wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import TypeAdapter

    from distilgen.contract import Contract
    from distilgen.runtime.redaction import Redaction
    from distilgen.runtime.rollout import Rollout
    from distilgen.runtime.shape import Shape
    from distilgen.runtime.sinks.sink import Sink
    from distilgen.runtime.student import Student

Plan = tuple[Any, ...]

_log = logging.getLogger("distilgen.runtime")
_PATIENCE_S = 5.0

# Who asks the settings may import modules: a child that is forked meanwhile would wait for them for
# ever, because the thread that imports them is not in it.
_asking = threading.RLock()


def record(contract: Contract, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, recorded: of the same kind, with the same signature and behaviour."""
    settings.take_environment()
    recorder = Recorder(contract, function)
    control.recorders.add(recorder)
    return wrapper(recorder, function)


def roll_out(
    contract: Contract, function: Callable[..., Any], student: Student, mode: str
) -> Callable[..., Any]:
    """As `record`, and the calls are shared with the student, as `rollout` says of the mode."""
    from distilgen.runtime.rollout import Rollout, routed  # noqa: PLC0415 - most only record

    settings.take_environment()
    recorder = Recorder(contract, function)
    control.recorders.add(recorder)
    route = Rollout(recorder, function, student, mode)
    recorder.route = route
    made = wrapper(recorder, routed(route, function))
    made.__wrapped__ = function  # type: ignore[attr-defined]  # not what stands in between
    return made


class Recorder:
    """Records the calls of one function.

    plan: what the wrapper needs to put most records together and to write them by itself; None
    where it may not. dump: see `Results`. limit: bytes of a record. short: bytes that are within
    the limit, and hold no integer that is too long. recorded, lost: how many were written, and how
    many should have been.
    """

    __slots__ = (
        "__weakref__", "_asked", "_missing", "_nested", "_redaction", "_results", "_sampler",
        "_sink", "_spans", "_stamp", "_turn", "_unsampled", "_who", "_why", "_withheld",
        "contract", "dump", "form", "function", "limit", "lost", "plan", "recorded", "route",
        "shared", "short", "streams", "typed", "wary",
    )  # fmt: skip

    def __init__(self, contract: Contract, function: Callable[..., Any]) -> None:
        self.contract = contract
        self.function = function
        self.streams = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        self._missing = missing(function, contract.parameters)
        self._who = self._told(TEACHER)
        self.recorded = self.lost = self._withheld = self._unsampled = 0
        self._why = ""
        self._results: Results | None = None
        self.dump: Callable[[Any], bytes]
        self.typed: tuple[TypeAdapter[Any], Shape] | None = None
        self.wary = True
        self.limit = self.short = 0
        self._sink: Sink
        self._sampler: Sampler | None = None
        self._redaction: Redaction | None = None
        self._nested = self._spans = False
        self.plan: Plan | None
        self._asked = self._turn = 0
        self.shared = False
        self.route: Rollout | None = None
        self.form = none_of(len(contract.parameters) - len(self._missing))
        self.settle()

    @property
    def name(self) -> str:
        """Its function, `module:qualname`."""
        return self.contract.function

    def counts(self) -> Counts:
        """What became of its calls."""
        return Counts(self.recorded, self.lost, self._withheld, self._unsampled, self._why)

    def forget(self) -> None:
        """Count from nought: what was counted is another process's."""
        self.recorded = self.lost = self._withheld = self._unsampled = 0
        self._why = ""

    def settle(self) -> None:
        """Ask settings and sink again at the next call: they changed, or the process did."""
        self._turn += 1
        self._stamp = NEVER
        self.plan = None
        if self.route is not None:
            self.route.settle()

    # -- what every call goes through, but for those that the wrapper writes itself ---------------

    def begin(self, given: Mapping[str, Any]) -> Call | None:
        """A call as it starts, its arguments by name; None when it is not recorded."""
        outer = inside.get()
        if type(outer) is Off:
            return None
        try:
            if self._asked != self._turn:
                with _asking:
                    self._ask()
            if outer is not None and not self._nested and outer.is_in(self):
                return None
            call = Call()
            call.recorder, call.outer = self, outer
            if self._sampler is not None and not self._sampler.takes():
                return self._passed_over(call)
            call.take(given, self._redaction)
            if self._sampler is not None and not self._sampler.takes_arguments(call.arguments):
                return self._passed_over(call)
            if self._spans:
                call.span = tracing.Span(self.contract)
            call.trace = tracing.members(call.span)
            if self._may_plan():  # the wrapper did not know what these are
                self.form = form_of(given) or self.form
            call.start = time.perf_counter_ns()
            if self.streams:
                call.items = []
            else:
                call.enter()
        except BaseException as error:
            inside.set(outer)
            if not isinstance(error, Exception):
                raise
            self.lose(error)  # recording fails open
            return None
        return call

    def _passed_over(self, call: Call) -> Call | None:
        """A call that is not to be recorded. Where only the outermost are, those that it makes to
        itself are not to be, either: they must know of it.
        """
        self._unsampled += 1
        if self._nested:
            return None
        call.silent = True
        if not self.streams:
            call.enter()
        return call

    def write(self, call: Call, outcome: bytes) -> None:
        """Write the record of a call that ended. outcome: `"result":…` or `"error":…`. Raises
        anything.
        """
        parent = call.parent()
        if len(call.arguments) + len(outcome) > self.limit and outcome.startswith(b'"result"'):
            outcome = b'"result":' + arguments.too_large(len(outcome) - len(b'"result":'))
        beginning = call.beginning()
        if call.rollout is not None:  # then who is not who it mostly is
            place = beginning.index(b'"function":')
            beginning = beginning[:place] + self._told(call.source or TEACHER) + b","
        line = b"".join((
            beginning,
            b'"elapsed_ms":', to_json(call.spent / 1e6), b",",
            b'"parent":"%b",' % parent.id if parent is not None else b"",
            call.trace,
            call.told_rollout(),
            b'"arguments":', call.again(call.arguments), b",", outcome, b"}\n",
        ))  # fmt: skip
        self._sink.write(line, self.contract)
        self.recorded += not call.aside
        if call.pair is not None:
            call.pair.written(line) if call.redacting is None else call.pair.dropped()
        if self.plan is None and self._may_plan():
            with contextlib.suppress(OSError):  # as the next call will say
                self.planned(call.start)

    def lose(self, error: Exception) -> None:
        """Count a record that was not made, and say so once."""
        self.plan = None
        self.lost += 1
        self._withheld += isinstance(error, WithheldError)
        known, self._why = self._why, told(error)["message"] or type(error).__name__
        if not known:
            with contextlib.suppress(Exception):  # a handler's own
                _log.warning("%s: a call was not recorded: %s", self.name, self._why)

    def head(self, start: int) -> bytes:
        """The beginning of a record of a call that began then."""
        current = self._stamp
        if not current.since <= start < current.until:
            current = self._stamp = stamp(start, self._who)
        try:
            return current.head()
        except IndexError:  # 4,096 calls in a millisecond
            self._stamp = stamp(start, self._who)
            return self._stamp.head()

    def _told(self, source: str) -> bytes:
        """Function, contract and who answered, as members of a record."""
        contract = self.contract
        who = {"function": contract.function, "contract": contract.fingerprint, "source": source}
        return to_json(who)[1:-1]

    def _ask(self) -> None:
        """What the settings say of this function."""
        from distilgen.runtime.redaction import Redaction  # noqa: PLC0415 - not when it is imported

        turn = self._turn
        settings.check()
        said = settings.current()
        if self._missing:
            raise LookupError(
                f"its contract has a parameter {self._missing[0]!r}; instrument it again"
            )
        results = self.results()
        self.dump, self.typed, self.wary = results.dump, results.typed, results.wary
        self.limit, self.short = said.limit, min(said.limit, arguments.LONGEST)
        self._nested = said.nested == "all"
        self._sampler = Sampler(said) if said.sample < 1 or said.budget is not None else None
        self._redaction = Redaction.of(self.function, self.contract, said)
        self._spans = said.spans and tracing.can_start()
        self._sink = sinks.current()
        self._asked = turn  # which is over if another thread has changed them meanwhile

    def results(self) -> Results:
        """What writes results of the function."""
        if self._results is None:
            self._results = Results(self.function, self.name, streams=self.streams)
        return self._results

    @property
    def hides(self) -> bool:
        """May something of its calls be hidden in their records?"""
        return self._redaction is not None

    @property
    def outdated(self) -> str:
        """A parameter that the contract has, and the function has not."""
        return self._missing[0] if self._missing else ""

    def share(self, mode: str) -> None:
        """Students take part in the calls, as `rollout` says of the mode."""
        self.shared = mode not in ("record", "shadow")
        self._who = self._told(TEACHER)
        if mode == "shadow":  # so say all records of the teacher, and the wrapper writes them
            self._who += b',"rollout":{"mode":"shadow"}'
        self._stamp = NEVER
        self.plan = None

    def aside(self, arguments: bytes) -> Call:
        """A call of the student beside one that the teacher answers; it leaves a record of its own.
        arguments: as JSON.
        """
        made = Call()
        made.recorder, made.start, made.arguments = self, time.perf_counter_ns(), arguments
        made.aside = True
        return made

    def hidden_aside(self, given: Mapping[str, Any]) -> Call:
        """As `aside`, with arguments that are to be hidden: a redaction is of one call. Raises
        WithheldError.
        """
        made = self.aside(b"")
        made.take(given, self._redaction)
        return made

    # -- what the wrapper itself needs -------------------------------------------------------------

    def _may_plan(self) -> bool:
        return (
            not self.shared
            and isinstance(self._sink, FileSink)
            and self._results is not None
            and self._results.kind is not None
            and self._sampler is None
            and self._redaction is None
            and not self._spans
            and not tracing.is_here()
        )

    def planned(self, start: int) -> Plan:
        """The plan of the millisecond that holds `start`, after a look at the file. Raises
        OSError.
        """
        results, sink = self._results, self._sink
        assert isinstance(sink, FileSink)  # noqa: S101 - see above
        assert results is not None  # noqa: S101
        sink.look()
        if not self._stamp.since <= start < self._stamp.until:
            self._stamp = stamp(start, self._who)
        plan = (
            *self._stamp, results.kind, results.exact, results.write, results.choices,
            sink.descriptor, self.short, self.limit,
        )  # fmt: skip
        self.plan = None if tracing.is_here() else plan
        if self._asked != self._turn:  # another thread has just changed the settings
            self.plan = None
        return plan

    def go_on(self, line: bytes, count: int) -> None:
        """Write the rest of a line, of which `count` bytes were. Raises OSError."""
        if isinstance(self._sink, FileSink):
            self._sink.go_on(line, count)

    def went_well(
        self, call: Call, text: bytes, given: Mapping[str, Any], elapsed: int, value: Any
    ) -> None:
        """The record of a call that returned, where the wrapper could not write it."""
        try:
            if call.written:  # or it was not: the same record twice is one, and none is lost
                self._sink.write(call.written, self.contract)
                self.recorded += 1
                if call.pair is not None:
                    call.pair.written(call.written)
                return
            self._catch_up(call, text, given, elapsed)
        except Exception as error:  # noqa: BLE001 - recording fails open
            self.lose(error)
        else:
            call.ended(value)

    def went_wrong(
        self, call: Call, text: bytes, given: Mapping[str, Any], error: BaseException
    ) -> None:
        """The record of a call that raised, where the wrapper began it."""
        elapsed = time.perf_counter_ns() - call.start
        try:
            self._catch_up(call, text, given, elapsed)
        except Exception as failure:  # noqa: BLE001 - recording fails open
            self.lose(failure)
        else:
            call.failed(error)

    def _catch_up(self, call: Call, text: bytes, given: Mapping[str, Any], elapsed: int) -> None:
        """Make a call that the wrapper began one as `begin` makes them."""
        call.arguments = text or arguments.canonical(given, limit=self.limit)
        call.spent = elapsed


def _after_fork() -> None:
    # Ids are the parent's, and so are counts; the sink has other descriptors.
    global _asking  # noqa: PLW0603
    _asking = threading.RLock()
    control.settle()
    for recorder in control.all_recorders():
        recorder.forget()


def _before_fork() -> None:
    # What the child does is done in the calls of its parent, which write their records there.
    with contextlib.suppress(Exception):
        outer = inside.get()
        call = outer.call if isinstance(outer, Off) else outer
        while call is not None:
            if not call.silent:
                call.id  # noqa: B018 - is made
            call = call.parent()
    _asking.acquire(timeout=_PATIENCE_S)


def _in_parent() -> None:
    with contextlib.suppress(RuntimeError):  # it took too long
        _asking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_after_fork)


@atexit.register
def _report() -> None:
    """Say what became of the calls of this process, if the settings ask for it."""
    with contextlib.suppress(Exception):  # the program is over, and its streams may be
        said = settings.current()
        if said.report:
            print(control.summary(said.records, sinks.flush(0)), file=sys.stderr)  # noqa: T201
