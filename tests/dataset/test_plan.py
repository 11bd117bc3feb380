"""What training costs: numbers made by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.dataset.plan import (
    LOCAL_EPOCHS,
    Plan,
    Size,
    epochs_of,
    hosted,
    local,
    measure,
    parameters_of,
)
from distilgen.dataset.prices import Price
from distilgen.dataset.tokens import Counter
from distilgen.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract

_CHARACTERS = Counter("characters", len, exact=True)


def _written(folder: Path, *rows: Any) -> Path:
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _row(question: str, answer: str) -> dict[str, Any]:
    """3 of the row, 7 and 12 around the messages."""
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [
        (1, 25),
        (4, 25),
        (5, 20),
        (10, 10),
        (33, 3),
        (34, 3),
        (8_333, 3),
        (8_334, 2),
        (12_501, 1),
        (25_000, 1),
        (1_000_000, 1),
    ],
)
def test_epochs_by_the_hosts_rule(rows: int, epochs: int) -> None:
    assert epochs_of(rows) == epochs


def test_a_split_is_measured(tmp_path: Path) -> None:
    path = _written(tmp_path, _row("12345678", "12"), _row("1234", "12345"), _row("1", "1"))
    # 22 around each: 32, 31, 24
    size = measure(path, "openai-json", None, _CHARACTERS, 30)
    assert size == Size(
        rows=3, tokens=87, billed=30 + 30 + 24, answers=2 + 5 + 1, cut=2, median=31, p95=32,
        longest=((1, 32), (2, 31), (3, 24)),
    )  # fmt: skip
    assert size.asked_of_call == pytest.approx(79 / 3)
    assert size.answered_of_call == pytest.approx(8 / 3)


def test_the_longest_rows_are_few_and_the_first_of_equals_wins(tmp_path: Path) -> None:
    path = _written(tmp_path, *[_row("a", "b")] * 9)
    size = measure(path, "openai-json", None, _CHARACTERS, None)
    assert [number for number, _ in size.longest] == [1, 2, 3]
    assert (size.cut, size.billed) == (0, size.tokens)


def test_nothing_has_no_size(tmp_path: Path) -> None:
    size = measure(_written(tmp_path), "openai-json", None, _CHARACTERS, None)
    assert (size.rows, size.asked_of_call, size.answered_of_call) == (0, 0, 0)


def test_a_row_of_values_is_measured_as_it_is_asked(tmp_path: Path, contract: Contract) -> None:
    from distilgen.rows import FORMATS

    call = {"topic": "tea"}, {"subject": "tea"}
    raw = _written(tmp_path, FORMATS["raw"](contract, *call))
    seen = measure(raw, "raw", contract, _CHARACTERS, None)
    chat = _written(tmp_path, FORMATS["openai-tools"](contract, *call))
    assert seen == measure(chat, "openai-tools", contract, _CHARACTERS, None)


def test_a_raw_row_without_arguments(tmp_path: Path, contract: Contract) -> None:
    path = _written(tmp_path, {"result": 1})
    with pytest.raises(DatasetError, match=r"train\.jsonl:1: "):
        measure(path, "raw", contract, _CHARACTERS, None)


_SIZE = Size(
    rows=100, tokens=50_000, billed=50_000, answers=10_000, cut=0, median=500, p95=500, longest=()
)
"""A call takes 400 tokens, and its answer 100."""


def test_a_training_on_a_host_by_hand() -> None:
    plan = hosted(_SIZE, price=Price(0.80, 3.20), rate=5.0, teacher=0.00264, calls_per_day=50)
    # 100 rows: 3 epochs of 50,000 tokens at $5 a million; 400 * 0.8 + 100 * 3.2 = 640 millionths
    assert (plan.epochs, plan.by_rule, plan.billed) == (3, True, 150_000)
    assert plan.training == pytest.approx(0.75)
    assert plan.student == pytest.approx(0.00064)
    assert plan.saving == pytest.approx(0.002)
    assert plan.break_even == 375
    assert plan.days == pytest.approx(7.5)
    assert plan.seconds is None


def test_epochs_as_the_user_says() -> None:
    plan = hosted(_SIZE, price=None, rate=5.0, epochs=1)
    assert (plan.epochs, plan.by_rule) == (1, False)
    assert plan.training == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("training", "student", "teacher", "calls"),
    [
        (1.0, 0.1, 0.2, 10),
        (1.05, 0.1, 0.2, 11),
        (0.0, 0.1, 0.2, 0),
        (1.0, 0.2, 0.2, None),
        (1.0, 0.3, 0.2, None),
        (None, 0.1, 0.2, None),
        (1.0, None, 0.2, None),
        (1.0, 0.1, None, None),
    ],
)
def test_break_even(
    training: float | None, student: float | None, teacher: float | None, calls: int | None
) -> None:
    plan = Plan(3, True, 1, training=training, student=student, teacher=teacher)
    assert plan.break_even == calls
    assert plan.days is None


def test_a_training_on_ones_own_machine() -> None:
    plan = local(_SIZE, tokens_per_second=1_000, price=None, teacher=0.002, calls_per_day=10)
    assert (plan.epochs, plan.billed) == (LOCAL_EPOCHS, 150_000)
    assert (plan.seconds, plan.training, plan.student) == (150, 0, 0)
    assert (plan.break_even, plan.days) == (0, 0)
    assert local(_SIZE, tokens_per_second=None, price=None).seconds is None


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.5e9),
        ("HuggingFaceTB/SmolLM2-135M", 135e6),
        ("google/gemma-3-270m-it", 270e6),
        ("llama_8b", 8e9),
        ("gpt-4o", None),
        ("Mixtral-8x7B", None),
        ("7B-models/tiny", None),
        ("", None),
    ],
)
def test_a_models_name_says_its_size(model: str, parameters: float | None) -> None:
    assert parameters_of(model) == parameters
