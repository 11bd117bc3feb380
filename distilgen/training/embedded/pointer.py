"""Fits the linear models that score where spans begin and end.

A model chooses one of several places, or none of them: a softmax over the scores and a zero, as in
conditional logit (D. McFadden, 1974). Where several places are right, their probabilities are
added. To know absolutely how likely a place is, each choice is also learnt without the right ones.
"""

from __future__ import annotations

import array
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from distilgen.embedded.spans import Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence

_PENALTY: Final = 0.02  # on squared weights, a choice
_STEPS: Final = 50
_SELDOM: Final = 2  # places that a feature is at, at least, and one more for so many texts
_TEXTS: Final = 250
_SMALL: Final = 0.005  # a weight that is left out


@dataclass(frozen=True)
class Choice:
    """Places of one text. features: of each place. right: whether each place is right."""

    features: list[tuple[str, ...]]
    right: list[bool]


def fit(
    choices: Sequence[Choice], reach: tuple[int, int], texts: int, never: set[str]
) -> Scorer | None:
    """The scorer of these choices, None where no feature is frequent. texts: that they come from.
    never: features that it is not to have.
    """
    import numpy as np  # noqa: PLC0415 - heavy, an extra
    from scipy import optimize, sparse  # type: ignore[import-untyped]  # noqa: PLC0415

    ids = _numbered(choices, _SELDOM + texts // _TEXTS, never)
    if not ids:
        return None
    rows: list[int] = []
    starts = [0]
    for choice in choices:
        for names in choice.features:
            rows += [ids[name] for name in names if name in ids]
            starts.append(len(rows))
    matrix = sparse.csr_matrix(
        (np.ones(len(rows)), np.array(rows, np.int32), np.array(starts, np.int32)),
        shape=(len(starts) - 1, len(ids)),
    )
    transposed = matrix.T.tocsr()
    right = np.array([flag for choice in choices for flag in choice.right], dtype=float)
    group = np.repeat(np.arange(len(choices)), [len(choice.right) for choice in choices])
    has_right = np.bincount(group, right, len(choices)) > 0
    strength = _PENALTY * len(choices) ** 0.5

    def loss(weights: Any) -> tuple[float, Any]:
        scores = np.clip(matrix @ weights, -30, 30)
        exps = np.exp(scores)
        good = np.bincount(group, exps * right, len(choices))
        bad = np.bincount(group, exps * (1 - right), len(choices))
        every = 1 + good + bad
        value = np.log1p(bad).sum()
        slope = exps * (1 - right) / (1 + bad)[group]
        safe = np.where(has_right, good, 1.0)
        value += (np.log(every) - np.log(safe))[has_right].sum()
        slope += np.where(has_right[group], exps / every[group] - exps * right / safe[group], 0.0)
        value += strength * weights @ weights
        return float(value), transposed @ slope + 2 * strength * weights

    found = optimize.minimize(
        loss,
        np.zeros(len(ids)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxcor": 5, "ftol": 1e-6},
    )
    weights = np.round(found.x, 3)
    kept = [(name, float(weights[at])) for name, at in ids.items() if abs(weights[at]) >= _SMALL]
    kept.sort()
    return Scorer(
        tuple(name for name, _ in kept), array.array("f", [weight for _, weight in kept]), reach
    )


def _numbered(choices: Sequence[Choice], least: int, never: set[str]) -> dict[str, int]:
    """The numbers of frequent features."""
    counts: Counter[str] = Counter()
    for choice in choices:
        for names in choice.features:
            counts.update(names)
    frequent = sorted(name for name, n in counts.items() if n >= least and name not in never)
    return {name: number for number, name in enumerate(frequent)}
