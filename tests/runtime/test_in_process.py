"""An embedded student answers in the process: in all modes and for all kinds of functions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator  # noqa: TC003 - evaluated
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ConfigDict

import distilgen
from distilgen.embedded import file
from distilgen.embedded.exact import Constant, Copy, Source
from distilgen.embedded.model import Fields, Model
from distilgen.embedded.novelty import Novelty
from distilgen.errors import InvalidAnswerError, LowConfidenceError, StudentError
from distilgen.runtime import Contract, beside, clients, configure

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.embedded.predictor import Predictor

SHOUT = Fields({"subject": Copy(Source(("topic",), ("number", "text")), 0.95)})


class Email(BaseModel):
    subject: str


@pytest.fixture
def contract_of(tmp_path: Path) -> Callable[..., Contract]:
    """Makes the contract of `compose(topic)`, whose student predicts by a predictor."""

    def make(predictor: Predictor = SHOUT, *, threshold: float = 0.9, **said: Any) -> Contract:
        made = Contract(
            function="shop:compose",
            fingerprint="",
            system_prompt="",
            user_message="{arguments}",
            tool={"name": "Email", "description": "", "parameters": {"type": "object"}},
            inputs={"type": "object", "properties": {"topic": {}}},
            model="student:compose:1",
            student=str(tmp_path / "compose.student"),
            **said,
        )
        made = replace(made, fingerprint=made.digest())
        model = Model(
            function=made.function,
            contract=made.fingerprint,
            predictor=predictor,
            gate=Novelty(("topic",), ()),
            threshold=threshold,
            target=0.98,
            rows=10,
            made_by="distilgen 0",
        )
        (tmp_path / "compose.student").write_bytes(file.dump(model))
        return made

    return make


def compose(topic: Any) -> Email:
    return Email(subject=f"teacher: {topic}")


def test_stubs(contract_of: Callable[..., Contract]) -> None:
    contract = contract_of()
    assert contract.dispatch(Email, topic="about 12") == Email(subject="12")
    assert asyncio.run(contract.adispatch(Email, topic="about 12")) == Email(subject="12")
    with pytest.raises(LowConfidenceError, match=r"is 0\.00% sure of its answer") as caught:
        contract.dispatch(Email, topic="a")
    assert caught.value.confidence == 0
    with pytest.raises(LowConfidenceError, match="argument that the training did not have: other"):
        contract.dispatch(Email, topic="12", other=1)
    counts = distilgen.counters()["shop:compose"]
    assert (counts.asked, counts.failed) == (4, 2)


@pytest.mark.parametrize("mode", ["canary", "fallback"])
def test_kinds_of_functions(contract_of: Callable[..., Contract], mode: str) -> None:
    decorate = getattr(contract_of(share=1.0), mode)

    async def later(topic: str) -> Email:
        return compose(topic)

    assert decorate(compose)("about 12") == Email(subject="12")
    assert decorate(compose)("x") == Email(subject="teacher: x")
    assert asyncio.run(decorate(later)(topic="about 12")) == Email(subject="12")
    assert asyncio.run(decorate(later)("x")) == Email(subject="teacher: x")


def test_generators(contract_of: Callable[..., Contract]) -> None:
    several = Constant('[{"subject": "a"}, {"subject": "b"}]', 0.95)
    decorate = contract_of(several, wraps_result=True).fallback

    def stream(topic: str) -> Iterator[Email]:
        yield compose(topic)

    async def astream(topic: str) -> AsyncIterator[Email]:
        yield compose(topic)

    async def all_of() -> list[Email]:
        return [item async for item in decorate(astream)("x")]

    expected = [Email(subject="a"), Email(subject="b")]
    assert list(decorate(stream)("x")) == expected
    assert asyncio.run(all_of()) == expected


def test_shadow_compares(contract_of: Callable[..., Contract]) -> None:
    function = contract_of(Fields({"subject": Constant('"teacher: a"', 1.0)})).shadow(compose)
    assert function("a") == Email(subject="teacher: a")
    assert function("b") == Email(subject="teacher: b")
    beside.drain(10)
    counts = distilgen.counters()["shop:compose"]
    assert (counts.asked, counts.agreed, counts.disagreed) == (2, 1, 1)


def test_no_backup_is_asked_beside_the_teacher(contract_of: Callable[..., Contract]) -> None:
    function = contract_of(backup="gpt-big", base_url="http://127.0.0.1:1/v1").shadow(compose)
    assert function("no number") == Email(subject="teacher: no number")
    beside.drain(10)
    counts = distilgen.counters()["shop:compose"]
    assert (counts.asked, counts.failed, counts.agreed) == (1, 1, 0)
    assert "openai" not in sys.modules or not clients._clients


def test_a_least_confidence_of_the_contract(contract_of: Callable[..., Contract]) -> None:
    function = contract_of(min_confidence=0.97).fallback(compose)
    assert function("about 12") == Email(subject="teacher: about 12")
    function = contract_of(min_confidence=0.5).fallback(compose)
    assert function("about 12") == Email(subject="12")


def test_whatever_it_raises_the_teacher_answers(
    contract_of: Callable[..., Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise RecursionError("too deep")

    contract = contract_of()
    monkeypatch.setattr(Model, "answer", failing)
    assert contract.fallback(compose)("12") == Email(subject="teacher: 12")
    with pytest.raises(StudentError, match=r"shop:compose: student:compose:1 failed: .*too deep"):
        contract.dispatch(Email, topic="12")


def test_threshold_above_one_answers_nothing(contract_of: Callable[..., Contract]) -> None:
    function = contract_of(Fields({"subject": Constant('"a"', 1.0)}), threshold=2.0).fallback(
        compose
    )
    assert function("about 12") == Email(subject="teacher: about 12")
    with pytest.raises(LowConfidenceError, match="answers no call"):
        contract_of(threshold=2.0).dispatch(Email, topic="about 12")


def test_an_answer_that_is_none_of_the_type(contract_of: Callable[..., Contract]) -> None:
    contract = contract_of(Fields({"subject": Constant("1", 1.0)}))
    with pytest.raises(InvalidAnswerError, match="no valid Email: subject: Input should be"):
        contract.dispatch(Email, topic="a")
    assert contract.fallback(compose)("a") == Email(subject="teacher: a")


def test_answers_are_read_as_json(contract_of: Callable[..., Contract]) -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        subject: tuple[int, ...]

    contract = contract_of(Fields({"subject": Constant("[1, 2]", 1.0)}), answers="strict-tool")
    assert contract.dispatch(Strict, topic="a") == Strict(subject=(1, 2))


def test_no_file_and_an_argument_without_json(
    contract_of: Callable[..., Contract], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contract = contract_of()
    function = contract.fallback(compose)
    assert function(object()).subject.startswith("teacher: <object")
    (tmp_path / "compose.student").unlink()
    for _ in range(2):
        with pytest.raises(StudentError, match=r"compose\.student: cannot be read"):
            contract.dispatch(Email, topic="12")
    assert function("12") == Email(subject="teacher: 12")
    assert "compose.student: cannot be read" in caplog.text


def test_openai_is_not_imported_nor_the_cache_asked(contract_of: Callable[..., Contract]) -> None:
    configure(cache="memory", join=True)
    before = set(sys.modules)
    assert contract_of().dispatch(Email, topic="12") == Email(subject="12")
    assert "openai" not in set(sys.modules) - before
