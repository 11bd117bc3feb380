"""What may be said of a server in a file that others read: never a secret."""

from __future__ import annotations

import re

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY_LIKE = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{18,}")
"""So many letters and digits without a break are no words."""
_INSTEAD = "name the variable that has the key (api_key_env)"


class SecretError(ValueError):
    """A text that is not to be written down. Its message does not repeat it."""


def base_url(text: str) -> str:
    """The text, which is the base URL of a server. Raises SecretError."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - few commands name a server

    try:
        url = urlsplit(text)
        fits = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        fits = False
    if not fits or not text.isprintable() or " " in text:
        message = "should be http:// or https:// with a host, such as http://localhost:8000/v1"
        raise SecretError(message)
    if "@" in url.netloc:
        raise SecretError(f"holds a user name or a password; {_INSTEAD}")
    if "?" in text or "#" in text:
        raise SecretError(f"holds a query, where keys do not belong; {_INSTEAD}")
    return text


def variable(text: str) -> str:
    """The text, which is the name of the variable that has a key. Raises SecretError."""
    if not _VARIABLE.fullmatch(text):
        message = "should be the name of an environment variable, such as HOUSE_KEY, not the key"
        raise SecretError(message)
    if _KEY_LIKE.search(text):
        raise SecretError("looks like a key; name the environment variable that has it")
    return text
