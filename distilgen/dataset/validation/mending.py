"""What can be mended without touching what a row teaches; the file changes at once, or not."""

from __future__ import annotations

import hashlib
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from distilgen.contract import canonical_json
from distilgen.dataset.manifest import Part
from distilgen.dataset.validation.chat import MESSAGE_KEYS
from distilgen.dataset.validation.file import TORN, Looked, reader
from distilgen.dataset.validation.findings import Findings
from distilgen.dataset.validation.lines import BOM, blocks, parsed
from distilgen.dataset.validation.profiles import LOCAL, Profile
from distilgen.dataset.validation.repeats import Seen, numbered
from distilgen.dataset.validation.rules import RULES
from distilgen.records.export import output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.dataset.validation.rows import Rows

ENDS = "line-ends"
"""What is said of lines that ended in another way than with a newline."""


@dataclass
class Mended:
    """changes: how many lines were changed, by rule. part: what the manifest is to say then."""

    changes: Counter[str]
    part: Part


@dataclass
class _Writer:
    file: BinaryIO
    rows: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        self.file.write(content)
        self.digest.update(content)
        self.size += len(content)


def mend(looked: Looked, profile: Profile | None, model: str | None) -> Mended | None:
    """Write a file anew without what `--fix` mends; None where nothing changes. Raises OSError,
    RecordError.
    """
    given, host = looked.given, profile or LOCAL
    path = given.path.resolve()
    mode = stat.S_IMODE(path.stat().st_mode)
    rows = reader(given, Findings(given.shown, 0), host, model)
    changes: Counter[str] = Counter()
    try:
        with output(path, force=True) as file, path.open("rb") as old:
            writer = _Writer(file)
            _copy(old, writer, rows, looked, host, changes)
            _stay(changes)
    except _Unchanged:
        return None
    path.chmod(mode)
    name = given.part.file if given.part else path.name
    return Mended(changes, Part(name, writer.rows, writer.size, writer.digest.hexdigest()))


class _Unchanged(Exception):  # noqa: N818 - no error
    """The old file stays."""


def _stay(changes: Counter[str]) -> None:
    """Leave the file that is being written, where nothing is other than in the old one."""
    if not changes:
        raise _Unchanged


def _copy(
    old: BinaryIO, new: _Writer, rows: Rows, looked: Looked, host: Profile, changes: Counter[str]
) -> None:
    seen = Seen(looked.repeated)
    for number, raw, is_last in _marked(numbered(blocks(old, len))):
        line = raw
        if host.bom and number == 1 and not (is_last and not raw):
            line = line.removeprefix(BOM)
            new.write(BOM)
            if line == raw:
                changes["bom-missing"] += 1
        while not host.bom and not new.rows and line.startswith(BOM):
            line = line.removeprefix(BOM)
            changes["bom-present"] = 1
        if is_last and not line:  # the file ends as it should
            continue
        if not line or line.isspace():
            changes["blank-line"] += 1
            continue
        whole = line.rstrip(b"\r")
        if is_last and looked.findings.counts[TORN]:
            changes[TORN] += 1
            continue
        if is_last or whole != line:
            changes[ENDS] += 1
        kept = _row(whole, number, rows, seen, changes)
        if kept:
            new.write(kept + b"\n")
            new.rows += 1


def _marked(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes, bool]]:
    """Each with whether it is the last one, which has no end."""
    ahead = next(lines)
    for following in lines:
        yield *ahead, False
        ahead = following
    yield *ahead, True


def _row(line: bytes, number: int, rows: Rows, seen: Seen, changes: Counter[str]) -> bytes:
    """A row as it is to be written; nothing where it goes."""
    if seen.wants(line) and seen.earlier(line, number) is not None:
        changes["duplicate-row"] += 1
        return b""
    wrong = {rule for rule, _, _ in rows.read(line)[0]}
    if not any(RULES[rule].fixed for rule in wrong):
        return line
    row, of_json = parsed(line)
    if of_json or not isinstance(row, dict):
        return line
    done = [rule for rule in wrong if rule in _MENDS and _MENDS[rule](row)]
    changes.update(done)
    return canonical_json(row).encode() if done else line


def _without_unknown_keys(row: dict[str, Any]) -> bool:
    found = False
    for message in row["messages"] if isinstance(row.get("messages"), list) else ():
        if isinstance(message, dict):
            for key in message.keys() - MESSAGE_KEYS:
                del message[key]
                found = True
    return found


def _weights(row: dict[str, Any]) -> bool:
    found = False
    for message in row["messages"]:
        weight = message.get("weight") if isinstance(message, dict) else None
        if isinstance(weight, bool | float) and weight in (0, 1):
            message["weight"] = int(weight)
            found = True
    return found


def _parallel(row: dict[str, Any]) -> bool:
    row["parallel_tool_calls"] = False
    return True


_MENDS = {
    "message-unrecognized-key": _without_unknown_keys,
    "weight-value": _weights,
    "parallel-tool-calls-missing": _parallel,
    "parallel-tool-calls-differ": _parallel,
}
