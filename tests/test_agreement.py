"""Agreement and its interval."""

from __future__ import annotations

from typing import Any

import pytest

from distilgen.agreement import Agreement, wilson


@pytest.mark.parametrize(
    ("teacher", "student", "equal"),
    [
        pytest.param({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, 1, id="order of keys"),
        pytest.param({"a": 1}, {"a": 1.0}, 1, id="1 is 1.0"),
        pytest.param({"a": True}, {"a": 1}, 0, id="true is not 1"),
        pytest.param([1, 2], [2, 1], 0, id="order of items"),
        pytest.param({"a": 1}, {"a": 1, "b": None}, 0, id="one field more"),
        pytest.param({"a": {"b": False}}, {"a": {"b": 0}}, 0, id="nested"),
    ],
)
def test_equal_answers(teacher: Any, student: Any, equal: int) -> None:
    agreement = Agreement()
    agreement.add(teacher, student)
    assert agreement.equal == equal


def test_fields_are_counted_for_themselves_and_failures_agree_nowhere() -> None:
    agreement = Agreement()
    agreement.add({"a": 1, "b": 2}, {"a": 1, "b": 3})
    agreement.add({"a": 1, "b": 2}, {"a": 1})
    agreement.add({"a": 1, "b": 2}, {"a": 1, "b": 2}, failed=True)
    assert (agreement.calls, agreement.equal, agreement.failed) == (3, 0, 1)
    assert agreement.fields == {"a": 2, "b": 0}
    assert agreement.fields_seen == {"a": 3, "b": 3}


# Of n hits in n trials the lower end is n / (n + z²), with z = 1.95996 for 95 %.
@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (10, 10, 0.7225, 1.0),
        (0, 10, 0.0, 0.2775),
        (95, 100, 0.8882, 0.9785),
        (1, 2, 0.0945, 0.9055),
    ],
)
def test_wilson(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_nothing_measured_is_nothing_known() -> None:
    assert Agreement().interval == (0.0, 1.0)
