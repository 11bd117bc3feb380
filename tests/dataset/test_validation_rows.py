"""What is wrong with a row, and where: every rule is broken by a row that was right before."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from distilgen.contract import STRICT_TOOL, Contract, canonical_json
from distilgen.dataset.validation.findings import Findings
from distilgen.dataset.validation.profiles import LOCAL, PROFILES
from distilgen.dataset.validation.rows import Rows
from distilgen.dataset.validation.rules import ERROR, RULES
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "urgent": {"type": "boolean"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    },
    "required": ["to", "urgent"],
    "$defs": {"Line": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}},
}


def contract_of(**changes: Any) -> Contract:
    values: dict[str, Any] = {
        "function": "shop.mail:reply",
        "fingerprint": "0" * 32,
        "system_prompt": "Answer a letter.\nSay “to”.",
        "user_message": "{arguments}",
        "tool": {"name": "Email", "description": "An email.", "parameters": SCHEMA},
        "inputs": {"type": "object", "properties": {"text": {"type": "string"}}},
    }
    return Contract(**values | changes)


CONTRACT = contract_of()
WRAPPED = contract_of(
    wraps_result=True,
    tool={
        "name": "answer",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {"result": {"type": "array", "items": {"type": "integer"}}},
            "required": ["result"],
        },
    },
)
ANSWER = {"to": "Ann", "urgent": True, "lines": [{"n": 1}]}
QUESTION = "$.messages[1].content"
AT = "$.messages[2].tool_calls[0]"


def row(format_name: str = "openai-tools", text: str = "Hello “Ann”") -> dict[str, Any]:
    return copy.deepcopy(FORMATS[format_name](CONTRACT, {"text": text}, ANSWER))


def line_of(value: Any) -> bytes:
    return canonical_json(value).encode()


def noted(
    value: Any,
    profile: str = "openai",
    contract: Contract | None = None,
    format_name: str = "",
    most: int | None = None,
) -> list[tuple[str, str]]:
    """(rule, path) of what is found in one row."""
    from distilgen.dataset.tokens import ESTIMATE, Counter, estimate

    counter = Counter(ESTIMATE, estimate, exact=False) if most else None
    host = PROFILES.get(profile, LOCAL)
    rows = Rows(Findings("f", 99), host, format_name, contract, most=most, counter=counter)
    line = value if isinstance(value, bytes) else line_of(value)
    return [(rule, path) for rule, path, _ in rows.read(line)[0]]


def change(where: str, to: Any = ...) -> Callable[[dict[str, Any]], None]:
    """Sets what stands at a path such as `messages.1.content`, or takes it away."""

    def apply(value: Any) -> None:
        *steps, last = where.split(".")
        for step in steps:
            value = value[int(step)] if isinstance(value, list) else value[step]
        key: Any = int(last) if isinstance(value, list) else last
        if to is ...:
            del value[key]
        else:
            value[key] = to

    return apply


CALL = "messages.2.tool_calls.0"
FUNCTION = "tools.0.function"
STRICT = {
    "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
    "additionalProperties": False,
}  # fmt: skip
USER = {"role": "user", "content": "and?"}
SYSTEM = {"role": "system", "content": "s"}
LAST: dict[str, Any] = {"role": "assistant", "content": "done"}


def strict(**changes: Any) -> dict[str, Any]:
    return {"name": "Email", "strict": True, "parameters": {**STRICT, **changes}}


# (rule, where it is found, what breaks it, profile)
BROKEN: list[tuple[str, str, Callable[[dict[str, Any]], None], str]] = [
    ("missing-messages-list", "$.messages", change("messages"), "openai"),
    ("missing-messages-list", "$.messages", change("messages", []), "openai"),
    ("missing-messages-list", "$.messages", change("messages", "x"), "openai"),
    ("row-unrecognized-key", '$["a b"]', change("a b", 1), "openai"),
    ("mixed-formats", "$.text", change("text", "x"), "together"),
    ("preference-row", "$", change("preferred_output", []), "openai"),
    ("response-format", "$.response_format", change("response_format", {}), "openai"),
    ("data-type", "$.messages[1]", change("messages.1", 1), "openai"),
    ("data-type", "$.messages[1].name", change("messages.1.name", 1), "openai"),
    ("data-type", "$.messages[1].tool_calls", change("messages.1.tool_calls", []), "openai"),
    ("message-missing-key", "$.messages[1]", change("messages.1.role"), "openai"),
    ("message-missing-key", "$.messages[1]", change("messages.1.content"), "openai"),
    ("message-missing-key", "$.messages[2]", change("messages.2.tool_calls"), "openai"),
    ("message-unrecognized-key", "$.messages[1].x", change("messages.1.x", 1), "openai"),
    ("unrecognized-role", "$.messages[1].role", change("messages.1.role", "human"), "openai"),
    ("unrecognized-role", "$.messages[1].role", change("messages.1.role", ["user"]), "openai"),
    ("unrecognized-role", "$.messages[0].role", change("messages.0.role", "developer"), "mistral"),
    ("missing-content", "$.messages[1].content", change("messages.1.content", ""), "openai"),
    ("missing-content", "$.messages[1].content", change("messages.1.content", None), "openai"),
    ("missing-content", "$.messages[1].content", change("messages.1.content", 1), "openai"),
    ("missing-content", "$.messages[1].content", change("messages.1.content", []), "openai"),
    ("content-part", "$.messages[1].content[0]", change("messages.1.content", [1]), "openai"),
    ("content-part", "$.messages[1].content[0].type",
     change("messages.1.content", [{"type": "song"}]), "openai"),
    ("content-part", "$.messages[1].content[0].text",
     change("messages.1.content", [{"type": "text"}]), "openai"),
    ("content-part", "$.messages[1].content[0].image_url",
     change("messages.1.content", [{"type": "image_url", "image_url": "x"}]), "openai"),
    ("example-missing-assistant-message", "$.messages", change("messages", [USER]), "openai"),
    ("last-not-assistant", "$.messages[1]", change("messages", [LAST, USER]), "openai"),
    ("final-not-text", "$.messages[2]", change("x", 1), "nebius"),
    ("missing-system-prompt", "$.messages", change("messages.0"), "openai"),
    ("system-not-first", "$.messages[1]", change("messages.1", SYSTEM), "fireworks"),
    ("roles-not-alternating", "$.messages[1]", change("messages.1", LAST), "together"),
    ("weight-value", "$.messages[2].weight", change("messages.2.weight", 0.5), "openai"),
    ("weight-value", "$.messages[2].weight", change("messages.2.weight", True), "openai"),
    ("weight-role", "$.messages[1].weight", change("messages.1.weight", 0), "openai"),
    ("nothing-trained", "$.messages", change("messages.2.weight", 0), "openai"),
    ("tools-and-functions", "$.functions", change("functions", []), "openai"),
    ("tool-form", "$.tools", change("tools", []), "openai"),
    ("tool-form", "$.tools", change("tools", {}), "openai"),
    ("tool-form", "$.tools[0]", change("tools.0", 1), "openai"),
    ("tool-form", "$.tools[0].type", change("tools.0.type", "web"), "openai"),
    ("tool-form", "$.tools[0]", change("tools.0.x", 1), "openai"),
    ("tool-form", "$.tools[0].function", change(FUNCTION, 1), "openai"),
    ("tool-form", "$.tools[0].function.name", change(f"{FUNCTION}.name"), "openai"),
    ("tool-form", "$.tools[0].function.description",
     change(f"{FUNCTION}.description", 1), "openai"),
    ("tool-form", "$.tools[0].function", change(f"{FUNCTION}.x", 1), "openai"),
    ("tool-form", "$.tools[0].function.strict", change(f"{FUNCTION}.strict", 1), "openai"),
    ("tool-long-description", "$.tools[0].function.description",
     change(f"{FUNCTION}.description", "x" * 1025), "openai"),
    ("tool-name", "$.tools[0].function.name", change(f"{FUNCTION}.name", "é"), "openai"),
    ("tool-name", "$.tools[0].function.name", change(f"{FUNCTION}.name", "a" * 65), "openai"),
    ("tool-twice", "$.tools[1].function.name",
     lambda row: row["tools"].append(row["tools"][0]), "openai"),
    ("tool-parameters", "$.tools[0].function.parameters",
     change(f"{FUNCTION}.parameters", []), "openai"),
    ("tool-parameters", "$.tools[0].function.parameters",
     change(f"{FUNCTION}.parameters.type", "array"), "openai"),
    ("tool-parameters", "$.tools[0].function.parameters",
     change(f"{FUNCTION}.parameters.properties.to.type", "elephant"), "openai"),
    ("strict-schema", "$.tools[0].function.parameters",
     change(FUNCTION, strict(additionalProperties=True)), "openai"),
    ("strict-schema", "$.tools[0].function.parameters",
     change(FUNCTION, strict(required=[])), "openai"),
    ("strict-schema", "$.tools[0].function.parameters",
     change(FUNCTION, strict(allOf=[{}])), "openai"),
    ("strict-schema", "$.tools[0].function.parameters.properties.a",
     change(FUNCTION, strict(properties={"a": {"type": "string", "minLength": 1}})), "openai"),
    ("strict-schema", "$.tools[0].function.parameters", change(FUNCTION, strict(properties={
        f"a{n}": {"enum": [f"{n}"]} for n in range(1001)}, required=[f"a{n}" for n in range(1001)],
     )), "openai"),
    ("parallel-tool-calls", "$.parallel_tool_calls", change("parallel_tool_calls", 0), "openai"),
    ("parallel-tool-calls", "$.parallel_tool_calls", change("tools"), "openai"),
    ("tool-call-form", "$.messages[2].tool_calls", change("messages.2.tool_calls", {}), "openai"),
    ("tool-call-form", "$.messages[2].tool_calls", change("messages.2.tool_calls", []), "openai"),
    ("tool-call-form", AT, change(CALL, 1), "openai"),
    ("tool-call-form", f"{AT}.id", change(f"{CALL}.id"), "openai"),
    ("tool-call-form", f"{AT}.id", change(f"{CALL}.id", 1), "openai"),
    ("tool-call-form", f"{AT}.type", change(f"{CALL}.type"), "openai"),
    ("tool-call-form", f"{AT}.x", change(f"{CALL}.x", 1), "openai"),
    ("tool-call-form", f"{AT}.function", change(f"{CALL}.function"), "openai"),
    ("tool-call-form", f"{AT}.function.name", change(f"{CALL}.function.name"), "openai"),
    ("tool-call-form", f"{AT}.function.x", change(f"{CALL}.function.x", 1), "openai"),
    ("tool-call-id", "$.messages[2].tool_calls[1].id",
     lambda row: row["messages"][2]["tool_calls"].append(row["messages"][2]["tool_calls"][0]),
     "openai"),
    ("tool-call-id-length", f"{AT}.id", change(f"{CALL}.id", "call_0"), "mistral"),
    ("tool-arguments", f"{AT}.function.arguments", change(f"{CALL}.function.arguments"), "openai"),
    ("tool-arguments", f"{AT}.function.arguments",
     change(f"{CALL}.function.arguments", {}), "openai"),
    ("tool-arguments", f"{AT}.function.arguments",
     change(f"{CALL}.function.arguments", "[1]"), "openai"),
    ("tool-arguments", f"{AT}.function.arguments",
     change(f"{CALL}.function.arguments", "{"), "openai"),
    ("duplicate-key", f"{AT}.function.arguments",
     change(f"{CALL}.function.arguments", '{"to":"a","to":"b","urgent":true}'), "openai"),
    ("not-finite", f"{AT}.function.arguments",
     change(f"{CALL}.function.arguments", '{"to":"a","urgent":true,"x":NaN}'), "openai"),
    ("tool-arguments-misfit", f"{AT}.function.arguments → $.to",
     change(f"{CALL}.function.arguments", '{"to":1}'), "openai"),
    ("tool-unknown", f"{AT}.function.name", change(f"{CALL}.function.name", "Letter"), "openai"),
    ("tool-call-unanswered", AT,
     lambda row: row["messages"].extend([USER, LAST]), "openai"),
    ("tool-answer-without-call", "$.messages[3].tool_call_id",
     lambda row: row["messages"].extend(
         [{"role": "tool", "tool_call_id": "x", "content": ""}, LAST]), "openai"),
    ("message-missing-key", "$.messages[1]",
     change("messages.1", {"role": "tool", "content": "x"}), "openai"),
    ("message-missing-key", "$.messages[3]",
     lambda row: row["messages"].extend([{"role": "tool", "content": ""}, LAST]), "openai"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "breaks", "profile"), BROKEN)
def test_a_broken_row(
    rule: str, path: str, breaks: Callable[[dict[str, Any]], None], profile: str
) -> None:
    broken = row()
    breaks(broken)
    assert (rule, path) in noted(broken, profile)


OF_CONTRACT: list[tuple[str, str, str, Callable[[dict[str, Any]], None]]] = [
    ("system-prompt-differs", "$.messages[0].content", "openai-tools",
     change("messages.0.content", "Do it.")),
    ("tools-differ", "$.tools", "openai-tools", change(f"{FUNCTION}.description", "Other.")),
    ("tools-differ", "$.functions", "openai-functions", change("functions.0.description", "Other")),
    ("tools-differ", "$", "openai-tools", change("tools")),
    ("parallel-tool-calls-missing", "$", "openai-tools", change("parallel_tool_calls")),
    ("answer-misfit", f"{AT}.function.arguments → $.to", "openai-tools",
     change(f"{CALL}.function.arguments", '{"to":1,"urgent":true}')),
    ("answer-misfit", f"{AT}.function.arguments → $.lines[1].n", "openai-tools",
     change(f"{CALL}.function.arguments",
            '{"to":"a","urgent":true,"lines":[{"n":1},{"n":-1}]}')),
    ("answer-misfit", f"{AT}.function.arguments.to", "trl",
     change(f"{CALL}.function.arguments.to", 1)),
    ("answer-misfit", f"{AT}.function.arguments.lines[0].n", "trl",
     change(f"{CALL}.function.arguments.lines.0.n", "x")),
    ("answer-misfit", "$.messages[2].content → $.urgent", "openai-json",
     change("messages.2.content", '{"to":"a"}')),
    ("answer-unreadable", "$.messages[2].content", "openai-json",
     change("messages.2.content", "no JSON")),
    ("answer-unreadable", "$.completion", "prompt-completion", change("completion", "no JSON")),
    ("answer-misfit", "$.output → $.to", "alpaca", change("output", "{}")),
    ("answer-misfit", "$.result.to", "raw", change("result", {})),
    ("answer-unreadable", "$.conversations[1].value", "sharegpt",
     change("conversations.1.value", "{}")),
    ("system-prompt-differs", "$.system", "sharegpt", change("system", "Do it.")),
    ("system-prompt-differs", "$.instruction", "alpaca", change("instruction", "Do it.")),
    ("system-prompt-differs", "$.messages", "openai-tools", change("messages.0")),
    ("system-prompt-differs", "$", "sharegpt", change("system")),
    ("system-prompt-differs", "$.prompt", "prompt-completion", change("prompt", "x\n\n")),
    ("system-prompt-differs", "$.input", "lamini", change("input", "x")),
    ("parallel-tool-calls-differ", "$.parallel_tool_calls", "openai-tools",
     change("parallel_tool_calls", True)),
    ("messages-differ", "$.messages[1]", "openai-tools",
     lambda row: row["messages"].insert(1, copy.deepcopy(LAST))),
    ("messages-differ", "$.messages[2]", "openai-json",
     lambda row: row["messages"].insert(2, copy.deepcopy(USER))),
    ("messages-differ", "$.messages[3]", "openai-json",
     lambda row: row["messages"].extend(row["messages"][1:])),
    ("messages-differ", "$.messages[1]", "trl", change("messages.1")),
    ("messages-differ", "$.messages[1].name", "openai-tools", change("messages.1.name", "Ann")),
    ("messages-differ", "$.history", "alpaca", change("history", [["a", "b"]])),
    ("question-differs", QUESTION, "openai-tools", change("messages.1.content", "Hello!")),
    ("question-differs", QUESTION, "openai-tools", change("messages.1.content", '{"text": "a"}')),
    ("question-differs", QUESTION, "openai-tools",
     change("messages.1.content", [{"type": "text", "text": '{"text":"a"}'}])),
    ("question-differs", "$.conversations[0].value", "sharegpt",
     change("conversations.0.value", "[1]")),
    ("question-differs", "$.input", "alpaca", change("input", "")),
    ("question-differs", "$.prompt", "prompt-completion",
     change("prompt", f'{CONTRACT.system_prompt}\n\n{{"text":"a"}}')),
    ("arguments-differ", QUESTION, "openai-tools", change("messages.1.content", "{}")),
    ("arguments-differ", QUESTION, "openai-functions",
     change("messages.1.content", '{"text":"a","lang":"en"}')),
    ("arguments-differ", "$.arguments", "raw", change("arguments.txt", "a")),
    ("arguments-differ", "$.arguments", "raw", change("arguments", {})),
    ("arguments-misfit", f"{QUESTION} → $.text", "openai-tools",
     change("messages.1.content", '{"text":1}')),
    ("arguments-misfit", "$.arguments.text", "raw", change("arguments.text", 1)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "format_name", "breaks"), OF_CONTRACT)
def test_a_row_that_is_not_of_its_contract(
    rule: str, path: str, format_name: str, breaks: Callable[[dict[str, Any]], None]
) -> None:
    broken = row(format_name)
    assert not noted(broken, "", CONTRACT, format_name)
    breaks(broken)
    assert (rule, path) in noted(broken, "", CONTRACT, format_name)


OF_FORMAT: list[tuple[str, str, str, Callable[[dict[str, Any]], None]]] = [
    ("row-missing-key", "$.completion", "prompt-completion", change("completion")),
    ("data-type", "$.output", "lamini", change("output", {})),
    ("missing-content", "$.output", "alpaca", change("output", "")),
    ("row-unrecognized-key", "$.x", "alpaca", change("x", 1)),
    ("row-missing-key", "$.result", "raw", change("result")),
    ("data-type", "$.arguments", "raw", change("arguments", [])),
    ("row-missing-key", "$.conversations", "sharegpt", change("conversations")),
    ("data-type", "$.conversations[0]", "sharegpt", change("conversations.0", 1)),
    ("message-missing-key", "$.conversations[0]", "sharegpt", change("conversations.0.value")),
    ("unrecognized-role", "$.conversations[0].from", "sharegpt",
     change("conversations.0.from", "me")),
    ("missing-content", "$.conversations[0].value", "sharegpt",
     change("conversations.0.value", "")),
    ("last-not-assistant", "$.conversations[0]", "sharegpt", change("conversations.1")),
    ("message-unrecognized-key", "$.conversations[0].x", "sharegpt",
     change("conversations.0.x", 1)),
    ("tool-form", "$.tools", "sharegpt", change("tools", "no JSON")),
    ("tool-form", "$.tools", "sharegpt", change("tools", [])),
    ("tool-form", "$.tools", "trl", change("tools", "no JSON")),
    ("tool-arguments", f"{AT}.function.arguments", "trl",
     change(f"{CALL}.function.arguments", "x")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "format_name", "breaks"), OF_FORMAT)
def test_a_row_that_is_not_of_its_format(
    rule: str, path: str, format_name: str, breaks: Callable[[dict[str, Any]], None]
) -> None:
    broken = row(format_name)
    breaks(broken)
    assert (rule, path) in noted(broken, "", None, format_name)


LINES: list[tuple[str, str, bytes]] = [
    ("data-type", "$", b"[1]"),
    ("data-type", "$", b"null"),
    ("invalid-json", "", b"{"),
    ("invalid-json", "", b"[" * 100_000),
    ("invalid-json", "", b"1" * 5_000),
    ("invalid-utf8", "", b'{"a":"\xff"}'),
    ("duplicate-key", "$", b'{"messages":[],"messages":[]}'),
    ("not-finite", "$.a[1]", b'{"a":[1,NaN]}'),
    ("not-finite", "$.a", b'{"a":-Infinity}'),
    ("not-finite", "$.a", b'{"a":1E999}'),
    ("lone-surrogate", '$["b c"]', rb'{"b c":"\ud800"}'),
    ("lone-surrogate", "$", rb'{"\udc00":1}'),
]


@pytest.mark.parametrize(("rule", "path", "line"), LINES)
def test_a_line_that_is_no_row(rule: str, path: str, line: bytes) -> None:
    assert (rule, path) in noted(line)


def test_a_row_of_too_many_tokens() -> None:
    assert ("row-too-long", "$") in noted(row(text="word " * 500), most=200)
    assert not noted(row(text="word " * 5), most=200_000)


def test_what_the_host_does_not_take_is_said_once() -> None:
    rows = Rows(Findings("f", 99), PROFILES["mistral"], "alpaca")
    lines = [line_of(row("alpaca", text)) for text in "ab"]
    assert [[rule for rule, _, _ in rows.read(line)[0]] for line in lines] == [
        ["format-not-taken"],
        [],
    ]
    assert ("format-not-taken", "$") in noted(row("trl"), "openai", None, "trl")
    assert ("legacy-functions", "$.functions") in noted(row("openai-functions"), "nebius")


CALLED = {"name": "Email", "arguments": json.dumps(ANSWER)}
FAIR: list[list[dict[str, Any]]] = [
    [SYSTEM, USER, {**LAST, "weight": 0}, USER, {**LAST, "weight": 1}],
    [SYSTEM, {"role": "user", "content": [{"type": "text", "text": "a"},
     {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}, LAST],
    [SYSTEM, USER, {"role": "assistant", "content": None, "refusal": "no"}],
    [{"role": "developer", "content": "s"}, {**USER, "name": "Ann"}, LAST],
    [SYSTEM, USER, {"role": "assistant", "content": "", "tool_calls": [
        {"id": "a", "type": "function", "function": CALLED},
        {"id": "b", "type": "function", "function": CALLED},
    ]}, {"role": "tool", "tool_call_id": "b", "content": ""},
     {"role": "tool", "tool_call_id": "a", "content": "1"}, LAST],
    [SYSTEM, USER, {"role": "assistant", "function_call": CALLED},
     {"role": "function", "name": "Email", "content": "1"}, LAST],
]  # fmt: skip


@pytest.mark.parametrize("messages", FAIR)
def test_rows_of_others_that_are_right(messages: list[dict[str, Any]]) -> None:
    assert not noted({"messages": messages, "tools": row()["tools"]}, "openai")


def test_a_contract_that_is_answered_in_text_has_no_tools() -> None:
    bound = contract_of(answers="json-schema")
    made = FORMATS["openai-json"](bound, {"text": "a"}, ANSWER)
    assert not noted(made, "", bound, "openai-json")
    assert ("tools-differ", "$.tools") in noted({**made, "tools": row()["tools"]}, "", bound)


TEMPLATES = ["Say {arguments}!", "Return `{call}`", "{call}", "a {arguments} {call}", "Do it."]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("given_text", ["a", "}", '"', "1, 2", "{arguments}", "`)", ""])
def test_other_words_of_a_contract(template: str, given_text: str) -> None:
    bound = contract_of(user_message=template)
    made = FORMATS["openai-tools"](bound, {"text": given_text}, ANSWER)
    assert not noted(made, "", bound)
    made["messages"][1]["content"] = "Tell {}?"
    assert ("question-differs", QUESTION) in noted(made, "", bound) or template == "{call}"


def test_several_faults_of_an_answer() -> None:
    broken = row()
    broken["messages"][2]["tool_calls"][0]["function"]["arguments"] = canonical_json(
        {"to": 1, "urgent": "x", "lines": [{"n": n} for n in "abcdef"]}
    )
    found = [path for rule, path in noted(broken, "", CONTRACT) if rule == "answer-misfit"]
    assert len(found) == len(set(found)) == 5


RENDERED = [
    ("openai-tools", CONTRACT, ANSWER),
    ("openai-tools", WRAPPED, [1, 2]),
    ("openai-tools", contract_of(answers="json-schema"), ANSWER),
    ("openai-tools", contract_of(answers=STRICT_TOOL), {"to": "a", "urgent": False}),
    *((name, CONTRACT, ANSWER) for name in FORMATS),
    *((name, WRAPPED, [1, 2]) for name in FORMATS),
    ("openai-tools", contract_of(user_message="Say {arguments}!"), ANSWER),
    ("prompt-completion", contract_of(user_message="Say {arguments}!"), ANSWER),
    ("openai-tools", contract_of(user_message="Return `{call}`"), ANSWER),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(("format_name", "bound", "answer"), RENDERED)
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(TEXT, min_size=2, max_size=4))
def test_what_the_renderer_makes_is_right(
    format_name: str, bound: Contract, answer: Any, texts: list[str]
) -> None:
    hosts = ["openai", "azure", "nebius", "together", "fireworks", "mistral"]
    taken = [""] if not format_name.startswith("openai") else ["", *hosts]
    for host in taken:
        rows = Rows(Findings("f", 99), PROFILES.get(host, LOCAL), format_name, bound)
        for text in texts:
            made = FORMATS[format_name](bound, {"text": text}, answer)
            found, _ = rows.read(line_of(made))
            assert not [item for item in found if RULES[item[0]].level == ERROR]
            assert "tool-call-id-length" not in {rule for rule, _, _ in found}


MUTANT = st.one_of(
    TEXT,
    st.sampled_from([
        b'"', b"\\", b"}", b"]", b",", b"\\u0000", b"\\ud800", b"NaN", b"\xff", b'":"', b'","',
        b'"},{"role":"assistant"', b'","content":"x', rb'\"', b"{}", b"1e999", b" ", b"\\n",
    ]),
)  # fmt: skip


@pytest.mark.parametrize(("format_name", "bound", "answer"), RENDERED)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_quick_look_finds_what_the_full_one_does(
    format_name: str, bound: Contract, answer: Any, data: st.DataObject
) -> None:
    whose = data.draw(st.sampled_from([None, bound]))
    quick = Rows(Findings("f", 99), LOCAL, format_name, whose)
    made = FORMATS[format_name](bound, {"text": "the first"}, answer)
    quick.read(line_of(made))
    line = line_of(FORMATS[format_name](bound, {"text": "another"}, answer))
    for _ in range(data.draw(st.integers(1, 2))):
        start = data.draw(st.integers(0, len(line)))
        end = data.draw(st.integers(start, min(start + 9, len(line))))
        mutant = data.draw(MUTANT)
        said = mutant if isinstance(mutant, bytes) else mutant.encode()
        line = line[:start] + said + line[end:]
    full = Rows(Findings("f", 99), LOCAL, format_name, whose)
    assert quick.read(line) == full.read(line)


@pytest.mark.parametrize(("format_name", "bound", "answer"), RENDERED)
def test_rows_of_one_frame_are_not_looked_at_in_full(
    format_name: str, bound: Contract, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows(Findings("f", 99), LOCAL, format_name, bound)
    lines = [line_of(FORMATS[format_name](bound, {"text": text}, answer)) for text in ("a", "“b”")]
    assert not rows.read(lines[0])[0]
    monkeypatch.setattr(rows, "_in_full", lambda _: ([("data-type", "", "")], None))
    assert not rows.read(lines[1])[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT | st.sampled_from(["user", "assistant", "tool", "function", "Email", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([
            "messages", "role", "content", "tools", "functions", "function", "name", "arguments",
            "tool_calls", "type", "parameters", "strict", "weight", "conversations", "from",
            "value", "id", "enum", "$ref", "properties", "$defs", "anyOf", "text",
        ]), inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=JSON, name=st.sampled_from(["", *FORMATS]), bound=st.sampled_from([None, CONTRACT]))
def test_any_json_is_told_of(value: Any, name: str, bound: Contract | None) -> None:
    for given_row in (value, {"messages": value, "tools": value}, {"messages": [USER, value]}):
        for rule, path in noted(given_row, "together", bound, name):
            assert rule in RULES
            assert path == "" or path.startswith("$")


def test_every_rule_of_rows_is_tried() -> None:
    tried = {item[0] for table in (BROKEN, OF_CONTRACT, OF_FORMAT, LINES) for item in table}
    tried |= {"row-too-long", "format-not-taken", "legacy-functions"}
    elsewhere = {
        "empty-file", "bom-missing", "bom-present", "too-few-rows", "too-many-rows", "file-large",
        "file-too-large", "duplicate-row", "answers-differ", "row-in-two-files",
        "question-in-two-files", "leaked-row", "held-out-question", "blank-line",
        "torn-line", "contract-outdated", "manifest-differs", "file-missing", "columns-differ",
    }  # fmt: skip
    assert set(RULES) - elsewhere == tried
