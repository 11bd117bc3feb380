"""CSV and Parquet: is the table the one that was built, and does each answer fit the contract?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.dataset.tables import calls_in
from distilgen.dataset.validation.asked import Asked
from distilgen.dataset.validation.file import Looked, against
from distilgen.dataset.validation.findings import Findings
from distilgen.dataset.validation.questions import Question
from distilgen.dataset.validation.repeats import MOST, Answered, Seen
from distilgen.errors import DatasetError
from distilgen.records.fitting import MOST_FAULTS, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from distilgen.dataset.validation.file import Given
    from distilgen.dataset.validation.profiles import Profile

FORMATS = ("csv", "parquet")
_BLOCK = 1024 * 1024


def look(given: Given, profile: Profile | None, most: int) -> Looked:
    """Look at a table. Lines of findings are rows, without the header. Raises OSError; UsageError
    without pyarrow, for Parquet.
    """
    looked = Looked(given, Findings(given.shown, most))
    if profile is not None:
        what = f"is {given.format}, and {profile.name} takes JSON lines"
        looked.findings.add("format-not-taken", 0, "", what)
    digest = hashlib.sha256()
    with given.path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            looked.bytes += len(block)
    looked.sha256 = digest.hexdigest()
    if given.contract is not None:
        _rows(looked)
        against(looked)
        if looked.hashes.any_repeated():
            _repeats(looked)
    elif given.part and given.part.sha256 != looked.sha256:
        looked.findings.add("manifest-differs", 0, "", "has other bytes than the manifest says")
    return looked


def _rows(looked: Looked) -> None:
    contract = looked.given.contract
    assert contract is not None  # noqa: S101 - for mypy; the caller asked
    schema, asked = Schema(contract.tool["parameters"]), Asked(contract)
    add = looked.findings.add
    try:
        for arguments, result in calls_in(looked.given.path, contract):
            looked.rows += 1
            if looked.rows <= MOST:
                looked.hashes.add([Question(arguments, "").hashed()])
            for rule, path, what in (
                *asked.wrong_names(arguments), *asked.wrong_types(arguments),
            ):  # fmt: skip
                add(rule, looked.rows, f"arguments{path.removeprefix('$')}", what)
            answer = {RESULT_KEY: result} if contract.wraps_result else result
            for path, what in schema.faults(answer, "$", MOST_FAULTS):
                inside = path.removeprefix(f"$.{RESULT_KEY}" if contract.wraps_result else "$")
                add("answer-misfit", looked.rows, f"result{inside}", what)
    except DatasetError as error:  # its header, or a cell: nothing behind it can be read
        what = str(error).removeprefix(str(looked.given.path)).lstrip(":0123456789 ")
        looked.findings.add("columns-differ", looked.rows + 1, "", what.partition("; ")[0])
    looked.unremembered = max(looked.rows - MOST, 0)


def _repeats(looked: Looked) -> None:
    """Tell the rows that answer otherwise what an earlier one asks."""
    seen, answered = Seen(looked.hashes.repeated()), Answered()
    for number, row, question in entries(looked.given):
        if seen.wants(question.hashed()):
            first = answered.otherwise(question.content(), row, number)
            if first is not None:
                what = f"asks what row {first:,} asks, and is answered otherwise"
                looked.findings.add("answers-differ", number, "", what)


def entries(given: Given) -> Iterator[tuple[int, bytes, Question]]:
    """(number of the row, the row as bytes, what it asks), as far as the table can be read."""
    if given.contract is None:
        return
    try:
        for number, (arguments, result) in enumerate(calls_in(given.path, given.contract), 1):
            yield number, _row(arguments, result), Question(arguments, "")
    except DatasetError:
        return


def _row(arguments: dict[str, Any], result: Any) -> bytes:
    return canonical_json([arguments, result]).encode()
