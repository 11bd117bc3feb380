"""Files, looked at: functions that return a Pydantic type, and what was read to know that."""

from __future__ import annotations

import gc
import hashlib
import json
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen.errors import SourceError
from distilgen.source import files
from distilgen.source.files import digest_of
from distilgen.source.functions import survey
from distilgen.source.index import NO_SOURCE, STARS, Index
from distilgen.source.outline import NotOutlinedError, may_return_a_model, outline, plain_names
from distilgen.source.resolve import Resolver
from distilgen.source.rows import Overview, Row
from distilgen.source.walk import sidecar_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from distilgen.source.facts import Binding, Facts
    from distilgen.source.reads import Read
    from distilgen.source.view import View

_PARSES = ""


class Result(NamedTuple):
    """What came of one file. rows: its overview as JSON; None when it cannot be read or does not
    parse: then problem says why, and on which line. reads: what was read to know it, as text.
    """

    path: str
    digest: str
    rows: str | None
    reads: str
    problem: tuple[str, int | None] | None


class Report(NamedTuple):
    """What came of many files, in their order. consulted, places: as in `Examiner`."""

    results: list[Result]
    consulted: set[str]
    places: list[tuple[str, str, str]]


def work(view: View, paths: Iterable[str]) -> Report:
    """Look at files. What they say of themselves is read first, so that it is known when others ask
    for it.
    """
    collecting = gc.isenabled()
    gc.disable()  # facts are many small objects in no circles, and all of them are kept to the end
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _work(Examiner(view), paths)
    finally:
        if collecting:
            gc.enable()


def _work(examiner: Examiner, paths: Iterable[str]) -> Report:
    first = [(path, *_first_look(path, examiner)) for path in paths]
    results = [_result(*item, examiner) for item in first]
    return Report(results, examiner.consulted, examiner.places)


def _first_look(path: str, examiner: Examiner) -> tuple[str, Looked | SourceError]:
    raw = b""
    try:
        raw = files.read_bytes(path)
        return digest_of(raw), examiner.look(path, raw)
    except SourceError as error:
        return digest_of(raw), error


def _result(path: str, digest: str, seen: Looked | SourceError, examiner: Examiner) -> Result:
    if isinstance(seen, SourceError):
        return Result(path, digest, None, "", (seen.message, seen.line))
    overview, reads = examiner.examine(seen)
    return Result(path, digest, overview.to_json(), reads, None)


_quoted = json.encoder.encode_basestring_ascii


@dataclass(frozen=True)
class Looked:
    """A file after the first look. facts: None when no function in it can return a Pydantic type.
    marked: distilgen may have rewritten it.
    """

    path: str
    marked: bool
    facts: Facts | None


@dataclass
class Examiner:
    """Looks at files. consulted: those that were read to know what others hold. places: which file
    each module is, see `Index.place`.
    """

    view: View
    consulted: set[str] = field(default_factory=set)
    places: list[tuple[str, str, str]] = field(default_factory=list)
    _digests: dict[tuple[str, str], str] = field(default_factory=dict)
    _lines: dict[Read, str] = field(default_factory=dict)

    @cached_property
    def resolver(self) -> Resolver:
        """Follows names."""
        return Resolver(Index(self.view.roots, self.view.environment))

    def look(self, path: str, raw: bytes) -> Looked:
        """A first look at a file. Raises SourceError when it does not parse."""
        marked = b"_distil" in raw and sidecar_name(Path(path)).encode() in raw
        return Looked(path, marked, self._facts(path, raw))

    def examine(self, looked: Looked) -> tuple[Overview, str]:
        """(what is in a file, what was read to know it, as text)."""
        path, facts = looked.path, looked.facts
        if facts is None:
            return Overview(path, "", (), self.view.everything, looked.marked), ""
        surveyed, reads = self.resolver.index.reads.of(lambda: list(survey(facts, self.resolver)))
        rows = tuple(
            Row(f.qualname, f.line, " ".join((f.returns or "").split()), item.reason, item.near)
            for item in surveyed
            for f in [item.function]
            if item.near or self.view.everything
        )
        text = self._written(reads, path) if surveyed else ""
        return Overview(path, facts.name, rows, self.view.everything, looked.marked), text

    def are_so(self, places: Iterable[tuple[str, str, str]]) -> bool:
        """Is each module still the file that it was?"""
        index = self.resolver.index
        return all(index.place(near, name) == path for near, name, path in places)

    def still_holds(self, text: str, changed: Collection[str], *, moved: bool) -> bool:
        """Is what was read still so? text: as `examine` gave it. changed: the files to look at.
        moved: files came or went, so that a module may be another file.
        """
        try:
            return all(
                self._is_so(json.loads(line), changed, moved=moved) for line in text.splitlines()
            )
        except (ValueError, TypeError):
            return False

    def _is_so(self, said: list[Any], changed: Collection[str], *, moved: bool) -> bool:
        if said[0] is None:
            _, near, name, path = said
            return not moved or self.resolver.index.place(near, name) == path
        where, name, digest = said
        return where not in changed or self._digest(where, name) == digest

    def _facts(self, path: str, raw: bytes) -> Facts | None:
        """The facts of a file; None when none of its functions can return a Pydantic type."""
        index = self.resolver.index
        if self.view.everything:
            return index.of_file(files.decode(raw, Path(path)))
        if b"->" not in raw:
            return None
        plain = plain_names(raw)
        if not may_return_a_model(raw, plain):
            return None
        try:
            made = outline(raw, plain)
        except NotOutlinedError:
            made = None
        if made is not None and not made.has_hits:
            return None
        return index.of_outline(Path(path), raw, made)

    # -- what was read --------------------------------------------------------------------------

    def _written(self, reads: Iterable[Read], own: str) -> str:
        """One line for each thing that was read: which file, what of it, and what that was."""
        known, lines = self._lines, []
        for read in reads:
            if read.where != own or read.kind == "module":
                line = known.get(read)
                if line is None:
                    line = known[read] = self._line(read)
                lines.append(line)
        return "\n".join(lines)

    def _line(self, read: Read) -> str:
        kind, where, name = read
        if kind == "name":
            self.consulted.add(where)
            return f'[{_quoted(where)}, {_quoted(name)}, "{self._digest(where, name)}"]'
        path = self.resolver.index.place(where, name)
        self.places.append((where, name, path))
        said = json.dumps([None, where, name, path])
        if path in NO_SOURCE:
            return said
        self.consulted.add(path)  # that it parses was read, too
        return f"{said}\n{json.dumps([path, _PARSES, self._digest(path, _PARSES)])}"

    def _digest(self, where: str, name: str) -> str:
        """Of what binds a name in a file, wherever in it that stands."""
        key = (where, name)
        if key not in self._digests:
            facts = self.resolver.index.at(where)
            if facts is None or name == _PARSES:
                shape: Any = facts is not None
            elif name == STARS:
                scope = sorted(key for key, found in facts.scope.items() if _that_last(key, found))
                shape = (facts.stars, facts.exported, facts.exported_too, scope)
            else:
                shape = [_shape(item) for item in _that_last(name, facts.scope.get(name, ()))]
            self._digests[key] = hashlib.blake2b(repr(shape).encode(), digest_size=8).hexdigest()
        return self._digests[key]


def _that_last(name: str, bindings: Iterable[Binding]) -> list[Binding]:
    """Without functions in blocks, which an outline may leave out."""
    return [
        item
        for item in bindings
        if item.kind != "function" or not item.conditional or name == "__getattr__"
    ]


def _shape(binding: Binding) -> tuple[Any, ...]:
    """A binding without where it stands, and without the methods of a class."""
    kind, _, imported, defined, *rest = binding
    if imported:  # most are
        return (kind, *imported, *rest)
    shape: tuple[Any, ...] = binding._replace(line=0, defined=None)
    if defined:
        inner = [
            (name, [_shape(item) for item in found if item.kind != "function"])
            for name, found in defined.scope.items()
        ]
        shape += (*defined._replace(line=0, scope={}), [item for item in inner if item[1]])
    return shape
