"""What --output names: a file, which appears as a whole, or standard output."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from distilgen.records import export

if TYPE_CHECKING:
    from collections.abc import Iterator

STDOUT = "-"


@contextlib.contextmanager
def opened(output: str, *, force: bool) -> Iterator[BinaryIO]:
    """What to write to. force: an old file may go. Raises UsageError, RecordError, OSError."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with export.output(Path(output), force=force) as file:
            yield file
