"""The outline of a file: what of its text can matter to where a model is returned.

Most of a project's text is function bodies, documentation, and functions that return `str`. None of
it changes what the names of a module stand for, so parsing it is time lost. `may_return_a_model`
tells by its bytes whether a file can hold a candidate at all; `outline` takes from a file's bytes
what analysis does not need, and keeps every line where it was. Both are sure in one direction only:
what they leave out does not matter, what they keep may not matter either. Where the text is not
laid out as they expect, the result does not parse, and the caller parses the whole file.
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from distilgen.errors import DistilgenError
from distilgen.source import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORDS = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*").findall
_RETURNS = re.compile(rb"->([^:]*):([^\n]*)").findall
_IMPORTS = re.compile(rb"from[ \t]+([\w.]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n]*)").findall
_CLASSES = re.compile(rb"class[ \t]+(\w+)").findall
_ASSIGNED = re.compile(rb"\n(\w+)[ \t]*(?::[^=\n]*)?=").findall  # at the top level
_PYTHONS_OWN = frozenset(name.encode() for name in (*known.LOADED, "typing_extensions"))
_OPEN = frozenset({b"Self", b"TypeVar", b"NewType", b"Annotated", b"NamedTuple", b"TypedDict"})
_BUILTINS = frozenset(
    name.encode() for name in dir(builtins) if isinstance(getattr(builtins, name), type)
) | {b"None"}


_BOM = b"\xef\xbb\xbf"
_HEAD = 400  # bytes, in which a cookie stands
_COOKIE = re.compile(rb"(?:[^\n]*\n)?[^\n#]*#[^\n]*?coding[:=][ \t]*([-\w.]+)").match
_LIKE_ASCII = frozenset({b"utf-8", b"utf8", b"latin-1", b"iso-8859-1", b"ascii", b"us-ascii"})
_FORM_FEEDS = re.compile(rb"^[ \t\f]*\f", re.MULTILINE).sub
_COMMON = frozenset({
    b"None", b"bool", b"dict", b"float", b"int", b"list", b"object", b"set", b"str",
    b"tuple", b"type",
})  # fmt: skip


class NotOutlinedError(DistilgenError):
    """The text is not laid out as an outline can be taken from."""


@dataclass(frozen=True)
class Outline:
    """raw: bytes that parse like the file's, line by line, but for what is left out.
    has_hits: holds a function of which more than the name was kept.
    """

    raw: bytes
    has_hits: bool


def plain_names(raw: bytes) -> frozenset[bytes]:
    """The names that in this file can stand for nothing but what is builtin or Python's own."""
    if b"->" not in raw:
        return _BUILTINS
    if b"\r" in raw:
        raw = _with_line_feeds(raw)
    own: set[bytes] = set()
    others: set[bytes] = {*_CLASSES(raw), *_ASSIGNED(raw)}
    for module, names in _IMPORTS(raw):
        if module.partition(b".")[0] in _PYTHONS_OWN:
            own.update(_WORDS(names))
        elif names == b"*":
            others |= _BUILTINS - _COMMON  # a class may well be called Warning or filter
        else:
            others.update(_WORDS(names))
    return frozenset((_BUILTINS | own) - others - _OPEN)


def may_return_a_model(raw: bytes, plain: frozenset[bytes]) -> bool:
    """Does any return annotation name what is not plain?"""
    return any(
        not plain.issuperset(_WORDS(annotation)) or not plain.issuperset(_WORDS(rest))
        for annotation, rest in set(_RETURNS(raw))
    )


def outline(raw: bytes, plain: frozenset[bytes] | None = None) -> Outline:
    """The outline of a file. Raises NotOutlinedError; the result may not parse, either.

    Left out are the texts of strings that span lines, the parameters and bodies of functions whose
    return annotation names nothing but `plain`, and the bodies of the others; without `plain`, all
    of every function but its name.
    """
    if b"\r" in raw:
        raw = _with_line_feeds(raw)
    cookie = _COOKIE(raw) if raw.find(b"coding", 0, _HEAD) >= 0 else None
    if cookie and (raw[:3] == _BOM or cookie[1].lower() not in _LIKE_ASCII):
        raise NotOutlinedError("in its encoding a quote may be half a letter")
    raw = raw.removeprefix(_BOM)
    if b"\f" in raw:
        raw = _FORM_FEEDS(b"", raw)  # indentation starts anew after one
    made = _without_bodies(_without_long_strings(raw), plain)
    if len(made.raw) > _BIG:
        made = Outline(_without_data(made.raw), made.has_hits)
    return made


def _with_line_feeds(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


# From one string that may span lines to the next: names, comments, strings that end on the line.
_TO_LONG_STRING = re.compile(
    rb"""(?:[^"'\#\\]++|\\.|\#[^\n]*+|"(?!"")(?:[^"\\\n]|\\.)*+"|'(?!'')(?:[^'\\\n]|\\.)*+')*+""",
    re.DOTALL | re.VERBOSE,
).match
# What is in a string of three quotes behind its first three, and its last three.
_BEHIND = {
    b'"""': rb'(?:[^"\\]++|\\.|"(?!""))*+"""',
    b"'''": rb"(?:[^'\\]++|\\.|'(?!''))*+'''",
}
_TO_END = {mark: re.compile(rest, re.DOTALL).match for mark, rest in _BEHIND.items()}
_MARGIN = 99  # what follows a string on its last line is no statement: keep it from the left edge


def _long_strings(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the strings stand that may span lines. Raises NotOutlinedError for one that does not
    end.
    """
    end = len(raw)
    quotes = {mark: raw.find(mark) for mark in _TO_END}
    position = 0
    while True:
        for mark, place in quotes.items():
            if 0 <= place < position:
                quotes[mark] = raw.find(mark, position)
        nearest = min((place for place in quotes.values() if place >= 0), default=end)
        if nearest == end:
            return
        # Whether it is one, or stands in another string or a comment, its line tells; unless a
        # string goes on from the line before.
        line = max(raw.rfind(b"\n", position, nearest) + 1, position)
        start = position if raw.find(b"\\\n", position, line) >= 0 else line
        between = _TO_LONG_STRING(raw, start)
        found = between.end() if between else end
        if found >= end:
            return
        to_end = _TO_END.get(raw[found : found + 3])
        closed = to_end(raw, found + 3) if to_end else None
        if closed is None:
            raise NotOutlinedError("a string does not end")
        position = closed.end()
        yield found, position


def _without_long_strings(raw: bytes) -> bytes:
    pieces: list[bytes] = []
    kept = 0
    for start, end in _long_strings(raw):
        lines = raw.count(b"\n", start, end)
        if lines:
            pieces += (raw[kept:start], b'""', b"\\\n" * lines)
            kept = end
            if raw[kept : kept + 1] != b"\n":
                pieces.append(b" " * _MARGIN)
    pieces.append(raw[kept:])
    return b"".join(pieces)


_BIG = 500_000  # bytes: a syntax tree takes a hundred times that
_DATA = re.compile(rb"^(\w+[ \t]*(?::[^=\n]*)?=)[ \t]*[\[{(\"']", re.MULTILINE).search
_CALLS = re.compile(rb"^(?!__all__)[a-zA-Z_][\w.]*\([^\n]*\)[ \t]*$", re.MULTILINE).sub


def _without_data(raw: bytes) -> bytes:
    """Without what is assigned at the top level, where it is big, and calls that stand there."""
    pieces: list[bytes] = []
    position = kept = 0
    while found := _DATA(raw, position):
        line_end = raw.find(b"\n", found.end())
        dedent = _to_dedent(0)(raw, line_end) if line_end >= 0 else None
        end = dedent.start() + 1 if dedent else len(raw)
        if end - found.end() > _BIG // 2:
            pieces += (raw[kept : found.end(1)], b" ...")
            pieces.append(b"\n" * raw.count(b"\n", found.end(), end))
            kept = end
        position = end
    return _CALLS(b"", b"".join([*pieces, raw[kept:]]))


_DEF = re.compile(rb"def(?:[ \t\f]|\\\n)+([\w\x80-\xff]+)").search
_ASYNC = re.compile(rb"[ \t]*async(?:[ \t\f]|\\\n)+\Z").match
_TO_BODY = re.compile(rb":[ \t]*(?:#[^\n]*)?\n").search
_FIRST_PARAMETER = re.compile(rb"[\s\\]*\((?:[\s\\]|#[^\n]*\n)*([\w\x80-\xff]*)").match
_SAYINGS = re.compile(
    b"|".join(
        [
            rb"#[^\n]*+",
            *(mark + rest for mark, rest in _BEHIND.items()),
            rb'"(?:[^"\\\n]++|\\.)*+"',
            rb"'(?:[^'\\\n]++|\\.)*+'",
        ]
    ),
    re.DOTALL,
).sub
_YIELD = re.compile(rb"\byield\b").search
_OTHERS = re.compile(rb"\b(?:def|lambda|class)\b").search

_QUOTED = re.compile(rb"->[^:]*[\"']").search


@cache
def _to_dedent(width: int) -> Callable[[bytes, int], re.Match[bytes] | None]:
    """Finds the next statement that is indented by `width` or less."""
    return re.compile(rb"\n[ \t]{0,%d}[^ \t\n#)\\\]}:,=|]" % width).search


def _closed(raw: bytes, start: int, colon: int) -> int:
    """The colon, if it is not one between the brackets of a header. Raises NotOutlinedError."""
    if raw.count(b"(", start, colon) != raw.count(b")", start, colon):
        raise NotOutlinedError("a colon ends a line of its parameters")
    return colon


def _without_bodies(raw: bytes, plain: frozenset[bytes] | None) -> Outline:
    pieces: list[bytes] = []
    position = kept = 0
    has_hits = False
    while found := _DEF(raw, position):
        position = found.end()
        start, width = _start(raw, found.start())
        if width < 0:
            continue  # the end of a word, or in a comment
        header = _TO_BODY(raw, position)
        if header is None:
            has_hits = has_hits or raw.find(b"->", position) >= 0
            break
        body, colon = header.end(), _closed(raw, position, header.start())
        dedent = _to_dedent(width)(raw, raw.find(b"\n", position))
        end = dedent.start() + 1 if dedent else len(raw)
        stop = min(colon, end)  # an arrow behind it stands in a comment
        arrow = raw.find(b"->", position, stop) if plain is not None else -1
        annotation = raw[arrow:stop] if arrow >= 0 else b""
        if b'""\\\n' in annotation:
            raise NotOutlinedError("an annotation is a string that spans lines")
        is_hit = plain is not None and not plain.issuperset(_WORDS(annotation))
        has_hits = has_hits or is_hit
        if body > end:  # its body stands on the line of its header, as far as one can see
            rest = raw[end:body] if arrow < 0 else b""
            has_hits = has_hits or may_return_a_model(rest, plain or _BUILTINS)
            continue
        inner = raw.find(b"->", body, end) if plain is not None else -1
        if plain is not None and inner >= 0 and may_return_a_model(raw[inner:end], plain):
            said = _SAYINGS(b"", raw[body:end])
            if b"->" in said and (_QUOTED(raw, body, end) or may_return_a_model(said, plain)):
                position, has_hits = body, True  # functions in it matter, or it was no header
                continue
        if found[1] == b"__getattr__":
            position = body  # what it imports matters
            continue
        if is_hit:
            yields, plainly = _yields(raw, body, end)
            if not plainly or raw.find(b"distilgen:", body, end) >= 0:
                position = body
                continue
            pieces += (raw[kept:position], *_header(raw, position, arrow, body))
            pieces += (raw[start : start + width], b" yield" if yields else b" ...")
            pieces.append(b"\n" * raw.count(b"\n", body, end))
        elif width and raw.find(b"@", kept, start) < 0:
            # A method without decorators: annotations are read outside of it, see `Names`.
            pieces += (raw[kept : start + width], b"pass")
            pieces.append(b"\n" * raw.count(b"\n", start + width, end))
        else:
            pieces += (raw[kept:position], b"(): ...", b"\n" * raw.count(b"\n", position, end))
        position = kept = end
    pieces.append(raw[kept:])
    return Outline(b"".join(pieces), has_hits)


def _yields(raw: bytes, body: int, end: int) -> tuple[bool, bool]:
    """(is it the body of a generator, can that be told without parsing it)."""
    if raw.find(b"yield", body, end) < 0:
        return False, True
    said = _SAYINGS(b"", raw[body:end])
    yields = _YIELD(said) is not None
    return yields, not (yields and _OTHERS(said))  # whose it is, where there are functions in it


def _start(raw: bytes, place: int) -> tuple[int, int]:
    """(where the line of a `def` starts, its indentation); less than none where it is no statement.

    Raises NotOutlinedError.
    """
    start = raw.rfind(b"\n", 0, place) + 1
    ahead = raw[start:place]
    if raw[start - 2 : start] == b"\\\n":
        raise NotOutlinedError("a statement starts on the line before")
    said = ahead.lstrip(b" \t")
    return start, -1 if said and not _ASYNC(ahead) else len(ahead) - len(said)


def _header(raw: bytes, start: int, arrow: int, end: int) -> tuple[bytes, ...]:
    """A function's header from its parameters on, without all but the first of them."""
    first = _FIRST_PARAMETER(raw, start)
    if (
        first is None  # type parameters
        or raw.find(b"__", start, arrow) >= 0  # private names
        or raw.find(b"distilgen:", start, arrow) >= 0
        or raw.find(b"->", arrow + 2, end) >= 0  # the first one stands in a string or a comment
    ):
        return (raw[start:end],)
    return (b"(", first[1], b"\n" * raw.count(b"\n", start, arrow), b")", raw[arrow:end])
