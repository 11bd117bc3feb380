"""How embedded students and their files are called. Commands that only name one import no more."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distilgen.embedded.model import Model

PREFIX = "student:"
"""What the names of embedded students begin with."""

_SUFFIX = ".student"


def name_of(model: Model, raw: bytes) -> str:
    """The name of a student, as `--model` and `distilgen.lock` have it: by function and content.
    raw: the bytes of its file.
    """
    qualname = model.function.rpartition(":")[2]
    return f"{PREFIX}{qualname}:{hashlib.sha256(raw).hexdigest()[:12]}"


def file_name(name: str) -> str:
    """The name of a student's file, by its own."""
    return name.removeprefix(PREFIX).replace(":", "-") + _SUFFIX
