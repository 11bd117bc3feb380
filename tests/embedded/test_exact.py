"""distilgen.embedded.exact and formula: predictors that hold for every row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from distilgen.embedded.call import Call
from distilgen.embedded.exact import Cases, Constant, Copy, Source, Table, Template
from distilgen.embedded.formula import Formula, Pair
from distilgen.embedded.predictor import Predicted

NOTHING = Predicted(None, 0.0)
A, B = Source(("a",)), Source(("b",))
WRONG: Any = 1


def formula(
    *terms: Any,
    mode: Any = "whole",
    finish: Any = "none",
    digits: Any = 0,
    sources: Any = (A, B),
    after: Any = (),
) -> Any:
    products = tuple(term for term, _ in terms)
    coefficients = tuple(coefficient for _, coefficient in terms)
    made = Formula(sources, products, coefficients, mode, finish, digits, after, 0.9)
    made.check()
    return made


AB = ((0, 1), (1, 1))


def value_of(predictor: Any, **arguments: Any) -> Any:
    return predictor.predict(Call(arguments)).value


def test_a_constant_is_a_new_value_each_time() -> None:
    constant = Constant('["a"]', 0.9)
    first = constant.predict(Call({})).value
    first.append("b")
    assert constant.predict(Call({})) == Predicted(["a"], 0.9)


def test_a_copy_is_sure_of_what_is_there_only() -> None:
    copy = Copy(Source(("order", "lines", "*", "sku"), ("join=, ",)), 0.9)
    lines = [{"sku": "a"}, {}, {"sku": "b"}]
    assert copy.predict(Call({"order": {"lines": lines}})) == Predicted("a, b", 0.9)
    assert copy.predict(Call({"order": {}})) == NOTHING
    assert copy.predict(Call({})) == NOTHING
    assert copy.predict(Call({"order": {"lines": [{"sku": 1}]}})) == NOTHING


def test_a_template_joins_texts() -> None:
    template = Template((Source(("a",), ("upper",)), ": ", Source(("b",), ("fixed=2",))), 0.9)
    assert value_of(template, a="x", b=1) == "X: 1.00"
    assert template.predict(Call({"a": "x", "b": "1"})) == NOTHING


def test_a_table_tells_types_apart() -> None:
    table = Table((A, B), {"'1\x1f1": 0, "1\x1f'1": 1, "True\x1fNone": 2}, ('"x"', "2", "[3]"), 0.9)
    table.check()
    assert value_of(table, a="1", b=1) == "x"
    assert value_of(table, a=1, b="1") == 2
    assert value_of(table, a=True, b=None) == [3]
    assert table.predict(Call({"a": 1, "b": 1})) == NOTHING
    assert table.predict(Call({"a": [1], "b": 1})) == NOTHING
    assert table.predict(Call({"a": "1" * 10**6, "b": 1})) == NOTHING


def test_cases_have_a_predictor_each() -> None:
    cases = Cases((A,), {"'x": Constant("1", 0.9), "'y": Copy(B, 0.8)})
    assert value_of(cases, a="x") == 1
    assert value_of(cases, a="y", b=7) == 7
    assert cases.predict(Call({"a": "z"})) == NOTHING


def test_integers_are_exact_at_any_size() -> None:
    product = formula((AB, (1, 1)), ((), (-1, 1)))
    big = 10**40 + 7
    assert value_of(product, a=big, b=big) == big * big - 1
    assert value_of(product, a=12, b=-3) == -37


def test_an_integer_is_not_made_of_what_is_none() -> None:
    half = formula((((0, 1),), (1, 2)))
    assert value_of(half, a=4, b=0) == 2
    assert half.predict(Call({"a": 5, "b": 0})) == NOTHING
    assert half.predict(Call({"a": 4.5, "b": 0})) == NOTHING


@settings(deadline=None)
@given(st.floats(0, 1e6), st.integers(1, 99))
def test_decimals_are_rounded_as_python_does(price: Any, count: Any) -> None:
    vat = formula((AB, (119, 100)), mode="float", finish="round", digits=2)
    assert value_of(vat, a=price, b=count) == round(1.19 * (price * count), 2)


@settings(deadline=None)
@given(st.integers(-(10**6), 10**6))
def test_a_ratio_divides_once(seconds: Any) -> None:
    minutes = formula((((0, 1),), (1, 60)), mode="ratio", finish="floor")
    assert value_of(minutes, a=seconds, b=0) == seconds // 60


def test_written_decimals_are_exact() -> None:
    total = formula((((0, 1),), (1, 1)), (((1, 1),), (1, 1)), mode="even")
    assert value_of(total, a=0.1, b=0.2) == 0.3
    half_up = formula((((0, 1),), (1, 1)), mode="up", finish="round", digits=2)
    assert value_of(half_up, a=2.675, b=0) == 2.68
    assert value_of(half_up, a=-2.675, b=0) == -2.68
    assert value_of(half_up, a=1e-300, b=0) == 0


def test_a_formula_of_quotients_dates_and_lists() -> None:
    ratio = formula((((0, 1), (1, -1)), (1, 1)), mode="float", finish="round", digits=2)
    assert value_of(ratio, a=1, b=3) == 0.33
    assert ratio.predict(Call({"a": 1, "b": 0})) == NOTHING
    due = formula(
        (((0, 1),), (1, 1)), ((), (30, 1)), sources=(Source(("a",), ("day",)),), after=("day_text",)
    )
    assert value_of(due, a="2024-02-01") == "2024-03-02"
    assert due.predict(Call({"a": "9999-12-31"})) == NOTHING
    dot = Pair("dot", Source(("l", "*", "n")), Source(("l", "*", "p")))
    total = formula((((0, 1),), (1, 1)), mode="float", sources=(dot,))
    assert value_of(total, l=[{"n": 2, "p": 1.5}, {"n": 1, "p": 4}]) == 7.0
    assert total.predict(Call({"l": [{"n": 2}]})) == NOTHING


@pytest.mark.parametrize("odd", [None, "1", True, [], {}, float("nan"), float("inf"), 10**400])
def test_what_is_no_number_of_use_is_nothing(odd: Any) -> None:
    assert formula((AB, (1, 1)), mode="float").predict(Call({"a": odd, "b": 1.5})) == NOTHING


def test_an_integer_that_cannot_be_written_is_nothing() -> None:
    product = formula((AB, (1, 1)))
    assert value_of(product, a=10**2000, b=10**2000) == 10**4000
    assert product.predict(Call({"a": 10**3000, "b": 10**3000})) == NOTHING
    assert product.predict(Call({"a": 10**9000, "b": 1})) == NOTHING


@pytest.mark.parametrize("operation", ["//", "%", "dot"])
def test_an_integer_that_is_no_float_is_nothing(operation: str) -> None:
    pair = Formula(
        (Pair(operation, A, B),), (((0, 1),),), ((1, 1),), "whole", "none", 0, (), 0.9
    )  # fmt: skip
    pair.check()
    for left, right in ((10**400, 1.5), (1.5, 10**400), ([10**400], [1.5])):
        assert pair.predict(Call({"a": left, "b": right})) == NOTHING


@pytest.mark.parametrize(
    "damaged",
    [
        lambda: Source(()).check(),
        lambda: Source(("a",), ("eval",)).check(),
        lambda: Source(("a",), ("upper",) * 50).check(),
        lambda: Source(("a",), ("join=" + "x" * 1000,)).check(),
        lambda: Constant("{", 0.9).check(),
        lambda: Copy(WRONG, 0.9).check(),
        lambda: Template((WRONG,), 0.9).check(),
        lambda: Table((A,), {"1": 1}, ("1",), 0.9).check(),
        lambda: Table((A,), {"1": -1}, ("1",), 0.9).check(),
        lambda: Cases((A,), {"1": WRONG}).check(),
        lambda: Pair("**", A, B).check(),
        lambda: Pair("%", A, WRONG).check(),
        lambda: formula((((2, 1),), (1, 1))),
        lambda: formula((((0, 99),), (1, 1))),
        lambda: formula((((0, 1),), (1, 0))),
        lambda: formula((AB, (1, 1)), mode="exec"),
        lambda: formula((AB, (1, 1)), digits=99),
        lambda: formula((AB, (1, 10**50))),
        lambda: formula((((0, 4),) * 50, (1, 1))),
        lambda: formula(*[(AB, (1, 1))] * 200),
        lambda: formula((AB, (1, 1)), after=("exec",)),
        lambda: Formula((A,), (((0, 1),),), (), "whole", "none", 0, (), 0.9).check(),
    ],
)
def test_damaged_data_are_refused(damaged: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        damaged()
