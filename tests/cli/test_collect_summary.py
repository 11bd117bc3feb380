"""What the end of a collection says, and its exit code."""

from __future__ import annotations

import pytest

from distilgen.cli.collect_summary import code, summary, wrongs
from distilgen.collection.given import Refused
from distilgen.collection.progress import FEW, Progress
from distilgen.collection.runner import Outcome
from distilgen.errors import CollectError


def test_all_that_came_of_the_inputs_is_counted() -> None:
    outcome = Outcome(returned=9_900, failed=100, known=2_000, repeated=3, begun=10_000)
    assert summary(outcome, "shop.mail:reply", "records") == (
        "shop.mail:reply: 9,900 calls returned; 100 failed; 2,000 done before; 3 repeated; "
        "records are in records"
    )
    lost = Outcome(returned=4, unrecorded=4)
    assert summary(lost, "f", "r") == "f: 4 calls returned; 4 not recorded"
    lost = Outcome(returned=4, failed=1, unrecorded=4)
    assert summary(lost, "f", "r") == (
        "f: 4 calls returned; 1 failed; 4 not recorded; records are in r"
    )
    assert summary(Outcome(returned=1), "f", "r") == "f: 1 call returned; records are in r"


@pytest.mark.parametrize("more", [0, 1_234])
def test_the_first_that_went_wrong_are_told(more: int) -> None:
    progress = Progress(None)
    for number in range(FEW + more):
        progress.refused(Refused(f"a:{number}", "bad"))
    last = ["and 1,234 more; --failures FILE has all of them"] if more else []
    assert list(wrongs(progress, is_kept=False)) == [
        *(f"a:{number}: bad" for number in range(FEW)), *last
    ]  # fmt: skip
    assert list(wrongs(progress, is_kept=True))[FEW:] == (["and 1,234 more"] if more else [])


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(Outcome(returned=1, begun=1), 0, id="all returned"),
        pytest.param(Outcome(known=1), 0, id="all done before"),
        pytest.param(Outcome(returned=1, failed=1, begun=2), 1, id="a failure"),
        pytest.param(Outcome(known=1, refused=1), 1, id="a refusal"),
        pytest.param(Outcome(stopped_by=2), 130, id="stopped before any input"),
        pytest.param(Outcome(failed=3, begun=3, stopped_by=15), 143, id="stopped"),
    ],
)
def test_codes(outcome: Outcome, expected: int) -> None:
    assert code(outcome) == expected


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Outcome(), "there were no inputs"),
        (Outcome(refused=2), "no input gave a result"),
        (Outcome(failed=2, begun=2), "no input gave a result"),
        (Outcome(returned=9, failed=2, begun=11, too_many=True), "stopped: 2 of 11 calls failed"),
        (Outcome(returned=9, begun=9, error=CollectError("no more")), "no more"),
    ],
)
def test_what_ends_as_an_error(outcome: Outcome, message: str) -> None:
    with pytest.raises(CollectError, match=message):
        code(outcome)
