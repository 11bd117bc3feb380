"""What must not be written down, and what stands in its place: redaction of one call's record.

Every part of a record becomes JSON data first, is searched, and becomes text again. A value that is
hidden once is hidden wherever else it turns up in the same record, by the same placeholder, so
that the row still says that the answer repeats it. Whatever goes wrong is raised, and what it says
may hold what was to be hidden: then there is no record.
"""

from __future__ import annotations

import fnmatch
import functools
import inspect
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from distilgen.contract import canonical_json
from distilgen.records.record import REDACTED, marked
from distilgen.runtime import arguments as arguments_, patterns, sensitive
from distilgen.runtime.sensitive import Marks
from distilgen.runtime.shape import aligned, shape_of
from distilgen.runtime.sought import PLACEHOLDER, Sought

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from distilgen.contract import Contract
    from distilgen.runtime.settings import Settings
    from distilgen.runtime.shape import Shape

_SECRET = "SECRET"  # noqa: S105 - a label


@dataclass(frozen=True)
class Redaction:
    """What is to be hidden in the records of one function.

    marks: of its parameters, by name. names: matches the names of parameters and fields, as `plain`
    makes them. patterns: names of `patterns.PATTERNS`. by: the user's own function. rest: the
    parameter that takes the arguments of all other names.
    """

    marks: Mapping[str, Marks] = field(default_factory=dict)
    names: re.Pattern[str] | None = None
    patterns: tuple[str, ...] = ()
    by: Callable[[str, str], Any] | None = None
    rest: str = ""

    @classmethod
    def of(
        cls, function: Callable[..., Any], contract: Contract, settings: Settings
    ) -> Redaction | None:
        """What the function's annotations and the settings ask for; None where that is nothing."""
        hints = sensitive.hints_of(function)
        marks = {
            name: found
            for name in contract.parameters
            if (found := sensitive.marks_in(hints.get(name)))
        }
        rest = _rest_of(function)
        names = [fnmatch.translate(_plain(name)) for name in settings.redact_names]
        if not (marks or names or settings.redact or settings.redact_with) and not any(
            _is_sensitive(hint) for hint in hints.values()
        ):
            return None
        return cls(
            marks=marks,
            names=re.compile("|".join(names)) if names else None,
            patterns=settings.redact,
            by=settings.redact_with,
            rest=rest if rest in marks or names else "",
        )

    def begin(self) -> Redacting:
        """The redaction of one call."""
        return Redacting(self)


NOTHING_SAID = Redaction()
"""For values that turn out to be marked, or secrets, where no annotation said so."""


class Redacting:
    """The redaction of one call. Its methods raise whatever goes wrong, and are called in the order
    in which they stand here.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._labels: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}
        self._sought = Sought(self._placeholder)
        self._altered: set[str] = set()
        self._in_result = False
        self._age = 0

    def arguments(self, given: Mapping[str, Any], limit: int | None = None) -> bytes:
        """The arguments as `arguments.canonical` writes them, redacted. limit: bytes."""
        self._learn(given.values())
        self._reserve([value for value in given.values() if type(value) is str])
        with sensitive.watched(self):
            parts = {name: self._part(name, value, limit) for name, value in given.items()}
        self._reserve(parts)
        named = {name: self._named(part) for name, part in parts.items()}
        walked = {name: self._walk(part, name) for name, part in named.items()}
        self._age = len(self._labels)
        return arguments_.fitted({name: _text(part) for name, part in walked.items()}, limit)

    def result(
        self,
        value: Any,
        dump: Callable[[], bytes],
        typed: tuple[TypeAdapter[Any], Shape] | None = None,
    ) -> bytes:
        """A result, or an item of a generator, redacted. dump: gives it as it would be recorded,
        and raises where it cannot be; that is raised here, too. typed: adapter and shape of the
        return type; None where the value's own type serves.

        Where the return type takes no placeholder, a number's say, `{"$redacted": "[SSN_1]"}`
        stands there, and only there: no student is to learn such an answer.
        """
        self._learn([value])
        try:
            with sensitive.watched(None):
                dump()
        except Exception:
            # The message may quote any part of a value that has another form than its type says.
            self._know(sensitive.Sensitive.label, _leaves(_clear(value)))
            raise
        self._in_result = True
        self._altered.clear()
        if typed is None and hasattr(type(value), "__pydantic_serializer__"):
            typed = arguments_.adapted(type(value))
        with sensitive.watched(self):
            data = self._dumped(value, *typed) if typed else _parsed(value)
        self._reserve(data)
        walked = self._walk(self._named(data), "result")
        if self._altered and typed is not None:
            try:
                typed[0].validate_json(_text(walked))
            except Exception as error:  # noqa: BLE001 - validators are anybody's
                walked = self._fitting(walked, error)
        return _text(walked)

    def error(self, message: str) -> str:
        """The message of an exception, redacted, also where it shows a value cut short."""
        return self._string(self._sought.replaced_in_message(message), "error")

    def again(self, text: bytes) -> bytes:
        """A part that was made before, without what has turned out since to be hidden."""
        if len(self._labels) == self._age:
            return text
        self._redaction = NOTHING_SAID  # which has been done
        return _text(self._walk(json.loads(text), ""))

    # -- as a watcher ----------------------------------------------------------------------------

    def hide(self, label: str, value: Any) -> Any:
        """JSON data without its texts and numbers: placeholders for texts and lists of texts, in
        arguments for the rest, too; see `result` for there. null and "" stay.
        """
        if value is None or value == "":
            return value
        if isinstance(value, list):
            return [self.hide(label, item) for item in value]
        if isinstance(value, str):
            if PLACEHOLDER.fullmatch(value):
                return value
            self._know(label, [value])
            return self._altering(value, self._placeholder(value, label))
        self._know(label, _leaves(value))
        key = canonical_json(value)
        if isinstance(value, bool | dict):
            key = f"\0{key}"  # no text is the same
        self._labels.setdefault(key, label)
        placeholder = self._placeholder(key)
        return {REDACTED: placeholder} if self._in_result else placeholder

    def secret(self, value: Any) -> Any:
        """As `hide`, for what is in a `SecretStr` or its like; an empty one stays empty."""
        hidden = self.hide(_SECRET, _clear(_decoded(value.get_secret_value())))
        # It is written as text, whatever it is: asterisks, else.
        return hidden[REDACTED] if isinstance(hidden, dict) and REDACTED in hidden else hidden

    # -- what is known ---------------------------------------------------------------------------

    def _learn(self, values: Iterable[Any]) -> None:
        """Know what values hide by their classes, before anything is written: their authors may
        write it in more places than one.
        """
        for label, value in sensitive.found(values):
            if not sensitive.is_secret(type(value)):
                self._know(label, _leaves(_clear(value)))
                continue
            inside = value.get_secret_value()
            if isinstance(inside, bytes):
                self._know(label or _SECRET, [json.loads(to_json(inside, bytes_mode="base64"))])
            self._know(label or _SECRET, _leaves(_clear(_decoded(inside))))

    def _know(self, label: str, texts: Iterable[str]) -> None:
        for text in texts:
            if text and text != sensitive.MASK and not PLACEHOLDER.fullmatch(text):
                self._labels.setdefault(text, label)
                self._sought.add(text)

    def _placeholder(self, key: str, label: str = "") -> str:
        made = self._placeholders.get(key)
        while made is None:
            label = self._labels.setdefault(key, label)
            count = self._counts[label] = self._counts.get(label, 0) + 1
            text = f"[{label}_{count}]"
            if text not in self._taken:
                made = self._placeholders[key] = text
        return made

    def _reserve(self, data: Any) -> None:
        """Give no placeholder that the data came with to another value."""
        own = set(self._placeholders.values())
        self._taken.update(set(PLACEHOLDER.findall(canonical_json(data))) - own)

    def _label_of(self, name: str) -> str:
        names = self._redaction.names
        if names is None or not _matches(names, name):
            return ""
        return sensitive.label_of(name) or sensitive.Sensitive.label

    # -- the search ------------------------------------------------------------------------------

    def _part(self, name: str, value: Any, limit: int | None) -> Any:
        """An argument as JSON data, without what is marked."""
        marks = self._redaction.marks.get(name) or Marks(self._label_of(name))
        if marks.label and name == self._redaction.rest:
            return {key: self._whole(marks, item) for key, item in value.items()}
        return self._whole(marks, value) if marks else json.loads(arguments_.part(value, limit))

    def _whole(self, marks: Marks, value: Any) -> Any:
        # What is hidden must be known, however long it is.
        return arguments_.with_marks(marks, json.loads(arguments_.part(value)))

    def _dumped(self, value: Any, adapter: TypeAdapter[Any], shape: Shape) -> Any:
        text = adapter.dump_json(value, by_alias=True, round_trip=True, warnings=False)
        if shape.overruled or (shape.open and arguments_.overruled_in(value)):
            return {REDACTED: self.hide(sensitive.Sensitive.label, canonical_json(text.decode()))}
        python = adapter.dump_python(value, by_alias=True, round_trip=True, warnings=False)
        return aligned(python, json.loads(text), self.secret)

    def _named(self, data: Any) -> Any:
        """The data without the values of keys that match the names. All are known before anything
        is searched: the texts before them may hold them, too.
        """
        if isinstance(data, list):
            return [self._named(item) for item in data]
        if not isinstance(data, dict):
            return data
        return {
            key: self.hide(label, item) if (label := self._label_of(key)) else self._named(item)
            for key, item in data.items()
        }

    def _walk(self, data: Any, path: str) -> Any:
        if isinstance(data, str):
            return self._altering(data, self._string(data, path))
        if isinstance(data, list):
            return [self._walk(item, f"{path}.{place}") for place, item in enumerate(data)]
        if isinstance(data, dict):
            return {
                self._altering(key, self._key(key)): self._walk(item, f"{path}.{key}")
                for key, item in data.items()
            }
        if data is None or isinstance(data, bool) or canonical_json(data) not in self._sought:
            return data
        return self.hide("", data)

    def _string(self, text: str, path: str) -> str:
        if PLACEHOLDER.fullmatch(text):
            return text
        found = self._key(text)
        by = self._redaction.by
        if by is None or PLACEHOLDER.fullmatch(found):
            return found
        said = by(path, found)
        return said if isinstance(said, str) else self._cut(found, said)

    def _cut(self, text: str, spans: Iterable[tuple[int, int, str]]) -> str:
        """A text with placeholders for what the user's function found: start, end and label."""
        parts: list[str] = []
        place = 0
        for start, end, said in sorted(spans):
            label = sensitive.label_of(said) or sensitive.Sensitive.label
            if place <= start < end and not PLACEHOLDER.search(text[start:end]):
                parts += text[place:start], self._placeholder(text[start:end], label)
                place = end
        return "".join((*parts, text[place:]))

    def _key(self, text: str) -> str:
        """A text without what is known and what the patterns find."""
        if text in self._labels:
            return self._placeholder(text)
        return patterns.replaced(
            self._sought.replaced(text), self._redaction.patterns, self._placeholder
        )

    def _altering(self, before: str, after: str) -> str:
        if after != before:
            self._altered.add(after)
        return after

    def _fitting(self, data: Any, error: Exception) -> Any:
        """A result with markers in the places of which the error says that they do not fit."""
        places: set[tuple[int | str, ...]] = set()
        if isinstance(error, ValidationError):
            misfits = error.errors(include_url=False, include_context=False, include_input=False)
            # What is missing is so in a member of a union that the value is none of.
            places = {_place(data, said["loc"]) for said in misfits if said["type"] != "missing"}
        # Another member may say of the whole that it is no text, say.
        outer = {place[:end] for place in places for end in range(len(place))}
        for place in places - outer:
            data = self._unfit(data, place)
        return data if marked(_text(data).decode()) else self._unfit(data, ())

    def _unfit(self, data: Any, place: tuple[int | str, ...]) -> Any:
        """The data with a marker in the place of each text that was altered, there or inside."""
        if place:
            data[place[0]] = self._unfit(data[place[0]], place[1:])
            return data
        if isinstance(data, str):
            return {REDACTED: data} if data in self._altered else data
        if isinstance(data, list):
            return [self._unfit(item, ()) for item in data]
        if isinstance(data, dict) and not self._altered.isdisjoint(data):
            return {REDACTED: canonical_json(data)}
        if isinstance(data, dict) and REDACTED not in data:
            return {key: self._unfit(item, ()) for key, item in data.items()}
        return data


def _place(data: Any, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where that is in the data: Pydantic names types, too, between the keys."""
    place: list[int | str] = []
    for step in loc:
        if step == "[key]":
            return tuple(place[:-1])
        steps = range(len(data)) if isinstance(data, list) else data
        if isinstance(steps, range | dict) and step in steps and step != REDACTED:
            data = data[step]
            place.append(step)
    return tuple(place)


def _rest_of(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (inspect.getargs(code).varkw or "") if code is not None else ""


def _is_sensitive(hint: Any) -> bool:
    try:
        return shape_of(TypeAdapter(hint)).sensitive
    except Exception:  # noqa: BLE001 - no type of Pydantic's: the values will tell
        return False


def _plain(name: str) -> str:
    """A name however it is spelled: `userName`, `user_name`, `User-Name`."""
    return name.casefold().replace("_", "").replace("-", "")


@functools.lru_cache(maxsize=4_096)
def _matches(names: re.Pattern[str], name: str) -> bool:
    return names.match(_plain(name)) is not None


def _clear(value: Any) -> Any:
    """The value as JSON data, with all that is to be hidden."""
    with sensitive.watched(None):
        return json.loads(arguments_.part(value))


def _parsed(value: Any) -> Any:
    return json.loads(to_json(arguments_.settled(value), round_trip=True))


def _decoded(inside: Any) -> Any:
    return inside.decode(errors="backslashreplace") if isinstance(inside, bytes) else inside


def _leaves(data: Any) -> Iterator[str]:
    """The texts and the numbers in JSON data, as texts."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list | dict):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _leaves(item)
    elif data is not None and not isinstance(data, bool):
        yield canonical_json(data)


def _text(data: Any) -> bytes:
    return to_json(data, inf_nan_mode="constants")
