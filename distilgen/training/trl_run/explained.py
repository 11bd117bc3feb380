"""Why a training process ended: its last words, and what is to be done about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from distilgen.training.trl_run.folder import near

if TYPE_CHECKING:
    from pathlib import Path

_LAST_BYTES, _LAST_LINES = 8192, 6
_MEMORY = (
    "it ran out of memory: say a smaller --batch-size with --set gradient_accumulation_steps=N, or "
    "a shorter --max-length, or leave --full out"
)
_CODE = (
    "the model brings code of its own, which distilgen does not run; take one that transformers "
    "knows"
)
_ADVICE = (
    (r"out of memory|OutOfMemoryError|can't allocate memory|MemoryError|bad_alloc", _MEMORY),
    (r"No space left on device", "the disk is full: make room, and run the same command again"),
    (r"trust_remote_code|custom code", _CODE),
    (
        r"does not recognize this architecture|Unrecognized (model|configuration)",
        "these transformers do not know the model: install a newer version",
    ),
    (
        r"SafetensorError|HeaderTooLarge|invalid header|PytorchStreamReader|incomplete metadata",
        "the weights are damaged: fetch the model again",
    ),
    (
        r"ImportError|ModuleNotFoundError",
        'a package is missing or too old: pip install --upgrade "distilgen[trl]"',
    ),
    (
        r"NCCL|ProcessGroup|torch\.distributed",
        "the processes did not find each other: try --processes 1",
    ),
)
_KILLED = (
    "it was killed, as systems do when memory runs out: say a smaller --batch-size or a shorter "
    "--max-length; the same command goes on from the last checkpoint"
)


def reason(log: Path, place: int, code: int | None) -> str:
    """What to say of a process that ended with a code; log: what it wrote, from a place on."""
    try:
        with log.open("rb") as file:
            file.seek(max(place, log.stat().st_size - _LAST_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        text = ""
    found = [advice for pattern, advice in _ADVICE if re.search(pattern, text)]
    killed = [_KILLED] if code is not None and (code in (-9, 137)) else []
    lines = [line for line in text.splitlines() if line.strip()][-_LAST_LINES:]
    ended = "its process ended" if code is None else f"its process ended with {code}"
    said = "; ".join([ended, *(found or killed)[:1], f"its log is {near(log)}"])
    return "\n  ".join([said, *lines])
