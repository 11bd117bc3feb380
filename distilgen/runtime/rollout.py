"""How the calls of a function whose body is kept are routed, between its teacher and its student.

| mode | who answers |
|---|---|
| record | the teacher |
| shadow | the teacher; for a share of the calls the student is asked, too, in the background |
| canary | for a share of the calls, chosen by their arguments, the student; else the teacher |
| fallback | as canary, by default for all calls |
| dispatch | the student |

Where the student fails, or is not sure enough, the teacher answers, but in the last mode. Where it
does badly, the guard gives all calls back to the teacher for a while.
"""

from __future__ import annotations

import inspect
import json
import random
from typing import TYPE_CHECKING, Any, Final

from distilgen.errors import DispatchError, LowConfidenceError
from distilgen.runtime import arguments as arguments_, settings, student as students
from distilgen.runtime.call import Call
from distilgen.runtime.control import Off, inside, place_of
from distilgen.runtime.failures import details
from distilgen.runtime.generated import generated, holes_of, signature_of, start_unseen
from distilgen.runtime.guard import Guard, Limits, state_at
from distilgen.runtime.hints import item_of, of_owner, return_hint
from distilgen.runtime.pairs import Snapshot, Told, Watched, members
from distilgen.runtime.sayings import warn
from distilgen.runtime.stubs import override_of
from distilgen.runtime.student import HERE, ON_LOOP, Asked, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from distilgen.runtime.recorder import Recorder
    from distilgen.runtime.student import Asking, Student

SHARES = {"shadow": 1.0, "canary": 0.1, "fallback": 1.0, "dispatch": 1.0}
"""The share of the calls that the student is asked, unless somebody says otherwise."""

PAIRS = 0.1
"""Of the calls that the teacher answers while the student answers others, the share that the
student is asked, too; an embedded one all of them, which costs microseconds.
"""

_NONE: Final = object()

_random = random.Random()  # noqa: S311 - ours, or the program's own seed would change
_warned: set[str] = set()

_FUNCTION = """\
def recorded({parameters}):
    return $route.call({given}, {receiver}, lambda: $function({arguments}))
"""

_COROUTINE = """\
async def recorded({parameters}):
    return await $route.acall({given}, {receiver}, lambda: $function({arguments}))
"""

_GENERATOR = """\
def recorded({parameters}):
    return (yield from $route.stream({given}, {receiver}, lambda: $function({arguments})))
"""

_ASYNC_GENERATOR = """\
async def recorded({parameters}):
    $items, $pair = await $route.begin({given}, {receiver})
    if $items is not None:
        for $item in $items:
            yield $item
        return
    $source = $function({arguments})
    if $pair is not None:
        $source = $Watched($source, $pair)
    $sent = $thrown = None
    try:
        $step = $start_unseen($source)
        while True:
            $item = await $step
            $sent = $thrown = None
            try:
                $sent = yield $item
            except $BaseException as $error:
                $thrown = $error
                $thrown.__traceback__ = $thrown.__traceback__.tb_next
            $step = $source.asend($sent) if $thrown is None else $source.athrow($thrown)
    except $StopAsyncIteration:
        return
    finally:
        $step = $thrown = None
"""


def routed(route: Rollout, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the same kind and signature, whose calls are routed."""
    signature = signature_of(function)
    known = [name for name in route.contract.parameters if name in signature.parameters]
    if inspect.isasyncgenfunction(function):
        text = _ASYNC_GENERATOR
    elif inspect.isgeneratorfunction(function):
        text = _GENERATOR
    else:
        text = _COROUTINE if inspect.iscoroutinefunction(function) else _FUNCTION
    scope = {
        "route": route,
        "function": function,
        "Watched": Watched,
        "start_unseen": start_unseen,
        "BaseException": BaseException,
        "StopAsyncIteration": StopAsyncIteration,
    }
    return generated(text.format(**holes_of(signature, known)), scope, function, signature)


class Rollout:
    """Routes the calls of one function. mode: what its decorator says. recorder: of the function;
    it leaves a record of each call.
    """

    def __init__(
        self, recorder: Recorder, function: Callable[..., Any], student: Student, mode: str
    ) -> None:
        self.contract = recorder.contract
        self._recorder = recorder
        self._function = function
        self._student = student
        self._said = mode
        self._turn = -1
        self._mode = "record"
        self._share = self._pairs = 0.0
        self._hint: Any = _NONE
        self._guard: Guard | None = None
        self._is_held = False
        self._failures: set[str] = set()
        self._guarded: tuple[Any, ...] = ()
        self.settle()

    def settle(self) -> None:
        """Heed the settings as they are now."""
        turn, contract = settings.turn(), self.contract
        found = override_of(contract.function)
        mode = found.mode if found is not None else self._said
        if mode != "record" and contract.model is None:
            if contract.function not in _warned:
                _warned.add(contract.function)
                warn(
                    "%s: no model for mode %s, so that the teacher answers; `distilgen rollout set "
                    "%s --model …`", contract.function, mode, contract.function,
                )  # fmt: skip
            mode = "record"
        share = found.share if found is not None else None
        if share is None and mode == self._said:
            share = contract.share
        for part in (share, contract.pairs):
            if part is not None and not 0 <= part <= 1:
                warn("%s: %r is no share of calls; the teacher answers", self.name, part)
                mode = "record"
        if mode != "record" and self._recorder.outdated:
            warn(
                "%s: its contract has a parameter %r that it has not, so that the teacher answers; "
                "instrument it again", self.name, self._recorder.outdated,
            )  # fmt: skip
            mode = "record"
        self._share = SHARES.get(mode, 0.0) if share is None else share
        usual = PAIRS if contract.student is None else 1.0
        self._pairs = usual if contract.pairs is None else contract.pairs
        self._recorder.share(mode)
        self._set_guard()
        self._mode = mode
        self._turn = turn

    # -- the four kinds of functions ---------------------------------------------------------------

    def call(self, given: Mapping[str, Any], owner: Any, teacher: Callable[[], Any]) -> Any:
        """The value of a call of a plain function. owner: `self` or `cls`, or None. teacher: calls
        the function itself.
        """
        way = self._way(given, owner)
        if way is None:
            return teacher()
        if way.first:
            value = run(way.answer(HERE, owner))
            if value is not _NONE:
                return value
        elif way.beside:
            pair = way.pair(owner)
            value = teacher()
            pair.compare(value)
            return value
        return teacher()

    async def acall(
        self, given: Mapping[str, Any], owner: Any, teacher: Callable[[], Awaitable[Any]]
    ) -> Any:
        """As `call`, of an async function."""
        way = self._way(given, owner)
        if way is None:
            return await teacher()
        if way.first:
            value = await way.answer(ON_LOOP, owner)
            if value is not _NONE:
                return value
        elif way.beside:
            pair = way.pair(owner)
            value = await teacher()
            pair.compare(value)
            return value
        return await teacher()

    def stream(
        self, given: Mapping[str, Any], owner: Any, teacher: Callable[[], Generator[Any, Any, Any]]
    ) -> Generator[Any, Any, Any]:
        """As `call`, of a generator: what it yields."""
        way = self._way(given, owner)
        if way is not None and way.first:
            items = run(way.answer(HERE, owner))
            if items is not _NONE:
                for item in items:  # noqa: UP028 - what is sent to them, they do not take
                    yield item
                return None
        elif way is not None and way.beside:
            return (yield from Watched(teacher(), way.pair(owner)))
        return (yield from teacher())

    async def begin(
        self, given: Mapping[str, Any], owner: Any
    ) -> tuple[list[Any] | None, Snapshot | None]:
        """As `call`, of an async generator: (what the student has it yield, or None where the
        teacher is to; who compares its items).
        """
        way = self._way(given, owner)
        if way is not None and way.first:
            items = await way.answer(ON_LOOP, owner)
            if items is not _NONE:
                return items, None
        elif way is not None and way.beside:
            return None, way.pair(owner)
        return None, None

    # -- what they share ---------------------------------------------------------------------------

    def _way(self, given: Mapping[str, Any], owner: Any) -> Way | None:
        """How a call goes; None where nobody but the teacher has to do with it."""
        if self._turn != settings.turn():
            self.settle()
        mode = self._mode
        if mode == "record":
            return None
        around = inside.get()
        may_pair = type(around) is not Off  # what is not to be recorded, is not to be sent away
        if mode == "shadow":
            if not may_pair:
                return None
            call = self._own_call(around)
            if self._share < 1 and _random.random() >= self._share:
                return None
            if self._guard is not None:
                self._guard.admits()  # a pair may be its probe
            if call is not None and self._told(call, mode, owner):
                return None
            return Way(self, mode, call, given, arguments_.in_the_clear(given), beside=True)
        call = self._own_call(around)
        if call is not None:
            call.takes_part({"mode": mode})
        text = arguments_.in_the_clear(given)
        wanted = self._share == 1 or place_of(_sorted(text), b"share") < self._share
        first = wanted and (self._guard is None or mode == "dispatch" or self._guard.admits())
        if wanted and not first:
            self._hold(call)
        if first or not may_pair or _random.random() >= self._pairs:
            return Way(self, mode, call, given, text, first=first)
        if call is not None and self._told(call, mode, owner):
            return None
        return Way(self, mode, call, given, text, beside=True)

    def _own_call(self, call: Any) -> Call | None:
        """The call that is about to be routed, where it leaves a record. call: what this is in."""
        if type(call) is not Call or call.recorder is not self._recorder:
            return None
        if call.silent or call.claimed:  # this was made in it
            return None
        call.claimed = True
        return call

    def _told(self, call: Call, mode: str, owner: Any) -> bool:
        """Have the record of a call that the teacher answers tell its pair what there is to know;
        False where the record hides something.
        """
        if call.redacting is not None:
            return False
        call.pair = Told(self, mode, owner)
        return True

    def _set_guard(self) -> None:
        """Have a guard by the contract's limits, and where the settings say that it is shared."""
        contract, shared = self.contract, settings.current().guard
        chosen = {
            name: value
            for name in ("min_agreement", "max_failures", "window", "pause")
            if (value := getattr(contract, name)) is not None
        }
        wanted = (shared, *chosen.items())
        if self._guard is None or wanted != self._guarded:
            try:
                limits = Limits(**chosen)
            except ValueError as error:
                warn("%s: %s; the default holds", contract.function, error)
                limits = Limits()
            name = f"{contract.function} to {contract.model}"
            self._guard = Guard(name, limits, state_at(shared) if shared else None)
            self._guarded = wanted

    def returns(self, owner: Any) -> Any:
        """The type of the student's answer. Raises DispatchError."""
        if self._hint is _NONE:
            try:
                hint = return_hint(self._function)
                self._hint = list[item_of(hint)] if self._recorder.streams else hint  # type: ignore[misc]
            except Exception as error:
                message = (
                    f"{self.contract.function}: its return type cannot be evaluated at run time "
                    f"({error}); import it outside of TYPE_CHECKING"
                )
                raise DispatchError(message) from error
        if owner is None:
            return self._hint
        return of_owner(self._hint, owner if isinstance(owner, type) else type(owner))

    def _hold(self, call: Call | None) -> None:
        """The guard keeps a call from the student."""
        if call is not None:
            call.takes_part({"mode": self._mode, "held": True})
        if not self._is_held and self._guard is not None:
            self._is_held = True
            warn("%s: calls go to the teacher: %s", self.name, self._guard.reason)

    def answered(self, asked: Asked) -> str:
        """Tell the guard that the student answered; what it did."""
        self._is_held = False
        if self._guard is None or asked.cached or asked.joined:  # nobody was asked
            self.gave_up()
            return ""
        return self._guard.asked(True)

    def failed(self, asked: Asked, error: Exception) -> str:
        """Tell the guard that the student did not answer, or the log, once for each way to fail;
        what the guard did.
        """
        unsure = isinstance(error, LowConfidenceError)
        if unsure:  # it answered, if not for sure
            event = self.answered(asked)
        elif self._guard is None or not asked.begun:  # there was nothing to send
            self.gave_up()
            event = ""
        else:
            event = self._guard.asked(False)
            self._is_held = self._is_held or event.startswith("opened")
        said = details(error)
        kind = f"{said['type']} {said.get('kind', '')}"
        quiet = isinstance(error, LowConfidenceError) and error.confidence is not None
        if event or (kind not in self._failures and not quiet):
            self._failures.add(kind)
            if self._recorder.hides:  # what a server says may quote what it was asked
                more = (str(said[name]) for name in ("kind", "status") if name in said)
                told_ = f"{self.name}: {' '.join((said['type'], *more))}"
            else:
                told_ = " ".join(said["message"].split())
            warn("the student failed: %s", told_)
        return event

    def refuse_background(self) -> None:
        """Say once that nobody is asked beside the program's own work."""
        if "background" not in self._failures:
            self._failures.add("background")
            warn(
                "%s: no student is asked in the background: bring your own client for that, too, "
                "with distilgen.configure(client=…)", self.name,
            )  # fmt: skip

    def gave_up(self) -> None:
        """Tell the guard that a question has no outcome."""
        if self._guard is not None:
            self._guard.gave_up()

    def compared(self, *, agrees: bool) -> str:
        """Tell the guard about a call that both have answered; what it did."""
        student = self._student
        student.agreed += agrees
        student.disagreed += not agrees
        return self._guard.compared(agrees) if self._guard is not None else ""

    @property
    def name(self) -> str:
        """Its function, `module:qualname`."""
        return self.contract.function

    @property
    def recorder(self) -> Recorder:
        """What leaves records of the calls."""
        return self._recorder

    @property
    def student(self) -> Student:
        """Who is asked."""
        return self._student


class Way:
    """How one call goes. call: what will be its record, if it leaves one. text: the arguments as
    JSON. first: the student answers it. beside: it is asked, too.
    """

    __slots__ = ("beside", "call", "first", "given", "mode", "route", "text")

    def __init__(
        self,
        route: Rollout,
        mode: str,
        call: Call | None,
        given: Mapping[str, Any],
        text: bytes,
        *,
        first: bool = False,
        beside: bool = False,
    ) -> None:
        self.route = route
        self.mode = mode
        self.call = call
        self.given = given
        self.text = text
        self.first = first
        self.beside = beside

    async def answer(self, asking: Asking, owner: Any) -> Any:
        """The student's answer; `_NONE` where the teacher has to. Raises DispatchError only where
        there is to be no teacher.
        """
        route = self.route
        asked = Asked(route.contract.model or "")
        try:
            value = await students.ask(
                asking, route.student, route.returns(owner), self.given, asked,
                text=self.text, sure=self._sure,
            )  # fmt: skip
        except DispatchError as error:
            self._failed(asked, error)
            if self.mode == "dispatch":
                raise
            return _NONE
        except BaseException:
            route.gave_up()
            raise
        self._answered(asked)
        return value

    def pair(self, owner: Any) -> Snapshot:
        """The student's side of a call that the teacher is about to answer."""
        return Snapshot(self.route, self.mode, owner, self.call, self.given, self.text)

    @property
    def _sure(self) -> float | None:
        return None if self.mode == "dispatch" else self.route.contract.min_confidence

    def _answered(self, asked: Asked) -> None:
        event = self.route.answered(asked)
        if self.call is not None:
            said = members(self.mode, asked, event)
            self.call.takes_part(said, asked.model)

    def _failed(self, asked: Asked, error: DispatchError) -> None:
        event = self.route.failed(asked, error)
        if self.call is not None:
            said = members(self.mode, asked, event) | {"error": details(error)}
            self.call.takes_part(said, asked.model if self.mode == "dispatch" else "")


def _sorted(text: bytes) -> bytes:
    """Arguments as JSON with the keys of all objects in one order: equal calls are to be equal."""
    return json.dumps(json.loads(text), sort_keys=True).encode()
