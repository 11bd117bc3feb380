"""What `distilgen collect` says at its end, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilgen.collection.progress import FEW
from distilgen.errors import CLEAN, FINDINGS, CollectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.collection.progress import Progress
    from distilgen.collection.runner import Outcome

_BY_SIGNAL = 128  # and its number: 130 for Ctrl-C, 143 for SIGTERM, as of all programs


def wrongs(progress: Progress, *, is_kept: bool) -> Iterator[str]:
    """The first inputs that went wrong, a line each. is_kept: there is a file of all of them."""
    yield from progress.first
    more = progress.failed + progress.refusals - FEW
    if more > 0:
        yield f"and {more:,} more{'' if is_kept else '; --failures FILE has all of them'}"


def summary(outcome: Outcome, name: str, place: str) -> str:
    """What came of it, on a line. name: of the function. place: of the records."""
    parts = [f"{name}: {outcome.returned:,} call{'s' * (outcome.returned != 1)} returned"]
    for count, text in (
        (outcome.failed, "failed"),
        (outcome.unrecorded, "not recorded"),
        (outcome.refused, "refused"),
        (outcome.known, "done before"),
        (outcome.repeated, "repeated"),
    ):
        if count:
            parts.append(f"{count:,} {text}")
    if outcome.known or outcome.ended > outcome.unrecorded or not outcome.unrecorded:
        parts.append(f"records are in {place}")
    if outcome.stopped_by:
        parts.append("stopped; what was done stays done, run the command again to go on")
    elif outcome.is_limited:
        parts.append("stopped at --limit; the next run goes on behind")
    return "; ".join(parts)


def code(outcome: Outcome) -> int:
    """The exit code. Raises CollectError, and what ended the run."""
    wrong = outcome.failed + outcome.refused
    if outcome.error is not None:
        raise outcome.error
    if outcome.stopped_by:
        return _BY_SIGNAL + outcome.stopped_by
    if outcome.is_empty:
        raise CollectError("there were no inputs")
    if outcome.too_many:
        raise CollectError(
            f"stopped: {outcome.failed:,} of {outcome.ended:,} calls failed; what was done stays "
            "done, run the command again when the teacher works"
        )
    if wrong and not outcome.returned + outcome.known:
        raise CollectError("no input gave a result")
    return FINDINGS if wrong else CLEAN
