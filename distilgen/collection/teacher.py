"""The function whose calls are collected: imported, bound and recorded."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from distilgen.collection.feed import Call, Failure, ResultError
from distilgen.collection.given import Given, Refused, as_json
from distilgen.collection.typed import MisfitError, Typed
from distilgen.errors import CollectError
from distilgen.records.record import TOO_LARGE, UNSERIALIZABLE, marked, marker_in
from distilgen.runtime import arguments, control, sensitive, settings
from distilgen.runtime.bound import Contract
from distilgen.runtime.call import told
from distilgen.runtime.generated import signature_of
from distilgen.runtime.recorder import Recorder, record
from distilgen.runtime.redaction import NOTHING_SAID, Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from distilgen import contract as contracts

_OURS = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class Teacher:
    """A recorded function that can be called. function: bound, where it is a method. typed: reads
    the values of its parameters. redaction: what is hidden in its records; None for nothing.
    """

    name: str
    contract: contracts.Contract
    function: Callable[..., Any]
    recorder: Recorder
    typed: Typed
    redaction: Redaction | None
    is_async: bool

    @property
    def hides(self) -> bool:
        """May different calls look alike in their records?"""
        return self.redaction is not None

    def prepare(self, given: Given) -> Call | Refused:
        """The call that an input asks for, or why it cannot be made."""
        try:
            values = self.typed.values(given)
            text = self._recorded(values)
        except MisfitError as error:
            return Refused(given.origin, str(error), given.arguments, given.is_text)
        return Call(given, values, text)

    def key(self, call: Call) -> bytes:
        """What tells calls apart, where their records may not."""
        if not self.hides:
            return call.text
        return as_json(call.given.arguments)

    def call(self, values: Mapping[str, Any], taken: int = 0) -> None:
        """Call it, and see that the result can be recorded; a generator is exhausted. taken: bytes
        of the record that the arguments need. Raises what the function raises, and ResultError.
        """
        given, named = self._bound(values)
        result = self.function(*given, **named)
        self._check(result if self.recorder.streams else [result], taken)

    async def acall(self, values: Mapping[str, Any], taken: int = 0) -> None:
        """As `call`, of an async function."""
        given, named = self._bound(values)
        result = self.function(*given, **named)
        if hasattr(result, "__aiter__"):
            self._check([item async for item in result], taken)
            return
        self._check([await result if inspect.isawaitable(result) else result], taken)

    def lost(self) -> str:
        """Why a call left no record; empty where all did."""
        counts = self.recorder.counts()
        if counts.unsampled:
            return "the settings took a sample only; the module's own distilgen.configure() says so"
        return (counts.why or "nobody knows why") if counts.lost else ""

    def unrecorded(self) -> int:
        """How many records of calls were lost."""
        counts = self.recorder.counts()
        return counts.lost + counts.unsampled

    def _recorded(self, values: Mapping[str, Any]) -> bytes:
        """The arguments as their record will have them. Raises MisfitError where it cannot hold
        them.
        """
        limit = settings.current().limit
        try:
            text = self._told(values, limit)
        except Exception as error:
            raise MisfitError(f"it cannot be redacted: {type(error).__name__}") from error
        if marked(text.decode()):
            marker = marker_in(json.loads(text))
            if marker == TOO_LARGE:
                raise MisfitError(
                    f"is too large: a record takes {limit:,} bytes; say more by DISTILGEN_LIMIT"
                )
            if marker == UNSERIALIZABLE:
                raise MisfitError("holds a value that has no JSON form, so no record can hold it")
        return text

    def _told(self, values: Mapping[str, Any], limit: int) -> bytes:
        known = {name: values[name] for name in self.contract.parameters if name in values}
        if self.redaction is None:
            try:
                return arguments.canonical(known, limit=limit)
            except sensitive.NotRedactedError:
                return NOTHING_SAID.begin().arguments(known, limit)
        return self.redaction.begin().arguments(known, limit)

    def _check(self, results: Iterator[Any] | list[Any], taken: int) -> None:
        size, limit = taken + len(b'"result":'), settings.current().limit
        misfit: Exception | None = None
        for result in results:  # to the end, also behind a misfit: the generator is the user's
            if misfit is not None:
                continue
            try:
                with sensitive.watched(None):
                    size += len(self.recorder.results().dump(result)) + 1
            except Exception as error:  # noqa: BLE001 - whatever Pydantic, or a serialiser, raises
                misfit = error
        if misfit is not None:
            said = told(misfit, "the result does not fit the return type: ")
            raise ResultError(Failure(said["type"], said["message"]))
        if size > limit:
            message = f"the call has {size:,} bytes, and a record takes {limit:,}"
            raise ResultError(Failure("TooLarge", f"{message}; say more by DISTILGEN_LIMIT"))

    def _bound(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        given: list[Any] = []
        named: dict[str, Any] = {}
        for name, parameter in self.typed.parameters.items():
            if name not in values:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                given += values[name]
            elif parameter.kind is parameter.VAR_KEYWORD:
                named |= values[name]
            elif parameter.kind is parameter.KEYWORD_ONLY:
                named[name] = values[name]
            else:
                given.append(values[name])
        return given, named


def teacher_of(name: str, freeze: Callable[[], contracts.Contract]) -> Teacher:
    """The function `module:qualname`, imported. A function that records its calls does so; another
    is wrapped, by the contract that its stub asks with, or by that which `freeze` gives. Raises
    CollectError.
    """
    module_name, _, qualname = name.partition(":")
    module = _imported(module_name)
    owner, found = _found(module, qualname, name)
    recorder = _recorder_of(found, name)
    if recorder is None:
        contract = _stub_contract(module, name) or Contract(**vars(freeze()))
        found = _wrapped(found, contract)
        recorder = _recorder_of(found, name)
        if recorder is None:
            raise CollectError(f"{name}: cannot be recorded")
    function = _bound_to(owner, found, name)
    if recorder.outdated:
        raise CollectError(
            f"{name}: its contract has a parameter {recorder.outdated!r}, which the function has "
            "not; run `distilgen instrument`"
        )
    parameters = {
        parameter.name: parameter
        for parameter in signature_of(function).parameters.values()
        if parameter.name in recorder.contract.parameters or parameter.default is parameter.empty
    }
    plain = inspect.unwrap(function)
    return Teacher(
        name=name,
        contract=recorder.contract,
        function=function,
        recorder=recorder,
        typed=Typed.of(plain, parameters),
        redaction=Redaction.of(recorder.function, recorder.contract, settings.current()),
        is_async=any(
            inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one)
            for one in (function, plain)
        ),
    )


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise CollectError(f"{name} cannot be imported:\n{_trimmed(error)}") from error


def _trimmed(error: BaseException) -> str:
    """The traceback, without what is between us and the user's code."""
    told = traceback.TracebackException.from_exception(error)
    one: traceback.TracebackException | None = told
    while one is not None:
        kept = [frame for frame in one.stack if not _is_between(frame.filename)]
        one.stack = traceback.StackSummary.from_list(kept)
        one = one.__cause__ or one.__context__
    return "".join(told.format()).rstrip()


def _is_between(file: str) -> bool:
    return file == importlib.__file__ or file.startswith(("<frozen ", _OURS))


def _found(module: ModuleType, qualname: str, name: str) -> tuple[Any, Any]:
    """(the class that it stands in, or None; the attribute as it stands there)."""
    owner: Any = None
    found: Any = module
    for part in qualname.split("."):
        owner = found if isinstance(found, type) else None
        try:
            found = inspect.getattr_static(found, part)
        except AttributeError:
            raise CollectError(f"{name}: its module has no {qualname} when it runs") from None
    if isinstance(found, property) or not (
        callable(found) or isinstance(found, staticmethod | classmethod)
    ):
        raise CollectError(f"{name}: is no function: there is nothing to pass to it")
    return owner, found


def _chain(found: Any) -> Iterator[Any]:
    """A function and what it wraps."""
    while found is not None:
        yield found
        found = getattr(found, "__func__", None) or getattr(found, "__wrapped__", None)


def _recorder_of(found: Any, name: str) -> Recorder | None:
    """The recorder that a call of the function goes through."""
    functions = {id(one) for one in _chain(found)}
    recorders = [one for one in control.all_recorders() if isinstance(one, Recorder)]
    inner = [one for one in recorders if id(one.function) in functions]
    # A decorator above ours may not say what it wraps.
    return next(iter([*inner, *(one for one in recorders if one.name == name)]), None)


def _stub_contract(module: ModuleType, name: str) -> Contract | None:
    """The contract that a stub asks with: its records must name the model."""
    for sidecar in list(vars(module).values()):
        if isinstance(sidecar, ModuleType) and sidecar.__name__.endswith("_distil"):
            for item in vars(sidecar).values():
                if isinstance(item, Contract) and item.function == name:
                    return item
    return None


def _wrapped(found: Any, contract: Contract) -> Any:
    """The attribute, recorded, of the same kind."""
    if isinstance(found, staticmethod | classmethod):
        return type(found)(record(contract, found.__func__))
    return record(contract, found)


def _bound_to(owner: Any, found: Any, name: str) -> Callable[..., Any]:
    """The function as a program calls it."""
    if owner is None or not hasattr(found, "__get__"):
        return found  # type: ignore[no-any-return]
    if isinstance(found, staticmethod | classmethod):
        return found.__get__(None, owner)
    try:
        instance = owner()
    except Exception as error:
        raise CollectError(
            f"{name}: is a method, and {owner.__qualname__}() cannot be made without arguments "
            f"({type(error).__name__}: {error}); collect a function that makes one and calls it"
        ) from error
    return found.__get__(instance, owner)  # type: ignore[no-any-return]


def import_roots(roots: Iterator[Path] | tuple[Path, ...]) -> None:
    """Have modules found as the project's program finds them."""
    for root in reversed([str(root) for root in roots]):
        if root not in sys.path:
            sys.path.insert(0, root)
