"""The threshold of a student: what it promises, and how often the promise is kept."""

from __future__ import annotations

import random

import pytest
from scipy import stats  # type: ignore[import-untyped]

from distilgen.training.embedded.calibration import (
    NEVER,
    Calibration,
    Outcome,
    calibrate,
    holds,
    least,
)


def outcomes(*groups: tuple[float, int, int]) -> list[Outcome]:
    """(confidence, right, wrong) of each group of calls."""
    return [
        Outcome(confidence, right=place < right)
        for confidence, right, wrong in groups
        for place in range(right + wrong)
    ]


@pytest.mark.parametrize("target", [0.5, 0.9, 0.98, 0.999])
@pytest.mark.parametrize("answered", [1, 10, 149, 300, 2000])
def test_the_bound_is_that_of_clopper_and_pearson(answered: int, target: float) -> None:
    for wrong in (0, 1, 3, 20):
        if wrong <= answered:
            low = stats.beta.ppf(0.05, answered - wrong, wrong + 1) if wrong < answered else 0.0
            assert holds(wrong, answered, target) is bool(low >= target)


def test_how_many_answers_it_takes() -> None:
    assert [least(wrong, 0.98) for wrong in range(4)] == [149, 236, 313, 386]
    assert least(0, 0.9) == 29
    assert least(0, 0.999) == 2995
    for wrong in (0, 5):
        assert holds(wrong, least(wrong, 0.95), 0.95)
        assert not holds(wrong, least(wrong, 0.95) - 1, 0.95)


@pytest.mark.parametrize(
    ("given", "threshold", "answered", "wrong"),
    [
        pytest.param(outcomes((1.0, 149, 0)), 0.997, 149, 0, id="just enough, and all right"),
        pytest.param(outcomes((1.0, 148, 0)), NEVER, 0, 0, id="one too few"),
        pytest.param(outcomes((1.0, 148, 1)), NEVER, 0, 0, id="one is wrong"),
        pytest.param(
            outcomes((0.9, 300, 0), (0.5, 0, 200)), 0.85, 300, 0, id="the unsure are left"
        ),
        pytest.param(outcomes((0.9, 300, 0), (0.5, 100, 0)), 0.25, 400, 0, id="all are right"),
        pytest.param(outcomes((0.9, 0, 200), (0.5, 300, 0)), NEVER, 0, 0, id="sure and wrong"),
        pytest.param(outcomes((0.0, 500, 0)), NEVER, 0, 0, id="the gate refused all"),
        pytest.param(outcomes((0.9, 300, 0), (0.0, 300, 0)), 0.85, 300, 0, id="the gate refused"),
        pytest.param([], NEVER, 0, 0, id="no calls"),
    ],
)
def test_thresholds(given: list[Outcome], threshold: float, answered: int, wrong: int) -> None:
    found = calibrate(given, 0.98)
    assert (found.answered, found.wrong) == (answered, wrong)
    assert found.threshold == pytest.approx(threshold)
    assert found.answers is (threshold < NEVER)
    assert found.outcomes == len(given)


def test_a_student_that_is_a_little_less_sure_still_answers() -> None:
    found = calibrate(outcomes((0.9882, 280, 0)), 0.98)
    assert found.threshold < 0.9876  # of students of parts, 0.9882 was the least


def test_no_other_calls_are_above_the_threshold() -> None:
    draw = random.Random(2)
    for _ in range(20):
        given = [
            Outcome(sure := draw.random(), draw.random() < 0.96 + sure / 20) for _ in range(700)
        ]
        found = calibrate(given, 0.97)
        above = [outcome for outcome in given if outcome.confidence >= found.threshold]
        assert len(above) == found.answered
        assert sum(not outcome.right for outcome in above) == found.wrong


def test_the_order_of_the_calls_does_not_matter() -> None:
    draw = random.Random(1)
    given = [Outcome(sure := draw.random(), draw.random() < 0.95 + sure / 20) for _ in range(700)]
    shuffled = draw.sample(given, len(given))
    assert calibrate(given, 0.97) == calibrate(shuffled, 0.97)


def test_records_that_are_needed() -> None:
    few = calibrate(outcomes((0.99, 80, 0)), 0.98)
    assert few.needed == 149
    one = calibrate(outcomes((0.99, 99, 1)), 0.98)
    assert 149 < one.needed <= 300
    bad = calibrate(outcomes((0.99, 150, 150)), 0.98)
    assert bad.needed > 3_000
    assert calibrate(outcomes((0.0, 80, 0)), 0.98).needed == 0


def found(share: float, calls: int, times: int, target: float) -> float:
    """How often a threshold is found when so many answers are right, whatever their confidence."""
    draw = random.Random(calls)
    answers = 0
    for _ in range(times):
        given = [Outcome(draw.uniform(0.9, 1), draw.random() < share) for _ in range(calls)]
        answers += calibrate(given, target).answers
    return answers / times


@pytest.mark.parametrize("calls", [60, 200])
def test_the_promise_is_broken_seldom(calls: int) -> None:
    # right just seldom enough that any threshold breaks the promise
    assert found(0.8999, calls, 400, 0.9) <= 0.05 + 0.03


def test_a_student_far_better_than_its_target_answers_nearly_always() -> None:
    assert found(0.99, 300, 60, 0.9) >= 0.9


def test_a_gradient_of_confidence_is_used() -> None:
    draw = random.Random(2)
    given = []
    for _ in range(2000):
        sure = draw.random() ** 0.3
        given.append(Outcome(sure, draw.random() < sure))
    found = calibrate(given, 0.9)
    assert isinstance(found, Calibration)
    assert 0.2 < found.answered / 2000 < 0.7
    assert found.wrong / found.answered < 0.1
