"""Files to a host: each content once for a server and a key."""

from __future__ import annotations

import contextlib
import hashlib
import io
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from distilgen.errors import HostError, TrainingError
from distilgen.training.remembered import Note

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distilgen.training.host import Host

PURPOSE = "fine-tune"
_TYPE = "text/jsonl"
PART = 64 * 1024**2
"""Bytes of a part of a big file, at most, as OpenAI has it."""

_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20
_MARGIN_S = 600.0
"""What expires sooner is as good as gone."""

_LOOKS, _PAUSE_S = 60, 10.0
"""How often, and after how many seconds each, a host is asked whether it has looked at a file."""

_BUSY = ("uploaded", "pending", "running")


@dataclass(frozen=True)
class Content:
    """What is sent of a file. ahead: a byte order mark that it must begin with, and does not."""

    path: Path
    ahead: bytes
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """What it is called on the host: the content's name too, by which it is found again."""
        return f"{self.path.stem}-{self.sha256[:16]}{self.path.suffix}"

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes, however many, without holding them in memory. Raises TrainingError."""
        try:
            with self.path.open("rb") as file:
                yield cast("BinaryIO", _Marked(self.ahead, file)) if self.ahead else file
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be read ({error.strerror})") from error


def content_of(path: Path, *, bom: bool) -> Content:
    """What is to be sent of a file. bom: it must begin with a byte order mark. Raises
    TrainingError.
    """
    try:
        with path.open("rb") as file:
            ahead = _BOM if bom and file.read(len(_BOM)) != _BOM else b""
            digest, size = hashlib.sha256(ahead), len(ahead)
            file.seek(0)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    if size == len(ahead):
        raise TrainingError(f"{path}: is empty")
    return Content(path, ahead, digest.hexdigest(), size)


@dataclass(frozen=True)
class Uploads:
    """Uploads to a host. folder: where they are remembered. usual: files with more bytes go in
    parts; None for as the shape has it. part: bytes of a part.
    """

    host: Host
    folder: Path
    usual: int | None = field(default=None, kw_only=True)
    part: int = field(default=PART, kw_only=True)

    def file(self, path: Path) -> Any:
        """The host's file object of a file: uploaded now, or found there. Raises TrainingError."""
        files = self.host.shape.files
        content = content_of(path, bom=files.bom)
        if files.most is not None and content.size > files.most:
            raise TrainingError(
                f"{path}: {content.size:,} bytes, and {self.host.name} takes {files.most:,} at "
                "most; build a smaller one, with `distilgen dataset build --max-tokens N`"
            )
        note = Note(self.folder / f"{self.host.account}-{content.sha256[:32]}.json")
        with note.alone():
            return self._ready(content, self._there(note) or self._sent(content, note))

    def _there(self, note: Note) -> Any:
        """The file that is remembered, if the host still has it, and may use it."""
        known = note.read().get("file")
        if known is None:
            return None
        try:
            file = self._look(known)
        except HostError as error:
            if error.status != 404:
                raise
            return None
        return None if _state(file) == "error" or self._ends(file) else file

    def _sent(self, content: Content, note: Note) -> Any:
        """The file of a content that was sent, now or by a command that never knew."""
        said = note.read()
        what = f"upload of {content.path}"
        usual = self.host.shape.files.usual if self.usual is None else self.usual
        begun = {"name": content.name, "bytes": content.size, "upload": said.get("upload")}
        found = self._found(content) if "file" not in said and said else None
        if found is None and usual is not None and content.size > usual:
            found = self._in_parts(what, content, note, begun)
        elif found is None:
            note.write(begun)

            def send() -> Any:
                with content.open() as file:
                    return self.host.client.files.create(file=(content.name, file), purpose=PURPOSE)

            found = self.host.make(what, lambda: self._found(content), lambda: _known(send()))
        note.write({"name": content.name, "bytes": content.size, "file": found.id})
        return found

    def _found(self, content: Content) -> Any:
        """The host's file of a content, by its name and size; None where it has none."""
        what = f"list of files, for {content.name}"
        listed = self.host.every(what, lambda: self.host.client.files.list(purpose=PURPOSE))
        for file in listed:
            known = getattr(file, "filename", None), getattr(file, "bytes", None)
            is_it = known == (content.name, content.size)
            if is_it and _state(file) != "error" and not self._ends(file):
                return file
        return None

    def _in_parts(self, what: str, content: Content, note: Note, begun: dict[str, Any]) -> Any:
        """A big file, by the Uploads API; what was sent of it counts, if it has not expired."""
        host, uploads = self.host, self.host.client.uploads
        known = begun["upload"]
        if known and known["expires_at"] > host.now() and known["part"] == self.part:
            try:
                return self._completed(what, content, note, begun)
            except HostError as error:
                if error.passes or error.status is None:
                    raise  # or else the host has it no more
        made = host.ask(
            what,
            lambda: _known(
                uploads.create(
                    bytes=content.size, filename=content.name, mime_type=_TYPE, purpose=PURPOSE
                )
            ),
        )
        begun["upload"] = {
            "id": made.id, "expires_at": made.expires_at, "part": self.part, "parts": [],
        }  # fmt: skip
        note.write(begun)
        return self._completed(what, content, note, begun)

    def _completed(self, what: str, content: Content, note: Note, begun: dict[str, Any]) -> Any:
        host, uploads = self.host, self.host.client.uploads
        upload = begun["upload"]
        parts = upload["parts"]
        with content.open() as file:
            file.seek(len(parts) * self.part)
            while chunk := file.read(self.part):
                add = partial(uploads.parts.create, upload["id"], data=("part", chunk))
                sent = host.ask(f"{what}, part {len(parts) + 1}", lambda: _known(add()))  # noqa: B023
                parts.append(sent.id)
                note.write(begun)
        return host.make(
            what,
            lambda: self._found(content),
            lambda: _known(uploads.complete(upload["id"], part_ids=parts)).file,
        )

    def _ready(self, content: Content, file: Any) -> Any:
        """The file once the host has looked at it, where that is to be waited for."""
        for _ in range(_LOOKS if self.host.shape.ready else 0):
            if _state(file) not in _BUSY:
                break
            self.host.sleep(_PAUSE_S)
            file = self._look(file.id)
        if _state(file) == "error":
            why = getattr(file, "status_details", None) or "it does not say why"
            raise TrainingError(
                f"{content.path}: {self.host.server} cannot use it, as {file.id}: {why}; look for "
                f"what is wrong with `distilgen dataset validate {content.path} --profile "
                f"{self.host.shape.name}`"
            )
        return file

    def _look(self, file: str) -> Any:
        return self.host.ask(f"file {file}", lambda: _known(self.host.client.files.retrieve(file)))

    def _ends(self, file: Any) -> bool:
        end = getattr(file, "expires_at", None)
        return end is not None and end < self.host.now() + _MARGIN_S


def _known(made: Any) -> Any:
    """An object that a host gave. Raises AttributeError, TypeError for what is none."""
    if not isinstance(made.id, str):
        raise TypeError("it has no id")
    return made


def _state(file: Any) -> str | None:
    return getattr(file, "status", None)


class _Marked(io.RawIOBase):
    """A file behind some bytes, which are read as if they were its first ones."""

    def __init__(self, ahead: bytes, file: BinaryIO) -> None:
        self._ahead = ahead
        self._file = file
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._place
        elif whence == io.SEEK_END:
            offset += len(self._ahead) + self._file.seek(0, io.SEEK_END)
        self._place = max(offset, 0)
        return self._place

    def readinto(self, target: Any) -> int:
        view = memoryview(target)
        found = self._ahead[self._place : self._place + len(view)]
        if len(found) < len(view):
            self._file.seek(self._place + len(found) - len(self._ahead))
            found += self._file.read(len(view) - len(found))
        view[: len(found)] = found
        self._place += len(found)
        return len(found)
