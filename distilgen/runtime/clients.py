"""Who carries questions: one `openai` client a server and key, shared by all threads, and one for
each event loop; or the one that the program brings.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.errors import MissingCredentialsError, UnreachableError
from distilgen.runtime import beside, limits, settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from distilgen.contract import Contract

Key = tuple[str | None, str | None]
"""The server, and the environment variable that has its key."""


class Client(NamedTuple):
    """A client that tries once. retries: how often it would have tried again. server: its URL.
    is_ours: the program knows nothing of it.
    """

    client: Any
    retries: int
    server: str
    is_ours: bool = False


_clients: dict[Key, Client] = {}
_clients_lock = threading.RLock()  # a signal handler may ask, too
_async_clients: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[Key, tuple[Client, AsyncGenerator[None, None]]]
] = weakref.WeakKeyDictionary()
_brought: dict[str, tuple[Any, Client]] = {}
_inherited: list[Any] = []
_PATIENCE_S = 10.0


def client_of(contract: Contract) -> Client:
    """The client of a contract's server, or the program's own. Raises DispatchError."""
    brought = settings.current().client
    if brought is not None:
        return _adopted("client", brought)
    key = contract.base_url, contract.api_key_env
    known = _clients.get(key)
    if known is None:
        with _clients_lock:
            known = _clients.get(key)
            if known is None:
                import openai  # noqa: PLC0415 - half a second, and a program may never ask

                http = openai.DefaultHttpxClient()
                limits.keep(http)
                made = _once(_made(openai.OpenAI, contract, http))._replace(is_ours=True)
                # All that a first question would import, or take locks for that a child inherits.
                made.client.chat.completions, made.client.default_headers  # noqa: B018
                importlib.import_module("encodings.idna")  # names of hosts
                known = _clients[key] = made
    return known


async def async_client_of(contract: Contract) -> Client:
    """As `client_of`, for the running event loop: connections belong to it, and end with it."""
    brought = settings.current().async_client
    if brought is not None:
        return _adopted("async_client", brought)
    key = contract.base_url, contract.api_key_env
    loop = asyncio.get_running_loop()
    for other in [one for one in _async_clients if one.is_closed()]:  # nobody shut it down
        _async_clients.pop(other, None)
    known = _async_clients.setdefault(loop, {})
    if key not in known and "openai" not in sys.modules:
        await asyncio.to_thread(importlib.import_module, "openai")  # half a second
    if key not in known:
        import openai  # noqa: PLC0415

        client = _made(openai.AsyncOpenAI, contract, openai.DefaultAsyncHttpxClient())
        life = _life(client)
        known[key] = _once(client)._replace(is_ours=True), life
        await anext(life)
    return known[key][0]


def close() -> None:
    """Close those that are shared by threads."""
    with _clients_lock:
        known = list(_clients.values())
        _clients.clear()
        _brought.clear()
    for one in known:
        with contextlib.suppress(Exception):
            one.client.close()


async def _life(client: Any) -> AsyncGenerator[None, None]:
    """Closes the client when the loop shuts its generators down, as `asyncio.run` does at its end:
    nobody else is told in time.
    """
    try:
        yield
    finally:
        _async_clients.pop(asyncio.get_running_loop(), None)
        await client.close()


def _adopted(setting: str, brought: Any) -> Client:
    """The program's client; kept, because to make it try once takes longer than to look it up."""
    known = _brought.get(setting)
    if known is None or known[0] is not brought:
        limits.keep(getattr(brought, "_client", None))
        known = _brought[setting] = brought, _once(brought)
    return known[1]


def _once(client: Any) -> Client:
    """A client that leaves it to us to try again: we know how long the call has."""
    server = str(getattr(client, "base_url", "") or "")
    with_options = getattr(client, "with_options", None)
    retries = getattr(client, "max_retries", None)
    if with_options is None or not isinstance(retries, int):
        return Client(client, 0, server)  # of another make: it does as it does
    once = with_options(max_retries=0)
    for name in ("organization", "project"):  # a copy reads them from the environment again
        if hasattr(once, name):
            setattr(once, name, getattr(client, name))
    return Client(once, retries, server)


def _made(kind: Any, contract: Contract, http: Any) -> Any:
    import openai  # noqa: PLC0415

    named = contract.api_key_env
    variable = named or "OPENAI_API_KEY"
    key = os.environ.get(named) if named else None
    try:
        # Without a key of its own the client would take that of another server.
        given = {"api_key": key or ""} if named else {}
        client = kind(base_url=contract.base_url, http_client=http, **given)
    except openai.OpenAIError:
        client = None
    except Exception as error:
        message = f"{contract.function}: {contract.base_url} is no server's URL: {error}"
        raise UnreachableError(message) from error
    if key is not None and not key.isascii():
        message = f"{contract.function}: {variable} is no key: it has a character beyond ASCII"
        raise MissingCredentialsError(message)
    if named and client is not None and contract.base_url:  # whose they are, is OpenAI
        client.organization = client.project = None
    if client is None or (named and not key):
        setting = "async_client" if kind is openai.AsyncOpenAI else "client"
        message = (
            f"{contract.function}: no API key: set {variable} (to any text, where the server "
            f"wants none), or bring your own client with distilgen.configure({setting}=…)"
        )
        raise MissingCredentialsError(message)
    return client


def _before_fork() -> None:
    # A child that is forked while another thread imports `openai` would wait for it for ever.
    _clients_lock.acquire(timeout=_PATIENCE_S)


def _in_parent() -> None:
    with contextlib.suppress(RuntimeError):  # it took too long
        _clients_lock.release()


def _after_fork() -> None:
    # The connections are the parent's. Their objects are kept, for to collect them is to close
    # them, and their locks may be held by threads that the child does not have.
    global _clients_lock  # noqa: PLW0603
    _clients_lock = threading.RLock()
    _inherited.append((_clients.copy(), dict(_async_clients)))
    _clients.clear()
    _async_clients.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_after_fork)


@atexit.register
def _end() -> None:
    beside.finish(settings.current().flush_seconds)  # who still asks, needs them
    close()
