"""A pytest plugin: which of some functions were called. `behaviour.py` loads it.

DISTILGEN_WATCHED is a JSON file with pairs of a file and a qualified name; DISTILGEN_CALLED is
written when pytest is done, with those that were called in its process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_watched = {
    (file, name) for file, name in json.loads(Path(os.environ["DISTILGEN_WATCHED"]).read_text())
}
_names = {name for _, name in _watched}
_called: set[tuple[str, str]] = set()


def _trace(frame: FrameType, event: str, _: object) -> None:
    code = frame.f_code
    if event == "call" and code.co_qualname in _names:
        key = (code.co_filename, code.co_qualname)
        if key in _watched:
            _called.add(key)


def pytest_sessionfinish() -> None:
    """Write down what was called."""
    sys.settrace(None)
    threading.settrace(None)
    Path(os.environ["DISTILGEN_CALLED"]).write_text(json.dumps(sorted(_called)))


sys.settrace(_trace)
threading.settrace(_trace)
