"""The rows of a dataset's file, whatever its format, one after the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from distilgen.errors import DatasetError
from distilgen.rows import FORMATS, answer_of, call_of, openai_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from distilgen.contract import Contract

TABLES = ("csv", "parquet")
"""Formats whose rows are a call's values in columns."""

_VALUES = (*TABLES, "raw")  # what a student sees is yet to be made of them
_KEYS = {
    "prompt-completion": ("prompt", "completion"), "sharegpt": ("conversations",),
    "alpaca": ("instruction", "output"), "lamini": ("input", "output"),
    **dict.fromkeys(_VALUES, ("arguments", "result")),
}  # fmt: skip
_MAY_BE_EMPTY = ("arguments", "result", "instruction")
_BOM = b"\xef\xbb\xbf"
_REPAIR = "`distilgen dataset validate` tells more"


def rows(
    path: Path, format_name: str, contract: Contract | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file, each with its number, from 1; those of a table as those of `raw`.

    contract: that of the dataset; None where the project has it no more. Raises DatasetError for
    what cannot be read, and for a table without a contract.
    """
    if format_name not in FORMATS and format_name not in TABLES:
        raise DatasetError(f"{path}: {format_name} is no format; {_REPAIR}")
    if format_name not in TABLES:
        yield from _lines(path)
        return
    if contract is None:
        raise DatasetError(
            f"{path}: its columns are those of a contract that the project has no more; run "
            "`distilgen dataset build`"
        )
    from distilgen.dataset.tables import calls_in  # noqa: PLC0415 - few datasets are tables

    for number, (arguments, result) in enumerate(calls_in(path, contract), 1):
        yield number, {"arguments": arguments, "result": result}


def as_trained(
    format_name: str, contract: Contract | None, row: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The row that a student sees, in the format `trained_format`. Raises ValueError for what is no
    row of the format.
    """
    for name in _KEYS.get(format_name, ("messages",)):
        if not row.get(name) and not (name in row and name in _MAY_BE_EMPTY):
            raise ValueError(f"it has no {name}")
    if trained_format(format_name) == format_name or contract is None:
        return row
    return openai_tools(contract, *call_of("raw", contract, row))


def trained_format(format_name: str) -> str:
    """The format of what a student sees: of one that has only values, `openai-tools`."""
    return "openai-tools" if format_name in _VALUES else format_name


def result_of(format_name: str, contract: Contract, row: Mapping[str, Any]) -> Any:
    """The result that a row answers with, as a JSON value. Raises ValueError."""
    return answer_of("raw" if format_name in TABLES else format_name, contract, row)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line.removeprefix(_BOM) if number == 1 else line
                if text.strip():
                    yield number, _object(path, number, text)
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be read ({error.strerror or error}); run `distilgen dataset build`"
        ) from error


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}:{number}: is no JSON ({error}); {_REPAIR}") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{path}:{number}: is no JSON object; {_REPAIR}")
    return value
