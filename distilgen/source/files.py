"""Source files: which ones there are, their bytes, text, encoding and newlines."""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NEVER = frozenset(
    "__pycache__ __pypackages__ node_modules site-packages build dist venv env".split()  # noqa: SIM905
)
"""Folders that no walk enters, besides those whose name starts with a dot."""

SIDECAR = re.compile(r"_.+_distil\.py")
"""What the names of generated sidecar files look like."""

_NEWLINE = re.compile(r"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_ASCII = bytes(byte if byte < 128 else ord("?") for byte in range(256))


@dataclass(frozen=True)
class SourceFile:
    """One file as it was read: exact bytes, and the text that Python sees in them.

    text: decoded, without a byte order mark, newlines as they are.
    """

    path: Path
    raw: bytes
    text: str
    encoding: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree. Raises SourceError when it does not parse."""
        return parse(self.raw, self.path)

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset in `text` of each line's first character."""
        return [0, *(found.end() for found in _NEWLINE.finditer(self.text))]

    def line_start(self, line: int) -> int:
        """Offset in `text` of a line, from 1; the end of the text for the lines behind it."""
        return self.line_starts[line - 1] if line <= len(self.line_starts) else len(self.text)

    @property
    def newline(self) -> str:
        """The newline that ends the first line; a line feed where there is none."""
        found = _NEWLINE.search(self.text)
        return found[0] if found else "\n"

    def offset(self, line: int, column: int) -> int:
        """Offset in `text` of a position of `ast`: line from 1, column in UTF-8 bytes from 0."""
        start = self.line_start(line)
        ahead = self.text[start : self.line_start(line + 1)].encode()[:column]
        return start + len(ahead.decode())

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The source text of a node."""
        start = self.offset(node.lineno, node.col_offset)
        return self.text[start : self.offset(node.end_lineno or 0, node.end_col_offset or 0)]

    def encode(self, text: str) -> bytes:
        """`text` as bytes of this file: its encoding, its byte order mark."""
        bom = _BOM if self.raw.startswith(_BOM) else b""
        return bom + text.encode(self.encoding)


def read(path: Path) -> SourceFile:
    """Read and decode a file. Raises SourceError: gone, unreadable, or not in its encoding."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(path, _why_unreadable(path, error)) from error
    return decode(raw, path)


def decode(raw: bytes, path: Path) -> SourceFile:
    """The text in `raw`, by PEP 263. Raises SourceError when the bytes are not in that encoding."""
    body = raw.removeprefix(_BOM)
    try:
        encoding = _encoding_of(raw)
        text = body.decode(encoding)
        lossless = text.encode(encoding) == body
    except UnicodeDecodeError as error:
        line = len(_NEWLINE.findall(body[: error.start].decode("latin-1"))) + 1
        reason = f"byte {body[error.start]:#04x} is not {error.encoding}"
        raise _undecodable(path, reason, line) from error
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise _undecodable(path, str(error)) from error
    if not lossless:
        raise SourceError(path, f"does not survive decoding and encoding as {encoding}")
    return SourceFile(path, raw, text, encoding)


def _encoding_of(raw: bytes) -> str:
    """What the byte order mark and the cookie say. Raises SyntaxError.

    The cookie is looked for in ASCII, as Python itself does: its own line may hold other bytes.
    """
    bom = _BOM if raw.startswith(_BOM) else b""
    text = bom + raw.removeprefix(bom).translate(_ASCII)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _undecodable(path: Path, reason: str, line: int | None = None) -> SourceError:
    advice = "declare its encoding or save it as UTF-8"
    return SourceError(path, f"cannot be decoded: {reason}; {advice}", line=line)


def parse(raw: bytes, path: Path) -> ast.Module:
    """The syntax tree of a file's bytes. Raises SourceError with Python's own reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are the author's affair
            return ast.parse(raw, filename=str(path))
    except SyntaxError as error:
        raise SourceError(path, f"does not parse: {error.msg}", line=error.lineno) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(path, f"does not parse: {error}") from error


def walk(
    targets: Iterable[Path],
    *,
    wanted: Callable[[Path], bool],
    missing: Callable[[SourceError], None],
) -> Iterator[Path]:
    """Every wanted Python file at or below the targets, each once, in sorted order.

    wanted: tells of a file or folder whether the configuration takes it.
    missing: is told of targets and links that lead nowhere; the walk goes on.
    Stubs for type checkers, `.pyi`, hold no code and are passed over, even when they are targets.
    Links to folders are not entered; a link to a file stands for the file, unless that was seen.
    """
    seen: set[Path] = set()
    for target in targets:
        for path in _below(target, wanted, missing):
            real = path.resolve()
            if real not in seen and not SIDECAR.fullmatch(path.name):
                seen.add(real)
                yield path


def _below(
    target: Path, wanted: Callable[[Path], bool], missing: Callable[[SourceError], None]
) -> Iterator[Path]:
    if not target.is_dir():
        if target.is_file():
            if wanted(target) and target.suffix != ".pyi":
                yield target
        else:
            missing(SourceError(target, _why_unreadable(target, None)))
        return
    found: list[Path] = []
    for folder, folders, names in os.walk(
        target, onerror=lambda error: missing(SourceError(error.filename, error.strerror or "lost"))
    ):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in NEVER and not name.startswith(".") and wanted(here / name)
        )
        found += (here / name for name in names if name.endswith(".py") and wanted(here / name))
    for path in sorted(found):
        if path.is_file():
            yield path
        else:
            missing(SourceError(path, _why_unreadable(path, None)))


def _why_unreadable(path: Path, error: OSError | None) -> str:
    if path.is_symlink() and not path.exists():
        return f"is a link to {path.readlink()}, which is not there"
    if not path.exists():
        return "is not there (any more)"
    return f"cannot be read: {error.strerror if error else 'it is no regular file'}"
