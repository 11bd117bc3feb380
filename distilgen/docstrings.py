"""What a docstring says of parameters and of the answer, in Google, NumPy or Sphinx style."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Described:
    """parameters: descriptions by the names of parameters. returns: that of the answer."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""


def described(docstring: str) -> Described:
    """The descriptions in a docstring, each on one line; none where it has no section for them, or
    one that cannot be read.
    """
    import docstring_parser  # noqa: PLC0415 - which scanning does not need

    try:
        parsed = docstring_parser.parse(docstring)
    except Exception:  # noqa: BLE001 - people write docstrings as they like
        return Described()
    found: dict[str, str] = {}
    for item in parsed.params:
        text = one_line(item.description or "")
        for name in item.arg_name.split(","):  # NumPy describes `a, b` together
            bare = name.strip().replace("\\", "").lstrip("*")
            if bare and text:
                found.setdefault(bare, text)
    returns = parsed.returns.description if parsed.returns else None
    return Described(found, one_line(returns or ""))


def one_line(text: str) -> str:
    """The text with every run of blanks and newlines as one space."""
    return " ".join(text.split())
