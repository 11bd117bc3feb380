"""distilgen: turn typed Python functions into small fine-tuned models, and back.

Rewritten modules import :mod:`distilgen.runtime`; programs may call :func:`configure`. Everything
else is the command line, ``distilgen --help``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distilgen.runtime import configure

__all__ = ["__version__", "configure"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Importing any part of distilgen runs this module: the analysis must not pay for the runtime.
    if name == "configure":
        from distilgen.runtime import configure  # noqa: PLC0415

        return configure
    raise AttributeError(f"module 'distilgen' has no attribute {name!r}")
