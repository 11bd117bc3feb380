"""Linear models as they are fitted and as they answer."""

from __future__ import annotations

import random

import numpy as np
import pytest

from distilgen.embedded.call import Call
from distilgen.training.embedded import columns, linear

WORDS = ["the", "App", "on", "START", "invoice_12", "v1.2", "naïve", "東京", "Please!", "don't"]


def drawn(count: int) -> list[Call]:
    chance = random.Random(5)
    return [
        Call(
            {
                "text": " ".join(chance.choices(WORDS, k=chance.randint(0, 12))),
                "plan": chance.choice(["pro", "free", None]),
                "size": chance.choice([chance.randint(0, 100), chance.random() * 50]),
                "tags": chance.choices(["a", "b", "c"], k=chance.randint(0, 3)),
            }
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("spelt", [True, False], ids=["spelt", "plain"])
@pytest.mark.parametrize("classes", [2, 4])
def test_what_is_trained_is_what_is_served(classes: int, spelt: bool) -> None:
    calls = drawn(200)
    codes = np.array([len(call.arguments["text"]) % classes for call in calls])
    width = 1 if classes == 2 else classes
    design = linear.LinearDesign(calls, columns.of(calls, {}), spelt=spelt)
    fit = linear.classes(codes, width, 1)
    kept, weights, bias = fit(design.matrix, np.arange(len(calls)))
    trained = design.matrix[:, kept] @ weights + bias
    model = design.fitted(fit)
    model.check()
    served = [model.scores(Call(call.arguments)) for call in calls]
    assert np.abs(trained - np.array(served)).max() < 1e-5
    assert {block.kind for block in model.blocks} == {"words", "choices", "steps"}


def test_labels_too() -> None:
    calls = drawn(200)
    marks = np.array(
        [[mark in call.arguments["text"] for mark in ("App", "v1", "no such")] for call in calls]
    ).astype(int)
    design = linear.LinearDesign(calls, columns.of(calls, {}))
    fit = linear.labels(marks, 1)
    kept, weights, bias = fit(design.matrix, np.arange(len(calls)))
    model = design.fitted(fit)
    served = np.array([model.scores(Call(call.arguments)) for call in calls])
    assert np.abs(design.matrix[:, kept] @ weights + bias - served).max() < 1e-5
    assert ((served > 0) == (marks == 1)).mean() > 0.98
    assert (served[:, 2] < 0).all()


def test_a_fold_without_some_of_the_classes() -> None:
    calls = drawn(60)
    codes = np.array([0] * 20 + [1] * 20 + [2] * 20)
    design = linear.LinearDesign(calls, columns.of(calls, {}))
    fit = linear.classes(codes, 3, 1)
    for train, likely in ((range(20, 60), {1, 2}), (range(20), {0}), (range(0), {0})):
        kept, weights, bias = fit(design.matrix, np.array(train, dtype=int))
        scores = design.matrix[:, kept] @ weights + bias
        assert scores.shape == (60, 3)
        assert set(scores.argmax(axis=1)) <= likely


def test_numbers_in_lists_alone_have_no_edges() -> None:
    calls = [Call({"many": [number, 2.5]}) for number in range(20)]
    design = linear.LinearDesign(calls, columns.of(calls, None))
    assert not design


def test_calls_without_columns() -> None:
    assert not linear.LinearDesign([Call({}), Call({})], ())
