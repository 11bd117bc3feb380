"""Folders of documents: what each kind of file gives, and why one gives nothing."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader, PdfWriter

from distilgen.collection.chunks import Cut
from distilgen.collection.documents import Documents
from distilgen.collection.given import Given, Refused
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Write = Callable[[Mapping[str, str | bytes]], Path]

ROOT = Path(__file__).resolve().parent.parent.parent
PDF = (ROOT / "examples/document_qa/documents/petrel_data_sheet.pdf").read_bytes()


def _inputs(place: Path, size: int = 512, step: int | None = None, **rest: Any) -> list[Any]:
    source = Documents(place, Cut(size, step or size), "text", **rest).source()
    found = list(source.inputs)
    assert source.total == len(found)
    return found


def _given(place: Path, **rest: Any) -> list[tuple[Any, str]]:
    found = _inputs(place, **rest)
    assert all(isinstance(item, Given) for item in found)
    return [(item.arguments["text"], Path(item.origin).name) for item in found]


def _refused(place: Path, **rest: Any) -> dict[str, str]:
    found = [item for item in _inputs(place, **rest) if isinstance(item, Refused)]
    return {Path(item.origin).name: item.reason for item in found}


def test_files_are_walked_in_the_order_of_their_paths(write_tree: Write) -> None:
    folder = write_tree({
        "b.txt": "two", "a/z.md": "one", "c/d/e.rst": "three", ".hidden.txt": "no",
        ".git/config.txt": "no", "Z.text": "zero",
    })  # fmt: skip
    assert _given(folder) == [
        ("zero", "Z.text:chars 0-4"),
        ("one", "z.md:chars 0-3"),
        ("two", "b.txt:chars 0-3"),
        ("three", "e.rst:chars 0-5"),
    ]


def test_chunks_say_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("x" * 1200, "utf-8")
    origins = [item.origin for item in _inputs(path)]
    assert origins == [
        f"{path.as_posix()}:chars {place}" for place in ("0-512", "512-1024", "1024-1200")
    ]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("größer\nals".encode(), id="UTF-8"),
        pytest.param("größer\nals".encode("utf-8-sig"), id="UTF-8 with a byte order mark"),
        pytest.param("größer\nals".encode("utf-16"), id="UTF-16"),
        pytest.param("größer\r\nals".encode(), id="lines of Windows"),
    ],
)
def test_encodings_that_are_known_by_themselves(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    assert _given(tmp_path) == [("größer\nals", "a.txt:chars 0-10")]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "has no text", id="empty"),
        pytest.param(b" \n\n", "has no text", id="blank"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text but binary", id="a picture"),
        pytest.param(b"text\0more", "is no text but binary: it has a zero byte", id="a zero byte"),
        pytest.param("größer".encode("latin-1"), "is no text in UTF-8", id="Latin-1"),
        pytest.param(b"fine " * 200_000 + b"\xff", "is no text in UTF-8", id="wrong at its end"),
        pytest.param(b"\xff\xfea", "is no text in UTF-16", id="half of a character"),
        pytest.param(b"%PDF-1.7", "is a PDF that cannot be read", id="a PDF that is cut off"),
        pytest.param(b"%PDF-1.7\n\0\xff garbage", "is a PDF that cannot be", id="a PDF of garbage"),
    ],
)
def test_what_is_no_text_is_refused_as_a_whole(tmp_path: Path, raw: bytes, reason: str) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    (tmp_path / "b.txt").write_bytes(b"good")
    assert [type(item) for item in _inputs(tmp_path)] == [Refused, Given]
    assert _refused(tmp_path)["a.txt"].startswith(reason)


def _pdf(change: Callable[[PdfWriter], object], *, blank: bool = False) -> bytes:
    writer = PdfWriter()
    if blank:
        writer.add_blank_page(100, 100)
    else:
        writer.append(PdfReader(io.BytesIO(PDF)))
    change(writer)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_pdf_is_known_by_its_content_and_knows_its_pages(tmp_path: Path) -> None:
    (tmp_path / "sheet").write_bytes(PDF)
    facts = {"source": "path", "page": "page", "place": "start", "number": "number", "end": "end"}
    found = _inputs(tmp_path, size=400, facts=facts)
    assert [item.arguments["page"] for item in found] == [1, 1, 2, 2]
    assert [item.arguments["number"] for item in found] == [1, 2, 3, 4]
    assert {item.arguments["source"] for item in found} == {"sheet"}
    assert found[2].arguments["place"] == 800
    assert found[2].arguments["end"] == 1200
    assert found[2].origin.endswith("sheet:page 2, chars 800-1200")
    assert found[0].arguments["text"].startswith("Petrel sensor buoy: data sheet\n")


def test_pdfs_that_give_nothing(tmp_path: Path) -> None:
    locked = _pdf(lambda writer: writer.encrypt("secret", algorithm="RC4-128"))
    (tmp_path / "locked.pdf").write_bytes(locked)
    (tmp_path / "blank.pdf").write_bytes(_pdf(lambda _: None, blank=True))
    (tmp_path / "torn.pdf").write_bytes(PDF[: len(PDF) // 2])
    reasons = _refused(tmp_path)
    assert reasons["locked.pdf"] == "is encrypted; remove its password first"
    assert reasons["blank.pdf"] == "has no text: its pages are pictures, or empty"
    assert reasons["torn.pdf"].startswith("is a PDF that cannot be read")


def test_a_pdf_that_may_only_not_be_printed_is_read(tmp_path: Path) -> None:
    raw = _pdf(lambda writer: writer.encrypt("", "owner", algorithm="RC4-128"))
    (tmp_path / "a.pdf").write_bytes(raw)
    assert len(_given(tmp_path)) == 3


def test_a_pdf_needs_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert _refused(tmp_path) == {
        "a.pdf": 'is a PDF, and needs pypdf: pip install "distilgen[pdf]"'
    }


def test_constants_and_facts_fill_other_parameters(write_tree: Write) -> None:
    folder = write_tree({"in/a.txt": "one"})
    (item,) = _inputs(folder, facts={"source": "path", "page": "page"}, constants={"lang": "en"})
    assert item.arguments == {"lang": "en", "text": "one", "source": "in/a.txt", "page": None}


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        pytest.param(["*.md"], ["b.md", "in/c.md"], id="a name"),
        pytest.param(["in/*"], ["in/c.md", "in/d.txt"], id="a path"),
        pytest.param(["a.*", "d.*"], ["a.txt", "in/d.txt"], id="several"),
    ],
)
def test_globs_choose(write_tree: Write, globs: list[str], names: list[str]) -> None:
    folder = write_tree(dict.fromkeys(("a.txt", "b.md", "in/c.md", "in/d.txt"), "text"))
    found = _inputs(folder, globs=globs, facts={"source": "path"})
    assert [item.arguments["source"] for item in found] == names


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    assert _refused(tmp_path) == {"gone.txt": "is no file", "pipe.txt": "is no file"}


def test_nothing_to_collect_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", "utf-8")
    cut = Cut(4, 4)
    with pytest.raises(UsageError, match="there is no such file or folder"):
        Documents(tmp_path / "none", cut, "text")
    with pytest.raises(CollectError, match=r"has no file that fits \*\.md"):
        Documents(tmp_path, cut, "text", globs=["*.md"])
    with pytest.raises(UsageError, match=r"a\.txt is a file"):
        Documents(tmp_path / "a.txt", cut, "text", globs=["*.txt"])
    with pytest.raises(UsageError, match="a document has no title; it has path, number, page"):
        Documents(tmp_path, cut, "text", {"source": "title"})
