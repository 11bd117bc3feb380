"""The folder where records for one destination wait, and what tells people which it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING

from distilgen.records.urls import without_password

if TYPE_CHECKING:
    from pathlib import Path

NAME = "destination.json"
"""In the folder: the URL, without its password."""


def folder_of(spool: Path, url: str) -> Path:
    """Its folder below the spool: something to recognise the URL by, and a digest of it."""
    shown = without_password(url)
    readable = re.sub(r"[^\w.-]+", "-", shown.replace("…", ""))[:48].strip("-.")
    return spool / f"{readable}-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"


def make(folder: Path, url: str) -> None:
    """Make the folder of a destination, for this user's eyes only. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    # Records hold what people typed: they do not belong into a repository by accident.
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")
    name = folder / NAME
    if not name.exists():
        half = folder / f"{NAME}.{os.urandom(4).hex()}"
        half.write_text(json.dumps({"url": without_password(url)}) + "\n", "utf-8")
        half.replace(name)
