"""Rows of others become records where they tell what is needed, and say why where they do not.

The rows of instructor are those that instructor 1.17 wrote, those of LlamaIndex what the handler of
llama-index-finetuning 0.4.2 wrote.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from distilgen.contract import Contract
from distilgen.errors import RecordError
from distilgen.records.foreign import Reader
from distilgen.rows import FORMATS

AT = "2026-11-03T00:00:00Z"
TEXT = {"type": "string"}


def contract_of(function: str, inputs: dict[str, Any], **changes: Any) -> Contract:
    made = Contract(
        function=function,
        fingerprint="",
        system_prompt=f"Predict {function}.",
        user_message="{arguments}",
        tool={
            "name": "Email",
            "description": "An email.",
            "parameters": {
                "type": "object",
                "properties": {"to": TEXT, "urgent": {"type": "boolean"}},
                "required": ["to", "urgent"],
            },
        },
        inputs={
            "type": "object",
            "properties": inputs,
            "required": [name for name, schema in inputs.items() if "default" not in schema],
        },
    )
    made = replace(made, **changes)
    return replace(made, fingerprint=made.digest())


INTEGER = {"type": "integer"}
REPLY = contract_of("shop.mail:reply", {"text": TEXT})
SEND = contract_of("shop.mail:Mailer.send", {"text": TEXT, "copies": INTEGER, "to": TEXT})
PLAN = contract_of("shop.plan:plan", {"days": INTEGER, "options": {"default": None}})
NOTE = contract_of("shop.note:note", {"text": TEXT, "kind": {"type": "string", "default": "a"}})
READER = Reader((REPLY, SEND, PLAN, NOTE))
ANSWER = {"to": "Ann", "urgent": False}


def row(asked: str, answer: object = ANSWER, system: str = "", **changes: Any) -> dict[str, Any]:
    """A row of instructor's, messages."""
    call = {"name": "Email", "arguments": json.dumps(answer, indent=2)}
    messages = [
        {"role": "system", "content": system or "Predict the results of this function:\n\ndef …"},
        {"role": "user", "content": asked},
        {"role": "assistant", "function_call": call},
    ]
    return {"messages": messages, "functions": [{"name": "Email"}], **changes}


@pytest.mark.parametrize(
    ("call", "function", "arguments"),
    [
        ("reply(Ann, hello (again))", REPLY, {"text": "Ann, hello (again)"}),
        (r'reply(text="Bob \ud83d\ude00 \"hi\"\nthere!")', REPLY, {"text": 'Bob 😀 "hi"\nthere!'}),
        ("reply(133)", REPLY, {"text": "133"}),
        ("reply()", REPLY, {"text": ""}),
        ('reply("quoted, as our own rows are")', REPLY, {"text": "quoted, as our own rows are"}),
        ('send(a, 2, to="x")', SEND, {"text": "a", "copies": 2, "to": "x"}),
        ('send(7, 2, to="x")', SEND, {"text": "7", "copies": 2, "to": "x"}),
        ('send(text="a", copies=2, to="x")', SEND, {"text": "a", "copies": 2, "to": "x"}),
        ("plan(3)", PLAN, {"days": 3, "options": None}),
        (
            "plan(3, options={'a': (1, 2.5), 'b': None})",
            PLAN,
            {"days": 3, "options": {"a": [1, 2.5], "b": None}},
        ),
        (
            'plan(days=3, options={"a": [true, null]})',
            PLAN,
            {"days": 3, "options": {"a": [True, None]}},
        ),
        ("plan(-3, [True, false])", PLAN, {"days": -3, "options": [True, False]}),
        ('note(text="a, b")', NOTE, {"text": "a, b", "kind": "a"}),
    ],
)
def test_calls_of_instructor(call: str, function: Contract, arguments: dict[str, Any]) -> None:
    record = READER.chat(row(f"Return `{call}`"), AT, calls_only=True)
    assert (record.function, record.contract) == (function.function, function.fingerprint)
    assert record.arguments == arguments
    assert list(record.arguments) == list(arguments)
    assert (record.result, record.source, record.at) == (ANSWER, "teacher", AT)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("send(a, b, 2, x)", "its arguments cannot be told apart"),
        ("send(hello there, 2, x)", "its arguments cannot be told apart"),
        ("send( a, 2, x)", "its arguments cannot be told apart"),
        ("note(a)", "its arguments cannot be told apart"),
        ("plan(now())", "its arguments cannot be told apart"),
        ("plan(3, options=__import__('os'))", "its arguments cannot be told apart"),
        ("plan(3, options=[1e999])", "it holds a number that is infinite, or none"),
        ("plan(3, options=NaN)", "it holds a number that is infinite, or none"),
        ("plan(3) + plan(4)", "its arguments cannot be told apart"),
        ("plan 3", "its question is no call in instructor's words"),
        ("plan(**x)", "its arguments cannot be told apart"),
        ("plan(1, 2, 3)", "it gives 3 arguments, the function takes 2"),
        ("plan(1, days=2)", "it gives the argument days twice"),
        ("plan(1, weeks=2)", "the function has no parameter weeks"),
        ("plan(options=2)", "it does not give the argument days"),
        ("plan('x')", "its arguments are not the function's: days is no integer"),
        ("gone(1)", "no contract is frozen of a function gone"),
    ],
)
def test_calls_that_cannot_be_understood(call: str, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        READER.chat(row(f"Return `{call}`"), AT, calls_only=True)
    assert str(caught.value).startswith(reason)


def test_raw_rows_of_instructor() -> None:
    raw = {"fn_name": "send", "fn_repr": "…", "args": ["a, b", 2], "kwargs": {"to": "x"},
           "resp": ANSWER, "schema": {}}  # fmt: skip
    record = READER.raw(raw, AT)
    assert record.function == SEND.function
    assert record.arguments == {"text": "a, b", "copies": 2, "to": "x"}
    assert record.result == ANSWER
    for change, reason in (
        ({"args": 1}, "its fn_name, args or kwargs are not what instructor writes"),
        ({"resp": {"to": "x"}}, "its answer does not fit the contract: urgent is not there"),
        ({"resp": None}, "its answer does not fit the contract: it is no object"),
    ):
        with pytest.raises(RecordError, match=reason):
            READER.raw({**raw, **change}, AT)


@pytest.mark.parametrize(
    "answer",
    [
        {"content": '{"to":"Ann","urgent":false}'},
        {"content": [{"type": "text", "text": '{"to":"Ann","urgent":false}'}]},
        {"content": None, "function_call": {"name": "Email", "arguments": json.dumps(ANSWER)}},
        {"tool_calls": [{"function": {"name": "Email", "arguments": json.dumps(ANSWER)}}]},
    ],
    ids=["text", "parts", "function", "tool"],
)
def test_rows_of_llama_index(answer: dict[str, Any]) -> None:
    asked = [{"role": "user", "content": "Ann, hello"}, {"role": "assistant", **answer}]
    with pytest.raises(RecordError, match="it does not tell its function: say --function"):
        READER.chat({"messages": asked}, AT)
    record = Reader((), REPLY).chat({"messages": asked}, AT)
    assert (record.arguments, record.result) == ({"text": "Ann, hello"}, ANSWER)
    with pytest.raises(RecordError, match="its question does not tell the arguments"):
        Reader((), SEND).chat({"messages": asked}, AT)


@pytest.mark.parametrize("name", ["openai-tools", "openai-functions", "openai-json", "trl"])
@pytest.mark.parametrize("message", ["{arguments}", "Return `{call}`", "Do {call} now"])
@pytest.mark.parametrize("wraps", [False, True])
def test_our_own_rows_come_back(name: str, message: str, wraps: bool) -> None:
    tool = REPLY.tool if not wraps else {
        "name": "Email",
        "description": "",
        "parameters": {"type": "object", "properties": {"result": {"type": "object"}},
                       "required": ["result"]},
    }  # fmt: skip
    function = contract_of(
        "shop.mail:send",
        {"text": TEXT, "copies": INTEGER},
        user_message=message,
        tool=tool,
        wraps_result=wraps,
    )
    arguments = {"text": 'a "b", (c)\n', "copies": 2}
    made = FORMATS[name](function, arguments, ANSWER)
    record = Reader((REPLY, function)).chat(made, AT)
    assert record.function == function.function
    assert (record.arguments, record.result) == (arguments, ANSWER)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (None, "its messages are no list of objects"),
        ([1], "its messages are no list of objects"),
        ([{"role": "user", "content": "a"}], "it is no one question with its answer"),
        (
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 2,
            "it is no one question with its answer",
        ),
        ([{"role": "user"}, {"role": "assistant", "content": "b"}], "one of its messages is no te"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
         "its answer is no JSON"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{}, {}]}],
         "it is answered by several tool calls"),
        ([{"role": "user", "content": "a"},
          {"role": "assistant", "function_call": {"arguments": None}}], "its answer is no JSON"),
    ],
)  # fmt: skip
def test_chats_that_cannot_be_understood(messages: Any, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        Reader((), REPLY).chat({"messages": messages}, AT)
    assert str(caught.value).startswith(reason)


def test_which_of_several_functions() -> None:
    other = contract_of("shop.other:reply", {"text": TEXT}, tool={**REPLY.tool, "name": "Letter"})
    asked = row("Return `reply(a)`")
    assert Reader((REPLY, other)).chat(asked, AT).function == REPLY.function
    asked["messages"][2]["function_call"]["name"] = "Neither"
    with pytest.raises(RecordError, match=r"any of shop\.mail:reply, shop\.other:reply: say"):
        Reader((REPLY, other)).chat(asked, AT)
    assert Reader((), other).chat(asked, AT).function == other.function


def test_an_id_is_that_of_the_content() -> None:
    one, same, other = (
        READER.chat(row(f"Return `plan({n})`"), at) for n, at in ((1, AT), (1, ""), (2, AT))
    )
    assert one.id == same.id != other.id
    assert one.id[14] == "8"
