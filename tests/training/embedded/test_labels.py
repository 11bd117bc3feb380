"""Lists out of a closed set, fitted."""

from __future__ import annotations

import random
from typing import Any

import pytest

from distilgen.embedded.call import Call
from distilgen.embedded.closed import Labels
from distilgen.training.embedded import columns, labels
from distilgen.training.embedded.fitter import Field

WORDS = {"battery": "charge", "screen": "display", "price": "euros", "sound": "speaker"}
FILL = ["the", "it", "is", "good", "bad", "very", "and", "phone", "I"]


def reviews(count: int, seed: int) -> tuple[list[Call], list[list[str]]]:
    chance = random.Random(seed)
    calls, targets = [], []
    for _ in range(count):
        tags = [tag for tag in WORDS if chance.random() < 0.4]
        words = chance.choices(FILL, k=8) + [chance.choice([tag, WORDS[tag]]) for tag in tags]
        chance.shuffle(words)
        calls.append(Call({"text": " ".join(words)}))
        targets.append(tags)
    return calls, targets


def fitted(calls: list[Call], targets: list[Any]) -> Labels | None:
    field = Field(("x",), {}, columns.of(calls, {}), 1)
    made = labels.LabelsFitter().fit(calls, targets, field)
    if made is not None:
        made.check()
        assert isinstance(made, Labels)
    return made


def test_each_label_is_learnt_and_the_order_of_lists() -> None:
    predictor = fitted(*reviews(300, 1))
    assert predictor is not None
    assert predictor.values == ('"battery"', '"screen"', '"price"', '"sound"')
    calls, targets = reviews(200, 2)
    said = [predictor.predict(call) for call in calls]
    right = [one.value == target for one, target in zip(said, targets, strict=True)]
    assert sum(right) / len(right) > 0.95


def test_labels_by_numbers() -> None:
    chance = random.Random(4)
    calls = [Call({"size": chance.randint(0, 99)}) for _ in range(300)]
    sizes = [call.arguments["size"] for call in calls]
    targets = [["odd"] * (size % 2) + ["big"] * (size >= 50) for size in sizes]
    predictor = fitted(calls, targets)
    assert predictor is not None
    assert predictor.scorer.kind == "forest"
    assert predictor.predict(Call({"size": 83})).value == ["odd", "big"]


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param(["a"] * 30, id="no lists"),
        pytest.param([[]] * 30, id="empty lists"),
        pytest.param([[f"v{number}"] for number in range(30)], id="labels that do not repeat"),
        pytest.param([["a", "a"]] * 30, id="a label twice"),
        pytest.param([["a", "b"], ["b", "a"]] * 15, id="no order"),
    ],
)
def test_what_is_no_list_of_labels(targets: list[Any]) -> None:
    assert fitted(reviews(30, 1)[0], targets) is None


def test_the_order_is_that_of_most_lists() -> None:
    lists = [["c", "a"]] * 5 + [["a", "b"]] * 5 + [["b", "a"]] * 2 + [["z"]] * 2
    assert labels.ordered(lists) == ("c", "a", "b")


@pytest.mark.parametrize("of", ["size", "text"])
def test_one_label_that_lists_have_or_not(of: str) -> None:
    chance = random.Random(5)
    sizes = [chance.randint(0, 99) for _ in range(300)]
    calls = [
        Call({"size": size} if of == "size" else {"text": f"{chance.choice(FILL)} number {size}"})
        for size in sizes
    ]
    targets = [["big"] if size >= 50 else [] for size in sizes]
    predictor = fitted(calls, targets)
    assert predictor is not None
    assert predictor.values == ('"big"',)
    if of == "size":
        assert predictor.scorer.kind == "forest"
        found = [predictor.predict(Call({"size": size})).value for size in (3, 48, 52, 97)]
        assert found == [[], [], ["big"], ["big"]]
