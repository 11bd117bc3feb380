"""Asking the student: one chat completion with a forced tool call, its answer validated."""

from __future__ import annotations

import asyncio
import json
import weakref
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from distilgen.contract import canonical_json
from distilgen.errors import (
    DispatchError,
    InvalidAnswerError,
    MissingCredentialsError,
    ModelUnavailableError,
)
from distilgen.runtime import arguments as arguments_, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.contract import Contract

_adapters: dict[int, tuple[Any, TypeAdapter[Any]]] = {}
_clients: dict[str | None, Any] = {}
_async_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str | None, Any]] = (
    weakref.WeakKeyDictionary()
)


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
    client = settings.current().async_client or _async_client(contract)
    try:
        completion = await client.chat.completions.create(**request)
    except Exception as error:  # noqa: BLE001 - sorted out, or raised as it is
        _explain(contract, client, error)
    return _answer(contract, returns, completion)


def _request(contract: Contract, arguments: Mapping[str, Any]) -> dict[str, Any]:
    if contract.model is None:
        raise DispatchError(f"{contract.function}: no model; run `distilgen dispatch --model …`")
    text = arguments_.canonical(arguments).decode()
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
        if contract.wraps_result:
            text = canonical_json(contract.unwrap(json.loads(text)))
        return _adapter(contract, returns).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = f"{where}: {first['msg']}" if where else first["msg"]
    except (ValueError, KeyError) as error:
        what = f"not what was asked for: {error}"
    wanted = f"{contract.model} answered with no valid {contract.tool['name']}"
    raise InvalidAnswerError(f"{contract.function}: {wanted}: {what}", answer=text)


def _tool_arguments(contract: Contract, completion: Any) -> str:
    name = contract.tool["name"]
    choice = completion.choices[0] if completion.choices else None
    calls = (choice.message.tool_calls or []) if choice else []
    matching = [c for c in calls if c.type == "function" and c.function.name == name]
    if len(matching) == 1 and choice and choice.finish_reason != "length":
        return str(matching[0].function.arguments)
    if choice is None:
        what, said = "answered nothing", None
    elif choice.finish_reason == "length":
        what = "was cut off at its token limit"
        said = matching[0].function.arguments if matching else choice.message.content
    elif choice.message.refusal:
        what, said = "refused", choice.message.refusal
    else:
        what = f"made {len(matching)} calls of the tool {name} instead of one"
        said = choice.message.content
    raise InvalidAnswerError(f"{contract.function}: {contract.model} {what}", answer=said)


def _adapter(contract: Contract, returns: Any) -> TypeAdapter[Any]:
    known = _adapters.get(id(contract))
    if known is None or known[0] != returns:
        known = _adapters[id(contract)] = (returns, TypeAdapter(returns))
    return known[1]


def _client(contract: Contract) -> Any:
    """One client a server, shared by all threads."""
    if contract.base_url not in _clients:
        import openai  # noqa: PLC0415 - half a second, and a program may never ask

        _clients[contract.base_url] = _made(openai.OpenAI, contract)
    return _clients[contract.base_url]


def _async_client(contract: Contract) -> Any:
    """One client a server and event loop: its connections belong to the loop."""
    clients = _async_clients.setdefault(asyncio.get_running_loop(), {})
    if contract.base_url not in clients:
        import openai  # noqa: PLC0415

        clients[contract.base_url] = _made(openai.AsyncOpenAI, contract)
    return clients[contract.base_url]


def _made(kind: Any, contract: Contract) -> Any:
    import openai  # noqa: PLC0415

    try:
        return kind(base_url=contract.base_url)
    except openai.OpenAIError:
        message = (
            f"{contract.function}: no API key: set OPENAI_API_KEY (to any text, where the server "
            "wants none), or bring your own client with distilgen.configure(client=…)"
        )
        raise MissingCredentialsError(message) from None


def _explain(contract: Contract, client: Any, error: Exception) -> NoReturn:
    """Raise an error of ours, which says what to do, for one of the SDK's."""
    import openai  # noqa: PLC0415

    who, server = f"{contract.function}: {contract.model}", str(client.base_url)
    back = "`distilgen restore` gives the teacher back"
    if isinstance(error, openai.NotFoundError):
        message = (
            f"{who} is not known to {server} ({_said(error)}); name another with "
            f"`distilgen dispatch --model …`, or its server with --base-url; {back}"
        )
        raise ModelUnavailableError(message) from error
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        message = (
            f"{who}: {server} refuses us ({_said(error)}); check OPENAI_API_KEY, and whether the "
            f"host still serves this model; {back}"
        )
        raise MissingCredentialsError(message) from error
    if isinstance(error, openai.APITimeoutError):
        seconds = settings.current().timeout
        message = f"{who}: no answer from {server} in {seconds:g} seconds (DISTILGEN_TIMEOUT)"
        raise DispatchError(message) from error
    if isinstance(error, openai.APIConnectionError):
        raise DispatchError(f"{who}: cannot reach {server}; {back}") from error
    if isinstance(error, openai.APIError):
        raise DispatchError(f"{who}: {server} answered: {_said(error)}") from error
    raise error


def _said(error: Any) -> str:
    """The server's own words."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or error)
