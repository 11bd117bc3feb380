"""A row that is filled is the row that the contract renders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from distilgen.contract import ANSWERS, RESULT_KEY, Contract, canonical_json
from distilgen.dataset import template
from distilgen.dataset.answers import Call
from distilgen.dataset.intake import canonical
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
OBJECT = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "lines": {"type": "array", "items": {}}},
    "required": ["subject"],
}
WRAPPED = {"type": "object", "properties": {RESULT_KEY: {"type": "string"}}}


def call_of(arguments: Mapping[str, Any], result: Any) -> Call:
    return Call(0, b"", b"", canonical(arguments), canonical(result))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("message", ["{arguments}", "Do {arguments}\n now", "Return `{call}`", "-"])
@given(topic=values, subject=texts, wraps=st.booleans())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_filled_and_rendered_are_one(
    name: str,
    answers: str,
    message: str,
    contract: Contract,
    topic: Any,
    subject: str,
    wraps: bool,
) -> None:
    schema = WRAPPED if wraps else OBJECT
    result = subject if wraps else {"subject": subject}
    made = replace(
        contract,
        tool={**contract.tool, "parameters": schema},
        wraps_result=wraps,
        answers=answers,
        user_message=message,
    )
    arguments = {"topic": topic}
    expected = canonical_json(FORMATS[name](made, arguments, result)).encode() + b"\n"
    assert template.renderer(made, name)(call_of(arguments, result)) == expected


def test_most_formats_are_filled(contract: Contract) -> None:
    """Else the quick way would be none."""
    filled = {name for name in FORMATS if template._parts(contract, name)}
    assert {"openai-tools", "openai-json", "sharegpt", "lamini", "alpaca"} <= filled


def test_a_contract_that_holds_the_marks_itself(contract: Contract) -> None:
    odd = replace(contract, system_prompt=f"{template._ASKED} and {template._ANSWERED}")
    expected = FORMATS["openai-tools"](odd, {"topic": "a"}, {"subject": "b"})
    found = template.renderer(odd, "openai-tools")(call_of({"topic": "a"}, {"subject": "b"}))
    assert found == canonical_json(expected).encode() + b"\n"
