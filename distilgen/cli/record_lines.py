"""How records look on a terminal."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from distilgen.agreement import alike
from distilgen.cli import report
from distilgen.contract import canonical_json
from distilgen.records.record import TEACHER, Record, began_at, line_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping

FEW = 5
"""As many ids as a message names."""

_TOKENS = {"input_tokens": "tokens in", "output_tokens": "out"}
_ID = 18  # digits of time and count: as a rule no other record begins so
_TIME = 11
_FUNCTION = 20
_LEAST = 16


class Names:
    """What functions are called in a line: as short as tells them from the others that are known,
    which are those that are given and those that were asked for.
    """

    def __init__(self, functions: Iterable[str] = ()) -> None:
        self._known = dict.fromkeys(functions)
        self.width = max((len(self._cut(name)) for name in self._known), default=0)

    def of(self, function: str) -> str:
        """The name of one, padded to the width of the others."""
        self._known.setdefault(function)
        name = self._cut(function)
        self.width = max(self.width, len(name))
        return f"{name:<{self.width}}"

    def _cut(self, function: str) -> str:
        module, _, name = function.rpartition(":")
        others = [m for m, _, n in (k.rpartition(":") for k in self._known) if n == name]
        parts, count = module.split("."), 0
        while len(others) > 1 and count < len(parts):
            count += 1
            others = [other for other in others if other.split(".")[-count:] == parts[-count:]]
        shown = f"{'.'.join(parts[-count:])}:{name}" if count else name
        shown = printable(shown)
        return shown if len(shown) <= _FUNCTION else f"…{shown[1 - _FUNCTION :]}"


def whole(record: Record) -> str:
    """The record as it is stored, but for escapes of what would steer a terminal."""
    text = line_of(record).decode().rstrip("\n")
    return text if text.isprintable() else json.dumps(json.loads(text), separators=(",", ":"))


def pretty(value: Any) -> str:
    """A value as JSON for reading."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if text.replace("\n", "").isprintable() else json.dumps(value, indent=2)


def short(record: Record, names: Names, today: dt.date) -> str:
    """The record in a line of the terminal, or of 80 columns where there is none."""
    began = began_at(record.at)
    clock = "%H:%M:%S" if began and began.date() == today else "%m-%d %H:%M"
    time = began.strftime(clock) if began else "-"
    identity, took = printable(record.id[:_ID]), duration(record.elapsed_ms)
    head = f"{identity:<{_ID}} {time:<{_TIME}} {names.of(record.function)} {took:>5} "
    room = max(shutil.get_terminal_size().columns - len(head), _LEAST)
    arguments, outcome = printable(canonical_json(record.arguments)), _outcome(record)
    left = max(room - len(" → ") - len(outcome), room // 2 - len(" → "))
    arguments = cut(arguments, left)
    return head + cut(f"{arguments} {_arrow(record)} {outcome}", room)


def _arrow(record: Record) -> str:
    """What leads to an answer: the teacher `→`, also where a student was asked and failed `⇏`; a
    student `⇒`; or it was compared with the teacher's, and is equal `=` or not `≠`.
    """
    if record.student_error is not None:
        return "⇏"
    if record.agrees is None:
        return "→" if record.source in ("", TEACHER) else "⇒"
    return "=" if record.agrees else "≠"


def page(record: Record) -> str:
    """All of the record, for reading."""
    facts = {
        "record": record.id,
        "function": record.function,
        "contract": record.contract,
        "at": record.at,
        "took": duration(record.elapsed_ms),
        "source": record.source,
        "made in": record.parent,
        "trace": record.trace_id,
        "span": record.span_id,
        "mode": record.mode,
        **_rollout(record.rollout or {}),
        "usable": None if record.usable else "no: a value has no JSON form, or is not there",
    }
    lines = [f"{name:<9} {printable(text)}" for name, text in facts.items() if text]
    outcome = ("result", record.result) if record.error is None else ("error", record.error)
    for name, value in (("arguments", record.arguments), outcome):
        lines += ["", name, *_value(value)]
    return "\n".join(lines)


def teachers_answer(student: Any, teacher: Any) -> str:
    """What stands below the page of a student's answer that is not the teacher's."""
    lines = ["teacher's result", *_value(teacher)]
    if isinstance(student, dict) and isinstance(teacher, dict):
        names = [name for name in {**teacher, **student} if _differs(name, student, teacher)]
        lines += [
            "",
            f"not equal: {', '.join(map(printable, names)) or 'nothing that was recorded'}",
        ]
    return "\n".join(lines)


def _differs(name: str, student: dict[str, Any], teacher: dict[str, Any]) -> bool:
    both = name in student and name in teacher
    return not both or not alike(student[name], teacher[name])


def _value(value: Any) -> Iterator[str]:
    return map(printable, json.dumps(value, indent=2, ensure_ascii=False).split("\n"))


def _rollout(rollout: dict[str, Any]) -> dict[str, str]:
    """What a record says of a student, by what a page calls it."""
    error = rollout.get("error")
    answers = {True: ", equal", False: ", not equal"}.get(rollout.get("agrees", ""), "")
    tokens = [f"{rollout[key]:,} {said}" for key, said in _TOKENS.items() if key in rollout]
    asked = (
        duration(rollout["ms"]) if "ms" in rollout else "",
        report.counted(rollout["asks"], "question") if "asks" in rollout else "",
        *tokens,
        f"confidence {rollout['confidence']:.3g}" if "confidence" in rollout else "",
        "cached" if rollout.get("cached") else "",
        "joined" if rollout.get("joined") else "",
    )
    return {
        "student": ", ".join(filter(None, (rollout.get("model", ""), *asked))),
        "failed": _student_failure(error) if error else "",
        "held back": "by the guard: the student was not asked" if rollout.get("held") else "",
        "pair of": f"{rollout['of']}{answers}" if "of" in rollout else "",
        "guard": rollout.get("guard", ""),
    }


def _student_failure(error: Mapping[str, Any]) -> str:
    status, request = error.get("status"), error.get("request_id")
    known = (
        error.get("kind"),
        f"HTTP {status}" if status else None,
        f"request {request}" if request else None,
    )
    said = ", ".join(filter(None, known))
    return f"{said_of(error)} ({said})" if said else said_of(error)


def duration(elapsed_ms: float) -> str:
    """`12µs`, `1.2ms`, `34ms`, `5.6s`."""
    for value, unit in ((elapsed_ms / 1000, "s"), (elapsed_ms, "ms")):
        if value >= 1:
            return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"
    return f"{elapsed_ms * 1000:.0f}µs"


def bytes_of(size: int) -> str:
    """`512 B`, `3.4 MB`."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor, or change its colours."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, room: int) -> str:
    """As much of the text as there is room for."""
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _outcome(record: Record) -> str:
    if record.error is None:
        return printable(canonical_json(record.result))
    return printable(said_of(record.error))


def said_of(error: Mapping[str, Any]) -> str:
    """The type and message of what was raised."""
    return f"{error.get('type', 'error')}: {error.get('message', '')}"
