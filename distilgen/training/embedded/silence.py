"""What scikit-learn warns of, and a user can do nothing about."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """No word of classes that few rows have, nor of a fit that is as good as done."""
    from sklearn.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        ConvergenceWarning,
    )

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
