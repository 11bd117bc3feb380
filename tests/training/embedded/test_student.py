"""A student of a contract's calls: tried on what it has not seen, and fitted to all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.embedded import file
from distilgen.training.embedded import rows, student

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.contract import Contract
    from distilgen.training.embedded.fitter import Fitter

SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "team": {"enum": ["a", "b", "c"]}},
}
INPUTS = {"name": {"type": "string"}, "topic": {"type": "string"}}


def calls(count: int, noise: float = 0.0, seed: int = 0) -> list[tuple[dict[str, Any], Any]]:
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        topic = draw.choice(["bill", "bug", "praise"])
        team = {"bill": "a", "bug": "b", "praise": "c"}[topic]
        if draw.random() < noise:
            team = draw.choice("abc")
        name = f"n{draw.random()}"
        made.append(({"name": name, "topic": topic}, {"to": name, "team": team}))
    return made


@pytest.fixture
def contract(contract_of: Callable[..., Contract]) -> Contract:
    return contract_of(SCHEMA, INPUTS)


def pool(given: Sequence[tuple[dict[str, Any], Any]], test: int = 0) -> rows.Rows:
    return rows.Rows(rows.of(given), rows.of(calls(test, seed=9)), len(given))


def test_a_student_answers_as_its_teacher(contract: Contract, fitters: Sequence[Fitter]) -> None:
    made = student.train(contract, pool(calls(300), 100), fitters)
    assert made.model.function == "shop.mail:reply"
    assert made.model.contract == contract.fingerprint
    assert made.model.rows == 300
    assert made.calibration.answers
    assert made.calibration.outcomes == 300
    assert [leaf.name for leaf in made.leaves] == ["copy", "lookup"]
    value, confidence, why = made.model.answer({"name": "n0.5", "topic": "bug"})
    assert (value, why) == ({"to": "n0.5", "team": "b"}, "")
    assert confidence >= made.model.threshold
    assert all(trial.right for trial in made.tests)


def test_too_few_calls_promise_nothing(contract: Contract, fitters: Sequence[Fitter]) -> None:
    made = student.train(contract, pool(calls(100)), fitters)
    assert not made.calibration.answers
    assert made.calibration.needed == 149
    assert made.model.answer({"name": "n0.5", "topic": "bug"}).why


def test_a_smaller_target_takes_fewer(contract: Contract, fitters: Sequence[Fitter]) -> None:
    made = student.train(contract, pool(calls(100)), fitters, target=0.9)
    assert made.calibration.answers
    assert made.model.target == 0.9


def test_an_unsteady_teacher_is_not_promised(contract: Contract, fitters: Sequence[Fitter]) -> None:
    made = student.train(contract, pool(calls(300, noise=0.3)), fitters)
    assert not made.calibration.answers
    right = [trial.fields[("team",)][0] for trial in made.trials]
    assert 0.7 < sum(right) / 300 < 0.9


def test_trials_are_of_students_that_learnt_of_others(contract: Contract) -> None:
    class Rote:
        """Knows the calls that it was shown by heart, and no other."""

        name = "rote"
        exact = False

        def fit(self, calls: Sequence[Any], targets: Sequence[Any], field: Any) -> Any:  # noqa: ARG002
            from distilgen.embedded.exact import Source, Table, key

            source = (Source(("name",)),)
            values = tuple(f'"{target}"' for target in targets)
            keys = {key(source, call): place for place, call in enumerate(calls)}
            return Table(source, keys, values, 1.0)

    made = student.train(contract, pool(calls(200)), (Rote(),))
    assert not any(trial.right for trial in made.trials)
    assert not made.calibration.answers
    assert made.model.predictor.predict is not None


def test_the_same_calls_in_any_order_give_the_same_bytes(
    contract: Contract, fitters: Sequence[Fitter]
) -> None:
    given = calls(120)
    first = student.train(contract, pool(given), fitters)
    random.Random(1).shuffle(given)
    again = student.train(contract, pool(given), fitters)
    assert file.dump(first.model) == file.dump(again.model)
    assert first == again


def test_what_is_done_is_not_done_again(contract: Contract, fitters: Sequence[Fitter]) -> None:
    class Remembers(dict[str, Any]):
        def put(self, name: str, value: Any) -> None:
            self[name] = value

    memory = Remembers()
    first = student.train(contract, pool(calls(120)), fitters, memory=memory)
    assert sorted(memory) == sorted(f"fold-{number}" for number in range(1, 11))
    del memory["fold-3"]
    tried: list[str] = []
    again = student.train(contract, pool(calls(120)), fitters, told=tried.append, memory=memory)
    assert again == first
    assert len(tried) == 11
    assert tried[0] == "part 1 of 10: 12 calls, of which right: to 100.0%, team 100.0%"
    assert tried[-1] == "learning from all 120 calls"


def test_an_answer_that_is_no_object(
    contract_of: Callable[..., Contract], fitters: Sequence[Fitter]
) -> None:
    contract = contract_of(
        {"type": "object", "properties": {"result": {"enum": ["a", "b", "c"]}}}, INPUTS,
        wraps_result=True,
    )  # fmt: skip
    told: list[str] = []
    given = [(arguments, result["team"]) for arguments, result in calls(200)]
    made = student.train(contract, rows.Rows(rows.of(given), (), 200), fitters, told=told.append)
    assert made.model.answer({"name": "n1", "topic": "praise"}).value == "c"
    assert told[0] == "part 1 of 10: 20 calls, 100.0% right"


def test_calls_that_are_refused_count_as_unanswered(
    contract: Contract, fitters: Sequence[Fitter]
) -> None:
    given = calls(300)
    given.append(({"name": "x", "topic": "new"}, {"to": "x", "team": "a"}))
    made = student.train(contract, pool(given), fitters)
    refused = [trial for trial in made.trials if trial.refused]
    assert [trial.outcome.confidence for trial in refused] == [0.0]
