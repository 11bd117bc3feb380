"""Bytes, text, positions and the walk."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Write = Callable[[Mapping[str, str | bytes]], Path]

_BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        pytest.param(b"", "", "utf-8", id="empty"),
        pytest.param("é = 1\n".encode(), "é = 1\n", "utf-8", id="utf-8"),
        pytest.param(_BOM + b"a = 1\n", "a = 1\n", "utf-8", id="byte order mark"),
        pytest.param(
            _BOM + b"# coding: utf-8\na = 1\n",
            "# coding: utf-8\na = 1\n",
            "utf-8",
            id="byte order mark and cookie",
        ),
        pytest.param(
            b"# -*- coding: latin-1 -*-\na = '\xe9'\n",
            "# -*- coding: latin-1 -*-\na = 'é'\n",
            "iso-8859-1",
            id="latin-1 cookie",
        ),
        pytest.param(
            b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\na = '\x80'\n",
            "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\na = '€'\n",
            "cp1252",
            id="cookie in the second line",
        ),
        pytest.param(
            b"# coding: latin-1, \xe9\na = 1\n",
            "# coding: latin-1, é\na = 1\n",
            "iso-8859-1",
            id="cookie beside its own encoding's characters",
        ),
        pytest.param(b"a = 1\r\nb = 2\r\n", "a = 1\r\nb = 2\r\n", "utf-8", id="CRLF stays"),
        pytest.param(b"a = 1\rb = 2\r", "a = 1\rb = 2\r", "utf-8", id="CR stays"),
        pytest.param(b"a = 1\n\x0c\nb = 2", "a = 1\n\x0c\nb = 2", "utf-8", id="form feed"),
    ],
)
def test_decodes_as_python_does_and_encodes_to_the_same_bytes(
    tmp_path: Path, raw: bytes, text: str, encoding: str
) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(raw)
    source = files.read(path)
    assert (source.text, source.encoding) == (text, encoding)
    assert source.encode(source.text) == raw
    assert ast.dump(source.tree) == ast.dump(ast.parse(raw))


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        pytest.param(b"a = 1\nb = 2\nc = '\xff'\n", 3, "is not utf-8", id="bad utf-8"),
        pytest.param(
            b"a = '\xff'\n", 1, "byte 0xff is not utf-8", id="bad utf-8 in the first line"
        ),
        pytest.param(b"a = 1\nb = '\xff'\n", 2, "decode", id="bad utf-8 in the second line"),
        pytest.param(b"a = 1\r\rc = '\xff'\r", 3, "decode", id="bad utf-8 after CR"),
        pytest.param(
            _BOM + b"a = 1\nb = 2\n\xff\n",
            3,
            "is not utf-8",
            id="bad utf-8 after a byte order mark",
        ),
        pytest.param(b"# coding: klingon\n", None, "klingon", id="unknown encoding"),
        pytest.param(b"# coding: rot13\n", None, "rot13", id="not a text encoding"),
        pytest.param(_BOM + b"# coding: latin-1\n", None, "utf-8", id="two encodings"),
        pytest.param(
            b"# coding: utf-7\na = '+AGE-'\n", None, "survive", id="more than one spelling"
        ),
        pytest.param(b"# coding: idna\na = '..'\n", None, "decode", id="not of ours"),
    ],
)
def test_says_why_bytes_are_no_text(
    tmp_path: Path, raw: bytes, line: int | None, message: str
) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(raw)
    with pytest.raises(SourceError, match=message) as caught:
        files.read(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        pytest.param(b"a = 1\ndef (:\n", 2, "does not parse", id="syntax"),
        pytest.param(b"a = 1\n\tb = 2\n", 2, "unexpected indent", id="indent"),
        pytest.param(b"a = 1\x00\n", None, "null bytes", id="null byte"),
        pytest.param(b"a = " + b"-" * 100_000 + b"1\n", None, "does not parse", id="too deep"),
    ],
)
def test_says_why_text_is_no_python(
    tmp_path: Path, raw: bytes, line: int | None, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        files.decode(raw, tmp_path / "code.py").tree  # noqa: B018 - parses
    assert line is None or caught.value.line == line


def test_warnings_about_the_text_are_not_ours_to_give(tmp_path: Path) -> None:
    source = files.decode(b"a = '\\d'\nb = 1 is 1\n", tmp_path / "code.py")
    assert len(source.tree.body) == 2


def test_names_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there"):
        files.read(tmp_path / "gone.py")
    (tmp_path / "link.py").symlink_to("gone.py")
    with pytest.raises(SourceError, match=r"is a link to gone\.py, which is not there"):
        files.read(tmp_path / "link.py")
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        files.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "newline"),
    [
        pytest.param("a\nb\r\n", "\n", id="LF first"),
        pytest.param("a\r\nb\n", "\r\n", id="CRLF first"),
        pytest.param("a\rb\n", "\r", id="CR first"),
        pytest.param("a", "\n", id="none"),
    ],
)
def test_newline_is_that_of_the_first_line(tmp_path: Path, text: str, newline: str) -> None:
    assert files.decode(text.encode(), tmp_path / "code.py").newline == newline


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("def f(): return wanted", "wanted", id="plain"),
        pytest.param(
            "é = '日本'; '🙂', wanted", "wanted", id="characters of two, three, four bytes"
        ),
        pytest.param("if é:\twanted", "wanted", id="tab"),
        pytest.param("\x0cx = wanted", "wanted", id="form feed"),
        pytest.param("x = ('é', wanted)", "wanted", id="behind a string"),
    ],
)
def test_segments_are_found_by_the_positions_of_ast(
    tmp_path: Path, line: str, wanted: str, newline: str
) -> None:
    text = newline.join(["é = 1", "s = '''", "two lines'''", line, "z = 'é'", ""])
    source = files.decode(_BOM + text.encode(), tmp_path / "code.py")
    found = [
        node for node in ast.walk(source.tree) if isinstance(node, ast.Name) and node.id == "wanted"
    ]
    assert [source.segment(node) for node in found] == [wanted]


def test_segments_of_many_lines_and_at_the_end(tmp_path: Path) -> None:
    text = "x = [\r\n  'é',\r\n  2]\r\ny = é"
    source = files.decode(text.encode(), tmp_path / "code.py")
    values = [node.value for node in source.tree.body if isinstance(node, ast.Assign)]
    assert [source.segment(value) for value in values] == ["[\r\n  'é',\r\n  2]", "é"]
    assert source.line_start(99) == len(text)
