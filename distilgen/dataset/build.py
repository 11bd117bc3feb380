"""Records of one contract become train, validation and test files, and a manifest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.errors import RecordError
from distilgen.records.fitting import misfit
from distilgen.records.record import (
    REDACTED,
    TOO_LARGE,
    UNSERIALIZABLE,
    Malformed,
    Record,
    marker_in,
)
from distilgen.rewrite.replace import replace_file
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.records.store import Store

SPLITS = ("train", "validation", "test")
MANIFEST = "manifest.json"
OLDER, STUDENTS, FAILED, HALF, MISFIT, TWICE = (
    "of an older contract",
    "answered by the student",
    "of a call without a result",
    "with half of a character, which nothing can send",
    "whose result does not fit the contract",
    "equal to an earlier one",
)
ABSENT = {
    UNSERIALIZABLE: "that has no JSON form",
    TOO_LARGE: "that was too large to record",
    REDACTED: "that was redacted",
}


@dataclass(frozen=True)
class Holdout:
    """Shares of the distinct calls, 0 to 1, that train nothing."""

    validation: float = 0.1
    test: float = 0.1

    def split_of(self, digest: bytes) -> str:
        """The side of a call, by the digest of its arguments: equal calls are on one side."""
        place = int.from_bytes(digest[:8]) / 2**64
        if place < self.test:
            return "test"
        return "validation" if place < self.test + self.validation else "train"


@dataclass
class Built:
    """What became of one function's records. left_out: counts by reason. misfit: where and why the
    first result that does not fit the contract does not. conflicts: calls whose arguments are equal
    and whose answers are not.
    """

    contract: Contract
    folder: Path
    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    misfit: str = ""
    conflicts: int = 0


@dataclass
class Outcome:
    """All that a build read. unknown: counts of records by function, where no contract has it."""

    built: list[Built]
    malformed: list[Malformed]
    unknown: Counter[str]


@dataclass
class _Rows:
    """The rows of one function while they are gathered, as lines by split."""

    built: Built
    lines: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in SPLITS})
    answers: dict[bytes, set[bytes]] = field(default_factory=dict)


def build(
    store: Store,
    contracts: Sequence[Contract],
    output: Path,
    *,
    format_name: str,
    holdout: Holdout,
    students: Container[str] = (),
) -> Outcome:
    """Build a dataset for each contract that has records, in a folder named after its function.

    contracts: those frozen in the project now. students: models that were trained in the project:
    what they answered teaches nobody. A folder's files are replaced one by one, each at
    once, the manifest last. Raises RecordError when there is no record at all.
    """
    by_function = {contract.function: contract for contract in contracts}
    gathered: dict[str, _Rows] = {}
    outcome = Outcome([], [], Counter())
    for item in store.read():
        if isinstance(item, Malformed):
            outcome.malformed.append(item)
        elif item.function not in by_function:
            outcome.unknown[item.function] += 1
        else:
            contract = by_function[item.function]
            rows = gathered.setdefault(
                item.function, _Rows(Built(contract, output / folder_name(contract)))
            )
            if item.source in students:
                rows.built.left_out[STUDENTS] += 1
            else:
                _take(rows, item, format_name, holdout)
    if not gathered and not outcome.malformed and not outcome.unknown:
        raise RecordError(f"{store.place}: no records; run the instrumented program first")
    for _, rows in sorted(gathered.items()):
        _write(rows, format_name, holdout)
        outcome.built.append(rows.built)
    return outcome


def folder_name(contract: Contract) -> str:
    """The name of a dataset's folder: `shop.mail.complex_chain`."""
    return contract.function.replace(":", ".").replace("<", "").replace(">", "")


def _take(rows: _Rows, record: Record, format_name: str, holdout: Holdout) -> None:
    built = rows.built
    reason = _unfit(built, record)
    if reason:
        built.left_out[reason] += 1
    else:
        try:
            line = (
                canonical_json(
                    FORMATS[format_name](built.contract, record.arguments, record.result)
                ).encode()
                + b"\n"
            )
            call, answer = _digest(record.arguments), _digest(record.result)
        except UnicodeEncodeError:  # half of a character: nothing that can be sent
            built.left_out[HALF] += 1
            return
        except ValueError:  # the strict form has no place for it
            built.left_out[MISFIT] += 1
            return
        known = rows.answers.setdefault(call, set())
        if answer in known:
            built.left_out[TWICE] += 1
            return
        built.conflicts += len(known) == 1
        known.add(answer)
        split = holdout.split_of(call)
        rows.lines[split].append(line)
        built.rows[split] += 1


def _unfit(built: Built, record: Record) -> str:
    """Why no row can be made of a record; nothing where one can."""
    contract = built.contract
    if record.contract != contract.fingerprint:
        return OLDER
    if record.by_student:
        return STUDENTS
    if record.error is not None:
        return FAILED
    if not record.usable:
        marker = marker_in(record.arguments)
        where = "an argument" if marker else "a result"
        return f"with {where} {ABSENT[marker or marker_in(record.result)]}"
    answer = {RESULT_KEY: record.result} if contract.wraps_result else record.result
    wrong = misfit(dict(contract.tool["parameters"]), answer)
    built.misfit = built.misfit or (wrong and f"record {record.id}: {wrong}")
    return MISFIT if wrong else ""


def _digest(value: Any) -> bytes:
    return hashlib.sha256(canonical_json(value).encode()).digest()[:16]


def _write(rows: _Rows, format_name: str, holdout: Holdout) -> None:
    built = rows.built
    files: dict[str, Mapping[str, Any]] = {}
    for split, lines in rows.lines.items():
        path = built.folder / f"{split}.jsonl"
        if not lines:
            path.unlink(missing_ok=True)  # a file of an earlier build must not be taken for ours
            continue
        content = b"".join(lines)
        replace_file(path, content)
        files[split] = {"rows": len(lines), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {
        "function": built.contract.function,
        "contract": built.contract.fingerprint,
        "format": format_name,
        "holdout": {"validation": holdout.validation, "test": holdout.test},
        "files": files,
        "left_out": dict(sorted(built.left_out.items())),
        "conflicts": built.conflicts,
    }
    replace_file(built.folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
