"""Files on the tests' fine-tuning host, whole or in parts."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fine_tuning_answers import fields_of, listed, refuse
from openai_server import Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HOUR = 3600
_MB = 1024 * 1024


@dataclass
class File:
    """A file on the host. to_come: its states after the one it is in, one a look."""

    body: dict[str, Any]
    content: bytes
    to_come: list[str] = field(default_factory=list)


@dataclass
class Upload:
    """A file that comes in parts. parts: by their ids."""

    body: dict[str, Any]
    parts: dict[str, bytes] = field(default_factory=dict)


class Files:
    """The files of a host, and the uploads that are to be such. All that a test may change or look
    at:

    now: the host's time, in seconds since 1970; it stands still unless a test moves it.
    files, uploads: what there is, by id; deleted and expired files are gone.
    made: how many of each were ever made, by `file`, `upload`, `job`.
    file_life: the states of files that are uploaded from now on, one a look.
    page: as many objects are in one page of a list, at most.
    largest_file, largest_part: in bytes.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self.files: dict[str, File] = {}
        self.uploads: dict[str, Upload] = {}
        self.made = {"file": 0, "upload": 0, "job": 0}
        self.file_life: Sequence[str] = ("processed",)
        self.page = 100
        self.largest_file = 512 * _MB
        self.largest_part = 64 * _MB
        self._numbers = itertools.count(1)

    def add_file(
        self,
        content: bytes,
        name: str = "train.jsonl",
        *,
        purpose: str = "fine-tune",
        expires_after: int | None = None,
    ) -> File:
        """A file on the host, as if it had been uploaded."""
        self.made["file"] += 1
        number = next(self._numbers)
        body: dict[str, Any] = {
            "object": "file",
            "id": f"file-{number}",
            "purpose": purpose,
            "filename": name,
            "bytes": len(content),
            "created_at": int(self.now),
            "expires_at": None if expires_after is None else int(self.now) + expires_after,
            "status": self.file_life[0],
            "status_details": None,
        }
        file = File(body, content, list(self.file_life[1:]))
        self.files[f"file-{number}"] = file
        return file

    def create_file(self, request: Request) -> Response:
        fields = fields_of(request)
        if "file" not in fields or "purpose" not in fields:
            raise refuse(400, "'file' and 'purpose' are required properties", None)
        name, content = fields["file"]
        if len(content) > self.largest_file:
            raise refuse(413, "The file is too large; use the Uploads API.", None)
        expires = fields.get("expires_after[seconds]")
        return Response(body=self._uploaded(
            content,
            name or "upload",
            fields["purpose"][1].decode(),
            int(expires[1]) if expires else None,
        ).body)  # fmt: skip

    def _uploaded(self, content: bytes, name: str, purpose: str, expires_after: int | None) -> File:
        if purpose == "fine-tune":
            if not name.endswith(".jsonl"):
                raise refuse(400, f"Invalid extension {name}; expected .jsonl", None)
            if not content:
                raise refuse(400, "File is empty.", None)
        return self.add_file(content, name, purpose=purpose, expires_after=expires_after)

    def list_files(self, asked: Mapping[str, str]) -> Response:
        found = [
            file.body
            for name, file in list(self.files.items())
            if not self._expired(name)
            and asked.get("purpose", file.body["purpose"]) == file.body["purpose"]
        ]
        return listed(found if asked.get("order") == "asc" else found[::-1], asked, self.page)

    def has_file(self, name: str) -> bool:
        """Is it there, and has not expired?"""
        return name in self.files and not self._expired(name)

    def _expired(self, name: str) -> bool:
        expires = self.files[name].body["expires_at"]
        if expires is not None and self.now >= expires:
            del self.files[name]
            return True
        return False

    def the_file(self, name: str) -> File:
        if not self.has_file(name):
            raise refuse(404, f"No such File object: {name}", None)
        return self.files[name]

    def retrieve_file(self, name: str) -> Response:
        file = self.the_file(name)
        if file.to_come:
            file.body["status"] = file.to_come.pop(0)
            if file.body["status"] == "error":
                file.body["status_details"] = "Line 3 is no JSON object."
        return Response(body=file.body)

    def delete_file(self, name: str) -> Response:
        self.the_file(name)
        del self.files[name]
        return Response(body={"object": "file", "id": name, "deleted": True})

    def create_upload(self, wanted: dict[str, Any]) -> Response:
        self.made["upload"] += 1
        body: dict[str, Any] = {
            "object": "upload",
            "id": f"upload-{next(self._numbers)}",
            "filename": wanted["filename"],
            "purpose": wanted["purpose"],
            "bytes": wanted["bytes"],
            "status": "pending",
            "created_at": int(self.now),
            "expires_at": int(self.now) + _HOUR,
        }
        self.uploads[body["id"]] = Upload(body)
        return Response(body=body)

    def _upload(self, name: str) -> Upload:
        if name not in self.uploads:
            raise refuse(404, f"No such Upload object: {name}", None)
        upload = self.uploads[name]
        if upload.body["status"] == "pending" and self.now >= upload.body["expires_at"]:
            upload.body["status"] = "expired"
        if upload.body["status"] != "pending":
            raise refuse(400, f"Upload {name} is {upload.body['status']}.", None)
        return upload

    def add_part(self, name: str, request: Request) -> Response:
        upload = self._upload(name)
        content = fields_of(request)["data"][1]
        if len(content) > self.largest_part:
            raise refuse(413, "The part is too large.", None)
        part = f"part-{next(self._numbers)}"
        upload.parts[part] = content
        return Response(body={
            "object": "upload.part", "id": part, "upload_id": name, "created_at": int(self.now),
        })  # fmt: skip

    def complete_upload(self, name: str, wanted: dict[str, Any]) -> Response:
        upload = self._upload(name)
        missing = [part for part in wanted["part_ids"] if part not in upload.parts]
        if missing:
            raise refuse(400, f"No such part: {missing[0]}", None)
        content = b"".join(upload.parts[part] for part in wanted["part_ids"])
        if len(content) != upload.body["bytes"]:
            raise refuse(400, "The parts do not add up to the promised number of bytes.", None)
        if wanted.get("md5") not in (None, hashlib.md5(content).hexdigest()):
            raise refuse(400, "The MD5 of the parts is another.", None)
        file = self._uploaded(content, upload.body["filename"], upload.body["purpose"], None)
        upload.body |= {"status": "completed", "file": file.body}
        return Response(body=upload.body)

    def cancel_upload(self, name: str) -> Response:
        upload = self._upload(name)
        upload.body["status"] = "cancelled"
        return Response(body=upload.body)
