"""Parts of the rows that trained nothing of what is asked of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from distilgen.contract import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.call import Call

COUNT: Final = 3
"""Of the folds within a fit."""

_ENOUGH = 1_500  # rows from which one fold is held out, and not each in its turn


def of(calls: Sequence[Call], seed: int, count: int = COUNT) -> list[tuple[Any, Any]]:
    """Places of rows for training and for testing, once for each fold. Equal arguments fall into
    the same fold; a fold may be empty where there are few. Of many rows, the first fold only.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    ranks: dict[str, int] = {}
    names = [
        call.of(("digest", seed), lambda call=call: _digest(call, seed))  # type: ignore[misc]
        for call in calls
    ]
    for rank, name in enumerate(sorted(set(names))):
        ranks[name] = rank % count
    fold = np.array([ranks[name] for name in names])
    held_out = range(1 if len(calls) >= _ENOUGH else count)
    return [(np.flatnonzero(fold != at), np.flatnonzero(fold == at)) for at in held_out]


def _digest(call: Call, seed: int) -> str:
    text = f"{seed} {canonical_json(call.arguments)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
