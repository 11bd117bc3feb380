"""A source file: its bytes, text, encoding, newlines and positions."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from distilgen.errors import SourceError

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
        if "\r" in self.text:
            return [0, *(found.end() for found in _NEWLINE.finditer(self.text))]
        lengths = map(len, self.text.split("\n")[:-1])
        return list(accumulate(map((1).__add__, lengths), initial=0))

    @cached_property
    def _is_ascii(self) -> bool:
        return self.text.isascii()

    def line_start(self, line: int) -> int:
        """Offset in `text` of a line, from 1; the end of the text for the lines behind it."""
        return self.line_starts[line - 1] if line <= len(self.line_starts) else len(self.text)

    def is_blank(self, line: int) -> bool:
        """Is there such a line, with nothing on it?"""
        text = self.text[self.line_start(line) : self.line_start(line + 1)]
        return bool(text) and not text.strip()

    @property
    def newline(self) -> str:
        """The newline that ends the first line; a line feed where there is none."""
        found = _NEWLINE.search(self.text)
        return found[0] if found else "\n"

    def offset(self, line: int, column: int) -> int:
        """Offset in `text` of a position of `ast`: line from 1, column in UTF-8 bytes from 0."""
        start = self.line_start(line)
        if self._is_ascii:
            return start + column
        ahead = self.text[start : self.line_start(line + 1)].encode()[:column]
        return start + len(ahead.decode())

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The source text of a node."""
        if self._is_ascii:
            starts = self.line_starts
            first = starts[node.lineno - 1] + node.col_offset
            return self.text[
                first : starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            ]
        start = self.offset(node.lineno, node.col_offset)
        return self.text[start : self.offset(node.end_lineno or 0, node.end_col_offset or 0)]

    def encode(self, text: str) -> bytes:
        """`text` as bytes of this file: its encoding, its byte order mark."""
        bom = _BOM if self.raw.startswith(_BOM) else b""
        return bom + text.encode(self.encoding)


def read(path: Path) -> SourceFile:
    """Read and decode a file. Raises SourceError: gone, unreadable, or not in its encoding."""
    return decode(read_bytes(path), path)


def read_bytes(path: Path | str) -> bytes:
    """Read a file. Raises SourceError: gone, or unreadable."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - of many, and the fastest
            return file.read()
    except OSError as error:
        raise SourceError(path, why_unreadable(Path(path), error)) from error


def digest_of(raw: bytes) -> str:
    """Names the content of a file."""
    import hashlib  # noqa: PLC0415 - loads OpenSSL; a scan with nothing to do hashes nothing

    return hashlib.sha256(raw).hexdigest()


def decode(raw: bytes, path: Path) -> SourceFile:
    """The text in `raw`, by PEP 263. Raises SourceError when the bytes are not in that encoding."""
    body = raw.removeprefix(_BOM)
    if body.isascii() and body.find(b"coding", 0, _end_of_second_line(body)) < 0:
        return SourceFile(path, raw, body.decode("ascii"), "utf-8")
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


def _end_of_second_line(body: bytes) -> int:
    end = body.find(b"\n", body.find(b"\n") + 1)
    return end if end >= 0 else len(body)


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


def parse(raw: bytes | str, path: Path) -> ast.Module:
    """The syntax tree of a file's bytes or text. Raises SourceError with Python's own reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are the author's affair
            return ast.parse(raw, filename=str(path))
    except SyntaxError as error:
        raise SourceError(path, f"does not parse: {error.msg}", line=error.lineno) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(path, f"does not parse: {error}") from error


def why_unreadable(path: Path, error: OSError | None) -> str:
    """What to tell about a path that cannot be read, without or with the system's own reason."""
    if path.is_symlink() and not path.exists():
        return f"is a link to {path.readlink()}, which is not there"
    if not path.exists():
        return "is not there (any more)"
    return f"cannot be read: {error.strerror if error else 'it is no regular file'}"
