"""What is said of a student."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from distilgen.embedded.model import Model, Unknown
from distilgen.embedded.novelty import Novelty
from distilgen.training.embedded import report
from distilgen.training.embedded.calibration import NEVER, Calibration
from distilgen.training.embedded.fit import Leaf
from distilgen.training.embedded.student import Trained, Trial

if TYPE_CHECKING:
    from distilgen.embedded.call import Path

MODEL = Model("a:f", "", Unknown(""), Novelty((), ()), 0.8, 0.98, 300, "")
LEAVES = (
    Leaf(("to",), "copy", exact=True),
    Leaf(("team", "?"), "closed"),
    Leaf(("team",), "spans", paths=frozenset({("<answer>", "to")})),
    Leaf(("why",), "", why="its values stand in no argument"),
)


def trial(confidence: float, *, right: bool = True, refused: bool = False) -> Trial:
    fields: dict[Path, tuple[bool, float]] = {
        ("to",): (True, 1.0), ("team",): (right, confidence), ("why",): (right, confidence),
    }  # fmt: skip
    return Trial(refused, right, confidence, fields)


GOOD = (trial(0.9),) * 290 + (trial(0.9, right=False),) * 2 + (trial(0.9, refused=True),) * 8
TRAINED = Trained(MODEL, LEAVES, Calibration(0.8, 292, 2, 300), GOOD, (), 300)


def test_a_table_by_field() -> None:
    assert report.lines(TRAINED)[:5] == [
        "field         predictor                       agreement  sure enough  what to do",
        "to            copy                            100.0%     100.0%",
        "team          closed + spans of other fields  99.3%      100.0%",
        "why           not learnt                      99.3%      100.0%",
        "whole answer                                  99.3%      97.3%",
    ]
    found = {item.path: item for item in report.fields(TRAINED)}
    assert found["to",].predictor == "copy"
    assert found["team",].predictor == "closed + spans of other fields"
    assert found["why",].predictor == "not learnt"
    assert found["team",].agreement == pytest.approx(298 / 300)
    assert found["team",].passes == 1.0


@pytest.mark.parametrize(
    ("trials", "path", "said"),
    [
        pytest.param(GOOD, ("to",), "", id="all is well"),
        pytest.param((trial(0.9), trial(0.5)) * 60, ("team",), "more records", id="unsure"),
        pytest.param((trial(0.5, right=False),) * 9, ("why",), "more records", id="few"),
        pytest.param((trial(0.5, right=False),) * 109 + (trial(0.5),), ("team",), "hardly to be",
                     id="hardly ever right"),
        pytest.param((trial(0.5, right=False),) * 109, ("why",),
                     "its values stand in no argument: leave", id="not learnt"),
    ],
)  # fmt: skip
def test_what_to_do(trials: tuple[Trial, ...], path: tuple[str, ...], said: str) -> None:
    found = {item.path: item for item in report.fields(replace(TRAINED, trials=trials))}
    assert found[path].advice.startswith(said)
    assert bool(found[path].advice) is bool(said)


def test_what_it_answers() -> None:
    text = "\n".join(report.lines(TRAINED))
    assert "It answers 97.3% of the calls: those of which it is at least 80.0% sure." in text
    assert "2 of 292 answers were not the teacher's: so at least 98% agree" in text
    assert "2.7% of the calls are left to the teacher because they are unlike the others." in text
    assert "Test" not in text


def test_the_test_split() -> None:
    tests = (trial(0.9),) * 40 + (trial(0.9, right=False), trial(0.1), trial(0.9, refused=True))
    text = report.lines(replace(TRAINED, tests=tests))[-1]
    assert text.startswith("Test: it answers 41 of 43 calls, 40 of them as the teacher (97.6%, ")
    nothing = report.lines(replace(TRAINED, tests=(trial(0.1),)))[-1]
    assert nothing == "Test: it answers 0 of 1 calls."


def test_what_it_takes_where_it_answers_nothing() -> None:
    model = replace(MODEL, threshold=NEVER)
    few = replace(TRAINED, model=model, calibration=Calibration(NEVER, 0, 0, 300, 1234))
    text = "\n".join(report.lines(few))
    assert "It answers nothing: tried on 300 calls that it had not learnt from" in text
    assert "Without an error, that takes 149 answers." in text
    assert "Likely it does with about 1,300 records." in text
    young = replace(few, calibration=Calibration(NEVER, 0, 0, 30, 160))
    assert "Record more calls: some hundreds are usual." in "\n".join(report.lines(young))
    hopeless = replace(few, calibration=Calibration(NEVER, 0, 0, 300))
    assert "More records alone will hardly do" in "\n".join(report.lines(hopeless))


def test_calls_that_were_drawn_are_told() -> None:
    text = "\n".join(report.lines(replace(TRAINED, given=50_000)))
    assert "It learnt from 300 of 50,000 different calls." in text


def test_an_answer_without_fields_has_one_line() -> None:
    trials = tuple(Trial(False, True, 0.9, {(): (True, 0.9)}) for _ in range(9))
    whole = replace(TRAINED, trials=trials, leaves=(Leaf((), "closed"),))
    made = report.lines(whole)
    assert made[1].startswith("whole answer  closed     100.0%")
    assert made[2].startswith("It answers")
