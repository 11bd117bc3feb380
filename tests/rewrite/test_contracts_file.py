"""The sidecar: what is written is what is read, whatever is in it, and Python reads the same."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from distilgen.contract import Contract
from distilgen.errors import SourceError
from distilgen.rewrite import contracts_file
from distilgen.rewrite.marks import sidecar_path

PLAIN = Contract(
    function="shop.mail:reply",
    fingerprint="",
    system_prompt="You are reply.\n\nAnswer.",
    user_message="{arguments}",
    tool={
        "name": "M",
        "description": "An answer.",
        "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
    },
    inputs={"type": "object", "properties": {"text": {}, "tone": {}}},
)

STRINGS = {
    "empty": "",
    "plain": "Answer.",
    "double quotes": 'Say "yes".',
    "single quotes": "Don't.",
    "both quotes": 'Don\'t say "yes".',
    "more double than single": '"a" "b" \'c\'',
    "only a double quote": '"',
    "only a single quote": "'",
    "double quote at the end": 'Say "yes"',
    "single quote at the end": "Say 'yes'",
    "double quote at the start": '"yes" it is',
    "triple double quotes": 'a """ b',
    "triple double quotes at the end": 'a """',
    "triple single quotes": "a ''' b '''",
    "both triples": "a ''' b \"\"\" c",
    "both triples, either at the end": "a \"\"\" b '''",
    "four quotes": '""""',
    "five quotes and a half": '"""""\'',
    "backslash": "a\\b",
    "backslash at the end": "a\\",
    "two backslashes at the end": "a\\\\",
    "backslash and quote": "\\' \\\"",
    "backslash and quote at the end": 'a\\"',
    "what looks like an escape": "\\n \\x41 \\N{DASH} \\u0041",
    "lines": "a\n\n  b\n",
    "lines that end with spaces": "a  \nb\t\n",
    "only a newline": "\n",
    "carriage returns": "a\rb\r\nc",
    "control characters": "".join(map(chr, range(32))) + "\x7f",
    "separators that are no newlines": "a\x0b\x0c\x1c\x85\u2028\u2029b",
    "a surrogate by itself": "a\ud800b",
    "beyond the basic plane": "😀 日本 é",
    "bidirectional control": "\u202eabc",
    "a byte order mark": "\ufeffa",
    "braces and percents": "{arguments} {{ x }} {% for %} {# c #} %s",
    "a merge conflict": "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs",
    "very long": "word " * 100,
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The path of the module whose sidecar it is."""
    return tmp_path / "mail.py"


def _write(module: Path, contracts: dict[str, Contract]) -> str:
    """Writes the sidecar and returns its text."""
    raw = contracts_file.render(module, contracts)
    sidecar_path(module).write_bytes(raw)
    return raw.decode()


def _everywhere(value: str) -> Contract:
    """A contract with `value` in every place that takes any text."""
    contract = replace(
        PLAIN,
        system_prompt=value,
        user_message=value,
        tool={
            "name": "M",
            "description": value,
            "parameters": {value: [value, {value: value}], "default": value},
        },
        model=value,
        base_url=value,
    )
    return replace(contract, fingerprint=contract.digest())


@pytest.mark.parametrize("value", STRINGS.values(), ids=STRINGS)
def test_strings_come_back(module: Path, value: str) -> None:
    contracts = {"reply": _everywhere(value), "other": PLAIN}
    text = _write(module, contracts)
    assert contracts_file.read(module) == contracts
    assert _executed(text) == contracts


def _executed(text: str) -> dict[str, Contract]:
    """What Python makes of a sidecar, with our own class in the place of the runtime's."""
    scope: dict[str, Any] = {"Contract": Contract}
    exec(compile(text.replace("from distilgen.runtime import Contract", ""), "_", "exec"), scope)
    return {name: item for name, item in scope.items() if isinstance(item, Contract)}


VALUES: dict[str, Any] = {
    "empty containers": {"a": {}, "b": []},
    "numbers": {"a": 0, "b": -1, "c": 1.5, "d": 1e300, "e": 10**30, "f": -0.0, "g": 1e-7},
    "constants": {"a": None, "b": True, "c": False},
    "deep": {"a": [{"b": [[], [1, [2]]]}]},
    "keys in their order": {"b": 1, "a": 2},
}


@pytest.mark.parametrize("parameters", VALUES.values(), ids=VALUES)
def test_values_come_back(module: Path, parameters: dict[str, Any]) -> None:
    contract = replace(PLAIN, tool={**PLAIN.tool, "parameters": parameters})
    contract = replace(contract, fingerprint=contract.digest())
    _write(module, {"reply": contract})
    read = contracts_file.read(module)["reply"]
    assert repr(read) == repr(contract)  # so that True is not 1, nor one order another
    assert read.digest() == contract.fingerprint


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_no_json_is_refused(module: Path, number: float) -> None:
    contract = replace(PLAIN, tool={**PLAIN.tool, "parameters": {"default": [number]}})
    with pytest.raises(SourceError, match=r"contract of shop.mail:reply holds .* change that"):
        contracts_file.render(module, {"reply": contract})


PARAMETERS = {"none": (), "one": ("a",), "several": ("b", "a")}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_stay_in_their_order(module: Path, parameters: tuple[str, ...]) -> None:
    inputs = {"properties": {name: {} for name in parameters}, "type": "object"}
    _write(module, {"reply": replace(PLAIN, inputs=inputs)})
    assert contracts_file.read(module)["reply"].parameters == parameters


def test_what_has_its_default_is_not_written(module: Path) -> None:
    text = _write(module, {"reply": PLAIN})
    assert not [name for name in ("wraps_result", "model", "base_url") if f"{name}=" in text]
    text = _write(module, {"reply": replace(PLAIN, wraps_result=True, model="ft:a")})
    assert '    wraps_result=True,\n    model="ft:a",\n)\n' in text


def test_layout(module: Path) -> None:
    contract = replace(
        PLAIN, fingerprint="00ff", tool={"name": "M", "parameters": {"required": ["x"]}}
    )
    assert _write(module, {"reply": contract}) == (
        '"""Contracts of mail.py. Generated by distilgen; '
        'run `distilgen instrument` instead of editing."""\n'
        "\n"
        "# ruff: noqa\n"
        "\n"
        "from distilgen.runtime import Contract\n"
        "\n"
        "reply = Contract(\n"
        '    function="shop.mail:reply",\n'
        '    fingerprint="00ff",\n'
        '    system_prompt="""You are reply.\n\nAnswer.""",\n'
        '    user_message="{arguments}",\n'
        "    tool={\n"
        '        "name": "M",\n'
        '        "parameters": {\n'
        '            "required": [\n'
        '                "x",\n'
        "            ],\n"
        "        },\n"
        "    },\n"
        "    inputs={\n"
        '        "type": "object",\n'
        '        "properties": {\n'
        '            "text": {},\n'
        '            "tone": {},\n'
        "        },\n"
        "    },\n"
        ")\n"
    )  # fmt: skip


def test_a_formatter_changes_nothing(module: Path) -> None:
    contracts = {f"f{place}": _everywhere(value) for place, value in enumerate(STRINGS.values())}
    contracts |= {
        f"g{place}": replace(PLAIN, tool={"name": "M", "parameters": value})
        for place, value in enumerate(VALUES.values())
    }
    raw = contracts_file.render(module, contracts)
    command = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--isolated",
        "--stdin-filename",
        "x.py",
        "-",
    ]
    done = subprocess.run(command, input=raw, capture_output=True, check=True)
    assert done.stdout.decode() == raw.decode()


def test_no_sidecar_no_contracts(module: Path) -> None:
    assert contracts_file.read(module) == {}


def test_imports_that_a_tool_has_put_in_are_passed_over(module: Path) -> None:
    text = _write(module, {"reply": PLAIN})
    changed = text.replace("# ruff: noqa\n", "from __future__ import annotations\nimport a\n")
    sidecar_path(module).write_text(changed, "utf-8")
    assert contracts_file.read(module) == {"reply": PLAIN}


SOURCE = contracts_file.render(Path("mail.py"), {"reply": PLAIN}).decode()

END = SOURCE.count("\n") + 1

REFUSED = {
    "somebody else's file": ("x = 1\n", None, "was not generated by distilgen"),
    "an empty file": ("", None, "was not generated by distilgen"),
    "another docstring": ('"""Contracts."""\n', None, "was not generated by distilgen"),
    "a merge conflict": (
        SOURCE.replace(
            '    fingerprint="",\n',
            '<<<<<<< ours\n    fingerprint="a",\n=======\n    fingerprint="b",\n>>>>>>> theirs\n',
        ),
        9,
        r"differ on reply; take one of them\); take either side, then run `distilgen instrument`",
    ),
    "the end of a merge conflict": (SOURCE + ">>>>>>> theirs\n", END, "holds a merge conflict"),
    "no Python": (SOURCE + "x = (\n", END, "does not parse"),
    "an assignment of something else": (SOURCE + "x = 1\n", END, "something else than contracts"),
    "a function": (SOURCE + "def f(): ...\n", END, "something else than contracts"),
    "two names": (SOURCE.replace("reply = C", "a = b = C"), 7, "something else than contracts"),
    "a positional argument": (SOURCE + "x = Contract(1)\n", END, "something else than contracts"),
    "a field is missing": (
        SOURCE.replace('    fingerprint="",\n', ""),
        7,
        r"reply is no contract \(.*'fingerprint'\); take it back from version control",
    ),
    "a field is unknown": (SOURCE.replace("tool=", "tol="), 7, "reply is no contract"),
    "keywords from elsewhere": (SOURCE + "x = Contract(**y)\n", END, "x is no contract"),
    "a value that is no literal": (
        SOURCE.replace('fingerprint=""', 'fingerprint="" + X'),
        7,
        "reply is no contract",
    ),
    "arguments without properties": (
        SOURCE.replace('"properties": {\n            "text', '"props": {\n            "text'),
        7,
        "reply is no contract",
    ),
    "a tool that is no JSON": (SOURCE.replace('"object"', "{1, 2}"), 7, "reply is no contract"),
}


@pytest.mark.parametrize(("text", "line", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused(module: Path, text: str, line: int | None, reason: str) -> None:
    sidecar_path(module).write_text(text, "utf-8")
    with pytest.raises(SourceError, match=reason) as caught:
        contracts_file.read(module)
    assert (caught.value.path, caught.value.line) == (sidecar_path(module), line)


OTHER_KINDS: dict[str, dict[str, Any]] = {
    "a function without a module": {"function": "reply"},
    "a function": {"function": 5},
    "a fingerprint": {"fingerprint": None},
    "a system prompt": {"system_prompt": 5},
    "a user message": {"user_message": None},
    "a tool": {"tool": "M"},
    "a tool without parameters": {"tool": {"name": "M"}},
    "a tool without a name": {"tool": {"parameters": {}}},
    "a tool's fields": {"tool": {"name": "M", "parameters": {"properties": 3}}},
    "inputs": {"inputs": []},
    "an input": {"inputs": {"properties": {"text": 3}}},
    "an input's name": {"inputs": {"properties": {3: {}}}},
    "inputs' definitions": {"inputs": {"properties": {}, "$defs": {"D": 3}}},
    "wraps_result": {"wraps_result": 1},
    "sources": {"sources": []},
    "a source": {"sources": {"shop.mail:Email": 3}},
    "a model": {"model": 5},
    "a server": {"base_url": ()},
}


@pytest.mark.parametrize("values", OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_a_value_of_another_kind_is_refused(module: Path, values: dict[str, Any]) -> None:
    written = {item.name: getattr(PLAIN, item.name) for item in fields(Contract)} | values
    rows = "".join(f"    {name}={value!r},\n" for name, value in written.items())
    text = SOURCE[: SOURCE.index("reply = ")] + f"reply = Contract(\n{rows})\n"
    sidecar_path(module).write_text(text, "utf-8")
    (name,) = values
    with pytest.raises(SourceError, match=f"its {name} is of another kind") as caught:
        contracts_file.read(module)
    assert (caught.value.path, caught.value.line) == (sidecar_path(module), 7)


NAMES = {
    "function": ("reply", [], "reply"),
    "method": ("Shop.reply", [], "Shop_reply"),
    "taken": ("reply", ["reply"], "reply_2"),
    "taken twice": ("reply", ["reply", "reply_2"], "reply_3"),
    "the class of the file": ("Contract", [], "Contract_2"),
    "private to a class": ("__reply", [], "_reply"),
    "dunder": ("__call__", [], "_call__"),
    "private method": ("Shop.__reply", [], "Shop___reply"),
    "private class": ("__Shop.reply", [], "_Shop_reply"),
}


@pytest.mark.parametrize(("qualname", "taken", "name"), NAMES.values(), ids=NAMES)
def test_name(qualname: str, taken: list[str], name: str) -> None:
    assert contracts_file.name_for(qualname, taken) == name
