"""The lines of a file, and what each says as JSON, told in full where it is none."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOM = b"\xef\xbb\xbf"
_BLOCK = 64 * 1024


def blocks(file: BinaryIO, seen: Callable[[bytes], object]) -> Iterator[list[bytes]]:
    """The lines of a file, many at once, without their `\\n`. The last list is of one line, which
    has none: it is empty where the file ends as it should. seen: is given all bytes as they were.
    """
    rest: list[bytes] = []
    while block := file.read(_BLOCK):
        seen(block)
        lines = block.split(b"\n")
        if len(lines) > 1:
            lines[0] = b"".join([*rest, lines[0]])
            rest = [lines.pop()]
            yield lines
        else:
            rest.append(block)
    yield [b"".join(rest)]


@dataclass(frozen=True)
class Wrong:
    """rule: one of `RULES`. path, message: as in a finding."""

    rule: str
    path: str
    message: str


def parsed(line: bytes) -> tuple[Any, list[Wrong]]:
    """(what a line says, what is wrong with it as JSON). With anything wrong, the first is None but
    for a doubled key, of which the last one counts.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [Wrong("invalid-utf8", "", f"byte {error.start + 1:,} is no UTF-8")]
    doubled: list[str] = []

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            doubled.append(next(name for name in names if names.count(name) > 1))
        return made

    endless: list[str] = []

    def as_number(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            endless.append(text)
        return number

    try:
        value = json.loads(
            text, object_pairs_hook=as_object, parse_float=as_number, parse_constant=as_number
        )
    except json.JSONDecodeError as error:
        return None, [Wrong("invalid-json", "", f"{error.msg}, at character {error.pos + 1:,}")]
    except ValueError:
        return None, [Wrong("invalid-json", "", "has a number of too many digits")]
    except RecursionError:
        return None, [Wrong("invalid-json", "", "is nested too deeply")]
    wrong = [Wrong("duplicate-key", "$", f"the key {said(name)} stands twice") for name in doubled]
    if endless or "\\ud" in text or "\\uD" in text:
        wrong += _unspeakable(value)
    return (None if any(item.rule != "duplicate-key" for item in wrong) else value), wrong


def _unspeakable(value: Any) -> list[Wrong]:
    """What JSON has no word for, and Python reads."""
    found: list[Wrong] = []
    waiting = [("$", value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, str):
            if not _is_whole(item):
                found.append(Wrong("lone-surrogate", path, "holds half of a character"))
        elif isinstance(item, float) and not math.isfinite(item):
            found.append(Wrong("not-finite", path, f"is {item}, which JSON has not"))
        elif isinstance(item, dict):
            for key, inner in item.items():
                if not _is_whole(key):
                    found.append(Wrong("lone-surrogate", path, "a key holds half of a character"))
                else:
                    waiting.append((below(path, key), inner))
        elif isinstance(item, list):
            waiting += [(f"{path}[{number}]", inner) for number, inner in enumerate(item)]
    return found


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def below(path: str, key: str) -> str:
    """The JSON path of a key: `$.a`, or `$["a b"]` where it is no name."""
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key)}]"


def said(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def kind(value: Any) -> str:
    """What a JSON value is, as a message says it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"
