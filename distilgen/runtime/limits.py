"""How long a call may take: one time limit for all that it does, and what keeps a connection to it.

The timeout of an HTTP client holds for each single read. A server that sends a byte now and then
would keep a caller for ever, so that the connections of our clients ask here how long is left.
"""

from __future__ import annotations

import contextlib
import inspect
import socket
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from distilgen.errors import ConfigError
from distilgen.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.contract import Contract

SECONDS = 30.0
"""The time limit of a call, unless somebody says otherwise."""

_said: ContextVar[float | None] = ContextVar("distilgen_timeout", default=None)
_ends: ContextVar[float | None] = ContextVar("distilgen_ends", default=None)


@contextmanager
def timeout(seconds: float) -> Iterator[None]:
    """Give the dispatched calls in this block so many seconds each; raises ConfigError for less
    than any time. It holds for this thread, or this asyncio task and those that it starts.
    """
    given: Any = seconds
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (is_number and 0 < seconds < float("inf")):
        raise ConfigError(f"timeout({seconds!r}): is no number of seconds")
    before = _said.get()
    _said.set(seconds)
    try:
        yield
    finally:
        _said.set(before)  # not by a token: a framework may end the block in another context


def of_call(contract: Contract) -> float:
    """The seconds that a call has: as its block says, the environment or `configure`, or its
    contract.
    """
    for seconds in (_said.get(), settings.current().timeout, contract.timeout):
        if seconds is not None:
            return seconds
    return SECONDS


@contextmanager
def ending(at: float) -> Iterator[None]:
    """What connections do in this block ends then, on `time.monotonic`."""
    token = _ends.set(at)
    try:
        yield
    finally:
        _ends.reset(token)


def keep(http: Any) -> None:
    """Have the connections that a synchronous `httpx` client is yet to make end in time; outside of
    `ending` they do as before.

    httpx takes no network backend, though httpcore, which it is made of, does; so it is put where
    httpx would put it. Where that is not as it was, each read has its own time again.
    """
    mounts = getattr(http, "_mounts", None)
    more = mounts.values() if isinstance(mounts, dict) else ()
    for transport in (getattr(http, "_transport", None), *more):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if backend is None or isinstance(backend, _Backend):
            continue
        if not inspect.iscoroutinefunction(getattr(backend, "connect_tcp", None)):
            pool._network_backend = _Backend(backend)  # type: ignore[union-attr]  # noqa: SLF001


def _left(timeout: float | None) -> float | None:
    """Of the time that an operation may take, what the call has left. Raises TimeoutError."""
    ends = _ends.get()
    if ends is None:
        return timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call's time is over")
    return left if timeout is None else min(left, timeout)


class _Backend:
    """A network backend of httpcore's whose connections end in time."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **more: Any
    ) -> _Stream:
        # The backend would give each address of a name all of the time.
        found: list[Any] = []
        if _ends.get() is not None:
            with contextlib.suppress(OSError):  # as the backend will say
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        *others, last = list(dict.fromkeys(str(one[4][0]) for one in found)) or [host]
        for address in others:
            with contextlib.suppress(Exception):
                return self._connected(address, port, _left(timeout), more)
        return self._connected(last, port, _left(timeout), more)

    def _connected(self, host: str, port: int, timeout: float | None, more: Any) -> _Stream:
        return _Stream(self._backend.connect_tcp(host, port, timeout=timeout, **more))

    def connect_unix_socket(self, *args: Any, timeout: float | None = None, **more: Any) -> _Stream:
        return _Stream(self._backend.connect_unix_socket(*args, timeout=_left(timeout), **more))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(_left(seconds))


class _Stream:
    """A connection that ends in time."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.close = stream.close
        self.get_extra_info = stream.get_extra_info

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(timeout))  # type: ignore[no-any-return]

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(timeout))

    def start_tls(self, *args: Any, timeout: float | None = None, **more: Any) -> _Stream:
        return _Stream(self._stream.start_tls(*args, timeout=_left(timeout), **more))
