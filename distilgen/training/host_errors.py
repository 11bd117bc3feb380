"""What goes wrong between a host with OpenAI's API and us, in the user's words."""

from __future__ import annotations

import contextlib
import email.utils
import time
from typing import TYPE_CHECKING, Any

from distilgen.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLOSED = "training_not_available"
"""OpenAI's code for an organisation that may create no fine-tuning jobs any more."""

_SPENT = "insufficient_quota"
_LONGEST = 500  # characters of a host's text: it may be a page of HTML
_PASSING = frozenset({408, 409, 425, 429})
_ADVICE: Mapping[int, str] = {
    401: "the host refuses the key: is it this server's, and in the variable that is read?",
    402: "the account has to be paid for",
    403: "the key may not do that: ask whoever owns the account",
    404: "is the id right, and does --base-url lead to an API with fine-tuning, such as …/v1?",
    405: "the host has no such request: does --base-url lead to an API with fine-tuning?",
    413: "that is more than the host takes at once",
    429: "the host takes no more requests now: run the command again in a while",
}


@contextlib.contextmanager
def calling(server: str, what: str) -> Iterator[None]:
    """Around calls of an `openai` client: what goes wrong becomes a HostError.

    server: its URL, for the message. what: is asked, such as "upload of train.jsonl".
    """
    import openai  # noqa: PLC0415 - half a second, and only hosts need it

    try:
        yield
    except openai.APIStatusError as error:
        raise _refused(server, what, error) from error
    except openai.APIConnectionError as error:
        why = "no answer in time" if isinstance(error, openai.APITimeoutError) else _cause(error)
        message = (
            f"{what}: {server} cannot be reached ({why}); check network and URL, and run the "
            "command again"
        )
        raise HostError(message, status=None, passes=True) from error
    except openai.OpenAIError as error:
        message = f"{what}: {server}: {_short(error)}"
        raise HostError(message, status=None) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # A page of HTML with status 200 comes as a text, and has no attributes.
        is_text = isinstance(getattr(error, "obj", None), str)
        why = "a text, and no JSON" if is_text else _short(error)
        message = (
            f"{what}: what {server} answered is not of OpenAI's API ({why}); does the "
            "URL lead to one, such as …/v1?"
        )
        raise HostError(message, status=None) from error


def _refused(server: str, what: str, error: Any) -> HostError:
    status, code = error.status_code, error.code
    if code == CLOSED:
        advice = (
            "it takes no new fine-tuning jobs from this organisation, and from 6 January 2027 on "
            "from nobody. Train another way: with no --provider, the embedded student; with "
            "--provider trl, an open model; or name another host with --provider or --base-url"
        )
    elif code == _SPENT:
        advice = "the account's credit is used up"
    elif status >= 500:
        advice = "the trouble is the host's: run the command again in a while"
    else:
        advice = _ADVICE.get(status, "")
    said = f"{_text(error.body) or _short(error)}"
    named = f", {code}" if code and code not in said else ""
    message = f"{what}: {server} answered {status}{named}: {said}"
    passes = code != _SPENT and (status in _PASSING or status >= 500)
    return HostError(
        f"{message}; {advice}" if advice else message,
        status=status,
        code=code,
        after=_after(error.response.headers),
        passes=passes,
    )


def _text(body: Any) -> str:
    """What a host says is wrong, in whichever shape: OpenAI's, FastAPI's, or plain text."""
    if isinstance(body, dict):
        found = body.get("message") or body.get("detail") or body.get("error")
        return _text(found) if isinstance(found, dict) else _short(found or "")
    return _short(body or "")


def _short(said: object) -> str:
    text = " ".join(str(said).split()).rstrip(".;")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _cause(error: BaseException) -> str:
    """The innermost reason of a connection error, which alone says what happened."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return _short(error) or type(error).__name__


def _after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a host asks to wait: `retry-after-ms`, or `Retry-After` as number or date."""
    with contextlib.suppress(ValueError):
        return _seconds(float(headers.get("retry-after-ms", "")) / 1000)
    said = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return _seconds(float(said))
    when = email.utils.parsedate_tz(said)
    return None if when is None else _seconds(email.utils.mktime_tz(when) - time.time())


def _seconds(value: float) -> float | None:
    return value if 0 <= value < float("inf") else None
