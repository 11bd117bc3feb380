"""Prices: the user's own, then the table with its dates."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from distilgen.dataset.prices import BUILT_IN, Price, Prices, price_of

_OWN = {"ft:gpt-4.1-mini:*": Price(1, 4), "llama-*": Price(0.1, 0.2, training=0.5)}


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-4.1-mini", BUILT_IN["gpt-4.1-mini"]),
        ("gpt-4.1-mini-2025-04-14", BUILT_IN["gpt-4.1-mini"]),
        ("gpt-4.1", BUILT_IN["gpt-4.1"]),
        ("ft:gpt-4.1-nano-2025-04-14:house::abc", BUILT_IN["ft:gpt-4.1-nano"]),
        ("ft:gpt-4.1-mini:house::abc", _OWN["ft:gpt-4.1-mini:*"]),
        ("llama-3.1-8b", _OWN["llama-*"]),
        ("gpt-4.1-miniature", None),
        ("", None),
    ],
)
def test_a_model_has_a_price(model: str, price: Price | None) -> None:
    assert price_of(model, _OWN) is price


def test_a_name_wins_over_a_glob_that_stands_ahead() -> None:
    own = {"a*": Price(1, 1), "ab": Price(2, 2)}
    assert price_of("ab", own) == Price(2, 2)


def test_a_price_of_the_table_has_a_day_and_a_source() -> None:
    for price in BUILT_IN.values():
        assert dt.date.fromisoformat(price.as_of) <= dt.date(2026, 11, 22)
        assert "https://" in price.source


def test_a_call_by_hand() -> None:
    # 400 tokens at $2 and 100 at $8 a million
    assert Price(2, 8).of_call(400, 100) == pytest.approx(0.0016)


@pytest.mark.parametrize(
    ("as_of", "old"),
    [("2026-08-24", False), ("2026-08-23", True), ("", True), ("last summer", True)],
)
def test_a_price_is_old_after_90_days(as_of: str, old: bool) -> None:
    assert Price(1, 1, as_of).is_old(dt.date(2026, 11, 22)) is old


def test_a_student_of_openai_costs_what_tuned_models_do() -> None:
    prices = Prices({}, built_in=True)
    assert prices.of_student("gpt-4.1-mini-2025-04-14") is BUILT_IN["ft:gpt-4.1-mini"]
    assert prices.of_student("ft:gpt-4o:house::a") is BUILT_IN["ft:gpt-4o"]
    assert prices.of_training("gpt-4o-mini") is BUILT_IN["ft:gpt-4o-mini"]
    assert prices.of_student("gpt-5") is None  # nobody tunes it, and its own price is another
    assert prices.of_training("gpt-5") is None


def test_another_host_has_the_prices_that_the_user_says() -> None:
    prices = Prices(_OWN, built_in=False)
    assert prices.of("gpt-4.1-mini") is None
    assert prices.of_student("llama-3.1-8b") is _OWN["llama-*"]
    assert prices.of_training("llama-3.1-8b") is _OWN["llama-*"]


def test_a_base_may_say_what_training_costs() -> None:
    own = {"big": Price(2, 8, training=3), "ft:big:*": Price(1, 2)}
    for built_in in (True, False):
        prices = Prices(own, built_in=built_in)
        assert prices.of_student("big") is own["ft:big:*"]
        assert prices.of_training("big") is own["big"]


def test_the_table_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/planning.md").read_text("utf-8")
    rows = [[cell.strip(" `$") for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    documented = {row[0]: row[1:] for row in rows if len(row) == 5 and row[4][:2] == "20"}
    for name, price in BUILT_IN.items():
        training = "" if price.training is None else f"{price.training:.2f}"
        numbers = f"{price.input:.2f}", f"{price.output:.2f}", training
        assert documented.pop(name) == [*numbers, price.as_of]
    assert not documented
