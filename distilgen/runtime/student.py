"""Asking the student: one chat completion with a forced tool call, its answer validated."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import TypeAdapter, ValidationError, create_model

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.errors import (
    DispatchError,
    InvalidAnswerError,
    MissingCredentialsError,
    ModelUnavailableError,
)
from distilgen.runtime import arguments as arguments_, settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from distilgen.contract import Contract

_adapters: dict[int, tuple[Any, TypeAdapter[Any]]] = {}
_clients: dict[str | None, Any] = {}
_clients_lock = threading.Lock()
_async_clients: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[str | None, tuple[Any, AsyncGenerator[None, None]]]
] = weakref.WeakKeyDictionary()
_inherited: list[Any] = []

_BACK = "`distilgen restore` gives the teacher back"


def ask(contract: Contract, returns: Any, arguments: Mapping[str, Any]) -> Any:
    """The student's answer, a value of the type `returns`. Raises DispatchError."""
    request = _request(contract, arguments)
    client = settings.current().client or _client(contract)
    try:
        completion = client.chat.completions.create(**request)
    except Exception as error:  # noqa: BLE001 - sorted out, or raised as it is
        _explain(contract, client, error)
    return _answer(contract, returns, completion)


async def aask(contract: Contract, returns: Any, arguments: Mapping[str, Any]) -> Any:
    """As `ask`, on the running event loop."""
    request = _request(contract, arguments)
    client = settings.current().async_client or await _async_client(contract)
    try:
        completion = await client.chat.completions.create(**request)
    except Exception as error:  # noqa: BLE001 - sorted out, or raised as it is
        _explain(contract, client, error)
    return _answer(contract, returns, completion)


def _request(contract: Contract, arguments: Mapping[str, Any]) -> dict[str, Any]:
    if contract.model is None:
        raise DispatchError(f"{contract.function}: no model; run `distilgen dispatch --model …`")
    text = arguments_.in_the_clear(arguments).decode()
    values = json.loads(text)
    if arguments_.unserializable(text):
        bad = [
            key for key, value in values.items() if arguments_.unserializable(canonical_json(value))
        ]
        if bad:
            raise DispatchError(
                f"{contract.function}: the argument {bad[0]} holds a value that has no JSON form, "
                f"and cannot be sent to {contract.model}"
            )
    return {
        "model": contract.model,
        **contract.request(values),
        "timeout": settings.current().timeout,
    }


def _answer(contract: Contract, returns: Any, completion: Any) -> Any:
    text = _tool_arguments(contract, completion)
    try:
        answer = _adapter(contract, returns).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = f"{where}: {first['msg']}" if where else first["msg"]
    except ValueError as error:  # half of a character
        what = str(error)
    else:
        return getattr(answer, RESULT_KEY) if contract.wraps_result else answer
    message = (
        f"{contract.function}: {contract.model} answered with no valid {contract.tool['name']}: "
        f"{what}; {_BACK}"
    )
    raise InvalidAnswerError(message, answer=text)


def _tool_arguments(contract: Contract, completion: Any) -> str:
    who, name = f"{contract.function}: {contract.model}", contract.tool["name"]
    choices = getattr(completion, "choices", None)  # a web page comes as text
    if not choices:
        said = completion if isinstance(completion, str) else None
        message = f"{who} answered with no completion; is --base-url right? {_BACK}"
        raise InvalidAnswerError(message, answer=said)
    choice = choices[0]
    calls = [
        function
        for call in choice.message.tool_calls or []
        if (function := getattr(call, "function", None)) is not None
    ]
    matching = [function for function in calls if function.name == name]
    if len(matching) == 1 and choice.finish_reason != "length":
        return str(matching[0].arguments)
    if choice.finish_reason == "length":
        what = "was cut off at its token limit"
    elif choice.message.refusal:
        what = f"refused: {choice.message.refusal}"
    else:
        called = ", ".join(function.name for function in calls) or "none"
        what = f"was to call the tool {name} once; it called {called}"
    said = "\n".join(function.arguments for function in calls)
    said = said or choice.message.refusal or choice.message.content
    raise InvalidAnswerError(f"{who} {what}; {_BACK}", answer=said)


def _adapter(contract: Contract, returns: Any) -> TypeAdapter[Any]:
    known = _adapters.get(id(contract))
    if known is None or known[0] != returns:
        kind = returns
        if contract.wraps_result:  # the raw text is validated: parsing it first would round numbers
            kind = create_model("Answer", **{RESULT_KEY: (returns, ...)})  # type: ignore[call-overload]
        known = _adapters[id(contract)] = (returns, TypeAdapter(kind))
    return known[1]


def _client(contract: Contract) -> Any:
    """One client a server, shared by all threads."""
    client = _clients.get(contract.base_url)
    if client is None:
        import openai  # noqa: PLC0415 - half a second, and a program may never ask

        with _clients_lock:
            client = _clients.get(contract.base_url)
            if client is None:
                client = _clients[contract.base_url] = _made(openai.OpenAI, contract)
    return client


async def _async_client(contract: Contract) -> Any:
    """One client a server and event loop: its connections belong to the loop, and end with it."""
    loop = asyncio.get_running_loop()
    clients = _async_clients.setdefault(loop, {})
    if contract.base_url not in clients:
        import openai  # noqa: PLC0415

        client = _made(openai.AsyncOpenAI, contract)
        life = _life(client)
        clients[contract.base_url] = client, life
        await anext(life)
    return clients[contract.base_url][0]


async def _life(client: Any) -> AsyncGenerator[None, None]:
    """Closes the client when the loop shuts its generators down, as `asyncio.run` does at its end:
    nobody else is told in time.
    """
    try:
        yield
    finally:
        _async_clients.pop(asyncio.get_running_loop(), None)
        await client.close()


def _after_fork() -> None:
    # The connections are the parent's. Their objects are kept, for to collect them is to close
    # them, and their locks may be held by threads that the child does not have.
    global _clients_lock  # noqa: PLW0603
    _clients_lock = threading.Lock()
    _inherited.append((_clients.copy(), dict(_async_clients)))
    _clients.clear()
    _async_clients.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _made(kind: Any, contract: Contract) -> Any:
    import openai  # noqa: PLC0415

    try:
        return kind(base_url=contract.base_url)
    except openai.OpenAIError:
        setting = "async_client" if kind is openai.AsyncOpenAI else "client"
        message = (
            f"{contract.function}: no API key: set OPENAI_API_KEY (to any text, where the server "
            f"wants none), or bring your own client with distilgen.configure({setting}=…)"
        )
        raise MissingCredentialsError(message) from None


def _explain(contract: Contract, client: Any, error: Exception) -> NoReturn:
    """Raise an error of ours, which says what to do, for one of the SDK's."""
    import openai  # noqa: PLC0415

    who, server = f"{contract.function}: {contract.model}", str(client.base_url)
    if isinstance(error, openai.NotFoundError):
        message = (
            f"{who} is not known to {server} ({_said(error)}); name another with "
            f"`distilgen dispatch --model …`, or its server with --base-url; {_BACK}"
        )
        raise ModelUnavailableError(message) from error
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        message = (
            f"{who}: {server} refuses us ({_said(error)}); check OPENAI_API_KEY, and whether the "
            f"host still serves this model; {_BACK}"
        )
        raise MissingCredentialsError(message) from error
    if isinstance(error, openai.APITimeoutError):
        seconds = settings.current().timeout
        message = (
            f"{who}: no answer from {server} in {seconds:g} seconds; give it more with "
            f"DISTILGEN_TIMEOUT; {_BACK}"
        )
        raise DispatchError(message) from error
    if isinstance(error, openai.APIConnectionError):
        raise DispatchError(f"{who}: cannot reach {server}; {_BACK}") from error
    if isinstance(error, openai.APIError):
        raise DispatchError(f"{who}: {server} answered: {_said(error)}; {_BACK}") from error
    raise error


def _said(error: Any) -> str:
    """The server's own words."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or error)
