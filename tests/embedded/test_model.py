"""The whole student: the parts of an answer put together, and when it abstains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from distilgen.embedded.call import ABSENT, Call
from distilgen.embedded.model import Fields, Maybe, Model, Places, Unknown, Variants
from distilgen.embedded.novelty import Novelty, Types
from distilgen.embedded.predictor import Predicted, Predictor


@dataclass(frozen=True)
class Says:
    """Always the same."""

    kind: ClassVar[str] = "says"
    value: Any
    confidence: float = 1.0

    def predict(self, call: Call) -> Predicted:  # noqa: ARG002
        return Predicted(self.value, self.confidence)

    def check(self) -> None: ...


YES, NO = Says(True, 0.9), Says(False, 0.8)
GATE = Novelty(("text",), (Types(("text",), ("a text",)),))


def model(predictor: Predictor, threshold: float = 0.5) -> Model:
    return Model("shop.mail:reply", "f" * 32, predictor, GATE, threshold, 0.98, 10, "a test")


@pytest.mark.parametrize(
    ("predictor", "value", "confidence"),
    [
        pytest.param(Fields({"a": Says(1, 0.5), "b": Says("x", 0.5)}), {"a": 1, "b": "x"}, 0.25,
                     id="fields are sure together"),
        pytest.param(Fields({"a": Says(1), "b": Says(ABSENT)}), {"a": 1}, 1.0,
                     id="an absent field is left out"),
        pytest.param(Fields({}), {}, 1.0, id="no fields"),
        pytest.param(Places((Says(1, 0.5), Says(2, 0.5))), [1, 2], 0.25, id="a tuple"),
        pytest.param(Maybe(YES, Says(3, 0.5)), 3, 0.45, id="there is a value"),
        pytest.param(Maybe(NO, Says(3, 0.5)), None, 0.8, id="there is none"),
        pytest.param(Maybe(NO, Says(3), instead="0"), 0, 0.8, id="there is another"),
        pytest.param(Maybe(NO, Says(3), instead=""), ABSENT, 0.8, id="its key is missing"),
        pytest.param(Variants(Says("1", 0.5), (Says(1), Says(2, 0.5))), 2, 0.25, id="a union"),
        pytest.param(Variants(Says("7"), (Says(1),)), None, 0.0, id="no such type"),
        pytest.param(Variants(Says([]), (Says(1),)), None, 0.0, id="no type at all"),
        pytest.param(Unknown("why"), None, 0.0, id="unknown"),
    ],
)  # fmt: skip
def test_the_parts_of_an_answer(predictor: Predictor, value: Any, confidence: float) -> None:
    found = predictor.predict(Call({}))
    assert found.value == value
    assert found.confidence == pytest.approx(confidence)


def test_it_answers_what_it_is_sure_of() -> None:
    student = model(Says("x", 0.7))
    assert student.answer({"text": "a"}) == ("x", 0.7, "")
    value, confidence, why = student.answer({"text": "a"}, least=0.75)
    assert (value, confidence) == ("x", 0.7)
    assert why == "is 70.00% sure of its answer, and 75.00% is the least"
    assert model(Says("x", 1.0), threshold=2.0).answer({"text": "a"}).why


def test_it_abstains_from_what_is_new() -> None:
    student = model(Says("x"))
    assert student.answer({"text": 3}) == (
        None,
        0.0,
        "knows no calls like this: text is a number, which it never was in the training",
    )
    assert "missing" in student.answer({}).why
    assert "other" in student.answer({"text": "a", "other": 1}).why


@pytest.mark.parametrize(
    "broken",
    [
        Fields({"a": 1}),  # type: ignore[dict-item]
        Fields(()),  # type: ignore[arg-type]
        Places((1,)),  # type: ignore[arg-type]
        Maybe(YES, None),  # type: ignore[arg-type]
        Maybe(YES, NO, instead="{"),
        Variants(YES, {"0": NO}.values()),  # type: ignore[arg-type]
        model("x"),  # type: ignore[arg-type]
        Model("", "", YES, YES, 0, 0, 0, ""),  # type: ignore[arg-type]
    ],
)
def test_damaged_parts_are_refused(broken: Predictor) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message will do
        broken.check()


def test_sound_parts_are_taken() -> None:
    for part in (Fields({"a": YES}), Places((YES,)), Maybe(YES, NO), Variants(YES, (NO,)),
                 Unknown(""), model(YES)):  # fmt: skip
        part.check()
