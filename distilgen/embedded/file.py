"""The file of an embedded student: a zip of `student.json` and its arrays, little-endian.

Nothing in it is code, nor names any: `student.json` names kinds of predictors, of a closed list,
and holds what their dataclasses have. The same student has the same bytes.
"""

from __future__ import annotations

import array
import dataclasses
import io
import json
import math
import sys
import zipfile
from typing import TYPE_CHECKING, Any

from distilgen.embedded import kinds
from distilgen.embedded.model import Model
from distilgen.errors import StudentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSION = 1
"""Of the format. A file of another version is refused."""

_DOCUMENT = "student.json"
_TYPES = {"f": 4, "d": 8, "i": 4, "q": 8, "b": 1, "B": 1, "h": 2, "H": 2}
"""Type codes of arrays and the bytes of an item."""
_MOST = 1 << 28  # bytes of a file, and of what is in it, as it declares them
_MOST_TEXT = 1 << 25  # bytes of its document, of which each may cost some tens of memory
_DEEPEST = 100  # parts within parts
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def dump(model: Model) -> bytes:
    """The bytes of a student's file."""
    arrays: list[array.array[Any]] = []
    document = {"version": VERSION, "student": _plain(model, arrays)}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        text = json.dumps(document, ensure_ascii=False, indent=1)
        file.writestr(_entry(_DOCUMENT), text.encode("utf-8", "surrogatepass"))
        for number, items in enumerate(arrays):
            file.writestr(_entry(str(number)), _little(items).tobytes())
    return made.getvalue()


def load(path: Path) -> Model:
    """The student in a file. Raises StudentError, which names the file: it is not there, is of
    another version, or damaged.
    """
    try:
        if path.stat().st_size > _MOST:
            raise StudentError(f"{path}: is no student: it has more than {_MOST >> 20} MB")
        raw = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise StudentError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return parse(raw)
    except StudentError as error:
        raise StudentError(f"{path}: {error}; train it anew, or take it back from git") from error


def parse(raw: bytes) -> Model:
    """The student whose file has these bytes. Raises StudentError."""
    try:
        return _parsed(raw)
    except StudentError:
        raise
    except Exception as error:  # a zip can be wrong in many ways, and so can what is in it
        raise StudentError(f"is no student, or damaged ({error})") from error


def _parsed(raw: bytes) -> Model:
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        entries = file.infolist()
        if sum(item.file_size for item in entries) > _MOST:
            raise StudentError(f"says that it holds more than {_MOST >> 20} MB")
        if any(item.compress_type not in _COMPRESSIONS for item in entries):
            raise ValueError("it is compressed in another way")
        if file.getinfo(_DOCUMENT).file_size > _MOST_TEXT:
            raise ValueError(f"its text has more than {_MOST_TEXT >> 20} MB")
        document = json.loads(file.read(_DOCUMENT))
        version = document["version"]
        if version != VERSION:
            raise StudentError(
                f"is a student of format {version}, and this distilgen reads {VERSION}"
            )
        arrays = {item.filename: item for item in entries if item.filename != _DOCUMENT}
        model = _Reading(file, arrays).made(document["student"])
    if not isinstance(model, Model):
        raise ValueError("it holds no student")  # noqa: TRY004 - a damaged file
    return model


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # or the bytes would tell on which system they were made
    return entry


def _little(items: array.array[Any]) -> array.array[Any]:
    if sys.byteorder == "little":
        return items
    swapped = items[:]
    swapped.byteswap()
    return swapped


def _plain(value: Any, arrays: list[array.array[Any]]) -> Any:
    """A value as JSON; arrays are put into the list, and named by their numbers."""
    if dataclasses.is_dataclass(value):
        names = [item.name for item in dataclasses.fields(value)]
        parts = {name: _plain(getattr(value, name), arrays) for name in names}
        return {"kind": type(value).kind, **parts}  # type: ignore[union-attr]
    if isinstance(value, array.array):
        if value.typecode not in _TYPES:
            raise TypeError(f"no array of {value.typecode} is written")
        arrays.append(value)
        return {"array": len(arrays) - 1, "type": value.typecode}
    if isinstance(value, tuple):
        return [_plain(item, arrays) for item in value]
    if isinstance(value, dict):
        return {"dict": [[key, _plain(item, arrays)] for key, item in value.items()]}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} cannot be written")


@dataclasses.dataclass(frozen=True)
class _Reading:
    """arrays: those that are not read yet. Each is named once, or little could become much."""

    file: zipfile.ZipFile
    arrays: dict[str, zipfile.ZipInfo]

    def made(self, value: Any, deep: int = 0) -> Any:
        """What `_plain` was made of. Raises ValueError and what else comes of damaged data."""
        if deep > _DEEPEST:
            raise ValueError("parts within parts without an end")
        if isinstance(value, list):
            return tuple([self.made(item, deep + 1) for item in value])
        if not isinstance(value, dict):
            return value
        if "array" in value:
            return self.array(value)
        if "dict" in value:
            return {key: self.made(item, deep + 1) for key, item in value["dict"]}
        cls = kinds.kind_named(value["kind"])
        parts = {key: self.made(item, deep + 1) for key, item in value.items() if key != "kind"}
        made = cls(**parts)
        for item in dataclasses.fields(cls):
            if not _TESTS[str(item.type)](getattr(made, item.name)):
                raise ValueError(f"the {item.name} of a {cls.kind} is no {item.type}")
        made.check()
        return made

    def array(self, value: dict[str, Any]) -> array.array[Any]:
        """An array by its name, once."""
        if value["type"] not in _TYPES:
            raise ValueError(f"no array of {value['type']!r} is read")
        items: array.array[Any] = array.array(value["type"])
        items.frombytes(self.file.read(self.arrays.pop(str(value["array"]))))
        return _little(items)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _array(codes: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, array.array) and value.typecode in codes


def _several(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and all(map(test, value))


def _two(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_whole, value))


def _by_text(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict) and all(map(_text, value)) and all(map(test, value.values()))
    )


def _can(method: str) -> Callable[[Any], bool]:
    return lambda value: dataclasses.is_dataclass(value) and hasattr(value, method)


def _is(*names: str) -> Callable[[Any], bool]:
    return lambda value: getattr(value, "kind", None) in names


_TESTS: dict[str, Callable[[Any], bool]] = {
    "str": _text,
    "bool": lambda value: isinstance(value, bool),
    "int": _whole,
    "float": _number,
    "tuple[str, ...]": _several(_text),
    "Path": _several(_text),
    "array[float]": _array("fd"),
    "array.array[float]": _array("fd"),
    "array[int]": _array("iqbBhH"),
    "tuple[int, int]": _two,
    "tuple[tuple[int, int], ...]": _several(_two),
    "tuple[tuple[tuple[int, int], ...], ...]": _several(_several(_two)),
    "dict[str, int]": _by_text(_whole),
    "Predictor": _can("predict"),
    "tuple[Predictor, ...]": _several(_can("predict")),
    "dict[str, Predictor]": _by_text(_can("predict")),
    "Gate": _can("refuses"),
    "tuple[Part, ...]": _several(_can("new")),
    "tuple[Block, ...]": _several(_can("sums")),
    "Sureness": _is("sureness"),
    "tuple[Measure, ...]": _several(_is("measure")),
    "Source": _is("source"),
    "tuple[Source, ...]": _several(_is("source")),
    "tuple[Source | Pair, ...]": _several(_is("source", "pair")),
    "tuple[str | Source, ...]": _several(lambda item: _text(item) or _is("source")(item)),
    "Scorer": lambda value: _can("scores")(value) or _is("scorer")(value),
}
"""What a value must be, by the annotation of its field. A kind with another annotation needs its
line here.
"""
