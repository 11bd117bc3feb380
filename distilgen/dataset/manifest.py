"""What a dataset's folder holds: `manifest.json`, the last of its files that is written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from distilgen.contract import ANSWERS, TOOL
from distilgen.errors import DatasetError
from distilgen.rewrite.replace import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distilgen.contract import Contract

SPLITS = ("train", "validation", "test")
NAME = "manifest.json"


@dataclass(frozen=True)
class Part:
    """A file of the dataset. file: its name in the folder. rows, bytes: how many. sha256: of all of
    it, in hexadecimal digits.
    """

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """function, contract: of whom the rows are, and the fingerprint they were rendered with.
    format: one of `distilgen.dataset.writers.FORMATS`. answers: the form of the answers in the
    rows, one of `distilgen.contract.ANSWERS`. seed: what splits and order are drawn with.
    holdout: shares by split. filters: what was asked of a record, by option. left_out: counts of
    records by reason. conflicts: `policy`, and `calls`, those with more than one answer.
    files: by split, those that have rows.
    """

    function: str
    contract: str
    format: str
    answers: str = TOOL
    seed: int = 0
    holdout: Mapping[str, float] = field(default_factory=dict)
    filters: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    conflicts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Part] = field(default_factory=dict)


def write(folder: Path, manifest: Manifest) -> None:
    """Write it at once. Raises OSError."""
    text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False)
    replace_file(folder / NAME, f"{text}\n".encode())


def read(folder: Path) -> Manifest:
    """The manifest of a folder. Raises DatasetError where there is none, or it cannot be read: it
    names the member that is not as `write` writes it.
    """
    path = folder / NAME
    build = "run `distilgen dataset build`"
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{folder}: there is no dataset; {build}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); {build}") from error
    try:
        return _manifest(values)
    except ValueError as error:
        raise DatasetError(f"{path}: {error}; {build}") from error


def _manifest(values: Any) -> Manifest:
    _check(values, Manifest, "", ("function", "contract", "format", "files"))
    files: dict[str, Part] = {}
    for split, part in values["files"].items():
        place = f"files.{split}"
        if split not in SPLITS:
            raise ValueError(f"{place} is no split: one of {', '.join(SPLITS)}")
        _check(part, Part, place, ("file", "rows", "bytes", "sha256"))
        files[split] = Part(**part)
        if not _is_name(part["file"]):
            raise ValueError(f"{place}.file is {part['file']!r}, and must be a file in the folder")
        if min(part["rows"], part["bytes"]) < 0:
            raise ValueError(f"{place} has rows or bytes that are less than 0")
    for key, kinds, said in (("holdout", (int, float), "a number"), ("left_out", int, "a count")):
        for name, value in values.get(key, {}).items():
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise ValueError(f"{key}.{name} must be {said}")  # noqa: TRY004 - in a file
    if values.get("answers", TOOL) not in ANSWERS:
        raise ValueError(f"answers is {values['answers']!r}, and not one of {', '.join(ANSWERS)}")
    return Manifest(**values | {"files": files})


def _check(values: Any, made: type, place: str, wanted: Sequence[str]) -> None:
    """Have these the keys and the kinds of what is to be made? Raises ValueError."""
    if not isinstance(values, dict):
        raise ValueError(f"{place or 'it'} must be an object")  # noqa: TRY004 - in a file
    kinds = {item.name: _KINDS[str(item.type).partition("[")[0]] for item in fields(made)}
    ahead = f"{place}." if place else ""
    for key in wanted:
        if key not in values:
            raise ValueError(f"{ahead}{key} is missing")
    for key, value in values.items():
        if key not in kinds:
            raise ValueError(f"{ahead}{key} is unknown")
        kind, said = kinds[key]
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ValueError(f"{ahead}{key} must be {said}")  # noqa: TRY004 - as above


def _is_name(file: str) -> bool:
    """Is it the name of a file in the folder, on every system?"""
    names = {PurePosixPath(file).name, PureWindowsPath(file).name}
    return names == {file} and "\0" not in file and file not in ("", "..")


_KINDS: dict[str, tuple[type, str]] = {
    "str": (str, "a text"), "int": (int, "a whole number"), "Mapping": (dict, "an object"),
}  # fmt: skip


def folder_name(contract: Contract) -> str:
    """The name of a dataset's folder: `shop.mail.complex_chain`."""
    return contract.function.replace(":", ".").replace("<", "").replace(">", "")
