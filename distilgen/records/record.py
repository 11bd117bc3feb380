"""One call: what its record says, and what is wrong with a line that is none.

A record is one JSON object on a line: `id` (UUIDv7), `at` (UTC, when the call began), `function`,
`contract` (its fingerprint), `source` (teacher, or the model that answered), `elapsed_ms`, `parent`
(the id of the recorded call that this one was made in, where there is one), `trace_id` and
`span_id` (OpenTelemetry's, where a span was active), `rollout` (where a student takes part, see
`Record`), `arguments`, and `result` or `error`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.contract import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNSERIALIZABLE = "$unserializable"
"""Key of the marker that stands for a value which has no JSON form; its value names the type."""

TOO_LARGE = "$too_large"
"""Key of the marker that stands for a value over the limit; its value is the size in bytes."""

REDACTED = "$redacted"
"""Key of the marker that stands for a value which was hidden and is no text; its value is the
placeholder. The value of an argument that was hidden is the placeholder itself.
"""

MARKERS = (UNSERIALIZABLE, TOO_LARGE, REDACTED)

TEACHER = "teacher"
"""The `source` of a record that the function itself answered."""

SHADOW, CANARY, FALLBACK, DISPATCH = "shadow", "canary", "fallback", "dispatch"

MODES = (SHADOW, CANARY, FALLBACK, DISPATCH)
"""How a call is shared between teacher and student; the `mode` of a record's rollout."""

DELETED = b"#"
"""What a line begins with that is being deleted; see `files`. It is nothing to be read."""

_KEYS = (
    "id", "at", "function", "contract", "source", "elapsed_ms", "parent", "trace_id", "span_id",
    "rollout", "arguments", "result", "error",
)  # fmt: skip
_BEGINNING = re.compile(rb'\{\s*"id"\s*:\s*"[^"]*"\s*,\s*"(?:at|function)"')


@dataclass(frozen=True)
class Record:
    """One call. result: a JSON value; error: type and message of what was raised instead.

    rollout: where a student takes part. `mode`: shadow, canary, fallback or dispatch; `held`, true
    where the guard kept the call from the student. Where the student was asked besides: `model`;
    `ms`, its time; `asks`, the questions it took; `input_tokens`, `output_tokens`; `confidence`;
    `cached`, true for an answer that was there already; `joined`, true for that to an equal call at
    the same time; `error`, where it gave none, so that the teacher answered: `type`, `message` and,
    where known, `kind` of an answer that was wrong, HTTP's `status`, the server's `request_id`;
    `of`, on the student's own record of a call that the teacher answered: the id of the teacher's;
    `agrees`, on the same: are the answers equal?; `guard`, what the guard did for it.
    """

    id: str
    function: str
    contract: str
    at: str
    elapsed_ms: float
    arguments: dict[str, Any]
    source: str
    result: Any = None
    error: dict[str, str] | None = None
    parent: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    rollout: dict[str, Any] | None = None
    usable: bool = True
    """All of its values are there: none is a marker in the place of one."""

    @property
    def mode(self) -> str:
        """That of its rollout, one of `MODES`; empty where it has none."""
        return "" if self.rollout is None else str(self.rollout["mode"])

    @property
    def student_error(self) -> dict[str, Any] | None:
        """Why its student gave no answer; None where it did, or was not asked."""
        if self.rollout is None:
            return None
        error: dict[str, Any] | None = self.rollout.get("error")
        return self.error if error is None and self.source != TEACHER else error

    @property
    def agrees(self) -> bool | None:
        """Is this answer of a student's equal to the teacher's? None where it is no pair."""
        return None if self.rollout is None else self.rollout.get("agrees")

    @property
    def by_student(self) -> bool:
        """Did a student answer it that has a teacher beside it, so that it can teach nobody?"""
        return self.source != TEACHER and self.mode not in ("", DISPATCH)


@dataclass(frozen=True)
class Malformed:
    """A line that is no record. place: a file, or what else a store has. torn: its writer was
    stopped in the middle of it. text: the line.
    """

    place: str
    line: int
    reason: str
    torn: bool = False
    text: bytes = b""

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.reason}"


def marked(text: str) -> bool:
    """May a JSON text hold a marker in the place of a value?"""
    return any(f'"{marker}"' in text for marker in MARKERS)


def marker_in(value: Any) -> str:
    """The first marker that a JSON value holds; nothing where it is whole."""
    if isinstance(value, list):
        return next(filter(None, map(marker_in, value)), "")
    if not isinstance(value, dict):
        return ""
    here = (marker for marker in MARKERS if marker in value)
    return next(here, "") or marker_in(list(value.values()))


def began_at(at: str) -> dt.datetime | None:
    """The time that a record says, in UTC; None where it says none."""
    try:
        time = dt.datetime.fromisoformat(at)
        return time.replace(tzinfo=time.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


_TRIES = 64
"""Places in a line where a record may begin: arguments may hold what looks like one."""


def items_of(place: str, number: int, line: bytes) -> Iterator[Record | Malformed]:
    """What a line holds: nothing, where it is blank or deleted; a record; or what is none.

    Where a writer was stopped in the middle of its line, another's record may stand behind what it
    has left: then both are there.
    """
    if not line.strip() or line.startswith(DELETED):
        return
    item = parse(place, number, line)
    if isinstance(item, Malformed):
        for found in itertools.islice(_BEGINNING.finditer(line, 1), _TRIES):
            behind = parse(place, number, line[found.start() :])
            if isinstance(behind, Record):
                reason = "its writer was stopped in the middle; the record behind it is whole"
                yield Malformed(place, number, reason, torn=True, text=line[: found.start()])
                item = behind
                break
    yield item


def line_of(record: Record) -> bytes:
    """The record as a line, newline included, as a recorder writes it."""
    values = {key: getattr(record, key) for key in _KEYS}
    outcome = "result" if record.error is None else "error"
    shown = {k: v for k, v in values.items() if v is not None or k == outcome}
    text = canonical_json(shown)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # half of a character, which JSON can say and UTF-8 cannot
        return json.dumps(shown, separators=(",", ":")).encode() + b"\n"


def parse(place: str, number: int, line: bytes) -> Record | Malformed:
    """What a line says, read as a whole. place, number: where it stands."""
    torn = not line.endswith(b"\n")
    try:
        text = line.decode()
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = (
            "the last line is torn: its writer was stopped" if torn else f"is no JSON ({error})"
        )
        return Malformed(place, number, reason, torn, line)
    reason = _wrong(values)
    if reason:
        return Malformed(place, number, reason, text=line)
    known = {key: values[key] for key in Record.__dataclass_fields__ if key in values}
    filled = {"at": "", "elapsed_ms": 0.0, "source": "", **known}
    whole = [values["arguments"], values.get("result")]
    return Record(**{**filled, "usable": not (marked(text) and marker_in(whole))})


def _wrong(values: Any) -> str:
    """Why a JSON value is no record; nothing where it is one."""
    if not isinstance(values, dict):
        return "is no JSON object"
    texts = ("id", "function", "contract")
    absent = [key for key in (*texts, "arguments") if key not in values]
    if "result" not in values and "error" not in values:
        absent.append("result")
    if absent:
        return f"has no {absent[0]}"
    odd = [key for key in texts if not isinstance(values[key], str)]
    if odd:
        return f"its {odd[0]} is no text"
    if not isinstance(values["arguments"], dict):
        return "its arguments are no JSON object"
    return _wrong_beside(values)


def _wrong_beside(values: dict[str, Any]) -> str:
    """Why what a record may also say is not what it should be."""
    for key in ("at", "source"):
        if not isinstance(values.get(key, ""), str):
            return f"its {key} is no text"
    if values.get("at") and began_at(values["at"]) is None:
        return "its at is no time"
    elapsed, error = values.get("elapsed_ms", 0.0), values.get("error")
    if not _is_number(elapsed):
        return "its elapsed_ms is no number"
    if not _is_duration(elapsed):
        return "its elapsed_ms is no duration"
    if error is not None and not isinstance(error, dict):
        return "its error is no JSON object"
    return _wrong_rollout(values.get("rollout"))


def _wrong_rollout(rollout: Any) -> str:
    """Why what a record says of a student is not what it should be."""
    if rollout is None:
        return ""
    if not isinstance(rollout, dict):
        return "its rollout is no JSON object"
    if "mode" not in rollout:
        return "its rollout has no mode"
    for key, (kind, is_such) in _ROLLOUT.items():
        if key in rollout and not is_such(rollout[key]):
            return f"the {key} of its rollout is no {kind}"
    error = rollout.get("error", {})
    for key, (kind, is_such) in _ERROR.items():
        if key in error and not is_such(error[key]):
            return f"the {key} of its student's error is no {kind}"
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_duration(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= sys.float_info.max  # nor is NaN


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_ROLLOUT: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("mode", "model", "of", "guard"), ("text", _is_text)),
    "ms": ("duration", _is_duration),
    **dict.fromkeys(("asks", "input_tokens", "output_tokens"), ("count", _is_count)),
    "confidence": ("number", _is_number),
    **dict.fromkeys(("held", "cached", "joined", "agrees"), ("boolean", _is_switch)),
    "error": ("JSON object", _is_object),
}
"""What the members of a rollout are, where they are there."""

_ERROR: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("type", "message", "kind", "request_id"), ("text", _is_text)),
    "status": ("count", _is_count),
}
"""What the members of a student's error are, where they are there."""
