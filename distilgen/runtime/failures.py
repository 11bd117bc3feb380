"""What the SDK raises: whether to try again, and in words that say what to do."""

from __future__ import annotations

import email.utils
import os
import random
import time
from typing import TYPE_CHECKING, Any

from distilgen.errors import (
    DispatchError,
    DispatchTimeoutError,
    MissingCredentialsError,
    ModelUnavailableError,
    UnreachableError,
)
from distilgen.records.urls import without_password
from distilgen.runtime.call import told

if TYPE_CHECKING:
    from distilgen.contract import Contract

_SHOWN = 300
"""Characters of what a server says that are repeated."""

_KEY = 8
"""Characters that a key has at least: a server that wants none takes any text."""

_AGAIN = frozenset({408, 409, 429})
_FIRST_S, _LONGEST_S, _LONGEST_ASKED_S = 0.5, 8.0, 120.0  # as the SDK has it
_random = random.Random()  # noqa: S311 - ours, or the program's own seed would change


def delay(error: Exception, tried: int) -> float | None:
    """Seconds to wait before the question is sent again, which was `tried` times before; None where
    that is of no use. The rules are the SDK's.
    """
    import openai  # noqa: PLC0415 - loaded: it has raised

    if isinstance(error, openai.APIStatusError):
        headers = error.response.headers
        wish = headers.get("x-should-retry")
        status = error.status_code
        if wish == "false" or (wish != "true" and status not in _AGAIN and status < 500):
            return None
        asked = _asked(headers)
        if asked is not None:
            return asked if asked <= _LONGEST_ASKED_S else None
    elif not isinstance(error, openai.APIConnectionError):
        return None
    longest = min(_FIRST_S * 2.0 ** min(tried, 10), _LONGEST_S)
    return longest * (1 - 0.25 * _random.random())


def _asked(headers: Any) -> float | None:
    """The seconds that a server asks us to wait; None where it does not."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return seconds if seconds > 0 else None
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    try:
        seconds = email.utils.mktime_tz(date) - time.time() if date else 0.0
    except (ValueError, OverflowError):  # a year that no calendar has
        return None
    return seconds if seconds > 0 else None


def back(contract: Contract) -> str:
    """How to get the function's own body back."""
    return f"`distilgen rollout set {contract.function} --mode record` puts its body back"


def details(error: BaseException) -> dict[str, Any]:
    """What became of a question, as a record tells it."""
    cause = error.__cause__
    more = {
        "kind": getattr(error, "kind", None),
        "status": getattr(cause, "status_code", None),
        "request_id": getattr(error, "request_id", None),
    }
    return told(error) | {name: value for name, value in more.items() if value is not None}


def too_late(contract: Contract, server: str, limit: float) -> DispatchTimeoutError:
    """There was no answer in time. limit: seconds."""
    server = without_password(server)
    return DispatchTimeoutError(
        f"{_who(contract)}: no answer from {server} in {limit:g} seconds; give it more with "
        f"DISTILGEN_TIMEOUT; {back(contract)}"
    )


def explained(contract: Contract, server: str, error: Exception, limit: float) -> DispatchError:
    """An error of ours, which says what to do, for what a client raised."""
    import openai  # noqa: PLC0415 - loaded

    who, said = _who(contract), _without_key(contract, _said(error))
    server = without_password(server)
    named = getattr(error, "request_id", None)
    if isinstance(error, openai.NotFoundError):
        message = (
            f"{who} is not known to {server} ({said}); name another with "
            f"`distilgen rollout set {contract.function} --model …`, or its server with "
            f"--base-url{_closed(contract)}; {back(contract)}"
        )
        return ModelUnavailableError(message, request_id=named)
    if isinstance(error, openai.AuthenticationError):
        key = contract.api_key_env or "OPENAI_API_KEY"
        message = f"{who}: {server} refuses the key ({said}); check {key}; {back(contract)}"
        return MissingCredentialsError(message, request_id=named)
    if isinstance(error, openai.PermissionDeniedError):
        key = contract.api_key_env or "OPENAI_API_KEY"
        message = (
            f"{who}: {server} refuses us ({said}); check {key}, and whether the host still serves "
            f"this model{_closed(contract)}; {back(contract)}"
        )
        return ModelUnavailableError(message, request_id=named)
    if isinstance(error, openai.APITimeoutError):
        return too_late(contract, server, limit)
    if isinstance(error, openai.APIConnectionError):
        why = f" ({error.__cause__})" if error.__cause__ and str(error.__cause__) else ""
        return UnreachableError(f"{who}: cannot reach {server}{why}; {back(contract)}")
    if isinstance(error, openai.APIError):
        response = getattr(error, "response", None)
        asked = _asked(response.headers) if response is not None else None
        if asked is not None:
            said += f" (it asks to wait {asked:g} seconds; the call has {limit:g})"
        message = f"{who}: {server} answered: {said}; {back(contract)}"
        return DispatchError(message, request_id=named)
    kind = type(error).__name__
    return DispatchError(f"{who}: the client of {server} raised {kind}: {said}; {back(contract)}")


def _without_key(contract: Contract, text: str) -> str:
    """What a server says, without the key that it was shown."""
    key = os.environ.get(contract.api_key_env or "OPENAI_API_KEY", "")
    return text.replace(key, "…") if len(key) >= _KEY else text


def _who(contract: Contract) -> str:
    return f"{contract.function}: {contract.model}"


def _closed(contract: Contract) -> str:
    """What is known of a fine-tuned model's end."""
    if not (contract.model or "").startswith("ft:gpt-4"):
        return ""
    return (
        "; OpenAI stops serving fine-tuned models of the gpt-4o and gpt-4.1 families on 14 January "
        "2027"
    )


def _said(error: Any) -> str:
    """The server's own words."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    text = str(message or told(error)["message"])
    # As it is: what is to be hidden in a record is looked for in it.
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
