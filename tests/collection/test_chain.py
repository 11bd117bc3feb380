"""Records of one function as inputs of the next: which go where, and what is said of the rest."""

from __future__ import annotations

import datetime as dt
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.collection.chain import Answers, Chain
from distilgen.collection.given import Given, Refused
from distilgen.collection.typed import Typed
from distilgen.errors import CollectError, UsageError
from distilgen.records.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract

NOW = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
RESULT = {
    "questions": ["Who?", "Why?"],
    "title": "T",
    "parts": [{"name": "a", "lines": [1, 2]}, {"name": "b", "lines": [3]}],
    "empty": [],
}


def answer(question: str, chunk: str, lang: str = "en") -> None:
    del question, chunk, lang


def only(text: str) -> None:
    del text


def pair(name: str, lines: list[int]) -> None:
    del name, lines


def _record(contract: Contract, **changes: Any) -> Record:
    made = Record(
        id="r1",
        function=contract.function,
        contract=contract.fingerprint,
        at="2026-11-02T00:00:00Z",
        elapsed_ms=1.0,
        arguments={"chunk": "the chunk"},
        source="teacher",
        result=RESULT,
    )
    return replace(made, **changes)


def _items(
    contract: Contract, function: Callable[..., Any], *records: Record, **said: Any
) -> list[Given | Refused]:
    typed = Typed.of(function, inspect.signature(function).parameters)
    answers = Answers(records or (_record(contract),), contract, NOW)
    source = Chain(typed, **said).source(answers, counted=True)
    found = list(source.inputs)
    assert source.total == len(found)
    return found


def _arguments(
    contract: Contract, function: Callable[..., Any], *records: Record, **said: Any
) -> list[Any]:
    return [item.arguments for item in _items(contract, function, *records, **said)]


@pytest.mark.parametrize(
    ("function", "said", "arguments"),
    [
        pytest.param(
            answer,
            {"each": "result.questions"},
            [{"question": q, "chunk": "the chunk"} for q in ("Who?", "Why?")],
            id="elements to what is left, the rest by name",
        ),
        pytest.param(
            answer,
            {"each": "result.questions", "into": "chunk", "paths": {"question": "result.title"}},
            [{"question": "T", "chunk": q} for q in ("Who?", "Why?")],
            id="into a parameter, the rest by path",
        ),
        pytest.param(only, {}, [{"text": RESULT}], id="the whole result"),
        pytest.param(only, {"each": "result.title"}, [{"text": "T"}], id="what is no list"),
        pytest.param(
            only, {"each": "result.parts.lines"}, [{"text": n} for n in (1, 2, 3)],
            id="lists on the way are walked",
        ),
        pytest.param(
            only, {"each": "result.parts.1.name"}, [{"text": "b"}], id="a place in a list"
        ),
        pytest.param(
            only, {"each": "arguments.chunk"}, [{"text": "the chunk"}], id="an argument"
        ),
        pytest.param(pair, {"each": "result.parts"}, RESULT["parts"], id="an object, by its names"),
        pytest.param(
            pair,
            {"each": "result.parts", "into": "name", "paths": {"lines": "each.lines"}},
            [{"name": part, "lines": part["lines"]} for part in RESULT["parts"]],  # type: ignore[index]
            id="a path into the element",
        ),
        pytest.param(
            answer,
            {"paths": {"question": "id", "chunk": "result.title"}, "constants": {"lang": "de"}},
            [{"lang": "de", "question": "r1", "chunk": "T"}],
            id="everything by path",
        ),
    ],
)  # fmt: skip
def test_where_elements_go(
    contract: Contract, function: Callable[..., Any], said: dict[str, Any], arguments: list[Any]
) -> None:
    assert _arguments(contract, function, **said) == arguments


def test_inputs_say_which_record_they_are_from(contract: Contract) -> None:
    found = _items(contract, only, each="result.parts.lines")
    assert [item.origin for item in found] == [
        f"record r1: result.parts[{part}].lines[{line}]" for part, line in ((0, 0), (0, 1), (1, 0))
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param(
            {"each": "result.question"},
            "--each result.question: result has no question; it has questions, title, parts, empty",
            id="a field",
        ),
        pytest.param(
            {"each": "result.title.x"},
            "--each result.title.x: result.title is a text: it has no x",
            id="below a text",
        ),
        pytest.param(
            {"each": "result.parts.7"},
            "--each result.parts.7: result.parts is a list of 2: it has no 7, only places from "
            "0 on",
            id="a place",
        ),
        pytest.param(
            {"each": "result.empty"}, "--each result.empty: is empty in all records", id="empty"
        ),
        pytest.param(
            {"paths": {"text": "result.parts.name"}},
            "--map text=result.parts.name: result.parts is a list of 2: it has no name, only "
            "places from 0 on",
            id="of --map",
        ),
        pytest.param(
            {"paths": {"text": "each.name"}, "each": "result.questions"},
            "--map text=each.name: each is a text: it has no name",
            id="into the element",
        ),
    ],
)
def test_a_path_that_is_nowhere(contract: Contract, said: dict[str, Any], message: str) -> None:
    with pytest.raises(CollectError) as caught:
        _items(contract, only, **({"into": "text"} if "paths" not in said else {}), **said)
    assert str(caught.value) == message


def test_what_some_records_lack_is_refused(contract: Contract) -> None:
    other = _record(contract, id="r2", result={"title": "U"})
    found = _items(contract, only, _record(contract), other, each="result.questions")
    assert [type(item) for item in found] == [Given, Given, Refused]
    assert found[2] == Refused(
        "record r2", "result has no questions; it has title", other.arguments
    )


@pytest.mark.parametrize(
    ("function", "said", "message"),
    [
        pytest.param(only, {"each": "questions"}, "begins with neither result nor arg", id="each"),
        pytest.param(only, {"paths": {"text": "chunk"}}, "begins with none of argum", id="--map"),
        pytest.param(only, {"each": "result."}, "--each result.: a name is missing", id="a gap"),
        pytest.param(
            pair, {"each": "result.questions"}, "Say --into name or --into lines", id="which one"
        ),
        pytest.param(
            only,
            {"each": "result.questions", "paths": {"text": "result.title"}},
            "all parameters are filled, and none is left for result.questions",
            id="none is left",
        ),
    ],
)
def test_what_cannot_be_meant(
    contract: Contract, function: Callable[..., Any], said: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _items(contract, function, **said)


def test_records_that_teach_nothing_are_counted(contract: Contract) -> None:
    good = _record(contract)
    others = {
        "of another contract": _record(replace(contract, fingerprint="0" * 32)),
        "answered by a student": _record(contract, source="m", rollout={"mode": "shadow"}),
        "of a call that raised": _record(contract, error={"type": "E", "message": ""}),
        "without a value that could not be recorded": _record(contract, usable=False),
    }
    foreign = _record(contract, function="shop.mail:other")
    later = _record(contract, at="2026-11-03T00:00:01Z")  # of this very run
    answers = Answers((good, *others.values(), foreign, later), contract, NOW)
    assert list(answers) == [good]
    assert answers.left_out == dict.fromkeys(others, 1)


def test_a_big_model_teaches(contract: Contract) -> None:
    record = _record(contract, source="big", rollout={"mode": "dispatch"})
    assert list(Answers((record,), contract, NOW)) == [record]


def test_no_records_at_all(contract: Contract) -> None:
    old = _record(replace(contract, fingerprint="0" * 32))
    with pytest.raises(CollectError) as caught:
        _items(contract, only, old)
    assert str(caught.value) == (
        "no record of shop.mail:compose to go on from; there are others: 1 of another contract; "
        "collect it first: distilgen collect shop.mail:compose"
    )
