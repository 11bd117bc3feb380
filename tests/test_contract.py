"""The contract: what a student is shown, and the name that this content has."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract, canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACT = Contract(
    function="shop.mail:Mailer.compose",
    fingerprint="f",
    system_prompt="Answer {arguments} and {call}.",
    user_message="{arguments}",
    tool={"name": "Email", "description": "An email.", "parameters": {"type": "object"}},
    inputs={"type": "object", "properties": {"topic": {}, "urgent": {"type": "boolean"}}},
)


@pytest.mark.parametrize(
    ("user_message", "arguments", "text"),
    [
        ("{arguments}", {"topic": "é", "urgent": False}, '{"topic":"é","urgent":false}'),
        ("{arguments}", {}, "{}"),
        ("Return `{call}`", {"topic": "é", "urgent": False}, 'Return `compose("é", urgent=false)`'),
        ("{call}", {}, "compose()"),
        ("{call}", {"rest": [1, {"a": None}]}, 'compose([1,{"a":null}])'),
        ("{call} {call}", {"x": 1}, "compose(1) compose(1)"),
        ("{other} {{arguments}} {", {"x": 1}, '{other} {{"x":1}} {'),
        ("{arguments}", {"x": "{arguments} {call}"}, '{"x":"{arguments} {call}"}'),
        ("{call}", {"x": "{call}", "{arguments}": 1}, 'compose("{call}", {arguments}=1)'),
        ("{arguments}", {"x": r"\1 \g<0> \n"}, r'{"x":"\\1 \\g<0> \\n"}'),
        ("no place for them", {"x": 1}, "no place for them"),
    ],
)
def test_the_user_message(user_message: str, arguments: Mapping[str, Any], text: str) -> None:
    contract = replace(CONTRACT, user_message=user_message)
    system, user = contract.messages(arguments)
    assert system == {"role": "system", "content": "Answer {arguments} and {call}."}
    assert user == {"role": "user", "content": text}


def test_a_call_is_named_by_the_functions_last_name() -> None:
    contract = replace(CONTRACT, function="compose", user_message="{call}")
    assert contract.messages({})[1]["content"] == "compose()"


def test_a_request_forces_one_call_of_the_tool() -> None:
    request = CONTRACT.request({"topic": "a"})
    assert request == {
        "messages": CONTRACT.messages({"topic": "a"}),
        "tools": [{"type": "function", "function": dict(CONTRACT.tool)}],
        "tool_choice": {"type": "function", "function": {"name": "Email"}},
        "parallel_tool_calls": False,
    }


@pytest.mark.parametrize("result", [{"a": 1}, [], None, "é", 0.1, {"result": 1}])
def test_an_answer_is_wrapped_where_it_must_be(result: object) -> None:
    assert json.loads(CONTRACT.answer(result)) == result
    wrapped = replace(CONTRACT, wraps_result=True)
    assert json.loads(wrapped.answer(result)) == {"result": result}


def test_canonical_json_is_compact_and_keeps_letters_and_order() -> None:
    text = '{"b":[1,-0.0,1e+22],"a":"é\u2028","n":null}'
    assert canonical_json(json.loads(text)) == text


def test_the_digest_names_what_the_student_sees() -> None:
    assert len(CONTRACT.digest()) == 32
    assert CONTRACT.digest() == CONTRACT.digest()
    fields: list[tuple[str, Any]] = [("a", {}), ("b", {})]
    changes: list[dict[str, Any]] = [
        {"system_prompt": "Answer."},
        {"user_message": "{call}"},
        {"tool": {**CONTRACT.tool, "name": "Mail"}},
        {"tool": {**CONTRACT.tool, "parameters": {"type": "object", "title": "é"}}},
        {"tool": {**CONTRACT.tool, "parameters": {"properties": dict(fields)}}},
        {"tool": {**CONTRACT.tool, "parameters": {"properties": dict(reversed(fields))}}},
    ]
    digests = {CONTRACT.digest(), *(replace(CONTRACT, **change).digest() for change in changes)}
    assert len(digests) == 1 + len(changes)


def test_the_digest_takes_no_notice_of_the_order_of_keywords() -> None:
    inner: dict[str, Any] = {"type": "object", "title": "P", "properties": {"z": {}, "a": {}}}
    turned = dict(reversed(inner.items()))
    schemas = [{"properties": {"properties": item}, "type": "object"} for item in (inner, turned)]
    one, other = (replace(CONTRACT, tool={"parameters": schema}).digest() for schema in schemas)
    assert one == other


def test_the_digest_does_not_name_where_or_by_whom() -> None:
    moved = replace(
        CONTRACT, function="shop.post:compose", fingerprint="", model="m", base_url="http://b"
    )
    assert moved.digest() == CONTRACT.digest()


def test_the_parameters_are_those_of_the_schema_in_its_order() -> None:
    assert CONTRACT.parameters == ("topic", "urgent")


def test_what_the_prompt_does_not_tell_of_the_arguments_is_not_in_the_digest() -> None:
    assert replace(CONTRACT, inputs={"properties": {}}).digest() == CONTRACT.digest()


def test_a_contract_is_frozen() -> None:
    with pytest.raises(AttributeError):
        CONTRACT.model = "m"  # type: ignore[misc]
