"""Reads the facts of an outline line by line, without a syntax tree.

Outlines are plain: no string spans lines, hardly a function has a body, and what is left are
imports, headers, fields and assignments. Reading these off their first words takes half the time
that a syntax tree takes. Whatever is not plain is parsed, statement by statement, and read by the
reader that reads whole files; where the layout is not understood, NotOutlinedError says so.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from distilgen.errors import SourceError
from distilgen.source.facts import Binding, Class, Facts, Function, Import
from distilgen.source.files import SourceFile
from distilgen.source.outline import NotOutlinedError
from distilgen.source.phrases import LINE, bases_in, depth_of, first_word, imports, parameters_in
from distilgen.source.reader import SKIP, Place, Reader, exported_by, has_fields, is_main_guard

if TYPE_CHECKING:
    from pathlib import Path


def outline_facts(path: Path, text: str, name: str) -> Facts:
    """The facts of a file that is module `name`, from its outline: as `facts_of` gives them, lean.

    Raises NotOutlinedError, and SourceError for a statement that does not parse.
    """
    scanner = _Scanner(path, text)
    scanner.run()
    exported, too = exported_by(scanner.exporting)
    return Facts(
        name=name,
        path=path,
        is_package=path.stem == "__init__",
        scope={key: tuple(found) for key, found in scanner.scope.items()},
        stars=tuple(scanner.stars),
        exported=exported,
        exported_too=too,
        functions=tuple(scanner.functions),
        is_script=scanner.is_script or path.stem == "__main__",
    )


@dataclass
class _Block:
    """A block that is open. opener: the indentation of its header. inside: that of its statements,
    once the first is known. place: where its statements stand. made: the class that it is of.
    """

    opener: int
    inside: int | None
    place: Place
    made: _OpenClass | None = None


@dataclass
class _OpenClass:
    name: str
    line: int
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    around: Place
    keeps_fields: bool
    fields: list[tuple[str, str]] = field(default_factory=list)


_CLASS = re.compile(r"class[ \t]+(\w+)[ \t]*(?:\(([\s\S]*)\))?[ \t]*:\s*(\.\.\.|pass)?\s*\Z").match
_DEF = re.compile(
    r"(async[ \t]+)?def[ \t]+(\w+)[ \t]*\(([^()\"'#\\]*)\)\s*(?:->([^:]*))?:\s*(\.\.\.)?\s*\Z"
).match
_ASSIGNED = re.compile(r"(\w+)[ \t]*(=(?!=)|:(?!=))\s*").match
_AGAIN = re.compile(r"[\w\s.,\[\]*\"'-]*=(?!=)|[^\n]*\][ \t]*=(?!=)").match  # another target
_SAID = re.compile(
    r"(?:await[ \t]+)?\w+(?:\.\w+)*\s*(?:[(\[]|\Z)|[\"']|[rRbBuUfF]+[\"']|\.\.\."
).match
_ELSEWHERE = re.compile(r"\w+(?:\.\w+)*[ \t]*(?:\(|\.|[-+*/|&^@%<>]+=)|(\w+\.)+\w+[ \t]*=").match
_TYPE_CHECKING = re.compile(r"(?:el)?if[ \t]+(?:[\w.]+\.)?TYPE_CHECKING[ \t]*:\s*\Z").match
# The one statement that an outline gives a function, and the indentation of what comes after it.
_BODY = re.compile(
    r"[^\n]*\n([ \t]*)(\.\.\.|yield)[ \t]*"
    r"(?:\Z|\n(?:[ \t]*(?:#[^\n]*)?\n)*+(?:([ \t]*)(?=[^\s#]))?)"
).match
_ALL = re.compile(
    r"__all__[ \t]*(?::[^=]*)?=\s*(\[((?:\s*(?:\"\w+\"|'\w+')\s*(?:,|(?=\])))*)\s*\]\s*)\Z"
).match
_QUOTED = re.compile(r"\w+").findall
_OPENERS = frozenset({"if", "elif", "else", "try", "except", "finally", "for", "while", "with"})
_GO_ON = frozenset({"elif", "else", "except", "finally"})
_TO_PARSE = frozenset({"async", "__all__"})
_SOFT = re.compile(r"type[ \t]+\w|match\b[^=]*:\s*\Z").match
_NOTHING = frozenset({"pass", "assert", "raise", "return", "del", "global"})


@dataclass
class _Scanner:
    path: Path
    text: str
    scope: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    exporting: list[ast.stmt] = field(default_factory=list)
    is_script: bool = False
    with_fields: set[str] = field(default_factory=set)
    _blocks: list[_Block] = field(default_factory=list)
    _decorators: list[str] = field(default_factory=list)
    _decorated: tuple[int, int] | None = None  # where the decorators start, and on which line

    def run(self) -> None:
        """Read all statements."""
        self._blocks.append(_Block(-1, 0, Place(self.scope)))
        text, at, line, counted = self.text, 0, 1, 0
        while found := LINE(text, at):
            start, at = found.span(2)
            line += text.count("\n", counted, start)
            counted = start
            width = start - found.start()
            block = self._blocks[-1]
            if block.inside != width:
                block = self._block_at(width)
            follows = text[at : at + 1]
            statement = found[2]
            if follows == "#":  # a comment at its end
                statement = statement.rstrip()
                at = text.find("\n", at)
                at = len(text) if at < 0 else at
            elif follows not in ("\n", "") or "#" in statement:
                at = self._parse(start, line, width, block)
                continue
            first = statement[0]
            if first in "\"'" and "=" not in statement:
                continue  # a docstring
            at = self._statement(start, at, line, statement, width, block)
        while len(self._blocks) > 1:
            self._close()
        if self._decorators:
            self._lost()

    # -- blocks ---------------------------------------------------------------------------------

    def _block_at(self, width: int) -> _Block:
        """The open block that a statement of this indentation belongs to."""
        block = self._blocks[-1]
        if block.inside is None:
            if width <= block.opener:
                self._lost()
            block.inside = width
            return block
        while (block.inside or 0) > width:
            self._close()
            block = self._blocks[-1]
        if block.inside != width:
            self._lost()
        return block

    def _close(self) -> None:
        made = self._blocks.pop()
        if made.inside is None:
            self._lost()
        if made.made:
            self._finish(made.made, made.place.scope or {})

    def _finish(self, made: _OpenClass, scope: dict[str, list[Binding]]) -> None:
        around = made.around
        if around.scope is None:
            return
        defined = Class(
            ".".join((*around.path, made.name)),
            made.line,
            made.bases,
            made.decorators,
            {key: tuple(found) for key, found in scope.items()},
            tuple(made.fields),
        )
        around.scope.setdefault(made.name, []).append(
            Binding("class", made.line, None, defined, None, around.typing_only, around.conditional)
        )

    # -- statements -----------------------------------------------------------------------------

    def _statement(
        self, start: int, at: int, line: int, text: str, width: int, block: _Block
    ) -> int:
        """Read the statement `text` that ends at `at`. Returns where to go on."""
        word = first_word(text)
        if ";" in text:
            return self._parse(start, line, width, block)
        if word == "def" or (word == "async" and text[5:].lstrip().startswith("def")):
            return self._function(start, at, line, text, width, block)
        if word in ("from", "import"):
            return at if self._imports(line, text, block.place) else self._parse(
                start, line, width, block
            )  # fmt: skip
        if text[0] == "@":
            if self._decorated is None:
                self._decorated = (start, line)
            self._decorators.append(text[1:].strip())
            return at
        if word == "class":
            return self._class(start, at, line, text, width, block)
        if self._decorators:
            self._lost()
        if word in _OPENERS:
            return self._compound(start, at, line, text, word, width, block)
        if word in _NOTHING:
            return at
        if word == "__all__" and self._exports(line, text, block):
            return at
        if word in _TO_PARSE or _SOFT(text) or not self._simple(line, text, block):
            return self._parse(start, line, width, block)
        return at

    def _class(self, start: int, at: int, line: int, text: str, width: int, block: _Block) -> int:
        found = _CLASS(text) if "\\" not in text else None
        bases = bases_in(found[2] or "") if found else None
        if found is None or bases is None:
            return self._parse(start, line, width, block)
        name, place = found[1], block.place
        decorators = self._taken()
        keeps = has_fields(name, bases, decorators, self.with_fields)
        made = _OpenClass(name, line, bases, decorators, place, keeps)
        if found[3]:
            self._finish(made, {})
            return at
        inner = Place(
            {}, (*place.path, name), (*place.classes, name), place.nested, place.typing_only
        )
        self._blocks.append(_Block(width, None, inner, made))
        return at

    def _function(
        self, start: int, at: int, line: int, text: str, width: int, block: _Block
    ) -> int:
        found = _DEF(text)
        if found is None:
            return self._parse(start, line, width, block)
        place, body, end = block.place, "...", at
        if not found[5]:
            only = _BODY(self.text, at)
            if only is None or len(only[1]) <= width or len(only[3] or "") > width:
                return self._parse(start, line, width, block)
            body, at = only[2], only.end(2)
        name, returns = found[2], found[4]
        if returns is not None:
            returns = returns.strip()
            if not returns or returns[0] in "(\\":
                return self._parse(start, line, width, block)
        if place.scope is not None and (not place.conditional or name == "__getattr__"):
            binding = Binding("function", line, None, None, None, False, place.conditional)
            place.scope.setdefault(name, []).append(binding)
        decorators = self._taken()
        if returns:
            end = self.text.find("\n", end)
            header = self.text[start : end if end >= 0 else len(self.text)]
            self.functions.append(
                Function(
                    name,
                    ".".join((*place.path, name)),
                    line,
                    place.classes,
                    parameters_in(found[3]),
                    returns,
                    None,
                    decorators,
                    is_async=found[1] is not None,
                    is_generator=body == "yield",
                    empty=body == "...",
                    nested=place.nested,
                    typing_only=place.typing_only,
                    skipped="#" in header and SKIP.search(header) is not None,
                )
            )
        return at

    def _imports(self, line: int, text: str, place: Place) -> bool:
        found = imports(text)
        if found is None:
            return False
        for name, imported in found:
            if name == "*":
                self.stars.append(imported)
            elif place.scope is not None:
                binding = Binding(
                    "import", line, imported, None, None, place.typing_only, place.conditional
                )
                place.scope.setdefault(name, []).append(binding)
        return True

    def _compound(
        self, start: int, at: int, line: int, text: str, word: str, width: int, block: _Block
    ) -> int:
        if text.rstrip()[-1] != ":" or "__name__" in text or "\\" in text:
            return self._parse(start, line, width, block)
        place = block.place
        only = place.typing_only
        if word in ("if", "elif"):
            only = only or _TYPE_CHECKING(text) is not None
        inner = Place(place.scope, place.path, place.classes, place.nested, only, conditional=True)
        self._blocks.append(_Block(width, None, inner))
        return at

    def _simple(self, line: int, text: str, block: _Block) -> bool:
        """Read an assignment, or see that there is none."""
        found = _ASSIGNED(text)
        place = block.place
        if found is None:
            if text.count(" = ") > 1:
                return False  # the last of several targets may be a name
            return (_SAID if "=" not in text else _ELSEWHERE)(text) is not None
        name, rest = found[1], text[found.end() :]
        if found[2] == ":":
            annotation, equals, rest = rest.partition("=")
            if not annotation or annotation[0] == "(" or rest[:1] == "=":
                return False
            if equals and (
                annotation.count("[") != annotation.count("]")
                or annotation.count("(") != annotation.count(")")
            ):
                return False
            rest = rest.lstrip()
            if equals and (not rest or rest[0] in "(\\*"):
                return False
            if block.made and block.made.keeps_fields:
                block.made.fields.append((name, annotation.strip()))
            if not equals:
                return True
        elif _AGAIN(rest) or not rest or rest[0] in "(\\*":
            return False
        if place.scope is not None:
            binding = Binding(
                "value", line, None, None, rest.rstrip(), place.typing_only, place.conditional
            )
            place.scope.setdefault(name, []).append(binding)
        return True

    def _exports(self, line: int, text: str, block: _Block) -> bool:
        """Read a plain list of what the module exports."""
        found = _ALL(text)
        if found is None or block is not self._blocks[0]:
            return False
        names: list[ast.expr] = [ast.Constant(name) for name in _QUOTED(found[2])]
        self.exporting.append(ast.Assign([ast.Name("__all__")], ast.List(names)))
        binding = Binding("value", line, None, None, found[1].rstrip())
        self.scope.setdefault("__all__", []).append(binding)
        return True

    # -- what is not plain ----------------------------------------------------------------------

    def _parse(self, start: int, line: int, width: int, block: _Block) -> int:
        """Read a statement, its decorators and its blocks from their syntax tree."""
        begin, first = self._decorated or (start, line)
        self._taken()
        end = self._end(start, width)
        text = ("if 1:\n" if width else "") + " " * width + self.text[begin:end] + "\n"
        try:
            body = ast.parse(text, str(self.path)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise SourceError(self.path, f"does not parse: {error}") from error
        if width and isinstance(body[0], ast.If):
            body = body[0].body
        reader = Reader(
            SourceFile(self.path, b"", text, "utf-8"),
            lean=True,
            before=first - 1 - bool(width),
            stars=self.stars,
            functions=self.functions,
            with_fields=self.with_fields,
        )
        reader.block(body, block.place)
        if block.made and block.made.keeps_fields:
            block.made.fields += reader.fields_in(body)
        if len(self._blocks) == 1:
            self.is_script = self.is_script or any(is_main_guard(node) for node in body)
        if "__all__" in text and not block.place.path:
            sure = len(self._blocks) == 1
            self.exporting += body if sure else [ast.If(ast.Constant(value=None), body, [])]
        return end

    def _end(self, start: int, width: int) -> int:
        """Where a statement and all of its blocks end."""
        at = self._skip(start)
        while found := LINE(self.text, at):
            inside = found.start(2) - found.start()
            if inside < width or (inside == width and first_word(found[2]) not in _GO_ON):
                break
            at = self._skip(found.start(2))
        decorated = LINE(self.text, at) if self.text[start] == "@" else None
        return self._end(decorated.start(2), width) if decorated else at

    def _skip(self, start: int) -> int:
        """The end of the line that a statement or header ends on."""
        text, at, depth = self.text, start, 0
        while True:
            end = text.find("\n", at)
            if end < 0:
                return len(text)
            depth += depth_of(text[at:end])
            if depth <= 0 and text[end - 1 : end] != "\\":
                return end
            at = end + 1

    def _taken(self) -> tuple[str, ...]:
        decorators = tuple(self._decorators)
        if decorators:
            self._decorators = []
        self._decorated = None
        return decorators

    def _lost(self) -> NoReturn:
        raise NotOutlinedError("the layout is not understood")
