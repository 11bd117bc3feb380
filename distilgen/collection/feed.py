"""The calls that are to be made, handed out one by one to whoever makes them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from distilgen.collection.given import Given


@dataclass(frozen=True)
class Call:
    """A call to make. values: of all parameters, by name, of the types that the function wants.
    text: the same as JSON, as a record would hold it.
    """

    given: Given
    values: Mapping[str, Any]
    text: bytes


@dataclass(frozen=True)
class Failure:
    """What was raised. type: its class, with its module."""

    type: str
    message: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class ResultError(Exception):
    """A result that its record cannot hold; the call failed, whatever the teacher thinks."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True)
class Ended:
    """A call that was made. failure: None where it returned. tries: how often it was made."""

    call: Call
    failure: Failure | None = None
    tries: int = 1


class Feed:
    """Hands out calls, to any thread, until there are no more or it is stopped.

    error: what was raised while the next one was looked for; then there are no more.
    """

    def __init__(self, calls: Iterator[Call]) -> None:
        self.error: BaseException | None = None
        self._calls = calls
        self._turn = threading.Lock()
        self._is_over = False
        self._stopped = threading.Event()

    def take(self) -> Call | None:
        """The next call, as soon as there is one; None where there are no more."""
        with self._turn:
            if self._is_over or self.is_stopped:
                return None
            try:
                call = next(self._calls, None)
            except BaseException as error:  # noqa: BLE001 - is raised again where the run ends
                self.error = error
                call = None
            self._is_over = call is None
            return call if self.pause(0) else None

    def stop(self) -> None:
        """Hand out no more, and end all pauses."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Was it stopped? Then running calls get a moment, and no call is begun."""
        return self._stopped.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait so long; False where it was stopped meanwhile."""
        longest = min(seconds, threading.TIMEOUT_MAX)  # of Windows, 49 days
        return not (self._stopped.wait(longest) if seconds > 0 else self.is_stopped)
