"""One recorded call, from its start to its record."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import to_json

from distilgen.runtime.arguments import canonical, too_large
from distilgen.runtime.control import Off, WithheldError, inside, recording
from distilgen.runtime.sensitive import NotRedactedError, found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.runtime.pairs import Told
    from distilgen.runtime.recorder import Recorder
    from distilgen.runtime.redaction import Redacting, Redaction
    from distilgen.runtime.tracing import Span

T = TypeVar("T")

_UNREDACTED = "it could not be redacted: {}"  # the type of what was raised: its text may tell all


class Call:
    """A call that runs. It is made bare, and only what is needed is set: most calls need little.

    recorder: of the function. outer: the recorded call that this one began in. around: what the
    code is in that waits for the body; within: what the body was in when it yielded, where that is
    not this call. head: the beginning of the record, once somebody had to know its id, and the
    process that it is of. written: the record, once the wrapper writes it. over: it has ended.
    silent: it leaves no record. start: nanoseconds on `time.perf_counter_ns`. spent: those in the
    body. items, count, size: of a generator, what it yielded, in bytes. misfit: the first item that
    does not fit, and where it is. claimed: it has been routed. aside: a student
    answers it beside the teacher. pair: asks the student, too, once the record is written. rollout:
    what the record says of the student's part; source: the student, where it answered.
    """

    recorder: Recorder
    start: int
    arguments: bytes
    items: list[bytes]
    entered: int
    outer: Call | Off | None = None
    around: Call | Off | None = None
    within: Call | Off | None = None
    head: tuple[bytes, int] | None = None
    written: bytes = b""
    over: bool = False
    silent: bool = False
    redacting: Redacting | None = None
    span: Span | None = None
    trace: bytes = b""
    spent: int = 0
    count: int = 0
    size: int = 0
    misfit: tuple[Exception, str] | None = None
    pair: Told | None = None
    claimed: bool = False
    aside: bool = False
    source: str = ""
    rollout: dict[str, Any] | None = None

    @property
    def id(self) -> bytes:
        """The id of the record that there is, or will be; in the child of a fork, the parent's."""
        return (self.written or self._named()[0])[7:43]  # behind {"id":"

    def beginning(self) -> bytes:
        """The beginning of the record that this process writes."""
        head, pid = self._named()
        if pid != os.getpid():
            self.head = head, _ = self.recorder.head(self.start), os.getpid()
        return head

    def _named(self) -> tuple[bytes, int]:
        made = self.head
        if made is None:  # another thread may ask, too: the first one names it
            made = self.recorder.head(self.start), os.getpid()
            made = self.__dict__.setdefault("head", made)
        return made

    def takes_part(self, rollout: dict[str, Any], source: str = "") -> None:
        """A student takes part in it, and the record says how. source: the student's name, where it
        answers.
        """
        self._named()  # the wrapper writes records of teachers alone
        self.rollout = rollout
        self.source = source

    def parent(self) -> Call | None:
        """The recorded call that this one began in."""
        call = self.made_in()
        while call is not None and call.silent:
            call = call.made_in()
        return call

    def is_in(self, recorder: Recorder) -> bool:
        """Is this a call of the recorder's function that has not ended, or made in one?"""
        call: Call | None = self
        while call is not None and (call.over or call.written or call.recorder is not recorder):
            call = call.made_in()
        return call is not None

    def made_in(self) -> Call | None:
        """The call that this one began in, though it be silent."""
        return self.outer.call if isinstance(self.outer, Off) else self.outer

    def enter(self) -> None:
        """The body goes on."""
        self.around = inside.get()
        inside.set(self.within or self)
        self.within = None
        if self.span is not None:
            self.span.enter()
        self.entered = time.perf_counter_ns()

    def leave(self) -> None:
        """The body returned, raised or yielded."""
        self.spent += time.perf_counter_ns() - self.entered
        within = inside.get()
        if within is not self:
            if not self.recorder.streams:  # a coroutine that is collected while other code runs
                return
            self.within = within
        inside.set(self.around)
        if self.span is not None:
            self.span.leave()

    def returned(self, value: Any) -> None:
        """The function returned."""
        self.leave()
        self.ended(value)

    def ended(self, value: Any) -> None:
        """The function returned a while ago: nothing is measured any more."""
        self._end(lambda: self._result(value))

    def gave(self, value: Any) -> None:
        """A student gave this, a while ago: of a generator, the list of its items."""
        if not self.recorder.streams:
            self.ended(value)
            return
        self.items = []
        for item in value:
            self._keep(item)
        self._end(self._gathered)

    def raised(self, error: BaseException) -> None:
        """The function raised."""
        self.leave()
        self.failed(error)

    def failed(self, error: BaseException) -> None:
        """The function raised a while ago."""
        self._end(lambda: self._error(error), error)

    def yielded(self, value: Any) -> None:
        """The generator yielded."""
        self.leave()
        if not (self.misfit or self.silent):
            self._keep(value)

    def _keep(self, value: Any) -> None:
        before = inside.get()
        try:
            with recording(on=False):  # what serialisers and redactors call is not the program's
                item = self._dump(value)
        except Exception as error:  # noqa: BLE001 - told in the record, when the generator ends
            error.__traceback__ = None  # which knows this frame, and so this call
            self.misfit = error, f"item {self.count} does not fit the return type: "
            self.items.clear()
            return
        finally:  # again: a signal handler may raise on the way out of the block
            inside.set(before)
        self.count += 1
        self.size += len(item) + 1
        self.items.append(item)
        if self.size > self.recorder.limit:
            self.items.clear()

    def exhausted(self, thrown: BaseException | None) -> None:
        """The generator ended by itself, or was closed: `thrown` is then a GeneratorExit."""
        if isinstance(thrown, GeneratorExit):
            self.raised(thrown)
            return
        self.leave()
        self._end(self._gathered)

    def _gathered(self) -> bytes:
        if self.misfit:
            return self._error(*self.misfit)
        if self.size > self.recorder.limit:
            return b'"result":' + too_large(self.size)
        return b'"result":' + self.again(b"[" + b",".join(self.items) + b"]")

    def _result(self, value: Any) -> bytes:
        try:
            return b'"result":' + self._dump(value)
        except Exception as error:  # noqa: BLE001 - a result that is not what was promised
            return self._error(error, "the result does not fit the return type: ")

    def _dump(self, value: Any) -> bytes:
        """A result as JSON. Raises what `Recorder.dump` does, and WithheldError."""
        recorder = self.recorder
        if self.redacting is None and not (recorder.wary and _holds_hidden(value)):
            try:
                return recorder.dump(value)
            except Exception:
                if not _holds_hidden(value):  # of another type than was promised
                    raise
        if self.redacting is None:
            self.redacting = _nothing_said().begin()
        failed: Exception | None = None

        def dump() -> bytes:
            nonlocal failed
            try:
                return recorder.dump(value)
            except Exception as error:
                failed = error
                raise

        try:
            return self.redacting.result(value, dump, recorder.typed)
        except (Exception, SystemExit) as error:
            if error is failed:
                raise
            raise WithheldError(_UNREDACTED.format(type(error).__name__)) from None

    def _error(self, error: BaseException, prefix: str = "") -> bytes:
        if isinstance(error, WithheldError):
            raise error
        said = told(error, prefix)
        if self.redacting is not None:
            said["message"] = self._hidden(lambda redacting: redacting.error(said["message"]))
        text = to_json(said)
        if len(text) > self.recorder.limit:
            text = to_json({**said, "message": f"a message of {len(text)} bytes"})
        return b'"error":' + text

    def take(self, given: Mapping[str, Any], redaction: Redaction | None) -> None:
        """The arguments as they are now, before the body may change them. Raises WithheldError."""
        limit = self.recorder.limit
        with recording(on=False):  # as above
            if redaction is None:
                try:
                    self.arguments = canonical(given, limit=limit)
                except NotRedactedError:  # no annotation said that there would be anything to hide
                    redaction = _nothing_said()
            if redaction is not None:
                self.redacting = redaction.begin()
                self.arguments = self._hidden(lambda redacting: redacting.arguments(given, limit))

    def told_rollout(self) -> bytes:
        """The student's part, as a member of the record. Raises WithheldError."""
        if self.rollout is None:
            return b""
        said = dict(self.rollout)
        error = said.get("error")
        if error and self.redacting is not None:  # a server may repeat what it was asked
            hidden = self._hidden(lambda redacting: redacting.error(error["message"]))
            said["error"] = {**error, "message": hidden}
        return b'"rollout":' + to_json(said) + b","

    def again(self, text: bytes) -> bytes:
        """JSON that was made before the call ended, without what has turned out since to be hidden.
        Raises WithheldError.
        """
        if self.redacting is None:
            return text
        return self._hidden(lambda redacting: redacting.again(text))

    def _hidden(self, redact: Callable[[Redacting], T]) -> T:
        if self.redacting is None:
            raise WithheldError("there is nothing to redact with")
        try:
            return redact(self.redacting)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - anything may be raised
            raise WithheldError(_UNREDACTED.format(type(error).__name__)) from None

    def _end(self, outcome: Callable[[], bytes], error: BaseException | None = None) -> None:
        if self.span is not None:
            self.span.end(error)
        before = inside.get()
        try:
            if not self.silent:
                with recording(on=False):  # as above
                    self.recorder.write(self, outcome())
        except Exception as failure:  # noqa: BLE001 - recording fails open
            self.recorder.lose(failure)
        finally:
            inside.set(before)
            # Tasks that it has started may know it for ever, but nothing of what it was about.
            self.over, self.outer, self.around, self.within = True, None, None, None
            self.arguments, self.items, self.misfit, self.redacting = b"", [], None, None


def _nothing_said() -> Redaction:
    from distilgen.runtime.redaction import NOTHING_SAID  # noqa: PLC0415 - most calls hide nothing

    return NOTHING_SAID


def _holds_hidden(value: Any) -> bool:
    """Is anything in it marked `Sensitive`, or a secret, by its class?"""
    return next(iter(found([value])), None) is not None


def told(error: BaseException, prefix: str = "") -> dict[str, str]:
    """An exception as a record tells it."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception that cannot say what it is
        message = ""
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return {"type": name, "message": (prefix + message).encode(errors="replace").decode()}
