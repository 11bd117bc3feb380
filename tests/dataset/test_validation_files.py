"""What is wrong with a whole file, and what mending leaves of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from distilgen.contract import Contract, canonical_json
from distilgen.dataset import tables
from distilgen.dataset.manifest import Part
from distilgen.dataset.validation import file, leaks, lines, mending, repeats, table
from distilgen.dataset.validation.file import Given, Looked, look
from distilgen.dataset.validation.findings import Finding, Findings
from distilgen.dataset.validation.profiles import LOCAL, PROFILES, Profile
from distilgen.dataset.validation.rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "arguments.text,result.n,arguments,result\n"
BOM = b"\xef\xbb\xbf"
OPENAI, AZURE = PROFILES["openai"], PROFILES["azure"]


def row(text: str, **changes: Any) -> bytes:
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": text},
        {"role": "assistant", "content": "done", **changes},
    ]
    return canonical_json({"messages": messages}).encode()


SYSTEM, USER = {"role": "system", "content": "s"}, {"role": "user", "content": "q"}
ANSWER, OTHER = ({"role": "assistant", "content": text} for text in ("done", "another"))
PARTS = {"role": "user", "content": [{"type": "text", "text": "q"}]}
HUMAN = {"from": "human", "value": "q"}
TABLE = Contract(
    function="a:b", fingerprint="", system_prompt="s", user_message="{arguments}",
    tool={"name": "t", "description": "", "parameters": {"type": "object", "properties": {
        "n": {"type": "integer", "minimum": 0}}, "required": ["n"]}},
    inputs={"type": "object", "properties": {"text": {"type": "string"}}},
)  # fmt: skip
ROWS = [row(f"question {number}") for number in range(10)]
WHOLE = b"\n".join([*ROWS, b""])


def given_of(folder: Path, content: bytes, **said: Any) -> Given:
    path = folder / "train.jsonl"
    path.write_bytes(content)
    return Given("train.jsonl", path, **said)


def found(looked: Looked) -> list[tuple[str, int]]:
    return [(item.rule, item.line) for item in looked.findings.in_order()]


FILES: list[tuple[bytes, Profile | None, list[tuple[str, int]]]] = [
    (WHOLE, OPENAI, []),
    (WHOLE[:-1], OPENAI, []),
    (WHOLE.replace(b"\n", b"\r\n"), OPENAI, []),
    (BOM + WHOLE, AZURE, []),
    (BOM + WHOLE, OPENAI, [("bom-present", 1)]),
    (WHOLE, AZURE, [("bom-missing", 1)]),
    (b"", OPENAI, [("empty-file", 0)]),
    (BOM, None, [("empty-file", 0), ("bom-present", 1)]),
    (b"\n\n", None, [("empty-file", 0), ("blank-line", 1), ("blank-line", 2)]),
    (WHOLE + b" \n\t\n", OPENAI, [("blank-line", 11), ("blank-line", 12)]),
    (WHOLE + ROWS[0][:30], OPENAI, [("torn-line", 11)]),
    (WHOLE + b'{"a":"\xff', OPENAI, [("torn-line", 11)]),
    (WHOLE.replace(b"\n", b"\r"), None, [("invalid-json", 1)]),
    (b"PK\x03\n\xff\n\x00\xff", None,
     [("invalid-json", 1), ("invalid-utf8", 2), ("invalid-utf8", 3)]),
    (WHOLE + b"[1]", OPENAI, [("data-type", 11)]),
    (WHOLE + b"{\n", OPENAI, [("invalid-json", 11)]),
    (ROWS[0], OPENAI, [("too-few-rows", 0)]),
    (ROWS[0], None, []),
    (b"\n".join(ROWS[:3]), PROFILES["fireworks"], []),
    (WHOLE + ROWS[3] + b"\r\n" + ROWS[3], OPENAI, [("duplicate-row", 11), ("duplicate-row", 12)]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "profile", "wanted"), FILES)
@pytest.mark.parametrize("block", [1024 * 1024, 7])
def test_a_file(
    content: bytes,
    profile: Profile | None,
    wanted: list[tuple[str, int]],
    block: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "_BLOCK", block)
    looked = look(given_of(tmp_path, content), profile, None, 99)
    assert sorted(found(looked)) == sorted(wanted)
    assert looked.bytes == len(content)
    assert looked.sha256 == hashlib.sha256(content).hexdigest()


def test_the_earlier_line_is_named(tmp_path: Path) -> None:
    looked = look(given_of(tmp_path, BOM + ROWS[0] + b"\n" + ROWS[0] + b"\n"), AZURE, None, 9)
    said = [item.message for item in looked.findings.kept if item.rule == "duplicate-row"]
    assert said == ["says what line 1 says"]


def test_limits_of_a_host(tmp_path: Path) -> None:
    given_file = given_of(tmp_path, WHOLE)
    host = replace(OPENAI, most_rows=9, usual=10, most=len(WHOLE))
    assert found(look(given_file, host, None, 9)) == [("too-many-rows", 0), ("file-large", 0)]
    host = replace(host, most_rows=None, most=20)
    looked = look(given_file, host, None, 9)
    assert found(looked) == [("file-too-large", 0)]
    assert looked.findings.kept[0].message == "has 0.0 MB, and the most is 0.0 MB"


def test_held_out_rows_may_be_few_and_must_not_be_trained_on(tmp_path: Path) -> None:
    train = look(given_of(tmp_path, WHOLE, split="train"), OPENAI, None, 9)
    path = tmp_path / "validation.jsonl"
    path.write_bytes(row("another") + b"\r\n" + ROWS[4] + b"\r\n")
    held_out = look(Given("validation.jsonl", path, "validation"), OPENAI, None, 9)
    assert found(held_out) == []
    leaks.tell(train, held_out)
    assert [(item.rule, item.line, item.message) for item in held_out.findings.kept] == [
        ("leaked-row", 2, "is line 5 of train.jsonl")
    ]


ASKED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("openai-json", {"messages": [USER, ANSWER]}, {"messages": [USER, OTHER]}),
    ("openai-tools", {"messages": [SYSTEM, USER, ANSWER]},
     {"messages": [{"content": "s", "role": "system"}, USER, OTHER]}),
    ("trl", {"messages": [USER, ANSWER, USER, ANSWER]}, {"messages": [USER, ANSWER, USER, OTHER]}),
    ("openai-json", {"messages": [PARTS, ANSWER]}, {"messages": [PARTS, OTHER]}),
    ("prompt-completion", {"prompt": "q", "completion": "a"}, {"prompt": "q", "completion": "b"}),
    ("lamini", {"input": "q", "output": "a"}, {"input": "q", "output": "b"}),
    ("alpaca", {"instruction": "s", "input": "q", "output": "a"},
     {"instruction": "s", "input": "q", "output": "b"}),
    ("alpaca", {"instruction": "q", "output": "a"}, {"instruction": "q", "output": "b"}),
    ("sharegpt", {"conversations": [HUMAN, {"from": "gpt", "value": "a"}], "system": "s"},
     {"system": "s", "conversations": [HUMAN, {"from": "function_call", "value": "b"}]}),
    ("raw", {"arguments": {"a": 1, "b": "x"}, "result": 1},
     {"arguments": {"b": "x", "a": 1}, "result": 2}),
    ("raw", {"arguments": {"a": [1], "b": {"c": 1, "d": 2}}, "result": 1},
     {"arguments": {"b": {"d": 2, "c": 1}, "a": [1]}, "result": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("format_name", "trained", "held"), ASKED)
@pytest.mark.parametrize("chance", [False, True])
def test_held_out_rows_must_not_ask_what_is_trained_on(
    format_name: str,
    trained: dict[str, Any],
    held: dict[str, Any],
    chance: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if chance:  # all hashes are equal
        monkeypatch.setattr(repeats, "hash", lambda _: 1, raising=False)
    others = [other_than(trained, number) for number in range(4)]
    content = b"\n".join(canonical_json(item).encode() for item in (*others[:2], trained)) + b"\n"
    said: dict[str, Any] = {"format": format_name}
    train = look(given_of(tmp_path, content, split="train", **said), None, None, 9)
    path = tmp_path / "test.jsonl"
    path.write_bytes(b"\n".join(canonical_json(item).encode() for item in (others[3], held)))
    held_out = look(Given("test.jsonl", path, "test", **said), None, None, 9)
    before = found(held_out)
    leaks.tell(train, held_out)
    assert set(found(held_out)) - set(before) == {("held-out-question", 2)}
    assert held_out.findings.kept[-1].message == "asks what line 3 of train.jsonl asks"


def other_than(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row with another question."""
    changed = json.loads(json.dumps(row))
    for key in ("prompt", "input", "instruction"):
        if key in changed:
            changed[key] += f" {number}"
            return dict(changed)
    if "arguments" in changed:
        changed["arguments"]["b"] = number
        return dict(changed)
    turn = changed.get("messages", changed.get("conversations"))[-2]
    if isinstance(turn.get("content"), list):
        turn["content"][0]["text"] = f"{number}"
    else:
        turn["content" if "content" in turn else "value"] = f"another {number}"
    return dict(changed)


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_held_out_rows_of_a_table(name: str, tmp_path: Path) -> None:
    looked: list[Looked] = []
    calls = [[("a", 1), ("b", 2), ("c", 3)], [("d", 1), ("b", 3), ("c", 3)]]
    for split, pairs in zip(("train", "test"), calls, strict=True):
        path = tmp_path / f"{split}.{name}"
        with path.open("wb") as file:
            written = tables.ParquetTable if name == "parquet" else tables.CsvTable
            out = written(TABLE, file)
            for text, number in pairs:
                out.write({"text": text}, {"n": number})
            out.close()
        looked.append(table.look(Given(path.name, path, split, name, TABLE), None, 9))
    leaks.tell(looked[0], looked[1])
    assert found(looked[0]) == []
    assert found(looked[1]) == [("held-out-question", 2), ("leaked-row", 3)]


@pytest.mark.parametrize("chance", [False, True])
def test_one_question_with_two_answers(
    chance: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chance:  # all hashes are equal
        monkeypatch.setattr(repeats, "hash", lambda _: 1, raising=False)
    answers = ['{"n":1}', '{"n":2}', '{"n": 1}', '{"n":2}']
    content = b"\n".join([*(row("a", content=text) for text in answers), row("b"), b""])
    looked = look(given_of(tmp_path, content), None, None, 9)
    assert found(looked) == [("answers-differ", 2), ("duplicate-row", 4)]
    assert looked.findings.kept[0].message == "asks what line 1 asks, and is answered otherwise"


@pytest.mark.parametrize(("format_name", "trained", "held"), ASKED)
def test_two_answers_in_every_format(
    format_name: str, trained: dict[str, Any], held: dict[str, Any], tmp_path: Path
) -> None:
    content = b"\n".join(canonical_json(item).encode() for item in (trained, held))
    looked = look(given_of(tmp_path, content, format=format_name), None, None, 9)
    are_equal = trained.get("result") == held.get("result") and format_name == "raw"
    assert (("answers-differ", 2) in found(looked)) is not are_equal


@pytest.mark.parametrize(
    ("names", "rules"),
    [
        (("a", "b"), ("row-in-two-files", "question-in-two-files")),
        (("train", "test"), ("leaked-row", "held-out-question")),
        (("train", "more"), ("row-in-two-files", "question-in-two-files")),
    ],
)
def test_files_that_are_given_together(
    names: tuple[str, str], rules: tuple[str, str], tmp_path: Path
) -> None:
    for first in (0, 1):
        contents = [WHOLE, row("x") + b"\n" + ROWS[3] + b"\n" + row("question 5", content="no")]
        looked = []
        for name, content in zip(names, contents, strict=True):
            path = tmp_path / f"{name}.jsonl"
            path.write_bytes(content)
            looked.append(look(Given(path.name, path), None, None, 9))
        given_so = looked if not first else looked[::-1]
        leaks.tell_beside(given_so)
        told = [rule for item in looked for rule, _ in found(item)]
        assert sorted(told) == sorted(rules)
        if rules[0] == "leaked-row":
            assert found(looked[1]) == [(rules[0], 2), (rules[1], 3)]


def test_the_first_of_a_rule_are_kept_and_all_counted(tmp_path: Path) -> None:
    looked = look(given_of(tmp_path, b"[]\n" * 50 + b"{}\n"), None, None, 3)
    assert looked.findings.counts == {"data-type": 50, "missing-messages-list": 1,
                                      "duplicate-row": 49}  # fmt: skip
    assert [line for rule, line in found(looked) if rule == "data-type"] == [1, 2, 3]
    assert (looked.findings.errors, looked.findings.warnings) == (51, 49)


def test_more_rows_than_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "MOST", 4)
    looked = look(given_of(tmp_path, WHOLE + ROWS[0] + b"\n" + ROWS[1] + b"\n"), None, None, 9)
    assert looked.unremembered == 8
    assert found(looked) == []


def test_rows_of_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "hash", lambda _: 1, raising=False)
    looked = look(given_of(tmp_path, WHOLE + ROWS[2] + b"\n"), None, None, 99)
    assert found(looked) == [("duplicate-row", 11)]


def test_the_manifest_tells_another_file(tmp_path: Path) -> None:
    part = Part("train.jsonl", 10, len(WHOLE), hashlib.sha256(WHOLE).hexdigest())
    assert not found(look(given_of(tmp_path, WHOLE, part=part), OPENAI, None, 9))
    looked = look(given_of(tmp_path, WHOLE.replace(b"done", b"none"), part=part), OPENAI, None, 9)
    assert found(looked) == [("manifest-differs", 0)]
    looked = look(given_of(tmp_path, WHOLE + row("new") + b"\n", part=part), OPENAI, None, 9)
    assert looked.findings.kept[0].message == "has 11 rows, and the manifest says 10"


def test_findings_say_what_to_do() -> None:
    item = Finding("blank-line", "f", 1, "", "is blank")
    assert (item.mend, item.is_error) == ("say --fix", False)
    assert Findings("f", 1).in_order() == []
    assert all(rule == rule.lower() and " " not in rule for rule in RULES)
    assert all(item.level in ("error", "warning") for item in RULES.values())


# What mending makes of a file: (before, after, changes)
MENDED: list[tuple[bytes, bytes, dict[str, int]]] = [
    (BOM + WHOLE, WHOLE, {"bom-present": 1}),
    (b"\n" + WHOLE + b" \n", WHOLE, {"blank-line": 2}),
    (WHOLE + ROWS[0][:30], WHOLE, {"torn-line": 1}),
    (WHOLE.replace(b"\n", b"\r\n"), WHOLE, {"line-ends": 10}),
    (WHOLE[:-1], WHOLE, {"line-ends": 1}),
    (b"\xff\n\xfe\n", b"", {}),
    (WHOLE.replace(b"\n", b"\r"), WHOLE.replace(b"\n", b"\r")[:-1] + b"\n", {"line-ends": 1}),
    (WHOLE + ROWS[1] + b"\n", WHOLE, {"duplicate-row": 1}),
    (row("a", weight=True) + b"\n", row("a", weight=1) + b"\n", {"weight-value": 1}),
    (row("a", x=1, content="b") + b"\n", row("a", content="b") + b"\n",
     {"message-unrecognized-key": 1}),
    (row("a", weight="1") + b"\n", b"", {}),
    (b'{"messages": [ ] }\n', b"", {}),
    (WHOLE + b"  ", WHOLE, {"blank-line": 1}),
    (b"\n" + BOM + WHOLE, WHOLE, {"blank-line": 1, "bom-present": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes"), MENDED)
def test_mending(before: bytes, after: bytes, changes: dict[str, int], tmp_path: Path) -> None:
    given_file = given_of(tmp_path, before)
    mended = mending.mend(look(given_file, None, None, 9), None, None)
    content = given_file.path.read_bytes()
    if mended is None:
        assert (content, changes) == (before, {})
    else:
        assert (content, dict(mended.changes)) == (after, changes)
        assert mended.part.sha256 == hashlib.sha256(content).hexdigest()
        assert (mended.part.bytes, mended.part.rows) == (len(content), content.count(b"\n"))
    assert mending.mend(look(given_file, None, None, 9), None, None) is None
    assert list(tmp_path.iterdir()) == [given_file.path]


def test_a_mark_is_added_for_azure(tmp_path: Path) -> None:
    given_file = given_of(tmp_path, WHOLE)
    mended = mending.mend(look(given_file, AZURE, None, 9), AZURE, None)
    assert mended
    assert mended.changes == {"bom-missing": 1}
    assert given_file.path.read_bytes() == BOM + WHOLE
    assert mending.mend(look(given_file, AZURE, None, 9), AZURE, None) is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    parts=st.lists(
        st.sampled_from([
            *ROWS[:3], b"\n", b"\r\n", b"", BOM, b"{", b"\xff", b" ", b"[]", b'{"a":1,"a":2}',
            row("a", weight=True), row("a", x=1), row("a", weight=False), b'"\\ud800"', b"\r",
        ]),
        max_size=12,
    ),
    profile=st.sampled_from([LOCAL, OPENAI, AZURE]),
)  # fmt: skip
def test_a_second_mending_changes_nothing(
    parts: list[bytes], profile: Profile, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given_file = given_of(tmp_path_factory.mktemp("any"), b"".join(parts))
    before = look(given_file, profile, None, 99)
    mended = mending.mend(before, profile, None)
    after = look(given_file, profile, None, 99)
    assert mending.mend(after, profile, None) is None
    assert after.findings.counts.total() <= before.findings.counts.total() + 1  # empty at last
    if mended:
        assert (mended.part.sha256, mended.part.rows) == (after.sha256, after.rows)


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(f"{HEAD}a,1,,\nb,-1,,\n")
    given_file = Given("train.csv", path, "train", "csv", TABLE)
    looked = table.look(given_file, OPENAI, 9)
    assert looked.rows == 2
    assert found(looked) == [("format-not-taken", 0), ("answer-misfit", 2)]
    path.write_text(f"{HEAD}a,1,,\nb,1,,\na,1,,\na,2,,\n")
    assert found(table.look(given_file, None, 9)) == [("answers-differ", 4)]
    path.write_text(f"{HEAD}a,1,,\nb,x,,\n")
    assert found(table.look(given_file, None, 9)) == [("columns-differ", 2)]
    path.write_text("text,n\na,1\n")
    assert found(table.look(given_file, None, 9)) == [("columns-differ", 1)]
    part = Part("train.csv", 1, 1, "0")
    unknown = Given("train.csv", path, "train", "csv", None, part)
    assert found(table.look(unknown, None, 9)) == [("manifest-differs", 0)]


def test_a_json_text_of_another_encoding_is_said(tmp_path: Path) -> None:
    looked = look(given_of(tmp_path, json.dumps({}).encode("utf-16") + b"\n"), None, None, 9)
    assert {rule for rule, _ in found(looked)} <= {"invalid-utf8", "invalid-json", "torn-line",
                                                   "empty-file"}  # fmt: skip
    assert found(looked)
