"""Asking the student: questions that are sent until there is an answer, or no time is left.

Asking is a coroutine. `HERE` is how it is done in the caller's thread, where nothing that it awaits
has to be waited for, so that `run` has its result at once; `ON_LOOP`, how on an event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, TypeVar

from pydantic import Field, TypeAdapter, create_model

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.errors import (
    DispatchError,
    DispatchTimeoutError,
    InvalidAnswerError,
    LowConfidenceError,
    StudentError,
)
from distilgen.runtime import (
    answers,
    arguments as arguments_,
    control,
    failures,
    limits,
    settings,
)
from distilgen.runtime.answers import WrongAnswerError
from distilgen.runtime.call import told
from distilgen.runtime.clients import async_client_of, client_of
from distilgen.runtime.control import Counts
from distilgen.runtime.in_process import InProcess
from distilgen.runtime.joining import Joining
from distilgen.runtime.sayings import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.runtime.cache import Cache
    from distilgen.runtime.clients import Client

T = TypeVar("T")

REASKS = 1
"""How often an answer that is none is asked for again, unless somebody says otherwise."""


@dataclass
class Asked:
    """What became of a question. model: who answers; instead_of: the embedded student that did not,
    so that its backup was asked. asks: how often it was sent and answered. confidence: of the
    answer, 0 to 1, where it was asked for and the server said. cached: the answer was there
    already; joined: an equal call had asked for it. begun: there is something to send. rests: it
    waits for the next try. ms: milliseconds that it took.
    """

    model: str
    asks: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    confidence: float | None = None
    instead_of: str = ""
    cached: bool = False
    joined: bool = False
    begun: bool = False
    rests: bool = False
    start: float = field(default_factory=time.perf_counter)
    ms: float = 0.0

    def end(self) -> None:
        """It is over."""
        self.ms = (time.perf_counter() - self.start) * 1e3

    def members(self) -> dict[str, Any]:
        """As the `rollout` of a record says it."""
        said: dict[str, Any] = {"model": self.model, "ms": round(self.ms, 3)}
        if self.asks:
            said["asks"] = self.asks
        if self.input_tokens or self.output_tokens:
            said |= {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        if self.confidence is not None:
            said["confidence"] = round(self.confidence, 6)
        if self.instead_of:
            said["instead_of"] = self.instead_of
        if self.joined:
            said["joined"] = True
        return said | {"cached": True} if self.cached else said


class Student:
    """A contract's student: what is the same for all questions to it, and what became of them.
    folder: that of the contract's sidecar, where the file of an embedded student is looked for.

    asked, failed, agreed, disagreed, unasked: see `Counts`.
    """

    def __init__(self, contract: Contract, folder: Path | None = None) -> None:
        self.contract = contract
        self.forget()
        control.recorders.add(self)
        self._form: dict[str, Any] | None = None
        self._has_said = False
        self.in_process: InProcess | None = None
        if contract.student is not None:
            self.in_process = InProcess(contract, folder)
        self._adapters: list[tuple[Any, TypeAdapter[Any]]] = []

    @property
    def name(self) -> str:
        """Its function, `module:qualname`."""
        return self.contract.function

    def counts(self) -> Counts:
        """What became of the questions."""
        return Counts(
            asked=self.asked,
            failed=self.failed,
            agreed=self.agreed,
            disagreed=self.disagreed,
            unasked=self.unasked,
        )

    def forget(self) -> None:
        """Count from nought."""
        self.asked = self.failed = self.agreed = self.disagreed = self.unasked = 0

    def settle(self) -> None:
        """Nothing: the settings are asked at each question."""

    def say_once(self, error: StudentError) -> None:
        """Tell that the embedded student cannot answer at all, or its backup would hide it."""
        if not self._has_said:
            self._has_said = True
            warn("the student failed, and its backup is asked: %s", error)

    @cached_property
    def hosted(self) -> Contract:
        """Its contract, as the model is asked that is behind a server."""
        if self.in_process is None:
            return self.contract
        return replace(self.contract, model=self.contract.backup, student=None, backup=None)

    @property
    def form(self) -> dict[str, Any]:
        """What each request says besides model and messages. Raises DispatchError."""
        if self._form is None:
            try:
                self._form = self.contract.form()
            except ValueError as error:
                raise DispatchError(f"{self.contract.function}: {error}") from error
        return self._form

    def adapter(self, returns: Any) -> TypeAdapter[Any]:
        """What validates answers of a type. Raises DispatchError."""
        for known, adapter in self._adapters:  # `list[Email]` is another object in each call
            if known is returns or known == returns:
                return adapter
        kind = returns
        field = returns or Annotated[returns, Field()]  # None, which Pydantic 2.7 takes for no type
        try:
            if self.contract.wraps_result:  # the raw text is validated: parsed, numbers are rounded
                kind = create_model("Answer", **{RESULT_KEY: (field, ...)})  # type: ignore[call-overload]
            made: TypeAdapter[Any] = TypeAdapter(kind)
        except Exception as error:
            message = f"{self.contract.function}: nothing can be read as its return type: {error}"
            raise DispatchError(message) from error
        self._adapters = [(returns, made), *self._adapters[:_TYPES]]
        return made


_TYPES = 7
"""Adapters that are kept besides the last one: of methods that return Self there may be many."""

_NO_SECOND = frozenset({400, 413, 422, 500})
"""What servers say that do not take a second question, or none so long."""


class Question:
    """One call of a function, as its student is asked.

    returns: the type of the answer. given: the arguments, by name. asked: what becomes of it. text:
    the arguments as JSON in the clear, where that was made before. sure: from which confidence on
    an answer counts. Raises DispatchError.
    """

    def __init__(
        self,
        student: Student,
        returns: Any,
        given: Mapping[str, Any],
        asked: Asked,
        *,
        text: bytes | None = None,
        sure: float | None = None,
    ) -> None:
        self.contract = contract = student.hosted
        self.returns = returns
        self.given = given
        self.asked = asked
        self.text = arguments_.in_the_clear(given) if text is None else text
        self.adapter = student.adapter(returns)
        self.messages = contract.messages(_values(contract, self.text))
        self.form = student.form
        self._sure = sure

    async def answer(self, asking: Asking) -> tuple[str, Any]:
        """Text and value of the answer. Raises DispatchError."""
        said, contract, messages = settings.current(), self.contract, self.messages
        client = await asking.client_of(contract)  # once a process, half a second of imports
        limit = limits.of_call(contract)
        ends = time.monotonic() + limit
        # The SDK looks through all that it takes by name, at each call; a client that is not ours
        # may want to, too.
        form = {"extra_body": self.form} if client.is_ours else self.form
        retries = client.retries if said.retries is None else said.retries
        reasks = next((n for n in (said.reasks, contract.reasks) if n is not None), REASKS)
        wrong: WrongAnswerError | None = None
        tried = 0
        while True:
            left = ends - time.monotonic()
            if left <= 0:
                raise failures.too_late(contract, client.server, limit)
            request = {"model": contract.model, "messages": messages, **form, "timeout": left}
            if self._sure is not None:
                request |= {"logprobs": True, "top_logprobs": 1}  # some want both, or give none
            try:
                completion = await self._send(asking, client, request, ends)
            except Exception as error:
                if time.monotonic() >= ends or isinstance(error, TimeoutError):
                    raise failures.too_late(contract, client.server, limit) from error
                wait = failures.delay(error, tried) if tried < retries else None
                if wait is not None and wait < ends - time.monotonic():
                    tried += 1
                    self.asked.rests = True
                    await asking.sleep(wait)
                    self.asked.rests = False
                    continue
                if isinstance(error, json.JSONDecodeError):
                    raise self._invalid(answers.NO_JSON) from error
                if wrong is not None and getattr(error, "status_code", 0) in _NO_SECOND:
                    raise self._invalid(wrong) from error
                raise failures.explained(contract, client.server, error, limit) from error
            self._count(completion)
            try:
                text = answers.text_of(contract, completion)
                value = answers.value_of(contract, self.adapter, text, completion)
            except WrongAnswerError as error:
                wrong = error
                if not (reasks and wrong.messages):
                    failed = self._invalid(wrong, completion)
                    cause, wrong = wrong.error, None  # which knows this frame
                    raise failed from cause
                reasks -= 1
                messages = [*self.messages, *wrong.messages]
                continue
            self._refuse_unsure(completion)
            return text, value

    def key(self, asking: Asking) -> bytes:
        """What stands for the question among those that are kept or joined."""
        from distilgen.runtime.cache import key_of  # noqa: PLC0415 - where it is asked for

        contract = self.contract
        form = contract.answers if self._sure is None else f"{contract.answers} {self._sure}"
        brought = getattr(settings.current(), asking.setting)
        server = contract.base_url or os.environ.get("OPENAI_BASE_URL")
        if brought is not None:
            server = str(getattr(brought, "base_url", ""))
        return key_of(contract.fingerprint, form, server, contract.model or "", self.text)

    def value(self, text: str) -> Any:
        """The value of an answer's text, a new one each time. Raises DispatchError."""
        try:
            return answers.value_of(self.contract, self.adapter, text)
        except WrongAnswerError as wrong:
            raise self._invalid(wrong) from wrong.error

    async def _send(
        self, asking: Asking, client: Client, request: dict[str, Any], ends: float
    ) -> Any:
        said = settings.current()
        if not (said.debug or said.spans):
            return await asking.create(client, request, ends)
        from distilgen.runtime.witness import Witness  # noqa: PLC0415 - where it is asked for

        shown = {key: value for key, value in request.items() if key != "extra_body"} | self.form
        with Witness(self, client.server, shown) as witness:
            return witness.saw(await asking.create(client, request, ends))

    def _count(self, completion: Any) -> None:
        asked = self.asked
        asked.asks += 1
        first, second = answers.tokens_of(completion)
        asked.input_tokens += first
        asked.output_tokens += second
        if self._sure is not None:
            asked.confidence = answers.confidence_of(completion)

    def _refuse_unsure(self, completion: Any) -> None:
        found, least = self.asked.confidence, self._sure
        if least is None or (found is not None and found >= least):
            return
        why = (
            "does not say how sure it is (the server sends no logprobs)"
            if found is None
            else f"is {found:.1%} sure of its answer, and {least:.1%} is the least"
        )
        message = f"{self.contract.function}: {self.contract.model} {why}"
        raise LowConfidenceError(message, confidence=found, request_id=_name(completion))

    def _invalid(self, wrong: WrongAnswerError, completion: Any = None) -> InvalidAnswerError:
        contract = self.contract
        return InvalidAnswerError(
            f"{contract.function}: {contract.model} {wrong.what}; {failures.back(contract)}",
            kind=wrong.kind,
            answer=wrong.said,
            error=wrong.error,
            request_id=_name(completion),
        )


class Asking(Protocol):
    """How questions are asked. joined: see `Joining`; gives up after `limit` seconds, by
    TimeoutError.
    """

    setting: str
    """Names the program's own client for it."""

    async def client_of(self, contract: Contract) -> Client: ...

    async def create(self, client: Client, request: dict[str, Any], ends: float) -> Any: ...

    async def sleep(self, seconds: float) -> None: ...

    async def joined(
        self, key: bytes, ask: Callable[[], Coroutine[Any, Any, str]], limit: float
    ) -> str: ...


class _Here:
    """In the caller's thread."""

    setting = "client"

    async def client_of(self, contract: Contract) -> Client:
        return client_of(contract)

    async def create(self, client: Client, request: dict[str, Any], ends: float) -> Any:
        with limits.ending(ends):
            return client.client.chat.completions.create(**request)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop

    async def joined(
        self, key: bytes, ask: Callable[[], Coroutine[Any, Any, str]], limit: float
    ) -> str:
        return _joining.call(key, lambda: run(ask()), limit)


class _OnLoop:
    """On the running event loop."""

    setting = "async_client"

    async def client_of(self, contract: Contract) -> Client:
        return await async_client_of(contract)

    async def create(self, client: Client, request: dict[str, Any], ends: float) -> Any:
        async with asyncio.timeout(ends - time.monotonic()):
            return await client.client.chat.completions.create(**request)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def joined(
        self, key: bytes, ask: Callable[[], Coroutine[Any, Any, str]], limit: float
    ) -> str:
        async with asyncio.timeout(limit):
            return await _joining.acall(key, ask)


HERE: Final = _Here()
ON_LOOP: Final = _OnLoop()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise RuntimeError("it waits for an event loop, and there is none")


async def ask(
    asking: Asking,
    student: Student,
    returns: Any,
    given: Mapping[str, Any],
    asked: Asked,
    *,
    text: bytes | None = None,
    sure: float | None = None,
    backup: bool = True,
) -> Any:
    """The student's answer, a value of the type `returns`; see `Question`. backup: may that of an
    embedded student be asked where it does not answer? Raises DispatchError.
    """
    student.asked += 1
    try:
        if student.in_process is not None:
            try:
                return _in_process(student, student.in_process, returns, given, asked, text, sure)
            except (LowConfidenceError, StudentError) as error:
                if student.contract.backup is None or not backup:
                    raise
                if isinstance(error, StudentError):
                    student.say_once(error)
                asked.model, asked.instead_of = student.contract.backup, asked.model
                asked.confidence = sure = None  # that is of the embedded student
        question = Question(student, returns, given, asked, text=text, sure=sure)
        asked.begun = True
        cache, join = _cache(), settings.current().join
        if cache is None and not join:
            return (await question.answer(asking))[1]
        key = question.key(asking)
        known = cache.get(key) if cache else None
        if known is not None:
            with contextlib.suppress(InvalidAnswerError):  # a validator is another one now
                value = question.value(known)
                asked.cached = True
                return value
        known = await (_joined(asking, question, key) if join else _text(asking, question))
        if cache:
            cache.put(key, known)
        return question.value(known)
    except DispatchError:
        student.failed += 1
        raise
    except Exception as error:
        student.failed += 1
        if asked.rests:  # a signal handler's own, which nobody else's code came across
            raise
        raise _unforeseen(student.contract, error) from error
    finally:
        asked.end()


def _in_process(
    student: Student,
    embedded: InProcess,
    returns: Any,
    given: Mapping[str, Any],
    asked: Asked,
    text: bytes | None,
    sure: float | None,
) -> Any:
    """The embedded student's answer. Raises DispatchError."""
    values = _values(student.contract, arguments_.in_the_clear(given) if text is None else text)
    adapter = student.adapter(returns)
    asked.begun = True
    try:
        value, asked.confidence = embedded.answer(adapter, values, sure)
    except LowConfidenceError as error:
        asked.confidence = error.confidence
        raise
    return value


async def _text(asking: Asking, question: Question) -> str:
    return (await question.answer(asking))[0]


async def _joined(asking: Asking, question: Question, key: bytes) -> str:
    """The answer's text, which an equal call may ask for. Where that one has less time than this,
    this asks for itself. Raises DispatchError.
    """
    contract, asked = question.contract, question.asked
    limit = limits.of_call(contract)
    ends = time.monotonic() + limit
    led = False

    async def lead() -> str:
        nonlocal led
        led = True
        return await _text(asking, question)

    try:
        text = await asking.joined(key, lead, limit)
    except TimeoutError as error:
        raise failures.too_late(contract, "the server", limit) from error
    except DispatchTimeoutError:
        if led or time.monotonic() >= ends:
            raise
        return await _text(asking, question)
    asked.joined = not led
    return text


def _unforeseen(contract: Contract, error: Exception) -> DispatchError:
    """What anybody's serialiser, sink or interpreter may raise on the way is no business of the
    caller's, who may have a teacher.
    """
    kind, said = type(error).__name__, told(error)["message"]
    return DispatchError(f"{contract.function}: asking {contract.model} failed: {kind}: {said}")


_joining = Joining()
_kept: tuple[tuple[Any, ...], Cache | None] = ((), None)


def _cache() -> Cache | None:
    """Where answers are kept, if the settings say so."""
    global _kept  # noqa: PLW0603 - one process, one cache
    said = settings.current()
    wanted = (said.cache, said.cache_entries, said.cache_seconds)
    known, cache = _kept
    if known != wanted:
        if cache is not None:
            cache.close()
        cache = None
        if said.cache is not None:
            from distilgen.runtime.cache import open_cache  # noqa: PLC0415 - where it is asked for

            cache = open_cache(said.cache, said.cache_entries, said.cache_seconds)
        _kept = wanted, cache
    return cache


def _values(contract: Contract, text: bytes) -> dict[str, Any]:
    """Arguments as JSON values. Raises DispatchError for what has no JSON form."""
    values: dict[str, Any] = json.loads(text)
    if not arguments_.unserializable(text.decode()):
        return values
    for key, value in values.items():
        if arguments_.unserializable(canonical_json(value)):
            raise DispatchError(
                f"{contract.function}: the argument {key} holds a value that has no JSON form, "
                f"and cannot be sent to {contract.model}"
            )
    return values


def _name(completion: Any) -> str | None:
    """The server's name for a question."""
    for attribute in ("_request_id", "id"):
        name = getattr(completion, attribute, None)
        if isinstance(name, str) and name:
            return name
    return None
