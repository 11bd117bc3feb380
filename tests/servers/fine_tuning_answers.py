"""What the tests' fine-tuning host reads and answers, whatever it is about."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from openai_server import Request, Response, error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Fields = Mapping[str, tuple[str | None, bytes]]


class RefusedError(Exception):
    """A request is not done. response: what the client gets instead."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


def refuse(status: int, message: str, code: str | None) -> RefusedError:
    """To be raised: an answer in the shape of OpenAI's errors."""
    return RefusedError(error(status, message, code))


def rows_of(text: str) -> list[Any]:
    """The rows of a training file. Raises ValueError."""
    rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line is no JSON object")
    return rows


def fields_of(request: Request) -> Fields:
    """What a form holds: by the names of its fields, a file's name where it is one, and bytes."""
    found = re.search(r'boundary="?([^";]+)', request.headers.get("content-type", ""))
    if found is None:
        raise refuse(400, "The body must be multipart/form-data.", None)
    mark = b"\r\n--" + found[1].encode()
    fields = {}
    for part in (b"\r\n" + request.body).split(mark)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        said = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode()))
        fields[said["name"]] = (said.get("filename"), content)
    return fields


def listed(found: Sequence[Mapping[str, Any]], asked: Mapping[str, str], page: int) -> Response:
    """A page of a list, of so many objects at most. asked: the query, with `after` and `limit`."""
    if "after" in asked:
        ids = [item["id"] for item in found]
        if asked["after"] not in ids:
            raise refuse(400, f"after: there is no {asked['after']}", None)
        found = found[ids.index(asked["after"]) + 1 :]
    limit = min(int(asked.get("limit", page)), page)
    data = list(found[:limit])
    body = {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > limit,
    }
    return Response(body=body)
