"""How sure a margin between scores makes, by rows that trained nothing of them."""

from __future__ import annotations

import math
from typing import Any

from distilgen.embedded.closed import Sureness


def margins(scores: Any, codes: Any) -> tuple[Any, Any]:
    """How far the best score of each row is above the second, and whether it is the right one; of
    labels, how far the nearest is from 0, and whether all are right.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    if codes.ndim == 2:
        right = ((scores > 0) == (codes == 1)).all(axis=1) & (codes.min(axis=1) >= 0)
        return np.abs(scores).min(axis=1), right
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0]), (scores[:, 0] > 0) == (codes == 1) & (codes >= 0)
    rows = np.arange(len(scores))
    place = scores.argmax(axis=1)
    rest = scores.copy()
    rest[rows, place] = -np.inf
    return scores[rows, place] - rest.max(axis=1), place == codes


def of(margin: Any, right: Any) -> tuple[Sureness, float]:
    """The sigmoid of margins, and its mean log loss. The targets are drawn a little towards the
    middle, as Platt does ("Probabilistic outputs for support vector machines", 1999), so that
    nothing is ever sure altogether; the slope is never below 0.
    """
    import numpy as np  # noqa: PLC0415 - an extra

    good = int(right.sum())
    bad = len(right) - good
    wanted = np.where(right, (good + 1) / (good + 2), 1 / (bad + 2))
    unit = float(np.median(margin)) or 1.0
    scaled = margin / unit
    slope, offset = 0.0, math.log((good + 1) / (bad + 1))
    for _ in range(60):  # Newton's steps, damped
        sure = 1 / (1 + np.exp(-np.clip(slope * scaled + offset, -40, 40)))
        off, weight = sure - wanted, np.maximum(sure * (1 - sure), 1e-9)
        gradient = np.array([(off * scaled).sum() + 1e-3 * slope, off.sum()])
        curve = np.array(
            [
                [(weight * scaled * scaled).sum() + 1e-3, (weight * scaled).sum()],
                [(weight * scaled).sum(), weight.sum() + 1e-6],
            ]
        )
        step = np.clip(np.linalg.solve(curve, gradient), -2, 2)
        slope, offset = slope - float(step[0]), offset - float(step[1])
        if float(np.abs(step).max()) < 1e-9:
            break
    if slope < 0:
        slope, offset = 0.0, math.log((good + 1) / (bad + 1))
    sure = np.clip(1 / (1 + np.exp(-np.clip(slope * scaled + offset, -40, 40))), 1e-9, 1 - 1e-9)
    loss = -float(np.where(right, np.log(sure), np.log(1 - sure)).mean())
    return Sureness(float(f"{slope / unit:.6g}"), float(f"{offset:.6g}")), loss
