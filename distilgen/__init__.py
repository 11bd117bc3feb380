"""distilgen: turn typed Python functions into small fine-tuned models, and back.

Rewritten modules import :mod:`distilgen.runtime`; programs may call what is named in `__all__`.
Everything else is the command line, ``distilgen --help``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distilgen.runtime import (
        Counts,
        Sensitive,
        configure,
        counters,
        flush,
        recording,
        timeout,
    )

__all__ = [
    "Counts", "Sensitive", "__version__", "configure", "counters", "flush", "recording", "timeout",
]  # fmt: skip
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Importing any part of distilgen runs this module: the analysis must not pay for the runtime.
    if name in __all__:
        from distilgen import runtime  # noqa: PLC0415

        return getattr(runtime, name)
    raise AttributeError(f"module 'distilgen' has no attribute {name!r}")
