"""One module's way through the rewriting and back, judged by other means than the rewriting's own.

What the corpus and the fuzzing share. A module is instrumented, instrumented again and restored,
then dispatched, dispatched again and restored. After each step three things are looked at that
`distilgen.rewrite.verify` looks at, too, but by code that shares nothing with it: does the result
compile, is its tree without our nodes the original's, and is all text outside the declared edits
(one import, one decorator a function or one body a function) still there, character for character.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from distilgen.contract import Contract
from distilgen.errors import SourceError
from distilgen.rewrite import marks, module, originals, restoration, steps
from distilgen.rewrite.routes import Route
from distilgen.source import files
from distilgen.source.functions import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from distilgen.rewrite.module import Planned
    from distilgen.source.files import SourceFile
    from distilgen.source.functions import Surveyed
    from distilgen.source.resolve import Resolver

    FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

Step = Literal["instrument", "dispatch"]
STEPS: tuple[Step, ...] = ("instrument", "dispatch")
Which = Literal["candidates", "annotated", "all"]

_NEWLINE = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
_IMPORT = r"(?:from [\w.]+ )?import (?:\w+\.)*{0}(?: as \w+)?\s*"
_DECORATOR = r"[ \t\f]*@{0}\.\w+\.record\s*"


@dataclass
class Trip:
    """What became of a module, or of many. functions: those that should be taken. taken: those that
    were, by step. changed, restored: modules, by step. refusals: functions left alone, by step and
    reason. problems: broken promises.
    """

    functions: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Trip) -> None:
        """Count another's too."""
        self.functions += other.functions
        for name in ("taken", "changed", "restored", "refusals"):
            getattr(self, name).update(getattr(other, name))
        self.examples = {**other.examples, **self.examples}
        self.problems += other.problems

    def refuse(self, step: Step, error: SourceError, count: int) -> None:
        """Note that functions are left alone."""
        reason = re.sub(r"line \d+", "line N", error.message)
        reason = re.sub(r"parameter \w+", "parameter P", reason)
        self.refusals[step, reason] += count
        self.examples.setdefault((step, reason), str(error))


def contract_of(item: Surveyed) -> Contract:
    """A contract made up, as the rewriting does not ask what is in it."""
    contract = Contract(
        function=item.name,
        fingerprint="",
        system_prompt=item.function.docstring or "Answer.",
        user_message="{arguments}",
        tool={"name": "M", "description": "", "parameters": {"type": "object", "properties": {}}},
        inputs={"properties": {name: {} for name in item.arguments}, "type": "object"},
    )
    return replace(contract, fingerprint=contract.digest())


def annotated(raw: bytes, path: Path, annotation: str = "object") -> bytes:
    """A module in which every function without a return annotation has got one.

    Raises SourceError when the module does not parse.
    """
    source = files.decode(raw, path)
    lines = _lines(source.text)
    places = [
        place
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is None
        for place in _colon(lines, node)
    ]
    for line, column in sorted(places, reverse=True):
        text = lines[line]
        lines[line] = f"{text[:column]} -> {annotation}{text[column:]}"
    return source.encode("".join(lines))


def surveyed(source: SourceFile, resolver: Resolver, which: Which) -> list[Surveyed]:
    """The functions that the rewriting can reach at all, in the order of the file.

    Left out are those that no decorator or stub is ever meant for: in functions, for type checkers
    only, and where no module could be imported beside. Those that no candidates are get no reason,
    unless only candidates are wanted.
    """
    facts = resolver.index.of_file(source)
    if not f"_{source.path.stem}".isidentifier():
        return []
    reached = [
        item
        for item in survey(facts, resolver)
        if not item.function.nested and not item.function.typing_only
    ]
    if which == "candidates":
        return reached
    return [replace(item, reason="") for item in reached]


def travel(project: Path, path: Path, resolver: Resolver, which: Which) -> Trip:
    """Send the module at `path` through both steps and back. Its file is written on the way, and
    is what it was in the end, whatever happens. Raises SourceError when it cannot be read.
    """
    trip, original = Trip(), path.read_bytes()
    source = files.decode(original, path)
    every = surveyed(source, resolver, which)
    trip.functions = sum(item.is_candidate for item in every)
    if trip.functions:
        for step in STEPS:
            try:
                _Leg(trip, step, project, path, resolver, which).go(source, every)
            finally:
                _clean(project, path, original)
    return trip


@dataclass
class _Leg:
    """One step, once more, and back."""

    trip: Trip
    step: Step
    project: Path
    path: Path
    resolver: Resolver
    which: Which

    def go(self, source: SourceFile, every: list[Surveyed]) -> None:
        chosen = {place for place, item in enumerate(every) if item.is_candidate}
        planned = self._first(source, every, chosen)
        if planned is None or not chosen:
            return
        self.trip.taken[self.step] += len(chosen)
        self.trip.changed[self.step] += 1
        _write(planned)
        lines = {every[place].function.line for place in chosen}
        after = self.path.read_bytes()
        name = marks.sidecar_path(self.path).stem
        stubs = lines if self.step == "dispatch" else ()
        for problem in judged(source.raw, after, name, stubs):
            self._broken(problem)
        try:
            self._again(every, chosen)
            self._back(source.raw)
        except SourceError as error:
            self._broken(f"refused on the way back: {error.message}")

    def _first(self, source: SourceFile, every: list[Surveyed], chosen: set[int]) -> Planned | None:
        """The plan for all functions that are not refused; these leave `chosen`."""
        while True:
            wanted = [(every[place], contract_of(every[place])) for place in sorted(chosen)]
            refused: list[SourceError] = []
            try:
                planned = self._plan(source, wanted, refused.append)
            except SourceError as error:
                if not error.function:
                    self.trip.refuse(self.step, error, len(chosen))
                    return None
                planned, refused = None, [error]
            for one in refused:
                self.trip.refuse(self.step, one, 1)
            lines = {one.line for one in refused}
            left = {place for place in chosen if every[place].function.line in lines}
            if planned or not left:
                chosen -= left
                return planned
            chosen -= left

    def _again(self, every: list[Surveyed], chosen: Collection[int]) -> None:
        source = files.read(self.path)
        now = surveyed(source, self.resolver, self.which)
        if [item.function.qualname for item in now] != [item.function.qualname for item in every]:
            self._broken("a second look finds other functions")
            return
        lost = [now[place].name for place in chosen if not now[place].is_candidate]
        if lost:
            self._broken(f"a second look finds no candidates: {lost}")
        wanted = [(now[place], contract_of(now[place])) for place in sorted(chosen)]
        planned = self._plan(source, wanted, self._refused_again)
        if planned.changes or planned.functions:
            self._broken("a second pass changes something")

    def _refused_again(self, error: SourceError) -> None:
        self._broken(f"a second pass refuses: {error.message}")

    def _back(self, original: bytes) -> None:
        loaded = self._load(files.read(self.path))
        names = sorted({mark.qualname for mark in loaded.found.all})
        if len(names) > 1:  # in two steps: what one restores must not stand in the other's way
            half = names[:: 2 if self.step == "instrument" else -2]
            _write(restoration.restore(loaded, self.path.stem, self._refused_again, half))
            loaded = self._load(files.read(self.path))
        _write(restoration.restore(loaded, self.path.stem, self._refused_again))
        if self.path.read_bytes() == original:
            self.trip.restored[self.step] += 1
        else:
            self._broken("restored bytes differ")
        left = [marks.sidecar_path(self.path), originals.path_for(self.project, self.path)]
        if any(path.exists() for path in left):
            self._broken("a generated file is left behind")

    def _plan(
        self,
        source: SourceFile,
        wanted: Sequence[tuple[Surveyed, Contract]],
        refused: Callable[[SourceError], None],
    ) -> Planned:
        loaded = self._load(source)
        if self.step == "instrument":
            return steps.instrument(loaded, wanted, refused)
        wishes = [
            steps.Wish(item, replace(contract, model="ft:one"), Route("dispatch"))
            for item, contract in wanted
        ]
        return steps.route(loaded, wishes, refused)

    def _load(self, source: SourceFile) -> module.Module:
        return module.load(self.project, source)

    def _broken(self, problem: str) -> None:
        self.trip.problems.append(f"{self.step}: {problem}")


# -- the judge ----------------------------------------------------------------------------------


def judged(before: bytes, after: bytes, sidecar: str, stubs: Collection[int] = ()) -> Iterator[str]:
    """What is wrong with the bytes after a step. sidecar: the name of the module that may be
    imported. stubs: the lines of the `def`s, in the bytes before, whose bodies may go.
    """
    reason = _refusal_of_python(after)
    if reason and not _refusal_of_python(before):
        yield f"does not compile: {reason}"
        return
    old, new = _Parsed(before), _Parsed(after)
    if len(old.functions) < len(new.functions):
        yield "has more functions than before"
        return
    places = [i for i, node in enumerate(old.functions) if node.lineno in stubs]
    alias = new.alias(sidecar)
    if not _is_rest(old.kept(places), new.kept(places), sidecar, alias):
        yield "text outside the edits has changed"
    if old.dump(places, sidecar, alias) != new.dump(places, sidecar, alias):
        yield "the tree without our nodes is another one"


def _refusal_of_python(raw: bytes) -> str:
    """Why bytes do not compile; nothing where they do."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(raw, "<module>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return ""


class _Parsed:
    """A module's text and tree, taken from its bytes by the standard library's means."""

    def __init__(self, raw: bytes) -> None:
        bare = raw.removeprefix(b"\xef\xbb\xbf")
        cookie = bytes(byte if byte < 128 else 63 for byte in raw)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(cookie).readline)
        if bare != raw or encoding == "utf-8-sig":
            encoding = "utf-8"
        self.lines = _lines(bare.decode(encoding))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.tree = ast.parse(raw)
        self.functions = list(_reached(self.tree.body))

    def kept(self, places: Collection[int]) -> list[str]:
        """The lines, without what is between the colon or docstring and the end of the functions
        at `places`.
        """
        spans = [self._body(self.functions[place]) for place in places]
        text = "".join(self.lines)
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line))
        kept, at = [], 0
        for (first, column), (last, end) in sorted(spans):
            kept.append(text[at : starts[first] + column])
            at = starts[last] + end
        return _lines("\0".join([*kept, text[at:]]))

    def alias(self, sidecar: str) -> str:
        """What the sidecar is called here."""
        names = (
            alias.asname or alias.name
            for node in self.tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if _last(alias.name) == sidecar
        )
        return next(names, "")

    def dump(self, places: Collection[int], sidecar: str, alias: str) -> str:
        """The tree without our nodes and without the bodies at `places`. Spoils the tree."""
        for place in places:
            node = self.functions[place]
            node.body = node.body[: ast.get_docstring(node, clean=False) is not None]
        return ast.dump(_Without(sidecar, alias).visit(self.tree))

    def _body(self, node: FunctionNode) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where a body starts and ends: (line from 0, column) each."""
        first = node.body[0]
        last = (node.end_lineno or 0) - 1
        start = next(iter(_colon(self.lines, node)))
        start = (start[0], start[1] + 1)
        if ast.get_docstring(node, clean=False) is not None:
            number = (first.end_lineno or 0) - 1
            start = (number, _column(self.lines[number], first.end_col_offset or 0))
            rest = self.lines[number][start[1] :]
            if rest.lstrip(" \t\f").startswith("#"):
                start = (number, len(self.lines[number].rstrip("\r\n")))
        while self.lines[last].rstrip("\r\n").endswith("\\") and last + 1 < len(self.lines):
            last += 1
        end = last
        for number in range(last + 1, len(self.lines)):
            bare = self.lines[number].lstrip(" \t\f")
            if bare.strip() and not (
                bare.startswith("#") and len(self.lines[number]) - len(bare) > node.col_offset
            ):
                break
            if bare.strip():
                end = number
        return start, (end, len(self.lines[end].rstrip("\r\n")))


class _Without(ast.NodeTransformer):
    """Takes our import and decorators out, known by their looks."""

    def __init__(self, sidecar: str, alias: str) -> None:
        self.sidecar, self.alias = sidecar, alias

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.AST | None:
        node.names = [alias for alias in node.names if _last(alias.name) != self.sidecar]
        return node if node.names else None

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: FunctionNode) -> ast.AST:
        node.decorator_list = [item for item in node.decorator_list if not self._is_ours(item)]
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def _is_ours(self, node: ast.expr) -> bool:
        match node:
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id=name)), attr="record"):
                return name == self.alias
        return False


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _is_rest(before: list[str], after: list[str], sidecar: str, alias: str) -> bool:
    """Are the lines after those before, with decorators of ours, and one import of ours that has
    at most one blank line of its own above it, and two below it?
    """
    decorator = re.compile(_DECORATOR.format(re.escape(alias)))
    left = [line for line in after if not decorator.fullmatch(line)]
    is_import = re.compile(_IMPORT.format(re.escape(sidecar))).fullmatch
    places = [place for place, line in enumerate(left) if is_import(line)]
    if len(places) != 1:
        return False
    for above in range(2):
        for below in range(3):
            start, stop = places[0] - above, places[0] + 1 + below
            blank = left[max(start, 0) : places[0]] + left[places[0] + 1 : stop]
            if not "".join(blank).strip("\r\n") and left[: max(start, 0)] + left[stop:] == before:
                return True
    return False


def _reached(body: Sequence[ast.AST]) -> Iterator[FunctionNode]:
    """Functions that are not in functions, in the order of the file."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif not isinstance(node, ast.expr):
            yield from _reached(list(ast.iter_child_nodes(node)))


def _lines(text: str) -> list[str]:
    """The lines with their ends, as Python counts them."""
    return [line for line in _NEWLINE.split(text) if line]


def _column(line: str, offset: int) -> int:
    """The place in a line of an offset in its UTF-8."""
    return len(line.encode()[:offset].decode())


def _colon(lines: list[str], node: FunctionNode) -> Iterator[tuple[int, int]]:
    """(line from 0, column) of the colon that ends the head of a function."""
    first, depth = node.lineno - 1, 0
    start = _column(lines[first], node.col_offset)
    head = (lines[place][start * (place == first) :] for place in range(first, len(lines)))
    plain = (line.rstrip("\r\n") + "\n" for line in head)
    for token in tokenize.generate_tokens(plain.__next__):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == ":" and not depth:
                line, column = token.start
                yield first + line - 1, column + (start if line == 1 else 0)
                return


# -- files --------------------------------------------------------------------------------------


def _write(planned: Planned) -> None:
    """Make the changes, at once each, as other processes read the same folder."""
    for change in planned.changes:
        if change.after is None:
            change.path.unlink()
        else:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            beside = change.path.with_name(f".{change.path.name}.{os.getpid()}")
            beside.write_bytes(change.after)
            beside.replace(change.path)


def _clean(project: Path, path: Path, original: bytes) -> None:
    """Leave no trace of a step that failed."""
    marks.sidecar_path(path).unlink(missing_ok=True)
    originals.path_for(project, path).unlink(missing_ok=True)
    if path.read_bytes() != original:
        path.write_bytes(original)
