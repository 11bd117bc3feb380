"""One file, from its first byte to its last: its lines, its rows, its size, what stands twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from distilgen.dataset import tokens
from distilgen.dataset.validation.findings import Findings
from distilgen.dataset.validation.lines import BOM, blocks, parsed
from distilgen.dataset.validation.profiles import GB, LOCAL, MB, Profile
from distilgen.dataset.validation.repeats import MOST, Answered, Hashes, Seen, numbered
from distilgen.dataset.validation.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset.manifest import Part

TRAIN, TORN = "train", "torn-line"
NO_JSON = ("invalid-json", "invalid-utf8")
"""The rules that a line breaks which is no JSON at all."""


@dataclass(frozen=True)
class Given:
    """A file that is to be looked at. shown: what it is called. split: which of a dataset's, or
    nothing. format: of its rows; empty, where they tell it. contract: whose rows they are, if that
    is known. part: what the manifest says of it.
    """

    shown: str
    path: Path
    split: str = ""
    format: str = ""
    contract: Contract | None = None
    part: Part | None = None


@dataclass
class Looked:
    """What is known of a file then. hashes: of what its rows ask. repeated: of rows that stand
    twice. unremembered: rows that were too many to look for their like.
    """

    given: Given
    findings: Findings
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    hashes: Hashes = field(default_factory=Hashes)
    repeated: set[int] = field(default_factory=set)
    unremembered: int = 0


def look(given: Given, profile: Profile | None, model: str | None, most: int) -> Looked:
    """Look at a file for a host. profile: None for no host in particular. most: as many findings of
    a rule are kept. Raises OSError.
    """
    host = profile or LOCAL
    looked = Looked(given, Findings(given.shown, most))
    rows = reader(given, looked.findings, host, model)
    digest = hashlib.sha256()

    def seen(block: bytes) -> None:
        digest.update(block)
        looked.bytes += len(block)

    with given.path.open("rb") as file:
        _lines(looked, rows, file, seen, host)
    looked.sha256 = digest.hexdigest()
    _sizes(looked, host)
    against(looked)
    if looked.hashes.any_repeated():  # or else no row is there twice
        _repeats(looked, host, model)
    return looked


def reader(given: Given, findings: Findings, host: Profile, model: str | None) -> Rows:
    """Who looks at the rows of a file."""
    limit = host.tokens(model)
    counter = tokens.counter(model) if limit else None
    return Rows(findings, host, given.format, given.contract, most=limit, counter=counter)


def _lines(
    looked: Looked, rows: Rows, file: BinaryIO, seen: Callable[[bytes], None], host: Profile
) -> None:
    findings = looked.findings
    number = 0
    look_at = rows.look
    batches = blocks(file, seen)
    lines = next(batches)
    for following in batches:
        asked: list[int] = []
        for line in lines:
            number += 1
            if number == 1:
                line = _first(line, findings, host)  # noqa: PLW2901 - without its mark
            if line.isspace() or not line:
                findings.add("blank-line", number, "", "is blank")
                continue
            if line.endswith(b"\r"):  # of two ends, the one of Windows
                line = line.rstrip(b"\r")  # noqa: PLW2901 - as above
            asked.append(look_at(line, number))
        _remember(looked, asked)
        lines = following
    _last(looked, rows, lines[0], number + 1, host)


def _remember(looked: Looked, asked: list[int]) -> None:
    """Note what some rows ask."""
    room = max(MOST - looked.rows, 0)
    looked.hashes.add(asked[:room])
    looked.rows += len(asked)
    looked.unremembered = max(looked.rows - MOST, 0)


def _first(line: bytes, findings: Findings, host: Profile) -> bytes:
    if line.startswith(BOM):
        if not host.bom:
            findings.add("bom-present", 1, "", "begins with a byte order mark")
        return line.removeprefix(BOM)
    if host.bom:
        findings.add("bom-missing", 1, "", "does not begin with a byte order mark")
    return line


def _last(looked: Looked, rows: Rows, line: bytes, number: int, host: Profile) -> None:
    """What stands behind the last end of a line."""
    findings = looked.findings
    if number == 1:
        line = _first(line, findings, host) if line else line
    if not line.strip():
        return
    others = any(findings.counts[rule] for rule in NO_JSON)  # then it may be no such file at all
    if looked.rows and not others and any(item.rule in NO_JSON for item in parsed(line)[1]):
        findings.add(TORN, number, "", "breaks off, and is no JSON")
        return
    line = line.rstrip(b"\r")
    _remember(looked, [rows.look(line, number)])


def _sizes(looked: Looked, host: Profile) -> None:
    findings = looked.findings
    if not looked.rows:
        findings.add("empty-file", 0, "", "has no row")
    elif looked.rows < host.rows and looked.given.split in ("", TRAIN):
        findings.add(
            "too-few-rows", 0, "", f"has {_rows(looked.rows)}, and the least is {host.rows}"
        )
    if host.most_rows and looked.rows > host.most_rows:
        what = f"has {_rows(looked.rows)}, and the most is {host.most_rows:,}"
        findings.add("too-many-rows", 0, "", what)
    if host.most and looked.bytes > host.most:
        what = f"has {_size(looked.bytes)}, and the most is {_size(host.most)}"
        findings.add("file-too-large", 0, "", what)
    elif host.usual and looked.bytes > host.usual:
        what = f"has {_size(looked.bytes)}, and {_size(host.usual)} is what one upload takes"
        findings.add("file-large", 0, "", what)


def _size(count: int) -> str:
    return f"{count / GB:,.2f} GB" if count >= GB else f"{count / MB:,.1f} MB"


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def against(looked: Looked) -> None:
    """Is it the file that was built?"""
    part = looked.given.part
    if part is None or looked.sha256 == part.sha256:
        return
    what = "has other bytes than the manifest says"
    if looked.rows != part.rows:
        what = f"has {_rows(looked.rows)}, and the manifest says {part.rows:,}"
    looked.findings.add("manifest-differs", 0, "", what)


def _repeats(looked: Looked, host: Profile, model: str | None) -> None:
    """Tell the rows that stand twice, and those that answer what an earlier one asks otherwise.
    Hashes may be equal by chance; here it is certain.
    """
    rows = reader(looked.given, Findings(looked.given.shown, 0), host, model)
    seen, answered = Seen(looked.hashes.repeated()), Answered()
    for number, line in rows_of(looked.given):
        if not seen.wants(rows.read(line)[1]):
            continue
        first = seen.earlier(line, number)
        if first is not None:
            looked.findings.add("duplicate-row", number, "", f"says what line {first:,} says")
            looked.repeated.add(hash(line))
            continue
        asked = rows.asked(line)
        first = answered.otherwise(*asked, number) if asked else None
        if first is not None:
            what = f"asks what line {first:,} asks, and is answered otherwise"
            looked.findings.add("answers-differ", number, "", what)


def rows_of(given: Given) -> Iterator[tuple[int, bytes]]:
    """(number of the line, the row as bytes). Raises OSError."""
    with given.path.open("rb") as file:
        for number, line in numbered(blocks(file, len)):
            row = line.removeprefix(BOM) if number == 1 else line
            if row and not row.isspace():
                yield number, row.rstrip(b"\r")
