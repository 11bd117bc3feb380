"""What a job is asked for with, by the shape of its host."""

from __future__ import annotations

from typing import Any

import pytest

from distilgen.errors import UsageError
from distilgen.training.shapes import SHAPES, Wishes, fields_of, question, together, wishes_of

PAIRS = {"contract": "c", "dataset": "d"}
ALL = Wishes(base_model="b", epochs=3, batch_size=8, learning_rate=0.5, suffix="s", seed=7)


def test_openai_has_hyperparameters_in_a_method() -> None:
    given = {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 0.5}
    assert question(SHAPES["openai"], ALL, PAIRS) == {
        "model": "b",
        "method": {"type": "supervised", "supervised": {"hyperparameters": given}},
        "metadata": PAIRS,
        "suffix": "s",
        "seed": 7,
    }


def test_nebius_has_them_at_the_top_and_keeps_no_metadata() -> None:
    given = {"n_epochs": 3, "batch_size": 8, "learning_rate": 0.5}
    expected = {"model": "b", "hyperparameters": given, "suffix": "s", "seed": 7}
    assert question(SHAPES["nebius"], ALL, PAIRS) == expected


def test_what_is_not_said_is_not_sent() -> None:
    asked = question(SHAPES["openai"], Wishes(base_model="b"), PAIRS)
    method = {"type": "supervised", "supervised": {"hyperparameters": {}}}
    assert asked == {"model": "b", "method": method, "metadata": PAIRS}


def test_fields_come_besides() -> None:
    fields = {"trainingType": "Standard", "metadata": {"who": "me"}}
    asked = question(SHAPES["azure"], Wishes(base_model="b", fields=fields), PAIRS)
    assert asked["trainingType"] == "Standard"
    assert asked["metadata"] == {**PAIRS, "who": "me"}


def test_what_is_said_wins_over_fields() -> None:
    fields = {"model": "m", "seed": 1, "hyperparameters": {"n_epochs": 9, "lora": True}}
    wishes = Wishes(base_model="b", epochs=3, seed=2, fields=fields)
    assert question(SHAPES["nebius"], wishes, PAIRS) == {
        "model": "b", "seed": 2, "hyperparameters": {"n_epochs": 3, "lora": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"suffix": "s" * 65}, "--suffix has 65 characters; hosts take 1 to 64"),
        ({"suffix": "  "}, "--suffix: '  ' says nothing"),
        ({"metadata": {str(n): "" for n in range(15)}}, "metadata: 17 pairs with ours"),
        ({"metadata": {"n" * 65: ""}}, "of at most 64"),
        ({"metadata": {"n": "v" * 513}}, "metadata.n: should be a text of at most 512"),
        ({"metadata": {"n": 3}}, "metadata.n: should be a text"),
    ],
)
def test_what_every_host_would_refuse(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        question(SHAPES["openai"], Wishes(base_model="b", fields=fields), PAIRS)
    assert message in str(raised.value)


def test_metadata_that_is_no_table() -> None:
    wishes = Wishes(base_model="b", fields={"metadata": "m"})
    with pytest.raises(UsageError, match="metadata: should be a table, not 'm'"):
        question(SHAPES["nebius"], wishes, PAIRS)


def test_fields_as_they_are_typed() -> None:
    given = ["a=1", "b.c=true", "b.d.e=text", "f=[1, 2]", 'g="1"', "h=x=y", "i="]
    assert fields_of(given) == {
        "a": 1, "b": {"c": True, "d": {"e": "text"}}, "f": [1, 2], "g": "1", "h": "x=y", "i": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "say KEY=VALUE, for example trainingType=GlobalStandard"),
        ("=1", "say KEY=VALUE"),
        ("a..b=1", "say KEY=VALUE"),
        ("suffix=s", "--set suffix: say --suffix"),
        ("training_file=f", "--set training_file: it is the dataset's"),
    ],
)
def test_what_is_no_field(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        fields_of([text])
    assert message in str(raised.value)


def test_tables_are_taken_together() -> None:
    assert together({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "d": {"e": 5}}) == {
        "a": {"b": 4, "c": 2}, "d": {"e": 5},
    }  # fmt: skip


def test_wishes() -> None:
    assert wishes_of("b", 3.0, seed=1) == Wishes(base_model="b", epochs=3, seed=1)
    assert wishes_of(None, None) is None
    with pytest.raises(UsageError, match=r"--epochs 0\.5: hosts take whole numbers"):
        wishes_of("b", 0.5)
