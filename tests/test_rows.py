"""Rows have the shapes that their readers document, hold the contract's own texts, and come back as
the calls that they were made of.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import BaseModel, Field

from distilgen.contract import ANSWERS, JSON_SCHEMA, STRICT_TOOL, TOOL, Contract, canonical_json
from distilgen.rows import FORMATS, answer_of, call_of, messages_of

SYSTEM, QUESTION, TEXT = "Predict the results of compose.", '{"topic":"é"}', '{"subject":"é"}'
ASKED = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
TOOL_OF_EMAIL = {"name": "Email", "description": "An email.", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": TOOL_OF_EMAIL}]
GIVEN, ANSWER = {"topic": "é"}, {"subject": "é"}
AS_TEXT = {"messages": [*ASKED, {"role": "assistant", "content": TEXT}]}


def _called(**call: Any) -> list[dict[str, Any]]:
    return [*ASKED, {"role": "assistant", **call}]


ROWS: dict[str, dict[str, Any]] = {
    "openai-tools": {
        "messages": _called(
            tool_calls=[
                {
                    "id": "call00000",
                    "type": "function",
                    "function": {"name": "Email", "arguments": TEXT},
                }
            ]
        ),
        "tools": TOOLS,
        "parallel_tool_calls": False,
    },
    "openai-functions": {
        "messages": _called(function_call={"name": "Email", "arguments": TEXT}),
        "functions": [TOOL_OF_EMAIL],
    },
    "openai-json": AS_TEXT,
    "trl": {
        "messages": _called(
            tool_calls=[{"type": "function", "function": {"name": "Email", "arguments": ANSWER}}]
        ),
        "tools": canonical_json(TOOLS),
    },
    "prompt-completion": {"prompt": f"{SYSTEM}\n\n{QUESTION}\n\n", "completion": TEXT},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": QUESTION},
            {"from": "function_call", "value": f'{{"name":"Email","arguments":{TEXT}}}'},
        ],
        "system": SYSTEM,
        "tools": canonical_json([TOOL_OF_EMAIL]),
    },
    "alpaca": {"instruction": SYSTEM, "input": QUESTION, "output": TEXT},
    "lamini": {"input": f"{SYSTEM}\n\n{QUESTION}", "output": TEXT},
    "raw": {"arguments": GIVEN, "result": ANSWER},
}
ANSWERED_IN_TEXT: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("openai-tools", "openai-functions", "openai-json", "trl"), AS_TEXT),
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": QUESTION},
            {"from": "gpt", "value": TEXT},
        ],
        "system": SYSTEM,
    },
}


@pytest.mark.parametrize("name", FORMATS)
def test_rows(name: str, contract: Contract) -> None:
    row = FORMATS[name](contract, GIVEN, ANSWER)
    assert (row, list(row)) == (ROWS[name], list(ROWS[name]))


@pytest.mark.parametrize("name", FORMATS)
def test_rows_of_a_contract_that_is_answered_in_text(name: str, contract: Contract) -> None:
    row = FORMATS[name](replace(contract, answers=JSON_SCHEMA), GIVEN, ANSWER)
    assert row == ANSWERED_IN_TEXT.get(name, ROWS[name])


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_json(name: str, contract: Contract) -> None:
    try:
        row = FORMATS[name](contract, {"topic": float("nan")}, ANSWER)
    except ValueError:
        assert name == "raw"
        return
    text = canonical_json(row)
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert json.loads(text) == row


@pytest.mark.parametrize("name", ["trl", "raw"])
def test_a_result_that_is_no_json_is_refused(name: str, contract: Contract) -> None:
    with pytest.raises(ValueError, match="JSON"):
        FORMATS[name](contract, GIVEN, {"subject": float("inf")})


def test_the_strict_form_is_in_rows_as_it_is_in_calls(contract: Contract) -> None:
    parameters = {"type": "object", "properties": {"subject": {"type": "string", "maxLength": 9}}}
    strict = replace(
        contract, answers=STRICT_TOOL, tool={**TOOL_OF_EMAIL, "parameters": parameters}
    )
    (tool,) = strict.tools()
    shown = {key: tool["function"][key] for key in ("name", "description", "parameters")}
    assert "maxLength" not in canonical_json(shown)
    made = {name: FORMATS[name](strict, GIVEN, {}) for name in FORMATS}
    assert made["openai-tools"]["tools"] == [tool]
    assert made["openai-functions"]["functions"] == [shown]
    assert json.loads(made["trl"]["tools"]) == [tool]
    assert json.loads(made["sharegpt"]["tools"]) == [shown]
    assert made["alpaca"]["output"] == '{"subject":null}'
    assert [answer_of(name, strict, row) for name, row in made.items()] == [{}] * len(made)


class Line(BaseModel):
    """Part of an answer."""

    text: str
    amount: float | None
    tags: list[str]
    by_key: dict[str, int]


class Letter(BaseModel):
    """An answer with all that differs in the strict form."""

    lines: list[Line]
    kind: bool | int | str
    note: str | None = Field(max_length=9)


@cache
def _contract(answers: str, message: str, *, wraps: bool) -> Contract:
    parameters = Letter.model_json_schema()
    if wraps:
        definitions = parameters.pop("$defs")
        parameters = {
            "$defs": definitions,
            "properties": {"result": {"anyOf": [parameters, {"type": "null"}]}},
            "required": ["result"],
            "type": "object",
        }
    inputs = {"text": {"type": "string"}, "count": {"type": "integer"}, "more": {}}
    return Contract(
        function="shop.mail:Mailer.compose",
        fingerprint="",
        system_prompt="Predict {arguments}.",
        user_message=message,
        tool={"name": "Letter", "description": "A letter.", "parameters": parameters},
        inputs={"type": "object", "properties": inputs, "required": list(inputs)},
        wraps_result=wraps,
        answers=answers,
    )


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    [
        "`",
        "')`",
        '")`',
        "\n\n",
        "{call}",
        "{arguments}",
        "\\",
        '\\"',
        "\u2028",
        "\x00",
        "\r\n",
        "'''",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def _objects(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """With these keys in this order, as calls have their arguments and models their fields."""
    return st.fixed_dictionaries(values).map(lambda made: {name: made[name] for name in values})


ARGUMENTS = _objects(text=TEXTS, count=st.integers(), more=JSON)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LINES = _objects(
    text=TEXTS,
    amount=st.none() | FLOATS,
    tags=st.lists(TEXTS, max_size=2),
    by_key=st.dictionaries(TEXTS, st.integers(), max_size=2),
)
LETTERS = _objects(
    lines=st.lists(LINES, max_size=2),
    kind=st.booleans() | st.integers() | TEXTS,
    note=st.none() | TEXTS,
)


def _same(one: Any, other: Any) -> bool:
    """Equal, with the order of keys, and with 1 and 1.0 and true told apart."""
    return canonical_json(one) == canonical_json(other)


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("message", ["{arguments}", "Return `{call}`"])
@settings(
    deadline=None, max_examples=30, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(arguments=ARGUMENTS, result=LETTERS, wraps=st.booleans(), empty=st.booleans())
def test_rows_come_back(
    answers: str, message: str, arguments: Any, result: Any, wraps: bool, empty: bool
) -> None:
    contract = _contract(answers, message, wraps=wraps)
    result = None if wraps and empty else result
    for name, render in FORMATS.items():
        row = json.loads(canonical_json(render(contract, arguments, result)))
        assert _same(call_of(name, contract, row), (arguments, result)), name
        assert _same(answer_of(name, contract, row), result), name
        assert messages_of(name, contract, row) == contract.messages(arguments), name


@pytest.mark.parametrize("name", FORMATS)
def test_the_only_text_that_a_function_takes(name: str, contract: Contract) -> None:
    for message in ("{arguments}", "Return `{call}`", "{call}"):
        one = replace(contract, user_message=message)
        for text in ("a", "133", '"quoted"', "a, b", "compose(1)", "null", ""):
            row = FORMATS[name](one, {"topic": text}, ANSWER)
            assert call_of(name, one, row) == ({"topic": text}, ANSWER)


QUESTIONS = {
    "not in the words": "Compose a.",
    "another spelling": '{"topic": "é"}',
    "another argument": '{"topics":"é"}',
}


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "raw"])
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_questions_that_do_not_tell_the_arguments(
    name: str, question: str, contract: Contract
) -> None:
    text = json.dumps(ROWS[name], ensure_ascii=False)
    row = json.loads(text.replace(json.dumps(QUESTION, ensure_ascii=False)[1:-1],
                                  json.dumps(question, ensure_ascii=False)[1:-1]))  # fmt: skip
    with pytest.raises(ValueError, match=r"question|argument|parameter"):
        call_of(name, contract, row)
    assert answer_of(name, contract, row) == ANSWER
    assert messages_of(name, contract, row) == [ASKED[0], {"role": "user", "content": question}]


def test_a_prompt_that_tells_the_arguments_twice_cannot_be_read_back(contract: Contract) -> None:
    twice = replace(contract, user_message="{call} or {arguments}")
    row = FORMATS["openai-tools"](twice, GIVEN, ANSWER)
    with pytest.raises(ValueError, match="its question is not in the contract's words"):
        call_of("openai-tools", twice, row)


WRONG: list[tuple[str, Any, str]] = [
    ("openai-tools", {}, "its messages are no list of objects"),
    ("openai-tools", {"messages": [1]}, "its messages are no list of objects"),
    ("openai-tools", {"messages": []}, "its last messages are no question of the user and"),
    ("openai-tools", {"messages": ASKED}, "its last messages are no question of the user and"),
    ("openai-tools", {"messages": _called()}, "its answer is neither a text nor a tool call"),
    ("openai-tools", {"messages": _called(content="{")}, "its answer is no JSON: "),
    ("openai-tools", {"messages": _called(content="[" * 9**6)}, "its answer is no JSON: "),
    ("openai-tools", {"messages": _called(tool_calls=[{}, {}])}, "it is answered by several tool"),
    ("openai-tools", {"messages": _called(tool_calls=[1])}, "its tool call has no function"),
    (
        "openai-tools",
        {"messages": _called(tool_calls=[{"function": {"name": "Mail"}}])},
        "it calls 'Mail', and the tool is Email",
    ),
    (
        "openai-functions",
        {"messages": _called(function_call={"name": "Email", "arguments": 1})},
        "the arguments of its call are neither a text nor an object",
    ),
    (
        "openai-json",
        {"messages": [{"role": "user"}, {"role": "assistant", "content": "1"}]},
        "its question is no text",
    ),
    ("sharegpt", {}, "its conversations are no list of objects"),
    ("sharegpt", {"conversations": [{"from": "human"}]}, "its turns are not one of human and one"),
    (
        "sharegpt",
        {"conversations": [{"from": "human"}, {"from": "gpt"}]},
        "one of its turns has no text in value",
    ),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": ""}, {"from": "function_call", "value": ""}]},
        "its function call is no JSON",
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "human", "value": ""},
                {"from": "function_call", "value": "1"},
            ]
        },
        "its function call is no object",
    ),
    ("alpaca", {"input": QUESTION}, "it has no output"),
    ("alpaca", {"input": QUESTION, "output": 1}, "its output is no text"),
    ("lamini", {"input": "a"}, "its input does not begin with the contract's system prompt"),
    ("prompt-completion", {"prompt": SYSTEM + "\n\na"}, "its prompt does not end with an empty"),
    ("raw", {"result": 1}, "its arguments are no object"),
    ("raw", {"arguments": {}}, "it has no result"),
]


@pytest.mark.parametrize(("name", "row", "reason"), WRONG)
def test_what_is_no_row(name: str, row: Any, reason: str, contract: Contract) -> None:
    for read in (answer_of, call_of):
        with pytest.raises(ValueError, match="^" + reason.replace("(", r"\(")):
            read(name, contract, row)


def test_an_answer_that_must_be_wrapped(contract: Contract) -> None:
    wrapped = replace(contract, wraps_result=True)
    assert answer_of("alpaca", wrapped, {"input": "", "output": '{"result":[1]}'}) == [1]
    for text in ("[1]", "{}", '{"result":1,"more":2}'):
        with pytest.raises(ValueError, match="its answer is no object with result alone"):
            answer_of("alpaca", wrapped, {"input": "", "output": text})


def test_a_tool_that_is_called_by_whatever_contract_is_read(contract: Contract) -> None:
    """Rows that were made before the way of answering changed are rows still."""
    for name in FORMATS:
        row = FORMATS[name](replace(contract, answers=JSON_SCHEMA), GIVEN, ANSWER)
        assert call_of(name, replace(contract, answers=TOOL), row) == (GIVEN, ANSWER)
