"""Edits at offsets: what they change, and that the bytes around them stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilgen.rewrite.splice import Edit, last_line, line_end, splice
from distilgen.source import files

PATH = Path("mail.py")

ROWS = {
    "nothing": (b"a\n", [], b"a\n"),
    "insertion": (b"ac\n", [Edit(1, 1, "b")], b"abc\n"),
    "at the start": (b"b\n", [Edit(0, 0, "a")], b"ab\n"),
    "at the end": (b"a", [Edit(1, 1, "\n")], b"a\n"),
    "replacement": (b"abc\n", [Edit(1, 2, "-")], b"a-c\n"),
    "removal": (b"abc\n", [Edit(1, 2, "")], b"ac\n"),
    "several, in any order": (b"abcd\n", [Edit(3, 4, "D"), Edit(0, 1, "A")], b"AbcD\n"),
    "insertions at one place keep their order": (
        b"c\n",
        [Edit(0, 0, "b"), Edit(0, 0, "a")],
        b"bac\n",
    ),
    "an insertion before a replacement": (b"b\n", [Edit(0, 1, "B"), Edit(0, 0, "a")], b"aB\n"),
    "neighbours": (b"ab\n", [Edit(0, 1, "A"), Edit(1, 2, "B")], b"AB\n"),
    "behind a byte order mark": (b"\xef\xbb\xbfa\n", [Edit(0, 0, "-")], b"\xef\xbb\xbf-a\n"),
    "behind characters of several bytes": ("ä日c\n".encode(), [Edit(2, 3, "é")], "ä日é\n".encode()),
    "latin-1": (
        b"# coding: latin-1\n\xe9b\n",
        [Edit(19, 20, "\xe4")],
        b"# coding: latin-1\n\xe9\xe4\n",
    ),
    "newlines stay as they are": (b"a\r\nb\rc\n", [Edit(3, 4, "-")], b"a\r\n-\rc\n"),
}


@pytest.mark.parametrize(("before", "edits", "after"), ROWS.values(), ids=ROWS)
def test_splice(before: bytes, edits: list[Edit], after: bytes) -> None:
    assert splice(files.decode(before, PATH), edits) == after


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([Edit(0, 2, ""), Edit(1, 3, "")], id="two replacements"),
        pytest.param([Edit(0, 2, ""), Edit(1, 1, "x")], id="an insertion inside a replacement"),
    ],
)
def test_overlap_is_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlap"):
        splice(files.decode(b"abc\n", PATH), edits)


def test_an_edit_inside_a_shifted_state_is_refused() -> None:
    raw = "# coding: iso2022_jp\n'日本'\n".encode("iso2022_jp")
    source = files.decode(raw, PATH)
    inside = source.text.index("本")
    with pytest.raises(ValueError, match="iso2022_jp"):
        splice(source, [Edit(inside, inside, "x")])


def test_text_that_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        splice(files.decode(b"# coding: ascii\n", PATH), [Edit(0, 0, "é")])


LINES = {
    "line feed": (b"ab\nc\n", 2),
    "carriage return and line feed": (b"ab\r\nc\r\n", 2),
    "carriage return": (b"ab\rc\r", 2),
    "no newline": (b"ab", 2),
    "empty": (b"\nab\n", 0),
    "a separator that ends no line": ("a\u2028b\n".encode(), 3),
}


@pytest.mark.parametrize(("raw", "end"), LINES.values(), ids=LINES)
def test_line_end(raw: bytes, end: int) -> None:
    assert line_end(files.decode(raw, PATH), 1) == end


LAST_LINES = {
    "one line": ("a\nb\n", 1),
    "several lines": ("(\na\n)\nb\n", 3),
    "a comment": ("a  # c\nb\n", 1),
    "continued to an empty line": ("a \\\n\nb\n", 2),
    "continued by a semicolon": ("a \\\n; \\\n\nb\n", 3),
    "a comment that ends as a continued line does": ("a  # c \\\nb\n", 1),
    "a string that ends so, too": ("'''\\\n'''\nb\n", 2),
}


@pytest.mark.parametrize(("text", "line"), LAST_LINES.values(), ids=LAST_LINES)
def test_last_line(text: str, line: int) -> None:
    source = files.decode(text.encode(), PATH)
    assert last_line(source, source.tree.body[0]) == line
